"""What a run is asked for, and what no run can be."""

from pathlib import Path

import pytest

import pawlab
from pawlab.errors import PawlabError


@pytest.mark.parametrize(
    ("option", "value", "sentence"),
    [
        ("sure_at", 2, "--sure-at is 2; it must be a share above 0 and below 1, as in 0.95."),
        ("sure_at", 0.0, "--sure-at is 0; it must be a share above 0 and below 1, as in 0.95."),
        ("memory", -1, "--memory is -1; it must be more than 0, in GB."),
        ("balance", "weight", "--balance can't be 'weight'. Give auto, none, weights."),
    ],
)
def test_an_option_that_no_run_can_have(option: str, value: float, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(PawlabError) as caught:
        pawlab.train("sample", out=tmp_path / "run", **{option: value})  # type: ignore[arg-type]
    assert str(caught.value) == sentence
    assert not (tmp_path / "run").exists()
