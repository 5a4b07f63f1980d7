r"""Trust region policy optimisation."""

import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ..curvature import trainable
from ..validation import at_least_one
from .npg import NPGAgent


class TRPO(NPGAgent):
    r"""The natural step, shortened until it keeps its word.

    Starting with the step of the natural policy gradient, which the quadratic model sends to mean KL ε, it is
    multiplied by `shrink` until the surrogate
    :math:`E[\frac{\pi(a|s)}{\pi_{old}(a|s)}\hat A]` has risen and the mean KL(old‖new) on the batch is at
    most ε. If `backtracks` trials fail, the policy stays as it was.

    Parameters
    ----------
    policy, value : nn.Module, optional
    kl : float
        Radius ε of the trust region, in nats.
    backtracks : int
        Trials.
    shrink : float
        Factor between them, in (0, 1).
    **shared
        See `NPGAgent` (but for a fixed rate) and `Agent`.

    Source: Schulman et al., *Trust region policy optimization* (2015), appendix C.
    """

    def __init__(self, policy=None, value=None, *, backtracks=10, shrink=0.7, **shared):
        super().__init__(policy, value, **shared)
        if self.rate is not None:
            raise ValueError(f"rate must be None for TRPO, whose step has a radius kl, got {self.rate}.")
        if not 0 < shrink < 1:
            raise ValueError(f"shrink must be a number in (0, 1), got {shrink!r}.")
        self.backtracks, self.shrink = at_least_one("backtracks", backtracks), float(shrink)

    def improve(self, batch, generator):
        """The longest of the trial steps that stays in the trust region and raises the surrogate."""
        step, report = self.natural_step(batch)
        radius, parameters = self.kl * self.decay**self.iteration, trainable(self.policy)
        start = parameters_to_vector(parameters).detach()
        with torch.no_grad():
            old = self.policy(batch.observations)
            for trial in range(self.backtracks):
                vector_to_parameters(start + self.shrink**trial * step, parameters)
                surrogate, kl = self.surrogate_and_kl(batch, old)
                if kl <= radius and surrogate > 0:
                    break
            else:
                vector_to_parameters(start, parameters)
                surrogate, kl, trial = 0.0, 0.0, self.backtracks
            entropy = self.policy.entropy(self.policy(batch.observations)).mean().item()
        return {"kl": kl, "entropy": entropy, "surrogate": surrogate, "backtracks": trial, **report}

    def surrogate_and_kl(self, batch, old):
        r"""Rise of :math:`E[\frac{\pi}{\pi_{old}}\hat A]` and mean KL(old‖new), from outputs `old` (M, m)."""
        new = self.policy(batch.observations)
        log_ratio = self.policy.log_prob(new, batch.actions) - self.policy.log_prob(old, batch.actions)
        surrogate = (torch.expm1(log_ratio) * batch.advantages).mean()
        return surrogate.item(), self.policy.kl(old, new).mean().item()
