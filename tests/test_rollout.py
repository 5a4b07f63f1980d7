"""Batches of experience against plain loops over single environments, and their advantages against slow sums."""

import gymnasium
import numpy as np
import pytest
import torch
from environments import BANDIT
from oracles import close

from npg_lab.estimators.advantages import gae
from npg_lab.policies import CategoricalPolicy, GaussianPolicy
from npg_lab.rollout import Rollout, Sampler, advantages, make_environments, to_tensor

FIELDS = ("actions", "rewards", "terminated", "truncated", "valid")


def scripted(actions):
    """A policy that plays the rows of `actions` (T, N) one after the other."""
    rows = iter(actions)
    return lambda seen: next(rows)


def collect(env_id, actions, seed=0):
    """A rollout of scripted actions (T, N), and the sampler that it came from."""
    sampler = Sampler(env_id, len(actions[0]), seed)
    return sampler.collect(scripted(actions), len(actions)), sampler


def plain_loop(env_id, seed, actions):
    """One environment by itself: its observations, and (reward, terminated, truncated, valid) of each step.

    The step after an end is spent on the reset, whatever the action.
    """
    environment = gymnasium.make(env_id)
    seen, rows, ended = [environment.reset(seed=seed)[0]], [], False
    for action in actions:
        if ended:
            seen.append(environment.reset()[0])
            rows.append((0.0, False, False, False))
        else:
            observation, reward, *ends, _ = environment.step(action)
            seen.append(observation)
            rows.append((reward, *ends, True))
        ended = any(rows[-1][1:3])
    return np.array(seen), [np.array(column) for column in zip(*rows, strict=True)]


# --- steps --------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("env_id", ["npg-tests/Counter-v0", "npg-tests/SameStep-v0", "MountainCar-v0"])
def test_environments_in_step_are_plain_loops(env_id):
    """The one whose own vector version resets within a step is made of single ones instead."""
    actions = np.random.default_rng(0).integers(2, size=(230, 3))  # 200 steps are the limit of the car
    rollout, _ = collect(env_id, actions, seed=11)
    for i in range(3):
        seen, rows = plain_loop(env_id, 11 + i, actions[:, i])
        np.testing.assert_array_equal(rollout.observations[:, i], seen)
        for name, column in zip(FIELDS[1:], rows, strict=True):
            np.testing.assert_array_equal(getattr(rollout, name)[:, i], column)
    assert rollout.truncated.any() and rollout.steps == rollout.valid.sum() < rollout.valid.size
    np.testing.assert_array_equal(rollout.actions, actions)


def test_every_transition_of_the_vectorised_cart_is_one_of_the_plain_cart():
    actions = np.random.default_rng(1).integers(2, size=(120, 4))
    rollout, sampler = collect("CartPole-v1", actions, seed=3)
    assert not hasattr(sampler.environments, "envs")  # the vectorised version
    cart = gymnasium.make("CartPole-v1").unwrapped
    cart.reset(seed=0)
    for t, i in np.argwhere(rollout.valid):
        cart.state = tuple(rollout.observations[t, i].astype(float))
        cart.steps_beyond_terminated = None
        following, reward, terminated, *_ = cart.step(actions[t, i])
        np.testing.assert_allclose(rollout.observations[t + 1, i], following, rtol=1e-5, atol=1e-6)
        assert (rollout.rewards[t, i], rollout.terminated[t, i]) == (reward, terminated)
    begun = rollout.observations[1:][~rollout.valid]
    assert len(begun) > 8 and np.all(np.abs(begun) <= 0.05) and np.all(rollout.rewards[~rollout.valid] == 0)


@pytest.mark.parametrize("env_id", ["CartPole-v1", "npg-tests/Counter-v0", "Acrobot-v1"])
def test_only_the_step_after_an_end_is_no_transition(env_id):
    actions = np.random.default_rng(2).integers(2, size=(150, 5))
    rollout, _ = collect(env_id, actions)
    assert rollout.valid[0].all()
    np.testing.assert_array_equal(rollout.valid[1:], ~rollout.done[:-1])
    np.testing.assert_array_equal(rollout.done, rollout.terminated | rollout.truncated)


def test_the_time_limit_of_a_vectorised_environment_truncates():
    """A pole pushed left and right in turn does not fall within 12 steps."""
    actions = np.tile([[0], [1]], (20, 2))
    rollout, sampler = collect("npg-tests/ShortPole-v0", actions)
    assert not hasattr(sampler.environments, "envs") and not rollout.terminated.any()
    np.testing.assert_array_equal(np.flatnonzero(rollout.truncated[:, 0]), [11, 24, 37])
    assert sampler.lengths == [12] * 6


def test_batches_join():
    """31 steps at once, or 7, 1 and 23: episodes go on, and so does the step of the reset."""
    actions = np.random.default_rng(4).integers(2, size=(31, 3))
    whole, at_once = collect("npg-tests/Counter-v0", actions)
    sampler = Sampler("npg-tests/Counter-v0", 3, 0)
    parts = [sampler.collect(scripted(rows), len(rows)) for rows in np.split(actions, [7, 8])]
    for name in FIELDS:
        np.testing.assert_array_equal(np.concatenate([getattr(p, name) for p in parts]), getattr(whole, name))
    seen = np.concatenate([p.observations[:-1] for p in parts])
    np.testing.assert_array_equal(seen, whole.observations[:-1])
    np.testing.assert_array_equal(parts[2].observations[0], parts[1].observations[-1])
    assert sampler.returns == at_once.returns and sampler.lengths == at_once.lengths
    assert not all(p.valid[0].all() for p in parts)


def test_returns_and_lengths_of_ended_episodes():
    """The first: ended by its rules at step 2; then cut off at step 4; the last has not ended."""
    actions = np.array([0, 1, 0, 0, 0, 0, 0, 0, 0])[:, None]
    rollout, sampler = collect("npg-tests/Counter-v0", actions)
    assert sampler.returns == [1 + 102, 1 + 2 + 3 + 4] and sampler.lengths == [2, 4]
    assert np.flatnonzero(rollout.terminated).tolist() == [1] and np.flatnonzero(rollout.truncated).tolist() == [6]
    assert np.flatnonzero(~rollout.valid).tolist() == [2, 7] and rollout.steps == 7
    final = rollout.observations[[2, 7], 0]
    np.testing.assert_array_equal(final, [[0, 2], [1, 4]])


def test_the_policy_sees_what_the_environment_shows():
    seen = []

    def act(observations):
        seen.append(observations.copy())
        return np.zeros(2, dtype=int)

    sampler = Sampler("MountainCar-v0", 2, 5)
    rollout = sampler.collect(act, 6)
    np.testing.assert_array_equal(seen, rollout.observations[:-1])
    assert rollout.observations.dtype == np.float32 and rollout.observations.shape == (7, 2, 2)


def test_the_seed_decides():
    actions = np.zeros((3, 2), dtype=int)
    first, again, other = (collect("CartPole-v1", actions, seed)[0].observations for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.any(first == other)


# --- spaces -------------------------------------------------------------------------------------------------

def test_discrete_observations_are_one_hot():
    actions = np.random.default_rng(6).integers(3, size=(40, 2))
    rollout, _ = collect("npg-tests/Garnet-v0", actions)
    assert rollout.observations.shape == (41, 2, 4) and np.all(rollout.observations.sum(axis=-1) == 1)
    for i in range(2):
        states, _ = plain_loop("npg-tests/Garnet-v0", i, actions[:, i])
        np.testing.assert_array_equal(rollout.observations[:, i].argmax(axis=-1), states)


def test_discrete_spaces_may_start_anywhere():
    """States from -2 and actions from 5 are the same states and actions as from 0."""
    actions = np.random.default_rng(7).integers(3, size=(40, 2))
    plain, shifted = (collect(f"npg-tests/{name}-v0", actions)[0] for name in ("Garnet", "Shifted"))
    for name in ("observations", *FIELDS):
        np.testing.assert_array_equal(getattr(plain, name), getattr(shifted, name))
    assert len(np.unique(plain.rewards)) > 10


@pytest.mark.parametrize(("env_id", "action", "command"), [
    ("Bounded", [0.0, 0.0], [0.0, 5.0]), ("Bounded", [0.5, -0.5], [1.0, 2.5]),
    ("Bounded", [-3.0, 7.0], [-2.0, 10.0]), ("Unbounded", [-30.0, 0.25], [-30.0, 0.25]),
    ("HalfBounded", [-1.0, 2.0], [0.0, 2.0]),
    ("HalfBounded", [50.0, 8.0], [50.0, 3.0])])
def test_actions_in_a_box_are_scaled_and_clipped(env_id, action, command):
    """The environment echoes its command; the rollout keeps what the policy chose."""
    rollout, _ = collect(f"npg-tests/{env_id}-v0", np.array([[action]], dtype=np.float32))
    np.testing.assert_array_equal(rollout.observations[1, 0], np.float32(command))
    np.testing.assert_array_equal(rollout.actions[0, 0], np.float32(action))


def test_scaled_actions_never_leave_the_box():
    rng, sampler = np.random.default_rng(0), Sampler("npg-tests/Bounded-v0", 3, 0)
    for low, width in rng.lognormal(sigma=4.0, size=(100, 2)):
        sampler.action_space = gymnasium.spaces.Box(np.float32(low), np.float32(low + width), (1,), np.float32)
        commands = sampler._command(np.float32([[-1], [rng.uniform(-2, 2)], [1]]))
        assert all(sampler.action_space.contains(command) for command in commands)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_arrays_become_tensors_in_the_precision_of_the_network(dtype):
    like = torch.zeros(1, dtype=dtype)
    assert to_tensor(np.ones((2, 3)), like).dtype == dtype == to_tensor(np.ones(2, np.float32), like).dtype
    assert to_tensor(np.arange(3), like).dtype == torch.int64


# --- bad environments ---------------------------------------------------------------------------------------

@pytest.mark.parametrize(("env_id", "sentence"), [
    ("NanReward", "Every reward must be finite, got nan at step 3 of environment 0."),
    ("InfReward", "Every reward must be finite, got inf at step 3 of environment 0."),
    ("NanObservation", "Every observation must be finite, got nan at step 4 of environment 0.")])
def test_numbers_that_are_not_finite_are_refused(env_id, sentence):
    with pytest.raises(ValueError) as error:
        collect(f"npg-tests/{env_id}-v0", np.zeros((6, 2, 1), dtype=np.float32))
    assert str(error.value) == sentence


@pytest.mark.parametrize("env_id", [
    "Nowhere-v0", "CartPole-v99", "CartPole", "no_module:CartPole-v1", "", None, 3, "nowhere/CartPole-v1"])
def test_an_unknown_environment_is_refused(env_id):
    with pytest.raises(ValueError) as error:
        make_environments(env_id, 2)
    sentence = str(error.value)
    assert sentence.startswith(f"env_id must name a registered Gymnasium environment, got {env_id!r} (")
    assert sentence.endswith(").") and "\n" not in sentence


def test_observations_that_are_no_vector_are_refused():
    with pytest.raises(ValueError, match=r"^observation_space must be a Box or Discrete, got Dict\(.*\)\.$"):
        Sampler("npg-tests/DictObservation-v0", 1, 0)


@pytest.mark.parametrize("count", [0, -1, 1.5, None])
def test_a_count_of_environments_or_steps_is_a_positive_integer(count):
    with pytest.raises(ValueError) as error:
        Sampler("CartPole-v1", count, 0)
    assert str(error.value) == f"environments must be an integer of 1 or more, got {count!r}."
    with pytest.raises(ValueError) as error:
        Sampler("CartPole-v1", 1, 0).collect(scripted([]), count)
    assert str(error.value) == f"steps must be an integer of 1 or more, got {count!r}."


# --- advantages ---------------------------------------------------------------------------------------------

def random_rollout(seed, steps=40, count=6):
    """Rewards and ends at random, with the step after each end masked; and values (T + 1, N)."""
    rng = np.random.default_rng(seed)
    terminated, truncated, valid = np.zeros((3, steps, count), dtype=bool)
    for t in range(steps):
        valid[t] = ~(terminated | truncated)[t - 1] if t else rng.random(count) < 0.7
        terminated[t], truncated[t] = valid[t] & (rng.random((2, count)) < 0.1)
    rewards = rng.normal(size=(steps, count)) * valid
    empty, values = np.zeros((steps + 1, count, 1)), rng.normal(size=(steps + 1, count))
    return Rollout(empty, empty[:-1, :, 0], rewards, terminated, truncated, valid), values


def slow_advantage(rollout, values, discount, lam, t, i):
    """The sum of discounted temporal differences from step t on, to the end of the episode or of the batch."""
    total = 0.0
    for k, s in enumerate(range(t, len(rollout.rewards))):
        following = 0.0 if rollout.terminated[s, i] else values[s + 1, i]
        error = rollout.rewards[s, i] + discount * following - values[s, i]
        total += (discount * lam) ** k * error
        if rollout.done[s, i]:
            break
    return total


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("discount", "lam"), [(0.99, 0.95), (1.0, 1.0), (0.9, 0.0), (0.0, 0.7)])
def test_advantages_are_sums_over_the_rest_of_the_episode(seed, discount, lam):
    rollout, values = random_rollout(seed)
    result = advantages(rollout, values, discount, lam)
    for t, i in np.argwhere(rollout.valid):
        close(result[t, i], slow_advantage(rollout, values, discount, lam, t, i))
    assert np.all(result[~rollout.valid] == 0) and not rollout.valid.all()


@pytest.mark.parametrize("seed", range(5))
def test_advantages_of_whole_episodes_are_those_of_the_estimators(seed):
    """The value after the last reward is 0 for a true end, V of the final observation for a time limit."""
    rollout, values = random_rollout(seed)
    result, whole = advantages(rollout, values, 0.97, 0.9), 0
    for i in range(values.shape[1]):
        starts = np.flatnonzero(~rollout.valid[:, i]) + 1
        for start, last in zip(starts, starts[1:] - 2, strict=False):
            known = values[start : last + 2, i].copy()
            known[-1] *= not rollout.terminated[last, i]
            close(result[start : last + 1, i], gae(rollout.rewards[start : last + 1, i], known, 0.97, 0.9))
            whole += 1
    assert whole >= 6


@pytest.mark.parametrize(("terminated", "truncated", "expected"), [
    (True, False, 1.0), (True, True, 1.0), (False, True, 5.0), (False, False, 5.0)])
def test_only_a_true_end_is_worth_nothing(terminated, truncated, expected):
    """One step with reward 3 from a value of 2 to a value of 8, γ = ½: an end, a time limit, the batch's end."""
    step = Rollout(np.zeros((2, 1, 1)), np.zeros((1, 1)), np.array([[3.0]]), np.array([[terminated]]),
                   np.array([[truncated]]), np.array([[True]]))
    assert advantages(step, np.array([[2.0], [8.0]]), 0.5, 1.0) == [[expected]]


def test_advantages_do_not_pass_between_episodes():
    rollout, values = random_rollout(0)
    t, i = next((t, i) for t, i in np.argwhere(rollout.done) if t < 20)
    before = advantages(rollout, values, 0.99, 1.0)
    rollout.rewards[t + 2, i] += 1000.0
    after = advantages(rollout, values, 0.99, 1.0)
    np.testing.assert_array_equal(before[: t + 2, i], after[: t + 2, i])
    assert after[t + 2, i] == pytest.approx(before[t + 2, i] + 1000.0)


@pytest.mark.parametrize(("change", "sentence"), [
    ({"values": np.zeros((40, 6))}, "values must have shape (T + 1, N), got (40, 6)."),
    ({"values": np.zeros((41, 6, 1))}, "values must have shape (T + 1, N), got (41, 6, 1)."),
    ({"discount": 1.5}, "discount must be a number in [0, 1], got 1.5."),
    ({"lam": -0.1}, "lam must be a number in [0, 1], got -0.1."),
    ({"lam": float("nan")}, "lam must be finite, got nan.")])
def test_bad_arguments_of_advantages(change, sentence):
    rollout, values = random_rollout(0)
    with pytest.raises(ValueError) as error:
        advantages(rollout, **{"values": values, "discount": 0.9, "lam": 0.9, **change})
    assert str(error.value) == sentence


# --- with policies ------------------------------------------------------------------------------------------

def test_policies_act_in_their_environments():
    """A pendulum pushed with its full force at once: the box of ±2 is ±1 to the policy."""
    policy = GaussianPolicy(torch.nn.Linear(3, 1), log_std=-20.0)
    torch.nn.init.zeros_(policy.trunk.weight), torch.nn.init.constant_(policy.trunk.bias, 1.0)
    sampler = Sampler("Pendulum-v1", 2, 0)
    rollout = sampler.collect(lambda seen: policy.sample(policy(torch.as_tensor(seen))).detach().numpy(), 5)
    for i in range(2):
        seen, (rewards, *_) = plain_loop("Pendulum-v1", i, np.full((5, 1), 2.0, dtype=np.float32))
        np.testing.assert_allclose(rollout.observations[:, i], seen, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(rollout.rewards[:, i], rewards, rtol=1e-5)


def test_the_best_arm_of_the_bandit_pays():
    policy = CategoricalPolicy(torch.nn.Linear(1, 3))
    arm = int(BANDIT.rewards.argmax())
    with torch.no_grad():
        policy.trunk.bias[arm] += 100.0
    sampler = Sampler("npg-tests/Bandit-v0", 4, 0)
    rollout = sampler.collect(lambda seen: policy.mode(policy(torch.as_tensor(seen))).numpy(), 10)
    assert np.all(rollout.rewards[rollout.valid] == 1.0) and sampler.lengths == [1] * 20
