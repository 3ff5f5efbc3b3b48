"""Cards of models: JSON with things changed, or damaged text; now and then within a file with a true checksum."""

import json
from functools import cache
from random import Random
from typing import Any

import numpy as np
import onnx
from mutation import changed_values, mutated
from target import Target, require_sentence

from pawlab.card import Card, SeenPictures
from pawlab.classifier import Classifier
from pawlab.errors import ModelError, PictureError
from pawlab.graphs.checksum import with_checksum
from pawlab.images import Preprocess
from test_classifier import CARD, colour_graph

_TOKENS = (
    b"null",
    b"true",
    b"NaN",
    b"Infinity",
    b"1e999",
    b"[]",
    b"{}",
    b'"a"',
    b"-1",
    b"\\u0000",
    b"\\ud800",
    b'{"a":',
    b"[" * 500,
)
_SEEN = SeenPictures.of(("00" * 32, "ab" * 32))
_CARDS = (
    CARD,
    Card(("a", "b"), Preprocess(4, 6, "crop", (0.0, 4095.0)), "fast", "0.1.0", 0.5, 0.7, seen=_SEEN),
    Card(("é", "ü", "日"), Preprocess(4, 6, "pad"), "a1", "0.1.0", 0.0, seen=_SEEN, checksum=False),
)
_OLD = {
    "format": 1,
    "classes": ["a", "b", "c"],
    "preprocess": {"height": 4, "width": 6, "fit": "crop"},
    "recipe": "fast",
}
_OLD |= {"version": "0.1.0", "threshold": 0.5, "unfamiliarity_threshold": None}


@cache
def _documents() -> tuple[Any, ...]:
    return (*(json.loads(card.to_json()) for card in _CARDS), _OLD)


@cache
def _model() -> bytes:
    return bytes(colour_graph().SerializeToString())


class CardsTarget(Target):
    """A card is read and sound, or refused in a sentence; so is a file with such a card, or with a changed graph."""

    kind = "cards"

    def make(self, random: Random) -> bytes:
        """Return a card's text."""
        document = random.choice(_documents())
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            document = changed_values(document, random)
        text = json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
        return mutated(text, random, (text,), _TOKENS, spare=1) if random.random() < 0.25 else text

    def try_one(self, given: bytes, random: Random) -> bool:
        """Read it, by itself or as part of a model."""
        text = given.decode("utf-8", "replace")
        if random.random() < 0.05:
            self._try_model(text, random)
        try:
            card = Card.from_json(text)
        except ValueError as error:
            require_sentence(ModelError(error))
            return _is_object(text)
        assert len(set(card.classes)) == len(card.classes) >= 2
        assert all(isinstance(name, str) and name for name in card.classes)
        assert 0 <= card.threshold <= 1
        assert 1 <= card.preprocess.height <= 10_000
        assert Card.from_json(card.to_json()) == card
        return True

    def _try_model(self, text: str, random: Random) -> None:
        model = _model()
        if random.random() < 0.5:
            model = mutated(model, random, (model,))
            text = CARD.to_json()
        try:
            graph = onnx.load_from_string(model)
            entry = graph.metadata_props.add()
            entry.key, entry.value = "pawlab", text
            model = graph.SerializeToString()
        except Exception:  # as it is no model any more, the file has no card
            pass
        path = self.folder / "model.onnx"
        path.write_bytes(with_checksum(model))
        try:
            classifier = Classifier.load(path)
            classifier.predict(np.zeros((4, 6, 3), np.uint8))
        except (ModelError, PictureError) as error:
            require_sentence(error)


def _is_object(text: str) -> bool:
    """Say whether it passes for JSON of the right kind: the first thing that is asked of a card."""
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
