"""Vanilla and natural softmax policy gradient among the policies of a three-armed bandit."""

import numpy as np
import traitlets

from ..validation import finite
from .base import Explorer, InvalidState, module, style, within

EDGE = 1e-3


class SimplexExplorer(Explorer):
    r"""Drag a policy over three arms; watch vanilla and natural ascent leave it across the simplex.

    Both follow the exact gradient of :math:`J = \pi^\top r` in the logits. Vanilla adds
    :math:`\alpha\,\pi_k (r_k - J)` to logit k, natural adds :math:`\alpha\,(r_k - J)`.

    Parameters
    ----------
    rewards : (float, float, float)
        Mean reward of each arm.
    start : (float, float, float)
        Probabilities of the arms where both ascents begin, each at least 0.001.
    step_size : float
        :math:`\alpha`, from 0.01 to 100.
    steps : int
        How many steps the trajectories show, from 1 to 10000.
    presets : dict of name to dict of the arguments above, optional
        By default three starts: the plateau of the second-best arm, an even one, and a lucky one.

    Raises
    ------
    ValueError
        For rewards that are not three finite numbers, a start that is not a distribution, and numbers outside
        the ranges; the old state is kept.
    """

    _esm = module("simplex")
    _css = style("simplex")

    rewards = traitlets.List(traitlets.Float()).tag(sync=True)
    start = traitlets.List(traitlets.Float()).tag(sync=True)
    step_size = traitlets.Float(1.0).tag(sync=True)
    steps = traitlets.Int(100).tag(sync=True)

    _step_size = within("step_size", 0.01, 100.0)
    _steps = within("steps", 1, 10_000)

    @traitlets.validate("rewards")
    def _rewards(self, proposal):
        rewards = proposal["value"]
        if len(rewards) != 3 or not np.all(np.isfinite(rewards)):
            raise InvalidState(f"rewards must be three finite numbers, got {rewards}.")
        return rewards

    @traitlets.validate("start")
    def _start(self, proposal):
        start = proposal["value"]
        if len(start) != 3 or not min(start) >= EDGE - 1e-9 or not abs(sum(start) - 1) < 1e-6:
            raise InvalidState(f"start must be three probabilities of at least {EDGE} that sum to 1, got {start}.")
        return start

    def __init__(self, rewards=(1.0, 0.9, 0.0), start=(0.02, 0.38, 0.6), step_size=1.0, steps=100, presets=None):
        super().__init__(
            rewards=_three("rewards", rewards), start=_three("start", start),
            step_size=float(finite("step_size", step_size)), steps=steps,
        )
        self.presets = _presets(self.rewards) if presets is None else presets


def _three(name, value):
    array = finite(name, value)
    if array.shape != (3,):
        raise ValueError(f"{name} must be three numbers, got shape {array.shape}.")
    return array.tolist()


def _presets(rewards):
    """Starts that give the best, the second-best and the worst arm these probabilities."""
    ranks = np.argsort(-np.array(rewards), kind="stable")
    starts = {"plateau": [0.02, 0.38, 0.6], "even start": [1 / 3, 1 / 3, 1 / 3], "lucky start": [0.6, 0.05, 0.35]}
    return {name: {"start": np.array(start)[np.argsort(ranks)].tolist()} for name, start in starts.items()}
