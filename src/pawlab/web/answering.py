"""From an upload to its answer: the work that threads do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock

from pawlab.classifier import Classifier, Prediction
from pawlab.errors import PictureError
from pawlab.pictures import PictureInfo, Pixels, decode, inspect
from pawlab.web.limits import Limits
from pawlab.web.uploads import Upload


class Answerer:
    """A classifier for uploads. May be called from many threads at once."""

    def __init__(self, classifier: Classifier, limits: Limits) -> None:
        self.classifier = classifier
        self._limits = limits
        self._one_at_a_time = Lock()

    def predict(self, upload: Upload) -> Prediction:
        """Return the answer for an upload; where it can't be read, the answer carries the error."""
        try:
            pixels = self._decode(upload.data)
        except PictureError as error:
            return Prediction(upload.name, None, 0.0, {}, sure=False, error=str(error))
        return replace(self.classifier.predict(pixels), picture=upload.name)

    def _decode(self, data: bytes) -> Pixels:
        """Return the pixels as the classifier wants them. Raises PictureError."""
        with self._in_turn(inspect(data)):
            return decode(data, self.classifier.card.preprocess)

    @contextmanager
    def _in_turn(self, info: PictureInfo) -> Iterator[None]:
        """Let only one large picture be decoded at a time, so that memory stays bounded on many cores too.

        JPEG goes unhindered: it is decoded at a fraction of its size.
        """
        pixels = info.width * info.height
        if info.format == "JPEG" or pixels < self._limits.large_pixels:
            yield
            return
        if pixels > self._limits.pixels:
            raise PictureError(
                f"has {info.width} x {info.height}, more than the {self._limits.pixels / 1e6:g} million pixels "
                f"that are taken as {info.format}; make it smaller, or a JPEG"
            )
        with self._one_at_a_time:
            yield
