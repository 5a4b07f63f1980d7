"""Kakade's two-state MDP, on which the vanilla gradient sits on a plateau for millions of steps."""

import numpy as np
from scipy.special import expit, log_expit

from ..distributions import Categorical
from ..validation import finite, vector


class TwoStateMDP:
    r"""Two states i and j; in each one may stay, for a reward, or go to the other state for nothing.

    The parameters are the log odds of staying, :math:`\pi(\text{stay}|s) = \operatorname{sigmoid}(\theta_s)`.
    The objective is the average reward :math:`J = \sum_s \rho(s)\,\pi(\text{stay}|s)\,r_s` under the
    stationary distribution, :math:`\rho(i) : \rho(j) = \pi(\text{go}|j) : \pi(\text{go}|i)`. It is the limit
    of :math:`(1-\gamma)\,\mu^\top V` for :math:`\gamma \to 1`.

    Parameters
    ----------
    rewards : (float, float)
        :math:`r_i` and :math:`r_j`, for staying.

    Source: Kakade, *A natural policy gradient* (2001), section 5.
    """

    names = ("θᵢ", "θⱼ")
    bounds = ((-3.0, 7.0), (-4.0, 8.0))
    policy_names = ("stay | i", "go | i", "stay | j", "go | j")

    def __init__(self, rewards=(1.0, 2.0)):
        self.rewards = finite("rewards", rewards)
        if self.rewards.shape != (2,):
            raise ValueError(f"rewards must be the two rewards for staying, got shape {self.rewards.shape}.")

    def policy_probs(self, theta):
        """Probabilities of (stay, go) in both states, shape (..., 2, 2)."""
        theta = vector("theta", theta, 2)
        return np.stack([expit(theta), expit(-theta)], axis=-1)

    def policies(self, theta):
        """The policy in both states, a `Categorical` (..., 2 states), and the occupancy."""
        theta = vector("theta", theta, 2)
        return Categorical(logits=np.stack([theta, np.zeros_like(theta)], axis=-1)), self.occupancy(theta)

    def occupancy(self, theta):
        r"""Stationary distribution :math:`\rho`, shape (..., 2)."""
        go = log_expit(-vector("theta", theta, 2))
        leaning = go[..., 1] - go[..., 0]
        return np.stack([expit(leaning), expit(-leaning)], axis=-1)

    def objective(self, theta):
        """Average reward, shape (...)."""
        return (self.occupancy(theta) * self.policy_probs(theta)[..., 0]) @ self.rewards

    def natural_gradient(self, theta):
        r""":math:`F^{-1}\nabla J = Q(s, \text{stay}) - Q(s, \text{go})`, shape (..., 2)."""
        stay, go = np.moveaxis(self.policy_probs(theta), -1, 0)
        reward = stay * self.rewards
        value_gap = (reward[..., 0] - reward[..., 1]) / go.sum(axis=-1)
        return self.rewards + np.stack([value_gap, -value_gap], axis=-1)

    def gradient(self, theta):
        """Gradient of the average reward, shape (..., 2)."""
        return self._information(theta) * self.natural_gradient(theta)

    def fisher(self, theta):
        r""":math:`\operatorname{diag}(\rho(s)\,\pi(\text{stay}|s)\,\pi(\text{go}|s))`, shape (..., 2, 2)."""
        return self._information(theta)[..., None] * np.eye(2)

    def kl(self, theta, other):
        """Divergence of the policies in nats, averaged over the occupancy of `theta`, shape (...)."""
        policy, occupancy = self.policies(theta)
        changed, _ = self.policies(vector("other", other, 2))
        return (occupancy * policy.kl(changed)).sum(axis=-1)

    def _information(self, theta):
        return self.occupancy(theta) * self.policy_probs(theta).prod(axis=-1)


def two_state_mdp():
    r"""Kakade's two-state MDP: staying in i pays 1, staying in j pays 2.

    The experiment starts at :math:`\theta = (\log 4, -\log 9)`, where one stays in i with probability .8 and
    in j with .1, and :math:`\rho = (.82, .18)`. On its plateau the average reward is near 1.
    """
    return TwoStateMDP()
