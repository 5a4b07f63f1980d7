r"""Conjugate gradients: solve A x = b from products A v alone, for numpy arrays and torch tensors alike."""

import math
import warnings
from dataclasses import dataclass

import numpy as np

from .validation import at_least_one

ROUNDING = {"float32": 1.2e-7, "float64": 2.2e-16}


@dataclass(frozen=True)
class CGReport:
    r"""How a run of conjugate gradients went.

    Attributes
    ----------
    iterations : int
        Steps that were taken.
    residuals : list of float
        :math:`\lVert b - A x_k\rVert / \lVert b\rVert` for k = 0, 1, …, as the recursion tracks it.
    converged : bool
        Whether the last of them is within the tolerance (or a thousand rounding errors of the numbers).
    """

    iterations: int
    residuals: list
    converged: bool


def conjugate_gradient(matvec, b, iterations=None, tolerance=1e-10, preconditioner=None):
    r"""Solve :math:`A x = b` for a symmetric positive (semi-)definite A, starting at zero.

    In exact arithmetic the residual vanishes after as many iterations as A has distinct eigenvalues, and
    the error in the energy norm falls by
    :math:`2\,((\sqrt\kappa - 1)/(\sqrt\kappa + 1))^k` at least. Starting at zero, a singular A with b in
    its range gives the solution of minimum norm.

    Parameters
    ----------
    matvec : callable
        :math:`v \mapsto A v`.
    b : array or tensor (n,)
    iterations : int, optional
        At most so many products; 10 n by default.
    tolerance : float
        Stop when :math:`\lVert b - A x\rVert \le` tolerance :math:`\cdot\lVert b\rVert`; it is relative, so
        that c b gives c x. With 0 the run is meant to stop after `iterations`. Either way it stops where
        only rounding is left, which in a singular A must not be followed into the null space.
    preconditioner : callable, optional
        :math:`r \mapsto M^{-1} r` for a symmetric positive definite M close to A.

    Returns
    -------
    x : like b
    report : CGReport

    Raises
    ------
    ValueError
        For b that is not a vector of finite numbers, no iterations, a tolerance that is negative or not
        finite, products of another shape than b.
    numpy.linalg.LinAlgError
        Where A or M turns out not to be positive definite. (It is a ValueError too.)

    Warns
    -----
    RuntimeWarning
        With the residual that was left, when a tolerance above 0 is not reached.

    Source: Hestenes & Stiefel, *Methods of conjugate gradients for solving linear systems* (1952).
    """
    largest = _checked(b, iterations, tolerance)
    if largest == 0:
        return b * 0.0, CGReport(0, [0.0], True)
    unit = b / largest
    norm = math.sqrt(float(unit @ unit))
    x, r, residuals = unit * 0.0, unit / norm, [1.0]
    floor = ROUNDING.get(str(r.dtype).rpartition(".")[2], 0.0)
    p = z = r if preconditioner is None else _product("preconditioner", preconditioner, r)
    length = rz = _positive("preconditioner", float(r @ z), 0)  # length is p'Mp
    steepest = travelled = 0.0
    for k in range(10 * len(b) if iterations is None else iterations):
        product = _product("matvec", matvec, p)
        curvature = float(p @ product)
        steepest = max(steepest, curvature / length)
        if abs(curvature) < 30 * floor * steepest * length:  # p is in the null space, as far as A tells
            break
        alpha = rz / _positive("matvec", curvature, k)
        x, r = x + alpha * p, r - alpha * product
        travelled += alpha * math.sqrt(length)
        residuals.append(math.sqrt(float(r @ r)))
        if residuals[-1] <= max(tolerance, floor):
            break
        z = r if preconditioner is None else _product("preconditioner", preconditioner, r)
        rz, before = _positive("preconditioner", float(r @ z), k + 1), rz
        if math.sqrt(rz) <= 4 * floor * steepest * travelled:  # what is left of r is the rounding of A x
            break
        p, length = z + (rz / before) * p, rz + (rz / before) ** 2 * length
    converged = residuals[-1] <= max(tolerance, 1000 * floor)
    if tolerance > 0 and not converged:
        warnings.warn(
            f"conjugate_gradient stopped after {len(residuals) - 1} iterations with the relative residual "
            f"{residuals[-1]:.2g}, above the tolerance {tolerance:.2g}.", RuntimeWarning, stacklevel=2)
    return x * norm * largest, CGReport(len(residuals) - 1, residuals, converged)


def _checked(b, iterations, tolerance):
    """The largest entry of b in size, once the arguments are known to be sound."""
    if getattr(b, "ndim", None) != 1 or len(b) == 0:
        raise ValueError(f"b must be an array or tensor of shape (n,), got {getattr(b, 'shape', b)!r}.")
    if iterations is not None:
        at_least_one("iterations", iterations)
    if not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance must be a finite number of 0 or more, got {tolerance!r}.")
    largest = float(abs(b).max())
    if not math.isfinite(largest):
        raise ValueError("b must be finite, got entries that are not.")
    return largest


def _product(name, operator, v):
    """The product with v, which must be like v."""
    product = operator(v)
    if getattr(product, "shape", None) != v.shape:
        raise ValueError(
            f"{name} must return an array like its argument, of shape ({len(v)},), "
            f"got {getattr(product, 'shape', product)!r}.")
    return product


def _positive(name, curvature, iteration):
    """v'Av, which positive definiteness makes positive."""
    if not 0 < curvature < math.inf:
        raise np.linalg.LinAlgError(
            f"{name} must be a symmetric positive definite operator, got v'Av = {curvature:.3g} "
            f"in iteration {iteration}.")
    return curvature
