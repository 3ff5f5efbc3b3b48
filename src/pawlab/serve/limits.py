"""The service's limits: for one request, and for all together."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds.

    They leave room for what people have (a phone's photo is 3 to 30 MB) and keep the service's memory bounded.
    """

    # One request
    file_bytes: int = 40_000_000
    request_bytes: int = 100_000_000
    files: int = 100
    pixels: int = 50_000_000  # but of JPEG, which takes less memory, as many as the decoder allows
    large_pixels: int = 16_000_000  # from here decoded one at a time: 320 MB, as a pixel takes up to 20 bytes
    upload_seconds: float = 120.0
    silence_seconds: float = 10.0  # without a byte of the head or the body of a request
    answer_seconds: float = 60.0

    # All requests together
    held_bytes: int = 500_000_000
    waiting: int = 1_000  # pictures in the queue
    connections: int = 500
    stop_seconds: int = 90  # for accepted requests after a stop: longer than a response may take
