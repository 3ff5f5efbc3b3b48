"""The least that predicting takes: Pillow and a runtime, two lines each, on as many threads as are asked for.

    python benchmarks/peer_bare.py onnxruntime|openvino|litert|timm MODEL SIZE THREADS FOLDER

Every picture below FOLDER is decoded to SIZE x SIZE, JPEG at a fraction where that is large enough, and computed. For
timm MODEL is a network's name, with random weights: for speed alone. Prints JSON: `pictures`, `work_seconds` (without
imports, and without opening the model) and, but for timm, the classes `predicted`, in the order of the files' names.
"""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import local
from time import perf_counter
from typing import Any

import numpy as np
from PIL import Image

Forward = Callable[[Any], Any]  # of pictures (n, size, size, 3) uint8 to (n, classes)


def onnxruntime(model: str, size: int) -> Callable[[], Forward]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # threads over pictures beat threads inside one
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: lambda pictures: session.run(["probabilities"], {"pictures": pictures})[0]


def openvino(model: str, size: int) -> Callable[[], Forward]:
    from openvino import Core

    core = Core()
    network = core.read_model(model)
    network.reshape([1, size, size, 3])
    threads = int(sys.argv[4])  # and float32, as all others: of itself it takes bfloat16 where the processor has that
    settings = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(network, "CPU", settings)
    output = compiled.output("probabilities")

    def for_a_thread() -> Forward:
        request = compiled.create_infer_request()
        return lambda pictures: request.infer([pictures])[output].copy()

    return for_a_thread


def litert(model: str, size: int) -> Callable[[], Forward]:
    from ai_edge_litert.interpreter import Interpreter

    def for_a_thread() -> Forward:
        runner = Interpreter(model, num_threads=1).get_signature_runner()
        return lambda pictures: runner(pictures=pictures)["probabilities"]

    for_a_thread()  # read and prepared once before the clock runs, as the others are
    return for_a_thread


def timm(model: str, size: int) -> Callable[[], Forward]:
    import torch

    if torch.__version__.endswith("+cpu"):  # torchvision's compiled half, for CUDA, doesn't load then, and is missed
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")
    import timm

    torch.set_num_threads(1)
    network = timm.create_model(model, pretrained=False).eval()

    def forward(pictures: Any) -> Any:
        with torch.inference_mode():
            values = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().sub(127).div(128)
            return network(values).numpy()

    return lambda: forward


ENGINES = {"onnxruntime": onnxruntime, "openvino": openvino, "litert": litert, "timm": timm}
BATCH = {"timm": 16}  # pictures a run; 1 where it isn't here: what suits each best


def pixels(path: Path, size: int) -> Any:
    with Image.open(path) as image:
        image.draft(None, (size, size))
        return np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR))


def main() -> None:
    engine, model, size, threads, folder = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    for_a_thread, own = ENGINES[engine](model, size), local()

    def predicted(batch: list[Path]) -> list[int]:
        values = own.forward(np.stack([pixels(path, size) for path in batch]))
        return [int(row.argmax()) for row in values]

    def open_in_thread() -> None:
        own.forward = for_a_thread()

    start, step = perf_counter(), BATCH.get(engine, 1)
    batches = [paths[place : place + step] for place in range(0, len(paths), step)]
    with ThreadPoolExecutor(threads, initializer=open_in_thread) as pool:
        found = [index for batch in pool.map(predicted, batches) for index in batch]
    result = {"pictures": len(found), "work_seconds": round(perf_counter() - start, 3)}
    print(json.dumps(result if engine == "timm" else {**result, "predicted": found}))


if __name__ == "__main__":
    main()
