"""Curves for TensorBoard, in the names that Keras gives them. Reading them needs TensorBoard; writing them doesn't."""

from pathlib import Path

from pawlab.evaluation.history import Epoch
from pawlab.graphs.keras_runtime import import_keras
from pawlab.storage import replacing_file


def write_events(folder: Path, row: Epoch) -> None:
    """Add one epoch to the logs in `folder`: a file in train/ and one in validation/.

    TensorBoard reads an epoch's files in the order of their names: nothing is appended, or torn.
    """
    import_keras("TensorBoard's logs")
    import tensorflow as tf

    v1 = tf.compat.v1
    for split, loss, accuracy in (("train", row.loss, row.accuracy), ("validation", row.val_loss, row.val_accuracy)):
        values = {"epoch_loss": loss, "epoch_accuracy": accuracy}
        summary = v1.Summary(value=[v1.Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()])
        path = folder / split / f"events.out.tfevents.{row.epoch:010}.pawlab"
        with replacing_file(path) as partial, tf.io.TFRecordWriter(str(partial)) as writer:
            writer.write(v1.Event(file_version="brain.Event:2").SerializeToString())
            writer.write(v1.Event(step=row.epoch, summary=summary).SerializeToString())
