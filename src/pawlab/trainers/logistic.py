"""Multinomial logistic regression with an L2 penalty, for several weightings of the same rows at once.

For weights w of the rows (n,), coefficients A (classes, d) and biases b, each problem is to minimise

    sum of w_i * cross-entropy_i  +  |A|^2 / (2 C)        for two classes |A|^2 / C: half of |A|^2 is in each column

which is scikit-learn's LogisticRegression, C and all. The problems (the folds of a cross-validation, say) share their
matrix products, and may start from the solutions for another C.

The solver is L-BFGS on V, where A = start + V W and W is the inverse of the Cholesky factor of h X'X + 1/C; h is the
mean curvature p (1 - p). Near that, every direction curves alike, and some ten steps do. W needs no precision: it only
says in which coordinates to look. Where there are fewer rows than columns, the rows of the Cholesky factor of X X'
stand for them: they have the same products.

Products are of float32; the number of threads changes no bit.
"""

from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.trainers.lbfgs import minimise
from pawlab.trainers.products import gram, times, workers

Matrix = NDArray[np.float32]
Exact = NDArray[np.float64]
Labels = NDArray[np.integer[Any]]

_CELLS = 2**17  # logits at a time: they stay in the cache
_LOOKED_AT = 1000  # rows from which the mean curvature is taken
PRECISE, OUT_OF_FOLD, ROUGH = 1e-9, 1e-7, 1e-6  # nats per row between the loss reached and the smallest
_JITTER = 1e-6  # of the mean diagonal, so that copies don't make a matrix singular


@dataclass(frozen=True)
class Rows:
    """Rows to fit: `columns` float32 (n, columns + 1), the last of them 1; `labels` (n,), class positions.

    `products`: float32, square, of all columns with each other. Where the rows of a Cholesky factor stand for
    those given, `given` are those (n, d) and `factor` is it, float64 (n, n).
    """

    columns: Matrix
    labels: Labels
    classes: int
    products: Matrix
    given: Matrix | None = None
    factor: Exact | None = None

    @staticmethod
    def of(columns: Matrix, labels: Labels, classes: int) -> "Rows":
        """Take standardised features with a last column of 1, (n, d + 1), and their labels."""
        from scipy.linalg import cholesky

        given, factor = None, None
        with workers() as pool:
            if len(columns) < columns.shape[1]:
                given = columns[:, :-1]
                products = gram(given.T.astype(np.float64), pool)
                _add_to_diagonal(products, _JITTER * max(float(products.diagonal().mean()), 1e-12))
                factor = cholesky(products, lower=True, check_finite=False)
                columns = np.hstack([factor.astype(np.float32), columns[:, -1:]])
            return Rows(columns, labels, classes, gram(columns, pool), given, factor)

    def original(self, solution: Matrix) -> tuple[Exact, Exact]:
        """Return coefficients (d, classes) and biases (classes,) of the rows given, by a solution (classes, ...)."""
        from scipy.linalg import solve_triangular

        weights, bias = solution[:, :-1].T.astype(np.float64), solution[:, -1].astype(np.float64)
        if self.given is None or self.factor is None:
            return weights, bias
        of_rows = solve_triangular(self.factor, weights, trans="T", lower=True, check_finite=False)
        return (of_rows.T.astype(np.float32) @ self.given).T.astype(np.float64), bias


class Solver:
    """Fits `weights` (problems, n) of the same rows. A class without weight in a problem is certain never to occur."""

    def __init__(self, rows: Rows, weights: NDArray[np.floating[Any]]) -> None:
        self._rows = rows
        self._weights = weights.T.astype(np.float32)  # (n, problems)
        occurs = np.stack([np.bincount(rows.labels, row, rows.classes) > 0 for row in weights])
        self._offset = np.where(occurs, 0, -np.inf).astype(np.float32)
        self.nothing = np.zeros((len(weights), rows.classes, rows.columns.shape[1]), np.float32)

    def fit(self, C: float, start: Matrix, precision: float | Exact) -> Matrix:  # noqa: N803
        """Return solutions, float32 (problems, classes, d + 1), looked for from `start`: others, or `nothing`.

        `precision`: in nats per row, for all problems or each (problems,).
        """
        width = start.shape[2]
        penalty = np.full(width, (2 if self._rows.classes == 2 else 1) / C, np.float32)
        penalty[-1] = 0
        inverse = self._coordinates(penalty, start)
        with workers() as pool:

            def cost(steps: Matrix, which: NDArray[np.intp]) -> tuple[Exact, Matrix]:
                moved = times(steps.reshape(-1, width), inverse.T, pool, "lower")
                current = start[which] + moved.reshape(len(which), -1, width)
                losses, slopes = self._losses(current, which, pool)
                losses += [float((one * one).sum(axis=0) @ penalty) / 2 for one in current]
                slopes += penalty * current
                return losses, times(slopes.reshape(-1, width), inverse, pool, "upper").reshape(len(which), -1)

            enough = precision * self._weights.sum(axis=0, dtype=np.float64)
            steps = minimise(cost, np.zeros((len(start), start[0].size), np.float32), enough, pool)
            return start + times(steps.reshape(-1, width), inverse.T, pool, "lower").reshape(start.shape)

    def held_out(self, solutions: Matrix, problem: NDArray[np.intp]) -> Matrix:
        """Return each row's logits by the `problem` (n,) that is named: float32 (n, classes).

        They are minus infinity for a class that never occurs in it, and for rows whose `problem` is -1.
        """
        result = np.full((len(problem), self._rows.classes), -np.inf, np.float32)

        def of_problem(place: int) -> None:
            rows = problem == place
            result[rows] = self._rows.columns[rows] @ solutions[place].T + self._offset[place]

        with workers() as pool:
            list(pool.map(of_problem, range(len(solutions))))
        return result

    def _coordinates(self, penalty: Matrix, solutions: Matrix) -> Matrix:
        """Return an upper triangle, of columns by columns: steps in its rows meet about the same curvature anywhere."""
        from scipy.linalg import cholesky
        from scipy.linalg.lapack import strtri

        metric = self._rows.products * np.float32(self._mean_curvature(solutions) * self._weights.mean())
        _add_to_diagonal(metric, penalty + 2e-6 * np.trace(metric, dtype=np.float64))
        with workers():
            factor = cholesky(metric.T, overwrite_a=True, check_finite=False)
            return np.asarray(strtri(factor, overwrite_c=True)[0])

    def _mean_curvature(self, solutions: Matrix) -> float:
        from scipy.special import softmax

        some = self._rows.columns[:: max(1, len(self._rows.columns) // _LOOKED_AT)]
        shares = softmax((some @ solutions.transpose(0, 2, 1)) + self._offset[:, np.newaxis], axis=2)
        return max(float((shares * (1 - shares)).mean()), 1e-4)

    def _losses(self, solutions: Matrix, which: NDArray[np.intp], pool: Executor) -> tuple[Exact, Matrix]:
        """Return the cross-entropy (some,) of the problems in `which`, and its slopes, like the solutions."""
        number, (problems, classes, width) = len(self._weights), solutions.shape
        joined = solutions.reshape(-1, width)
        residuals = np.empty((number, len(joined)), np.float32)
        size = max(64, min(1024, _CELLS // len(joined)))

        def of_rows(start: int) -> Exact:
            rows = slice(start, start + size)
            logits = np.matmul(self._rows.columns[rows], joined.T, out=residuals[rows]).reshape(-1, problems, classes)
            return _cross_entropy(logits, self._weights[rows][:, which], self._rows.labels[rows], self._offset[which])

        losses = np.sum(list(pool.map(of_rows, range(0, number, size))), axis=0)
        return losses, times(residuals.T, self._rows.columns, pool).reshape(solutions.shape)


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
