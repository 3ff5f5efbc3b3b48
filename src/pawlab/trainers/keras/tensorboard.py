"""Curves for TensorBoard, in the names that Keras gives them. Reading them needs TensorBoard; writing them doesn't."""

from pathlib import Path

from pawlab.evaluation.history import Epoch
from pawlab.graphs.keras_runtime import import_keras
from pawlab.storage import replacing_file


def write_events(folder: Path, row: Epoch) -> None:
    """Add one epoch to the logs in `folder`: a file in train/ and one in validation/."""
    _write(folder / "train", row.epoch, row.loss, row.accuracy)
    _write(folder / "validation", row.epoch, row.val_loss, row.val_accuracy)


def _write(folder: Path, epoch: int, loss: float, accuracy: float) -> None:
    """Write an epoch's own file, which TensorBoard reads in the order of the names: nothing is appended, or torn."""
    import_keras("TensorBoard's logs")
    import tensorflow as tf

    v1 = tf.compat.v1
    values = {"epoch_loss": loss, "epoch_accuracy": accuracy}
    summary = v1.Summary(value=[v1.Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
    path = folder / f"events.out.tfevents.{epoch:010}.pawlab"
    with replacing_file(path) as partial, tf.io.TFRecordWriter(str(partial)) as writer:
        writer.write(v1.Event(file_version="brain.Event:2").SerializeToString())
        writer.write(v1.Event(step=epoch, summary=summary).SerializeToString())
