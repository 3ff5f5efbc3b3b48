"""Runs that never were: what a page shows, of pictures of noise and predictions as a test wants them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pawlab.datasets.dataset import Dataset, Picture
from pawlab.datasets.stats import describe
from pawlab.evaluation.evaluate import Evaluation
from pawlab.evaluation.history import Epoch
from pawlab.evaluation.verdict import judge
from pawlab.recipes import find_recipe
from pawlab.recipes.summary import recipe_document
from pawlab.report.report import Material

HISTORY = tuple(Epoch(n, 0.7 - n / 20, 0.5 + n / 22, 0.7 - n / 30, 0.5 + n / 25, 1.0) for n in range(1, 11))
HOSTILE = ['<script>alert("x")</script>', "Übergrößenträger & Söhne", "a" * 300, "</style><b>", "{{ 7 * 7 }}", "a.b'c"]


def made_dataset(folder: Path, classes: Sequence[str], a_split: int = 5) -> Dataset:
    random = np.random.default_rng(0)
    pictures = []
    folder.mkdir(parents=True, exist_ok=True)
    for index, label in enumerate(classes):
        for split in ("train", "validation", "test"):
            for number in range(a_split):
                path = folder / f"{index}-{split}-{number}.png"
                pixels = random.integers(0, 255, (40 + 20 * (number % 3), 60, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(path)
                pictures.append(Picture(path, f"{label}/{path.name}", label, f"{index}{split}{number}", split))
    return Dataset("made up", folder, tuple(classes), tuple(pictures))


def made_material(
    folder: Path, classes: Sequence[str], wrong: int = 0, recipe: str = "fast", **changed: Any
) -> Material:
    """A run over made-up pictures with so many wrong answers, each surer than the next."""
    dataset = made_dataset(folder, classes)
    test = dataset.split("test")
    labels = np.array(dataset.class_indices(test))
    answers = labels.copy()
    answers[:wrong] = (labels[:wrong] + 1) % len(classes)
    sureness = np.linspace(0.95, 0.75, len(test))
    probabilities = np.repeat((1 - sureness[:, np.newaxis]) / (len(classes) - 1), len(classes), axis=1)
    probabilities[np.arange(len(test)), answers] = sureness
    evaluation = Evaluation(tuple(classes), test, labels, probabilities, (), sureness > 0)
    score = evaluation.metrics
    chosen = find_recipe(recipe)
    stats = describe(dataset)
    order = {"data": "my photos/", "recipe": recipe, "seed": 7, "epochs": 3, "weights": None, "resize_mode": "crop"}
    record = {
        "request": order,
        "seed": 7,
        "recipe": recipe_document(chosen, len(classes)),
        "chosen_on_validation": {},
        "best_epoch": 9,
        "data": {"given": "my photos/", "name": "made up", "fingerprint": "abc"},
        "versions": {"python": "3.11"},
        "machine": {"system": "Test", "processor": "Test", "cores": 2},
    }
    metrics = {
        "classes": list(classes),
        "counts": stats.counts,
        "baseline_accuracy": stats.baseline_accuracy,
        "parameters": {"total": 10, "trainable": 5},
        "train": {"accuracy": 0.9, "loss": 0.2},
        "validation": {**score, "baseline_accuracy": stats.baseline_accuracy},
        "test": score,
        "verdict": judge(HISTORY, stats.baseline_accuracy, (2000, 800)),
        "overlap": 0,
        "set_aside": 0,
        "seconds": {"fit": 1.0},
        "calibration": {"test": {"before": 0.02, "after": 0.01}},
        "selective": {
            "target": 0.9,
            "threshold": 0.7,
            "confidence": 0.95,
            "ood_threshold": None,
            "validation": {"coverage": 1.0, "accuracy": 0.92, "errors_caught": None},
            "test": {"coverage": 1.0, "accuracy": 0.9, "errors_caught": None},
        },
        "label_issues_expected": 1.4,
    }
    material = Material(
        run=Path("runs/made up"),
        dataset=dataset,
        stats=stats,
        findings=(),
        recipe=chosen,
        metrics=metrics,
        record=record,
        history=HISTORY,
        test=evaluation,
    )
    return replace(material, **changed)
