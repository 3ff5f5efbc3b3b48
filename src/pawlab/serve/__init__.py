"""The service: a page where people drop pictures, and the same over HTTP for programs."""

import os
from collections.abc import Collection
from pathlib import Path

from pawlab.errors import MissingExtraError

# The size of Pillow's memory blocks. glibc returns blocks above 32 MB to the system at once; with Pillow's default of
# 16 MB, a service that has decoded one huge picture would keep its memory.
_BLOCK_SIZE = "64m"


def serve(
    model: str | Path,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: str | None = None,
    sure_at: float | None = None,
    allow_hosts: Collection[str] = (),
    allow_origins: Collection[str] = (),
) -> None:
    """Serve a model on a page and over HTTP, until a signal to stop; accepted requests are finished.

    A new model that takes the place of the old one's file is used from then on; one that isn't sound is told in the
    log, and the old one stays.

    `port`: 0 takes a free one. `token`: what clients must send as `Authorization: Bearer TOKEN`; None requires none on
    this machine alone, and makes one up where others can connect; an empty text requires none. `sure_at`: as in
    `Classifier.load`. `allow_hosts`: further names that the service may be called by, as behind a proxy.
    `allow_origins`: sites whose pages may use it.
    Raises ModelError where there is no model, MissingExtraError without the extra 'serve', PawlabError where the
    address can't be used.
    """
    os.environ.setdefault("PILLOW_BLOCK_SIZE", _BLOCK_SIZE)
    try:
        from pawlab.serve import server
    except ModuleNotFoundError as error:
        raise MissingExtraError("`pawlab serve`", "serve") from error
    server.serve(model, host, port, token, sure_at, allow_hosts, allow_origins)
