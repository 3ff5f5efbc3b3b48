import hashlib
import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import validate_data

import pawlab
from own_networks import cells_network
from pawlab.datasets.dataset import SPLITS
from pawlab.datasets.discover import discover
from pawlab.datasets.sample import sample_files
from pawlab.engines.work import ForwardPass
from pawlab.errors import DataError, PictureError, RecipeError
from pawlab.estimators import PictureClassifier, PictureFeatures
from pawlab.features.extract import extract_features
from pawlab.features.source import FeatureSource
from pawlab.images import Preprocess
from pawlab.recipes import find_recipe
from pawlab.trainers.cross_validation import assign_folds, cross_validate
from pawlab.trainers.finish import fit_temperature
from pawlab.trainers.probe import fit_probe, mean_and_deviation
from picture_folders import labelled

SMALL = 64  # pixels: quick, and enough to tell warm circles from cold squares
Labelled = tuple[list[str], list[str]]


@pytest.fixture(scope="module")
def shapes(learnable_folder: Path) -> Labelled:
    """Thirty pictures of two classes, mixed."""
    paths = sorted(learnable_folder.rglob("*.png"), key=lambda path: (path.name, path.parent.name))[:30]
    return [str(path) for path in paths], [path.parent.name for path in paths]


def features_of(paths: list[str], preprocess: Preprocess) -> NDArray[np.float32]:
    """The features that training itself would use."""
    recipe = replace(find_recipe("fast"), preprocess=preprocess)
    graph = FeatureSource().backbone(recipe)
    return extract_features([labelled(Path(path)) for path in paths], graph, preprocess).features[:]


def test_features_are_those_that_training_uses(shapes: Labelled) -> None:
    expected = features_of(shapes[0], Preprocess(SMALL, 48, "pad"))
    features = PictureFeatures(image_size=(SMALL, 48), resize_mode="pad").fit_transform(shapes[0])
    np.testing.assert_array_equal(features, expected)
    assert (features.shape, features.dtype) == ((30, 3824), np.float32)


def test_image_sizes(shapes: Labelled) -> None:
    expected = PictureFeatures(image_size=SMALL).transform(shapes[0][:2])
    sizes: list[Any] = [np.int64(SMALL), (SMALL, np.int32(SMALL)), [SMALL, SMALL], np.array([SMALL, SMALL])]
    for size in sizes:
        np.testing.assert_array_equal(PictureFeatures(image_size=size).transform(shapes[0][:2]), expected)
    mistakes: list[Any] = [(3,), 1.5, "64", (64, 64, 3), (64, 1.5)]
    for wrong in mistakes:
        with pytest.raises(ValueError, match=r"it must be a whole number of pixels, or \(height, width\)$") as caught:
            PictureClassifier(image_size=wrong).fit(*shapes)
        assert str(caught.value).startswith(f"image_size is {wrong!r}; ")


def test_the_classifier_equals_scikit_learn_on_those_features(shapes: Labelled) -> None:
    paths, labels = shapes
    features = features_of(paths, Preprocess(SMALL, SMALL))
    mean, deviation = mean_and_deviation(features[:20])
    scaler = FunctionTransformer(lambda rows: (rows - mean) / deviation)
    expected = make_pipeline(scaler, LogisticRegression(C=0.003, tol=1e-10, max_iter=5000)).fit(
        features[:20], labels[:20]
    )
    classifier = PictureClassifier(image_size=SMALL, C=0.003).fit(paths[:20], labels[:20])
    np.testing.assert_allclose(
        classifier.predict_proba(paths[20:]), expected.predict_proba(features[20:]), rtol=0, atol=1e-4
    )
    assert list(classifier.predict(paths[20:])) == list(expected.predict(features[20:]))
    assert classifier.score(paths[20:], labels[20:]) == expected.score(features[20:], labels[20:])
    assert list(classifier.classes_) == ["cold-squares", "warm-circles"]


def test_on_the_same_split_it_gives_the_numbers_of_a_run(tmp_path: Path) -> None:
    """The sample is hard enough that probabilities differ from 0 and 1."""
    run = pawlab.train("sample", out=tmp_path / "run", report=False)
    pictures = {split: discover("sample").split(split) for split in SPLITS}
    paths = {split: [str(picture.path) for picture in some] for split, some in pictures.items()}
    labels = {split: [picture.label for picture in some] for split, some in pictures.items()}
    classifier = PictureClassifier().fit(
        paths["train"], labels["train"], validation=(paths["validation"], labels["validation"])
    )
    assert run.record["chosen_on_validation"]["C"] == classifier.C_
    assert run.metrics["calibration"]["temperature"] == pytest.approx(classifier.temperature_, rel=1e-4)
    predicted = run.classifier.predict(paths["test"])
    expected = [[one.probabilities[name] for name in run.classifier.classes] for one in predicted]
    np.testing.assert_allclose(classifier.predict_proba(paths["test"]), expected, atol=1e-4)
    assert classifier.score(paths["test"], labels["test"]) == run.metrics["test"]["accuracy"] < 1


def test_with_three_pictures_per_class_it_is_no_weaker_than_a_run(shapes: Labelled) -> None:
    """The deviation of a handful of pictures is shrunk in both."""
    paths, labels = shapes
    classifier = PictureClassifier(image_size=SMALL, C=0.01).fit(paths[:6], labels[:6])
    probe = fit_probe(features_of(paths[:6], Preprocess(SMALL, SMALL)), np.array([0, 1] * 3), 0.01)
    np.testing.assert_array_equal(classifier.probe_.weights, probe.weights)


def test_auto_takes_the_C_with_the_smallest_out_of_fold_loss_by_content(shapes: Labelled) -> None:  # noqa: N802
    """Copies stay together: a picture isn't predicted by a probe that was fitted on it."""
    paths, labels = [*shapes[0], *shapes[0][::-1]], [*shapes[1], *shapes[1][::-1]]
    classifier = PictureClassifier(image_size=SMALL).fit(paths, labels)
    features, positions = features_of(paths, Preprocess(SMALL, SMALL)), np.searchsorted(classifier.classes_, labels)
    folds = assign_folds(positions, [hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths])
    assert (folds[:30] == folds[30:][::-1]).all()
    found = cross_validate(features, positions, folds, 2)
    assert classifier.C_ == found.probe.C
    np.testing.assert_array_equal(classifier.probe_.weights, found.probe.weights)
    assert classifier.temperature_ == fit_temperature(found.out_of_fold.logits, positions)


def test_the_former_name_of_resize_mode_works_with_a_warning(shapes: Labelled) -> None:
    expected = PictureFeatures(image_size=(SMALL, 48), resize_mode="pad").transform(shapes[0][:2])
    with pytest.warns(DeprecationWarning, match=r"^PictureFeatures\(fit_mode=...\) is now resize_mode=...$"):
        found = PictureFeatures(image_size=(SMALL, 48), fit_mode="pad").transform(shapes[0][:2])
    np.testing.assert_array_equal(found, expected)


def test_a_clone_and_a_pickle_answer_alike(shapes: Labelled) -> None:
    paths, labels = shapes
    classifier = PictureClassifier(image_size=SMALL, resize_mode="crop", C=0.01)
    assert clone(classifier).get_params() == {
        "backbone": "efficientnet_lite0",
        "image_size": SMALL,
        "resize_mode": "crop",
        "C": 0.01,
        "fit_mode": "deprecated",
    }
    assert repr(classifier) == "PictureClassifier(C=0.01, image_size=64, resize_mode='crop')"
    classifier.fit(paths, labels)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(paths), classifier.predict_proba(paths))
    with pytest.raises(NotFittedError):
        clone(classifier).predict(paths)


def test_a_pipeline_with_any_classifier_of_scikit_learn(shapes: Labelled) -> None:
    paths, labels = shapes
    pipeline = make_pipeline(PictureFeatures(image_size=SMALL), SVC(kernel="linear"))
    assert cross_val_score(pipeline, paths, labels, cv=3).tolist() == [1.0, 1.0, 1.0]
    names = pipeline[:1].get_feature_names_out()
    assert (len(names), names[-1]) == (3824, "efficientnet_lite0_3823")


def test_a_search_on_the_sample_computes_each_feature_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path))
    kinds = ["cats", "dogs"] * 6
    pictures = list(sample_files(len(kinds)))
    computed = []
    compute = ForwardPass.__call__

    def counted(work: ForwardPass, source: Any) -> Any:
        computed.append(source)
        return compute(work, source)

    monkeypatch.setattr(ForwardPass, "__call__", counted)
    grid = {"C": [1e-4, 1e-2], "resize_mode": ["squash", "pad"]}
    search = GridSearchCV(PictureClassifier(image_size=SMALL), grid, cv=StratifiedKFold(2)).fit(pictures, kinds)
    assert len(computed) == 2 * len(pictures)  # once for each way of fitting
    assert search.best_score_ == search.cv_results_["mean_test_score"].max()
    assert search.score(pictures, kinds) == 1.0


def forms(path: str) -> Iterator[Any]:
    """The same picture in every form."""
    yield Path(path)
    yield Path(path).read_bytes()
    yield Image.open(path)
    yield np.asarray(Image.open(path))
    with open(path, "rb") as file:  # noqa: PTH123
        yield file


def test_pictures_may_come_in_any_form(shapes: Labelled) -> None:
    transformer = PictureFeatures(image_size=SMALL)
    expected = transformer.transform(shapes[0][:1])
    for form in forms(shapes[0][0]):
        np.testing.assert_array_equal(transformer.transform([form]), expected)
    stack = np.stack([np.asarray(Image.open(path)) for path in shapes[0][:3]])
    np.testing.assert_array_equal(transformer.transform(stack), transformer.transform(shapes[0][:3]))
    column = np.array(shapes[0][:3], dtype=object)[:, np.newaxis]
    np.testing.assert_array_equal(transformer.transform(column), transformer.transform(shapes[0][:3]))


def test_mistakes_are_told_in_one_line(shapes: Labelled, tmp_path: Path) -> None:
    paths, labels = shapes
    cut = tmp_path / "cut.png"
    cut.write_bytes(Path(paths[0]).read_bytes()[:300])
    small = PictureFeatures(image_size=SMALL)
    with pytest.raises(PictureError, match=r"^1 of 3 pictures can't be used; the first is X\[1\] \(.*cut.png\): can't"):
        small.transform([paths[0], str(cut), paths[1]])
    with pytest.raises(PictureError, match=r"^1 of 2 .* the first is X\[1\] \(nowhere.jpg\): can't be read: No such"):
        small.transform([paths[0], "nowhere.jpg"])
    with pytest.raises(PictureError, match=r"the first is X\[0\]: is of the type float; give a path, bytes, a Pillow"):
        small.transform([0.5])  # type: ignore[list-item]
    with pytest.raises(DataError, match=r"^X is one picture. Give a list of pictures, as in \['cat.jpg'\].$"):
        small.transform(paths[0])
    with pytest.raises(DataError, match=r"^X is one picture. Give a list of pictures, as in \['cat.jpg'\].$"):
        small.transform(np.zeros((SMALL, SMALL, 3), np.uint8))
    with pytest.raises(DataError, match=r"^X holds no pictures. Give at least one.$"):
        small.transform([])
    with pytest.raises(RecipeError, match=r"^there is no backbone 'mobilenet_v5'. Did you mean 'mobilenet_v2'\?"):
        PictureFeatures("mobilenet_v5").fit(paths)
    with pytest.raises(DataError, match=r"^C='auto' has too few different pictures to choose on. Add some, or give"):
        PictureClassifier(image_size=SMALL).fit(paths[:2] * 9, labels[:2] * 9)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        PictureClassifier(image_size=SMALL).fit(paths, labels[:-1])


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), "x", None, True])
def test_a_c_that_is_none_is_refused_before_the_pictures_are_read(value: Any) -> None:
    with pytest.raises(ValueError, match=rf"^C is {value!r}; it must be a number above 0, or 'auto'$"):
        PictureClassifier(C=value).fit(["nowhere.jpg"], ["a"])


def test_they_are_names_of_the_package() -> None:
    assert pawlab.PictureClassifier is PictureClassifier
    assert pawlab.PictureFeatures is PictureFeatures


CELLS = Path("cells.onnx")


class _Drawing:
    """Lets scikit-learn's checks, which know only tables of numbers, apply to pictures.

    It draws a picture of each row, a number a cell, for a network that looks at the cells. The checking of tables is
    scikit-learn's own.
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array, tags.input_tags.string, tags.no_validation = True, False, False
        return tags

    def _drawn(self, X: Any, y: Any = None, reset: bool = False) -> tuple[list[Any], Any]:  # noqa: N803
        options = {} if y is None else {"y": y}
        checked = validate_data(self, X, reset=reset, dtype=np.float64, **options)
        table, labels = (checked, None) if y is None else checked
        cells = np.zeros((len(table), 16))
        cells[:, : table.shape[1]] = table[:, :16]
        gray = np.clip(128 + 20 * cells, 0, 255).astype(np.uint8).reshape(-1, 4, 4)
        return [np.kron(square, np.ones((4, 4), np.uint8)) for square in gray], labels


class FeaturesOfNumbers(_Drawing, PictureFeatures):
    def __init__(self, backbone: str = "") -> None:
        super().__init__(backbone)

    def fit(self, X: Any, y: Any = None) -> Any:  # noqa: N803
        self._drawn(X, reset=True)
        return super().fit([])

    def transform(self, X: Any) -> Any:  # noqa: N803
        return super().transform(self._drawn(X)[0])

    def _ready(self) -> Any:
        return PictureFeatures(str(CELLS))._ready()


class ClassifierOfNumbers(_Drawing, PictureClassifier):
    def __init__(self, C: Any = 1.0) -> None:  # noqa: N803
        super().__init__(C=C)

    def fit(self, X: Any, y: Any, validation: Any = None) -> Any:  # noqa: N803
        return super().fit(*self._drawn(X, y, reset=True))

    def predict_proba(self, X: Any) -> Any:  # noqa: N803
        return super().predict_proba(self._drawn(X)[0])

    def _extractor(self) -> PictureFeatures:
        return PictureFeatures(str(CELLS))


# What scikit-learn leaves out by itself, and why. As they stand, it would leave out all of its checks: X is no table.
LEFT_OUT = {
    "check_array_api_input": "only where the environment variable SCIPY_ARRAY_API is set",
    "check_classifier_data_not_an_array": "only where pandas is installed",
}


@pytest.mark.parametrize("estimator", [FeaturesOfNumbers, ClassifierOfNumbers])
def test_scikit_learns_own_checks(estimator: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAWLAB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(f"{__name__}.CELLS", cells_network(tmp_path / "cells.onnx"))
    results = check_estimator(estimator(), on_fail=None, on_skip=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    passed = {result["check_name"] for result in results if result["status"] == "passed"}
    assert failed == {}
    assert {result["check_name"] for result in results} - passed <= LEFT_OUT.keys()
    assert len(passed) > 40
