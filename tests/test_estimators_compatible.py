"""Compatible regression: the weights are the natural gradient, exactly and from samples."""
import numpy as np
import pytest
from test_estimators import case, tables

from npg_lab.estimators import (
    LinearSoftmaxPolicy,
    compatible_regression,
    enumerate_episodes,
    exact_gradient,
    lstd_natural_actor_critic,
    on_policy_data,
    reward_to_go,
    sample_episodes,
)
from npg_lab.geometry import natural_gradient
from npg_lab.problems import garnet


def all_pairs(score, targets, weights):
    """Every state and action as one row of data."""
    return score.reshape(-1, score.shape[-1]), np.ravel(targets), np.ravel(weights)


def test_the_weights_are_the_natural_gradient_on_200_random_problems():
    rng = np.random.default_rng(0)
    for _ in range(200):
        states, actions = rng.integers(2, 6), rng.integers(2, 4)
        mdp, policy = garnet(states, actions, 2, rng), LinearSoftmaxPolicy.tabular(states, actions)
        theta = rng.normal(size=states * actions)
        probs, score = tables(policy, theta)
        weights = mdp.occupancy(theta)[:, None] * probs
        by_formula = 0.1 * natural_gradient(mdp.gradient(theta), mdp.fisher(theta))
        fits = [
            compatible_regression(*all_pairs(score, targets, weights))
            for targets in (
                mdp.advantages(theta), mdp.action_values(theta),
                mdp.action_values(theta) + rng.normal(size=(states, 1)),
            )
        ]
        assert np.allclose(fits, by_formula, atol=1e-8)
        assert np.allclose(fits[0], mdp.compatible_weights(theta), atol=1e-8)


@pytest.mark.parametrize("seed", range(10))
def test_shared_parameters_keep_the_theorem(seed):
    mdp, policy, theta = case(seed, states=4, actions=3, shared=True)
    probs, score = tables(policy, theta)
    logits = policy.logits(theta)
    weights = mdp.occupancy(logits)[:, None] * probs
    fisher = np.einsum("sa,sad,sae->de", weights, score, score)
    gradient = policy.pull_back(mdp.gradient(logits))
    fit = compatible_regression(*all_pairs(score, mdp.action_values(logits), weights))
    assert np.allclose(fisher @ fit, 0.1 * gradient, atol=1e-12)
    # the scores weighted by the fitted function give the vanilla gradient; the natural one is the fit itself
    vanilla = np.einsum("sa,sad,sa->d", weights, score, score @ fit)
    assert np.allclose(vanilla, 0.1 * gradient, atol=1e-12)
    assert np.linalg.norm(vanilla - fit) > 0.1 * np.linalg.norm(fit)
    off_policy = compatible_regression(*all_pairs(score, mdp.action_values(logits), np.ones((4, 3))))
    assert np.linalg.norm(off_policy - fit) > 0.01 * np.linalg.norm(fit)


def test_a_table_can_express_advantages_so_any_weights_will_do():
    mdp, policy, theta = case(0)
    score = policy.score(theta)
    even = compatible_regression(*all_pairs(score, mdp.advantages(theta), np.ones((3, 2))))
    assert np.allclose(even, mdp.compatible_weights(theta), atol=1e-10)
    misled = compatible_regression(*all_pairs(score, mdp.action_values(theta), np.ones((3, 2))))
    assert np.linalg.norm(misled - even) > 0.1


def test_the_same_weights_in_expectation_but_not_in_samples():
    mdp, policy, theta = case(1)
    probs, score = tables(policy, theta)
    values, advantages = mdp.action_values(theta), mdp.advantages(theta)
    rng, fits = np.random.default_rng(0), {"Q": [], "A": []}
    for _ in range(50):
        states = rng.choice(3, size=300, p=mdp.occupancy(theta))
        actions = (rng.random(300) > probs[states, 0]).astype(int)
        fits["Q"].append(compatible_regression(score[states, actions], values[states, actions]))
        fits["A"].append(compatible_regression(score[states, actions], advantages[states, actions]))
    assert np.allclose(np.std(fits["A"], axis=0), 0, atol=1e-12)
    assert np.all(np.std(fits["Q"], axis=0) > 0.2)
    error = np.std(fits["Q"], axis=0, ddof=1) / np.sqrt(50)
    assert np.all(np.abs(np.mean(fits["Q"], axis=0) - mdp.compatible_weights(theta)) < 4 * error)


def test_on_policy_data_of_all_episodes_is_exact_for_the_finite_horizon():
    mdp, policy, theta = case(2)
    probs, score = tables(policy, theta)
    episodes = enumerate_episodes(mdp, probs, 5)
    scores, targets, weights = on_policy_data(episodes, score, reward_to_go(episodes.rewards, 0.9))
    assert weights.sum() == pytest.approx(1)
    fisher = np.einsum("m,md,me->de", weights, scores, scores)
    duration = (0.9 ** np.arange(5)).sum()
    assert weights @ (scores * targets[:, None]) == pytest.approx(
        exact_gradient(mdp, probs, score, 5) / duration, abs=1e-12
    )
    fit = compatible_regression(scores, targets, weights)
    expected = natural_gradient(exact_gradient(mdp, probs, score, 5) / duration, fisher)
    assert np.allclose(fit, expected, atol=1e-9)
    _, table_targets, _ = on_policy_data(episodes, score, mdp.rewards)
    assert np.array_equal(table_targets, episodes.rewards.ravel())


def test_a_value_baseline_sharpens_the_regression():
    mdp, policy, theta = case(3)
    probs, score = tables(policy, theta)
    truth, errors = mdp.compatible_weights(theta), {"return": [], "advantage": [], "lstd": []}
    for seed in range(10):
        sample = sample_episodes(mdp, probs, 60, 1000, np.random.default_rng(seed))
        togo = reward_to_go(sample.rewards, 0.9)
        values = mdp.values(theta)[sample.states[:, :-1]]
        fits = {
            "return": compatible_regression(*on_policy_data(sample, score, togo)),
            "advantage": compatible_regression(*on_policy_data(sample, score, togo - values)),
            "lstd": lstd_natural_actor_critic(sample, score, np.eye(3))[0],
        }
        for name, fit in fits.items():
            errors[name].append(np.linalg.norm(fit - truth) / np.linalg.norm(truth))
    means = {name: np.mean(found) for name, found in errors.items()}
    assert means["lstd"] < means["advantage"] < 0.5 * means["return"]


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_lstd_is_exact_on_all_episodes(lam):
    mdp, policy, theta = case(4)
    probs, score = tables(policy, theta)
    episodes = enumerate_episodes(mdp, probs, 5)
    weights, values = lstd_natural_actor_critic(episodes, score, np.eye(3), lam)
    assert np.allclose(weights, mdp.compatible_weights(theta), atol=1e-9)
    assert np.allclose(values, mdp.values(theta), atol=1e-9)


def test_lstd_from_samples():
    mdp, policy, theta = case(5)
    probs, score = tables(policy, theta)
    sample = sample_episodes(mdp, probs, 40, 4000, np.random.default_rng(0))
    weights, values = lstd_natural_actor_critic(sample, score, np.eye(3), 0.3)
    truth = mdp.compatible_weights(theta)
    assert np.linalg.norm(weights - truth) < 0.1 * np.linalg.norm(truth)
    assert np.allclose(values, mdp.values(theta), rtol=0.05)


MDP, POLICY, THETA = case(0)
EPISODES = enumerate_episodes(MDP, POLICY.probs(THETA), 2)
SCORE = POLICY.score(THETA)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: compatible_regression(np.ones((3, 2)), np.ones(2)), "must have shapes"),
        (lambda: compatible_regression(np.ones((2, 2)), np.ones(2), [1.0, -1]), "weights must be 0 or more"),
        (lambda: compatible_regression(np.ones((2, 2)), [1.0, np.nan]), "targets must be finite"),
        (lambda: compatible_regression(np.ones((2, 2)), np.ones(2), np.zeros(2)), "must not all be 0"),
        (lambda: on_policy_data(EPISODES, SCORE, np.ones(4)), "targets must have shape"),
        (lambda: lstd_natural_actor_critic(EPISODES, SCORE, np.eye(2)), "a row for each state"),
        (lambda: lstd_natural_actor_critic(EPISODES, SCORE, np.eye(3), 2.0), "lam must be a number in"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
