import numpy as np
import pytest

from pawlab.trainers.products import gram, times, workers


def beside(triangle: int) -> np.ndarray:
    """A column of numbers and, beside it, a lower triangle."""
    random = np.random.default_rng(0)
    numbers = random.normal(size=(triangle, triangle + 1)).astype(np.float32)
    return np.tril(numbers, 1)


@pytest.mark.parametrize("size", [3, 700, 1100])
def test_products_of_a_triangle_are_those_of_any_matrix(size: int) -> None:
    matrix = beside(size)
    left = np.random.default_rng(1).normal(size=(2, size)).astype(np.float32)
    with workers() as pool:
        np.testing.assert_allclose(gram([matrix], size + 1, pool, triangular=True), matrix.T @ matrix, atol=2e-3)
        np.testing.assert_allclose(times(left, matrix, pool, "lower", 1), left @ matrix, atol=2e-3)
