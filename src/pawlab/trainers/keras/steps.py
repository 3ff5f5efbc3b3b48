"""The two things that are done with a batch: train on it, or test on it. Each is one compiled TensorFlow function.

Keras's `fit` does the same; taking the batches ourselves leaves their order, and what is shown and kept between them,
to the run.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pawlab.evaluation.calibration import tempered
from pawlab.evaluation.metrics import score
from pawlab.graphs.keras_runtime import import_keras
from pawlab.progress import Advance
from pawlab.trainers.finish import fit_temperature
from pawlab.trainers.keras.architectures import Model
from pawlab.trainers.keras.batches import Array, Batch, Feed

Means = dict[str, float]  # "loss" and "accuracy", over all pictures so far
Step = Callable[[Any, Any], dict[str, Any]]


def start_tensorflow(what: str) -> None:
    """Import TensorFlow, and have it keep its advice to itself. `what`: see `import_keras`.

    Its switch for determinism stays off: with a fixed number of threads (`keras_runtime`) sums on processors come out
    the same without, on one core and on many; and the switch, which can't be turned back, would make other Keras code
    in the same process fail.
    """
    import_keras(what)
    import tensorflow as tf

    tf.get_logger().setLevel("ERROR")


@contextmanager
def full_precision() -> Iterator[None]:
    """Have a GPU compute in float32 as it is, not in the 10 bits of TF32, which TensorFlow takes unless told."""
    import tensorflow as tf

    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)


def compiled_steps(model: Model, feed: Feed) -> tuple[Step, Step]:
    """Return the step that trains on a batch of the feed, and the one that tests on it.

    Both return the means since the last `reset_metrics`, as tensors.
    """
    rows = feed.validation_inputs, feed.validation_labels
    train = _compiled(lambda inputs, labels: model.train_step((inputs, labels)), *rows)
    return train, _compiled(lambda inputs, labels: model.test_step((inputs, labels)), *rows)


def compiled_prediction(model: Model, feed: Feed) -> Callable[[Any], Any]:
    """Return the function from a batch's inputs to the model's outputs, as in prediction."""
    return _compiled(lambda inputs: model(inputs, training=False), feed.validation_inputs)


def _compiled(function: Callable[..., Any], *rows: Array) -> Callable[..., Any]:
    """Compile for any number of rows like these, so that the last, smaller batch needs no second compilation."""
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *some.shape[1:]), some.dtype) for some in rows]
    return tf.function(function, input_signature=signature)  # type: ignore[no-any-return]


def validate_tempered(predict: Callable[[Any], Any], batches: Iterator[Batch], advance: Advance) -> Means:
    """Return loss and accuracy of a model's logits after the temperature that suits them best: as they would ship."""
    logits, labels = [], []
    for inputs, some in batches:
        logits.append(predict(inputs).numpy())
        labels.append(some)
        advance(len(some), "")
    every, true = np.concatenate(logits), np.concatenate(labels)
    scored = score(tempered(every, fit_temperature(every, true)), true)
    advance(0, f"loss {scored.loss:.3f}, accuracy {scored.accuracy:.1%}")
    return {"loss": scored.loss, "accuracy": scored.accuracy}


def go_through(model: Model, step: Step, batches: Iterator[Batch], advance: Advance) -> Means:
    """Take the step with every batch; return the means over all pictures. The bar shows those so far."""
    model.reset_metrics()
    means: Means = {}
    for inputs, labels in batches:
        means = {name: float(value) for name, value in step(inputs, labels).items()}
        advance(len(labels), f"loss {means['loss']:.3f}, accuracy {means['accuracy']:.1%}")
    return means
