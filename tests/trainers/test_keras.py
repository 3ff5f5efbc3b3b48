"""A training run: the same as Keras's own, whatever is in the way: kills, interrupts, bad files, too little memory."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from pawlab.datasets.dataset import Dataset
from pawlab.datasets.discover import discover
from pawlab.datasets.splits import assign_splits
from pawlab.errors import RecipeError
from pawlab.evaluation.history import Epoch, read_history
from pawlab.graphs.builder import GraphBuilder
from pawlab.images import Preprocess
from pawlab.progress import Advance, silent
from pawlab.recipes import find_recipe, layers
from pawlab.recipes.recipe import Recipe
from pawlab.trainers.fitted import Settings
from pawlab.trainers.keras import batches as pipeline
from pawlab.trainers.keras import checkpoint, fit
from pawlab.trainers.keras.architectures import build, compile_for, reseed
from pawlab.trainers.keras.batches import Decoded, decode_splits, one_ahead, picture_feed
from pawlab.trainers.keras.network import prepare
from pawlab.trainers.keras.randomness import shuffled
from pawlab.trainers.keras.to_onnx import require_same_predictions, to_onnx, to_probabilities
from quick_training import interrupting, killing, train_keras

Array = NDArray[Any]
SMALL = Preprocess(height=48, width=48)


@pytest.fixture(scope="module")
def dataset(learnable_folder: Path) -> Dataset:
    return assign_splits(discover(learnable_folder))


def small(name: str, **changes: Any) -> Recipe:
    return replace(find_recipe(name), preprocess=SMALL, **changes)


def random_part(count: int, seed: int = 0) -> Decoded:
    random = np.random.default_rng(seed)
    return Decoded(random.integers(0, 256, (count, 48, 48, 3), dtype=np.uint8), np.arange(count, dtype=np.int32) % 2)


def weights_after(folder: Path, epoch: int) -> list[Array]:
    with np.load(folder / f"epoch-{epoch:04}.npz") as arrays:
        return [arrays[name] for name in arrays.files]


def without_seconds(history: tuple[Epoch, ...]) -> list[Epoch]:
    return [replace(row, seconds=0.0) for row in history]


# Batches


def test_each_epoch_has_an_order_of_its_own_and_every_picture_once() -> None:
    orders = [shuffled(100, seed, epoch).tolist() for seed, epoch in ((0, 1), (0, 2), (1, 1))]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert shuffled(100, 0, 2).tolist() == orders[1]


def test_a_feed_gives_pictures_with_their_own_labels() -> None:
    train = Decoded(np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1), np.arange(10, dtype=np.int32))
    feed = picture_feed(train, train, batch_size=4, seed=0)
    batches = list(feed.training(1))
    assert [len(labels) for _, labels in batches] == [4, 4, 2]
    assert all((inputs.ravel() == labels).all() for inputs, labels in batches)
    assert np.concatenate([labels for _, labels in batches]).tolist() == shuffled(10, 0, 1).tolist()
    assert np.concatenate([labels for _, labels in feed.validation()]).tolist() == list(range(10))


def test_an_error_in_the_thread_that_makes_batches_is_not_lost() -> None:
    def failing() -> Iterator[Any]:
        yield np.zeros(1), np.zeros(1)
        raise ValueError("no more")

    batches = one_ahead(failing())
    assert len(next(batches)) == 2
    with pytest.raises(ValueError, match="no more"):
        next(batches)


def test_pictures_that_do_not_fit_in_memory_are_mapped_and_the_same(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train, validation, *_ = decode_splits(dataset, SMALL, tmp_path, silent)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(pipeline, "IN_MEMORY_BYTES", 0)
    mapped, mapped_validation, *_ = decode_splits(dataset, SMALL, tmp_path, silent)
    assert isinstance(mapped.pixels, np.memmap)
    assert {path.name for path in tmp_path.iterdir()} == {"train-pixels.npy", "validation-pixels.npy"}
    assert np.array_equal(mapped.pixels, train.pixels)
    assert np.array_equal(mapped_validation.pixels, validation.pixels)


def test_a_picture_that_cannot_be_decoded_is_set_aside_with_its_reason(dataset: Dataset, tmp_path: Path) -> None:
    first = dataset.split("train")[0]
    (tmp_path / "cut.png").write_bytes(first.path.read_bytes()[:200])
    pictures = tuple(replace(p, path=tmp_path / "cut.png") if p == first else p for p in dataset.pictures)
    train, _, skipped, _ = decode_splits(replace(dataset, pictures=pictures), SMALL, tmp_path, silent)
    assert [item.name for item in skipped] == [first.name]
    assert skipped[0].reason.startswith("can't be decoded")
    whole, *_ = decode_splits(dataset, SMALL, tmp_path, silent)
    assert np.array_equal(train.pixels, whole.pixels[1:])
    assert np.array_equal(train.labels, whole.labels[1:])


# Against Keras's own fit


@pytest.mark.parametrize("name", ["a1", "a3", "b1", "d2"])
def test_an_epoch_ends_with_the_weights_that_keras_fit_ends_with(
    keras: ModuleType, dataset: Dataset, tmp_path: Path, name: str
) -> None:
    recipe = small(name)
    fitted = train_keras(dataset, recipe, folder=tmp_path, epochs=1)
    train, validation, *_ = decode_splits(dataset, SMALL, tmp_path, silent)
    model = build(recipe.layers, (48, 48, 3), seed=0)
    compile_for(model, recipe)
    reseed(model, 0, 1)
    order = shuffled(len(train), 0, 1)
    history = model.fit(
        train.pixels[order].astype(np.float32),
        train.labels[order],
        batch_size=32,
        epochs=1,
        shuffle=False,
        verbose=0,
        validation_data=(validation.pixels.astype(np.float32), validation.labels),
        validation_batch_size=32,
    ).history
    ours = weights_after(tmp_path, 1)[: len(model.weights)]
    for one, other in zip(ours, model.weights, strict=True):
        np.testing.assert_allclose(one, other.numpy(), rtol=1e-5, atol=1e-6)
    row = fitted.history[0]
    expected = [history[key][0] for key in ("loss", "accuracy", "val_loss", "val_accuracy")]
    assert [row.loss, row.accuracy, row.val_loss, row.val_accuracy] == pytest.approx(expected, rel=1e-4)


def test_a_network_learns_what_can_be_learnt(keras: ModuleType, dataset: Dataset, tmp_path: Path) -> None:
    fitted = train_keras(dataset, small("a3", batch_size=8), folder=tmp_path, epochs=6)
    assert max(row.val_accuracy for row in fitted.history) >= 0.9
    assert fitted.history[-1].loss < fitted.history[0].loss


# Frozen networks


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("name", ["c4", "b4"])
def test_head_and_frozen_network_answer_as_the_whole_network_in_keras(
    keras: ModuleType, lively_mobilenet: tuple[Any, Path], dataset: Dataset, tmp_path: Path, name: str
) -> None:
    network, weights = lively_mobilenet
    recipe = find_recipe(name)
    fitted = train_keras(dataset, recipe, folder=tmp_path, epochs=1, weights=weights)
    whole = build(recipe.layers, (160, 160, 3), seed=0, backbone=network)
    for variable, value in zip(whole.trainable_weights, weights_after(tmp_path, 1), strict=False):
        variable.assign(value)
    _, validation, *_ = decode_splits(dataset, recipe.preprocess, tmp_path, silent)
    outputs = whole(validation.pixels.astype(np.float32), training=False).numpy()
    assert np.ptp(outputs[:, 0]) > 0.01, "pictures must differ, or equality says nothing"
    assert np.abs(to_probabilities(outputs, recipe, 2) - fitted.validation).max() < 1e-4


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_training_features_change_with_the_epoch_and_only_with_it(
    lively_mobilenet: tuple[Any, Path], dataset: Dataset, tmp_path: Path
) -> None:
    def features(seed: int, epoch: int) -> tuple[Array, Array]:
        network = prepare(dataset, find_recipe("c4"), Settings(tmp_path, seed, weights=lively_mobilenet[1]))
        inputs, labels = zip(*network.feed.training(epoch), strict=True)
        return np.concatenate(inputs), np.concatenate(labels)

    first, labels = features(0, 1)
    again, same_labels = features(0, 1)
    assert np.array_equal(first, again)
    assert np.array_equal(labels, same_labels)
    later, _ = features(0, 2)
    order, later_order = (np.argsort(shuffled(len(first), 0, epoch)) for epoch in (1, 2))
    assert (np.abs(first[order] - later[later_order]).max(axis=(1, 2, 3)) > 0).all()


# Kills, interrupts, resumes

KILLED_IN_EPOCH_3 = f"""{killing(3)}
from dataclasses import replace
from pathlib import Path
from pawlab.datasets.discover import discover
from pawlab.datasets.splits import assign_splits
from pawlab.images import Preprocess
from pawlab.recipes import find_recipe, layers
from pawlab.features.source import FeatureSource
from pawlab.trainers.fitted import Settings
from pawlab.trainers.keras.fit import fit

recipe = replace(find_recipe("a2"), preprocess=Preprocess(48, 48))
data = assign_splits(discover(sys.argv[1]))
fit(data, recipe, FeatureSource(), Settings(Path(sys.argv[2]), epochs=4, progress=deadly))
"""


def test_a_run_killed_in_epoch_3_resumes_and_ends_as_an_unbroken_one(
    keras: ModuleType, learnable_folder: Path, dataset: Dataset, tmp_path: Path
) -> None:
    killed, unbroken = tmp_path / "killed", tmp_path / "unbroken"
    process = subprocess.run(
        [sys.executable, "-c", KILLED_IN_EPOCH_3, str(learnable_folder), str(killed)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode != 0
    assert process.stdout + process.stderr == "", "TensorFlow's talk reaches nobody"
    assert [row.epoch for row in read_history(killed / "history.csv")] == [1, 2]

    resumed = train_keras(dataset, small("a2"), folder=killed, epochs=4)
    whole = train_keras(dataset, small("a2"), folder=unbroken, epochs=4)
    assert without_seconds(resumed.history) == without_seconds(whole.history)
    for one, other in zip(weights_after(killed, 4), weights_after(unbroken, 4), strict=True):
        assert np.array_equal(one, other)
    assert resumed.graph == whole.graph
    assert without_seconds(read_history(killed / "history.csv")) == without_seconds(whole.history)


def test_an_interrupt_keeps_what_has_been_learnt_and_can_be_resumed(
    keras: ModuleType, dataset: Dataset, tmp_path: Path
) -> None:
    stopped = train_keras(dataset, small("a1"), folder=tmp_path, epochs=3, progress=interrupting("Epoch 2"))
    assert stopped.interrupted
    assert len(stopped.history) == 1
    assert stopped.best_epoch == 1
    resumed = train_keras(dataset, small("a1"), folder=tmp_path, epochs=3)
    whole = train_keras(dataset, small("a1"), folder=tmp_path / "whole", epochs=3)
    assert not resumed.interrupted
    assert without_seconds(resumed.history) == without_seconds(whole.history)


def test_an_interrupt_before_anything_has_been_learnt_is_passed_on(
    keras: ModuleType, dataset: Dataset, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        train_keras(dataset, small("a1"), folder=tmp_path, epochs=3, progress=interrupting("Epoch 1"))


RAN_AWAY = (
    "the loss of the recipe 'a1' is no finite number in epoch {epoch}. "
    "A learning_rate below {rate} may fix that, in a new run."
)


def test_training_that_runs_away_ends_at_once_and_keeps_nothing_of_it(
    keras: ModuleType, dataset: Dataset, tmp_path: Path
) -> None:
    wild = small("a1", learning_rate=1e38)
    with pytest.raises(RecipeError) as caught:
        train_keras(dataset, wild, folder=tmp_path, epochs=3)
    assert str(caught.value) == RAN_AWAY.format(epoch=1, rate=1e38)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("column", ["loss", "val_loss"])
def test_training_that_runs_away_later_leaves_what_was_learnt_before(
    keras: ModuleType, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str
) -> None:
    whole_epoch = fit._epoch
    lost: dict[str, Any] = {column: np.nan}

    def running_away(network: Any, steps: Any, epoch: int, *others: Any) -> Epoch:
        row = whole_epoch(network, steps, epoch, *others)
        return replace(row, **lost) if epoch == 2 else row

    with monkeypatch.context() as patch:
        patch.setattr(fit, "_epoch", running_away)
        for _ in range(2):  # it is resumed in vain
            with pytest.raises(RecipeError) as caught:
                train_keras(dataset, small("a1"), folder=tmp_path, epochs=3)
            assert str(caught.value) == RAN_AWAY.format(epoch=2, rate=0.001)
            assert [row.epoch for row in read_history(tmp_path / "history.csv")] == [1]
    resumed = train_keras(dataset, small("a1"), folder=tmp_path, epochs=3)
    whole = train_keras(dataset, small("a1"), folder=tmp_path / "whole", epochs=3)
    assert without_seconds(resumed.history) == without_seconds(whole.history)


def test_a_state_of_training_that_ran_away_is_refused(keras: ModuleType, dataset: Dataset, tmp_path: Path) -> None:
    train_keras(dataset, small("a1"), folder=tmp_path, epochs=2)
    state = json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))
    state["history"][1]["val_loss"] = np.nan
    (tmp_path / "state.json").write_text(json.dumps(state), encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        train_keras(dataset, small("a1"), folder=tmp_path, epochs=3)
    assert str(caught.value) == RAN_AWAY.format(epoch=2, rate=0.001)


@pytest.mark.parametrize(
    "damage", ["[]", "{}", "[" * 100_000, '{"identity": {}, "history": [5]}', "\0", '{"identity": 5}']
)
def test_a_damaged_state_is_refused(tmp_path: Path, damage: str) -> None:
    (tmp_path / "state.json").write_text(damage, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        checkpoint.resume(tmp_path, {}, None)
    assert str(caught.value).startswith(f"the state of the unfinished run in {tmp_path} is damaged (")
    assert str(caught.value).endswith("). Train anew.")


def test_another_run_s_state_is_refused(keras: ModuleType, dataset: Dataset, tmp_path: Path) -> None:
    train_keras(dataset, small("a1"), folder=tmp_path, epochs=1)
    with pytest.raises(RecipeError) as caught:
        train_keras(dataset, small("a2"), folder=tmp_path, seed=1, epochs=2)
    assert str(caught.value) == (
        f"the unfinished run in {tmp_path} can't go on with another recipe and seed. "
        "Give what it began with, or train anew."
    )


def test_only_the_last_and_the_best_epoch_are_kept(keras: ModuleType, dataset: Dataset, tmp_path: Path) -> None:
    fitted = train_keras(dataset, small("a3"), folder=tmp_path, epochs=3)
    kept = sorted(path.name for path in tmp_path.glob("epoch-*"))
    assert kept == sorted({f"epoch-{fitted.best_epoch:04}.npz", "epoch-0003.npz"})


def rows(*accuracies: float, losses: tuple[float, ...] = ()) -> tuple[Epoch, ...]:
    losses = losses or (1.0,) * len(accuracies)
    pairs = zip(accuracies, losses, strict=True)
    return tuple(Epoch(i, 1.0, 0.5, loss, accuracy, 1.0) for i, (accuracy, loss) in enumerate(pairs, start=1))


def test_the_best_epoch_is_the_most_accurate_then_the_surest_then_the_first() -> None:
    assert checkpoint.best_epoch(rows(0.5, 0.7, 0.6)) == 2
    assert checkpoint.best_epoch(rows(0.7, 0.7, 0.6, losses=(0.9, 0.8, 0.1))) == 2
    assert checkpoint.best_epoch(rows(0.7, 0.7)) == 1
    assert checkpoint.best_epoch(rows(0.7, 0.6, 0.5, losses=(0.9, 0.8, 0.8)), by_loss=True) == 2


@pytest.mark.parametrize("loss", [np.nan, np.inf])
def test_an_epoch_without_a_finite_loss_is_never_the_best(loss: float) -> None:
    assert checkpoint.best_epoch(rows(0.9, 0.5, 0.6, losses=(loss, 1.0, 1.0))) == 3
    first, *others = rows(0.9, 0.5, 0.6)
    assert checkpoint.best_epoch([replace(first, loss=loss), *others]) == 3


def test_early_stopping_is_the_recipe_s_choice() -> None:
    def is_over(history: tuple[Epoch, ...], patience: int) -> bool:
        return fit._is_over(history, 20, patience)

    assert not is_over((), patience=1)
    assert not is_over(rows(0.9, 0.5, 0.5, 0.5), patience=0)
    assert not is_over(rows(0.9, 0.5), patience=2)
    assert is_over(rows(0.9, 0.5, 0.5), patience=2)
    assert is_over(rows(*[0.5] * 20), patience=0)
    assert all(recipe.early_stopping == 0 for recipe in map(find_recipe, ("a1", "c4", "e1")))


def test_weights_for_a_recipe_without_a_pretrained_network_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        prepare(dataset, small("a1"), Settings(tmp_path, weights=tmp_path / "weights.h5"))
    assert str(caught.value) == ("the recipe 'a1' has no pretrained network that takes weights. Leave --weights out.")


# What is told on the way


def test_bars_tell_loss_and_accuracy_and_how_far_it_is(keras: ModuleType, dataset: Dataset, tmp_path: Path) -> None:
    bars: dict[str, tuple[int | None, int, str]] = {}

    @contextmanager
    def bar(title: str, total: int | None, unit: str = "pictures") -> Iterator[Advance]:
        def advance(steps: int, note: str = "") -> None:
            bars[title] = (total, bars.get(title, (0, 0, ""))[1] + steps, note)

        yield advance

    fitted = train_keras(dataset, small("a1"), folder=tmp_path, epochs=2, progress=bar)
    assert list(bars) == ["Decoding train pictures", "Decoding validation pictures", "Epoch 1 of 2", "Epoch 2 of 2"]
    total, done, note = bars["Epoch 2 of 2"]
    assert total == done == len(dataset.split("train")) + len(dataset.split("validation"))
    row = fitted.history[1]
    assert note == f"loss {row.val_loss:.3f}, accuracy {row.val_accuracy:.1%}"


def test_tensorboard_s_logs_hold_the_history(keras: ModuleType, dataset: Dataset, tmp_path: Path) -> None:
    import tensorflow as tf

    fitted = train_keras(dataset, small("a1"), folder=tmp_path, epochs=2, tensorboard=True)
    found: dict[tuple[str, str, int], float] = {}
    for file in sorted((tmp_path / "tensorboard").rglob("*tfevents*")):
        for record in tf.data.TFRecordDataset(str(file)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            for value in event.summary.value:
                found[file.parent.name, value.tag, event.step] = value.simple_value
    expected = {}
    for row in fitted.history:
        expected["train", "epoch_loss", row.epoch] = row.loss
        expected["train", "epoch_accuracy", row.epoch] = row.accuracy
        expected["validation", "epoch_loss", row.epoch] = row.val_loss
        expected["validation", "epoch_accuracy", row.epoch] = row.val_accuracy
    assert found == pytest.approx(expected)


# Outputs and export


def test_spare_outputs_are_left_out_as_if_the_answer_were_known_to_be_a_class() -> None:
    outputs = np.random.default_rng(0).normal(size=(5, 64)).astype(np.float32)
    over_all = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    expected = over_all[:, :2] / over_all[:, :2].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(to_probabilities(outputs, find_recipe("b1"), 2), expected, rtol=1e-5)


def test_one_sigmoid_is_the_probability_of_the_second_class() -> None:
    answers = to_probabilities(np.array([[0.9], [0.2]], dtype=np.float32), find_recipe("e1"), 2)
    np.testing.assert_allclose(answers, [[0.1, 0.9], [0.8, 0.2]], rtol=1e-6)


@pytest.mark.parametrize(("name", "classes", "units"), [("a1", 2, 2), ("a1", 5, 5), ("b1", 3, 64), ("d1", 4, 256)])
def test_the_exported_graph_answers_as_keras_for_any_number_of_classes(
    keras: ModuleType, name: str, classes: int, units: int
) -> None:
    recipe = small(name).for_classes(classes)
    model = build(recipe.layers, (48, 48, 3), seed=0)
    assert model.output.shape[1] == units
    pixels = random_part(6).pixels
    expected = to_probabilities(model(pixels, training=False).numpy(), recipe, classes)
    assert expected.shape == (6, classes)
    require_same_predictions(to_onnx(model, recipe, classes, backbone=None), pixels, expected)


@pytest.mark.parametrize("classes", [2, 3])
def test_sigmoid_and_softmax_outputs_are_exported(keras: ModuleType, classes: int) -> None:
    wide = find_recipe("e1").for_classes(classes)
    start = (layers.rescale(1 / 255), layers.pool(8), layers.flatten(), layers.dense(16, "relu"))
    recipe = replace(wide, preprocess=SMALL, layers=(*start, wide.layers[-1]))
    model = build(recipe.layers, (48, 48, 3), seed=0)
    assert model.output.shape[1] == (1 if classes == 2 else 3)
    pixels = random_part(6).pixels
    expected = to_probabilities(model(pixels, training=False).numpy(), recipe, classes)
    assert expected.sum(axis=1) == pytest.approx(1, abs=1e-5)
    require_same_predictions(to_onnx(model, recipe, classes, backbone=None), pixels, expected)


def test_an_export_that_answers_otherwise_is_refused() -> None:
    graph = GraphBuilder()
    pictures = graph.input("pictures", np.uint8, ("n", 48, 48, 3))
    mean = graph.add("ReduceMean", graph.add("Cast", pictures, to=1), graph.constant([1, 2, 3], np.int64), keepdims=0)
    share = graph.add("Unsqueeze", graph.add("Div", mean, graph.constant(255.0)), graph.constant([1], np.int64))
    graph.output(share, "probabilities", np.float32, ("n", 1))
    pixels = random_part(3).pixels
    right = (pixels.reshape(3, -1).mean(axis=1, keepdims=True) / 255).astype(np.float32)
    require_same_predictions(graph.model("mean"), pixels, right)
    with pytest.raises(RuntimeError) as caught:
        require_same_predictions(graph.model("mean"), pixels, right + np.float32(0.001))
    assert str(caught.value) == (
        "exported to ONNX, the model's probabilities differ from Keras's by 1.0e-03, more than 1e-04"
    )


def test_more_classes_train_and_export(keras: ModuleType, dataset: Dataset, tmp_path: Path) -> None:
    third = {picture.name for i, picture in enumerate(dataset.pictures) if i % 3 == 0}
    pictures = tuple(replace(p, label="third") if p.name in third else p for p in dataset.pictures)
    three = replace(dataset, classes=(*dataset.classes, "third"), pictures=pictures)
    fitted = train_keras(three, small("a1"), folder=tmp_path, epochs=1)
    assert fitted.validation.shape[1] == 3
    assert fitted.parameters.total == fitted.parameters.trainable


ON_SOME_CORES = """
import os, sys
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(sys.argv[1])])
sys.argv[1:2] = []
from pawlab.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(
    len(getattr(os, "sched_getaffinity", lambda _: ())(0)) < 2, reason="needs two cores, and to choose among them"
)
@pytest.mark.usefixtures("keras")
def test_one_core_and_two_give_the_same_bits(learnable_folder: Path, tmp_path: Path) -> None:
    files = []
    for cores in ("1", "2"):
        out = tmp_path / cores
        request = ["train", str(learnable_folder), "--recipe", "a1", "--epochs", "2", "--no-report", "--out", str(out)]
        subprocess.run([sys.executable, "-c", ON_SOME_CORES, cores, *request], check=True, capture_output=True)
        files.append([(out / name).read_bytes() for name in ("model.onnx", "predictions.csv")])
    assert files[0] == files[1]


def test_seeds_differ(keras: ModuleType, dataset: Dataset, tmp_path: Path) -> None:
    one, other = (train_keras(dataset, small("a1"), folder=tmp_path / str(s), seed=s, epochs=1) for s in (0, 1))
    assert not np.array_equal(one.validation, other.validation)


def test_state_and_history_are_plain_files(keras: ModuleType, dataset: Dataset, tmp_path: Path) -> None:
    train_keras(dataset, small("a1"), folder=tmp_path, epochs=1)
    state = json.loads((tmp_path / "state.json").read_text(encoding="utf-8"))
    assert state["identity"]["seed"] == 0
    assert [row["epoch"] for row in state["history"]] == [1]
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".partial")]


def test_training_that_stands_still_is_told_once_and_in_its_first_epoch(
    keras: ModuleType, dataset: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nothing = layers.rescale(0.0, -1.0)  # ReLUs that get the same negative value for all pictures may never wake up
    head = (nothing, layers.flatten(), layers.dense(2, "relu"))
    for seed in range(9):
        caplog.clear()
        recipe = small("a1", layers=head, learning_rate=1e-12)
        history = train_keras(dataset, recipe, folder=tmp_path / str(seed), seed=seed, epochs=3).history
        told = [record.getMessage() for record in caplog.records]
        if history[0].val_loss == pytest.approx(np.log(2), abs=1e-6):
            break
    assert told == [
        "pawlab: a1, epoch 1: all pictures are predicted alike, at the loss of guessing, 0.693: training stands still. "
        "If it goes on so, stop it and take another seed (--seed) or a lower learning_rate."
    ]


def test_training_that_learns_gives_no_warning(
    keras: ModuleType, dataset: Dataset, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    train_keras(dataset, small("a3"), folder=tmp_path, epochs=1)
    assert not caplog.records
