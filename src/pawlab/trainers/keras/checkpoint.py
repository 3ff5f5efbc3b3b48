"""A run's state after each epoch, so that a killed run goes on where it was and ends as if it hadn't been killed.

state.json names the epochs that are done; epoch-NNNN.npz holds the weights and the optimizer's state after one. The
files of the last and the best epoch are kept. state.json is written last, so what it names is there and whole.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from pawlab.errors import RecipeError, one_line
from pawlab.evaluation.history import Epoch
from pawlab.storage import replacing_file

_STATE_FILE = "state.json"
UNFINISHED = (  # what only an unfinished run needs: its state, and pixels and features that didn't fit in memory
    *(_STATE_FILE, "epoch-*.npz"),
    *("train-pixels.npy", "validation-pixels.npy", "validation-features.npy"),
)
_DAMAGE = (OSError, ValueError, TypeError, LookupError, RecursionError, BadZipFile)  # what damaged JSON and NPZ raise


def best_epoch(history: Sequence[Epoch], by_loss: bool = False) -> int:
    """Return the epoch with the highest validation accuracy; of equals the one with the lowest loss, then the first.

    `by_loss`: the loss counts first. An epoch whose losses aren't both finite comes after all others.
    """

    def rank(row: Epoch) -> tuple[float, ...]:
        scores = (-row.val_accuracy, row.val_loss)
        return (not row.is_finite, *(reversed(scores) if by_loss else scores), row.epoch)

    return min(history, key=rank).epoch


def save(folder: Path, identity: dict[str, Any], history: Sequence[Epoch], model: Any, by_loss: bool = False) -> None:
    """Keep the state after the last epoch of `history`. `identity`: JSON values that distinguish runs."""
    last, best = history[-1].epoch, best_epoch(history, by_loss)
    variables = _variables(model, with_optimizer=True)
    with replacing_file(_weights_file(folder, last)) as partial, partial.open("wb") as opened:
        np.savez(opened, **{name: variable.numpy() for name, variable in variables.items()})
    with replacing_file(folder / _STATE_FILE) as partial:
        state = {"identity": identity, "history": [asdict(row) for row in history]}
        partial.write_text(json.dumps(state, indent=1), encoding="utf-8")
    for file in folder.glob("epoch-*.npz"):
        if file not in (_weights_file(folder, last), _weights_file(folder, best)):
            file.unlink()


def resume(folder: Path, identity: dict[str, Any], model: Any) -> tuple[Epoch, ...]:
    """Bring the model to its state after the last epoch kept in `folder`, and return the history up to there.

    Returns () where nothing is kept. Raises RecipeError where what is kept is another run's, or damaged.
    """
    path = folder / _STATE_FILE
    if not path.is_file():
        return ()
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        kept, history = dict(state["identity"]), tuple(Epoch(**row) for row in state["history"])
        _require_same(kept, identity, folder)
        load_weights(folder, history[-1].epoch, model, with_optimizer=True)
    except _DAMAGE as error:
        said = one_line(error) or type(error).__name__
        raise RecipeError(f"the state of the unfinished run in {folder} is damaged ({said}). Train anew.") from error
    return history


def load_weights(folder: Path, epoch: int, model: Any, with_optimizer: bool = False) -> None:
    """Give the model the weights it had after an epoch that is kept."""
    variables = _variables(model, with_optimizer)
    with np.load(_weights_file(folder, epoch), allow_pickle=False) as arrays:
        for name, variable in variables.items():
            variable.assign(arrays[name])


def _require_same(kept: dict[str, Any], given: dict[str, Any], folder: Path) -> None:
    given = json.loads(json.dumps(given))
    differing = [name for name in given if kept.get(name) != given[name]]
    if differing:
        raise RecipeError(
            f"the unfinished run in {folder} can't go on with another {' and '.join(differing)}. "
            "Give what it began with, or train anew."
        )


def _variables(model: Any, with_optimizer: bool) -> dict[str, Any]:
    """Return the model's variables by the names that they have in the file."""
    kinds = {"weight": model.weights, "optimizer": model.optimizer.variables if with_optimizer else []}
    return {f"{kind}_{number}": one for kind, variables in kinds.items() for number, one in enumerate(variables)}


def _weights_file(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:04}.npz"


def clear(folder: Path) -> None:
    """Remove what only an unfinished run needs."""
    for pattern in UNFINISHED:
        for file in folder.glob(pattern):
            file.unlink()
