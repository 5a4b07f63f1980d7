r"""Proximal policy optimisation with a clipped ratio."""

import torch
from torch import nn

from ..validation import at_least_one
from .base import GradientAgent, minibatches

MAX_GRADIENT_NORM = 0.5


class PPO(GradientAgent):
    r"""Several epochs of Adam on
    :math:`E[\min(r\hat A,\ \operatorname{clip}(r, 1 - c, 1 + c)\hat A)]`, with the ratio
    :math:`r = \pi(a|s)/\pi_{old}(a|s)`.

    Parameters
    ----------
    policy, value : nn.Module, optional
    clip : float
        c, in (0, 1): beyond 1 ± c a sample no longer pushes the ratio further away.
    epochs : int
        Passes over a batch.
    minibatch : int
        Samples in each step.
    learning_rate : float
    **shared
        See `Agent`.

    Source: Schulman et al., *Proximal policy optimization algorithms* (2017).
    """

    def __init__(self, policy=None, value=None, *, clip=0.2, epochs=10, minibatch=64, learning_rate=1e-3,
                 **shared):
        super().__init__(policy, value, learning_rate=learning_rate, **shared)
        if not 0 < clip < 1:
            raise ValueError(f"clip must be a number in (0, 1), got {clip!r}.")
        self.clip, self.epochs = float(clip), at_least_one("epochs", epochs)
        self.minibatch = at_least_one("minibatch", minibatch)

    def improve(self, batch, generator):
        """Epochs of minibatch ascent on the clipped objective."""
        with torch.no_grad():
            old = self.policy(batch.observations)
            old_log_prob = self.policy.log_prob(old, batch.actions)
        for _ in range(self.epochs):
            for rows in minibatches(len(batch), self.minibatch, generator):
                z = self.policy(batch.observations[rows])
                ratio = torch.exp(self.policy.log_prob(z, batch.actions[rows]) - old_log_prob[rows])
                self.policy_optimiser.zero_grad()
                self.clipped(ratio, batch.advantages[rows]).mean().backward()
                nn.utils.clip_grad_norm_(self.policy.parameters(), MAX_GRADIENT_NORM)
                self.policy_optimiser.step()
        with torch.no_grad():
            z = self.policy(batch.observations)
            ratio = torch.exp(self.policy.log_prob(z, batch.actions) - old_log_prob)
            outside = ((ratio - 1).abs() > self.clip).double().mean()
            kl, entropy = self.policy.kl(old, z).mean(), self.policy.entropy(z).mean()
        return {"kl": kl.item(), "entropy": entropy.item(), "outside_clip": outside.item()}

    def clipped(self, ratio, advantages):
        r""":math:`\min(r\hat A,\ \operatorname{clip}(r, 1 - c, 1 + c)\hat A)`, one for each sample."""
        return torch.minimum(ratio * advantages, ratio.clamp(1 - self.clip, 1 + self.clip) * advantages)
