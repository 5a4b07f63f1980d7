"""The score-function estimate of a bandit's gradient: what a baseline does to its spread."""

import numpy as np
import traitlets

from ..problems import QuadraticReward
from ..validation import finite, vector
from .base import Explorer, InvalidState, choice, module, packed, style

NODES = 3601
STANDARD_DEVIATIONS = 6  # how far the reward is sampled on both sides of the policy
PARAMETERS = ("μ", "σ")


def between(trait, span):
    """A validator: `trait` must lie in the range (low, high) that the trait named `span` holds."""

    @traitlets.validate(trait)
    def check(self, proposal):
        value, (low, high) = proposal["value"], getattr(self, span)
        if not low <= value <= high:
            raise InvalidState(f"{trait} must lie from {low:.6g} to {high:.6g}, got {value}.")
        return value

    return check


class VarianceExplorer(Explorer):
    r"""Drag a baseline; watch the estimates :math:`\hat g = \nabla\log\pi(a)\,(r(a) - b)` spread and gather.

    The policy is :math:`a \sim \mathcal N(\mu, \sigma^2)`, the gradient that of :math:`E[r(a)]` in μ or in σ.
    The mean of the estimates does not depend on b; their variance is least at
    :math:`b^\star = E[g^2 r] / E[g^2]` with :math:`g = \nabla\log\pi(a)`.

    Parameters
    ----------
    reward : callable, optional
        :math:`r`, from an array of actions to an array of the same shape; −(a − 1)² by default. It is sampled
        within 6 of the largest standard deviations, on both sides of the means.
    bounds : (float, float)
        Window of the actions, of width w.
    mean : float
        :math:`\mu`, from 0.2 w inside the window on one side to 0.2 w inside on the other.
    std : float
        :math:`\sigma`, from 0.002 w to 0.25 w.
    baseline : float
        :math:`b`, from below the least to above the largest of 0 and the rewards in the window.
    parameter : "μ" or "σ"
        With respect to which the gradient is taken.
    presets : dict of name to dict of mean, std, baseline and parameter, optional

    Raises
    ------
    ValueError
        For a reward that does not return finite arrays of the right shape, and for values outside the ranges (the
        old state is kept).

    Source: Greensmith, Bartlett and Baxter, *Variance reduction techniques for gradient estimates* (2004).
    """

    _esm = module("variance")
    _css = style("variance")

    bounds = traitlets.List(help="the actions that are drawn").tag(sync=True)
    means = traitlets.List(help="range of the mean").tag(sync=True)
    stds = traitlets.List(help="range of the standard deviation").tag(sync=True)
    baselines = traitlets.List(help="range of the baseline").tag(sync=True)
    sampled = traitlets.List(help="the actions whose rewards are sampled").tag(sync=True)
    nodes = traitlets.Int(NODES).tag(sync=True)
    rewards = traitlets.Bytes(help="rewards at nodes of the sampled actions").tag(sync=True)

    mean = traitlets.Float().tag(sync=True)
    std = traitlets.Float().tag(sync=True)
    baseline = traitlets.Float().tag(sync=True)
    parameter = traitlets.Unicode().tag(sync=True)

    _mean = between("mean", "means")
    _std = between("std", "stds")
    _baseline = between("baseline", "baselines")
    _parameter = choice("parameter", PARAMETERS)

    def __init__(
        self, reward=None, bounds=(-2.5, 2.5), mean=-1.0, std=0.7, baseline=0.0, parameter="μ", presets=None,
    ):
        reward = QuadraticReward(target=1.0) if reward is None else reward
        bounds = vector("bounds", bounds, 2)
        if bounds.shape != (2,) or not bounds[0] < bounds[1]:
            raise ValueError(f"bounds must be a pair (low, high) with low < high, got {bounds.tolist()}.")
        width = np.ptp(bounds)
        stds, inwards = [0.002 * width, 0.25 * width], np.array([1.0, -1.0])
        means = bounds + 0.2 * width * inwards
        sampled = means - STANDARD_DEVIATIONS * stds[1] * inwards
        levels = np.append(_sample(reward, np.linspace(*bounds, NODES)), 0.0)
        margin = 0.15 * np.ptp(levels) or 1.0
        super().__init__(
            bounds=bounds.tolist(), means=means.tolist(), stds=stds, sampled=sampled.tolist(),
            baselines=[float(levels.min() - margin), float(levels.max() + margin)],
            rewards=packed(_sample(reward, np.linspace(*sampled, NODES))),
            presets=_presets(stds) if presets is None else presets,
        )
        self.mean, self.std = float(finite("mean", mean)), float(finite("std", std))
        self.baseline, self.parameter = float(finite("baseline", baseline)), parameter


def _sample(reward, actions):
    """`reward(actions)`; ValueError unless it is a finite array of the same shape."""
    try:
        value = np.asarray(reward(actions))
    except TypeError as error:
        raise ValueError(f"reward must take an array of actions, but on one it fails: {error}.") from None
    if value.shape != actions.shape:
        raise ValueError(f"reward must return one number an action, shape {actions.shape}, got {value.shape}.")
    return finite(f"reward between {actions[0]:.6g} and {actions[-1]:.6g}", value)


def _presets(stds):
    smallest, largest = stds
    return {"tiny σ": {"std": 2 * smallest}, "wide σ": {"std": 0.8 * largest}}
