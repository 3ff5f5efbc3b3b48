"""A classifier written in another form, checked on pictures against model.onnx, with what its use takes beside it."""

import json
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pawlab.classifier import FILE_NAME, Card, Classifier, model_file
from pawlab.datasets.sample import sample_files
from pawlab.errors import OutputError, PawlabError, did_you_mean
from pawlab.export.example import example
from pawlab.export.forms import FORMS, Form, Name
from pawlab.graphs.keras_runtime import silent_stderr
from pawlab.graphs.runtime import open_graph
from pawlab.images import Pixels, Preprocess, decode
from pawlab.progress import Progress, notebook_bar
from pawlab.storage import RUN_FILE, is_free, replacing_file, replacing_folder

LARGEST_DIFFERENCE = 1e-3  # of a probability
_SAMPLE_PICTURES = 8  # by which an export is held against model.onnx, with three plainer ones
_SAVEDMODEL_FILE = "saved_model.pb"
_CARD_NAMES = {"classes", "preprocess", "output", "pawlab"}  # among those of a card of any version


@dataclass(frozen=True)
class Exported:
    """`path`: the export, a file or a folder. `card`: classes, preprocessing and threshold, as JSON. `example`: a short
    program that uses it. `difference`: the largest of a probability from model.onnx's. `missing_outputs`: those
    of model.onnx that the export hasn't."""

    path: Path
    card: Path
    example: Path
    difference: float
    missing_outputs: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        paths = {name: str(getattr(self, name)) for name in ("path", "card", "example")}
        return {**paths, "difference": self.difference, "left_out": list(self.missing_outputs)}


def export_classifier(model: str | Path, to: Name, out: str | Path, progress: Progress = notebook_bar) -> Exported:
    """Write a run's classifier as ONNX, Keras, SavedModel or TensorFlow Lite.

    `model`: a run's folder or its model.onnx. `out`: a file that ends as such files do, or a SavedModel's folder.
    Beside it come OUT.json and OUT.example.py. An earlier export is replaced with both, nothing else ever is. Nothing
    appears before it is whole and checked.

    Raises ModelError where the model can't be read or has no such form, OutputError where `out` is taken or can't be
    written, MissingExtraError where Keras is needed, and RuntimeError where the export would answer otherwise.
    """
    if to not in FORMS:
        raise PawlabError(f"there is no form '{to}'.{did_you_mean(to, list(FORMS))} There are: {', '.join(FORMS)}.")
    form, source, target = FORMS[to], model_file(model), Path(out)
    classifier = Classifier.load(source)
    card, program = (target.with_name(f"{target.name}{ending}") for ending in (".json", ".example.py"))
    _require_ending(form, target)
    _require_no_model(target, source)
    _require_free(target, card, program)
    replacing = replacing_file if form.ending else replacing_folder
    with replacing(target) as partial:  # whether the place can be written is known before the work
        with progress(f"Exporting to {to}", None, "steps"), _quiet():
            difference = _make(form, source, classifier, partial)
        left_out = [] if form.whole else _other_outputs(source)
        _write_text(card, json.dumps(_card(classifier.card, left_out), indent=2, ensure_ascii=False) + "\n")
        _write_text(program, example(to, target, card, classifier.card.preprocess))
    return Exported(target, card, program, difference, tuple(left_out))


def _require_ending(form: Form, target: Path) -> None:
    """Raise OutputError where the runtime wouldn't open, or people would mistake, what is called so."""
    ending = target.suffix.lower()
    if form.ending and ending != form.ending:
        raise OutputError(f"{target} should end with {form.ending}, as its readers expect. Choose another --out.")
    if not form.ending and ending in {other.ending for other in FORMS.values() if other.ending}:
        raise OutputError(f"{target} should not end with {ending}: a SavedModel is a folder. Choose another --out.")


def _require_no_model(target: Path, source: Path) -> None:
    """Raise OutputError where a run has its classifier: its metrics and its card belong to that one."""
    real = target.resolve()
    if real == source.resolve():
        raise OutputError(f"{target} is the model itself. Choose another --out.")
    if real.name == FILE_NAME and real.with_name(RUN_FILE).is_file():
        raise OutputError(f"{target} is the place of another run's model. Choose another --out.")


def _require_free(target: Path, card: Path, program: Path) -> None:
    """Raise OutputError where anything but an earlier export would be lost."""
    if target.is_dir() and not is_free(target) and not (target / _SAVEDMODEL_FILE).is_file():
        raise OutputError(f"{target} holds something other than a SavedModel. Choose another --out.")
    if _is_card(card):
        return
    for path in (target, card, program):
        if not is_free(path):
            raise OutputError(f"{path} is there already, and isn't of an earlier export. Choose another --out.")


def _is_card(path: Path) -> bool:
    """Say whether a file is what an export has beside it."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and values.keys() >= _CARD_NAMES


@contextmanager
def _quiet() -> Iterator[None]:
    """Hide what TensorFlow and Keras print for developers."""
    with silent_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _make(form: Form, source: Path, classifier: Classifier, target: Path) -> float:
    """Write the export to `target`, if it answers as the classifier does; return the largest difference."""
    preprocess = classifier.card.preprocess
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = Path(folder) / f"classifier{form.ending}"
        form.write(source, preprocess, made)
        pixels = _pictures(preprocess)
        difference = float(np.abs(form.answer(made, pixels) - classifier.probabilities(pixels)).max())
        if not difference <= LARGEST_DIFFERENCE:
            raise RuntimeError(
                f"exported, the classifier's probabilities differ by {difference:.1e}, more than "
                f"{LARGEST_DIFFERENCE:.0e}; nothing was written"
            )
        if made.is_dir():
            shutil.copytree(made, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(made, target)
    return difference


def _pictures(preprocess: Preprocess) -> Pixels:
    """Return some of the sample, noise, black and white: (n, h, w, 3) uint8."""
    shape = (preprocess.height, preprocess.width, 3)
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    plain = [np.full(shape, level, np.uint8) for level in (0, 255)]
    return np.stack([*(decode(file, preprocess) for file in sample_files(_SAMPLE_PICTURES)), noise, *plain])


def _card(card: Card, left_out: list[str]) -> dict[str, Any]:
    """Return what a program must know to use the export."""
    preprocess = card.preprocess
    return {
        "classes": card.classes,
        "preprocess": preprocess.to_dict(),
        "threshold": card.threshold,
        "input": {
            "name": "pictures",
            "shape": [None, preprocess.height, preprocess.width, 3],
            "dtype": "uint8",
            "colours": "RGB",
            "range": [0, 255],
        },
        "output": {"name": "probabilities", "shape": [None, len(card.classes)], "dtype": "float32"},
        "left_out": left_out,
        "recipe": card.recipe,
        "pawlab": card.version,
    }


def _other_outputs(model: Path) -> list[str]:
    return [name for name in open_graph(model).outputs if name != "probabilities"]


def _write_text(path: Path, text: str) -> None:
    with replacing_file(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
