"""What happened in each epoch, and history.csv, its file."""

import csv
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from math import isfinite
from pathlib import Path

from pawlab.storage import replacing_file


@dataclass(frozen=True)
class Epoch:
    """One row of history.csv. Losses are mean cross-entropies in nats, accuracies shares, `seconds` wall time.

    A head that is fitted in one go has one row, epoch 1.
    """

    epoch: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    seconds: float

    @property
    def is_finite(self) -> bool:
        """Say whether both losses are numbers: where one isn't, training has run away."""
        return isfinite(self.loss) and isfinite(self.val_loss)


def write_history(epochs: Iterable[Epoch], path: Path) -> None:
    """Write history.csv, all rows at once."""
    with replacing_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [column.name for column in fields(Epoch)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(epoch) for epoch in epochs)


def read_history(path: Path) -> tuple[Epoch, ...]:
    """Read history.csv back."""
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(
            Epoch(int(row.pop("epoch")), **{name: float(value) for name, value in row.items()})
            for row in csv.DictReader(file)
        )
