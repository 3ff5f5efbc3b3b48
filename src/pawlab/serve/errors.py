"""How the service refuses a request: a status and one sentence, as JSON."""

from fastapi.responses import JSONResponse


class RefusedError(Exception):
    """A request that isn't served. `str(error)` is one sentence for the client: what was wrong and how to fix it."""

    def __init__(self, status: int, sentence: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(" ".join(sentence.split()))  # a picture's name in it may hold anything
        self.status = status
        self.headers = headers or {}

    def response(self) -> JSONResponse:
        """Return what the client receives: `{"error": sentence}`."""
        return JSONResponse({"error": str(self)}, self.status, self.headers)


def busy(sentence: str, seconds: int) -> RefusedError:
    """Return the refusal of what there is no room for now; the client may try again after `seconds`."""
    return RefusedError(503, f"{sentence} Try again in {seconds} s.", {"Retry-After": str(seconds)})
