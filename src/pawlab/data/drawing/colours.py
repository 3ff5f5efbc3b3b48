"""Colours as (red, green, blue), 0-255."""

import numpy as np

Colour = tuple[int, int, int]

WHITE: Colour = (248, 244, 237)
INK: Colour = (34, 28, 28)
ROSE: Colour = (226, 150, 142)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return `first` with a `share` (0-1) of `second` in it."""
    return (
        round(first[0] + (second[0] - first[0]) * share),
        round(first[1] + (second[1] - first[1]) * share),
        round(first[2] + (second[2] - first[2]) * share),
    )


def darker(colour: Colour, share: float) -> Colour:
    """Mix in a warm black."""
    return mix(colour, (20, 14, 18), share)


def lighter(colour: Colour, share: float) -> Colour:
    """Mix in a warm white."""
    return mix(colour, (255, 250, 240), share)


def varied(colour: Colour, rng: np.random.Generator, amount: float = 10) -> Colour:
    """Return a neighbouring colour."""
    shift = rng.normal(0, amount) + rng.normal(0, amount / 2, 3)
    red, green, blue = (
        int(min(max(channel + step, 0), 255)) for channel, step in zip(colour, shift.tolist(), strict=True)
    )
    return (red, green, blue)


def lightness(colour: Colour) -> float:
    """Return how light a colour looks, 0-1."""
    return (0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2]) / 255
