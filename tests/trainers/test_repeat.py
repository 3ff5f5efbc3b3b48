"""A recipe trained once for each fold."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pawlab
from pawlab.datasets.dataset import Dataset, Split
from pawlab.datasets.options import DataOptions
from pawlab.errors import DataError, PawlabError
from pawlab.features.source import FeatureSource
from pawlab.recipes import find_recipe
from pawlab.runs.reading import read_and_split
from pawlab.trainers import linear_probe
from pawlab.trainers.fitted import Settings
from pawlab.trainers.repeat import repeat, require_repeatable
from picture_folders import dataset_of
from quick_training import SMALL


def test_each_fold_is_scored_by_a_model_that_has_not_seen_it(learnable_folder: Path, tmp_path: Path) -> None:
    dataset = read_and_split(learnable_folder, 0, DataOptions()).dataset
    trained: list[Any] = []

    def watched(data: Any, *others: Any) -> Any:
        trained.append(data)
        return linear_probe.fit(data, *others)

    settings = Settings(tmp_path, folds=4)
    found = repeat(watched, dataset, find_recipe("fast"), FeatureSource(), settings)
    pictures = dataset.split("train") + dataset.split("validation")
    assert len(trained) == 4
    for fold, data in enumerate(trained):
        held_out = {one.name for one, own in zip(pictures, found.folds, strict=True) if own == fold}
        chosen = {one.name for one, own in zip(pictures, found.folds, strict=True) if own == (fold + 1) % 4}
        used = {one.name for one in data.split("train") + data.split("validation")}
        assert used == {one.name for one in pictures} - held_out
        assert {one.name for one in data.split("validation")} == chosen
    assert found.labels.tolist() == dataset.class_indices(pictures)
    assert (found.logits.argmax(axis=1) == found.labels).mean() > 0.9


def numbered(count: int) -> Dataset:
    rows: list[tuple[str, str, str, Split | None]] = [("test", "dogs", "test", "test")]
    rows += [(f"{label}/{one}", label, f"{label}{one}", "train") for label in ("cats", "dogs") for one in range(count)]
    return dataset_of(*rows)


def test_too_few_pictures_for_folds_are_told_before_any_training() -> None:
    with pytest.raises(DataError) as caught:
        require_repeatable(numbered(3), (), 3)
    sentence = "--cv 3 would leave too little to train on: photos: 'cats' has only 2 different pictures;"
    assert str(caught.value).startswith(sentence)
    require_repeatable(numbered(9), (), 3)


def test_an_interrupt_ends_all_folds(learnable_folder: Path, tmp_path: Path) -> None:
    dataset = read_and_split(learnable_folder, 0, DataOptions()).dataset

    def interrupted(*given: Any) -> Any:
        return replace(linear_probe.fit(*given), interrupted=True)

    with pytest.raises(KeyboardInterrupt):
        repeat(interrupted, dataset, find_recipe("fast"), FeatureSource(), Settings(tmp_path, folds=4))


def test_a_recipe_with_epochs_is_cross_validated_on_request(
    keras: None, learnable_folder: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "small.toml"
    recipe.write_text(SMALL, encoding="utf-8")
    run = pawlab.train(learnable_folder, recipe, tmp_path / "run", epochs=1, cv=3, report=False)
    scored, counts = run.metrics["cross_validation"], run.metrics["counts"]
    assert scored["folds"] == 3
    assert scored["pictures"] == sum(counts["train"].values()) + sum(counts["validation"].values())
    assert np.array(scored["confusion"]).sum() == scored["pictures"]
    assert not (run.folder / "folds").exists()


@pytest.mark.parametrize(("recipe", "folds", "fewest"), [("a1", 2, 3), ("fast", 1, 2)])
def test_too_few_folds_are_refused(recipe: str, folds: int, fewest: int, learnable_folder: Path) -> None:
    with pytest.raises((PawlabError, ValueError)) as error:
        pawlab.train(learnable_folder, recipe, cv=folds)
    if folds > 1:
        assert str(error.value) == f"{folds} folds are too few for the recipe {recipe}. Give --cv {fewest} or more."
