"""Pictures that show the same but aren't the same file: resized, recompressed, brightened, cropped or mirrored copies.

Found in three steps, each surer and dearer than the one before, so that most pairs cost next to nothing:

1. Fingerprints: the lowest frequencies of the thumbnail's cosine transform without the mean, as in the "perceptual
   hash" (C. Zauner, "Implementation and benchmarking of perceptual image hash functions", 2010), but with their values
   rather than their signs, scaled to length 1. Up to a few thousand are all compared by one matrix product; more are
   compared with those near the same centres, as an inverted file does (H. Jegou, M. Douze and C. Schmid, "Product
   quantization for nearest neighbor search", 2011). The cosine of copies is near 1; cropping a twentieth off every side
   leaves 0.8 or more in 97 of 100.
2. Of these the likeliest are laid over each other at a low resolution, as a crop would lie (`alignment`). Copies then
   correlate nearly perfectly, while pictures that only have a similar composition rarely do.
3. What remains is compared tile by tile: nearly everywhere the same fine detail, and nowhere a different thing.

A picture with little detail (a shape on white, a letter, a cut-out) fits many others once it may be zoomed and shifted,
so there only copies that need neither are called copies. Resized thumbnails say nothing about what isn't in them, so
pictures smaller than a thumbnail count as having little detail too. Copies that were rotated, framed, written on, or
cropped by more than about a tenth of a side aren't found.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pawlab.audit.alignment import Agreement, agreement, place_finely, place_roughly, standardised, texture
from pawlab.images import Pixels
from pawlab.parallel import MapBatches, map_in_threads
from pawlab.progress import Advance, Progress, silent

Fingerprints = NDArray[np.float32]
Cosines = NDArray[np.float32]
Places = NDArray[np.signedinteger[Any]]
Block = tuple[Places, Places, Places]  # rows, columns, mirrored columns
Candidates = NDArray[np.int32]  # (n, 3): first, second, whether mirrored
Found = tuple[int, int, bool, bool]  # first, second, whether mirrored, whether cropped

THUMBNAIL = 64  # pixels each way: enough to distinguish two photos of one scene
BLANK = 16  # gray levels between the cells that differ most: shading or a sensor's noise, but no thing

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
_ALL_PAIRS = 8000  # pictures that are all compared with each other: up to here that is quicker
_NEAREST = 4  # centres a picture
_MOST_OF_A_CENTRE = 4000  # pictures that are compared with each other: of thousands that look alike, those most alike
_ROWS = 256  # pictures looked at together
_PAIRS = 64  # candidates per batch: 25 MB while they are compared


@dataclass(frozen=True)
class NearPair:
    """Two contents, by SHA-256, that show the same. `mirrored`: left for right; `cropped`: one has less around it."""

    first: str
    second: str
    mirrored: bool
    cropped: bool


class Thumbnails(Protocol):
    """Gray thumbnails of whole pictures, uint8 (n, 64, 64): in memory or mapped, looked up by their places."""

    def __len__(self) -> int:
        """Return how many there are."""
        ...

    def __getitem__(self, places: Places, /) -> Pixels:
        """Return those at some places, (m,), as uint8 (m, 64, 64)."""
        ...


@dataclass(frozen=True)
class _Some:
    """Those of the thumbnails that stand at `places`. Nothing is copied before it is looked up."""

    thumbnails: Thumbnails
    places: Places

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: Places) -> Pixels:
        return self.thumbnails[self.places[rows]]


def find_near_duplicates(
    keys: Sequence[str],
    thumbnails: Thumbnails,
    large: NDArray[np.bool_],
    progress: Progress = silent,
    map_batches: MapBatches = map_in_threads,
) -> tuple[NearPair, ...]:
    """Return every pair of contents that show the same, in the order of `keys`.

    `large`: which pictures are no smaller than their thumbnails, (n,). Takes about 0.3 s for 3,000 photos on two cores.
    A picture is laid over 8 others at most, and its fingerprint compared with 4 x 4,000 at most, mostly with far fewer,
    whose number grows with the root of n. Memory holds 0.5 KB a picture, beside what a look at `thumbnails` takes.
    """
    from threadpoolctl import threadpool_limits

    shown = np.flatnonzero(_contrast(thumbnails) >= BLANK)
    if len(shown) < 2:
        return ()
    some = _Some(thumbnails, shown)
    with threadpool_limits(1):  # of the algebra, which waits more than it computes where others use the cores
        found = _found(some, large[shown], progress, map_batches)
    pairs = {(first, second): (mirrored, cropped) for first, second, mirrored, cropped in sorted(found, reverse=True)}
    names = [keys[index] for index in shown.tolist()]
    return tuple(NearPair(names[first], names[second], *pairs[first, second]) for first, second in sorted(pairs))


def _found(
    thumbnails: Thumbnails, large: NDArray[np.bool_], progress: Progress, map_batches: MapBatches
) -> list[Found]:
    with progress("Comparing pictures", len(thumbnails)) as advance:
        candidates, detailed = _candidates(thumbnails, large, advance, map_batches)
    found: list[Found] = []
    with progress("Comparing likely copies", len(candidates), unit="pairs") as advance:
        batches = [candidates[start : start + _PAIRS] for start in range(0, len(candidates), _PAIRS)]
        for batch, copies in zip(batches, map_batches(partial(_copies, thumbnails, detailed), batches), strict=True):
            found += copies
            advance(len(batch))
    return found


def fingerprints(thumbnails: Thumbnails) -> Fingerprints:
    """Return a row of 63 numbers of length 1 for each thumbnail: (n, 63) float32 from (n, side, side) uint8."""
    rows = [_fingerprints(thumbnails[places]) for places in _in_rows(np.arange(len(thumbnails)))]
    return np.concatenate(rows or [np.empty((0, _FREQUENCIES**2 - 1), np.float32)])


def _fingerprints(thumbnails: Pixels) -> Fingerprints:
    wave = _cosines(thumbnails.shape[1])
    low = (wave @ thumbnails.astype(np.float32) @ wave.T).reshape(len(thumbnails), -1)[:, 1:]
    return np.asarray(low / np.maximum(np.linalg.norm(low, axis=1, keepdims=True), 1e-6), dtype=np.float32)


def mirrored_fingerprints(fingerprints: Fingerprints) -> Fingerprints:
    """Return those of the mirrored pictures: the odd waves across change their sign."""
    signs = np.tile(np.array([1, -1], np.float32), _FREQUENCIES**2 // 2)[1:]
    return np.asarray(fingerprints * signs)


def _cosines(side: int) -> Fingerprints:
    """Return the first rows of the discrete cosine transform's orthonormal matrix, (_FREQUENCIES, side)."""
    angles = np.pi * np.arange(_FREQUENCIES)[:, None] * (np.arange(side) + 0.5) / side
    rows = np.cos(angles) * np.sqrt(2 / side)
    rows[0] /= np.sqrt(2)
    return np.asarray(rows, dtype=np.float32)


def _contrast(thumbnails: Thumbnails) -> NDArray[np.uint16]:
    """Return how many gray levels lie between the darkest and the brightest cell of 2 x 2 pixels, (n,)."""
    found = [_contrast_of(thumbnails[places]) for places in _in_rows(np.arange(len(thumbnails)))]
    return np.concatenate(found or [np.empty(0, np.uint16)])


def _contrast_of(thumbnails: Pixels) -> NDArray[np.uint16]:
    rows = thumbnails[:, ::2].astype(np.uint16) + thumbnails[:, 1::2]
    cells = (rows[:, :, ::2] + rows[:, :, 1::2]).reshape(len(thumbnails), -1)
    return np.asarray((cells.max(axis=1) - cells.min(axis=1)) // 4)


class _Detail:
    """Which pictures have detail: looked at where it is asked for, once each."""

    def __init__(self, thumbnails: Thumbnails, large: NDArray[np.bool_]) -> None:
        self._thumbnails = thumbnails
        self._open = large.copy()  # small pictures count as having none
        self.found = np.zeros(len(large), bool)

    def of(self, places: Places) -> NDArray[np.bool_]:
        """Return it for the pictures at some places, in their shape."""
        for some in _in_rows(np.unique(places[self._open[places]])):
            self.found[some] = texture(standardised(self._thumbnails[some])) >= _DETAILED
            self._open[some] = False
        return np.asarray(self.found[places])


def _candidates(
    thumbnails: Thumbnails, large: NDArray[np.bool_], advance: Advance, map_batches: MapBatches = map_in_threads
) -> tuple[Candidates, NDArray[np.bool_]]:
    """Return pairs with similar fingerprints, the first before the second, and which pictures have detail.

    A picture is in at most _MOST_A_PICTURE pairs as the first.
    """
    prints, detail = fingerprints(thumbnails), _Detail(thumbnails, large)
    mirrored = mirrored_fingerprints(prints)
    times = 1 if len(prints) <= _ALL_PAIRS else _NEAREST  # that a picture is in a block
    found, done = [], 0
    for count, pairs, cosines in map_batches(partial(_similar, prints, mirrored, detail), _blocks(prints, mirrored)):
        found.append((pairs, cosines))
        advance((done + count) // times - done // times)
        done += count
    pairs, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
    once = np.unique((pairs[:, 0] * np.int64(len(prints)) + pairs[:, 1]) * 2 + pairs[:, 2], return_index=True)[1]
    return _likeliest(pairs[once], cosines[once])[0], detail.found


def _likeliest(pairs: Candidates, cosines: Cosines) -> tuple[Candidates, Cosines]:
    """Return for each picture, as the first of its pairs, those pairs that are nearest."""
    order = np.lexsort((pairs[:, 2], pairs[:, 1], -cosines, pairs[:, 0]))
    pairs, cosines = pairs[order], cosines[order]
    taken = np.arange(len(pairs)) - np.searchsorted(pairs[:, 0], pairs[:, 0]) < _MOST_A_PICTURE
    return pairs[taken], cosines[taken]


def _similar(
    prints: Fingerprints, mirrored: Fingerprints, detail: _Detail, block: Block
) -> tuple[int, Candidates, Cosines]:
    """Return how many pictures a block has, its likeliest pairs of those whose cosine is that of copies, and these."""
    rows, *others = block
    pairs, cosines = [], []
    for flipped, columns in enumerate(others):
        cosine = prints[rows] @ (mirrored if flipped else prints)[columns].T
        row, column = np.nonzero(cosine > _LIKELY)
        first, second = rows[row], columns[column]
        pairs.append(np.stack([first, second, np.full_like(first, flipped)], axis=1, dtype=np.int32)[first < second])
        cosines.append(cosine[row, column][first < second])
    found, near = np.concatenate(pairs), np.concatenate(cosines)
    likely = (near > _LIKELY_IF_PLAIN) | detail.of(found[:, :2]).all(axis=1)
    return len(rows), *_likeliest(found[likely], near[likely])


def _blocks(prints: Fingerprints, mirrored: Fingerprints) -> Iterator[Block]:
    """Yield which pictures are compared with which, and with which mirrored ones, each with those behind it.

    A few thousand are all compared with each other. Of more, each is compared with those that share one of its nearest
    centres, which copies nearly always do: centres are some of the pictures, four times the square root of them.
    """
    for own, flipped in _groups(prints, mirrored):
        for rows in _in_rows(own):
            yield rows, own[np.searchsorted(own, rows[0]) :], flipped[np.searchsorted(flipped, rows[0]) :]


def _groups(prints: Fingerprints, mirrored: Fingerprints) -> Iterator[tuple[Places, Places]]:
    """Yield which pictures, and which mirrored ones, are compared with each other, each in order."""
    count = len(prints)
    if count <= _ALL_PAIRS:
        yield np.arange(count), np.arange(count)
        return
    centres = prints[:: max(1, int(np.sqrt(count) / 4))]
    for centre, own, flipped in zip(centres, _members(prints, centres), _members(mirrored, centres), strict=True):
        if max(len(own), len(flipped)) <= _MOST_OF_A_CENTRE:
            yield own, flipped
        else:
            yield from _pieces(own, prints[own] @ centre, flipped, mirrored[flipped] @ centre)


def _pieces(own: Places, near: Cosines, flipped: Places, flipped_near: Cosines) -> Iterator[tuple[Places, Places]]:
    """Yield a large group in pieces, by how near to the centre they are: copies are as near, nearly, as each other."""
    order, flipped_order = np.argsort(near, kind="stable"), np.argsort(flipped_near, kind="stable")
    for start in range(0, len(own), _MOST_OF_A_CENTRE):
        piece = order[start : start + _MOST_OF_A_CENTRE]
        first = np.searchsorted(flipped_near[flipped_order], near[piece[0]])
        yield np.sort(own[piece]), np.sort(flipped[flipped_order[first : first + _MOST_OF_A_CENTRE]])


def _members(prints: Fingerprints, centres: Fingerprints) -> list[Places]:
    """Return for each centre the pictures that it is one of the nearest of, in order."""
    away = -centres.T
    nearest = np.empty((len(prints), _NEAREST), np.int32)
    for rows in _in_rows(np.arange(len(prints))):
        nearest[rows] = np.argpartition(prints[rows] @ away, _NEAREST, axis=1)[:, :_NEAREST]
    centre = nearest.ravel()
    order = np.argsort(centre, kind="stable")
    return np.split(order // _NEAREST, np.searchsorted(centre[order], np.arange(1, len(centres))))


def _in_rows(places: Places) -> Iterator[Places]:
    return (places[start : start + _ROWS] for start in range(0, len(places), _ROWS))


def _copies(thumbnails: Thumbnails, detailed: NDArray[np.bool_], candidates: Candidates) -> list[Found]:
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
