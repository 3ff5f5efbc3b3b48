"""Recipe files in TOML, and run.json with what a resume takes from it: damaged, deeply nested, or with odd values."""

import json
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from mutation import changed_values, mutated
from target import Target, require_sentence

from own_networks import SCALING, cells_network
from pawlab.backbones.own import read_own
from pawlab.errors import OutputError, PawlabError, RecipeError, WeightsError
from pawlab.recipes import find_recipe
from pawlab.recipes.own import read_recipe
from pawlab.runs.request import Request

_RECIPE = """
title = "Mine"
batch_size = 20
epochs = 3
learning_rate = 0.001
optimizer = "adam"
early_stopping = 2
augmentation = true

[preprocess]
height = 32
width = 24
resize_mode = "crop"

[[layers]]
kind = "convolution"
filters = 8
size = 3

[[layers]]
kind = "max_pool"

[[layers]]
kind = "flatten"

[[layers]]
kind = "dense"
"""
_TOKENS: tuple[bytes, ...] = (
    b"[[layers]]\n",
    b"kind = ",
    b"= 1e999",
    b"= nan",
    b"= -1",
    b"= 9999999999",
    b"= []",
    b"= {}",
    b'""',
    b"\0",
    b"\xff",
)
_TOKENS += (b"[" * 3000, b"a.b.c = 1\n", b"true", b"1979-05-27", b"0x", b"'''", b"=", b'kind = "dropout"\n')
_VALUES: tuple[str, ...] = (
    "0",
    "-1",
    "1",
    "7",
    "1e999",
    "nan",
    "0.5",
    "10" * 40,
    "true",
    '""',
    '"x"',
    "[]",
    "{}",
    "[1, 2]",
    "[[1]]",
)
_VALUES += ('"dropout"', '"backbone"', '"dense"', '"flatten"', '"sigmoid"', "1979-05-27", "{ a = 1 }", "1000000")


@cache
def _request() -> dict[str, Any]:
    recipe = find_recipe("a1").to_dict()
    return {
        "data": "photos",
        "recipe": "a1",
        "own_recipe": {**recipe, "name": "mine"},
        "seed": 0,
        "epochs": 2,
        "options": {},
    }


def _edited(text: bytes, random: Random) -> bytes:
    """Return TOML with some lines taken out, doubled or given another value."""
    lines = text.decode().splitlines()
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(len(lines))
        kind = random.randrange(4)
        if kind == 0:
            lines[place] = ""
        elif kind == 1:
            lines.insert(place, random.choice(lines))
        elif "=" in lines[place]:
            lines[place] = f"{lines[place].partition('=')[0]}= {random.choice(_VALUES)}"
    return "\n".join(lines).encode()


class RecipesTarget(Target):
    """A recipe file, a network's description and a run's record are read, or refused in a sentence."""

    kind = "recipes"

    def __init__(self, folder: Path) -> None:
        """Write a network whose description is damaged later."""
        super().__init__(folder)
        self._network = cells_network(folder / "net.onnx")

    def make(self, random: Random) -> bytes:
        """Return a recipe, a description or a record."""
        kind = random.choice("RRDJJ")
        if kind != "J":
            text = (_RECIPE if kind == "R" else SCALING).encode()
            if random.random() < 0.7:
                return kind.encode() + _edited(text, random)
            return kind.encode() + mutated(text, random, (text, SCALING.encode()), _TOKENS)
        record: Any = {"request": _request()}
        for _ in range(random.choice((1, 1, 2, 3))):
            record = changed_values(record, random)
        return b"J" + json.dumps(record).encode()

    def try_one(self, given: bytes, random: Random) -> bool:
        """Read it."""
        kind, content = given[:1], given[1:]
        try:
            if kind == b"J":
                record = json.loads(content)
                if not isinstance(record, dict):  # which is looked at where the file is read
                    return False
                Request.from_record(record, Path("run.json")).chosen()
            elif kind == b"R":
                path = self.folder / "mine.toml"
                path.write_bytes(content)
                read_recipe(path, ())
            else:
                self._network.with_suffix(".toml").write_bytes(content)
                read_own(self._network)
        except (RecipeError, WeightsError, OutputError) as error:
            return "can't be read" not in require_sentence(error)
        except PawlabError as error:
            require_sentence(error)
        return True
