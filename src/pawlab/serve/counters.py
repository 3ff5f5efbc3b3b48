"""Counts, in Prometheus's text format: https://prometheus.io/docs/instrumenting/exposition_formats/, version 0.0.4."""

from collections import Counter
from collections.abc import Mapping

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_BOUNDS = ("0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "5.0", "10.0", "30.0", "+Inf")  # seconds


class Counters:
    """Counts of requests and pictures. Used on the event loop only."""

    def __init__(self) -> None:
        self.pictures: Counter[str] = Counter()  # by outcome
        self.under_way = 0
        self._requests: Counter[tuple[str, str, int]] = Counter()  # by method, path and status
        self._seconds = 0.0
        self._within: Counter[str] = Counter()  # by bound

    def add_request(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count a request. `method` and `path` come from fixed sets: memory is bounded."""
        self._requests[method, path, status] += 1
        self._seconds += seconds
        self._within.update(bound for bound in _BOUNDS if seconds <= float(bound))

    def render(self, waiting: int, held: int) -> str:
        """Return the page for Prometheus. `waiting`: pictures in the queue. `held`: bytes that uploads take."""
        requests = {
            f'{{method="{method}",path="{path}",status="{status}"}}': count
            for (method, path, status), count in sorted(self._requests.items())
        }
        pictures = {f'{{result="{result}"}}': count for result, count in sorted(self.pictures.items())}
        times: dict[str, int | str] = {f'_bucket{{le="{bound}"}}': self._within[bound] for bound in _BOUNDS}
        times |= {"_sum": f"{self._seconds:.6f}", "_count": self._within["+Inf"]}
        return (
            _family("pawlab_requests_total", "counter", "Requests served.", requests)
            + _family("pawlab_pictures_total", "counter", "Pictures processed, by outcome.", pictures)
            + _family("pawlab_request_seconds", "histogram", "From request head to response end.", times)
            + _family("pawlab_requests_under_way", "gauge", "Requests in progress.", {"": self.under_way})
            + _family("pawlab_pictures_waiting", "gauge", "Pictures in the queue.", {"": waiting})
            + _family("pawlab_upload_bytes", "gauge", "Memory that uploads take.", {"": held})
        )


def _family(name: str, kind: str, text: str, samples: Mapping[str, int | str]) -> str:
    """Return the lines of one metric. `samples`: by what follows its name."""
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    lines += [f"{name}{label} {value}" for label, value in samples.items()]
    return "\n".join(lines) + "\n"
