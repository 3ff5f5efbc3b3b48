"""Pictures that show the same but aren't the same file: resized, recompressed, brightened, cropped or mirrored copies.

Found in three steps, each surer and dearer than the one before, so that most pairs cost next to nothing:

1. Fingerprints: the lowest frequencies of the thumbnail's cosine transform without the mean, as in the "perceptual
   hash" (C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010), but with their values
   rather than their signs, scaled to length 1. All are compared with all by one matrix product: 50,000 pictures take
   seconds, where decoding them takes minutes. The cosine of copies is near 1; cropping a twentieth off every side
   leaves 0.8 or more in 97 of 100.
2. Of these the likeliest are laid over each other at a low resolution, as a crop would lie (`alignment`). Copies then
   correlate nearly perfectly, while pictures that only have a similar composition rarely do.
3. What remains is compared tile by tile: nearly everywhere the same fine detail, and nowhere a different thing.

A picture with little detail (a shape on white, a letter, a cut-out) fits many others once it may be zoomed and shifted,
so there only copies that need neither are called copies. Resized thumbnails say nothing about what isn't in them, so
pictures smaller than a thumbnail count as having little detail too. Copies that were rotated, framed, written on, or
cropped by more than about a tenth of a side aren't found.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pawlab.audit.alignment import Agreement, agreement, place_finely, place_roughly, standardised, texture
from pawlab.audit.image_stats import THUMBNAIL, ImageStats
from pawlab.images import Pixels
from pawlab.parallel import MapBatches, map_in_threads
from pawlab.progress import Advance, Progress, silent

Fingerprints = NDArray[np.float32]
Candidates = NDArray[np.intp]  # (n, 3): first, second, whether mirrored

_FREQUENCIES = 8  # each way, as in the perceptual hash
_LIKELY = 0.8  # cosine of fingerprints, see above
_LIKELY_IF_PLAIN = 0.98  # where nothing may be shifted, copies are nearer than that
_FITS = 0.95  # correlation once laid over each other at low resolution, where compression and noise hardly show
_DETAILED = 0.6  # share of tiles with detail; most photos have 0.7 and more, shapes and letters on plain ground less
_SAME_DETAIL = 0.8  # share of detailed tiles that agree: strong compression spoils some, chance makes a few agree
_SAME_DETAIL_IF_CROPPED = 0.9  # what could be moved until it fitted best has to fit better
_DIFFERENT_THING = (
    0.8  # in the worst tile; a copy that is clipped in the highlights stays below, another object doesn't
)
_DIFFERENT_IF_PLAIN = 0.25  # little detail to go by, so brightness must fit closely
_OVERLAP = 0.6  # of the first picture
_MOVED = 0.02  # zoom or shift in shares of the side, from which a copy counts as cropped: more than rounding explains
_MOST_A_PICTURE = 8  # candidates: thousands of frames of one film would otherwise cost thousands each
_ROWS = 256  # fingerprints per block: 50 MB of cosines for 50,000 pictures
_PAIRS = 128  # candidates per batch: 50 MB while they are compared


@dataclass(frozen=True)
class NearPair:
    """Two contents, by SHA-256, that show the same. `mirrored`: left for right; `cropped`: one has less around it."""

    first: str
    second: str
    mirrored: bool
    cropped: bool


def find_near_duplicates(
    image_stats: Mapping[str, ImageStats], progress: Progress = silent, map_batches: MapBatches = map_in_threads
) -> tuple[NearPair, ...]:
    """Return every pair of contents that show the same, in the order of `image_stats`."""
    keys = [key for key, look in image_stats.items() if not look.is_blank]
    if len(keys) < 2:
        return ()
    thumbnails = np.stack([image_stats[key].thumbnail for key in keys])
    detailed = np.array([_is_large(image_stats[key]) for key in keys]) & _has_detail(thumbnails)
    with progress("Comparing pictures", len(keys)) as advance:
        batches = _in_batches(_candidates(fingerprints(thumbnails), detailed, advance))
        found = [pair for batch in map_batches(partial(_copies, thumbnails, detailed), batches) for pair in batch]
    pairs = {(first, second): (mirrored, cropped) for first, second, mirrored, cropped in sorted(found, reverse=True)}
    return tuple(NearPair(keys[first], keys[second], *pairs[first, second]) for first, second in sorted(pairs))


def fingerprints(thumbnails: Pixels) -> Fingerprints:
    """Return a row of 63 numbers of length 1 for each thumbnail: (n, 63) float32 from (n, side, side) uint8."""
    wave = _cosines(thumbnails.shape[1])
    blocks = (thumbnails[start : start + _ROWS].astype(np.float32) for start in range(0, len(thumbnails), _ROWS))
    low = np.concatenate([wave @ block @ wave.T for block in blocks]).reshape(len(thumbnails), -1)[:, 1:]
    return np.asarray(low / np.maximum(np.linalg.norm(low, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def mirrored_fingerprints(fingerprints: Fingerprints) -> Fingerprints:
    """Return those of the mirrored pictures: the odd waves across change their sign."""
    signs = np.tile([1.0, -1.0], _FREQUENCIES**2 // 2)[1:]
    return np.asarray(fingerprints * signs, dtype=np.float32)


def _cosines(side: int) -> Fingerprints:
    """Return the first rows of the discrete cosine transform's orthonormal matrix, (_FREQUENCIES, side)."""
    angles = np.pi * np.arange(_FREQUENCIES)[:, None] * (np.arange(side) + 0.5) / side
    rows = np.cos(angles) * np.sqrt(2 / side)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, dtype=np.float32)


def _is_large(look: ImageStats) -> bool:
    return min(look.info.width, look.info.height) >= THUMBNAIL


def _has_detail(thumbnails: Pixels) -> NDArray[np.bool_]:
    blocks = (thumbnails[start : start + _ROWS] for start in range(0, len(thumbnails), _ROWS))
    return np.concatenate([texture(standardised(block)) >= _DETAILED for block in blocks])


def _candidates(prints: Fingerprints, detailed: NDArray[np.bool_], advance: Advance) -> Iterator[Candidates]:
    """Yield pairs with similar fingerprints, the first before the second."""
    mirrored = mirrored_fingerprints(prints)
    for start in range(0, len(prints), _ROWS):
        rows = prints[start : start + _ROWS]
        for flip, others in ((0, prints), (1, mirrored)):
            first, second = _likely(rows @ others[start:].T, detailed[start:])
            yield np.stack([first + start, second + start, np.full_like(first, flip)], axis=1)
        advance(len(rows))


def _likely(cosines: Fingerprints, detailed: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return rows and columns of the likeliest pairs above the diagonal, at most _MOST_A_PICTURE a row."""
    rows, columns = np.nonzero(cosines > _LIKELY)
    both = detailed[rows] & detailed[columns]
    likely = (columns > rows) & (both | (cosines[rows, columns] > _LIKELY_IF_PLAIN))
    rows, columns = rows[likely], columns[likely]
    best_first = np.lexsort((-cosines[rows, columns], rows))
    rows, columns = rows[best_first], columns[best_first]
    rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
    return rows[rank < _MOST_A_PICTURE], columns[rank < _MOST_A_PICTURE]


def _in_batches(pieces: Iterable[Candidates]) -> Iterator[Candidates]:
    """Gather many small pieces, cut large ones."""
    waiting = np.empty((0, 3), dtype=np.intp)
    for piece in pieces:
        waiting = np.concatenate([waiting, piece])
        while len(waiting) >= _PAIRS:
            yield waiting[:_PAIRS]
            waiting = waiting[_PAIRS:]
    if len(waiting):
        yield waiting


def _copies(
    thumbnails: Pixels, detailed: NDArray[np.bool_], candidates: Candidates
) -> list[tuple[int, int, bool, bool]]:
    """Return those of the candidates that show the same: first, second, whether mirrored, whether cropped."""
    first, second = (standardised(thumbnails[candidates[:, column]]) for column in (0, 1))
    mirrored = candidates[:, 2] == 1
    second[mirrored] = second[mirrored, :, ::-1]
    placement, fit = place_roughly(first, second)
    fits = fit > _FITS
    if not fits.any():
        return []
    first, second, candidates = first[fits], second[fits], candidates[fits]
    placement = place_finely(first, second, placement[fits])
    cropped = np.abs(placement).max(axis=1) > _MOVED
    both = detailed[candidates[:, 0]] & detailed[candidates[:, 1]]
    same = _show_the_same(agreement(first, second, placement), cropped, both)
    found = np.column_stack([candidates, cropped])[same]
    return [(int(one), int(other), bool(flip), bool(crop)) for one, other, flip, crop in found]


def _show_the_same(agree: Agreement, cropped: NDArray[np.bool_], detailed: NDArray[np.bool_]) -> NDArray[np.bool_]:
    same = agree.same >= np.where(cropped, _SAME_DETAIL_IF_CROPPED, _SAME_DETAIL)
    by_detail = detailed & (agree.overlap > _OVERLAP) & (agree.textured >= _DETAILED) & same
    by_brightness = ~cropped & (same | (agree.textured == 0)) & (agree.worst < _DIFFERENT_IF_PLAIN)
    return np.asarray((by_detail & (agree.worst < _DIFFERENT_THING)) | by_brightness)
