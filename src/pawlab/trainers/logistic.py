"""Multinomial logistic regression with an L2 penalty, for several weightings of the same rows at once.

For weights w of the rows (n,), coefficients A (d, classes) and biases b, each problem is to minimise

    sum of w_i * cross-entropy_i  +  |A|^2 / (2 C)        for two classes |A|^2 / C: half of |A|^2 is in each column

which is scikit-learn's LogisticRegression, C and all. The problems (the folds of a cross-validation, say) share their
matrix products, and start from where they were for a smaller C.

The solver is L-BFGS (Nocedal 1980) on coefficients V = R A, where R'R = h X'X + 1/C and h is the mean curvature p (1 -
p): near that, every direction curves alike, and some ten steps do. Where there are fewer rows than columns, the rows of
the Cholesky factor of X X' stand for them: they have the same products.

Products are of float32, in blocks of a fixed size that are added in order, so the number of threads changes no bit.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pawlab.parallel import cores

Matrix = NDArray[np.float32]
Exact = NDArray[np.float64]
Labels = NDArray[np.integer[Any]]

_BLOCK = 512  # rows
_MOST_STEPS = 300
_MOST_HALVINGS = 20
_MEMORY = 12  # pairs that L-BFGS looks back on
PRECISE, ROUGH = 1e-9, 1e-7  # nats per row between the loss reached and the smallest: to ship, and to choose by
_JITTER = 1e-6  # of the mean diagonal, so that copies don't make a matrix singular


@dataclass(frozen=True)
class Rows:
    """Rows to fit: `columns` float32 (n, d + 1), the last of them 1; `labels` (n,), class positions.

    `products`: float64 (d + 1, d + 1), of all columns with each other.
    `back`: float32 (d of the rows given, d), from coefficients of `columns` to theirs; None where they are the same.
    """

    columns: Matrix
    labels: Labels
    classes: int
    products: Exact
    back: Exact | None

    @staticmethod
    def of(features: Matrix, labels: Labels, classes: int) -> "Rows":
        """Take features (n, d), standardised, and their labels."""
        from scipy.linalg import cholesky, solve_triangular

        back = None
        if len(features) <= features.shape[1]:
            products = _gram(np.ascontiguousarray(features.T))
            _add_to_diagonal(products, _JITTER * max(float(products.diagonal().mean()), 1e-12))
            factor = cholesky(products, lower=True)
            back = solve_triangular(factor, features.astype(np.float64), lower=True).T
            features = factor.astype(np.float32)
        columns = np.hstack([features, np.ones((len(features), 1), np.float32)])
        return Rows(columns, labels, classes, _gram(columns), back)

    def original(self, solution: Exact) -> tuple[Exact, Exact]:
        """Return coefficients (d, classes) and biases (classes,) of the rows given, from a solution (d + 1, ...)."""
        weights, bias = solution[:-1], solution[-1]
        return (weights if self.back is None else self.back @ weights), bias


class Solver:
    """Fits `weights` (problems, n) of the same rows. A class without weight in a problem is certain never to occur."""

    def __init__(self, rows: Rows, weights: NDArray[np.floating[Any]]) -> None:
        self._rows = rows
        self._weights = weights.T.astype(np.float32)  # (n, problems)
        occurs = np.stack([np.bincount(rows.labels, row, rows.classes) > 0 for row in weights])
        self._offset = np.where(occurs, 0, -np.inf).astype(np.float32)
        self._products = rows.products * float(weights.mean())
        self._curvature = (1 - 1 / rows.classes) / rows.classes
        self._shape = len(weights), rows.columns.shape[1], rows.classes
        self._start: Exact = np.zeros(self._shape)

    def fit(self, C: float, precision: float = ROUGH) -> tuple[Exact, Matrix]:  # noqa: N803
        """Return solutions (problems, d + 1, classes), found from the last ones, and all rows' logits.

        The logits are float32 (n, problems, classes); minus infinity for a class that never occurs.
        """
        from scipy.linalg import cholesky, solve_triangular
        from threadpoolctl import threadpool_limits

        problems, width, classes = self._shape
        penalty = np.full(width, (2 if classes == 2 else 1) / C)
        penalty[-1] = 0
        metric = self._curvature * self._products
        _add_to_diagonal(metric, penalty + _JITTER * metric.diagonal().mean())

        def flat(values: Exact) -> Exact:
            return values.transpose(1, 0, 2).reshape(width, -1)

        def apart(values: Exact) -> Exact:
            return np.ascontiguousarray(values.reshape(width, problems, classes).transpose(1, 0, 2))

        with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
            factor = cholesky(metric)

            def coefficients(steps: Exact) -> Exact:
                return apart(solve_triangular(factor, flat(steps), check_finite=False))

            def cost(steps: Exact) -> tuple[Exact, Exact]:
                current = coefficients(steps)
                losses, slopes = self._losses(current, pool)
                losses += (penalty[:, None] * current**2).sum(axis=(1, 2)) / 2
                slopes += penalty[:, None] * current
                return losses, apart(solve_triangular(factor, flat(slopes), trans="T", check_finite=False))

            enough = precision * self._weights.sum(axis=0, dtype=np.float64)
            self._start = coefficients(minimise(cost, apart(factor @ flat(self._start)), enough))
            logits = np.concatenate(list(pool.map(lambda rows: self._logits(rows, self._start), self._blocks())))
        self._curvature = max(self._mean_curvature(logits), 1e-4)
        return self._start, logits

    def _blocks(self) -> list[slice]:
        number = len(self._weights)
        return [slice(start, start + _BLOCK) for start in range(0, number, _BLOCK)]

    def _logits(self, rows: slice, coefficients: Exact) -> Matrix:
        problems, width, classes = self._shape
        joined = coefficients.transpose(1, 0, 2).reshape(width, -1).astype(np.float32)
        return (self._rows.columns[rows] @ joined).reshape(-1, problems, classes) + self._offset

    def _losses(self, coefficients: Exact, pool: ThreadPoolExecutor) -> tuple[Exact, Exact]:
        """Return each problem's cross-entropy, and its slopes (problems, d + 1, classes)."""
        problems, width, classes = self._shape
        joined = coefficients.transpose(1, 0, 2).reshape(width, -1).astype(np.float32)

        def of_block(rows: slice) -> tuple[Exact, Matrix]:
            logits = (self._rows.columns[rows] @ joined).reshape(-1, problems, classes) + self._offset
            weights, true = self._weights[rows], (np.arange(len(logits)), slice(None), self._rows.labels[rows])
            logits -= logits.max(axis=2, keepdims=True)
            shares = np.exp(logits)
            sums = shares.sum(axis=2)
            losses = np.where(weights > 0, np.log(sums) - logits[true], 0) * weights
            shares /= sums[:, :, None]
            shares[true] -= 1
            shares *= weights[:, :, None]
            slopes = self._rows.columns[rows].T @ shares.reshape(len(shares), -1)
            return losses.sum(axis=0, dtype=np.float64), slopes

        losses, slopes = np.zeros(problems), np.zeros((width, problems * classes))
        for some, their_slopes in pool.map(of_block, self._blocks()):
            losses += some
            slopes += their_slopes
        return losses, slopes.reshape(width, problems, classes).transpose(1, 0, 2)

    def _mean_curvature(self, logits: Matrix) -> float:
        from scipy.special import softmax

        shares = softmax(logits[:: max(1, len(logits) // 2000)], axis=2)
        return float((shares * (1 - shares)).mean())


def minimise(
    cost: Callable[[Exact], tuple[Exact, Exact]], start: Exact, enough: Exact, most: int = _MOST_STEPS
) -> Exact:
    """Return where each of several convex functions is smallest, by L-BFGS in step with each other.

    `start`: (problems, ...); `cost`: gives values (problems,) and slopes like `start`, scaled so that curvatures are
    about 1. Each ends when its slope says that less than `enough` (problems,) is to be gained.
    """
    at, pairs = start, _Pairs()
    values, slopes = cost(at)
    for _ in range(most):
        open_ = _dot(slopes, slopes) / 2 > enough
        if not open_.any():
            break
        direction = -pairs.scaled(slopes) * _wide(open_, slopes)
        expected, step = _dot(slopes, direction), np.ones(len(at))
        for _ in range(_MOST_HALVINGS):
            new = at + _wide(step, at) * direction
            new_values, new_slopes = cost(new)
            too_far = new_values > values + 1e-4 * step * expected + 1e-6 * np.abs(values)
            if not too_far.any():
                break
            step[too_far] /= 2
        pairs.add(new - at, new_slopes - slopes)
        at, values, slopes = new, new_values, new_slopes
    return at


class _Pairs:
    """The last steps, and how the slopes changed in each: what L-BFGS knows of the curvature."""

    def __init__(self) -> None:
        self._pairs: list[tuple[Exact, Exact, Exact]] = []

    def add(self, step: Exact, change: Exact) -> None:
        product = _dot(step, change)
        inverse = np.where(product > 1e-12, 1 / np.maximum(product, 1e-12), 0)
        self._pairs = [*self._pairs[1 - _MEMORY :], (step, change, inverse)]

    def scaled(self, slopes: Exact) -> Exact:
        """Return the slopes times the inverse curvature."""
        result, factors = slopes, []
        for step, change, inverse in reversed(self._pairs):
            factors.append(inverse * _dot(step, result))
            result = result - _wide(factors[-1], change) * change
        for (step, change, inverse), factor in zip(self._pairs, reversed(factors), strict=True):
            result = result + _wide(factor - inverse * _dot(change, result), step) * step
        return result


def _dot(one: Exact, other: Exact) -> Exact:
    return np.asarray(np.einsum("pij,pij->p", one, other))


def _wide(values: NDArray[Any], like: Exact) -> NDArray[Any]:
    return np.asarray(values.reshape(-1, *[1] * (like.ndim - 1)))


def _gram(columns: Matrix) -> Exact:
    """Return X'X of X (n, d), in blocks of rows added in order; in float64, as it is to be factored."""
    from threadpoolctl import threadpool_limits

    size = max(_BLOCK, len(columns) // 64)

    def of_block(start: int) -> Exact:
        block = columns[start : start + size].astype(np.float64)
        return block.T @ block

    total = np.zeros((columns.shape[1],) * 2)
    with threadpool_limits(1), ThreadPoolExecutor(cores()) as pool:
        for product in pool.map(of_block, range(0, len(columns), size)):
            total += product
    return total


def _add_to_diagonal(matrix: Exact, values: Any) -> None:
    matrix[np.diag_indices_from(matrix)] += values
