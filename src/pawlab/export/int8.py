"""model.onnx with convolutions in 8-bit integers, written only where it is measured to be quicker and as accurate.

Post-training static quantization as ONNX Runtime does it: weights per channel, activations by the range that they take
on training pictures. See Jacob et al., "Quantization and Training of Neural Networks for Efficient
Integer-Arithmetic-Only Inference", 2018. Weights keep to 7 bits, since without VNNI sums of 8-bit products saturate.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import numpy as np

from pawlab.classifier import Classifier, save_classifier
from pawlab.datasets.dataset import Picture
from pawlab.errors import DataError, PawlabError, PictureError
from pawlab.export.export import Exported, write_export
from pawlab.export.forms import FORMS, Form
from pawlab.images import Pixels, decode
from pawlab.parallel import map_in_threads
from pawlab.progress import Progress, silent

_log = logging.getLogger("pawlab")

MOST_LOST = 0.005  # of the accuracy
MOST_UNSURE = 0.05  # of the answers, which were sure before
LEAST_GAINED = 1.05  # times as quick: less is noise
_CALIBRATED_ON = 128  # training pictures
_JUDGED_ON = 1000  # validation pictures at most
_TIMED = 64  # of them
_ROUNDS = 3  # of which the quickest counts


def export_int8(
    model: str | Path,
    pictures: Sequence[Picture],
    out: str | Path,
    progress: Progress = silent,
    sure_at: float | None = None,
) -> Exported:
    """Write a run's classifier with convolutions in 8-bit integers, as `export_classifier` writes ONNX.

    `pictures`: the run's, with their splits: it is fitted to training pictures and judged by validation pictures.
    What was measured is said in the log. Raises PawlabError where it isn't quicker than model.onnx on this machine by a
    twentieth, its accuracy is lower by more than half a point, or 5% fewer answers are sure; DataError where there are
    no such pictures.
    """
    classifier = Classifier.load(model, sure_at)
    known = [one for one in pictures if one.label in classifier.classes]  # a class's folder may have another name now
    training, validation = (
        _evenly([one for one in known if one.split == split], count)
        for split, count in (("train", _CALIBRATED_ON), ("validation", _JUDGED_ON))
    )
    if not training or not validation:
        raise DataError("int8 needs the run's training and validation pictures, and there are none. Bring them back.")
    measured: list[str] = []
    write = partial(_write_checked, training, validation, measured)
    form = Form(".onnx", write, FORMS["onnx"].answer, "onnxruntime", bound=1.0)
    exported = write_export(form, "onnx", classifier, Path(out).expanduser(), progress)
    _log.warning("pawlab: %s", "; ".join(measured))
    return exported


def _write_checked(
    training: Sequence[Picture],
    validation: Sequence[Picture],
    measured: list[str],
    classifier: Classifier,
    target: Path,
) -> None:
    _write(classifier, _pixels(training, classifier)[0], target)
    pixels, readable = _pixels(validation, classifier)
    candidate = Classifier.load(target)
    measured.append(_require_accurate(classifier, candidate, pixels, [one.label for one in readable]))
    measured.append(_require_quicker(*_rates(classifier.probabilities, candidate.probabilities, pixels[:_TIMED])))


def _write(classifier: Classifier, pixels: Pixels, target: Path) -> None:
    import onnx
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    with TemporaryDirectory(ignore_cleanup_errors=True) as folder, _quiet():
        made = Path(folder) / "int8.onnx"
        quantize_static(
            str(classifier.path),
            str(made),
            _Reader(pixels),
            quant_format=QuantFormat.QDQ,  # operators of ONNX's own, which every runtime knows
            op_types_to_quantize=["Conv"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        save_classifier(onnx.load(made), classifier.card, target)


class _Reader:
    """What ONNX Runtime draws pictures from."""

    def __init__(self, pixels: Pixels) -> None:
        self._left = iter(pixels)

    def get_next(self) -> dict[str, Pixels] | None:
        """Return the graph's input for the next picture; None after the last."""
        picture = next(self._left, None)
        return None if picture is None else {"pictures": picture[np.newaxis]}


def _require_accurate(classifier: Classifier, candidate: Classifier, pixels: Pixels, labels: list[str]) -> str:
    """Return what was measured: how many answers are correct, and how many are sure."""
    answers = [list(one.predict(list(pixels))) for one in (classifier, candidate)]
    before, after = (_share(item.label == label for item, label in zip(some, labels, strict=True)) for some in answers)
    sure, still_sure = (_share(item.sure for item in some) for some in answers)
    found = (
        f"in int8 {after:.1%} of {len(labels):,} validation pictures are correct instead of {before:.1%}, and "
        f"{still_sure:.1%} get a sure answer instead of {sure:.1%}"
    )
    if after < before - MOST_LOST or still_sure < sure - MOST_UNSURE:
        raise PawlabError(
            f"{found}; more than {MOST_LOST:.1%} of correct or {MOST_UNSURE:.0%} of sure answers is too much to lose. "
            "Nothing was written: keep model.onnx."
        )
    return found


def _share(values: Iterable[bool]) -> float:
    return float(np.mean(list(values)))


def _require_quicker(before: float, after: float) -> str:
    """Return what was measured."""
    found = f"{after:.0f} pictures a second instead of {before:.0f}"
    if after < before * LEAST_GAINED:
        raise PawlabError(
            f"in int8 the classifier isn't quicker on this machine: {found}. Nothing was written: keep model.onnx."
        )
    return f"{found} on one core"


def _rates(one: Callable[[Pixels], object], other: Callable[[Pixels], object], pixels: Pixels) -> tuple[float, float]:
    """Return pictures a second of both, one by one on one core, in turns so that both meet the same disturbances."""
    best = [float("inf"), float("inf")]
    for _ in range(_ROUNDS):
        for number, run in enumerate((one, other)):
            begun = perf_counter()
            for picture in pixels[:, np.newaxis]:
                run(picture)
            best[number] = min(best[number], perf_counter() - begun)
    return len(pixels) / best[0], len(pixels) / best[1]


def _pixels(pictures: Sequence[Picture], classifier: Classifier) -> tuple[Pixels, list[Picture]]:
    """Return the pictures that can be read, decoded. Raises DataError where none can."""

    def read(picture: Picture) -> Pixels | None:
        try:
            return decode(picture.path, classifier.card.preprocess)
        except PictureError:
            return None  # the run has said so

    decoded = list(map_in_threads(read, pictures))
    readable = [picture for picture, pixels in zip(pictures, decoded, strict=True) if pixels is not None]
    if not readable:
        raise DataError(f"none of {len(pictures)} pictures can be read any more: {pictures[0].path}. Bring them back.")
    return np.stack([pixels for pixels in decoded if pixels is not None]), readable


def _evenly(pictures: Sequence[Picture], count: int) -> list[Picture]:
    return list(pictures[:: max(1, -(-len(pictures) // count))])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep advice for developers of quantizers off the terminal."""
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
