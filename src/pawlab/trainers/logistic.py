"""Multinomial logistic regression with an L2 penalty, for several weightings of the same rows at once.

For weights w of the rows (n,), coefficients A (classes, d) and biases b, each problem is to minimise

    sum of w_i * cross-entropy_i  +  |A|^2 / (2 C)        for two classes |A|^2 / C: half of |A|^2 is in each column

which is scikit-learn's LogisticRegression, C and all. The problems (the folds of a cross-validation, say) share their
matrix products, and may start from the solutions for another C.

The solver is L-BFGS on V, where A = start + V W and W is the inverse of the Cholesky factor of h X'X + 1/C; h is the
mean curvature p (1 - p). Near that, every direction curves alike, and some ten steps do. W needs no precision: it only
says in which coordinates to look, so one does for values of C that lie near each other. Where there are fewer rows than
columns, the rows of the Cholesky factor of X X' stand for them: they have the same products. Of two classes, whose
columns of A are each other's negative, only the second's is looked for.

Products are of float32; the number of threads changes no bit.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.progress import Advance
from pawlab.trainers.columns import Columns, Held, Standardised
from pawlab.trainers.lbfgs import minimise
from pawlab.trainers.products import Triangle, gram, times, workers

Matrix = NDArray[np.float32]
Exact = NDArray[np.float64]
Labels = NDArray[np.integer[Any]]

TOGETHER = 1024  # logits a row: problems beyond that go one group after the other, as their steps are looked back on
_EXACT = 4096  # columns at a time in double precision
_CELLS = 2**17  # logits at a time: they stay in the cache
_ROWS = 256  # that one thread predicts at a time
_LOOKED_AT = 1000  # rows from which the mean curvature is taken
PRECISE, OUT_OF_FOLD = 1e-9, 1e-7  # nats per row between the loss reached and the smallest
_JITTER = 1e-6  # of the mean diagonal, so that copies don't make a matrix singular
_CERTAINTY = 4  # times: a fitted probe is surer than one that knows nothing, so its mean curvature is smaller
_NEAR = 4  # times the curvature's part beside the penalty's, or a fourth: there the same coordinates do


@dataclass(frozen=True)
class Rows:
    """Rows to fit: `columns` (n, columns + 1), the first of them 1; `labels` (n,), class positions.

    `products`: float32, square, of all columns with each other. Where the rows of a Cholesky factor stand for
    those given, `given` are those (n, d) and `factor` is it, float64 (n, n), a lower triangle.
    """

    columns: Columns
    labels: Labels
    classes: int
    products: Matrix
    given: Matrix | None = None
    factor: Exact | None = None

    @staticmethod
    def of(columns: Standardised, labels: Labels, classes: int, held: bool, advance: Advance) -> "Rows":
        """Take features and their labels. `held`: whether to keep the features in memory; no bit depends on it.

        `advance` is called with numbers of rows, as they are read.
        """
        with workers() as pool:
            number, width = columns.shape
            if number < width:
                rows = Rows._of_factor(columns.held(pool).matrix[:, 1:], labels, classes, pool)
                advance(number)
                return rows
            known = columns.held(pool) if held else columns
            products = gram(_counted(known.blocks(pool), advance), width, pool)
            return Rows(known, labels, classes, products)

    @staticmethod
    def _of_factor(given: Matrix, labels: Labels, classes: int, pool: Executor) -> "Rows":
        from scipy.linalg import cholesky

        number, width = given.shape
        parts = (given[:, start : start + _EXACT].T.astype(np.float64) for start in range(0, width, _EXACT))
        products = gram(parts, number, pool)
        _add_to_diagonal(products, _JITTER * max(float(products.diagonal().mean()), 1e-12))
        factor = cholesky(products.T, lower=True, overwrite_a=True, check_finite=False)
        columns = np.ones((number, number + 1), np.float32)
        columns[:, 1:] = factor
        products = gram([columns], number + 1, pool, triangular=True)
        return Rows(Held(columns), labels, classes, products, given, factor)

    def original(self, solution: Matrix) -> tuple[Exact, Exact]:
        """Return coefficients (d, classes) and biases (classes,) of the rows given, by a problem's solution."""
        from scipy.linalg import solve_triangular

        solution = solution if len(solution) == self.classes else np.concatenate([-solution, solution])
        weights, bias = solution[:, 1:].T.astype(np.float64), solution[:, 0].astype(np.float64)
        if self.given is None or self.factor is None:
            return weights, bias
        of_rows = solve_triangular(self.factor, weights, trans="T", lower=True, check_finite=False)
        return (of_rows.T.astype(np.float32) @ self.given).T.astype(np.float64), bias


class _Coordinates:
    """Upper triangles, of columns by columns: steps in their rows meet about the same curvature anywhere.

    `products`: float32, square, of all columns with each other. The last triangle made is kept.
    """

    def __init__(self, products: Matrix) -> None:
        self._products = products
        self._kept: tuple[float, float, Matrix] | None = None

    def at(self, curvature: float, penalty: Matrix) -> Matrix:
        """Return the triangle for a mean curvature of the rows and the penalty (columns,) of each coefficient."""
        most = float(penalty.max())
        if self._kept is not None:
            known, under, triangle = self._kept
            if 1 / _NEAR <= curvature * under / (known * most) <= _NEAR:
                return triangle * np.float32((known * under / (curvature * most)) ** 0.25)
        triangle = self._made(curvature, penalty)
        self._kept = curvature, most, triangle
        return triangle

    def _made(self, curvature: float, penalty: Matrix) -> Matrix:
        from scipy.linalg import cholesky
        from scipy.linalg.lapack import strtri

        metric = self._products * np.float32(curvature)
        _add_to_diagonal(metric, penalty + 2e-6 * np.trace(metric, dtype=np.float64))
        with workers():
            factor = cholesky(metric.T, overwrite_a=True, check_finite=False)
            return np.asarray(strtri(factor, overwrite_c=True)[0])


class Solver:
    """Fits `weights` (problems, n) of the same rows. A class without weight in a problem is certain never to occur.

    Solutions are float32 (problems, columns of A that are looked for, d + 1).
    """

    def __init__(self, rows: Rows, weights: NDArray[np.floating[Any]]) -> None:
        self._rows = rows
        self._weights = weights.T.astype(np.float32)  # (n, problems)
        occurs = np.stack([np.bincount(rows.labels, row, rows.classes) > 0 for row in weights])
        self._offset = np.where(occurs, 0, -np.inf).astype(np.float32)
        self._coordinates, self._binary = _Coordinates(rows.products), rows.classes == 2
        self.nothing = np.zeros((len(weights), 1 if self._binary else rows.classes, rows.columns.shape[1]), np.float32)

    def fit(self, C: float, start: Matrix, precision: float | Exact) -> Matrix:  # noqa: N803
        """Return solutions, looked for from `start`: others, or `nothing`.

        `precision`: in nats per row, for all problems or each (problems,).
        """
        width = start.shape[2]
        penalty = np.full(width, (4 if self._binary else 1) / C, np.float32)
        penalty[0] = 0
        inverse = self._coordinates.at(self._mean_curvature(start), penalty)
        enough = precision * self._weights.sum(axis=0, dtype=np.float64)
        size = max(1, TOGETHER // self._rows.classes)
        groups = [np.arange(len(start))[first : first + size] for first in range(0, len(start), size)]
        with workers() as pool:
            return np.concatenate(
                [self._fit_group(group, start[group], penalty, inverse, enough[group], pool) for group in groups]
            )

    def _fit_group(
        self, group: NDArray[np.intp], start: Matrix, penalty: Matrix, inverse: Matrix, enough: Exact, pool: Executor
    ) -> Matrix:
        width = start.shape[2]

        def cost(steps: Matrix, which: NDArray[np.intp]) -> tuple[Exact, Matrix]:
            moved = times(steps.reshape(-1, width), inverse.T, pool, "lower")
            current = start[which] + moved.reshape(len(which), -1, width)
            losses, slopes = self._losses(current, group[which], pool)
            losses += [float((one * one).sum(axis=0) @ penalty) / 2 for one in current]
            slopes += penalty * current
            return losses, times(slopes.reshape(-1, width), inverse, pool, "upper").reshape(len(which), -1)

        steps = minimise(cost, np.zeros((len(start), start[0].size), np.float32), enough, pool)
        return start + times(steps.reshape(-1, width), inverse.T, pool, "lower").reshape(start.shape)

    def held_out(self, solutions: Matrix, problem: NDArray[np.intp]) -> Matrix:
        """Return each row's logits by the `problem` (n,) that is named: float32 (n, classes).

        They are minus infinity for a class that never occurs in it, and for rows whose `problem` is -1.
        """
        result = np.full((len(problem), self._rows.classes), -np.inf, np.float32)

        def predict(place: int, rows: NDArray[np.intp]) -> None:
            logits = self._widened(self._rows.columns.take(rows) @ solutions[place].T)
            result[rows] = logits + self._offset[place]

        with workers() as pool:
            for place in range(len(solutions)):
                rows = np.flatnonzero(problem == place)
                list(pool.map(partial(predict, place), np.split(rows, range(_ROWS, len(rows), _ROWS))))
        return result

    def _mean_curvature(self, solutions: Matrix) -> float:
        """Return what a row adds to the curvature of a column that is looked for, on average, at these solutions."""
        from scipy.special import softmax

        some = self._rows.columns.take(slice(None, None, max(1, len(self._weights) // _LOOKED_AT)))
        with workers():
            logits = self._widened(some @ solutions.transpose(0, 2, 1))
        shares = softmax(logits + self._offset[:, np.newaxis], axis=2)
        mean = max(float((shares * (1 - shares)).mean()), 1e-4) / (1 if solutions.any() else _CERTAINTY)
        return mean * float(self._weights.mean()) * (4 if self._binary else 1)

    def _widened(self, logits: Matrix) -> Matrix:
        """Return the logits of all classes (..., classes)."""
        return np.concatenate([-logits, logits], axis=-1) if self._binary else logits

    def _losses(self, solutions: Matrix, which: NDArray[np.intp], pool: Executor) -> tuple[Exact, Matrix]:
        """Return the cross-entropy (some,) of the problems in `which`, and its slopes, like the solutions."""
        joined = solutions.reshape(-1, solutions.shape[2])
        losses, slopes = [], np.zeros_like(joined)
        for rows, block in self._rows.columns.blocks(pool):
            residuals = np.empty((len(block), len(joined)), np.float32)
            losses += self._residuals(joined, which, rows, block, residuals, pool)
            triangle: Triangle | None = None if self._rows.factor is None else "lower"
            slopes += times(residuals.T, block, pool, triangle, rows.start + 1)
        return np.sum(losses, axis=0), slopes.reshape(solutions.shape)

    def _residuals(
        self,
        joined: Matrix,
        which: NDArray[np.intp],
        rows: slice,
        block: Matrix,
        residuals: Matrix,
        pool: Executor,
    ) -> list[Exact]:
        """Put the slopes of a block's logits (rows, problems x classes) into `residuals`; return losses (some,)."""
        size = max(64, min(1024, _CELLS // len(joined)))
        weights, labels = self._weights[rows], self._rows.labels[rows]

        def piece(start: int) -> Exact:
            part = slice(start, start + size)
            filled = slice(None if self._rows.factor is None else rows.start + part.stop + 1)
            logits = np.matmul(block[part, filled], joined[:, filled].T, out=residuals[part])
            by_class = self._widened(logits.reshape(len(logits), len(which), -1))
            losses = _cross_entropy(by_class, weights[part][:, which], labels[part], self._offset[which])
            if self._binary:
                logits[:] = by_class[:, :, 1] - by_class[:, :, 0]
            return losses

        return list(pool.map(piece, range(0, len(block), size)))


def _counted(blocks: Iterable[tuple[slice, Matrix]], advance: Advance) -> Iterator[Matrix]:
    for _, block in blocks:
        yield block
        advance(len(block))


def _cross_entropy(logits: Matrix, weights: Matrix, labels: Labels, offset: Matrix) -> Exact:
    """Return weighted sums (problems,) for logits (rows, problems, classes), in whose place their slopes are put."""
    true = np.arange(len(logits)), slice(None), labels
    logits += offset
    logits -= logits.max(axis=2, keepdims=True)
    of_true = logits[true]
    np.exp(logits, out=logits)
    sums = logits.sum(axis=2)
    logits *= (weights / sums)[:, :, np.newaxis]
    logits[true] -= weights
    return np.asarray((np.where(weights > 0, np.log(sums) - of_true, 0) * weights).sum(axis=0, dtype=np.float64))


def _add_to_diagonal(matrix: NDArray[Any], values: Any) -> None:
    matrix[np.diag_indices_from(matrix)] += values
