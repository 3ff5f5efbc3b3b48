"""Where a run's features come from: the store, and the frozen network for what isn't there yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pawlab.backbones.load import BackboneGraph, backbone_graph
from pawlab.datasets.dataset import Picture
from pawlab.engines.local import LOCAL, Engine
from pawlab.features.extract import Extracted, extract_features
from pawlab.images import Preprocess
from pawlab.progress import Progress, silent
from pawlab.recipes.recipe import Recipe


@dataclass(frozen=True)
class FeatureSource:
    """Gives networks and their features, computed by an engine, and reports its progress."""

    progress: Progress = silent
    engine: Engine = LOCAL

    def backbone(self, recipe: Recipe, weights: Path | None = None) -> BackboneGraph:
        """Return a recipe's pretrained network for pictures of its size. Raises what `backbone_graph` raises.

        One of a hub that lies here no more is fetched again.
        """
        size, name = (recipe.preprocess.height, recipe.preprocess.width), str(recipe.backbone)
        if recipe.hub_name is not None and not Path(name).is_file():
            name = recipe.hub_name
        return backbone_graph(name, size, weights, self.progress, stages=recipe.stages)

    def features(self, pictures: Sequence[Picture], graph: BackboneGraph, preprocess: Preprocess) -> Extracted:
        """Return what a linear probe sees of each picture that can be decoded."""
        return extract_features(pictures, graph, preprocess, self.progress, self.engine)

    def of_recipe(self, pictures: Sequence[Picture], recipe: Recipe) -> Extracted:
        """Return what a recipe's linear probe sees of each picture that can be decoded."""
        return self.features(pictures, self.backbone(recipe), recipe.preprocess)
