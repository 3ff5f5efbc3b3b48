"""The service: a page where people drop pictures, and the same over HTTP for programs."""

import os
from pathlib import Path

from pawlab.errors import MissingExtraError

_PACKAGES = ("fastapi", "starlette", "uvicorn", "h11", "python_multipart")

# Pillow asks for memory in blocks of this size. Blocks above 32 MB are what glibc gives back to the system at once;
# with Pillow's own 16 MB, a service that has seen one huge picture would keep the memory it took.
_BLOCK_SIZE = "64m"


def serve(model: str | Path, host: str = "127.0.0.1", port: int = 8000, token: str | None = None) -> None:
    """Serve a model on a page and over HTTP, until a signal to stop; what was accepted by then is answered.

    `port`: 0 takes a free one. `token`: what clients must send as `Authorization: Bearer TOKEN`; None asks for nothing.
    Raises ModelError where there is no model, MissingExtraError without the extra 'serve', PawlabError where the
    address can't be had.
    """
    os.environ.setdefault("PILLOW_BLOCK_SIZE", _BLOCK_SIZE)
    try:
        from pawlab.serve import server
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _PACKAGES:
            raise
        raise MissingExtraError("`pawlab serve`", "serve") from error
    server.serve(model, host, port, token)
