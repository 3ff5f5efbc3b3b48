"""From an upload to its prediction: the work that threads do."""

import io
from contextlib import nullcontext
from dataclasses import replace
from functools import cached_property
from threading import Lock

from PIL import Image

from pawlab.classifier import Classifier, NoPrediction, Result
from pawlab.errors import ModelError, PictureError
from pawlab.evaluation.explain import Explainer, overlay
from pawlab.images import PictureInfo, Pixels, Preprocess, decode, inspect
from pawlab.serve.errors import busy
from pawlab.serve.limits import Limits
from pawlab.serve.uploads import Upload

_HEAT_MAP_SIZE = 640  # pixels of the longer side


class Predictor:
    """A classifier for uploads. May be called from many threads at once."""

    def __init__(self, classifier: Classifier, limits: Limits) -> None:
        self.classifier = classifier
        self._limits = limits
        self._one_at_a_time = Lock()

    @cached_property
    def explainer(self) -> Explainer | None:
        """Return what draws heat maps, or None where the network doesn't allow it. Made at the first use."""
        try:
            return Explainer(self.classifier)
        except (ModelError, ValueError):  # no convolution, an unknown layer, no softmax at the end
            return None

    def predict(self, upload: Upload) -> Result:
        """Return the prediction for an upload, or why it can't be read."""
        try:
            pixels = self._decode(upload.data, inspect(upload.data), self.classifier.card.preprocess)
        except PictureError as error:
            return NoPrediction(upload.name, str(error))
        except MemoryError as error:
            raise busy("There isn't enough memory now.", 5) from error
        return replace(self.classifier.predict(pixels), picture=upload.name)

    def heat_map(self, upload: Upload, label: str | None) -> bytes:
        """Return a PNG of the picture, or of what the classifier crops or pads it to, under the heat map of a class.

        `label`: None takes the predicted class. Raises ModelError where none can be drawn for the classifier,
        PictureError where the picture can't be read, PawlabError where there is no such class.
        """
        if self.explainer is None:
            raise ModelError("no heat map can be drawn for this model")
        info, preprocess = inspect(upload.data), self.classifier.card.preprocess
        seen = self._decode(upload.data, info, preprocess)
        heat = self.explainer.heatmap(seen, label)
        shown = self._decode(upload.data, info, _own_shape(info)) if preprocess.resize_mode == "squash" else seen
        file = io.BytesIO()
        Image.fromarray(overlay(shown, heat)).save(file, "PNG", compress_level=4)
        return file.getvalue()

    def _decode(self, data: bytes, info: PictureInfo, size: Preprocess) -> Pixels:
        """Decode a picture, large ones one at a time, so that memory stays bounded on many cores too.

        A JPEG takes a third of the memory: it is decoded at a fraction of its size, but a progressive one must be held
        whole before that. Where the classifier's interpolation doesn't average, it is decoded whole like any other.
        """
        pixels, is_jpeg = info.width * info.height, info.format == "JPEG" and size.interpolation == "area"
        if pixels > self._limits.pixels and not is_jpeg:
            raise PictureError(
                f"has {info.width} x {info.height} pixels, more than the {self._limits.pixels / 1e6:g} million "
                f"accepted as {info.format}; make it smaller{', or a JPEG' if size.interpolation == 'area' else ''}"
            )
        is_large = pixels >= self._limits.large_pixels * (3 if is_jpeg else 1)
        with self._one_at_a_time if is_large else nullcontext():
            return decode(data, size)


def _own_shape(info: PictureInfo) -> Preprocess:
    scale = min(1, _HEAT_MAP_SIZE / max(info.width, info.height))
    return Preprocess(max(1, round(info.height * scale)), max(1, round(info.width * scale)))
