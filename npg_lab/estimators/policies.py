r"""Softmax policies over a table of states, whose parameters may be shared between states."""

import numpy as np
from scipy.special import softmax

from ..validation import finite, vector


class LinearSoftmaxPolicy:
    r""":math:`\pi(a|s) = \operatorname{softmax}_a\,\theta^\top\phi(s, a)`.

    Parameters
    ----------
    features : array (S, A, d)
        :math:`\phi(s, a)`.
    """

    def __init__(self, features):
        self.features = finite("features", features)
        if self.features.ndim != 3:
            raise ValueError(f"features must have shape (states, actions, d), got {self.features.shape}.")

    @classmethod
    def tabular(cls, states, actions):
        """One logit for each state and action, the policy of `npg_lab.problems.TabularMDP`."""
        return cls.observing(np.arange(states), actions)

    @classmethod
    def observing(cls, observations, actions):
        """One logit for each observation and action.

        Parameters
        ----------
        observations : array of int (S,)
            What each state shows; states that look alike share their logits.
        actions : int
        """
        observations = np.asarray(observations)
        if observations.ndim != 1 or observations.dtype.kind not in "iu" or np.any(observations < 0):
            raise ValueError(f"observations must list an integer of 0 or more a state, got {observations}.")
        pairs = observations[:, None] * actions + np.arange(actions)
        return cls(np.eye((observations.max() + 1) * actions)[pairs])

    @classmethod
    def coin(cls, states):
        r"""A single parameter: :math:`\pi(a = 1|s) = \operatorname{sigmoid}\theta` in every state."""
        return cls(np.broadcast_to([[0.0], [1.0]], (states, 2, 1)))

    def logits(self, theta):
        r""":math:`\theta^\top\phi(s, a)` (..., S, A): as parameters of a `TabularMDP` they act alike."""
        return np.einsum("sad,...d->...sa", self.features, vector("theta", theta, self.features.shape[-1]))

    def pull_back(self, gradient):
        """Gradient with respect to theta (..., d) from the one with respect to the logits (..., S, A)."""
        return np.einsum("sad,...sa->...d", self.features, gradient)

    def probs(self, theta):
        r""":math:`\pi(a|s)`, shape (..., S, A), for `theta` (..., d)."""
        return softmax(self.logits(theta), axis=-1)

    def score(self, theta):
        r""":math:`\nabla\log\pi(a|s) = \phi(s, a) - \sum_b\pi(b|s)\,\phi(s, b)`, shape (..., S, A, d)."""
        mean = np.einsum("...sa,sad->...sd", self.probs(theta), self.features)
        return self.features - mean[..., None, :]
