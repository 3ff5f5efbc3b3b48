"""One contract over every published model: it is counted, built, trained, kept and exported as it says."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
import pytest

from pawlab.card import Card
from pawlab.classifier import Classifier, save_classifier
from pawlab.datasets.dataset import Dataset
from pawlab.datasets.discover import discover
from pawlab.datasets.splits import assign_splits
from pawlab.images import Preprocess, decode
from pawlab.recipes import PUBLISHED
from pawlab.recipes.recipe import Recipe
from pawlab.recipes.summary import count_parameters, summarise
from pawlab.trainers.fitted import Fitted
from pawlab.trainers.keras.architectures import build, compile_for
from pawlab.trainers.keras.network import split_at_backbone
from quick_training import train_keras

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras saving weights
TrainSmall = Callable[[Recipe, Path], Fitted]
Weights = Path | Literal["random"] | None
SMALL = Preprocess(height=48, width=48)  # enough for every layer of a network without a backbone, and quick
each_recipe = pytest.mark.parametrize("recipe", PUBLISHED, ids=lambda recipe: str(recipe.name))


@pytest.fixture(scope="module")
def few_pictures(learnable_folder: Path) -> Dataset:
    """Eight training, four validation and four test pictures, half of each class."""
    dataset = assign_splits(discover(learnable_folder))
    by_class = [[p for p in dataset.pictures if p.label == label] for label in dataset.classes]
    splits = ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
    chosen = [replace(p, split=split) for same in by_class for p, split in zip(same, splits, strict=False)]  # type: ignore[arg-type]
    return replace(dataset, pictures=tuple(chosen))


def keras_backbone(keras: ModuleType, recipe: Recipe) -> Any:
    """The recipe's network from Keras Applications, its weights random."""
    (layer,) = [layer for layer in recipe.layers if layer.kind == "backbone"]
    network = {"mobilenet_v2": keras.applications.MobileNetV2, "inception_v3": keras.applications.InceptionV3}
    shape = (recipe.preprocess.height, recipe.preprocess.width, 3)
    built = network[layer.options["name"]](include_top=False, weights=None, input_shape=shape)
    cut = layer.options["cut"]
    return built if cut is None else keras.Model(built.input, built.get_layer(cut).output)


def whole_model(keras: ModuleType, recipe: Recipe) -> Any:
    shape = (recipe.preprocess.height, recipe.preprocess.width, 3)
    backbone = keras_backbone(keras, recipe) if recipe.backbone else None
    return build(recipe.layers, shape, seed=0, backbone=backbone)


@each_recipe
def test_keras_builds_it_and_counts_what_the_recipe_says(keras: ModuleType, recipe: Recipe) -> None:
    model = whole_model(keras, recipe)
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert (model.count_params(), trainable) == (recipe.published["total"], recipe.published["trainable"])
    inner = [tuple(layer.output.shape[1:]) for layer in model.layers[1:]]
    assert inner == [line.output_shape for line in summarise(recipe)]


@each_recipe
def test_every_trainable_weight_gets_a_gradient(keras: ModuleType, recipe: Recipe) -> None:
    import tensorflow as tf

    model = trainable_model(recipe)
    compile_for(model, recipe)
    highest = 6.0 if recipe.backbone else 255.0  # of a feature, of a pixel
    inputs = np.random.default_rng(0).uniform(0, highest, (8, *model.input_shape[1:])).astype(np.float32)
    labels = np.array([0, 1] * 4, dtype=np.int32)
    with tf.GradientTape() as tape:
        loss = model.compute_loss(y=labels, y_pred=model(inputs, training=True))
    gradients = tape.gradient(loss, model.trainable_weights)
    assert all(gradient is not None for gradient in gradients)
    assert all(np.abs(gradient.numpy()).max() > 0 for gradient in gradients)


def trainable_model(recipe: Recipe) -> Any:
    if not recipe.backbone:
        return build(recipe.layers, (SMALL.height, SMALL.width, 3), seed=0)
    feature_map = next(line.output_shape for line in summarise(recipe) if line.kind == "backbone")
    return build(split_at_backbone(recipe)[1], feature_map, seed=0)


@pytest.fixture(scope="module")
def train_small(few_pictures: Dataset, lively_mobilenet: tuple[Any, Path]) -> TrainSmall:
    """Trains a recipe for one epoch on eight pictures; frozen networks have random weights."""

    def train(recipe: Recipe, folder: Path) -> Fitted:
        weights: Weights = {"mobilenet_v2": lively_mobilenet[1], "inception_v3": "random"}.get(str(recipe.backbone))  # type: ignore[assignment]
        return train_keras(few_pictures, small(recipe), folder=folder, epochs=1, weights=weights)

    return train


@pytest.fixture(scope="module")
def trained(train_small: TrainSmall, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Fitted]:
    return {recipe.name: train_small(recipe, tmp_path_factory.mktemp(recipe.name)) for recipe in PUBLISHED}


@each_recipe
def test_one_epoch_leaves_a_history_and_probabilities(recipe: Recipe, trained: dict[str, Fitted]) -> None:
    fitted = trained[recipe.name]
    (row,) = fitted.history
    assert (row.epoch, fitted.best_epoch, fitted.interrupted) == (1, 1, False)
    assert row.loss > 0
    assert row.val_loss > 0
    assert row.accuracy * 8 == pytest.approx(round(row.accuracy * 8), abs=1e-5)
    assert row.val_accuracy * 4 == pytest.approx(round(row.val_accuracy * 4), abs=1e-5)
    assert fitted.validation.shape == (4, 2)
    assert fitted.validation.sum(axis=1) == pytest.approx(1, abs=1e-5)


@each_recipe
def test_saved_and_loaded_it_answers_as_keras_does(
    recipe: Recipe, trained: dict[str, Fitted], few_pictures: Dataset, tmp_path: Path
) -> None:
    fitted = trained[recipe.name]
    preprocess = small(recipe).preprocess
    card = Card(few_pictures.classes, preprocess, recipe.name, "0", 0.5)
    save_classifier(fitted.graph, card, tmp_path / "model.onnx")
    classifier = Classifier.load(tmp_path)
    pixels = np.stack([decode(picture.path, preprocess) for picture in few_pictures.split("validation")])
    assert np.abs(classifier.probabilities(pixels) - fitted.validation).max() < 1e-4


@each_recipe
def test_the_same_seed_gives_the_same_numbers(
    recipe: Recipe, trained: dict[str, Fitted], train_small: TrainSmall, tmp_path: Path
) -> None:
    again = train_small(recipe, tmp_path)
    assert np.array_equal(again.validation, trained[recipe.name].validation)
    assert replace(again.history[0], seconds=0) == replace(trained[recipe.name].history[0], seconds=0)
    assert again.graph.graph == trained[recipe.name].graph.graph
    assert again.parameters == trained[recipe.name].parameters == count_parameters(small(recipe))


def small(recipe: Recipe) -> Recipe:
    """The recipe on smaller pictures, where its layers allow them."""
    if recipe.backbone == "mobilenet_v2":  # two convolutions on its feature map need one of 5 x 5
        return recipe
    return replace(recipe, preprocess=Preprocess(80, 80) if recipe.backbone else SMALL)
