r"""Conjugate gradients: solve A x = b from products A v alone, for numpy arrays and torch tensors alike."""

import math
import warnings
from dataclasses import dataclass

import numpy as np

ROUNDING = {"float32": 1.2e-7, "float64": 2.2e-16}


@dataclass(frozen=True)
class CGReport:
    r"""How a run of conjugate gradients went.

    Attributes
    ----------
    iterations : int
        Products with A that were used.
    residuals : list of float
        :math:`\lVert b - A x_k\rVert / \lVert b\rVert` for k = 0, 1, …, as the recursion tracks it.
    converged : bool
        Whether the last of them is within the tolerance (or the rounding error of the numbers).
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
        that c b gives c x. With 0 the run is meant to stop after `iterations`.
    preconditioner : callable, optional
        :math:`r \mapsto M^{-1} r` for a symmetric positive definite M close to A.

    Returns
    -------
    x : like b
    report : CGReport

    Raises
    ------
    ValueError
        For b that is not a vector of finite numbers, no iterations, a tolerance that is negative or not finite.
    numpy.linalg.LinAlgError
        Where A or M turns out not to be positive definite. (It is a ValueError too.)

    Warns
    -----
    RuntimeWarning
        With the residual that was left, when a tolerance above 0 is not reached.

    Source: Hestenes & Stiefel, *Methods of conjugate gradients for solving linear systems* (1952).
    """
    scale = _checked(b, iterations, tolerance)
    floor = ROUNDING.get(str(b.dtype).rpartition(".")[2], 0.0)
    if scale == 0:
        return b * 0.0, CGReport(0, [0.0], True)
    x, r = b * 0.0, b / scale
    z = r if preconditioner is None else preconditioner(r)
    p, rz, residuals = z, _curvature(r, z, "preconditioner", 0), [1.0]
    for k in range(10 * len(b) if iterations is None else iterations):
        product = matvec(p)
        alpha = rz / _curvature(p, product, "matvec", k)
        x, r = x + alpha * p, r - alpha * product
        residuals.append(math.sqrt(float(r @ r)))
        if residuals[-1] <= max(tolerance, floor):
            break
        z = r if preconditioner is None else preconditioner(r)
        rz, before = _curvature(r, z, "preconditioner", k + 1), rz
        p = z + (rz / before) * p
    converged = residuals[-1] <= max(tolerance, floor)
    if tolerance > 0 and not converged:
        warnings.warn(
            f"conjugate_gradient stopped after {len(residuals) - 1} iterations with the relative residual "
            f"{residuals[-1]:.2g}, above the tolerance {tolerance:.2g}.", RuntimeWarning, stacklevel=2)
    return x * scale, CGReport(len(residuals) - 1, residuals, converged)


def _checked(b, iterations, tolerance):
    """The length of b, once the arguments are known to be sound."""
    if getattr(b, "ndim", None) != 1 or len(b) == 0:
        raise ValueError(f"b must be a vector, got {getattr(b, 'shape', b)!r}.")
    if iterations is not None and (not isinstance(iterations, int | np.integer) or iterations < 1):
        raise ValueError(f"iterations must be an integer of 1 or more, got {iterations!r}.")
    if not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance must be 0 or more, got {tolerance!r}.")
    largest = float(abs(b).max())
    if not math.isfinite(largest):
        raise ValueError("b must be finite, got entries that are not.")
    unit = b / largest if largest else b
    return largest * math.sqrt(float(unit @ unit))


def _curvature(v, product, name, iteration):
    """v · product, which positive definiteness makes positive."""
    value = float(v @ product)
    if not value > 0 or not math.isfinite(value):
        raise np.linalg.LinAlgError(
            f"{name} must be a symmetric positive definite operator, got v'Av = {value:.3g} "
            f"in iteration {iteration}.")
    return value
