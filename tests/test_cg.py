"""Conjugate gradients against SciPy, direct solves, pseudo-inverses and the theory of the method."""
import re
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import close
from scipy.linalg import hilbert
from scipy.sparse.linalg import cg as scipy_cg

from npg_lab.cg import CGReport, conjugate_gradient

EPS = {np.float32: 1.2e-7, np.float64: 2.2e-16}
seeds, dimensions = st.integers(0, 100_000), st.integers(1, 12)
both_libraries = pytest.mark.parametrize("like", [np.asarray, torch.as_tensor], ids=["numpy", "torch"])
both_precisions = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def rotated(rng, eigenvalues):
    """A symmetric matrix with these eigenvalues and random eigenvectors."""
    frame = np.linalg.qr(rng.normal(size=(len(eigenvalues), len(eigenvalues))))[0]
    matrix = frame * np.asarray(eigenvalues) @ frame.T
    return (matrix + matrix.T) / 2


def system(seed, n, spread=2.0):
    """A positive definite matrix of condition at most 10^spread, and a right-hand side."""
    rng = np.random.default_rng(seed)
    return rotated(rng, 10 ** rng.uniform(-spread / 2, spread / 2, size=n)), rng.normal(size=n)


def solve(matrix, b, *args, **options):
    return conjugate_gradient(lambda v: matrix @ v, b, *args, **options)


def iterates(matrix, b, count, **options):
    """x_1 … x_count, each by a run that stops there."""
    return [solve(matrix, b, k, tolerance=0.0, **options)[0] for k in range(1, count + 1)]


# --- solutions


@given(seeds, dimensions)
def test_it_solves_the_linear_system(seed, n):
    matrix, b = system(seed, n)
    x, report = solve(matrix, b, tolerance=1e-13)
    close(x, np.linalg.solve(matrix, b), rtol=0, atol=1e-10 * np.linalg.norm(np.linalg.solve(matrix, b)))
    assert report.converged and report.residuals[-1] <= 1e-13


@both_libraries
@both_precisions
def test_it_solves_in_the_numbers_it_was_given(like, dtype):
    matrix, b = system(1, 30)
    x, report = solve(like(matrix.astype(dtype)), like(b.astype(dtype)))
    exact = np.linalg.solve(matrix, b)
    assert isinstance(x, type(like(b))) and np.asarray(x).dtype == dtype and x.shape == (30,)
    assert isinstance(report, CGReport) and all(type(r) is float for r in report.residuals)
    assert np.linalg.norm(np.asarray(x) - exact) < 100 * max(EPS[dtype], 1e-12) * np.linalg.norm(exact)


@pytest.mark.parametrize("preconditioned", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_every_iterate_is_scipys(seed, preconditioned):
    matrix, b = system(seed, 12)
    inverse, theirs = np.diag(1 / np.diag(matrix)) if preconditioned else np.eye(12), []
    scipy_cg(matrix, b, rtol=1e-8, M=inverse, callback=lambda x: theirs.append(x.copy()))
    option = {"preconditioner": lambda r: inverse @ r} if preconditioned else {}
    ours = iterates(matrix, b, len(theirs), **option)
    assert len(theirs) > 5
    for mine, other in zip(ours, theirs, strict=True):
        close(mine, other, rtol=1e-6, atol=1e-8)
    x, report = solve(matrix, b, tolerance=1e-8, **option)
    assert report.iterations == len(theirs)
    close(x, ours[-1], rtol=0, atol=0)


def test_the_first_step_is_steepest_descent():
    """x = (b'b / b'Ab) b, by hand: b = (1, 2), A = diag(3, 1) gives 5/7 b."""
    x, report = solve(np.diag([3.0, 1.0]), np.array([1.0, 2.0]), 1, tolerance=0.0)
    close(x, [5 / 7, 10 / 7])
    close(report.residuals, [1, np.sqrt((8 / 7) ** 2 + (4 / 7) ** 2) / np.sqrt(5)])


def test_numpy_and_torch_take_the_same_steps():
    matrix, b = system(3, 15)
    x, report = solve(matrix, b, 8, tolerance=0.0)
    y, other = solve(torch.as_tensor(matrix), torch.as_tensor(b), 8, tolerance=0.0)
    close(y, x)
    close(other.residuals, report.residuals)


@both_libraries
def test_a_vector_of_integers_is_a_vector_of_numbers(like):
    weights = like(np.array([2, 4]))
    x, report = conjugate_gradient(lambda v: weights * v, like(np.array([2, 8])), tolerance=1e-300)
    close(x, [1, 2], rtol=1e-6)
    assert report.converged


def test_one_equation():
    x, report = solve(np.array([[4.0]]), np.array([-2.0]))
    close(x, [-0.5])
    assert report.iterations == 1 and report.converged


@both_libraries
def test_nothing_to_solve(like):
    def never(v):
        raise AssertionError("A was used")

    x, report = conjugate_gradient(never, like(np.zeros(3)), preconditioner=never)
    assert np.array_equal(x, np.zeros(3)) and type(x) is type(like(np.zeros(3)))
    assert report == CGReport(0, [0.0], True)


@both_libraries
def test_the_right_hand_side_stays_as_it_was(like):
    matrix, b = system(0, 5)
    given_b = like(b.copy())
    solve(like(matrix), given_b)
    assert np.array_equal(given_b, b)


# --- what a scale of the problem does


@both_libraries
@both_precisions
@pytest.mark.parametrize("c", [1e-30, 1e-9, -1.0, 1e9, 1e30])
def test_a_multiple_of_b_has_that_multiple_of_x(like, dtype, c):
    matrix, b = system(4, 10)
    matrix, b = matrix.astype(dtype), b.astype(dtype)
    x, report = solve(like(matrix), like(b), 6, tolerance=0.0)
    scaled, other = solve(like(matrix), like(dtype(c) * b), 6, tolerance=0.0)
    x, scaled = np.asarray(x), np.asarray(scaled)
    close(scaled / dtype(c), x, rtol=0, atol=200 * EPS[dtype] * np.abs(x).max())
    close(other.residuals, report.residuals, rtol=1e4 * EPS[dtype])


@given(seeds, st.integers(-90, 90))
def test_powers_of_two_change_no_digit(seed, power):
    matrix, b = system(seed, 6)
    x, report = solve(matrix, b, tolerance=1e-8)
    scaled, other = solve(matrix, 2.0**power * b, tolerance=1e-8)
    assert np.array_equal(scaled, 2.0**power * x) and other == report


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_a_multiple_of_the_matrix_divides_the_solution(size):
    matrix, b = system(5, 8)
    x, report = solve(matrix, b, tolerance=1e-10)
    other, scaled = solve(size * matrix, b, tolerance=1e-10)
    close(size * other, x, rtol=1e-8)
    assert scaled.iterations == report.iterations


@both_precisions
@both_libraries
def test_the_largest_and_smallest_numbers_there_are(like, dtype):
    """‖b‖ itself is beyond the largest float; the solution is not."""
    for size in (np.finfo(dtype).max, np.finfo(dtype).tiny):
        x, report = solve(like(4 * np.eye(3, dtype=dtype)), like(np.full(3, size, dtype=dtype)))
        close(np.asarray(x) / size, 0.25, rtol=4 * EPS[dtype])
        assert report.converged


# --- finite termination and rates


@pytest.mark.parametrize("eigenvalues", [[2.0], [1, 3], [0.5, 1, 4], [1, 2, 3, 5], [0.1, 1, 2, 7, 9]], ids=len)
@pytest.mark.parametrize("copies", [1, 4])
def test_as_many_iterations_as_distinct_eigenvalues(eigenvalues, copies):
    matrix = rotated(np.random.default_rng(2), eigenvalues * copies)
    b = np.random.default_rng(3).normal(size=len(matrix))
    x, report = solve(matrix, b, tolerance=1e-11)
    assert report.iterations == len(eigenvalues)
    close(x, np.linalg.solve(matrix, b), rtol=1e-8)


def test_as_many_iterations_as_eigenvectors_in_the_right_hand_side():
    values, frame = np.arange(1.0, 9), np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    x, report = solve(frame * values @ frame.T, frame[:, [1, 4, 6]] @ [1.0, -2.0, 0.5], tolerance=1e-11)
    assert report.iterations == 3
    close(x, frame[:, [1, 4, 6]] @ [1 / 2, -2 / 5, 0.5 / 7], rtol=1e-8)


@pytest.mark.parametrize("condition", [4.0, 100.0, 1e4])
def test_the_energy_norm_of_the_error_keeps_its_bound(condition):
    n = 40
    matrix = rotated(np.random.default_rng(1), np.geomspace(1, condition, n))
    b = np.random.default_rng(2).normal(size=n)
    exact = np.linalg.solve(matrix, b)
    errors = [np.sqrt((x - exact) @ matrix @ (x - exact)) for x in iterates(matrix, b, 20)]
    start = np.sqrt(exact @ matrix @ exact)
    rate = (np.sqrt(condition) - 1) / (np.sqrt(condition) + 1)
    assert np.all(errors <= 2 * rate ** np.arange(1, 21) * start * (1 + 1e-9) + 1e-12)
    assert np.all(np.diff([start, *errors]) < 1e-12)


@given(seeds, st.integers(2, 8), st.integers(1, 4))
def test_an_iterate_minimises_the_energy_over_its_krylov_space(seed, n, k):
    matrix, b = system(seed, n)
    x = iterates(matrix, b, min(k, n))[-1]
    basis = np.linalg.qr(np.stack([np.linalg.matrix_power(matrix, j) @ b for j in range(min(k, n))], axis=1))[0]
    best = basis @ np.linalg.solve(basis.T @ matrix @ basis, basis.T @ b)
    close(x, best, rtol=0, atol=1e-6 * np.linalg.norm(best))


def test_a_matrix_of_condition_ten_billion_loses_digits_but_not_the_way():
    matrix, exact = hilbert(8), np.ones(8)
    x, report = solve(matrix, matrix @ exact, tolerance=1e-14)
    assert report.converged and np.linalg.norm(matrix @ (x - exact)) < 1e-12 and np.abs(x - exact).max() < 1e-3


# --- the report


@given(seeds, st.integers(1, 10), st.integers(1, 10))
def test_the_residuals_are_the_true_ones(seed, n, k):
    matrix, b = system(seed, n)
    report = solve(matrix, b, k, tolerance=0.0)[1]
    assert report.iterations == len(report.residuals) - 1 <= k
    for j, y in enumerate(iterates(matrix, b, report.iterations), start=1):
        close(report.residuals[j], np.linalg.norm(b - matrix @ y) / np.linalg.norm(b), atol=1e-12)
    assert report.residuals[0] == 1.0


@pytest.mark.parametrize("tolerance", [0.5, 1e-3, 1e-7])
def test_it_stops_at_the_first_residual_within_the_tolerance(tolerance):
    matrix, b = system(0, 20)
    calls = []
    x, report = conjugate_gradient(lambda v: calls.append(1) or matrix @ v, b, tolerance=tolerance)
    assert report.converged and len(calls) == report.iterations
    assert report.residuals[-1] <= tolerance and min(report.residuals[:-1]) > tolerance
    assert np.linalg.norm(b - matrix @ x) <= 1.001 * tolerance * np.linalg.norm(b)


@both_libraries
def test_no_more_products_than_allowed(like):
    matrix, b = system(0, 20)
    calls = []
    report = conjugate_gradient(lambda v: calls.append(1) or like(matrix) @ v, like(b), 7, tolerance=0.0)[1]
    assert len(calls) == report.iterations == 7 and not report.converged


def test_ten_times_n_iterations_are_the_default():
    """CG in floating point needs more than n on this matrix, and 10 n do not do either."""
    matrix = np.diag(np.geomspace(1e-12, 1, 30))
    with pytest.warns(RuntimeWarning, match="after 300 iterations"):
        report = solve(matrix, np.ones(30), tolerance=1e-14)[1]
    assert report.iterations == 300


@both_libraries
def test_a_tolerance_that_is_not_reached_is_said(like):
    matrix, b = system(0, 20)
    sentence = (r"^conjugate_gradient stopped after 3 iterations with the relative residual (\S+), above the "
                r"tolerance 1e-10\.$")
    with pytest.warns(RuntimeWarning, match=sentence) as caught:
        x, report = solve(like(matrix), like(b), 3)
    true = np.linalg.norm(b - matrix @ np.asarray(x)) / np.linalg.norm(b)
    assert f" {true:.2g}," in str(caught[0].message) and not report.converged
    assert caught[0].filename.endswith("test_cg.py")


@both_precisions
@pytest.mark.parametrize("iterations", [1, 10, 100])
def test_a_tolerance_of_zero_never_warns(dtype, iterations):
    matrix, b = system(0, 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = solve(matrix.astype(dtype), b.astype(dtype), iterations, tolerance=0.0)[1]
    assert report.iterations <= iterations
    assert report.converged == (iterations == 100) == (report.residuals[-1] < 1000 * EPS[dtype])


@both_precisions
def test_a_tolerance_below_rounding_is_reached_at_rounding(dtype):
    matrix, b = system(0, 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x, report = solve(matrix.astype(dtype), b.astype(dtype), tolerance=1e-300)
    assert report.converged and report.iterations < 60
    assert np.linalg.norm(b - matrix @ x) < 1e3 * EPS[dtype] * np.linalg.norm(b)


# --- preconditioners


def test_the_inverse_as_preconditioner_needs_one_iteration():
    matrix, b = system(7, 9, spread=6)
    x, report = solve(matrix, b, preconditioner=lambda r: np.linalg.solve(matrix, r), tolerance=1e-8)
    assert report.iterations == 1
    close(x, np.linalg.solve(matrix, b), rtol=1e-7)


@both_libraries
def test_a_diagonal_preconditioner_undoes_bad_units(like):
    matrix, b = system(8, 12)
    units = np.geomspace(1e-4, 1e4, 12)
    matrix, b = units[:, None] * matrix * units, units * b
    inverse = like(1 / np.diag(matrix))
    x, report = solve(like(matrix), like(b), preconditioner=lambda r: inverse * r, tolerance=1e-12)
    assert report.converged and report.iterations < 40
    exact = np.linalg.solve(matrix, b)
    close(np.asarray(x) / exact, 1, rtol=1e-4)


@given(seeds, st.integers(1, 8), st.floats(0.1, 10))
def test_a_preconditioner_changes_the_way_not_the_end(seed, n, size):
    matrix, b = system(seed, n)
    other = system(seed + 1, n)[0]
    x = solve(matrix, b, tolerance=1e-12, preconditioner=lambda r: size * other @ r)[0]
    close(matrix @ x, b, rtol=0, atol=1e-11 * np.linalg.norm(b))


def test_a_multiple_of_the_identity_as_preconditioner_does_nothing():
    matrix, b = system(2, 10)
    x, plain = solve(matrix, b, 5, tolerance=0.0)
    y, report = solve(matrix, b, 5, tolerance=0.0, preconditioner=lambda r: 8.0 * r)
    close(y, x)
    close(report.residuals, plain.residuals)


# --- singular matrices


@given(seeds, st.integers(2, 12), st.data())
def test_a_singular_system_with_a_solution_gives_the_shortest(seed, n, data):
    rng = np.random.default_rng(seed)
    rank = data.draw(st.integers(1, n - 1))
    matrix = rotated(rng, np.where(np.arange(n) < rank, 10 ** rng.uniform(-1, 1, n), 0))
    b = matrix @ rng.normal(size=n)
    shortest = np.linalg.pinv(matrix, rcond=1e-10) @ b
    x, report = solve(matrix, b, tolerance=1e-11)
    assert report.iterations <= rank + 3
    assert np.linalg.norm(x - shortest) < 1e-7 * np.linalg.norm(shortest)


@both_libraries
@both_precisions
@pytest.mark.parametrize("seed", range(20))
def test_iterations_beyond_the_rank_do_no_harm(like, dtype, seed):
    """Where the range is exhausted, rounding is all that is left: it must not be followed into the null space."""
    rng = np.random.default_rng(seed)
    n = rng.integers(2, 12)
    rank = rng.integers(1, n)
    exact = rotated(rng, np.where(np.arange(n) < rank, 10 ** rng.uniform(-1, 1, n), 0))
    matrix = exact.astype(dtype)
    b = matrix @ rng.normal(size=n).astype(dtype)
    shortest = np.linalg.pinv(exact, rcond=1e-10) @ b
    x, report = solve(like(matrix), like(b), 50, tolerance=0.0)
    error = np.linalg.norm(np.asarray(x) - shortest) / np.linalg.norm(shortest)
    assert error < (2e-3 if dtype is np.float32 else 1e-10) and report.residuals[-1] < 1e4 * EPS[dtype]


@both_libraries
def test_a_singular_system_without_a_solution_says_what_is_left(like):
    """b = (3, 4) and A sees the first coordinate only: one step of 25/18 along b, and then p is invisible."""
    with pytest.warns(RuntimeWarning, match=r"with the relative residual 1\.3, above the tolerance 1e-10\.$"):
        x, report = solve(like(np.diag([2.0, 0.0])), like(np.array([3.0, 4.0])))
    close(x, [25 / 6, 50 / 9])
    close(report.residuals, [1, np.linalg.norm([3 - 25 / 3, 4]) / 5])


# --- breakdown


BREAKDOWNS = {
    "indefinite at once": (lambda v: -v, [1.0, 0.0], r"v'Av = -1 in iteration 0"),
    "indefinite later": (lambda v: np.array([2.0, -1.0]) * v, [1.0, 0.5], r"v'Av = -\S+ in iteration 1"),
    "zero": (lambda v: 0 * v, [1.0, 2.0], "v'Av = 0 in iteration 0"),
    "nan": (lambda v: np.nan * v, [1.0, 2.0], "v'Av = nan in iteration 0"),
    "infinite": (lambda v: np.full(2, np.inf), [1.0, 2.0], "v'Av = inf in iteration 0"),
    "outside the range": (lambda v: np.array([0.0, 1.0]) * v, [1.0, 0.0], "v'Av = 0 in iteration 0"),
}


@both_libraries
@pytest.mark.parametrize("case", BREAKDOWNS)
def test_a_matrix_that_is_not_positive_definite_is_refused(like, case):
    matvec, b, found = BREAKDOWNS[case]
    with pytest.raises(np.linalg.LinAlgError) as error:
        conjugate_gradient(lambda v: like(matvec(np.asarray(v))), like(np.array(b)))
    sentence = str(error.value)
    assert sentence.startswith("matvec must be a symmetric positive definite operator, got ")
    assert re.search(rf"{found}\.$", sentence) and isinstance(error.value, ValueError)


@pytest.mark.parametrize("eigenvalues", [[-1, 1, 2], [-1e-3, 1, 2, 3], [-1e-9, 1, 2, 3]])
def test_one_negative_eigenvalue_is_found(eigenvalues):
    matrix = rotated(np.random.default_rng(0), eigenvalues)
    with pytest.raises(np.linalg.LinAlgError, match=r"^matvec must .* got v'Av = -\S+ in iteration \d\.$"):
        solve(matrix, np.ones(len(matrix)))


@pytest.mark.parametrize(("preconditioner", "found"), [
    (lambda r: -r, "-1"), (lambda r: 0 * r, "0"), (lambda r: np.nan * r, "nan")])
def test_a_preconditioner_that_is_not_positive_definite_is_refused(preconditioner, found):
    with pytest.raises(np.linalg.LinAlgError) as error:
        solve(np.diag([1.0, 2.0]), np.array([1.0, 1.0]), preconditioner=preconditioner)
    assert str(error.value) == ("preconditioner must be a symmetric positive definite operator, "
                                f"got v'Av = {found} in iteration 0.")


# --- bad arguments


def identity(v):
    return v


REFUSED = {
    "b number": (identity, 3.0, {}, "b must be an array or tensor of shape (n,), got 3.0."),
    "b list": (identity, [1.0, 2.0], {}, "b must be an array or tensor of shape (n,), got [1.0, 2.0]."),
    "b matrix": (identity, np.ones((3, 2)), {}, "b must be an array or tensor of shape (n,), got (3, 2)."),
    "b scalar": (identity, np.array(1.0), {}, "b must be an array or tensor of shape (n,), got ()."),
    "b empty": (identity, np.ones(0), {}, "b must be an array or tensor of shape (n,), got (0,)."),
    "b nan": (identity, np.array([1, np.nan]), {}, "b must be finite, got entries that are not."),
    "b infinite": (identity, torch.tensor([1, -np.inf]), {}, "b must be finite, got entries that are not."),
    "no iterations": (
        identity, np.ones(2), {"iterations": 0}, "iterations must be an integer of 1 or more, got 0."),
    "iterations below 0": (
        identity, np.ones(2), {"iterations": -3}, "iterations must be an integer of 1 or more, got -3."),
    "half an iteration": (
        identity, np.ones(2), {"iterations": 2.5}, "iterations must be an integer of 1 or more, got 2.5."),
    "tolerance below 0": (
        identity, np.ones(2), {"tolerance": -1e-3}, "tolerance must be a finite number of 0 or more, got -0.001."),
    "tolerance nan": (
        identity, np.ones(2), {"tolerance": np.nan}, "tolerance must be a finite number of 0 or more, got nan."),
    "tolerance infinite": (
        identity, np.ones(2), {"tolerance": np.inf}, "tolerance must be a finite number of 0 or more, got inf."),
    "product of another shape": (
        lambda v: np.ones(3), np.ones(2), {},
        "matvec must return an array like its argument, of shape (2,), got (3,)."),
    "product that is a column": (
        lambda v: v[:, None], np.ones(2), {},
        "matvec must return an array like its argument, of shape (2,), got (2, 1)."),
    "no product": (
        lambda v: None, np.ones(2), {}, "matvec must return an array like its argument, of shape (2,), got None."),
    "no preconditioned residual": (
        identity, np.ones(2), {"preconditioner": lambda r: 1.0},
        "preconditioner must return an array like its argument, of shape (2,), got 1.0."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_argument_is_named_in_one_sentence(case):
    matvec, b, options, sentence = REFUSED[case]
    with pytest.raises(ValueError) as error:
        conjugate_gradient(matvec, b, **options)
    assert str(error.value) == sentence
