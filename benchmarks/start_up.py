"""Start-up time of `--help` and of a first prediction, each beside the least that it could take.

    python benchmarks/start_up.py RUN PICTURE

Pairs are run in turn, so that a busy machine slows both; the ratio of the medians is what counts. Prints Markdown.
"""

import platform
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from statistics import median
from time import perf_counter

ROUNDS = 15

EMPTY_TYPER = """
import typer
app = typer.Typer()
@app.command()
def one(): "Do nothing."
@app.command()
def two(): "Do nothing else."
app()
"""

BARE_RUNTIME = """
import sys
import numpy, onnxruntime
from PIL import Image
session = onnxruntime.InferenceSession(sys.argv[1])
pixels = numpy.asarray(Image.open(sys.argv[2]).convert("RGB").resize((224, 224)))
print(session.run(["probabilities"], {"pictures": pixels[None]}))
"""


def seconds(command: list[str]) -> float:
    start = perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return perf_counter() - start


def compare(ours: list[str], least: list[str]) -> tuple[float, float]:
    pairs = [(seconds(ours), seconds(least)) for _ in range(ROUNDS)]
    return median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)


def main() -> None:
    run, picture = sys.argv[1:]
    pawlab = str(Path(sys.executable).with_name("pawlab"))
    with tempfile.TemporaryDirectory() as folder:
        empty, bare = Path(folder, "empty.py"), Path(folder, "bare.py")
        empty.write_text(EMPTY_TYPER, encoding="utf-8")
        bare.write_text(BARE_RUNTIME, encoding="utf-8")
        rows = [
            ("`pawlab --help`", "an empty Typer program's", *compare(
                [pawlab, "--help"], [sys.executable, str(empty), "--help"])),
            ("`pawlab predict RUN PICTURE`", "bare ONNX Runtime, NumPy and Pillow", *compare(
                [pawlab, "predict", run, picture], [sys.executable, str(bare), f"{run}/model.onnx", picture])),
        ]  # fmt: skip
    print(f"{date.today()}, Python {platform.python_version()}, {platform.system()}, medians of {ROUNDS}\n")
    print("| command | seconds | the least | seconds | ratio |\n| --- | --- | --- | --- | --- |")
    for name, least, ours, theirs in rows:
        print(f"| {name} | {ours:.2f} | {least} | {theirs:.2f} | {ours / theirs:.2f} |")


if __name__ == "__main__":
    main()
