"""Fine-tuning: it begins as the probe, changes what it may, keeps the best, and ends the same after a kill."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from pawlab.datasets.dataset import SPLITS, Dataset
from pawlab.datasets.discover import discover
from pawlab.datasets.splits import assign_splits
from pawlab.errors import RecipeError
from pawlab.evaluation.calibration import tempered
from pawlab.evaluation.history import Epoch, read_history
from pawlab.evaluation.metrics import score
from pawlab.features.source import FeatureSource
from pawlab.images import Preprocess
from pawlab.recipes import find_recipe
from pawlab.recipes.exchange import with_backbone
from pawlab.recipes.layers import AUGMENTATION
from pawlab.recipes.recipe import Recipe
from pawlab.trainers.cross_validation import cross_validate, folds_of
from pawlab.trainers.finish import fit_temperature
from pawlab.trainers.fitted import Fitted, Settings
from pawlab.trainers.graph_outputs import logits_of_pictures
from pawlab.trainers.keras import finetune, fit
from quick_training import killing

pytestmark = pytest.mark.usefixtures("keras")
NETWORKS = Path(__file__).parents[1] / "networks"
UNFROZEN = 3


def small(**changes: Any) -> Recipe:
    """The recipe on small pictures, with the last block of the network and the head unfrozen."""
    recipe = find_recipe("finetune")
    changed = {"unfreeze": UNFROZEN, "label_smoothing": 0.1}
    layers = [one.having(**changed) if one.kind == "fine_tune" else one for one in recipe.layers]
    return replace(recipe, preprocess=Preprocess(64, 64), batch_size=8, layers=tuple(layers), **changes)


def without_augmentation(recipe: Recipe) -> Recipe:
    return replace(recipe, layers=tuple(one for one in recipe.layers if one.kind not in AUGMENTATION))


def tune(dataset: Dataset, folder: Path, recipe: Recipe | None = None, **settings: Any) -> Fitted:
    return finetune.fit(dataset, recipe or small(), FeatureSource(), Settings(folder, **settings))


@pytest.fixture
def a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow lists one, so fine-tuning computes in half precision; the processor does that too, but slowly."""
    import tensorflow as tf

    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["a GPU"])


def without_seconds(history: tuple[Epoch, ...]) -> list[Epoch]:
    return [replace(row, seconds=0.0) for row in history]


@pytest.fixture(scope="module")
def dataset(learnable_folder: Path) -> Dataset:
    return assign_splits(discover(learnable_folder))


def tune_a_bad_probe(dataset: Dataset, folder: Path, **settings: Any) -> Fitted:
    """Train where every epoch is better than the probe, as which it is written down: these pictures are too easy."""
    fit_probe = finetune._fit_probe

    def hopeless(*arguments: Any) -> finetune.Start:
        start = fit_probe(*arguments)
        return start._replace(row=replace(start.row, val_loss=9.0))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(finetune, "_fit_probe", hopeless)
        return tune(dataset, folder, epochs=2, **settings)


@pytest.fixture(scope="module")
def tuned(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return tune_a_bad_probe(dataset, tmp_path_factory.mktemp("tuned"))


def test_before_the_first_epoch_it_is_the_probe_of_training_pictures_alone(dataset: Dataset, tmp_path: Path) -> None:
    recipe = small()
    network = finetune.prepare(dataset, recipe, FeatureSource(), Settings(tmp_path))
    train, validation = dataset.split("train"), dataset.split("validation")
    labels = np.array(dataset.class_indices(train))
    features = FeatureSource().of_recipe(train, recipe).features
    probe = cross_validate(features, labels, folds_of(train, labels), 2).probe
    expected = probe.probabilities(np.asarray(FeatureSource().of_recipe(validation, recipe).features))
    assert np.ptp(expected[:, 0]) > 0.5, "pictures must differ, or equality says nothing"
    assert np.abs(network.predict_validation() - expected).max() < 1e-4
    shown = np.array(dataset.class_indices(validation))
    logits = np.log(expected)
    scored = score(tempered(logits, fit_temperature(logits, shown)), shown)
    assert network.start is not None
    assert (network.start.epoch, network.start.val_accuracy) == (0, scored.accuracy)
    assert network.start.val_loss == pytest.approx(scored.loss, abs=1e-4), "as it would ship"
    network.export(network.predict_validation())  # refused where the graph differs from Keras


def test_three_pictures_a_class_are_enough(dataset: Dataset, tmp_path: Path) -> None:
    few = tuple(
        replace(picture, split=split)
        for label in dataset.classes
        for picture, split in zip(
            (picture for picture in dataset.pictures if picture.label == label), SPLITS, strict=False
        )
    )
    probe, row = tune(replace(dataset, pictures=few), tmp_path, epochs=1).history
    assert np.isfinite([probe.loss, probe.val_loss, row.loss, row.val_loss]).all()


def test_losses_are_of_the_labels_as_they_are(dataset: Dataset, tmp_path: Path) -> None:
    """Hardly changed, unchanged pictures: an epoch's losses are the probe's, whatever labels are smoothed to."""
    recipe = without_augmentation(small(learning_rate=1e-12))
    probe, row = tune(dataset, tmp_path, recipe, epochs=1).history
    assert [row.loss, row.val_loss] == pytest.approx([probe.loss, probe.val_loss], abs=1e-4)
    assert [row.accuracy, row.val_accuracy] == pytest.approx([probe.accuracy, probe.val_accuracy])


@pytest.mark.usefixtures("a_gpu")
def test_what_half_precision_trained_is_exported_in_full(dataset: Dataset, tmp_path: Path) -> None:
    fitted = tune_a_bad_probe(dataset, tmp_path)
    assert fitted.best_epoch, "weights that were trained"
    pictures, size = dataset.split("validation"), small().preprocess
    of_graph = tempered(logits_of_pictures(fitted.graph, pictures, size))
    assert np.abs(of_graph - fitted.validation).max() < 1e-4


def test_only_what_is_unfrozen_has_changed(tuned: Fitted) -> None:
    backbone = FeatureSource().backbone(small())
    before, after = onnx.load(backbone.path), tuned.graph
    kernels = []
    for model in (before, after):
        arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        kernels.append({n.output[0]: arrays[n.input[1]] for n in model.graph.node if n.op_type == "Conv"})
    changed = [name for name, kernel in kernels[0].items() if not np.array_equal(kernel, kernels[1][name])]
    assert changed == list(kernels[0])[-(UNFROZEN - 1) :], "the third is the head"
    sizes = sum(kernels[0][name].size + len(kernels[0][name]) for name in changed)
    assert tuned.parameters.trainable == sizes + (backbone.width + 1) * 2
    assert [row.epoch for row in tuned.history] == [0, 1, 2]


def test_the_graph_gives_what_keras_gave(tuned: Fitted, dataset: Dataset) -> None:
    logits = logits_of_pictures(tuned.graph, dataset.split("validation"), small().preprocess)
    share = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    assert np.abs(share - tuned.validation[:, 1]).max() < 1e-4


KILLED_IN_EPOCH_2 = f"""{killing(2)}
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from test_finetune import assign_splits, discover, tune_a_bad_probe

data = assign_splits(discover(sys.argv[1]))
tune_a_bad_probe(data, Path(sys.argv[2]), progress=deadly)
"""


def test_a_run_killed_in_epoch_2_resumes_and_ends_as_an_unbroken_one(
    tuned: Fitted, learnable_folder: Path, dataset: Dataset, tmp_path: Path
) -> None:
    command = [
        sys.executable,
        "-c",
        KILLED_IN_EPOCH_2,
        str(learnable_folder),
        str(tmp_path),
        *map(str, Path(__file__).parents[:2]),
    ]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode != 0
    assert [row.epoch for row in read_history(tmp_path / "history.csv")] == [0, 1], process.stderr
    resumed = tune_a_bad_probe(dataset, tmp_path)
    assert without_seconds(resumed.history) == without_seconds(tuned.history)
    assert resumed.graph == tuned.graph


def test_a_schedule_of_other_length_is_another_training(dataset: Dataset, tmp_path: Path) -> None:
    tune(dataset, tmp_path, epochs=1)
    with pytest.raises(RecipeError) as caught:
        tune(dataset, tmp_path, epochs=2)
    assert str(caught.value) == (
        f"the unfinished run in {tmp_path} can't go on with another epochs. Give what it began with, or train anew."
    )


def test_the_probe_is_kept_where_no_epoch_is_better_and_the_run_says_so(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole_epoch = fit._epoch

    def worse(*arguments: Any) -> Epoch:
        return replace(whole_epoch(*arguments), val_loss=9.0, val_accuracy=1.0)

    monkeypatch.setattr(fit, "_epoch", worse)
    fitted = tune(dataset, tmp_path, small(early_stopping=1), epochs=5)
    probe = finetune.prepare(dataset, small(), FeatureSource(), Settings(tmp_path / "probe"))
    assert (fitted.best_epoch, len(fitted.history)) == (0, 2)
    assert np.array_equal(fitted.validation, probe.predict_validation())
    loss = fitted.history[0].val_loss
    assert fitted.notes == (f"the linear probe is kept: no epoch of 1 brought its validation loss below {loss:.3f}",)


def test_the_epoch_of_the_lowest_loss_is_kept_and_the_run_says_so(tuned: Fitted) -> None:
    losses = [row.val_loss for row in tuned.history]
    assert tuned.best_epoch == losses.index(min(losses)) > 0
    assert tuned.notes == (
        f"epoch {tuned.best_epoch} of 2 is kept, with a validation loss of {min(losses):.3f}; "
        "the linear probe that it began from had 9.000",
    )


def test_time_ends_training_after_a_whole_epoch_and_the_run_says_so(dataset: Dataset, tmp_path: Path) -> None:
    fitted = tune(dataset, tmp_path, epochs=7, minutes=0.001)
    assert ([row.epoch for row in fitted.history], fitted.interrupted) == ([0, 1], False)
    assert fitted.notes[1:] == (
        "stopped after epoch 1 of 7: another one wouldn't have ended within 0.001 minutes (--minutes)",
    )


@pytest.mark.parametrize(
    ("seconds", "minutes", "late"),
    [((5, 30, 40), 2, False), ((5, 30, 41), 2, True), ((5, 30, 41), None, False), ((600,), 1, False)],
)
def test_an_epoch_is_begun_if_the_longest_before_it_would_fit(
    seconds: tuple[int, ...], minutes: float | None, late: bool
) -> None:
    """Five seconds for the probe, as many to prepare, and two epochs; the first epoch is always begun."""
    history = tuple(Epoch(number, 1.0, 0.5, 1.0, 0.5, float(one)) for number, one in enumerate(seconds))
    assert fit._is_late(history, minutes, before=5.0 - 0.5 * (seconds == (5, 30, 40))) is late


def test_a_step_is_that_of_adamw_with_a_rate_for_each_layer(keras: ModuleType) -> None:
    """Adam's first step is the rate, against the gradient's sign; weights, not biases, lose a share as well."""
    model = keras.Sequential([keras.Input((2,)), *(keras.layers.Dense(2) for _ in range(2))])
    options = {"layer_decay": 0.5, "weight_decay": 0.1}
    optimizer = finetune._layerwise_adamw(model, model.layers, 0.01, options)
    optimizer.build(model.trainable_variables)
    before = [variable.numpy() for variable in model.trainable_variables]
    signs = [np.where(np.arange(one.size).reshape(one.shape) % 2, -1.0, 1.0) for one in before]
    optimizer.apply([keras.ops.convert_to_tensor(3.0 * sign, "float32") for sign in signs], model.trainable_variables)
    for rate, decay, old, sign, new in zip(
        (0.005, 0.005, 0.01, 0.01), (0.1, 0.0) * 2, before, signs, model.trainable_variables, strict=True
    ):
        np.testing.assert_allclose(new.numpy(), old - rate * decay * old - rate * sign, atol=1e-6)


def test_the_rate_warms_up_and_ends_at_nothing(dataset: Dataset, tmp_path: Path) -> None:
    network = finetune.prepare(dataset, small(learning_rate=0.01), FeatureSource(), Settings(tmp_path, epochs=10))
    schedule = network.model.optimizer._learning_rate
    steps = 10 * -(-len(dataset.split("train")) // 8)
    warm = round(steps / 10)
    rates = [float(schedule(step)) for step in (0, warm, warm + (steps - warm) // 2, steps)]
    assert rates == pytest.approx([0.0, 0.01, 0.005, 0.0], abs=2e-4)


def test_a_network_that_keras_cannot_train_is_refused_at_once(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "vit_newest.onnx"
    path.write_bytes((NETWORKS / path.name).read_bytes())
    path.with_suffix(".toml").write_text('preset = "imagenet"', encoding="utf-8")
    recipe = with_backbone(find_recipe("finetune"), str(path))
    monkeypatch.setattr(finetune, "decode_splits", lambda *_: pytest.fail("pictures were read first"))
    with pytest.raises(RecipeError) as caught:
        tune(dataset, tmp_path / "run", recipe)
    assert str(caught.value).startswith(f"the network {path} can't be fine-tuned here: the model has a step, ")
    assert str(caught.value).endswith("Take fast, which leaves it as it is, or another --backbone.")


def test_in_half_precision_it_begins_as_the_probe_too(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keras: ModuleType
) -> None:
    """No GPU here: what would be done on one, done on the processor."""
    import tensorflow as tf

    real = tf.config.list_physical_devices
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["one"] if kind == "GPU" else real(kind))
    network = finetune.prepare(dataset, small(), FeatureSource(), Settings(tmp_path))
    assert keras.config.dtype_policy().name == "float32"
    assert {variable.dtype for variable in network.model.variables} == {"float32"}
    logits = logits_of_pictures(network.graph(), dataset.split("validation"), small().preprocess)
    share = 1 / (1 + np.exp(logits[:, 0] - logits[:, 1]))
    assert np.abs(share - network.predict_validation()[:, 1]).max() < 0.02
