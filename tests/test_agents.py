"""The four agents on bandits, on an MDP that is known exactly, and where their updates fail."""

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch
from environments import BANDIT, GARNET
from oracles import close
from scipy.special import log_softmax
from torch import nn
from torch.nn.utils import parameters_to_vector

from npg_lab.agents import PPO, TRPO, NPGAgent, Reinforce
from npg_lab.agents.base import Agent, Batch, Normaliser, minibatches
from npg_lab.curvature import FisherOperator, fisher_operator, scores
from npg_lab.geometry import angle
from npg_lab.policies import CategoricalPolicy, GaussianPolicy, mlp
from npg_lab.rollout import Sampler, advantages, make_environments
from npg_lab.training import train

KINDS = {"Reinforce": Reinforce, "NPGAgent": NPGAgent, "TRPO": TRPO, "PPO": PPO}
SMALL = {"hidden": (8,), "batch": 64, "environments": 4, "value_steps": 3}
THETA = 0.5 * np.random.default_rng(3).normal(size=(4, 3))


def made(kind, env_id="CartPole-v1", **arguments):
    """An agent of small networks, built for an environment."""
    agent = kind(**{**SMALL, **arguments})
    environments = make_environments(env_id, 1)
    agent.build(environments.single_observation_space, environments.single_action_space, seed=0)
    return agent


def experience(agent, env_id="CartPole-v1", steps=40, seed=0, environments=4):
    generator = torch.Generator().manual_seed(seed)
    return Sampler(env_id, environments, seed).collect(lambda seen: agent.act(seen, generator), steps)


def table(theta):
    """The policy softmax(theta) (S, A) of one-hot states, in double precision."""
    policy = CategoricalPolicy(nn.Linear(*np.shape(theta), bias=False)).double()
    with torch.no_grad():
        policy.trunk.weight.copy_(torch.tensor(theta).T)
    return policy


def as_table(vector):
    """A flat vector of `table` parameters, laid out as theta."""
    return vector.detach().numpy().reshape(GARNET.actions, GARNET.states).T


def networks(observations, outputs, seed):
    """A policy of two small layers and a value function, in double precision, that are not nearly uniform."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        policy = CategoricalPolicy(mlp(observations, outputs, (8,))).double()
        for parameter in policy.parameters():
            nn.init.normal_(parameter, std=0.7)
        return {"policy": policy, "value": mlp(observations, 1, (8,)).double()}


def vector(agent):
    return parameters_to_vector(agent.policy.parameters()).detach().clone()


def identical(one, other):
    """Whether two nested states hold the same bits."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(identical(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    return type(one) is type(other) and one == other


def plain(error):
    """Whether an error is one sentence on one line."""
    sentence = str(error.value)
    return sentence.endswith(".") and "\n" not in sentence and sentence[:1].isalpha()


# --- the sign -----------------------------------------------------------------------------------------------

RATES = {"Reinforce": {"learning_rate": 0.05}, "NPGAgent": {"kl": 0.02}, "TRPO": {"kl": 0.02},
         "PPO": {"learning_rate": 0.01, "epochs": 3, "minibatch": 16}}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", KINDS)
def test_every_agent_learns_to_pull_the_best_arm(name, seed):
    agent = KINDS[name](hidden=(), batch=80, environments=8, **RATES[name])
    probability = []

    def watch(agent, history):
        probability.append(torch.softmax(agent.policy(torch.ones(1, 1)), -1)[0, BANDIT.rewards.argmax()].item())

    train(agent, "npg-tests/Bandit-v0", 1200, seed=seed, callback=watch, progress=False)
    assert probability[0] < 0.5 < 0.6 < probability[-1]


def test_reinforce_takes_one_step_of_adam_up_the_gradient():
    agent = made(Reinforce, learning_rate=0.02, **networks(4, 2, 0))
    batch, before = agent.prepare(experience(agent)), vector(agent)
    g = NPGAgent.gradient(agent, batch)
    agent.improve(batch, None)
    close(vector(agent) - before, 0.02 * g / (g.abs() + 1e-8), rtol=1e-7)


def test_ppo_starts_up_the_same_gradient():
    """At the old policy the ratio is 1, inside the clip; the gradient is only shortened to length ½."""
    agent = made(PPO, learning_rate=0.02, epochs=1, minibatch=10_000, **networks(4, 2, 0))
    batch, before = agent.prepare(experience(agent)), vector(agent)
    batch = dataclasses.replace(batch, advantages=10 * batch.advantages)
    g = NPGAgent.gradient(agent, batch)
    agent.improve(batch, None)
    shortened = torch.cat([parameter.grad.flatten() for parameter in agent.policy.parameters()])
    close(shortened, g * 0.5 / g.norm(), rtol=1e-5)
    assert torch.equal(torch.sign(vector(agent) - before), torch.sign(g)) and g.norm() > 0.5


@pytest.mark.parametrize(("ratio", "advantage", "value", "slope"), [
    (1.0, 2.0, 2.0, 2.0), (1.1, 2.0, 2.2, 2.0), (1.5, 2.0, 2.4, 0.0), (0.5, 2.0, 1.0, 2.0),
    (1.5, -2.0, -3.0, -2.0), (0.5, -2.0, -1.6, 0.0), (0.9, -2.0, -1.8, -2.0), (3.0, 0.0, 0.0, 0.0)])
def test_clipped_objective(ratio, advantage, value, slope):
    """Flat where a larger step would pay, steep wherever it would cost."""
    ratio = torch.tensor(ratio, requires_grad=True)
    clipped = PPO(clip=0.2).clipped(ratio, torch.tensor(advantage))
    clipped.backward()
    assert clipped.item() == pytest.approx(value) and ratio.grad.item() == pytest.approx(slope)


def test_ppo_reports_what_it_did():
    agent = made(PPO, learning_rate=0.02, epochs=4, minibatch=32, clip=0.1, **networks(4, 2, 1))
    rollout = experience(agent)
    old, batch = copy.deepcopy(agent.policy), agent.prepare(rollout)
    report = agent.improve(batch, torch.Generator().manual_seed(0))
    ratio = torch.exp(agent.policy.log_prob(agent.policy(batch.observations), batch.actions)
                      - old.log_prob(old(batch.observations), batch.actions))
    outside = (torch.abs(ratio - 1) > 0.1).double().mean().item()
    assert report["outside_clip"] == pytest.approx(outside) and 0 < outside < 1
    assert report["kl"] == pytest.approx(measured_kl(old, agent.policy, batch.observations), rel=1e-9)


# --- the natural direction ----------------------------------------------------------------------------------

def exact_batch(counts):
    """Every state equally often, its actions as often as `counts` (S, A) says, with their exact advantages."""
    theta = np.log(counts)
    state, action = (np.repeat(index.ravel(), counts.ravel()) for index in np.indices(counts.shape))
    value = torch.tensor(GARNET.advantages(theta)[state, action])
    return table(theta), Batch(torch.eye(4, dtype=torch.float64)[state], torch.tensor(action), value, value)


@pytest.mark.parametrize("solver", ["cg", "direct", "compatible"])
def test_the_direction_is_exact_where_the_batch_is(solver):
    """Counts that are the probabilities times 12 leave no sampling error: x = w, whatever the states' weights."""
    counts = np.array([[1, 4, 7], [2, 2, 8], [4, 4, 4], [10, 1, 1]])
    policy, batch = exact_batch(counts)
    agent = made(NPGAgent, "npg-tests/Garnet-v0", policy=policy, solver=solver, damping=0.0, cg_iterations=8)
    g = agent.gradient(batch)
    close(as_table(g), counts / 48 * GARNET.advantages(np.log(counts)))
    x, _ = agent.natural_direction(batch, g)
    close(as_table(x), GARNET.compatible_weights(np.log(counts)), rtol=1e-6)


def sampled_angles(solver, steps, seed):
    """Degrees between the agent's direction and ∇J on a sample, and the exact ones.

    The discount is in the endings of episodes; with exact values and λ = 0 the advantages have no bias.
    """
    value = nn.Linear(4, 1, bias=False).double()
    with torch.no_grad():
        value.weight.copy_(torch.tensor(GARNET.values(THETA)))
    agent = made(NPGAgent, "npg-tests/FastGarnet-v0", policy=table(THETA), value=value, discount=1.0, lam=0.0,
                 solver=solver, damping=1e-9, cg_iterations=12)
    batch = agent.prepare(experience(agent, "npg-tests/FastGarnet-v0", steps, seed, environments=64))
    g = agent.gradient(batch)
    x, _ = agent.natural_direction(batch, g)
    pairs = (x, GARNET.natural_gradient(THETA)), (g, GARNET.gradient(THETA))
    return [float(angle(as_table(found).ravel(), exact.ravel())) for found, exact in pairs]


def test_sampled_directions_approach_the_exact_natural_gradient():
    """About 500, 8 000 and 100 000 transitions; the vanilla gradient is 19 degrees away from the natural one."""
    away = float(angle(GARNET.gradient(THETA).ravel(), GARNET.natural_gradient(THETA).ravel()))
    few, more, many = ([sampled_angles("cg", steps, seed) for seed in seeds]
                       for steps, seeds in ((10, range(5)), (150, range(5)), (2000, range(2))))
    natural, vanilla = (np.array([np.mean(angles, axis=0) for angles in (few, more, many)])).T
    assert np.all(natural[1:] < 0.5 * natural[:-1]) and np.all(vanilla[1:] < 0.5 * vanilla[:-1])
    assert natural[-1] < 4 and vanilla[-1] < 4 < 18 < away


def test_solvers_agree_on_a_batch_and_regression_comes_to_agree():
    batch, g, agent = cart_batch(damping=0.1)
    exact = direction(agent, batch, "direct")
    close(direction(agent, batch, "cg"), exact, rtol=1e-6, atol=1e-9)
    close(exact, np.linalg.solve(fisher(agent, batch).matrix().numpy(), g.numpy()), rtol=1e-8)
    angles = {}
    for steps in (8, 125):
        more = [agent.prepare(experience(agent, steps=steps, seed=seed)) for seed in range(8)]
        angles[steps] = np.mean([angle(direction(agent, batch, "compatible"), direction(agent, batch, "direct"))
                                 for batch in more])
    assert angles[125] < 0.5 * angles[8]


def cart_batch(seed=0, **arguments):
    """A batch of the cart and its gradient, with the agent they belong to."""
    agent = made(NPGAgent, cg_iterations=200, **networks(4, 2, seed), **arguments)
    batch = agent.prepare(experience(agent, seed=seed))
    return batch, agent.gradient(batch), agent


def direction(agent, batch, solver):
    agent.solver = solver
    return agent.natural_direction(batch, agent.gradient(batch))[0].numpy()


def fisher(agent, batch):
    return fisher_operator(agent.policy, batch.observations, damping=agent.damping)


@pytest.mark.parametrize("damping", [1e-3, 0.3])
def test_regression_solves_its_normal_equations(damping):
    batch, g, agent = cart_batch(damping=damping)
    rows = scores(agent.policy, batch.observations, batch.actions).numpy()
    close(rows.T @ batch.advantages.numpy() / len(batch), g, rtol=1e-10)
    normal = rows.T @ rows / len(batch) + damping * np.eye(len(g))
    close(direction(agent, batch, "compatible"), np.linalg.solve(normal, g.numpy()), rtol=1e-7)


def test_direct_solution_in_single_precision_survives_little_damping():
    batch, _, agent = cart_batch(damping=1e-6)
    exact = direction(agent, batch, "direct")
    single = copy.deepcopy(agent)
    single.policy.float()
    columns = batch.observations.float(), batch.actions, batch.advantages.float(), batch.returns.float()
    x = direction(single, Batch(*columns), "direct")
    assert x.dtype == np.float32 and x @ exact / np.linalg.norm(x) / np.linalg.norm(exact) > 0.99


def test_undamped_regression_is_the_shortest_least_squares_fit():
    whole, _, agent = cart_batch(damping=0.0)
    columns = whole.observations, whole.actions, whole.advantages, whole.returns
    batch = Batch(*(column[::40] for column in columns))
    rows = scores(agent.policy, batch.observations, batch.actions).numpy()
    shortest = np.linalg.lstsq(rows, batch.advantages.numpy())[0]
    assert len(batch) < rows.shape[1] and np.linalg.matrix_rank(rows) == len(batch)
    close(direction(agent, batch, "compatible"), shortest, rtol=1e-6)


def test_residual_is_that_of_the_linear_system():
    batch, g, agent = cart_batch(damping=1e-3)
    agent.cg_iterations, operator = 3, fisher(agent, batch)
    x, residual = agent.natural_direction(batch, g)
    assert residual == pytest.approx(((operator @ x - g).norm() / g.norm()).item(), rel=1e-6) and residual > 1e-3


# --- lengths of steps ---------------------------------------------------------------------------------------

def measured_kl(old, new, observations):
    """Mean KL by torch's own distributions, or scipy's logarithms of probabilities."""
    with torch.no_grad():
        if isinstance(old, GaussianPolicy):
            pair = [policy(observations).chunk(2, dim=-1) for policy in (old, new)]
            first, second = (torch.distributions.Normal(mean, log_std.exp()) for mean, log_std in pair)
            return torch.distributions.kl_divergence(first, second).sum(-1).mean().item()
        first, second = (log_softmax(policy(observations).double().numpy(), axis=-1) for policy in (old, new))
        return (np.exp(first) * (first - second)).sum(axis=-1).mean()


@pytest.mark.parametrize("solver", ["cg", "direct"])
@pytest.mark.parametrize("env_id", ["CartPole-v1", "Pendulum-v1"])
@pytest.mark.parametrize("kl", [1e-5, 1e-3])
def test_steps_keep_the_promise_of_the_quadratic_model(env_id, solver, kl):
    agent = made(NPGAgent, env_id, kl=kl, solver=solver)
    rollout = experience(agent, env_id)
    old, observations = copy.deepcopy(agent.policy), agent.prepare(rollout).observations
    report = agent.update(rollout)
    assert report["promised_kl"] == pytest.approx(kl, rel=1e-5)
    assert measured_kl(old, agent.policy, observations) == pytest.approx(kl, rel=0.1)
    assert report["kl"] == pytest.approx(measured_kl(old, agent.policy, observations), rel=0.02)


@pytest.mark.parametrize("solver", ["cg", "direct", "compatible"])
@pytest.mark.parametrize("iteration", [0, 1, 7])
def test_radius_and_rate_decay(solver, iteration):
    rollout = experience(made(NPGAgent))
    for settings, column, start in (({"kl": 0.01}, "promised_kl", 0.01), ({"rate": 0.3}, "alpha", 0.3)):
        agent = made(NPGAgent, solver=solver, decay=0.8, **settings)
        agent.iteration = iteration
        assert agent.update(rollout)[column] == pytest.approx(start * 0.8**iteration, rel=1e-5)
        assert agent.iteration == iteration + 1


@pytest.mark.parametrize("solver", ["cg", "direct", "compatible"])
def test_a_fixed_rate_multiplies_the_direction(solver):
    batch, g, agent = cart_batch(rate=0.2, solver=solver, damping=1e-2)
    before = vector(agent)
    x, _ = agent.natural_direction(batch, g)
    report = agent.improve(batch, None)
    close(vector(agent) - before, 0.2 * x, rtol=1e-7, atol=1e-12)
    quadratic = (g @ x - 1e-2 * x @ x).item()
    assert report["promised_kl"] == pytest.approx(0.5 * 0.2**2 * quadratic) and report["alpha"] == 0.2


def test_equal_advantages_move_nothing():
    for kind in (NPGAgent, TRPO):
        agent = made(kind, baseline=False)
        rollout = experience(agent, steps=5)
        before = vector(agent)
        agent.update(dataclasses.replace(rollout, rewards=np.zeros_like(rollout.rewards)))
        assert torch.equal(vector(agent), before)


# --- TRPO ---------------------------------------------------------------------------------------------------

def adversarial_batch(agent, seed):
    """Observations far and near, actions that the policy need not like, advantages with heavy tails."""
    generator, rng = torch.Generator().manual_seed(seed), np.random.default_rng(seed)
    size = int(rng.integers(2, 40))
    observations = 10.0 ** rng.uniform(-1, 1) * torch.randn(size, 4, generator=generator, dtype=torch.float64)
    value = torch.tensor(rng.standard_t(1.5, size=size))
    return Batch(observations, torch.randint(2, (size,), generator=generator), value, value)


def gain(old, new, batch):
    """Rise of the surrogate by torch's own distributions."""
    with torch.no_grad():
        now, then = (torch.distributions.Categorical(logits=p(batch.observations)) for p in (new, old))
        ratio = torch.exp(now.log_prob(batch.actions) - then.log_prob(batch.actions))
        return ((ratio - 1) * batch.advantages).mean().item()


def test_trpo_never_leaves_its_region_or_lowers_its_surrogate():
    """160 batches: some full steps, some shortened, some given up, when nothing has changed."""
    taken = []
    for seed in range(160):
        kl, backtracks = (1e-3, 0.05, 1.0, 100.0)[seed % 4], (1, 8)[seed % 8 // 4]
        agent = made(TRPO, kl=kl, backtracks=backtracks, decay=0.5, damping=1e-4, **networks(4, 2, seed))
        agent.iteration = seed % 2
        old, before, batch = copy.deepcopy(agent.policy), vector(agent), adversarial_batch(agent, seed)
        report = agent.improve(batch, None)
        moved = measured_kl(old, agent.policy, batch.observations)
        taken.append("none" if torch.equal(vector(agent), before) else report["backtracks"])
        assert moved <= kl * 0.5**agent.iteration * (1 + 1e-9) and report["kl"] == pytest.approx(moved, abs=1e-12)
        assert gain(old, agent.policy, batch) > 0 or taken[-1] == "none"
        assert taken[-1] != "none" or (report["backtracks"], report["kl"]) == (backtracks, 0.0)
    assert {"none", 0, 1, 2} <= set(taken)


@pytest.mark.parametrize("trial", [(-1.0, 0.0), (0.0, 0.0), (1.0, 0.011), (1.0, math.nan), (math.nan, 0.0)])
def test_trpo_gives_up_without_a_trace(monkeypatch, trial):
    agent = made(TRPO, kl=0.01, backtracks=3)
    rollout = experience(agent)
    before = copy.deepcopy(agent.policy.state_dict())
    monkeypatch.setattr(TRPO, "surrogate_and_kl", lambda *_: trial)
    report = agent.update(rollout)
    assert identical(before, agent.policy.state_dict())
    assert (report["backtracks"], report["kl"], report["surrogate"]) == (3, 0.0, 0.0)


def test_trpo_tries_shorter_and_shorter_steps(monkeypatch):
    agent = made(TRPO, kl=0.01, backtracks=5, shrink=0.5, **networks(4, 2, 0))
    batch, before = agent.prepare(experience(agent)), vector(agent)
    step, _ = agent.natural_step(batch)
    trials, judge = [], TRPO.surrogate_and_kl

    def strict(self, batch, old):
        trials.append(vector(self) - before)
        return (-1.0, 0.0) if len(trials) < 4 else judge(self, batch, old)

    monkeypatch.setattr(TRPO, "surrogate_and_kl", strict)
    report = agent.improve(batch, None)
    for k, trial in enumerate(trials):
        close(trial, 0.5**k * step, rtol=1e-7, atol=1e-12)
    assert report["backtracks"] == 3 and report["surrogate"] > 0 and len(trials) == 4
    assert torch.equal(vector(agent) - before, trials[-1])


# --- batches, values, observations --------------------------------------------------------------------------

@pytest.mark.parametrize("name", KINDS)
def test_a_batch_holds_the_transitions(name):
    agent = made(KINDS[name], discount=0.9, lam=0.8)
    rollout = experience(agent, steps=60)
    batch, pick = agent.prepare(rollout), rollout.valid
    values = agent.value(torch.tensor(rollout.observations)).detach().squeeze(-1).double().numpy()
    raw = advantages(rollout, values, 0.9, 0.8)[pick]
    assert len(batch) == rollout.steps < pick.size
    np.testing.assert_array_equal(batch.observations, rollout.observations[:-1][pick])
    np.testing.assert_array_equal(batch.actions, rollout.actions[pick])
    close(batch.returns, raw + values[:-1][pick], rtol=1e-5)
    close(batch.advantages, (raw - raw.mean()) / raw.std(), rtol=1e-4, atol=1e-5)


def test_without_a_baseline_advantages_are_rewards_to_go():
    """Whatever λ and the value function; what the batch's end or a time limit cuts off counts as 0."""
    agent = made(NPGAgent, "npg-tests/Counter-v0", baseline=False, discount=0.5, lam=0.3)
    rollout = experience(agent, "npg-tests/Counter-v0", steps=20)
    value, reward_to_go, ahead = copy.deepcopy(agent.value.state_dict()), [], np.zeros(4)
    for t in range(19, -1, -1):
        ahead = rollout.rewards[t] + 0.5 * np.where(rollout.done[t], 0, ahead)
        reward_to_go.insert(0, ahead)
    batch, expected = agent.prepare(rollout), np.array(reward_to_go)[rollout.valid]
    close(batch.returns, expected, rtol=1e-6)
    close(batch.advantages, (expected - expected.mean()) / expected.std(), rtol=1e-5, atol=1e-5)
    assert agent.update(rollout)["value_loss"] == 0 and identical(value, agent.value.state_dict())


def test_values_are_fitted_by_least_squares():
    """One-hot states: the best value of each is the mean of its returns."""
    value = nn.Linear(4, 1, bias=False)
    agent = made(Reinforce, "npg-tests/Garnet-v0", value=value, value_steps=600, value_rate=0.02)
    rollout = experience(agent, "npg-tests/Garnet-v0", steps=60)
    batch = agent.prepare(rollout)
    report = agent.update(rollout)
    states = batch.observations.argmax(dim=-1)
    means = torch.stack([batch.returns[states == s].mean() for s in range(4)])
    np.testing.assert_allclose(value.weight.detach()[0], means, atol=0.1 * batch.returns.std())
    left = ((value(batch.observations)[:, 0] - batch.returns) ** 2).mean() / batch.returns.var(correction=0)
    assert report["value_loss"] == pytest.approx(left.item(), rel=1e-4) and left < 1


def test_minibatches_hold_every_sample_once():
    lots = minibatches(23, 5, torch.Generator().manual_seed(1))
    assert [len(rows) for rows in lots] == [5, 5, 5, 5, 3]
    assert torch.equal(torch.cat(lots).sort().values, torch.arange(23))
    again, other = (torch.cat(minibatches(23, 5, torch.Generator().manual_seed(seed))) for seed in (1, 2))
    assert torch.equal(torch.cat(lots), again) and not torch.equal(again, other)


def test_running_moments_are_those_of_all_data():
    agent = made(Reinforce, normalise=True, **networks(4, 2, 0))
    seen = []
    for seed, steps in enumerate((50, 7, 90)):
        rollout = experience(agent, steps=steps, seed=seed)
        seen.append(rollout.observations[:-1][rollout.valid])
        agent.update(rollout)
    seen = np.concatenate(seen).astype(float)
    close(agent.normaliser.mean, seen.mean(axis=0), rtol=1e-6)
    close(agent.normaliser.variance, seen.var(axis=0), rtol=1e-6)
    assert agent.normaliser.count == len(seen)
    fresh = made(Reinforce, normalise=True, **networks(4, 2, 1))
    fresh.load_state_dict(agent.state_dict())
    z = agent.policy(torch.tensor((seen - seen.mean(axis=0)) / seen.std(axis=0)).clamp(-10, 10))
    np.testing.assert_array_equal(fresh.act(seen, deterministic=True), z.argmax(dim=-1))
    assert identical(fresh.state_dict(), agent.state_dict())


def test_observations_are_normalised_and_cut_off():
    normaliser = Normaliser(2)
    assert torch.equal(normaliser(torch.tensor([[3.0, -40.0]])), torch.tensor([[3.0, -10.0]]))
    normaliser.include(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    close(normaliser(torch.tensor([[4.0, 5.0], [100.0, 5.0]])), [[2.0, 0.0], [10.0, 0.0]], rtol=1e-6)
    plain_agent = made(Reinforce)
    plain_agent.update(experience(plain_agent))
    assert plain_agent.normaliser.count == 0


# --- networks -----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", KINDS)
def test_networks_that_are_given_are_used_and_trained(name):
    parts = networks(4, 2, 0)
    agent = made(KINDS[name], **parts)
    assert agent.policy is parts["policy"] and agent.value is parts["value"]
    before = copy.deepcopy(parts["policy"].state_dict()), copy.deepcopy(parts["value"].state_dict())
    agent.update(experience(agent))
    assert not identical(before[0], parts["policy"].state_dict())
    assert not identical(before[1], parts["value"].state_dict())


@pytest.mark.parametrize("name", KINDS)
def test_a_policy_in_double_precision_makes_the_agent_so(name):
    agent = made(KINDS[name], policy=networks(4, 2, 0)["policy"], normalise=True)
    assert np.isfinite(list(agent.update(experience(agent)).values())).all()
    assert {tensor.dtype for part in (agent.value, agent.normaliser) for tensor in part.state_dict().values()} == {
        torch.float64}


def test_networks_follow_from_the_seed():
    environments = make_environments("CartPole-v1", 1)
    agents = [Reinforce(hidden=(8,)) for _ in range(3)]
    state = torch.random.get_rng_state()
    for agent, seed in zip(agents, (1, 1, 2), strict=True):
        agent.build(environments.single_observation_space, environments.single_action_space, seed)
    assert identical(agents[0].state_dict(), agents[1].state_dict())
    assert not torch.equal(vector(agents[0]), vector(agents[2]))
    assert torch.equal(state, torch.random.get_rng_state())


def test_actions_are_sampled_or_the_mode():
    agent = made(NPGAgent, **networks(4, 2, 0))
    seen = np.random.default_rng(0).normal(size=(500, 4)).astype(np.float32)
    logits = agent.policy(torch.tensor(seen).double())
    np.testing.assert_array_equal(agent.act(seen, deterministic=True), logits.argmax(dim=-1))
    first, again, other = (agent.act(seen, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other) and first.shape == (500,)
    assert first.mean() == pytest.approx(torch.softmax(logits, -1)[:, 1].mean().item(), abs=0.06)


LINEAR = {(i, o): nn.Linear(i, o) for i in (3, 4) for o in (1, 2, 3)}
MISFITS = {
    "outputs": ("CartPole-v1", {"policy": CategoricalPolicy(LINEAR[4, 3])},
                "policy must be a CategoricalPolicy with 2 outputs for the action space Discrete(2), "
                "got a CategoricalPolicy with 3."),
    "kind": ("CartPole-v1", {"policy": GaussianPolicy(LINEAR[4, 1])},
             "policy must be a CategoricalPolicy with 2 outputs for the action space Discrete(2), "
             "got a GaussianPolicy with 2."),
    "discrete for a box": ("Pendulum-v1", {"policy": CategoricalPolicy(LINEAR[3, 2])},
                           "policy must be a GaussianPolicy with 2 outputs for the action space "
                           "Box(-2.0, 2.0, (1,), float32), got a CategoricalPolicy with 2."),
    "observations": ("CartPole-v1", {"policy": CategoricalPolicy(LINEAR[3, 2])},
                     "policy must take observations of 4 numbers, got the error: mat1 and mat2 shapes cannot be "
                     "multiplied (1x4 and 3x2)."),
    "value of other observations": ("CartPole-v1", {"value": LINEAR[3, 1]},
                                    "value must take observations of 4 numbers, got the error: mat1 and mat2 "
                                    "shapes cannot be multiplied (2x4 and 3x1)."),
    "two values": ("CartPole-v1", {"value": LINEAR[4, 2]},
                   "value must give one number for each observation, got shape (2, 2) for two."),
    "many discrete actions": ("npg-tests/ManyActions-v0", {},
                              "action_space must be Discrete or a Box of one axis, got MultiDiscrete([2 3])."),
    "a policy for many actions": ("npg-tests/ManyActions-v0", {"policy": GaussianPolicy(nn.Linear(1, 2))},
                                  "action_space must be Discrete or a Box of one axis, got MultiDiscrete([2 3])."),
    "a square of actions": ("npg-tests/SquareActions-v0", {"policy": GaussianPolicy(nn.Linear(1, 4))},
                            "action_space must be Discrete or a Box of one axis, got "
                            "Box(-1.0, 1.0, (2, 2), float32)."),
}


@pytest.mark.parametrize("case", MISFITS)
@pytest.mark.parametrize("name", ["NPGAgent", "PPO"])
def test_networks_that_do_not_fit_are_refused(name, case):
    env_id, networks, sentence = MISFITS[case]
    agent = KINDS[name](**SMALL, **networks)
    with pytest.raises(ValueError) as error:
        train(agent, env_id, 10, progress=False)
    assert str(error.value) == sentence and not agent.built


# --- updates that fail --------------------------------------------------------------------------------------

def with_reward(rollout, value):
    rewards = rollout.rewards.copy()
    rewards[1, 0] = value
    return dataclasses.replace(rollout, rewards=rewards)


def refused(agent, rollout, error=ValueError):
    """The error of an update that must leave no trace."""
    before = copy.deepcopy(agent.state_dict())
    with pytest.raises(error) as caught:
        agent.update(rollout, torch.Generator().manual_seed(0))
    assert identical(before, agent.state_dict())
    return caught


def trained(name, **arguments):
    """An agent with one update behind it, so that its optimisers and its normaliser hold something."""
    agent = made(KINDS[name], normalise=True, **arguments)
    agent.update(experience(agent))
    return agent


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("name", KINDS)
def test_rewards_that_are_not_finite_leave_no_trace(name, value):
    agent = trained(name)
    error = refused(agent, with_reward(experience(agent), value))
    assert str(error.value) == "rollout must give finite advantages, got others."


@pytest.mark.parametrize("solver", ["direct", "compatible"])
def test_other_solvers_refuse_them_too(solver):
    agent = trained("NPGAgent", solver=solver)
    assert plain(refused(agent, with_reward(experience(agent), math.nan)))


@pytest.mark.parametrize(("name", "part", "rate"), [
    ("Reinforce", "policy_optimiser", 5e37), ("PPO", "policy_optimiser", 5e37),
    *((name, "value_optimiser", 1e30) for name in KINDS)])
def test_an_optimiser_that_blows_up_leaves_no_trace(name, part, rate):
    agent = trained(name)
    getattr(agent, part).param_groups[0]["lr"] = rate
    error = refused(agent, experience(agent))
    assert plain(error) and str(error.value).startswith("The update must be finite, got {'kl': ")


@pytest.mark.parametrize("solver", ["cg", "direct", "compatible"])
def test_a_rate_that_blows_up_leaves_no_trace(solver):
    agent = trained("NPGAgent", solver=solver)
    agent.rate = 1e38
    assert "must be finite" in str(refused(agent, experience(agent)).value)


@pytest.mark.parametrize("name", ["NPGAgent", "TRPO"])
@pytest.mark.parametrize(("operator", "found"), [(lambda self, v: -v, "-"), (lambda self, v: v * math.nan, "nan")])
def test_an_operator_that_is_not_positive_leaves_no_trace(monkeypatch, name, operator, found):
    agent = trained(name, solver="cg")
    rollout = experience(agent)
    monkeypatch.setattr(FisherOperator, "__matmul__", operator)
    error = refused(agent, rollout)
    assert plain(error) and f"positive definite operator, got v'Av = {found}" in str(error.value)


@pytest.mark.parametrize("name", KINDS)
def test_an_interrupt_leaves_no_trace(monkeypatch, name):
    """The policy has moved and the value function has begun to, when the user stops it."""
    agent = trained(name)
    rollout, error_of, calls = experience(agent), Agent._value_error, []

    def interrupted(self, *batch):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return error_of(self, *batch)

    monkeypatch.setattr(Agent, "_value_error", interrupted)
    refused(agent, rollout, KeyboardInterrupt)
    assert len(calls) == 3


@pytest.mark.parametrize("name", KINDS)
def test_the_first_update_may_fail_too(name):
    agent = made(KINDS[name])
    agent.value_optimiser.param_groups[0]["lr"] = 1e30
    rollout = experience(agent)
    refused(agent, rollout)
    agent.value_optimiser.param_groups[0]["lr"] = 1e-3
    report = agent.update(rollout, torch.Generator().manual_seed(0))
    twin = made(KINDS[name])
    twin.value_optimiser.param_groups[0]["lr"] = 1e-3
    assert report == twin.update(rollout, torch.Generator().manual_seed(0))
    assert identical(agent.state_dict(), twin.state_dict()) and agent.iteration == 1


@pytest.mark.parametrize("name", KINDS)
def test_an_empty_batch_is_refused(name):
    agent = made(KINDS[name])
    rollout = experience(agent, steps=3)
    empty = dataclasses.replace(rollout, valid=np.zeros_like(rollout.valid))
    assert str(refused(agent, empty).value) == "rollout must hold at least one transition, got none."


# --- states -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", KINDS)
def test_agents_of_one_state_go_on_alike(name):
    """And what one of them learns does not creep into the state that the other takes later."""
    agent, twins = trained(name), [made(KINDS[name], normalise=True) for _ in range(2)]
    state, rollout = copy.deepcopy(agent.state_dict()), experience(agent, seed=9)
    reports = [agent.update(rollout, torch.Generator().manual_seed(0))]
    for twin in twins:
        twin.load_state_dict(state)
        reports.append(twin.update(rollout, torch.Generator().manual_seed(0)))
    assert reports[0] == reports[1] == reports[2]
    assert all(identical(agent.state_dict(), twin.state_dict()) for twin in twins)


@pytest.mark.parametrize("name", KINDS)
def test_states_of_another_architecture_are_refused(name):
    agent, other = trained(name), made(KINDS[name], hidden=(9,))
    half = {**agent.state_dict(), "value": other.state_dict()["value"]}
    before = copy.deepcopy(agent.state_dict())
    for state in (other.state_dict(), half, {"policy": {}}, {}):
        with pytest.raises(ValueError) as error:
            agent.load_state_dict(state)
        assert plain(error) and str(error.value).startswith("state must ")
        assert identical(before, agent.state_dict())


def test_agents_without_networks_have_no_state_and_do_not_act():
    for call in (lambda agent: agent.state_dict(), lambda agent: agent.load_state_dict({}),
                 lambda agent: agent.act(np.zeros((1, 4)))):
        with pytest.raises(ValueError) as error:
            call(NPGAgent())
        assert str(error.value) == "The agent must be built for an environment first, got one without networks."


# --- refused arguments --------------------------------------------------------------------------------------

REFUSED = [
    (Reinforce, "device", "abacus", "device must be one that this machine and PyTorch have, got 'abacus'."),
    (NPGAgent, "kl", 0, "kl must be greater than 0, got 0."),
    (NPGAgent, "kl", -0.1, "kl must be greater than 0, got -0.1."),
    (NPGAgent, "kl", math.nan, "kl must be finite, got nan."),
    (NPGAgent, "kl", None, "kl must be made of real numbers, got None."),
    (TRPO, "kl", 0, "kl must be greater than 0, got 0."),
    (TRPO, "kl", math.inf, "kl must be finite, got inf."),
    (NPGAgent, "rate", 0, "rate must be greater than 0, got 0."),
    (NPGAgent, "rate", -1, "rate must be greater than 0, got -1."),
    (NPGAgent, "decay", 0, "decay must be a number in (0, 1], got 0."),
    (NPGAgent, "decay", 1.1, "decay must be a number in [0, 1], got 1.1."),
    (NPGAgent, "solver", "lu", "solver must be one of 'cg', 'direct', 'compatible', got 'lu'."),
    (NPGAgent, "cg_iterations", 0, "cg_iterations must be an integer of 1 or more, got 0."),
    (NPGAgent, "cg_iterations", 2.5, "cg_iterations must be an integer of 1 or more, got 2.5."),
    (NPGAgent, "damping", -1e-3, "damping must be 0 or more, got -0.001."),
    (TRPO, "rate", 0.1, "rate must be None for TRPO, whose step has a radius kl, got 0.1."),
    (TRPO, "shrink", 1.0, "shrink must be a number in (0, 1), got 1.0."),
    (TRPO, "shrink", math.nan, "shrink must be a number in (0, 1), got nan."),
    (TRPO, "backtracks", 0, "backtracks must be an integer of 1 or more, got 0."),
    (PPO, "clip", 0.0, "clip must be a number in (0, 1), got 0.0."),
    (PPO, "clip", 1, "clip must be a number in (0, 1), got 1."),
    (PPO, "epochs", 0, "epochs must be an integer of 1 or more, got 0."),
    (PPO, "minibatch", 0, "minibatch must be an integer of 1 or more, got 0."),
    (PPO, "learning_rate", 0.0, "learning_rate must be greater than 0, got 0."),
    (Reinforce, "learning_rate", -1.0, "learning_rate must be greater than 0, got -1."),
    *((kind, name, value, sentence) for kind in KINDS.values() for name, value, sentence in [
        ("discount", 1.01, "discount must be a number in [0, 1], got 1.01."),
        ("lam", -0.5, "lam must be a number in [0, 1], got -0.5."),
        ("batch", 0, "batch must be an integer of 1 or more, got 0."),
        ("environments", -2, "environments must be an integer of 1 or more, got -2."),
        ("value_rate", 0.0, "value_rate must be greater than 0, got 0."),
        ("value_steps", 0, "value_steps must be an integer of 1 or more, got 0.")]),
]


@pytest.mark.parametrize(("kind", "name", "value", "sentence"), REFUSED)
def test_arguments_are_refused_in_one_plain_sentence(kind, name, value, sentence):
    with pytest.raises(ValueError) as error:
        kind(**{name: value})
    assert str(error.value) == sentence
