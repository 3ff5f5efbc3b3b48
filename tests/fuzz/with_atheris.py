"""One kind of input, led by coverage, where atheris is installed.

    python tests/fuzz/with_atheris.py decoder -runs=100000

Further options are libFuzzer's: https://llvm.org/docs/LibFuzzer.html. What our own fuzzer makes seeds it.
"""

import sys
import tempfile
from pathlib import Path
from random import Random

import atheris

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

with atheris.instrument_imports(include=["pawlab"]):
    from fuzzing import opened
from target import randomness  # noqa: E402

_SEEDS = 200


def main() -> None:
    """Fuzz until something fails."""
    kind = sys.argv.pop(1)
    with opened(kind) as target, tempfile.TemporaryDirectory() as corpus:
        for number in range(_SEEDS):
            Path(corpus, str(number)).write_bytes(target.make(randomness(0, kind, number)))
        atheris.Setup([*sys.argv, corpus], lambda given: target.try_one(given, Random(len(given))))
        atheris.Fuzz()


if __name__ == "__main__":
    main()
