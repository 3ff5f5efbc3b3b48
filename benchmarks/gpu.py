"""What a GPU brings: `gpu.sh` calls this once its environment is made. Prints one JSON document.

    python benchmarks/gpu.py [--device cuda] [--data DATA] [--epochs 3] [--minutes 7]

Runs, each in a fresh process: `pawlab predict` and `train` with `fast`, on the processor and on the device, and a4 and,
where that recipe is there, finetune in Keras, without a GPU and with it. `same_labels`: the share of pictures to which
the device gives the processor's label. What fails or isn't begun in time is in `skipped`, with the reason. Ratios are
of the whole for `predict`, of computing features for `fast`, of fitting for Keras.
"""

import argparse
import json
import os
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from time import monotonic

from bench import commit, machine
from bench_material import Material
from bench_parts import predicted, trained
from bench_pieces import Part, Piece, Ratio, measured
from measuring import CommandFailedError, measure

_NO_GPU = {"CUDA_VISIBLE_DEVICES": "-1"}
_LISTED = "import tensorflow as tf; print([gpu.name for gpu in tf.config.list_physical_devices('GPU')])"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what a GPU brings.")
    parser.add_argument("--device", default="cuda", help="of `pawlab train`; cpu tries all but the device")
    parser.add_argument("--data", help="what `pawlab train` takes; cats-and-dogs where it is at hand, else the sample")
    parser.add_argument("--pictures", type=int, default=3_000, help="random crops of them, that are predicted")
    parser.add_argument("--epochs", type=int, default=3, help="of what Keras trains")
    parser.add_argument("--minutes", type=float, default=7, help="after which nothing more is begun")
    parser.add_argument("--work", type=Path, default=Path(gettempdir()) / "pawlab-gpu")
    asked = parser.parse_args()
    end = monotonic() + 60 * asked.minutes
    material = Material(asked.data or at_hand(), asked.work.resolve(), quick=True, full=False, epochs=0, rounds=1)
    found = measured(part(material, asked, end), partial(print, file=sys.stderr, flush=True))
    head = {"commit": commit(), "device": asked.device, "data": material.data, **machine()}
    head |= {"gpu": said_by("nvidia-smi", "-L"), "keras_sees": said_by(sys.executable, "-c", _LISTED)}
    print(json.dumps({**head, **found}, indent=1))


def at_hand() -> str:
    there = Path(os.environ.get("PAWLAB_DATA_DIR", "-")) / "cats_and_dogs_filtered.zip"
    return "cats-and-dogs" if there.is_file() else "sample"


def part(material: Material, asked: argparse.Namespace, end: float) -> Part:
    """Return the pieces, what matters most first, each with its processor's figure beside it."""
    folder, cpu, device = material.crops(asked.pictures), "on the processor", f"on {asked.device}"
    pieces = [
        predicted(material, f"predict {cpu}", folder),
        predicted(material, f"predict {device}", folder, "--device", asked.device),
        trained(material, material.data, f"fast {cpu}"),
        trained(material, material.data, f"fast {device}", "--device", asked.device),
    ]
    for recipe in ("a4", "finetune"):
        options = ("--recipe", recipe, "--epochs", str(asked.epochs))
        pieces.append(trained(material, material.data, f"{recipe} in Keras, without a GPU", *options, **_NO_GPU))
        pieces.append(trained(material, material.data, f"{recipe} in Keras, with it", *options))
    times = ("seconds", "features_seconds", "fit_seconds", "fit_seconds")
    ratios = [
        Ratio(over.name, under.name, of=of) for over, under, of in zip(pieces[::2], pieces[1::2], times, strict=True)
    ]
    return Part("", [in_time(replace(piece, peer=True), end) for piece in pieces], 1, ratios)


def in_time(piece: Piece, end: float) -> Piece:
    """Return a piece that isn't begun when the time is up."""

    def before() -> None:
        if monotonic() > end:
            raise CommandFailedError("no time was left")
        piece.before()

    return replace(piece, before=before)


def said_by(*command: str) -> str:
    try:
        return measure(command).output.strip()
    except CommandFailedError as error:
        return str(error)


if __name__ == "__main__":
    main()
