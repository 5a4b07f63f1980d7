"""The nine defects of the agent in chapter 12, each found by a test of its own.

A test looks at what the agent does, not at how it is written, and depends on one defect only: it gives the
agent networks and data of its own.
"""

import html
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import log_softmax

from .engine import Verdict

DTYPE = torch.float64


@dataclass(frozen=True)
class Findings(Verdict):
    """A verdict with one line for each defect."""

    lines: tuple = ()

    def __repr__(self):
        return "\n".join([*self.lines, super().__repr__()])

    def _repr_html_(self):
        text = html.escape(repr(self))
        return f'<pre class="npg-verdict" style="white-space: pre-wrap" data-status="{self.status}">{text}</pre>'


@dataclass(frozen=True)
class Defect:
    """What is wrong, for short; a test that an agent class passes once it is mended; what one observes."""

    name: str
    mended: Callable
    symptom: str


def _agent(cls, inputs=4, width=0.1, dtype=DTYPE, bias=False):
    """An agent of this class, for two actions, around linear networks of ours."""

    class Ours(cls):
        def networks(self, inputs, actions):
            generator = torch.Generator().manual_seed(0)
            policy, value = (nn.Linear(inputs, outputs, bias=bias, dtype=dtype) for outputs in (actions, 1))
            for layer in (policy, value):
                nn.init.normal_(layer.weight, std=width, generator=generator)
            return policy, value

    return Ours(inputs, 2)


def _data(scales=(1.0, 1.0, 1.0, 1.0), count=64):
    """Observations, actions and advantages."""
    generator = torch.Generator().manual_seed(1)
    observations = torch.randn(count, 4, generator=generator, dtype=DTYPE) * torch.tensor(scales, dtype=DTYPE)
    actions = torch.randint(2, (count,), generator=generator)
    return observations, actions, torch.randn(count, generator=generator, dtype=DTYPE)


@torch.no_grad()
def _log_probs(policy, observations):
    return log_softmax(policy(observations), dim=-1)


def _step(agent, observations, actions, advantages):
    """What an improvement does: the change of the weights, and the log-probabilities before and after."""
    weights, before = agent.policy.weight.detach().clone(), _log_probs(agent.policy, observations)
    agent.improve(observations, actions, advantages)
    return agent.policy.weight.detach() - weights, before, _log_probs(agent.policy, observations)


def _networks(cls):
    policy, value = object.__new__(cls).networks(3, 5)
    seen = torch.zeros(7, 3)
    return policy(seen).shape == (7, 5) and value(seen).numel() == 7


def _saturated(cls):
    agent = _agent(cls, dtype=torch.float32)
    nn.init.zeros_(agent.policy.weight)
    with torch.no_grad():
        agent.policy.weight[0, 0] = 200.0
    found = agent.log_probs(torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.01, 0.0, 0.0, 0.0]]))
    wanted = torch.tensor([[0.0, -200.0], [-0.126928, -2.126928]])
    return torch.allclose(found, wanted, atol=1e-3)


def _uphill(cls):
    observations, actions, advantages = _data()
    _, before, after = _step(_agent(cls), observations, actions, advantages)
    gain = (after - before).gather(1, actions[:, None])[:, 0] * advantages
    return gain.mean() > 0


def _equivariant(cls):
    generator = torch.Generator().manual_seed(2)
    root, b = (torch.randn(*size, generator=generator, dtype=DTYPE) for size in ((6, 6), (6,)))
    matrix = root @ root.T / 6 + 0.2 * torch.eye(6, dtype=DTYPE)
    agent, exact = _agent(cls), torch.linalg.solve(matrix, b)
    answers = [agent.solve(lambda v: matrix @ v, scale * b) / scale for scale in (1.0, 1e-3, 1e-6)]
    return all(torch.allclose(answer, exact, rtol=1e-3, atol=1e-3) for answer in answers)


def _natural(cls):
    observations, actions, advantages = _data((1.0, 0.5, 0.25, 0.125), count=256)
    agent = _agent(cls)
    p = _log_probs(agent.policy, observations).exp()
    psi = nn.functional.one_hot(actions, 2) - p
    g = torch.einsum("nk,nd,n->kd", psi, observations, advantages).flatten() / 256
    blocks = torch.diag_embed(p) - p[:, :, None] * p[:, None]
    fisher = torch.einsum("nkl,nd,ne->kdle", blocks, observations, observations).reshape(8, 8) / 256
    natural = torch.linalg.pinv(fisher, hermitian=True, rtol=1e-9) @ g
    step = _step(agent, observations, actions, advantages)[0].flatten()
    return abs(torch.nn.functional.cosine_similarity(step, natural, dim=0)) > 0.85


def _same_kl(cls):
    observations, actions, advantages = _data()
    costs = []
    for size, scale in ((3.0, 1.0), (3.0, 100.0), (30.0, 1.0)):
        _, before, after = _step(_agent(cls, width=1e-3), size * observations, actions, scale * advantages)
        costs.append((before.exp() * (before - after)).sum(-1).mean().item())
    return min(costs) > 0.5 * max(costs) > 0


def _clock(cls):
    agent, rewards = _agent(cls), torch.tensor([1.0, 2.0, 3.0], dtype=DTYPE)
    discount = agent.discount
    for terminated, last in ((False, 10.0), (True, 0.0)):
        found = agent.reward_to_go(rewards, terminated, torch.tensor(10.0, dtype=DTYPE))
        third = 3.0 + discount * last
        wanted = [1.0 + discount * (2.0 + discount * third), 2.0 + discount * third, third]
        if not torch.allclose(torch.as_tensor(found, dtype=DTYPE), torch.tensor(wanted, dtype=DTYPE)):
            return False
    return True


def _advantages_first(cls):
    seen = []

    class Watched(cls):
        def improve(self, observations, actions, advantages):
            seen.append(advantages)

    agent = _agent(Watched)
    observations, actions, noise = _data(count=21)
    rewards = 1.0 + noise[:-1]
    with torch.no_grad():
        values = agent.value(observations).squeeze(-1)
    agent.update(observations, actions[:-1], rewards, True)
    with torch.no_grad():
        fitted = not torch.allclose(values, agent.value(observations).squeeze(-1))
    wanted = agent.reward_to_go(rewards, True, values[-1]) - values[:-1]
    return fitted and torch.corrcoef(torch.stack([seen[0], wanted]))[0, 1] > 1 - 1e-6


def _one_step(cls):
    agent = _agent(cls)
    short, level, usual = (agent.standardise(torch.tensor(values, dtype=DTYPE))
                           for values in ([3.0], [2.0, 2.0, 2.0], [1.0, 5.0, 2.0, -3.0]))
    finite = torch.isfinite(torch.cat([short, level, usual])).all()
    return bool(finite) and torch.equal(torch.argsort(usual), torch.tensor([3, 0, 2, 1]))


DEFECTS = (
    Defect("networks", _networks, "The agent cannot be built: networks(inputs, actions) should return a policy "
           "with one output for each action, and a value function with one output."),
    Defect("saturation", _saturated, "The policy is 200 nats sure of an action, and log_probs is not the "
           "logarithm of its probabilities any more."),
    Defect("sign", _uphill, "After an improvement, actions with positive advantages are less probable."),
    Defect("scale", _equivariant, "solve answers b and 10⁻⁶ b with vectors that are not in the proportion 10⁶."),
    Defect("damping", _natural, "The step is far from the natural direction on a policy whose Fisher "
           "eigenvalues lie between 0.5 and 0.008."),
    Defect("step", _same_kl, "When the rewards or the observations change their units, the KL of a step "
           "changes by orders of magnitude."),
    Defect("clock", _clock, "reward_to_go gives the same future to a fallen pole and to one that stands when "
           "the clock stops."),
    Defect("order", _advantages_first, "The advantages are not what the value function, as it was before the "
           "batch, says about the returns of the batch."),
    Defect("one step", _one_step, "The advantages of an episode of one step, or of equal returns, are not "
           "numbers."),
)


def find_the_bugs(candidate):
    """Test a class of agents for the nine defects; returns `Findings`.

    Parameters
    ----------
    candidate : class
        With the methods of the listing in chapter 12.
    """
    if not isinstance(candidate, type):
        return Findings("wrong type", f"This check wants a class, got {type(candidate).__name__}.")
    if all(name.startswith("__") for name in vars(candidate)):
        return Findings("not attempted", "Override a method that is wrong, and run this cell again.")
    symptoms = [_symptom(candidate, defect) for defect in DEFECTS]
    lines = tuple(f"{'✗' if symptom else '✓'} {defect.name}{': ' * bool(symptom)}{symptom}"
                  for defect, symptom in zip(DEFECTS, symptoms, strict=True))
    left = sum(map(bool, symptoms))
    if left:
        return Findings("wrong value", f"{left} of {len(DEFECTS)} defects are left.", lines)
    return Findings("right", "Nine of nine. This agent is worth training.", lines)


def _symptom(candidate, defect):
    """What is observed, or nothing for a class that passes the test."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return "" if defect.mended(candidate) else defect.symptom
    except Exception as error:  # a learner's code may raise anything; say what it raised
        return f"{defect.symptom} It raised {type(error).__name__}: {error}"
