"""Counts, in Prometheus's text format.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)  # seconds


class Counters:
    """Counts of requests and pictures. Used on the event loop only."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, str, int]] = Counter()  # by method, path and status
        self.pictures: Counter[str] = Counter()  # by outcome
        self.under_way = 0
        self._seconds = 0.0
        self._buckets = [0] * (len(_BOUNDS) + 1)

    def add_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request that was served. `method` and `path` come from fixed sets: memory is bounded."""
        self.requests[method, path, status] += 1
        self._seconds += seconds
        self._buckets[bisect_left(_BOUNDS, seconds)] += 1

    def render(self, gauges: dict[str, tuple[str, float]]) -> str:
        """Return the page for Prometheus. `gauges`: by name, the help and the value."""
        return "\n".join([*self._lines(), *_gauge_lines(gauges)]) + "\n"

    def _lines(self) -> Iterator[str]:
        yield from _head("pawlab_requests_total", "counter", "Requests served.")
        for (method, path, status), count in sorted(self.requests.items()):
            yield f'pawlab_requests_total{{method="{method}",path="{path}",status="{status}"}} {count}'
        yield from _head("pawlab_pictures_total", "counter", "Pictures processed, by outcome.")
        for result, count in sorted(self.pictures.items()):
            yield f'pawlab_pictures_total{{result="{result}"}} {count}'
        yield from _head("pawlab_request_seconds", "histogram", "From request head to response end.")
        total = 0
        for bound, count in zip((*map(str, _BOUNDS), "+Inf"), self._buckets, strict=True):
            total += count
            yield f'pawlab_request_seconds_bucket{{le="{bound}"}} {total}'
        yield f"pawlab_request_seconds_sum {self._seconds:.6f}"
        yield f"pawlab_request_seconds_count {total}"


def _gauge_lines(gauges: dict[str, tuple[str, float]]) -> Iterator[str]:
    for name, (text, value) in gauges.items():
        yield from _head(name, "gauge", text)
        yield f"{name} {value:g}"


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"
