"""pawlab: from a folder of pictures to a classifier you can trust.

    run = pawlab.train("photos/")
    run.metrics["test"]["accuracy"]
    classifier = pawlab.load(run.folder)
    classifier.predict("cat.jpg")

Nothing heavy is imported before it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pawlab.classifier import Classifier, Prediction
    from pawlab.datasets.known import get_data
    from pawlab.errors import PawlabError
    from pawlab.estimators import PictureClassifier, PictureFeatures
    from pawlab.evaluation.explain import write_explanation
    from pawlab.export.export import export_classifier
    from pawlab.images import Preprocess
    from pawlab.pipeline import compare, evaluate_data, explore, train
    from pawlab.recipes import RECIPES, find_recipe
    from pawlab.runs.record import Run

    load = Classifier.load

_HOMES = {
    "Classifier": "pawlab.classifier",
    "PawlabError": "pawlab.errors",
    "PictureClassifier": "pawlab.estimators",
    "PictureFeatures": "pawlab.estimators",
    "Prediction": "pawlab.classifier",
    "Preprocess": "pawlab.images",
    "RECIPES": "pawlab.recipes",
    "Run": "pawlab.runs.record",
    "compare": "pawlab.pipeline",
    "evaluate_data": "pawlab.pipeline",
    "explore": "pawlab.pipeline",
    "export_classifier": "pawlab.export.export",
    "find_recipe": "pawlab.recipes",
    "get_data": "pawlab.datasets.known",
    "train": "pawlab.pipeline",
    "write_explanation": "pawlab.evaluation.explain",
}

__all__ = [
    "RECIPES",
    "Classifier",
    "PawlabError",
    "PictureClassifier",
    "PictureFeatures",
    "Prediction",
    "Preprocess",
    "Run",
    "compare",
    "evaluate_data",
    "explore",
    "export_classifier",
    "find_recipe",
    "get_data",
    "load",
    "train",
    "write_explanation",
]


def __getattr__(name: str) -> Any:
    if name == "load":
        return import_module("pawlab.classifier").Classifier.load
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'pawlab' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
