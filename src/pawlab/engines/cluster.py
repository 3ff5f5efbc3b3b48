"""A cluster, by Ray Data: this machine's cores as Ray's workers, or those of the machines at an address.

What Ray carries is small: paths go out, in batches, and rows of numbers come back. Each worker opens a picture itself,
so that no pixels enter Ray's object store, and the graph goes to each machine once, by its content. All CPUs may be
workers: nothing else of the plan runs in Ray that could wait for one.

Rows arrive in the pictures' order and are kept by whoever asked for them, in the feature store or beside `--out`; so a
stopped job goes on from there, and Ray keeps nothing of its own.
"""

import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from time import monotonic, sleep
from typing import Any, TypeVar

from pawlab import __version__
from pawlab.engines.work import Computed, ForwardPass, why_unread
from pawlab.errors import DataError, MissingExtraError, PawlabError, one_line
from pawlab.files.addresses import is_address
from pawlab.files.remote import content, copied_from
from pawlab.graphs.keras_runtime import silent_stderr
from pawlab.images import Pinned
from pawlab.parallel import batched, cores
from pawlab.waiting import waiting_for

Result = TypeVar("Result")

_BATCH = 32  # paths a task: half a second of work, and that much is lost with a worker
_READ_AT_ONCE = 8  # addresses: most of their time is waiting
_STORE_BYTES = 300_000_000  # of memory for what is under way between this process and its workers
_PATIENCE = 30.0  # seconds without a picture until something is said
_SOURCE, _RESULT = "source", "result"
_JOINED: list[str | None] = []  # the address of the cluster that this process has joined by us
_BETWEEN = "\0"  # the parts of a key: no path has it


@dataclass(frozen=True)
class Cluster:
    """Ray on this machine, or at `address`. `store_bytes`: the object store's size, of a Ray of our own."""

    address: str | None = None
    store_bytes: int = _STORE_BYTES

    def __post_init__(self) -> None:
        """Raise MissingExtraError where Ray isn't installed."""
        if find_spec("ray") is None:
            raise MissingExtraError("--engine ray", "ray")

    @property
    def mark(self) -> str:
        """Return that processors compute, as here."""
        return ""

    @property
    def reads_addresses(self) -> bool:
        """Return that it is: each worker fetches its own pictures."""
        return True

    def forward(self, work: ForwardPass, sources: Iterable[Any]) -> Iterator[Computed]:
        """Yield the graph's outputs for each picture, or why it can't be read; copies of a path are computed once."""
        return self.map(work, sources)

    def map(self, function: Callable[[Any], Result], sources: Iterable[Any], batch_size: int = 1) -> Iterator[Result]:
        """Yield `function(source)` for each path or address, in their order.

        Raises PawlabError where Ray can't be had or has no room, and what the function raises of our own.
        """
        keys = [_key(source) for source in sources]
        if not keys:
            return
        copies = Counter(keys)
        computed = self._compute(function, list(copies))
        kept: dict[bytes, Result] = {}  # of paths that are to come again
        for key in keys:
            if key in kept:
                yield kept[key]
                continue
            with waiting_for("Ray, which gives no picture back", _PATIENCE):
                result = next(computed)
            if copies[key] > 1:
                kept[key] = result
            yield result

    def _compute(self, function: Callable[[Any], Result], keys: Sequence[bytes]) -> Iterator[Result]:
        ray, data = self._ray
        there = _require_room(ray)
        batches = list(batched(keys, _BATCH))
        workers = data.ActorPoolStrategy(min_size=1, max_size=min(there, len(batches)))
        shipped = ray.put(function)
        mapped = data.from_arrow([_table(batch) for batch in batches]).map_batches(
            _Worker, fn_constructor_args=([shipped], __version__), batch_size=_BATCH, compute=workers, num_cpus=1
        )
        with _explained():
            for row in mapped.iter_rows():
                yield row[_RESULT].value()

    @cached_property
    def _ray(self) -> tuple[Any, Any]:
        """Return Ray and Ray Data, connected."""
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # it would tell its makers
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its warnings would reach the user's terminal
        import ray
        import ray.data as data

        for name in ("ray", "ray.data"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        if not ray.is_initialized():
            self._connect(ray)
            _JOINED[:] = [self.address]
        elif _JOINED and [self.address] != _JOINED:
            there, wanted = (address or "this machine" for address in (*_JOINED, self.address))
            raise PawlabError(f"this process uses Ray on {there}; for {wanted} call ray.shutdown() first.")
        context = data.DataContext.get_current()
        context.execution_options.preserve_order = True
        context.enable_progress_bars = False
        return ray, data

    def _connect(self, ray: Any) -> None:
        quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
        if self.address is None:
            here = {
                "address": "local",  # else Ray would join whatever cluster was started here last
                "num_cpus": cores(),
                "object_store_memory": self.store_bytes,
                "_node_ip_address": "127.0.0.1",
            }
            with silent_stderr():  # Ray's own words on its log
                ray.init(**here, **quiet, include_dashboard=False)
            _keep_off_stdout()
            return
        try:
            with waiting_for(f"the Ray cluster at {self.address}"):
                _require_answer(self.address)
                ray.init(address=self.address, **quiet)
                _keep_off_stdout()
        except (OSError, RuntimeError, ValueError) as error:
            raise PawlabError(
                f"no Ray cluster answers at {self.address}: {one_line(error)}. Start one (ray start --head), set "
                "RAY_AUTH_TOKEN where it asks for one, or leave --address out to use this machine."
            ) from error


def _keep_off_stdout() -> None:
    """Have Ray not write that a worker died between predictions on standard output: it has no switch for that."""
    import ray._private.worker as printing

    if hasattr(printing, "print_to_stdstream"):
        printing.print_to_stdstream = _unsaid


def _unsaid(*_: Any, **__: Any) -> None:
    """Write nothing."""


def _require_answer(address: str) -> None:
    """Raise OSError or ValueError where nothing listens at HOST:PORT: Ray itself would try for minutes."""
    if address == "auto":  # the cluster of this machine, which Ray looks for
        return
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not colon or not port.isdecimal():
        raise ValueError("an address is HOST:PORT, ray://HOST:PORT or auto")
    socket.create_connection((host.strip("[]"), int(port)), _PATIENCE / 3).close()


def _require_room(ray: Any) -> int:
    """Return how many CPUs the cluster has. Raises PawlabError where none gets free: Ray would wait for ever."""
    until, there = monotonic() + _PATIENCE, int(ray.cluster_resources().get("CPU", 0))
    while ray.available_resources().get("CPU", 0) < 1:
        if there < 1 or monotonic() > until:
            raise PawlabError(
                f"the Ray cluster is too small: of its {there} CPUs none is free, and a worker takes one. "
                "Wait for its other jobs, or add machines."
            )
        sleep(0.1)
    return there


@dataclass(frozen=True)
class _Boxed:
    """A result that Ray's tables leave as it is, or an error of ours, which Ray would wrap in its own."""

    result: Any = None
    error: PawlabError | None = None

    def value(self) -> Any:
        """Return the result, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.result


class _Worker:
    """One of Ray's workers: opens the function, and with it the graph, once."""

    def __init__(self, shipped: Sequence[Any], wanted: str) -> None:
        import ray

        if __version__ != wanted:
            raise PawlabError(f"a machine of the cluster has pawlab {__version__}, and this one {wanted}. Install it.")
        self._function = ray.get(shipped[0])

    def __call__(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        import numpy as np

        sources = [_nearest(key) for key in batch[_SOURCE]]
        results = np.empty(len(sources), object)
        with ThreadPoolExecutor(_READ_AT_ONCE if is_address(os.fspath(sources[0])) else 1) as pool:
            for number, result in enumerate(pool.map(self._boxed, sources)):
                results[number] = result
        return {_RESULT: results}

    def _boxed(self, source: str | Pinned) -> _Boxed:
        try:
            return _Boxed(self._result(source))
        except PawlabError as error:
            return _Boxed(error=error)

    def _result(self, source: str | Pinned) -> Any:
        """Return what the function makes of a path or of an address's content, or why there is none."""
        if isinstance(source, Pinned) or not is_address(source):
            return self._function(source)
        try:
            found = content(source)
        except DataError as error:
            return why_unread(error)
        return self._function(found)


def _nearest(key: bytes) -> str | Pinned:
    """Return the path of a key where it is a file of this machine, else the address that it was copied from."""
    path, address, content = os.fsdecode(key).split(_BETWEEN)
    if address and not os.path.exists(path):  # noqa: PTH110
        return address
    return Pinned(path, content) if content else path


def _key(source: Any) -> bytes:
    """Return a path or an address as it is found from other processes, in bytes: not every path is text.

    The address of a copy goes with its path, for machines that don't have the copy, and what a pinned file must hold.
    """
    if not isinstance(source, str | os.PathLike):
        raise PawlabError("--engine ray takes paths and addresses, no pictures in memory. Use --engine local.")
    text = os.fspath(source)
    if is_address(text):
        return os.fsencode(_BETWEEN.join((text, "", "")))
    path = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111
    content = source.sha256 if isinstance(source, Pinned) else ""
    return os.fsencode(_BETWEEN.join((path, copied_from(path) or "", content)))


def _table(keys: Sequence[bytes]) -> Any:
    import pyarrow

    return pyarrow.table({_SOURCE: pyarrow.array(keys, pyarrow.binary())})


@contextmanager
def _explained() -> Iterator[None]:
    """Raise what befell Ray as a PawlabError; a fault in a worker's code stays what it is."""
    from ray.exceptions import RayError, UserCodeException

    try:
        yield
    except UserCodeException:
        raise
    except RayError as error:
        (*_, last) = str(error).splitlines() or [""]
        raise PawlabError(
            f"the Ray cluster failed: {last.strip()} The same command goes on with what is kept so far."
        ) from error
