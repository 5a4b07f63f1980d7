"""Answers on importance sampling: wrong ones outside the catalogues, right ones of another origin."""

import numpy as np
import pytest

from npg_lab.checks import importance
from npg_lab.estimators import (
    LinearSoftmaxPolicy,
    causal_is_gradient,
    cumulative_ratios,
    enumerate_episodes,
    importance_ratios,
    sample_episodes,
    state_ratios,
    weighted_score,
)
from npg_lab.problems import garnet

WRONG = [
    ("trajectory_weights", lambda new, old, s, a: np.ones(len(s)), "wrong value"),
    ("trajectory_weights", lambda new, old, s, a: (new[s, a] - old[s, a]).sum(axis=1), "wrong value"),
    ("trajectory_weights", lambda new, old, s, a: (new[s, a] / old[s, a]).prod(axis=1) ** 0.5, "wrong value"),
    ("trajectory_weights", lambda new, old, s, a: (new[s] / old[s]).prod(axis=(1, 2)), "wrong value"),
    ("trajectory_weights", lambda new, old, s, a: new[s, a] / old[s, a], "wrong shape"),
    ("trajectory_weights", lambda new, old, s, a: (new[s, a] / old[s, a]).prod(axis=0), "wrong shape"),
    ("trajectory_weights", lambda new, old, s, a: new[s, a, 0], "wrong type"),
    ("longest_horizon", lambda old, new, share: 1 / share, "wrong value"),
    ("longest_horizon", lambda old, new, share: np.floor(1 / (share * np.sum(new**2 / old))), "wrong value"),
    ("longest_horizon", lambda old, new, share: np.floor(np.log(share)), "wrong value"),
    ("longest_horizon", lambda old, new, share: new**2 / old, "wrong shape"),
    ("longest_horizon", lambda old, share: share, "wrong type"),
    ("longest_horizon", 58, "wrong type"),
    ("causal_weights", lambda rho, r, d: rho * r, "wrong value"),
    ("causal_weights", lambda rho, r, d: np.cumprod(rho, axis=1) * r, "wrong value"),
    ("causal_weights", lambda rho, r, d: np.cumsum(r, axis=1) * np.cumprod(rho, axis=1), "wrong value"),
    ("causal_weights", lambda rho, r, d: np.zeros_like(r), "wrong value"),
    ("causal_weights", lambda rho, r, d: (np.cumprod(rho, axis=1) * r).sum(axis=1), "wrong shape"),
    ("causal_weights", lambda rho, r, d: rho[:, 1:] * r[:, 1:], "wrong shape"),
    ("causal_weights", lambda rho, r, d: rho @ r, "wrong type"),
    ("state_ratio_table", lambda s, rho, n: np.ones((s.shape[1], n)), "wrong value"),
    ("state_ratio_table", lambda s, rho, n: np.full((s.shape[1], n), rho.prod(axis=1).mean()), "wrong value"),
    ("state_ratio_table", lambda s, rho, n: np.outer(rho.mean(axis=0), np.arange(n)), "wrong value"),
    ("state_ratio_table", lambda s, rho, n: np.ones((n, s.shape[1])), "wrong shape"),
    ("state_ratio_table", lambda s, rho, n: np.cumprod(rho, axis=1), "wrong shape"),
    ("state_ratio_table", lambda s, rho, n: s[rho], "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(importance, name)(candidate).status == status


def pair(seed):
    """A random MDP, an old and a new policy, and the scores of the new one."""
    rng = np.random.default_rng(seed)
    mdp, policy = garnet(3, 2, 2, rng), LinearSoftmaxPolicy(rng.normal(size=(3, 2, 2)))
    old, new = rng.normal(size=(2, 2))
    return mdp, policy.probs(old), policy.probs(new), policy.score(new)


def test_trajectory_weights_are_the_librarys_and_turn_one_policy_into_another():
    mdp, old, new, _ = pair(0)
    episodes, others = (enumerate_episodes(mdp, probs, 4) for probs in (old, new))
    weights = importance.trajectory_weights.reference(new, old, episodes.states[:, :-1], episodes.actions)
    assert np.allclose(weights, cumulative_ratios(episodes, new)[:, -1])
    assert np.allclose(weights * episodes.weights, others.weights)


def test_trajectory_weights_from_logarithms_are_right():
    assert importance.trajectory_weights(
        lambda new, old, s, a: np.exp(np.sum(np.log(new[s, a]) - np.log(old[s, a]), axis=1))
    ).status == "right"


@pytest.mark.parametrize(("share", "horizon"), [(0.1, 58), (0.01, 117), (0.001, 176)])
def test_longest_horizon_is_the_last_that_keeps_the_share(share, horizon):
    found = importance.longest_horizon.reference(np.array([0.5, 0.5]), np.array([0.6, 0.4]), share)
    assert found == horizon
    assert 1.04**-horizon >= share > 1.04 ** -(horizon + 1)


def test_longest_horizon_by_counting_is_right():
    def count(behaviour, target, share):
        steps, left = 0, 1.0
        while left / np.sum(target**2 / behaviour) >= share:
            steps, left = steps + 1, left / np.sum(target**2 / behaviour)
        return steps

    assert importance.longest_horizon(count).status == "right"


def test_causal_weights_are_those_of_the_librarys_gradient():
    mdp, old, new, score = pair(1)
    episodes = enumerate_episodes(mdp, old, 4)
    weights = importance.causal_weights.reference(
        importance_ratios(episodes, new), episodes.rewards, mdp.discount)
    assert np.allclose(weighted_score(episodes, score, weights), causal_is_gradient(episodes, new, score))


def test_causal_weights_by_two_loops_are_right():
    def loops(ratios, rewards, discount):
        weights = np.zeros_like(rewards)
        for t, later in zip(*np.triu_indices(rewards.shape[1]), strict=True):
            product = ratios[:, : later + 1].prod(axis=1)
            weights[:, t] += discount ** (later - t) * product * rewards[:, later]
        return weights

    assert importance.causal_weights(loops).status == "right"


def test_state_ratio_table_estimates_the_exact_ratios():
    mdp, old, new, _ = pair(2)
    sample = sample_episodes(mdp, old, 3, 100_000, np.random.default_rng(0))
    states = sample.states[:, :-1]
    estimated = importance.state_ratio_table.reference(states, importance_ratios(sample, new), 3)
    exact = state_ratios(mdp, old, new, 3)
    seen = np.array([[np.sum(states[:, t] == s) > 5000 for s in range(3)] for t in range(3)])
    assert seen.sum() >= 5
    assert np.allclose(estimated[seen], exact[seen], rtol=0.1)
