r"""REINFORCE, the vanilla policy gradient."""

import torch

from .base import GradientAgent


class Reinforce(GradientAgent):
    r"""One step of Adam a batch along the gradient of :math:`E[\log\pi(a|s)\,\hat A]`.

    Parameters
    ----------
    policy, value : nn.Module, optional
    learning_rate : float
    **shared
        See `Agent`.

    Source: Williams, *Simple statistical gradient-following algorithms for connectionist reinforcement
    learning* (1992).
    """

    def __init__(self, policy=None, value=None, *, learning_rate=0.01, **shared):
        super().__init__(policy, value, learning_rate=learning_rate, **shared)

    def improve(self, batch, generator):
        """One step of gradient ascent."""
        z = self.policy(batch.observations)
        gain = (self.policy.log_prob(z, batch.actions) * batch.advantages).mean()
        self.policy_optimiser.zero_grad()
        gain.backward()
        self.policy_optimiser.step()
        with torch.no_grad():
            after = self.policy(batch.observations)
            kl, entropy = self.policy.kl(z, after).mean(), self.policy.entropy(after).mean()
        return {"kl": kl.item(), "entropy": entropy.item()}
