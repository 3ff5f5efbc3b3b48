"""scikit-learn's face: pictures in, features or classes out, for its pipelines, cross-validation and searches.

    make_pipeline(PictureFeatures(), StandardScaler(), SVC()).fit(paths, labels)
    GridSearchCV(PictureClassifier(), {"resize_mode": ["squash", "crop", "pad"]}).fit(paths, labels)

X is a list, or anything one-dimensional that can be gone through, of pictures: paths, files' bytes, Pillow images or
uint8 arrays. Features are kept on disk by the pictures' content, so a search computes each only once.

Mistakes about pictures raise the errors of `pawlab.errors`; those about labels and fitting scikit-learn's own.
"""

import warnings
from collections.abc import Iterable, Sequence
from hashlib import sha256
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from pawlab.backbones.load import BackboneGraph, backbone_graph, own_size, probe_stages
from pawlab.errors import DataError, PictureError, RecipeError
from pawlab.features.extract import features_by_content
from pawlab.images import Preprocess, ResizeMode, Source, decode, read_file
from pawlab.trainers.cross_validation import assign_folds, cross_validate
from pawlab.trainers.finish import fit_temperature
from pawlab.trainers.probe import LinearProbe, fit_probe

Features = NDArray[np.float32]
Labels = NDArray[Any]
OldMode = ResizeMode | Literal["deprecated"]
ImageSize = int | tuple[int, int] | None


class _OnPictures(BaseEstimator):  # type: ignore[misc]
    """An estimator whose X isn't a table of numbers."""

    def __init__(
        self,
        backbone: str = "efficientnet_lite0",
        *,
        image_size: ImageSize = None,
        resize_mode: ResizeMode = "squash",
        fit_mode: OldMode = "deprecated",
    ) -> None:
        self.backbone = backbone
        self.image_size = image_size
        self.resize_mode = resize_mode
        self.fit_mode = fit_mode

    def _mode(self) -> ResizeMode:
        """Return how pictures are resized, under the parameter's former name too."""
        if self.fit_mode == "deprecated":
            return self.resize_mode
        warnings.warn(f"{type(self).__name__}(fit_mode=...) is now resize_mode=...", DeprecationWarning, stacklevel=4)
        return self.fit_mode

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.no_validation = True
        return tags


class PictureFeatures(TransformerMixin, _OnPictures):  # type: ignore[misc]
    """Turns pictures into a pretrained network's features: float32 (n, d). There is nothing to fit.

    `backbone`: efficientnet_lite0, mobilenet_v2, inception_v3, or the path of an ONNX file of one's own. `image_size`:
    pixels, one number or (height, width); the backbone's own where None. `resize_mode`: squash, crop or pad; `fit_mode`
    is its former name.
    """

    def fit(self, X: Iterable[Source], y: Any = None) -> "PictureFeatures":  # noqa: N803
        """Check the parameters and get the network ready. The pictures aren't looked at."""
        self._ready()
        return self

    def transform(self, X: Iterable[Source]) -> Features:  # noqa: N803
        """Return float32 (n, d), a row for each picture. Raises PictureError where one can't be decoded."""
        return self._features(*_by_content(X))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the d features."""
        graph, _ = self._ready()
        name = Path(graph.backbone.name).stem
        return np.array([f"{name}_{number}" for number in range(graph.width)], dtype=object)

    def _features(self, contents: Sequence[str], sources: Sequence[Source]) -> Features:
        graph, preprocess = self._ready()
        result = features_by_content(dict(zip(contents, sources, strict=True)), graph, preprocess)
        broken = [place for place, content in enumerate(contents) if content in result.failed]
        if broken:
            first = broken[0]
            raise _unusable(len(broken), len(contents), first, sources[first], result.failed[contents[first]])
        return result.features[[result.rows[content] for content in contents]]

    def _ready(self) -> tuple[BackboneGraph, Preprocess]:
        size = own_size(self.backbone) if self.image_size is None else self.image_size
        if size is None:
            raise RecipeError(f"{self.backbone} takes pictures of any size. Say which: image_size=224.")
        height, width = _height_and_width(size)
        graph = backbone_graph(self.backbone, (height, width), stages=probe_stages(self.backbone))
        return graph, Preprocess(height, width, self._mode())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.transformer_tags.preserves_dtype = []
        return tags


class PictureClassifier(ClassifierMixin, _OnPictures):  # type: ignore[misc]
    """Classifies pictures by a linear probe on a pretrained network's features: what `pawlab train` fits by default.

    `C`: inverse regularisation strength, or "auto": the one of `probe.C_GRID` with the smallest out-of-fold loss. The
    folds go by content, so copies stay together and nothing is random. Probabilities are calibrated by out-of-fold
    predictions, and the probe is fitted on all pictures. `pawlab.train` gives the same numbers for the same pictures,
    its validation ones among them, where none are near duplicates. With a number for `C` there are no folds, and
    probabilities stay as the probe gives them. The other parameters: see PictureFeatures.

    Fitted, it has `classes_`, `C_`, `temperature_`, and `probe_`, a LinearProbe.
    """

    def __init__(
        self,
        backbone: str = "efficientnet_lite0",
        *,
        image_size: ImageSize = None,
        resize_mode: ResizeMode = "squash",
        C: float | Literal["auto"] = "auto",  # noqa: N803
        fit_mode: OldMode = "deprecated",
    ) -> None:
        super().__init__(backbone, image_size=image_size, resize_mode=resize_mode, fit_mode=fit_mode)
        self.C = C

    def fit(
        self,
        X: Iterable[Source],  # noqa: N803
        y: Iterable[Any],
        validation: tuple[Iterable[Source], Iterable[Any]] | None = None,
    ) -> "PictureClassifier":
        """Fit on pictures and their labels. `validation`: more pictures, and theirs, which are used alike.

        Raises PictureError for a broken one, ValueError for a `C` that isn't a number above 0.
        """
        self._require_c()
        contents, features, y = self._labelled(X, y)
        if validation is not None:
            more, their_features, theirs = self._labelled(*validation)
            contents, features = contents + more, np.concatenate([features, their_features])
            y = np.concatenate([y, theirs])
        self.classes_, labels = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y has one class, {self.classes_[0]!r}; a classifier needs at least two")
        self.probe_, self.temperature_ = self._fitted(features, labels, contents)
        self.C_ = self.probe_.C
        return self

    def _require_c(self) -> None:
        given: Any = self.C
        number = isinstance(given, int | float | np.integer | np.floating) and not isinstance(given, bool)
        if given != "auto" and not (number and 0 < given < float("inf")):
            raise ValueError(f"C is {given!r}; it must be a number above 0, or 'auto'")

    def _fitted(self, features: Features, labels: Labels, contents: Sequence[str]) -> tuple[LinearProbe, float]:
        if self.C != "auto":
            return fit_probe(features, labels, self.C), 1.0
        folds = assign_folds(labels, contents)
        if not folds.any():
            raise DataError("C='auto' has too few different pictures to choose on. Add some, or give C a number.")
        found = cross_validate(features, labels, folds, len(self.classes_))
        judged = found.out_of_fold.judged
        return found.probe, fit_temperature(found.out_of_fold.logits[judged], labels[judged])

    def _labelled(self, X: Iterable[Source], y: Iterable[Any]) -> tuple[list[str], Features, Labels]:  # noqa: N803
        contents, sources = _by_content(X)
        labels = column_or_1d(y, warn=True)
        check_consistent_length(contents, labels)
        check_classification_targets(labels)
        return contents, self._extractor()._features(contents, sources), labels

    def predict(self, X: Iterable[Source]) -> Labels:  # noqa: N803
        """Return the most probable label of each picture."""
        best = self.predict_proba(X).argmax(axis=1)
        labels: Labels = self.classes_[best]
        return labels

    def predict_proba(self, X: Iterable[Source]) -> NDArray[np.float64]:  # noqa: N803
        """Return float64 (n, classes), in the order of `classes_`."""
        check_is_fitted(self)
        logits = self.probe_.logits(self._extractor().transform(X).astype(np.float64))
        probabilities: NDArray[np.float64] = softmax(logits / self.temperature_, axis=1)
        return probabilities

    def _extractor(self) -> PictureFeatures:
        return PictureFeatures(self.backbone, image_size=self.image_size, resize_mode=self._mode())


def _height_and_width(size: Any) -> tuple[int, int]:
    """Return what `image_size` means. A search's grid may hold NumPy's whole numbers."""
    given = (size, size) if isinstance(size, Integral) else size
    if np.shape(given) != (2,) or not all(isinstance(side, Integral) for side in given):
        raise ValueError(f"image_size is {size!r}; it must be a whole number of pixels, or (height, width)")
    return int(given[0]), int(given[1])


def _by_content(pictures: Iterable[Source]) -> tuple[list[str], list[Source]]:
    """Return the SHA-256 of what each picture holds, and the picture in a form that can be read again."""
    array = isinstance(pictures, np.ndarray) and pictures.dtype.kind not in "OUS" and pictures.ndim < 4
    if array or isinstance(pictures, str | bytes | Path | Image.Image):
        raise DataError("X is one picture. Give a list of pictures, as in ['cat.jpg'].")
    given = list(_one_column(pictures))
    if not given:
        raise DataError("X holds no pictures. Give at least one.")
    pairs = []
    for place, source in enumerate(given):
        try:
            pairs.append(_content(source))
        except PictureError as error:
            raise _unusable(1, len(given), place, source, str(error)) from error
    return [content for content, _ in pairs], [source for _, source in pairs]


def _one_column(pictures: Any) -> Iterable[Source]:
    """Return the pictures of a one-column table of paths, as a ColumnTransformer gives it; others as they are."""
    values = pictures.to_numpy() if hasattr(pictures, "to_numpy") else pictures
    if isinstance(values, np.ndarray) and values.dtype.kind in "OUS" and values.ndim == 2 and values.shape[1] == 1:
        return values[:, 0]
    return values  # type: ignore[no-any-return]


def _content(source: Any) -> tuple[str, Source]:
    if isinstance(source, str | Path):
        return sha256(read_file(source)).hexdigest(), source
    if isinstance(source, bytes):
        return sha256(source).hexdigest(), source
    if hasattr(source, "read"):
        return _content(source.read())
    if not isinstance(source, np.ndarray | Image.Image):
        raise PictureError(f"is of the type {type(source).__name__}; give a path, bytes, a Pillow image or an array")
    pixels = decode(source)
    return sha256(f"pixels {pixels.shape} ".encode() + pixels.tobytes()).hexdigest(), pixels


def _unusable(count: int, total: int, place: int, source: Any, reason: str) -> PictureError:
    name = f" ({source})" if isinstance(source, str | Path) else ""
    return PictureError(f"{count} of {total} pictures can't be used; the first is X[{place}]{name}: {reason}")
