"""pawlab: from a folder of pictures to a classifier you can trust.

    run = pawlab.train("photos/")
    run.metrics["test"]["accuracy"]
    classifier = pawlab.load(run.folder)
    classifier.predict("cat.jpg")

Nothing heavy is imported before it is used.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # ONNX Runtime reads it when it is imported
if os.environ.get("PAWLAB_THREADS", "").isdecimal():  # for the libraries that compute with threads of their own
    for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(_name, os.environ["PAWLAB_THREADS"])

if TYPE_CHECKING:
    from pawlab.classifier import Classifier as Classifier
    from pawlab.classifier import Prediction as Prediction
    from pawlab.datasets.known import get_data as get_data
    from pawlab.errors import PawlabError as PawlabError
    from pawlab.estimators import PictureClassifier as PictureClassifier
    from pawlab.estimators import PictureFeatures as PictureFeatures
    from pawlab.evaluation.explain import write_explanation as write_explanation
    from pawlab.exploration import explore as explore
    from pawlab.export.export import export_classifier as export_classifier
    from pawlab.images import Preprocess as Preprocess
    from pawlab.pipeline import compare as compare
    from pawlab.pipeline import evaluate_data as evaluate_data
    from pawlab.pipeline import export_int8 as export_int8
    from pawlab.pipeline import extend as extend
    from pawlab.pipeline import resume as resume
    from pawlab.pipeline import train as train
    from pawlab.recipes import RECIPES as RECIPES
    from pawlab.recipes import find_recipe as find_recipe
    from pawlab.review.queue import review_queue as review_queue
    from pawlab.review.sorting import sort_pictures as sort_pictures
    from pawlab.review.suggest import suggest as suggest
    from pawlab.runs.deletion import delete_run as delete_run
    from pawlab.runs.listing import list_runs as list_runs
    from pawlab.runs.record import Run as Run
    from pawlab.runs.side_by_side import compare_runs as compare_runs

    load = Classifier.load

_HOMES = {
    "classifier": ("Classifier", "Prediction"),
    "datasets.known": ("get_data",),
    "errors": ("PawlabError",),
    "estimators": ("PictureClassifier", "PictureFeatures"),
    "evaluation.explain": ("write_explanation",),
    "exploration": ("explore",),
    "export.export": ("export_classifier",),
    "images": ("Preprocess",),
    "pipeline": ("compare", "evaluate_data", "export_int8", "extend", "resume", "train"),
    "recipes": ("RECIPES", "find_recipe"),
    "review.queue": ("review_queue",),
    "review.sorting": ("sort_pictures",),
    "review.suggest": ("suggest",),
    "runs.deletion": ("delete_run",),
    "runs.listing": ("list_runs",),
    "runs.record": ("Run",),
    "runs.side_by_side": ("compare_runs",),
}
__all__ = sorted(["load", *(name for names in _HOMES.values() for name in names)])


def __getattr__(name: str) -> Any:
    if name == "load":
        return import_module("pawlab.classifier").Classifier.load
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"pawlab.{home}"), name)
    raise AttributeError(f"module 'pawlab' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
