"""How much memory fitting a probe may take: standardised features are held where they fit, else made anew as wanted.

That decides how long it takes; no bit depends on it.
"""

from math import ceil

from pawlab.errors import PawlabError
from pawlab.features.rows import BLOCK
from pawlab.memory import memory_there
from pawlab.trainers.logistic import TOGETHER

_GB = 10**9
_SHARE = 4  # a quarter of the machine's, where nothing is said
_VECTORS = 30  # as long as all coefficients together, at most: the steps looked back on, and what an iteration needs


def holds(memory: float | None, pictures: int, width: int, problems: int, classes: int) -> bool:
    """Return whether standardised features (pictures, width) fit in memory beside what fitting `problems` takes.

    `memory`: in GB; None stands for a quarter of the machine's. Raises what `require_enough` raises.
    """
    least = require_enough(memory, pictures, width, problems, classes)
    allowed = memory_there() / _SHARE if memory is None else memory * _GB
    return least + 4 * pictures * (width + 1) <= allowed


def require_enough(memory: float | None, pictures: int, width: int, problems: int, classes: int) -> int:
    """Return the bytes that fitting takes at least. Raises PawlabError where less is given; None stands for enough."""
    least = needed(pictures, width, problems, classes)
    if memory is not None and memory * _GB < least:
        enough = ceil(least / _GB * 100) / 100
        raise PawlabError(
            f"--memory {memory:g} is too little: a probe on {width} features of {pictures} pictures in {classes} "
            f"classes takes {enough:g} GB. Give --memory {enough:g} or more, or leave it out."
        )
    return least


def needed(pictures: int, width: int, problems: int, classes: int) -> int:
    """Return the bytes that fitting takes at least: squares of all columns, steps, what there is of each picture."""
    columns = width + 1
    together = classes * min(problems, max(1, TOGETHER // classes))
    block = min(pictures, max(1, BLOCK // columns))
    squares = 25 * pictures**2 + 4 * pictures * columns if pictures < columns else 8 * columns**2
    steps = 4 * columns * (_VECTORS * together + 12 * problems * classes)
    blocks = 4 * block * (2 * columns + together)
    return squares + steps + blocks + 4 * pictures * (4 * problems + 4 * classes)
