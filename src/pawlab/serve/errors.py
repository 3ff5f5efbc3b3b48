"""How the service says no: a status and one sentence, as JSON."""

import json


class RefusedError(Exception):
    """A request that isn't served. `str(error)` is one sentence for the client: what was wrong and how to fix it."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers or {}


def busy(sentence: str, seconds: int) -> RefusedError:
    """Return the refusal of what there is no room for now; the client may come again after `seconds`."""
    return RefusedError(503, f"{sentence} Try again in {seconds} s.", {"Retry-After": str(seconds)})


def error_body(sentence: str) -> bytes:
    """Return `{"error": sentence}` in bytes."""
    return json.dumps({"error": sentence}, ensure_ascii=False).encode()
