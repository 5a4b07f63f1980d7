r"""Stochastic policies as torch modules, around any network.

A policy maps observations (N, d) to the parameters z (N, m) of an action distribution, one row each:
logits, or means and log standard deviations. Everything about the distribution is a function of z.
"""

import math
from itertools import pairwise

import torch
from gymnasium import spaces
from torch import nn
from torch.nn.functional import log_softmax

from .curvature import trainable
from .validation import finite

HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def mlp(inputs, outputs, hidden=(64, 64), activation=nn.Tanh):
    """A plain network: linear layers with an activation between them, the last one linear.

    The last weights start a hundred times smaller, so that a new policy is nearly uniform.
    """
    sizes, layers = [inputs, *hidden, outputs], []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), activation()]
    nn.init.zeros_(layers[-2].bias)
    with torch.no_grad():
        layers[-2].weight *= 0.01
    return nn.Sequential(*layers[:-1])


class CategoricalPolicy(nn.Module):
    r""":math:`\pi(a|s) = \operatorname{softmax}_a z(s)`, with the logits z from any network.

    Parameters
    ----------
    trunk : nn.Module
        Observations (N, d) to logits (N, K).
    """

    def __init__(self, trunk):
        super().__init__()
        self.trunk = trunk

    def forward(self, observations):
        """Logits (N, K)."""
        return self.trunk(observations)

    def sample(self, z, generator=None):
        """One action for each row, (N,) integers: the largest of the logits with Gumbel noise on them."""
        noise = torch.empty_like(z).exponential_(generator=generator).log_()
        return torch.argmax(z - noise, dim=-1)

    def mode(self, z):
        """The most probable actions, (N,)."""
        return torch.argmax(z, dim=-1)

    def log_prob(self, z, actions):
        r""":math:`\log\pi(a|s)`, shape (N,)."""
        return log_softmax(z, dim=-1).gather(-1, actions[:, None]).squeeze(-1)

    def entropy(self, z):
        r""":math:`-\sum_a \pi(a|s)\log\pi(a|s)`, shape (N,)."""
        log_p = log_softmax(z, dim=-1)
        return -(log_p.exp() * log_p).sum(-1)

    def kl(self, z, other):
        r""":math:`\mathrm{KL}(\pi_z\,\Vert\,\pi_{other})`, shape (N,)."""
        log_p, log_q = log_softmax(z, dim=-1), log_softmax(other, dim=-1)
        return (log_p.exp() * (log_p - log_q)).sum(-1)

    def output_fisher(self, z):
        r"""The product :math:`u \mapsto (\operatorname{diag}\pi - \pi\pi^\top)\,u` of arrays (N, K)."""
        p = torch.softmax(z, dim=-1)
        return lambda u: torch.addcmul(p * u, p, torch.linalg.vecdot(p, u)[:, None], value=-1)


class GaussianPolicy(nn.Module):
    r""":math:`\pi(a|s) = N(\mu(s), \operatorname{diag}\sigma^2)`, independent in each action dimension.

    Parameters
    ----------
    trunk : nn.Module
        Observations (N, d) to means (N, m), or to means and log standard deviations (N, 2m).
    log_std : float or sequence of m floats, or None
        Where the log standard deviations start: parameters that are the same in every state. With None
        they come from the trunk.
    """

    def __init__(self, trunk, log_std=0.0):
        super().__init__()
        self.trunk = trunk
        start = None if log_std is None else torch.tensor(finite("log_std", log_std), dtype=torch.float32)
        self.log_std = None if start is None else nn.Parameter(torch.atleast_1d(start))

    def forward(self, observations):
        """Means and log standard deviations, (N, 2m)."""
        outputs = self.trunk(observations)
        if self.log_std is None:
            return outputs
        return torch.cat([outputs, self.log_std.expand_as(outputs)], dim=-1)

    def sample(self, z, generator=None):
        """One action for each row, (N, m)."""
        mean, log_std = z.chunk(2, dim=-1)
        noise = torch.empty_like(mean).normal_(generator=generator)
        return mean + log_std.exp() * noise

    def mode(self, z):
        """The means, (N, m)."""
        return z.chunk(2, dim=-1)[0]

    def log_prob(self, z, actions):
        r""":math:`\log\pi(a|s)`, shape (N,)."""
        mean, log_std = z.chunk(2, dim=-1)
        return -(0.5 * ((actions - mean) / log_std.exp()) ** 2 + log_std + HALF_LOG_2PI).sum(-1)

    def entropy(self, z):
        r""":math:`\sum_j \log\sigma_j + \tfrac12\log 2\pi e`, shape (N,)."""
        return (z.chunk(2, dim=-1)[1] + HALF_LOG_2PI + 0.5).sum(-1)

    def kl(self, z, other):
        r""":math:`\mathrm{KL}(\pi_z\,\Vert\,\pi_{other})`, shape (N,)."""
        (m, s), (n, t) = z.chunk(2, dim=-1), other.chunk(2, dim=-1)
        return (t - s + 0.5 * torch.expm1(2 * (s - t)) + 0.5 * ((m - n) * torch.exp(-t)) ** 2).sum(-1)

    def output_fisher(self, z):
        r"""The product :math:`u \mapsto (u_\mu / \sigma^2,\; 2 u_{\log\sigma})` of arrays (N, 2m)."""
        log_std = z.chunk(2, dim=-1)[1]
        diagonal = torch.cat([torch.exp(-2 * log_std), torch.full_like(log_std, 2.0)], dim=-1)
        return lambda u: diagonal * u


def observation_size(space):
    """Entries of an observation as a vector: numbers of a Box, or one for each element of a Discrete space."""
    if isinstance(space, spaces.Discrete):
        return int(space.n)
    if isinstance(space, spaces.Box):
        return math.prod(space.shape)
    raise ValueError(f"observation_space must be a Box or Discrete, got {space}.")


def policy_for(observation_space, action_space, hidden=(64, 64)):
    """A policy that fits the spaces of an environment: categorical, or Gaussian with state-independent std.

    Raises ValueError for action spaces other than Discrete and a Box of one axis.
    """
    kind, size = _kind_and_size(action_space)
    trunk = mlp(observation_size(observation_space), size, hidden)
    return kind(trunk) if kind is CategoricalPolicy else kind(trunk, log_std=[0.0] * size)


def value_for(observation_space, hidden=(64, 64)):
    """A network from observations (N, d) to one value each (N, 1)."""
    return mlp(observation_size(observation_space), 1, hidden)


def check_fit(policy, observation_space, action_space):
    """Refuse, in one sentence, a policy whose outputs are not parameters for these actions."""
    size, (kind, actions) = observation_size(observation_space), _kind_and_size(action_space)
    shape = _output_shape("policy", policy, trainable(policy)[0].new_zeros(1, size))
    wanted = actions if kind is CategoricalPolicy else 2 * actions
    if not isinstance(policy, kind) or shape != (1, wanted):
        raise ValueError(
            f"policy must be a {kind.__name__} with {wanted} outputs for the action space {action_space}, "
            f"got a {type(policy).__name__} with {shape[-1]}.")


def check_value(value, observation_space):
    """Refuse, in one sentence, a value function that does not give one number for each observation."""
    size = observation_size(observation_space)
    shape = _output_shape("value", value, next(value.parameters()).new_zeros(2, size))
    if shape != (2, 1):
        raise ValueError(f"value must give one number for each observation, got shape {shape} for two.")


def _output_shape(name, network, observations):
    """The shape of what a network gives for observations; refuses a network that cannot take them."""
    try:
        with torch.no_grad():
            return tuple(network(observations).shape)
    except RuntimeError as error:
        size = observations.shape[-1]
        raise ValueError(f"{name} must take observations of {size} numbers, got the error: {error}.") from None


def _kind_and_size(action_space):
    """The kind of policy that an action space takes, and its number of logits or of means."""
    if isinstance(action_space, spaces.Discrete):
        return CategoricalPolicy, int(action_space.n)
    if isinstance(action_space, spaces.Box) and len(action_space.shape) == 1:
        return GaussianPolicy, action_space.shape[0]
    raise ValueError(f"action_space must be Discrete or a Box of one axis, got {action_space}.")
