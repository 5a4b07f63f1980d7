"""What every part of this package asks of a problem."""

from typing import Protocol, runtime_checkable

import numpy as np

from ..validation import finite


@runtime_checkable
class Problem(Protocol):
    r"""An objective over policy parameters, with its gradient and its Fisher matrix.

    The three methods take `theta` of shape (..., d), are vectorised over the leading axes and return float64
    arrays of shapes (...), (..., d) and (..., d, d). Optional extras that pictures and widgets use when present:

    - `names`: the symbols of the d parameters;
    - `bounds`: a sensible window ((low, high), ...) of the parameter space;
    - `policy(theta)`: the `Gaussian` or `Categorical` that the parameters name;
    - `policies(theta)`, where there are states: the policy in a few fixed states, as a `Gaussian` or `Categorical`
      with one more axis, and the weights (..., S) with which the divergences in these states add up to `kl`;
    - `policy_names`: what pictures write under the probabilities of `policies`, or the names of its states;
    - `kl(theta, other)`: the exact divergence from the policy at `theta` to the one at `other`;
    - `natural_gradient(theta)`: a solution of :math:`Fv = g` in closed form, which ascents and flows without
      damping prefer: it holds where a nearly deterministic policy hides small eigenvalues of F in rounding.
    """

    def objective(self, theta): ...

    def gradient(self, theta): ...

    def fisher(self, theta): ...


def check_problem(problem, theta):
    """Refuse an object that does not follow the protocol at `theta` (..., d), in one plain sentence."""
    if not isinstance(problem, Problem):
        raise ValueError(
            f"problem must have the methods objective, gradient and fisher, got {type(problem).__name__}."
        )
    theta = finite("theta", theta)
    *batch, dimension = theta.shape
    expected = {"objective": (), "gradient": (dimension,), "fisher": (dimension, dimension)}
    for method, tail in expected.items():
        value = finite(f"problem.{method}(theta)", getattr(problem, method)(theta))
        if value.shape != (*batch, *tail):
            raise ValueError(
                f"problem.{method} must return shape {(*batch, *tail)} for theta of shape {theta.shape}, "
                f"got {value.shape}."
            )


def check_plane_problem(problem, bounds=None):
    """Return the window ((low, high), (low, high)) of a two-parameter problem; ValueError if it has none."""
    bounds = getattr(problem, "bounds", None) if bounds is None else bounds
    if bounds is None:
        raise ValueError("bounds must be ((low, high), (low, high)), got None and the problem has no bounds.")
    window = finite("bounds", bounds)
    if window.shape != (2, 2):
        raise ValueError(
            f"bounds must be ((low, high), (low, high)) of a problem with two parameters, got {bounds!r}."
        )
    if np.any(window[:, 0] >= window[:, 1]):
        raise ValueError(f"bounds must have low < high on each axis, got {bounds!r}.")
    check_problem(problem, np.array([window.mean(axis=1), 0.9 * window[:, 0] + 0.1 * window[:, 1]]))
    return tuple(map(tuple, window.tolist()))
