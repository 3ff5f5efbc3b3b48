"""Predictions of a job that is under way: kept line by line in the cache, so that a stopped one goes on where it was.

A line is known by the picture's name, path, size and time, and the file by the model's content, its thresholds and the
place that the predictions are written to: what has changed since is predicted anew. A line is written with every
prediction, so what a kill loses is what was under way. Where the cache can't be written, the job goes on without it.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path

from pawlab.classifier import Classifier, Prediction, Result
from pawlab.cli.terminal import say
from pawlab.datasets.dataset import Named
from pawlab.engines.local import LOCAL, Engine
from pawlab.errors import OutputError
from pawlab.files.addresses import is_address
from pawlab.files.names import file_sha256
from pawlab.storage import cache_dir


class Unfinished:
    """The predictions of one job: a model, as it answers, pictures, and the place that they are written to.

    `keeps`: whether they are kept, so that a stopped job can go on; where they can't be, a line says so.
    """

    def __init__(self, classifier: Classifier, pictures: Sequence[Named], out: str, engine: Engine = LOCAL) -> None:
        place = out if is_address(out) else str(Path(out).absolute())
        self._of_place = _digest(place).hex()
        name = f"{self._of_place}-{_digest(file_sha256(classifier.path), classifier.card.to_json(), engine.mark).hex()}"
        self._classifier, self._pictures, self._engine = classifier, pictures, engine
        self._keys = [_key(picture) for picture in pictures]
        self._path, self._places = Path(os.devnull), dict[bytes, int]()
        self.keeps = True
        try:
            path = cache_dir("predictions") / f"{name}.jsonl"
            self._places = _places_in(path)
            self._path = path
        except (OSError, OutputError) as error:
            self._keep_nothing(error)

    @property
    def kept(self) -> int:
        """Return how many of these predictions an earlier process has made."""
        return sum(key in self._places for key in self._keys)

    @property
    def of_others(self) -> int:
        """Return how many predictions there are for this place by another model, or with other options."""
        return sum(_lines_in(file) for file in self._files() if file != self._path)

    def predict_each(self) -> Iterator[Result]:
        """Yield a prediction for each picture, in order; those that are kept aren't computed again."""
        keyed = zip(self._pictures, self._keys, strict=True)
        new = [picture for picture, key in keyed if key not in self._places]
        computed = self._classifier.predict_each(new, self._engine)
        with self._path.open("ab", buffering=0) as file, self._path.open("rb") as before:
            for key in self._keys:
                place = self._places.get(key)
                if place is not None:
                    before.seek(place)
                    yield _prediction(before.readline())
                    continue
                result = next(computed)
                if self.keeps and isinstance(result, Prediction):  # what couldn't be read may be mended
                    self._keep(f"{key.hex()}\t{json.dumps(result.to_dict())}\n".encode(), file)
                yield result

    def forget(self) -> None:
        """Remove all that was kept for this place, as the job is done."""
        for file in self._files():
            with suppress(OSError):
                file.unlink()

    def _keep(self, line: bytes, file: FileIO) -> None:
        try:
            while line:  # a disk that is nearly full takes a part
                line = line[file.write(line) :]
        except OSError as error:
            self._keep_nothing(error)

    def _keep_nothing(self, error: OSError | OutputError) -> None:
        self.keeps = False
        why = str(error)
        if isinstance(error, OSError):
            folder = Path(error.filename or self._path).parent
            why = f"can't write {folder}: {error.strerror or error}. Set PAWLAB_CACHE_DIR to a folder you can write."
        say(f"Predictions aren't kept from here on: {why}")

    def _files(self) -> list[Path]:
        return sorted(self._path.parent.glob(f"{self._of_place}-*.jsonl"))


def _places_in(path: Path) -> dict[bytes, int]:
    """Return where in a file, made if absent, each prediction begins; a last line that a kill cut off goes."""
    places, end = dict[bytes, int](), 0
    with path.open("ab+") as file, suppress(ValueError):
        file.seek(0)
        for line in file:
            if not line.endswith(b"\n"):
                file.truncate(end)
                break
            key = line.partition(b"\t")[0]
            places[bytes.fromhex(key.decode())] = end + len(key) + 1
            end += len(line)
    return places


def _lines_in(path: Path) -> int:
    with suppress(OSError), path.open("rb") as file:
        return sum(1 for _ in file)
    return 0


def _prediction(line: bytes) -> Prediction:
    values = json.loads(line)
    return Prediction(**{name: value for name, value in values.items() if name != "error"})


def _key(picture: Named) -> bytes:
    if picture.version:
        return _digest(picture.name, picture.path, picture.version)
    try:
        status = os.stat(picture.path)  # noqa: PTH116  (an address is no path)
        version = f"{status.st_size} {status.st_mtime_ns}"
    except (OSError, ValueError):
        version = ""
    return _digest(picture.name, picture.path, version)


def _digest(*texts: str) -> bytes:
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).digest()[:16]
