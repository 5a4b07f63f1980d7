r"""Natural gradients: steps, paths and pictures of a metric, for any problem with a gradient and a Fisher matrix.

Notation: :math:`g = \nabla J(\theta)` the vanilla gradient (..., d), :math:`F` the Fisher matrix
(..., d, d), :math:`\delta` a displacement of the parameters. To second order a displacement costs
:math:`D(\pi_\theta\,\|\,\pi_{\theta+\delta}) \approx \tfrac12\delta^\top F\delta` nats.
"""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from .validation import finite, non_negative, positive, shown, square, vector

NULL_SPACE = 1e-12  # eigenvalues below this fraction of the largest count as zero
PATIENCE = 20_000  # evaluations of the velocity of a flow; a smooth flow takes some hundreds


def _vector_and_metric(name, value, fisher):
    fisher = square("fisher", fisher)
    return vector(name, value, fisher.shape[-1]), fisher


def natural_gradient(gradient, fisher, damping=0.0):
    r"""Natural gradient :math:`\tilde\nabla J = (F + \lambda I)^{+} g`.

    The plus sign is the pseudo-inverse: where the metric is singular (a direction that does not change the
    policy), the solution of least Euclidean norm is returned.

    Parameters
    ----------
    gradient : array (..., d)
        :math:`g`.
    fisher : array (..., d, d)
        :math:`F`, symmetric and positive semi-definite.
    damping : float
        :math:`\lambda \ge 0`; large values turn the direction towards the vanilla gradient.

    Source: Amari, *Natural gradient works efficiently in learning* (1998), theorem 1.
    """
    gradient, fisher = _vector_and_metric("gradient", gradient, fisher)
    damping = non_negative("damping", damping)
    values, vectors = np.linalg.eigh(fisher)
    kept = (values > NULL_SPACE * values[..., -1:]) | (damping > 0)
    inverse = np.divide(1.0, values + damping, out=np.zeros_like(values), where=kept)
    coefficients = np.einsum("...ji,...j->...i", vectors, gradient)
    return np.einsum("...ij,...j->...i", vectors, inverse * coefficients)


def fisher_norm(displacement, fisher):
    r"""Length :math:`\sqrt{\delta^\top F\delta}` of a displacement (..., d)."""
    displacement, fisher = _vector_and_metric("displacement", displacement, fisher)
    return np.sqrt(np.maximum(np.einsum("...i,...ij,...j->...", displacement, fisher, displacement), 0.0))


def scale_to_kl(direction, fisher, kl):
    r"""Rescale a direction so that its quadratic KL is `kl`: :math:`\tfrac12\delta^\top F\delta = \varepsilon`.

    A direction that the metric does not see at all (length 0) is returned as zero.
    """
    direction, fisher = _vector_and_metric("direction", direction, fisher)
    length = fisher_norm(direction, fisher)
    factor = np.sqrt(2 * positive("kl", kl)) / np.where(length > 0, length, np.inf)
    return np.asarray(factor)[..., None] * direction


def kl_step(gradient, fisher, kl):
    r"""The largest first-order gain on the ellipse :math:`\tfrac12\delta^\top F\delta = \varepsilon`.

    .. math:: \delta = \sqrt{\frac{2\varepsilon}{g^\top F^{+} g}}\; F^{+} g

    Parameters
    ----------
    gradient : array (..., d)
    fisher : array (..., d, d)
    kl : float
        :math:`\varepsilon > 0`, in nats.

    Source: Kakade, *A natural policy gradient* (2001); Schulman et al., *TRPO* (2015), appendix C.
    """
    return scale_to_kl(natural_gradient(gradient, fisher), fisher, kl)


def angle(u, v):
    """Angle between two vectors (..., d), in degrees; NaN if one of them is zero."""
    with np.errstate(invalid="ignore"):
        u, v = (w / np.linalg.norm(w, axis=-1, keepdims=True) for w in (finite("u", u), finite("v", v)))
    return 2 * np.degrees(np.arctan2(np.linalg.norm(u - v, axis=-1), np.linalg.norm(u + v, axis=-1)))


def ascend(problem, theta, iterations, *, step_size=None, kl=None, natural=False, damping=0.0):
    r"""Gradient ascent :math:`\theta \leftarrow \theta + \delta`, vanilla or natural.

    Parameters
    ----------
    problem : Problem
    theta : array (d,)
        Where to start.
    iterations : int
    step_size : float, optional
        Fixed rate :math:`\alpha`: :math:`\delta = \alpha d`. Give this or `kl`.
    kl : float, optional
        Fixed quadratic KL per step, in nats: :math:`\tfrac12\delta^\top F\delta = \varepsilon`.
    natural : bool
        Whether the direction d is the natural gradient (with `damping`) or the vanilla one.

    Returns
    -------
    array (iterations + 1, d)
        The path, start included.
    """
    if (step_size is None) == (kl is None):
        raise ValueError("ascend takes either step_size or kl, got both or neither.")
    rate = positive("kl" if step_size is None else "step_size", kl if step_size is None else step_size)
    path = [finite("theta", theta)]
    for _ in range(iterations):
        direction = _direction(problem, path[-1], natural, damping)
        if kl is not None:
            path.append(path[-1] + scale_to_kl(direction, problem.fisher(path[-1]), rate))
        else:
            path.append(path[-1] + rate * direction)
    return np.array(path)


def _direction(problem, theta, natural, damping):
    if not natural:
        return problem.gradient(theta)
    if damping == 0 and hasattr(problem, "natural_gradient"):
        return problem.natural_gradient(theta)
    return natural_gradient(problem.gradient(theta), problem.fisher(theta), damping)


@dataclass(frozen=True)
class Flow:
    """A sampled solution of a gradient flow: `time` (n,), `theta` (n, d), `objective` (n,)."""

    time: np.ndarray
    theta: np.ndarray
    objective: np.ndarray


def flow(problem, theta, time, *, natural=True, damping=0.0, samples=200):
    r"""Gradient flow :math:`\dot\theta = \tilde\nabla J(\theta)` (or :math:`\nabla J`), the limit of small steps.

    Parameters
    ----------
    problem : Problem
    theta : array (d,)
        Where to start.
    time : float or array (n,)
        How long to follow the flow, or the increasing times (from 0) at which it is wanted.
    natural : bool
        Natural flow (default, with `damping`) or vanilla flow.
    samples : int
        Number of equally spaced times when `time` is a number.

    Raises
    ------
    RuntimeError
        When the solver cannot go on: at the edge of the parameter space, or where the policy is so nearly
        deterministic that rounding hides the natural gradient.
    """
    time, theta = finite("time", time), finite("theta", theta)
    times = np.linspace(0, float(time), samples) if time.ndim == 0 else time
    if times.ndim != 1 or len(times) < 2 or times[0] != 0 or np.any(np.diff(times) <= 0):
        raise ValueError(f"time must be positive, or increase from 0, got {shown(time)}.")
    _direction(problem, theta, natural, damping)  # wrong arguments show here, as a ValueError
    path = _integrate(lambda point: _direction(problem, point, natural, damping), theta, times)
    return Flow(times, path, problem.objective(path))


def _integrate(velocity, theta, times):
    """Solve θ' = velocity(θ); the solver takes NaN, outside the parameter space, as a call for smaller steps."""
    calls, latest = 0, 0.0

    def cautious(time, point):
        nonlocal calls, latest
        calls, latest = calls + 1, time
        if calls > PATIENCE:
            raise RuntimeError(f"the flow stopped at time {time:.4g}: rounding hides its velocity.")
        try:
            return velocity(point)
        except ValueError:
            return np.full_like(point, np.nan)

    solution = solve_ivp(
        cautious, (0, times[-1]), theta, method="DOP853", t_eval=times, rtol=1e-10, atol=1e-12
    )
    if not solution.success:
        raise RuntimeError(f"the flow stopped at time {latest:.4g}, at the edge of the parameter space.")
    return solution.y.T


def ellipse(fisher, kl, points=96):
    r"""Displacements on :math:`\tfrac12\delta^\top F\delta = \varepsilon`, shape (points, 2), closed.

    Parameters
    ----------
    fisher : array (2, 2)
        Positive definite.
    kl : float
        :math:`\varepsilon > 0`, in nats.
    """
    fisher = square("fisher", fisher, 2)
    values, vectors = np.linalg.eigh(fisher)
    if values[0] <= NULL_SPACE * values[1]:
        raise ValueError(f"fisher must be positive definite to have an ellipse, got eigenvalues {shown(values)}.")
    turn = np.linspace(0, 2 * np.pi, points)
    circle = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    return circle * np.sqrt(2 * float(positive("kl", kl)) / values) @ vectors.T


def kl_contour(problem, theta, kl, points=96):
    r"""Displacements at which the exact divergence :math:`D(\pi_\theta\,\|\,\pi_{\theta+\delta})` equals `kl`.

    Each of the `points` directions of the quadratic ellipse is followed until the true KL reaches the budget.
    Directions that leave the parameter space before that, or go 64 times as far as the ellipse, are given as NaN.
    Shape (points, 2), closed.
    """
    theta, kl = vector("theta", theta, 2), float(positive("kl", kl))
    offsets = ellipse(problem.fisher(theta), kl, points)
    return np.array([_scale_to_contour(problem, theta, offset, kl) * offset for offset in offsets])


def _scale_to_contour(problem, theta, offset, kl, largest=64.0):
    def excess(scale):
        try:
            return float(problem.kl(theta, theta + scale * offset)) - kl
        except ValueError:  # outside the parameter space
            return np.inf

    scale = 1.0
    while excess(scale) < 0 and scale < largest:
        scale *= 2
    inside, outside = (scale / 2 if scale > 1 else 0.0), scale
    for _ in range(60):  # walk the outer end back into the parameter space
        if np.isfinite(excess(outside)):
            break
        middle = 0.5 * (inside + outside)
        inside, outside = (middle, outside) if excess(middle) < 0 else (inside, middle)
    if not np.isfinite(excess(outside)) or excess(outside) < 0:
        return np.nan
    return brentq(excess, inside, outside, xtol=1e-14, rtol=1e-13)
