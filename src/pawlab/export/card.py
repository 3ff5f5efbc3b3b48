"""The card of an export: what a program must know to use it, as JSON."""

import json
from collections.abc import Sequence

from pawlab.card import Card

ONNX_ONLY = ("ood_score",)  # outputs that only ONNX has


def card_json(card: Card, left_out: Sequence[str]) -> str:
    """Return the card as text. `left_out`: the outputs of model.onnx that the export hasn't."""
    preprocess = card.preprocess
    values = {
        "classes": card.classes,
        "preprocess": preprocess.to_dict(),
        "threshold": card.threshold,
        "ood_threshold": None if "ood_score" in left_out else card.ood_threshold,
        "target": card.target,
        "input": {
            "name": "pictures",
            "shape": [None, preprocess.height, preprocess.width, 3],
            "dtype": "uint8",
            "colours": "RGB",
            "range": [0, 255],
        },
        "output": {"name": "probabilities", "shape": [None, len(card.classes)], "dtype": "float32"},
        "left_out": list(left_out),
        "recipe": card.recipe,
        "pawlab": card.version,
    }
    return json.dumps(values, indent=2, ensure_ascii=False) + "\n"
