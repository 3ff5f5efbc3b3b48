"""The one way Keras is imported: on TensorFlow, and without TensorFlow's talk on the user's terminal."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType

from pawlab.errors import MissingExtraError

_PACKAGES = ("keras", "tensorflow")
_THREADS = "4"  # inside one operation, however many cores there are: the order of its sums, hence every bit, follows


def import_keras(what: str) -> ModuleType:
    """Return the module `keras`. Takes seconds the first time.

    `what`: begins the sentence of the MissingExtraError where Keras or TensorFlow isn't installed.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("TF_NUM_INTRAOP_THREADS", _THREADS)  # PAWLAB_THREADS has set it already
    try:
        with silent_stderr():
            import tensorflow  # noqa: F401
        import keras
    except ModuleNotFoundError as error:
        if error.name not in _PACKAGES:
            raise
        raise MissingExtraError(what, "keras") from error
    return keras  # type: ignore[no-any-return]


def require_keras(what: str) -> None:
    """Raise the MissingExtraError of `import_keras` where Keras or TensorFlow isn't installed; nothing is imported."""
    if any(name not in sys.modules and find_spec(name) is None for name in _PACKAGES):
        raise MissingExtraError(what, "keras")


@contextmanager
def silent_stderr() -> Iterator[None]:
    """Send standard error nowhere for a while: TensorFlow's C++ code writes there and has no switch."""
    try:
        kept = os.dup(2)
    except OSError:  # a program without a terminal may have no standard error
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        sys.stderr.flush()
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
