"""A classifier written in another form, checked on pictures against model.onnx, with what its use takes beside it."""

import functools
import json
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from pawlab.classifier import FILE_NAME, Classifier
from pawlab.datasets.sample import sample_files
from pawlab.errors import OutputError, PawlabError, did_you_mean
from pawlab.export.card import ONNX_ONLY, card_json
from pawlab.export.example import example
from pawlab.export.forms import FORMS, Form, Name
from pawlab.export.same_labels import no_pictures, require_same_labels
from pawlab.graphs.keras_runtime import silent_stderr
from pawlab.graphs.runtime import open_graph
from pawlab.images import Pixels, Preprocess, decode
from pawlab.progress import Progress, notebook_bar
from pawlab.storage import RUN_FILE, is_free, replacing_file, replacing_folder

_SAMPLE_PICTURES = 8  # by which an export is held against model.onnx, with three plainer ones
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


def export_classifier(
    model: str | Path,
    to: Name,
    out: str | Path,
    progress: Progress = notebook_bar,
    sure_at: float | None = None,
    pictures: Sequence[str | Path] = (),
) -> Exported:
    """Write a run's classifier as ONNX, a page for browsers, Keras, SavedModel or TensorFlow Lite.

    `model`: a run's folder or its model.onnx. `sure_at`: as in `Classifier.load`. `out`: a file that ends as such files
    do, or the folder of a SavedModel or a page. `pictures`: those of which a form that rounds, tflite-float16, must
    keep every label. Beside it come OUT.json and OUT.example.py. An earlier export is replaced with both, nothing else
    ever is. Nothing appears before it is whole and checked.

    Raises ModelError where the model can't be read or has no such form, OutputError where `out` is taken or can't be
    written, MissingExtraError where Keras is needed, PawlabError where rounding changes a label of `pictures`, and
    RuntimeError where the export would answer otherwise.
    """
    if to not in FORMS:
        raise PawlabError(f"there is no form '{to}'.{did_you_mean(to, list(FORMS))} There are: {', '.join(FORMS)}.")
    place = Path(out).expanduser()
    return write_export(FORMS[to], to, Classifier.load(model, sure_at), place, progress, pictures)


def write_export(
    form: Form,
    to: Name,
    classifier: Classifier,
    target: Path,
    progress: Progress,
    pictures: Sequence[str | Path] = (),
) -> Exported:
    """Do what `export_classifier` says, for a form that is used as `to` is."""
    card, program = (target.with_name(f"{target.name}{ending}") for ending in (".json", ".example.py"))
    problem = _problem(form, classifier.path, target, (card, program))
    if problem:
        raise OutputError(f"{problem}. Choose another --out.")
    if form.rounds and not pictures:
        raise PawlabError(no_pictures(to))
    replacing = replacing_file if form.ending else replacing_folder
    with replacing(target) as partial:  # whether the place can be written is known before the work
        with progress(f"Exporting to {to}", None, "steps"), silent_stderr(), warnings.catch_warnings(action="ignore"):
            difference = _make(form, classifier, partial)
        if form.rounds:
            answer, paths = functools.partial(form.answer, partial), [*map(Path, pictures)]
            difference = max(difference, require_same_labels(classifier, answer, paths, form.bound, to, progress))
        outputs = open_graph(classifier.path).outputs
        left_out = [name for name in outputs if name != "probabilities" and to not in ("onnx", "web")]
        about = card_json(classifier.card, left_out)
        scored = classifier.card.ood_threshold is not None and set(ONNX_ONLY) <= set(outputs) - set(left_out)
        for path, text in (card, about), (program, example(to, target, card, classifier.card.preprocess, scored)):
            with replacing_file(path) as written:
                written.write_text(text, encoding="utf-8", newline="\n")
    return Exported(target, card, program, difference, tuple(left_out))


def _problem(form: Form, source: Path, target: Path, beside: tuple[Path, Path]) -> str | None:
    """Return why an export can't lie at `target`: its runtime wouldn't open it or people would mistake it, or anything
    but an earlier export would be lost, such as a run's classifier, to which the run's metrics belong.
    """
    ending, real = target.suffix.lower(), target.resolve()
    if form.ending and ending != form.ending:
        return f"{target} should end with {form.ending}, as its readers expect"
    if not form.ending and ending in {other.ending for other in FORMS.values()} - {""}:
        return f"{target} should not end with {ending}: {form.called} is a folder"
    if real == source.resolve():
        return f"{target} is the model itself"
    if real.name == FILE_NAME and real.with_name(RUN_FILE).is_file():
        return f"{target} is the place of another run's model"
    if target.is_dir() and not is_free(target) and not (target / form.known_by).is_file():
        return f"{target} holds something other than {form.called}"
    taken = [path for path in (target, *beside) if not is_free(path)]
    if taken and not _is_card(beside[0]):
        return f"{taken[0]} is there already, and isn't of an earlier export"
    return None


def _is_card(path: Path) -> bool:
    """Say whether a file is what an export has beside it."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(values, dict) and values.keys() >= _CARD_NAMES


def _make(form: Form, classifier: Classifier, target: Path) -> float:
    """Write the export to `target`, if it answers as the classifier does; return the largest difference."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        made = Path(folder) / f"classifier{form.ending}"
        form.write(classifier, made)
        pixels = _pictures(classifier.card.preprocess)
        difference = float(np.abs(form.answer(made, pixels) - classifier.probabilities(pixels)).max())
        if not difference <= form.bound:
            raise RuntimeError(
                f"exported, the classifier's probabilities differ by {difference:.1e}, more than "
                f"{form.bound:.0e}; nothing was written"
            )
        shutil.copytree(made, target, dirs_exist_ok=True) if made.is_dir() else shutil.copyfile(made, target)
    return difference


def _pictures(preprocess: Preprocess) -> Pixels:
    """Return some of the sample, noise, black and white: (n, h, w, 3) uint8."""
    sample = np.stack([decode(file, preprocess) for file in sample_files(_SAMPLE_PICTURES)])
    noise = np.random.default_rng(0).integers(0, 256, sample[:1].shape, dtype=np.uint8)
    return np.concatenate([sample, noise, np.zeros_like(noise), np.full_like(noise, 255)])
