"""A model's file with one bit flipped: always refused."""

import json
from pathlib import Path
from random import Random

from target import Target, require_sentence

from pawlab.classifier import Classifier, save_classifier
from pawlab.errors import ModelError
from test_classifier import CARD, colour_graph


class FlipsTarget(Target):
    """Every flipped bit is found at load."""

    kind = "flips"

    def __init__(self, folder: Path) -> None:
        """Save a model."""
        super().__init__(folder)
        save_classifier(colour_graph(), CARD, folder / "model.onnx")
        self._sound = (folder / "model.onnx").read_bytes()

    def make(self, random: Random) -> bytes:
        """Return which bit."""
        return json.dumps(random.randrange(8 * len(self._sound))).encode()

    def try_one(self, given: bytes, random: Random) -> bool:
        """Flip it and load the file."""
        bit = json.loads(given)
        damaged = bytearray(self._sound)
        damaged[bit // 8] ^= 1 << bit % 8
        path = self.folder / "damaged.onnx"
        path.write_bytes(damaged)
        try:
            Classifier.load(path)
        except ModelError as error:
            require_sentence(error)
            return True
        raise AssertionError(f"bit {bit} was flipped, and the model loads")
