"""Our own recipes.

fast: `pawlab train DATA`
    Source: transfer learning as all five tutorials end on it, with a stronger frozen network and a convex head, so that
    there is nothing to watch or tune and two runs give the same bits.
"""

from pawlab.pictures import Preprocess
from pawlab.recipes.layers import backbone, global_average_pool, logistic_regression, standardise
from pawlab.recipes.recipe import Recipe

FAST = Recipe(
    name="fast",
    title="Frozen EfficientNet-Lite0 and logistic regression",
    source="pawlab",
    purpose="The default: the best accuracy for the least time on a laptop, with nothing to tune.",
    preprocess=Preprocess(height=224, width=224, fit="squash"),
    layers=(
        backbone("efficientnet_lite0"),
        global_average_pool(),
        standardise(),
        logistic_regression(),
    ),
    trainer="head",
    loss="cross-entropy + L2, its strength chosen on validation",
)
