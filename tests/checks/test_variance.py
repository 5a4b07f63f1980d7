"""Answers on variance reduction: wrong ones outside the catalogues, right ones of another origin."""

import numpy as np
import pytest

from npg_lab.checks import variance
from npg_lab.estimators import (
    LinearSoftmaxPolicy,
    enumerate_episodes,
    optimal_return_baseline,
    reward_to_go,
    sample_episodes,
)
from npg_lab.problems import TabularMDP

WRONG = [
    ("best_baseline", lambda p, x, y: p * (1 - p) * (x - y), "wrong value"),
    ("best_baseline", lambda p, x, y: max(x, y), "wrong value"),
    ("best_baseline", lambda p, x, y: 0.0, "wrong value"),
    ("best_baseline", lambda p, x, y: (1 - p) * x - p * y, "wrong value"),
    ("best_baseline", lambda p, x, y: [x, y], "wrong shape"),
    ("best_baseline", lambda p, x: p * x, "wrong type"),
    ("best_baseline", 0.1, "wrong type"),
    ("component_baselines", lambda g, R: np.median(R) * np.ones(g.shape[1]), "wrong value"),
    ("component_baselines", lambda g, R: (g**2).T @ R, "wrong value"),
    ("component_baselines", lambda g, R: np.mean(g**2, axis=0) * R.mean(), "wrong value"),
    ("component_baselines", lambda g, R: (g**2 * R[:, None]).mean(0) / g.var(axis=0), "wrong value"),
    ("component_baselines", lambda g, R: ((g**2).sum(1) * R).mean() / (g**2).sum(1).mean(), "wrong shape"),
    ("component_baselines", lambda g, R: g**2 * R[:, None], "wrong shape"),
    ("component_baselines", lambda g, R: g * R, "wrong type"),
    ("leave_one_out_baseline", lambda r, d: np.zeros_like(r), "wrong value"),
    ("leave_one_out_baseline", lambda r, d: np.roll(reward_to_go(r, d), 1, axis=0) / 2, "wrong value"),
    ("leave_one_out_baseline", lambda r, d: reward_to_go(r, d), "wrong value"),
    ("leave_one_out_baseline", lambda r, d: np.cumsum(r, axis=1), "wrong value"),
    ("leave_one_out_baseline", lambda r, d: reward_to_go(r, d).mean(axis=0), "wrong shape"),
    ("leave_one_out_baseline", lambda r, d: r.sum(), "wrong shape"),
    ("leave_one_out_baseline", lambda r, d: "mean", "wrong type"),
    ("advantages", lambda r, v, d, lam: reward_to_go(r, d * lam), "wrong value"),
    ("advantages", lambda r, v, d, lam: (1 - lam) * (r + d * v[1:] - v[:-1]), "wrong value"),
    ("advantages", lambda r, v, d, lam: r - v[:-1], "wrong value"),
    ("advantages", lambda r, v, d, lam: np.cumsum(r + d * v[1:] - v[:-1]), "wrong value"),
    ("advantages", lambda r, v, d, lam: v - d, "wrong shape"),
    ("advantages", lambda r, v, d, lam: (r + d * v[1:] - v[:-1]).sum(), "wrong shape"),
    ("advantages", lambda r, v, d, lam: r + d * v, "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(variance, name)(candidate).status == status


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_best_baseline_is_the_librarys(p):
    arms = TabularMDP(np.ones((1, 2, 1)), [[-2.0, 5.0]], 0.9, [1.0])
    policy, theta = LinearSoftmaxPolicy.coin(1), [np.log(p / (1 - p))]
    episodes = enumerate_episodes(arms, policy.probs(theta), 1)
    best = optimal_return_baseline(episodes, policy.score(theta))
    assert variance.best_baseline.reference(p, 5.0, -2.0) == pytest.approx(best)
    assert variance.best_baseline(lambda p, x, y: x - p * (x - y)).status == "right"


def test_component_baselines_have_the_smallest_sample_variance():
    scores, returns = np.random.default_rng(0).normal(size=(2, 50, 3))
    returns = returns[:, 0] + 4
    best = variance.component_baselines.reference(scores, returns)

    def power(b):
        return np.mean((scores * (returns[:, None] - b)) ** 2, axis=0)

    assert np.all(power(best) < np.minimum(power(best + 0.01), power(best - 0.01)))


def test_leave_one_out_ignores_the_episode_itself():
    rewards = np.random.default_rng(1).normal(size=(5, 4))
    baseline = variance.leave_one_out_baseline.reference(rewards, 0.9)
    rewards[2] += 100
    changed = variance.leave_one_out_baseline.reference(rewards, 0.9)
    assert np.allclose(changed[2], baseline[2])
    assert np.all(changed[[0, 1, 3, 4]] > baseline[[0, 1, 3, 4]])
    by_hand = np.stack([np.delete(reward_to_go(rewards, 0.9), i, axis=0).mean(axis=0) for i in range(5)])
    assert variance.leave_one_out_baseline(lambda r, d: np.stack(
        [np.delete(reward_to_go(r, d), i, axis=0).mean(axis=0) for i in range(len(r))])).status == "right"
    assert np.allclose(changed, by_hand)


def test_advantages_by_the_double_sum():
    def double_sum(rewards, values, discount, lam):
        steps = range(len(rewards))
        errors = [rewards[t] + discount * values[t + 1] - values[t] for t in steps]
        return [sum((discount * lam) ** (u - t) * errors[u] for u in steps if u >= t) for t in steps]

    assert variance.advantages(double_sum).status == "right"


def test_advantages_average_the_ones_of_all_waiting_times():
    rewards, values, discount, lam = np.array([1.0, -2.0, 0.5]), np.array([0.3, 1.0, -1.0, 2.0]), 0.9, 0.6
    waited = [
        sum(discount**k * rewards[k] for k in range(n)) + discount**n * values[n] - values[0] for n in (1, 2, 3)
    ]
    averaged = (1 - lam) * (waited[0] + lam * waited[1]) + lam**2 * waited[2]
    assert variance.advantages.reference(rewards, values, discount, lam)[0] == pytest.approx(averaged)


def test_samples_recover_the_component_baselines_of_the_enumeration():
    arms = TabularMDP(np.ones((1, 3, 1)), [[1.0, 2.0, 6.0]], 0.9, [1.0])
    policy, theta = LinearSoftmaxPolicy.tabular(1, 3), [0.3, -0.5, 0.1]
    probs, score = policy.probs(theta), policy.score(theta)[0]
    sample = sample_episodes(arms, probs, 1, 100_000, np.random.default_rng(2))
    actions = sample.actions[:, 0]
    estimated = variance.component_baselines.reference(score[actions], sample.rewards[:, 0])
    exact = (probs[0] * [1, 2, 6]) @ score**2 / (probs[0] @ score**2)
    assert np.allclose(estimated, exact, atol=0.03)
