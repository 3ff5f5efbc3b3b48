"""The gate for forms that round: on pictures of the user's own, they must give the labels that the classifier gives."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pawlab.classifier import Classifier
from pawlab.errors import PawlabError, PictureError
from pawlab.images import Pixels, decode
from pawlab.progress import Progress

MOST_PICTURES = 500
_AT_ONCE = 50

Answer = Callable[[Pixels], NDArray[np.float32]]


def require_same_labels(
    classifier: Classifier, answer: Answer, pictures: Sequence[Path], bound: float, form: str, progress: Progress
) -> float:
    """Return the largest difference of a probability, on 500 of the pictures at most.

    Raises PawlabError where a label changes, a probability differs by more than `bound`, or no picture can be read.
    """
    chosen = pictures[:: -(-len(pictures) // MOST_PICTURES)] if pictures else []
    furthest, seen, changed = 0.0, 0, list[Path]()
    with progress(f"Comparing {form} with model.onnx", len(chosen), "pictures") as advance:
        for start in range(0, len(chosen), _AT_ONCE):
            paths = chosen[start : start + _AT_ONCE]
            readable, pixels = _decoded(paths, classifier)
            if readable:
                there, here = answer(pixels), classifier.probabilities(pixels)
                furthest = max(furthest, float(np.abs(there - here).max()))
                changed += [readable[place] for place in np.flatnonzero(there.argmax(1) != here.argmax(1))]
                seen += len(readable)
            advance(len(paths))
    _refuse(form, seen, changed, furthest, bound)
    return furthest


def no_pictures(form: str) -> str:
    """Return what is said where there is nothing to compare on."""
    return (
        f"{form} rounds, so it is checked on validation pictures, and there are none. Give a run's folder whose data "
        "lies where it lay (in Python, `pictures`), or take --to tflite, which doesn't round."
    )


def _refuse(form: str, seen: int, changed: Sequence[Path], furthest: float, bound: float) -> None:
    if not seen:
        raise PawlabError(no_pictures(form))
    if changed:
        problem = f"gives {len(changed)} of {seen} validation pictures another label, {changed[0].name} first"
    elif not furthest <= bound:
        problem = f"changes a probability by {furthest:.2g} on {seen} validation pictures, more than {bound:g}"
    else:
        return
    raise PawlabError(f"{form} {problem}; nothing was written. Take --to tflite, which doesn't round.")


def _decoded(paths: Sequence[Path], classifier: Classifier) -> tuple[list[Path], Pixels]:
    """Return the pictures that can be read: their paths, and (n, h, w, 3) uint8."""
    readable, pixels = list[Path](), list[Pixels]()
    for path in paths:
        try:
            pixels.append(decode(path, classifier.card.preprocess))
        except PictureError:  # it was there when the run read it; the others speak for the model
            continue
        readable.append(path)
    return readable, np.stack(pixels) if pixels else np.zeros((0, 1, 1, 3), np.uint8)
