#!/usr/bin/env bash
# What a GPU brings, on a bare machine with an NVIDIA driver, in 8 minutes: prints one JSON document, and writes it to
# gpu.json, or to the file that OUT names. What is said meanwhile goes to standard error.
#
#   bash benchmarks/gpu.sh [--device cuda] [--data DATA] ...     (see `python benchmarks/gpu.py --help`)
#
# Needs Python 3.11 or newer, which PYTHON may name, and pip's registry or a folder of wheels that WHEELS names:
# hatchling, what pyproject.toml lists, onnxruntime-gpu, tensorflow. With READY=1 nothing is installed: PYTHON has all of
# it. CUDA's libraries may be those that either Python has as packages. Where TensorFlow can't be had, a4 and finetune are
# skipped, with a reason. MobileNetV2's weights are found as pawlab finds them: in PAWLAB_WEIGHTS_DIR.
#
# Tried with READY=1 on an NVIDIA H200 (benchmarks/bench/gpu.json), but for what Keras trains. What it installs wasn't.
set -euo pipefail
cd "$(dirname "$0")/.."

began=$SECONDS
python=${PYTHON:-python3}
ours=$python
from=()
if [ -n "${WHEELS:-}" ]; then from=(--no-index --find-links "$WHEELS"); fi

say() { echo "gpu.sh: $*" >&2; }
install() { "$ours" -m pip install --quiet --disable-pip-version-check "${from[@]}" "$@" >&2; }

if [ -z "${READY:-}" ]; then
    environment=${TMPDIR:-/tmp}/pawlab-gpu/environment
    ours=$environment/bin/python
    if [ ! -f "$environment/installed" ]; then
        "$python" -m venv --clear "$environment"
        install hatchling
        install --no-build-isolation .
        "$ours" -m pip uninstall --quiet --yes onnxruntime >&2 # the other has the same files
        install onnxruntime-gpu || { say "no onnxruntime-gpu: the device will be refused" && install onnxruntime; }
        install 'tensorflow[and-cuda]' || install tensorflow || say "no TensorFlow: a4 will be skipped"
        touch "$environment/installed"
    fi
fi

# ONNX Runtime looks for CUDA's libraries where the system does, not among Python's packages.
found='import glob, sys; print(":".join(path for place in sys.path for path in glob.glob(place + "/nvidia/*/lib")))'
LD_LIBRARY_PATH=$("$python" -c "$found"):$("$ours" -c "$found"):${LD_LIBRARY_PATH:-}
export LD_LIBRARY_PATH PYTHONPATH=src${PYTHONPATH:+:$PYTHONPATH}

left=$((7 - (SECONDS - began) / 60))
"$ours" benchmarks/gpu.py --minutes "$((left > 0 ? left : 0))" "$@" | tee "${OUT:-gpu.json}"
