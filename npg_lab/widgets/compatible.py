"""Compatible function approximation as a projection: the advantage of three actions, and one score."""

import numpy as np
import traitlets

from ..validation import finite
from .base import Explorer, InvalidState, module, style

LARGEST, EDGE, SPREAD = 1.5, 0.05, 0.2


def entries(trait):
    """A validator: `trait` must be three numbers from −LARGEST to LARGEST."""

    @traitlets.validate(trait)
    def check(self, proposal):
        values = proposal["value"]
        if len(values) != 3 or not all(-LARGEST <= value <= LARGEST for value in values):
            raise InvalidState(f"{trait} must be three numbers from −{LARGEST} to {LARGEST}, got {values}.")
        return values

    return check


class CompatibleExplorer(Explorer):
    r"""Drag the action values, the policy and the score; watch the projection whose length in scores is :math:`w`.

    There is one state with three actions, and one parameter, which moves the logits by :math:`\theta\varphi(a)`.
    The score is :math:`\psi(a) = \varphi(a) - E_\pi[\varphi]`. Functions of the action are drawn as points of a
    plane whose inner product is :math:`E_\pi[fg]`, up to constants, which stand perpendicular to it: Q falls on
    the advantage :math:`A = Q - V`, and the compatible approximation is the foot of A on the line of ψ,

    .. math:: w\,\psi, \qquad w = F^{-1}\nabla J, \qquad F = E_\pi[\psi^2], \qquad
              \nabla J = E_\pi[\psi Q] = E_\pi[\psi\cdot w\psi].

    Parameters
    ----------
    action_values : (float, float, float)
        :math:`Q(a)`, each from −1.5 to 1.5.
    probs : (float, float, float)
        :math:`\pi(a)`, each at least 0.05.
    features : (float, float, float)
        :math:`\varphi(a)`, each from −1.5 to 1.5, the largest at least 0.2 above the least.
    presets : dict of name to dict of the arguments above, optional
        By default A along ψ, A across ψ, a constant that makes a weight fitted to Q noisier, and
        a policy that nearly always takes the second-best action.

    Raises
    ------
    ValueError
        For values outside the ranges and probabilities that do not sum to 1; the old state is kept.

    Source: Kakade, *A natural policy gradient* (2001), theorem 1; Sutton et al. (2000) for the approximation.
    """

    _esm = module("compatible")
    _css = style("compatible")

    action_values = traitlets.List(traitlets.Float()).tag(sync=True)
    probs = traitlets.List(traitlets.Float()).tag(sync=True)
    features = traitlets.List(traitlets.Float()).tag(sync=True)

    _action_values = entries("action_values")

    @traitlets.validate("probs")
    def _probs(self, proposal):
        probs = proposal["value"]
        if len(probs) != 3 or not min(probs) >= EDGE - 1e-9 or not abs(sum(probs) - 1) < 1e-6:
            raise InvalidState(f"probs must be three probabilities of at least {EDGE} that sum to 1, got {probs}.")
        return probs

    @traitlets.validate("features")
    def _features(self, proposal):
        features = proposal["value"]
        inside = len(features) == 3 and all(-LARGEST <= value <= LARGEST for value in features)
        if not inside or not max(features) - min(features) >= SPREAD - 1e-9:
            raise InvalidState(
                f"features must be three numbers from −{LARGEST} to {LARGEST} that differ by {SPREAD} or more, "
                f"got {features}."
            )
        return features

    def __init__(
        self, action_values=(1.1, -0.7, -0.1), probs=(0.3, 0.3, 0.4), features=(1.0, 0.0, -1.0), presets=None,
    ):
        super().__init__(
            action_values=_three("action_values", action_values), probs=_three("probs", probs),
            features=_three("features", features),
        )
        state = map(np.array, (self.action_values, self.probs, self.features))
        self.presets = _presets(*state) if presets is None else presets


def _three(name, value):
    array = finite(name, value)
    if array.shape != (3,):
        raise ValueError(f"{name} must be three numbers, got shape {array.shape}.")
    return array.tolist()


def _presets(action_values, probs, features):
    """States that differ from this one in where the advantage points, in a constant, or in the policy."""
    value, score = probs @ action_values, features - probs @ features
    along = probs @ (score * action_values) / (probs @ score**2) * score
    ranks = np.argsort(np.argsort(-action_values, kind="stable"))
    shifts = LARGEST - action_values.max(), -LARGEST - action_values.min()

    def values(array):
        return {"action_values": np.clip(array, -LARGEST, LARGEST).tolist()}

    def noise(shift):
        return probs @ (score * (action_values + shift - along)) ** 2

    return {
        "A along ψ": values(value + along),
        "A across ψ": values(action_values - along),
        "add a constant": values(action_values + max(shifts, key=noise)),
        "nearly decided": {"probs": np.array([0.06, 0.88, 0.06])[ranks].tolist()},
    }
