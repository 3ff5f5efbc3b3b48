"""Where every random number of a training run comes from: the run's seed, what it is for, and the epoch.

Nothing is carried over from one draw to the next, so an epoch draws the same numbers whether it runs straight after
the one before it or after a resume.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Purpose = Literal["weights", "layers", "order", "augmentation"]

_NUMBERS: dict[Purpose, int] = {"weights": 0, "layers": 1, "order": 2, "augmentation": 3}


def generator(seed: int, purpose: Purpose, *position: int) -> np.random.Generator:
    """Return a generator for one purpose at one position, such as an epoch or a layer's place. `seed` is 0 or more."""
    return np.random.default_rng([seed, _NUMBERS[purpose], *position])


def layer_seed(seed: int, purpose: Purpose, *position: int) -> int:
    """Return a seed for one of Keras's layers or initialisers: 0 to 2^31 - 1."""
    return int(generator(seed, purpose, *position).integers(2**31))


def shuffled(count: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the order in which an epoch takes its pictures: 0 to count - 1, each once."""
    return generator(seed, "order", epoch).permutation(count)
