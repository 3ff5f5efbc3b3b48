"""What a run is asked for, and what no run can be."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pawlab
from pawlab.datasets.options import DataOptions
from pawlab.errors import PawlabError
from pawlab.recipes import choose_recipe
from pawlab.runs.record import Run
from pawlab.runs.request import Request


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("sure_at", 2, "--sure-at is 2; it must be a share above 0 and below 1, as in 0.95."),
        ("sure_at", 0.0, "--sure-at is 0; it must be a share above 0 and below 1, as in 0.95."),
        ("memory", -1, "--memory is -1; it must be more than 0 and less than 1,000,000, in GB."),
        ("memory", float("inf"), "--memory is inf; it must be more than 0 and less than 1,000,000, in GB."),
        ("memory", 1e9, "--memory is 1e+09; it must be more than 0 and less than 1,000,000, in GB."),
        ("balance", "weight", "--balance can't be 'weight'. Give auto, none, weights."),
    ],
)
def test_an_option_that_no_run_can_have(option: str, value: float, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(PawlabError) as caught:
        pawlab.train("sample", out=tmp_path / "run", **{option: value})  # type: ignore[arg-type]
    assert str(caught.value) == sentence
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["split_from", "labels"])
def test_a_path_or_a_run_may_be_an_option(name: str, tmp_path: Path) -> None:
    for given in (tmp_path, Run(tmp_path)):
        assert getattr(DataOptions(**{name: given}), name) == str(tmp_path)  # type: ignore[arg-type]


def test_numpys_numbers_are_kept_as_numbers() -> None:
    """They come from loops over arrays; run.json takes Python's alone."""
    request = Request(
        "photos",
        "fast",
        seed=np.int64(3),  # type: ignore[arg-type]
        cv=np.int32(5),  # type: ignore[arg-type]
        sure_at=np.float32(0.5),  # type: ignore[arg-type]
        memory=np.float64(1),
        options=DataOptions(min_per_class=np.int64(2)),  # type: ignore[arg-type]
    )
    told = json.loads(json.dumps(request.to_dict()))
    assert (told["seed"], told["cv"], told["sure_at"], told["memory"]) == (3, 5, 0.5, 1.0)
    assert told["options"] == {"min_per_class": 2}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"split": (80, 10, 10)}, "split is (80, 10, 10); it must be text, as in '80/10/10'"),
        ({"columns": {"path": "file"}}, "columns is {'path': 'file'}; it must be text, as in 'path=file,label=breed'"),
        ({"value_range": (0, 255)}, "value_range is (0, 255); it must be text, as in '0,4095'"),
        ({"group_from_name": re.compile("a")}, "group_from_name is re.compile('a'); it must be text"),
        ({"min_per_class": "3"}, "min_per_class is '3'; it must be a whole number"),
    ],
)
def test_an_option_of_another_kind_is_named(given: dict[str, Any], says: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(says)}$"):
        DataOptions(**given)


@pytest.mark.parametrize("given", [{"value_range": "0,1e400"}, {"value_range": "-inf,inf"}, {"split": "nan/10/10"}])
def test_numbers_of_options_are_finite(given: dict[str, Any]) -> None:
    with pytest.raises(PawlabError, match=r"can't be read\. Give"):
        DataOptions(**given)


def test_a_recipe_is_a_name_a_file_or_a_recipe() -> None:
    with pytest.raises(TypeError, match=r"^recipe is None; it must be a name, a file or a Recipe$"):
        choose_recipe(None)  # type: ignore[arg-type]
