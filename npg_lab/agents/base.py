"""What all agents share: networks, advantages, the value function, and updates that fail without harm."""

import copy
from dataclasses import dataclass
from itertools import count, islice

import numpy as np
import torch
from torch import nn

from ..policies import check_fit, check_value, observation_size, policy_for, value_for
from ..rollout import advantages, to_tensor
from ..validation import at_least_one, positive, unit_interval

VALUE_MINIBATCH = 256


@dataclass(frozen=True)
class Batch:
    r"""The M transitions of a rollout, as tensors.

    Attributes
    ----------
    observations : tensor (M, d)
        Normalised, if the agent does so.
    actions : tensor (M,) or (M, m)
    advantages : tensor (M,)
        With mean 0 and standard deviation 1.
    returns : tensor (M,)
        What the value function is fitted to: advantage + value before the fit.
    """

    observations: torch.Tensor
    actions: torch.Tensor
    advantages: torch.Tensor
    returns: torch.Tensor

    def __len__(self):
        return len(self.returns)


class Normaliser(nn.Module):
    """Subtracts the running mean of observations and divides by their standard deviation, entry by entry."""

    def __init__(self, size):
        super().__init__()
        self.register_buffer("count", torch.zeros(()))
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("variance", torch.ones(size))

    def forward(self, observations):
        """Observations with about mean 0 and variance 1, cut off at ±10."""
        return ((observations - self.mean) / (self.variance + 1e-8).sqrt()).clamp(-10, 10)

    def include(self, observations):
        """Take observations (M, d) into the running moments."""
        count, total = len(observations), self.count + len(observations)
        variance, mean = torch.var_mean(observations, dim=0, correction=0)
        share, shift = count / total, mean - self.mean
        spread = self.variance * (1 - share) + variance * share + shift**2 * share * (1 - share)
        self.mean.add_(shift * share)
        self.variance.copy_(variance if self.count == 0 else spread)
        self.count.copy_(total)


class Agent:
    r"""A policy that improves from batches of its own experience. Subclasses say how, in `improve`.

    Parameters
    ----------
    policy : CategoricalPolicy or GaussianPolicy, optional
        Made for the spaces of the environment on first use if there is none.
    value : nn.Module, optional
        Observations (N, d) to values (N, 1); made on first use.
    hidden : tuple of int
        Widths of the hidden layers of networks that are made.
    discount, lam : float
        γ and the λ of generalised advantages.
    batch : int
        Environment steps before each update.
    environments : int
        Environments that run side by side.
    baseline : bool
        Whether the value function is subtracted from returns and stands in for rewards not seen. Without
        it the advantages are plain (λ = 1) discounted rewards to go.
    value_rate : float
        Adam's learning rate for the value function.
    value_steps : int
        Steps of Adam to fit it after each batch, on 256 samples each.
    normalise : bool
        Whether observations are shifted and scaled by their running mean and standard deviation.
    device : str
        "cpu", or "cuda".
    """

    def __init__(self, policy=None, value=None, *, hidden=(64, 64), discount=0.99, lam=0.95, batch=768,
                 environments=8, baseline=True, value_rate=0.01, value_steps=60, normalise=False, device="cpu"):
        self.policy, self.value, self.hidden = policy, value, tuple(hidden)
        self.discount, self.lam = unit_interval("discount", discount), unit_interval("lam", lam)
        self.batch, self.environments = at_least_one("batch", batch), at_least_one("environments", environments)
        self.value_rate = float(positive("value_rate", value_rate))
        self.value_steps = at_least_one("value_steps", value_steps)
        self.baseline, self.normalise, self.device = bool(baseline), bool(normalise), _usable(device)
        self.iteration, self.normaliser = 0, None

    @property
    def built(self):
        """Whether the networks stand."""
        return self.normaliser is not None

    def build(self, observation_space, action_space, seed=0):
        """Make the networks that were not given, and the optimisers; the same for the same seed.

        Raises
        ------
        ValueError
            For spaces that are not supported, or that a given network does not fit.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            policy, value = self.policy, self.value
            policy = policy_for(observation_space, action_space, self.hidden) if policy is None else policy
            value = value_for(observation_space, self.hidden) if value is None else value
        policy = policy.to(self.device)
        value = value.to(next(policy.parameters()))
        check_fit(policy, observation_space, action_space)
        check_value(value, observation_space)
        self.policy, self.value = policy, value
        self._like = next(policy.parameters()).detach()
        normaliser = Normaliser(observation_size(observation_space))
        self.normaliser = normaliser.to(self.device, self._like.dtype)
        self.value_optimiser = torch.optim.Adam(value.parameters(), lr=self.value_rate, fused=True)

    def act(self, observations, generator=None, deterministic=False):
        """Actions for observations (N, d), both as arrays: sampled, or the most probable ones."""
        self._refuse_unbuilt()
        with torch.no_grad():
            z = self.policy(self._see(observations))
            actions = self.policy.mode(z) if deterministic else self.policy.sample(z, generator)
        return actions.cpu().numpy()

    def update(self, rollout, generator=None):
        """Improve the policy by one batch, then fit the value function to it.

        Parameters
        ----------
        rollout : Rollout
        generator : torch.Generator, optional
            Shuffles minibatches.

        Returns
        -------
        dict of str to float
            What happened, e.g. "kl", "entropy", "value_loss".

        Raises
        ------
        ValueError
            For an empty batch, or an update that is not finite; the agent then stays as it was.
        """
        if rollout.steps == 0:
            raise ValueError("rollout must hold at least one transition, got none.")
        batch, before = self.prepare(rollout), copy.deepcopy(self.state_dict())
        try:
            report = {**self.improve(batch, generator), "value_loss": self._fit_value(batch, generator)}
            if not all(np.isfinite(list(report.values()))):
                raise ValueError(f"The update must be finite, got {report}; the agent stays as it was.")
        except BaseException:  # an interrupt too
            self.load_state_dict(before)
            raise
        if self.normalise:
            self.normaliser.include(self._tensor(rollout.observations[:-1][rollout.valid]))
        self.iteration += 1
        return report

    def improve(self, batch, generator):
        """Change the policy's parameters by one batch; returns a dict of numbers that tell how."""
        raise NotImplementedError

    def prepare(self, rollout):
        """The valid transitions of a rollout as a `Batch`, with advantages by the present value function."""
        values = self._values(rollout.observations)
        lam = self.lam if self.baseline else 1.0
        raw = advantages(rollout, values, self.discount, lam)
        pick = rollout.valid
        kept = raw[pick]
        if not np.isfinite(kept).all():
            raise ValueError("rollout must give finite advantages, got others.")
        return Batch(
            observations=self._see(rollout.observations[:-1][pick]), actions=self._tensor(rollout.actions[pick]),
            advantages=self._tensor((kept - kept.mean()) / (kept.std() + 1e-8)),
            returns=self._tensor((raw + values[:-1])[pick]))

    def state_dict(self):
        """Everything that training changes, as a nested dict of tensors and numbers."""
        state = {name: part.state_dict() for name, part in self._parts().items()}
        return {**state, "iteration": self.iteration}

    def load_state_dict(self, state):
        """Take over a state of an agent of the same kind and architecture.

        Raises
        ------
        ValueError
            If it does not fit; the agent then stays as it was.
        """
        parts, before, state = self._parts(), copy.deepcopy(self.state_dict()), copy.deepcopy(state)
        if set(state) != set(before):
            raise ValueError(f"state must have the parts {sorted(before)}, got {sorted(state)}.")
        try:
            for name, part in parts.items():
                part.load_state_dict(state[name])
        except (RuntimeError, ValueError, KeyError) as error:
            for kept, part in parts.items():
                part.load_state_dict(before[kept])
            raise ValueError(f"state must come from an agent of the same architecture, got another "
                             f"{name} ({str(error).splitlines()[-1].strip()}).") from None
        self.iteration = state["iteration"]

    def _refuse_unbuilt(self):
        if not self.built:
            raise ValueError("The agent must be built for an environment first, got one without networks.")

    def _parts(self):
        self._refuse_unbuilt()
        return {"policy": self.policy, "value": self.value, "normaliser": self.normaliser,
                "value_optimiser": self.value_optimiser}

    def _tensor(self, array):
        return to_tensor(array, self._like)

    def _see(self, observations):
        """Observations as the networks get them."""
        seen = self._tensor(observations)
        return self.normaliser(seen) if self.normalise else seen

    def _values(self, observations):
        """V of observations (T + 1, N, d), as an array (T + 1, N); 0 without a baseline."""
        if not self.baseline:
            return np.zeros(observations.shape[:-1])
        with torch.no_grad():
            return self.value(self._see(observations)).squeeze(-1).double().cpu().numpy()

    def _fit_value(self, batch, generator):
        """Least squares of values on returns; returns the share of their variance that is left over."""
        if not self.baseline:
            return 0.0
        lots = (rows for _ in count() for rows in minibatches(len(batch), VALUE_MINIBATCH, generator))
        for rows in islice(lots, self.value_steps):
            loss = self._value_error(batch.observations[rows], batch.returns[rows])
            self.value_optimiser.zero_grad()
            loss.backward()
            self.value_optimiser.step()
        with torch.no_grad():
            left = self._value_error(batch.observations, batch.returns)
        return (left / (batch.returns.var(correction=0) + 1e-8)).item()

    def _value_error(self, observations, returns):
        return nn.functional.mse_loss(self.value(observations).squeeze(-1), returns)


class GradientAgent(Agent):
    r"""An agent whose policy climbs by Adam; subclasses say along which gradient.

    Parameters
    ----------
    policy, value : nn.Module, optional
    learning_rate : float
    **shared
        See `Agent`.
    """

    def __init__(self, policy=None, value=None, *, learning_rate, **shared):
        super().__init__(policy, value, **shared)
        self.learning_rate = float(positive("learning_rate", learning_rate))

    def build(self, observation_space, action_space, seed=0):
        super().build(observation_space, action_space, seed)
        self.policy_optimiser = torch.optim.Adam(self.policy.parameters(), lr=self.learning_rate, maximize=True)

    def _parts(self):
        return {**super()._parts(), "policy_optimiser": self.policy_optimiser}


def _usable(device):
    """Return the name of a device that is there."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, TypeError):
        raise ValueError(f"device must be one that this machine and PyTorch have, got {device!r}.") from None
    return device


def minibatches(samples, size, generator=None):
    """Index tensors that together hold 0 … samples - 1 once, shuffled, in lots of `size`."""
    return torch.randperm(samples, generator=generator).split(size)
