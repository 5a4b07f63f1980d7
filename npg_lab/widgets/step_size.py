"""Gradient ascent on a one-dimensional landscape: what the step size does."""

import numpy as np
import traitlets

from ..validation import finite, vector
from .base import Explorer, InvalidState, module, packed, style, within

NODES = 2001
STEP_SIZES = (1e-3, 100.0)


class StepSizeExplorer(Explorer):
    r"""Drag a start along a curve; watch the hops of :math:`\theta_{k+1} = \theta_k + \alpha J'(\theta_k)`.

    Parameters
    ----------
    objective, gradient : callable
        :math:`J` and :math:`J'`, from an array of parameters to an array of the same shape. The objective may be
        −inf outside an interval (a cliff): an ascent that lands there ends. Both are interpolated from 2001 nodes,
        which is rough only within two or three nodes of a pole.
    bounds : (float, float)
        Window of the parameter. An ascent that leaves it ends.
    start : float
        Where the ascent begins: inside the window, where the objective is finite.
    step_size : float
        :math:`\alpha`, from 0.001 to 100.
    steps : int
        How many steps are taken, from 0 to 200.
    names : (str, str)
        Symbols of the parameter and of the objective.
    presets : dict of name to dict of start, step_size and steps, optional
        By default three step sizes: a twentieth of :math:`1/|J''|` at the peak, that size, and ten times as much.

    Raises
    ------
    ValueError
        For callables that do not return finite arrays of the right shape, and for states outside the ranges
        (the old state is kept).
    """

    _esm = module("step_size")
    _css = style("step_size")

    names = traitlets.List().tag(sync=True)
    bounds = traitlets.List().tag(sync=True)
    ground = traitlets.List(help="the interval where the objective is finite").tag(sync=True)
    sampled = traitlets.List(help="the ground without the last steps before a cliff").tag(sync=True)
    nodes = traitlets.Int(NODES).tag(sync=True)
    curve = traitlets.Bytes(help="objective and gradient at nodes of the sampled interval").tag(sync=True)
    heights = traitlets.List(help="the range of the objective that is drawn").tag(sync=True)
    peak = traitlets.List(help="[parameter, objective] of the best node").tag(sync=True)
    near = traitlets.Float(help="an objective within 1% of the best").tag(sync=True)

    start = traitlets.Float().tag(sync=True)
    step_size = traitlets.Float().tag(sync=True)
    steps = traitlets.Int().tag(sync=True)

    _step_size = within("step_size", *STEP_SIZES)
    _steps = within("steps", 0, 200)

    @traitlets.validate("start")
    def _start(self, proposal):
        start, (low, high) = proposal["value"], self.ground
        if not low <= start <= high:
            where = f"from {low:.6g} to {high:.6g}, where the objective is finite"
            raise InvalidState(f"start must lie {where}, got {start}.")
        return start

    def __init__(
        self, objective, gradient, bounds=(-3.0, 6.0), start=-1.0, step_size=1.0, steps=30, names=("θ", "J"),
        presets=None,
    ):
        bounds = vector("bounds", bounds, 2)
        if bounds.shape != (2,) or not bounds[0] < bounds[1]:
            raise ValueError(f"bounds must be a pair (low, high) with low < high, got {bounds.tolist()}.")
        if len(names) != 2:
            raise ValueError(f"names must be two symbols, got {names!r}.")
        ground = _ground(objective, bounds)
        cell = np.ptp(ground) / NODES
        sampled = ground + [cell, -cell] * (ground != bounds)  # no table follows a pole to its end
        theta = np.linspace(*sampled, NODES)
        value, slope = _sample("objective", objective, theta), _sample("gradient", gradient, theta)
        if not np.all(np.isfinite(slope)):
            raise ValueError("gradient must be finite wherever the objective is, got an infinite value.")
        has_cliff = not np.array_equal(ground, bounds)
        low, best = float(np.quantile(value, 0.1) if has_cliff else value.min()), float(value.max())
        height = best - low or 1.0
        near = best - 0.01 * (abs(best) if abs(best) > 1e-3 * height else height)
        super().__init__(
            names=list(names), bounds=bounds.tolist(), ground=ground.tolist(), sampled=sampled.tolist(),
            curve=packed(np.stack([value, slope], axis=-1)), heights=[low - 0.06 * height, best + 0.15 * height],
            peak=[float(theta[np.argmax(value)]), best], near=near,
            presets=_presets(theta, value, slope) if presets is None else presets,
        )
        self.start, self.step_size = float(finite("start", start)), float(finite("step_size", step_size))
        self.steps = steps


def _sample(name, function, theta):
    """`function(theta)`; ValueError unless it is an array of theta's shape without NaN or +inf."""
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(function(theta), dtype=np.float64)
    except TypeError as error:
        raise ValueError(f"{name} must take an array of parameters, but on one it fails: {error}.") from None
    if value.shape != theta.shape:
        raise ValueError(f"{name} must return one number per parameter, shape {theta.shape}, got {value.shape}.")
    if np.any(np.isnan(value)) or np.any(value == np.inf):
        raise ValueError(f"{name} must not be NaN or +inf inside the bounds, got {value[~(value < np.inf)][0]}.")
    return value


def _ground(objective, bounds):
    """The interval of `bounds` in which the objective is finite."""
    theta = np.linspace(*bounds, NODES)
    firm = np.flatnonzero(np.isfinite(_sample("objective", objective, theta)))
    if len(firm) == 0 or firm[-1] - firm[0] + 1 != len(firm):
        raise ValueError(f"objective must be finite on one interval of the bounds, not on {len(firm)} nodes.")
    first, last = firm[0], firm[-1]
    low = theta[0] if first == 0 else _edge(objective, theta[first], theta[first - 1])
    high = theta[-1] if last == NODES - 1 else _edge(objective, theta[last], theta[last + 1])
    return np.array([low, high])


def _edge(objective, inside, outside):
    """Where the objective stops being finite between two points, to a billionth of their distance."""
    for _ in range(3):
        theta = np.linspace(inside, outside, 1001)
        beyond = np.argmin(np.isfinite(_sample("objective", objective, theta)))
        inside, outside = theta[beyond - 1], theta[beyond]
    return inside


def _presets(theta, value, slope):
    """Step sizes around 1/|J''| at the peak, if the landscape has a peak inside the window."""
    top = np.argmax(value)
    curvature = -np.gradient(slope, theta)[top]
    if top in (0, NODES - 1) or curvature <= 0:
        return {}
    sizes = {"crawl": 0.05, "matched to the peak": 1.0, "overshoot": 10.0}
    steps = {name: np.clip(factor / curvature, *STEP_SIZES) for name, factor in sizes.items()}
    return {name: {"step_size": float(f"{step:.2g}")} for name, step in steps.items()}
