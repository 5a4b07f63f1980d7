"""Sample a two-parameter problem on a grid: all that a widget needs to know of it."""

from dataclasses import dataclass

import contourpy
import numpy as np
import traitlets

from ..distributions import Categorical, Gaussian
from ..problems import check_plane_problem
from .base import Explorer, packed

NODES = 81  # cubic interpolation of 1/σ² from σ = 0.2 upwards is then good to 0.3%


@dataclass(frozen=True)
class PlaneTable:
    """A problem sampled on a NODES by NODES grid.

    Attributes
    ----------
    bounds : ((low, high), (low, high))
    names : (str, str)
    values : array (NODES, NODES, channels)
        Rows follow the second parameter. Channels: objective, gradient (2), Fisher xx, xy, yy (3), then the
        policy: mean and std of a Gaussian, log probabilities of a categorical, or nothing. With several states
        these are repeated for each state, and the weights of the states follow.
    family : "gaussian", "categorical" or ""
    states : int
        How many states the policy is given for; 1 without states.
    contours : list of polylines [[x, y], ...] of equal objective
    peak : [x, y] of the best grid point
    """

    bounds: tuple
    names: tuple
    values: np.ndarray
    family: str
    states: int
    contours: list
    peak: list

    @property
    def channels(self):
        """Numbers stored per grid point."""
        return self.values.shape[-1]


def sample_plane(problem, bounds=None):
    """Sample `problem` over its window, or over `bounds`; ValueError if it does not have two parameters."""
    bounds = check_plane_problem(problem, bounds)
    x, y = (np.linspace(low, high, NODES) for low, high in bounds)
    theta = np.stack(np.meshgrid(x, y), axis=-1)
    objective, gradient, fisher = (
        _finite_everywhere(method, getattr(problem, method)(theta), theta)
        for method in ("objective", "gradient", "fisher")
    )
    family, states, policy = _policy_channels(problem, theta)
    values = np.concatenate(
        [
            objective[..., None], gradient,
            fisher[..., [0, 0, 1], [0, 1, 1]], policy,
        ],
        axis=-1,
    )
    best = np.unravel_index(np.argmax(objective), objective.shape)
    return PlaneTable(
        bounds, tuple(getattr(problem, "names", ("θ₁", "θ₂"))), values, family, states,
        _contours(x, y, objective), theta[best].tolist(),
    )


def _finite_everywhere(method, value, theta):
    holes = ~np.isfinite(value).reshape(*theta.shape[:-1], -1).all(axis=-1)
    if np.any(holes):
        raise ValueError(
            f"problem.{method} must be finite in the whole window, got {value[holes][0]} at {theta[holes][0]}."
        )
    return value


def _policy_channels(problem, theta):
    policy, weights = None, np.empty((*theta.shape[:-1], 0))
    if hasattr(problem, "policies"):
        policy, weights = problem.policies(theta)
    elif hasattr(problem, "policy"):
        policy = problem.policy(theta)
    if isinstance(policy, Gaussian):
        family, shape = "gaussian", np.stack([policy.mean, policy.std], axis=-1)
    elif isinstance(policy, Categorical):
        family, shape = "categorical", policy.logits
    else:
        return "", 1, weights
    flat = shape.reshape(*theta.shape[:-1], -1)
    return family, max(1, weights.shape[-1]), np.concatenate([flat, weights], axis=-1)


def _contours(x, y, objective, levels=12):
    """Lines through equally spaced quantiles of the objective, thinned for the page."""
    generator = contourpy.contour_generator(x, y, objective)
    heights = np.unique(np.quantile(objective, np.linspace(0.04, 0.99, levels)))
    return [np.round(line[:: 1 + len(line) // 60], 3).tolist() for h in heights for line in generator.lines(h)]


class PlaneExplorer(Explorer):
    """Base of the widgets that draw a sampled problem: the `PlaneTable` as traits."""

    bounds = traitlets.List().tag(sync=True)
    names = traitlets.List().tag(sync=True)
    nodes = traitlets.Int(NODES).tag(sync=True)
    channels = traitlets.Int().tag(sync=True)
    table = traitlets.Bytes().tag(sync=True)
    family = traitlets.Unicode().tag(sync=True)

    def __init__(self, plane, **state):
        super().__init__(
            bounds=[list(b) for b in plane.bounds], names=list(plane.names), channels=plane.channels,
            table=packed(plane.values), family=plane.family, **state,
        )
