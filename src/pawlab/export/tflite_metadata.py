"""What a TensorFlow Lite file says of itself: class names, input and output, as Android and MediaPipe read it.

The form is TensorFlow's metadata schema, `metadata_schema.fbs`: a FlatBuffer among the model's buffers, and the files
that it names, here `labels.txt`, in a zip behind the model. Tables are written by the numbers of their fields there.
"""

import io
from collections.abc import Sequence
from typing import Any
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from pawlab.card import Card

LABELS_FILE = "labels.txt"
CARD_FILE = "pawlab.json"
_NAME = b"TFLITE_METADATA"  # by which readers find the buffer
_FORM = b"M001"
_READER = "1.0.0"  # the oldest that can read it
_RGB, _IMAGE = 1, 2  # of the enumerations ColorSpaceType and ContentProperties
_DESCRIPTIONS, _AXIS_LABELS = 1, 2  # of AssociatedFileType


def with_metadata(model: bytes, card: Card, about: str) -> bytes:
    """Return the model with its description inside and its files behind it. `about`: the export's card, as JSON."""
    from tensorflow.lite.python.schema_py_generated import BufferT, MetadataT
    from tensorflow.lite.tools import flatbuffer_utils

    opened = flatbuffer_utils.convert_bytearray_to_object(bytearray(model))
    buffer, entry = BufferT(), MetadataT()
    buffer.data = list(_description(card))
    entry.name, entry.buffer = _NAME, len(opened.buffers)
    opened.buffers.append(buffer)
    opened.metadata = [*(opened.metadata or []), entry]
    content = io.BytesIO(bytes(flatbuffer_utils.convert_object_to_bytearray(opened)))
    with ZipFile(content, "a", ZIP_STORED) as files:
        for name, text in ((LABELS_FILE, "".join(f"{label}\n" for label in card.classes)), (CARD_FILE, about)):
            files.writestr(ZipInfo(name), text)  # of a fixed date: the same classifier is the same file
    return content.getvalue()


def _description(card: Card) -> bytes:
    import flatbuffers

    builder = flatbuffers.Builder(1024)
    preprocess = card.preprocess
    shape = f"{preprocess.width} x {preprocess.height} ({preprocess.resize_mode})"
    picture = f"RGB from 0 to 255, upright, resized to {shape}"
    size = _table(builder, [("Uint32", preprocess.width), ("Uint32", preprocess.height)])
    image = _table(builder, [("Int8", _RGB), ("UOffsetTRelative", size)])
    content = _table(builder, [("Uint8", _IMAGE), ("UOffsetTRelative", image)])
    labels = _file(builder, LABELS_FILE, "The classes, in the order of the output.", _AXIS_LABELS)
    given = _tensor(builder, "pictures", picture, content, [])
    said = _tensor(builder, "probabilities", "The probability of each class.", None, [labels])
    graph = _table(builder, [None, None, _list(builder, [given]), _list(builder, [said])])
    named = (f"pawlab {card.recipe}", f"Classifies {len(card.classes)} classes.", card.version)
    texts = [_text(builder, text) for text in named]
    about = _file(builder, CARD_FILE, "Preprocessing and thresholds.", _DESCRIPTIONS)
    rest = [_list(builder, [graph]), None, None, _list(builder, [about]), _text(builder, _READER)]
    builder.Finish(_table(builder, [*texts, *rest]), file_identifier=_FORM)
    return bytes(builder.Output())


def _tensor(builder: Any, name: str, about: str, content: int | None, files: Sequence[int]) -> int:
    held = None if content is None else ("UOffsetTRelative", content)
    named = [_text(builder, name), _text(builder, about)]
    return _table(builder, [*named, None, held, None, None, _list(builder, files) if files else None])


def _file(builder: Any, name: str, about: str, kind: int) -> int:
    return _table(builder, [_text(builder, name), _text(builder, about), ("Int8", kind)])


def _text(builder: Any, text: str) -> tuple[str, int]:
    return "UOffsetTRelative", builder.CreateString(text)


def _list(builder: Any, tables: Sequence[int]) -> tuple[str, int]:
    builder.StartVector(4, len(tables), 4)
    for table in reversed(tables):
        builder.PrependUOffsetTRelative(table)
    return "UOffsetTRelative", builder.EndVector()


def _table(builder: Any, fields: Sequence[tuple[str, int] | None]) -> int:
    """Write a table. `fields`: by their numbers in the schema, kind and value; None for those left out."""
    builder.StartObject(len(fields))
    for number, field in enumerate(fields):
        if field is not None:
            kind, value = field
            getattr(builder, f"Prepend{kind}Slot")(number, value, 0)
    end: int = builder.EndObject()
    return end
