"""What `bench.py` measures: a function for each part, which says what is run beside what."""

import csv
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

from bench_material import HERE, PAWLAB, PEERS, Material
from bench_pieces import Part, Piece, Ratio, Run
from measuring import Measured

GROWTH = (1_000, 3_000, 10_000)
OURS, BARE = "pawlab", "bare ONNX Runtime"
_FIT_GRID = ("2800x3824x2", "10000x1280x10", "10000x1280x100", "20000x3824x20")
_QUICK_GRID = ("2800x1280x2", "2800x3824x2", "2000x1280x40")


def program(name: str, *arguments: str | Path) -> list[str]:
    """Return the command for a file beside this one."""
    return [sys.executable, str(HERE / f"{name}.py"), *map(str, arguments)]


def trained(material: Material, data: str, name: str, *options: str, **more: str) -> Piece:
    """Return `pawlab train` of data, report included, with nothing cached but the network.

    `more`: variables of its environment.
    """
    run, cache = material.work / "train" / name, material.work / "train" / "cache"

    def before() -> None:
        rmtree(run, ignore_errors=True)
        material.with_network_alone(cache)

    def read(measured: Measured) -> Run:
        metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
        pictures = sum(sum(counts.values()) for counts in metrics["counts"].values())
        stages = {f"{stage}_seconds": value for stage, value in metrics["seconds"].items() if stage != "total"}
        each = {"pictures": pictures, "ms_per_picture": round(1000 * measured.seconds / pictures, 3)}
        return {**each, "test_accuracy": metrics["test"]["accuracy"], **stages}

    environment = {**material.environment, "PAWLAB_CACHE_DIR": str(cache), **more}
    return Piece(name, [*PAWLAB, "train", data, "--out", str(run), "-q", *options], read, before, environment)


def bare(material: Material, engine: str, name: str, model: Path | str, folder: Path) -> Piece:
    """Return a bare runtime on the pictures of a folder, in an environment of its own where it isn't ours."""
    python, lacking = (sys.executable, "") if engine == "onnxruntime" else material.peer(engine)
    command = program("peer_bare", engine, model, material.size, str(material.threads), folder)
    return Piece(name, [python, *command[1:]], peer=engine != "onnxruntime", lacking=lacking)


def in_keras(material: Material, name: str, *words: str | Path) -> Piece:
    """Return what a Keras user would do, by `peer_keras.py`."""
    return Piece(
        name, program("peer_keras", *words), environment=material.environment, peer=True, lacking=keras_lacks()
    )


def keras_lacks() -> str:
    """Say what is missing where Keras isn't installed; "" where it is."""
    return "" if find_spec("tensorflow") and find_spec("keras") else "the extra keras isn't installed"


def train(material: Material) -> Part:
    """`pawlab train` beside what people would do instead."""
    epochs = "1 epoch" if material.epochs == 1 else f"{material.epochs} epochs"
    published, probe = f"the published c4 in Keras, {epochs}", "Keras features, scikit-learn probe"
    folder = str(material.photos)
    pieces = [
        trained(material, material.data, OURS),
        bare(material, "onnxruntime", BARE, material.run / "model.onnx", material.photos),
        in_keras(material, probe, "features", folder),
        replace(in_keras(material, published, "c4", folder, str(material.epochs)), rounds=1),
    ]
    about = (
        f"All of {material.data}, from the files to the finished run and its report, with nothing cached but the "
        f"network. {BARE}: decoding the same pictures and computing them by the same graph, nothing else. Both peers "
        "in Keras use MobileNetV2, 160 x 160, some 0.4 of fast's arithmetic, and score the same test pictures."
    )
    aims = [Ratio(OURS, BARE, "at most 1.20"), Ratio(probe, OURS), Ratio(published, OURS, "at least 20 at 20 epochs")]
    return Part(about, pieces, material.rounds, aims)


def predict(material: Material) -> Part:
    """`pawlab predict` of a folder beside runtimes that are given the same model and pictures."""
    folder = material.some(300 if material.quick else 1_000)
    model, size = material.run / "model.onnx", material.size
    keras, litert = ("", "") if keras_lacks() else (material.exported("keras"), material.exported("tflite"))
    pieces = [
        predicted(material, OURS, folder),
        bare(material, "onnxruntime", BARE, model, folder),
        bare(material, "openvino", "bare OpenVINO", model, folder),
        in_keras(material, "Keras predict", "predict", keras, size, folder),
        bare(material, "litert", "LiteRT loop", litert, folder),
    ]
    about = (
        f"{sum(1 for _ in folder.iterdir()):,} pictures; everything is counted, start-up too, but for what stands as "
        "work. Same labels: the share of pictures that get pawlab's label. Beside the versions below: "
        f"{PEERS['openvino'][0]}, {PEERS['litert'][0]}."
    )
    aims = [Ratio(BARE, OURS, "at least 0.95"), *(Ratio(piece.name, OURS) for piece in pieces[2:])]
    return Part(about, pieces, material.rounds, aims)


def predicted(material: Material, name: str, folder: Path, *options: str, **more: str) -> Piece:
    """Return `pawlab predict` of a folder into a table. `more`: variables of its environment."""
    out = material.work / "predictions.csv"

    def read(measured: Measured) -> Run:
        classes = sorted(place.name for place in (material.photos / "test").iterdir())
        with out.open(newline="", encoding="utf-8") as file:
            found = [classes.index(row["label"]) for row in csv.DictReader(file)]
        return {"pictures": len(found), "predicted": found}

    command = [*PAWLAB, "predict", str(material.run), str(folder), "--out", str(out), "-q", *options]
    return Piece(name, command, read, lambda: out.unlink(missing_ok=True), {**material.environment, **more})


def cold(material: Material) -> Part:
    """From nothing: help, and the prediction of one picture, each beside the least that it could take."""
    picture, run = min(material.test_class.iterdir()), material.run
    helped, empty = "pawlab --help", "an empty Typer program's --help"
    once, least = "pawlab predict RUN PICTURE", "bare ONNX Runtime, NumPy and Pillow"
    pieces = [
        Piece(helped, [*PAWLAB, "--help"], environment=material.environment),
        Piece(empty, program("peer_typer", "--help")),
        Piece(once, [*PAWLAB, "predict", str(run), str(picture)], environment=material.environment),
        Piece(least, program("peer_cold", run / "model.onnx", material.size, picture)),
    ]
    ratios = [Ratio(helped, empty), Ratio(once, least, "at most 1.4")]
    return Part("One process for each.", pieces, 5 if material.quick else 5 * material.rounds, ratios)


def growth(material: Material) -> Part:
    """`pawlab train` of more and more pictures: time for each, and memory."""
    counts = [1_000, 3_000] if material.quick else [*GROWTH, *([100_000] if material.full else [])]
    pieces = [trained(material, str(material.crops(count)), f"{count:,} pictures", "--memory", "1") for count in counts]
    names = [piece.name for piece in pieces]
    ratios = [Ratio(name, "3,000 pictures", "at most 1.10", "ms_per_picture") for name in names[2:]]
    about = (
        "Random crops of 30 to 60% of the photos, each way; nothing is cached but the network, the report is made. "
        "With --memory 1: the fit takes 1 GB at most."
    )
    return Part(about, pieces, 1, ratios)


def fit(material: Material) -> Part:
    """The linear probe's fit with the choice of C, on made features: pictures x numbers x classes."""
    cases = _QUICK_GRID if material.quick else _FIT_GRID
    pieces = [Piece(case.replace("x", " x "), program("solver", "--json", case)) for case in cases]
    return Part("The choice in five folds and the last fit, without start-up: work.", pieces, 1)


def service(material: Material) -> Part:
    """`pawlab serve` under load beside `pawlab predict` on the same pictures, in turn."""
    seconds = 9 if material.quick else 30
    command = program("serve", "--line", "--seconds", str(seconds), "--rounds", "3", material.run, material.test_class)
    about = (
        f"64 clients, one picture a request, {seconds} s; memory is that of the service. Then it is stopped under load."
    )
    return Part(about, [Piece("64 clients", command, environment=material.environment)], 1)


def ray(material: Material) -> Part:
    """`pawlab predict --engine ray` with one worker and two, beside this machine's cores."""
    count = 1_000 if material.quick else 10_000
    folder = material.crops(count)
    there = bool(find_spec("ray"))
    lacking = "" if there else "the extra ray isn't installed"
    pieces = [predicted(material, OURS, folder, PAWLAB_THREADS="2")]
    for workers in (1, 2):
        name = "Ray, one worker" if workers == 1 else f"Ray, {workers} workers"
        by_ray = predicted(material, name, folder, "--engine", "ray", PAWLAB_THREADS=str(workers))
        pieces.append(replace(by_ray, peer=True, lacking=lacking))
    about = (
        f"{count:,} crops. Ray's own start, some 10 s, is counted; memory is that of the process "
        "that was asked, without its workers'." + (f" ray=={version('ray')}." if there else "")
    )
    return Part(about, pieces, 1, [Ratio(OURS, piece.name) for piece in pieces[1:]])


def peers(material: Material) -> Part:
    """The default network by PyTorch's timm, with random weights: for speed alone."""
    folder = material.some(300 if material.quick else 1_000)
    pieces = [
        bare(material, "onnxruntime", BARE, material.run / "model.onnx", folder),
        bare(material, "timm", "timm, PyTorch", "efficientnet_lite0", folder),
    ]
    ratios = [Ratio("timm, PyTorch", BARE, of="work_seconds")]
    about = f"The same pictures, decoded alike, by {PEERS['timm'][0]} and {PEERS['timm'][1]}."
    return Part(about, pieces, material.rounds, ratios)


PARTS: dict[str, Callable[[Material], Part]] = {
    function.__name__: function for function in (train, predict, cold, growth, fit, service, ray, peers)
}
OPTIONAL = ("peers",)  # large to install: measured where it is named
