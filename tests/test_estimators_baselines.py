"""Variance, exactly: optimal baselines against minimisation, and the counter-examples with their numbers."""
from itertools import product

import numpy as np
import pytest
from oracles import derivative
from scipy.optimize import minimize
from test_estimators import arms, case, hidden_side, tables

from npg_lab import Gaussian, MultivariateGaussian
from npg_lab.charts import CHARTS
from npg_lab.estimators import (
    LinearSoftmaxPolicy,
    bandit_gradient,
    batch_mean_gradient,
    enumerate_episodes,
    exact_gradient,
    gaussian_nodes,
    leave_one_out_gradient,
    maximum_likelihood_gradient,
    multivariate_score,
    naive_time_baseline,
    optimal_bandit_baseline,
    optimal_return_baseline,
    optimal_return_baseline_per_component,
    optimal_reward_to_go_baseline,
    optimal_reward_to_go_baseline_per_component,
    optimal_state_baseline,
    optimal_time_baseline,
    return_gradient,
    returns,
    reward_to_go_gradient,
    sample_episodes,
    signal_to_noise,
)
from npg_lab.problems import GaussianBandit, QuadraticReward, TabularMDP

T = 3


def everything(seed, discount=0.8):
    mdp, policy, theta = case(seed, shared=True)
    probs, score = tables(policy, theta)
    return enumerate_episodes(mdp, probs, T, discount), score


def spread(episodes, estimate):
    return episodes.variance(estimate).sum()


def two_arms(rewards):
    """Arm 1 is chosen with probability .9 through a single parameter."""
    probs, score = tables(LinearSoftmaxPolicy.coin(1), [np.log(9)])
    return enumerate_episodes(arms(rewards), probs, 1), score


def test_a_constant_may_lower_the_variance_and_the_mean_raise_it():
    episodes, score = two_arms([0.0, 1.0])
    assert episodes.mean(return_gradient(episodes, score)) == pytest.approx(0.09)
    assert spread(episodes, return_gradient(episodes, score)) == pytest.approx(0.0009)
    assert spread(episodes, return_gradient(episodes, score, 0.1)) == pytest.approx(0, abs=1e-16)
    assert spread(episodes, return_gradient(episodes, score, 0.9)) == pytest.approx(0.0576)
    assert optimal_return_baseline(episodes, score) == pytest.approx(0.1)
    shifted, _ = two_arms([-0.1, 0.9])
    assert spread(shifted, return_gradient(shifted, score)) == pytest.approx(0, abs=1e-16)


def test_reward_to_go_may_be_noisier_than_the_return():
    """First −10 whatever is done, then 11 or 9: the past reward happens to be a good baseline."""
    mdp = TabularMDP([[[0, 1.0], [0, 1]], [[0, 1], [0, 1]]], [[-10.0, -10], [9, 11]], 0.9, [1.0, 0])
    probs, score = tables(LinearSoftmaxPolicy.tabular(2, 2), np.zeros(4))
    episodes = enumerate_episodes(mdp, probs, 2, discount=1.0)
    assert spread(episodes, return_gradient(episodes, score)) == pytest.approx(0.5)
    assert spread(episodes, reward_to_go_gradient(episodes, score)) == pytest.approx(50.5)
    best = optimal_time_baseline(episodes, score)
    assert spread(episodes, reward_to_go_gradient(episodes, score, best)) == pytest.approx(0.5)


def test_the_best_time_baseline_is_not_the_analogue_of_the_trajectory_formula():
    policy = LinearSoftmaxPolicy.coin(2)
    episodes = enumerate_episodes(hidden_side(), policy.probs([0.0]), 3, discount=1.0)
    score = policy.score([0.0])
    naive, best = naive_time_baseline(episodes, score), optimal_time_baseline(episodes, score)
    assert np.allclose(naive, [0, 0, 0]) and np.allclose(best, [-1, -2, -1])
    assert spread(episodes, reward_to_go_gradient(episodes, score, naive)) == pytest.approx(2.0)
    assert spread(episodes, reward_to_go_gradient(episodes, score, best)) == pytest.approx(0.5)


@pytest.mark.parametrize("seed", range(5))
def test_optimal_baselines_minimise_the_variance(seed):
    episodes, score = everything(seed)
    visited = episodes.states[:, :-1]
    families = [
        (return_gradient, optimal_return_baseline(episodes, score), lambda b: b[0]),
        (return_gradient, optimal_return_baseline_per_component(episodes, score), lambda b: b.reshape(1, 2)),
        (reward_to_go_gradient, optimal_reward_to_go_baseline(episodes, score), lambda b: b[0]),
        (reward_to_go_gradient, optimal_reward_to_go_baseline_per_component(episodes, score),
         lambda b: b.reshape(1, 1, 2)),
        (reward_to_go_gradient, optimal_time_baseline(episodes, score), lambda b: b),
        (reward_to_go_gradient, optimal_state_baseline(episodes, score), lambda b: b[visited]),
    ]
    for estimate, best, laid_out in families:
        def objective(b, estimate=estimate, laid_out=laid_out):
            return spread(episodes, estimate(episodes, score, laid_out(b)))
        found = minimize(objective, np.zeros(np.size(best)), tol=1e-12)
        assert np.allclose(found.x, np.ravel(best), atol=1e-4)


@pytest.mark.parametrize("seed", range(5))
def test_textbook_formulas_of_the_trajectory_baseline(seed):
    episodes, score = everything(seed)
    scores = maximum_likelihood_gradient(episodes, score)
    worth = returns(episodes.rewards, episodes.discount)
    square = (scores**2).sum(axis=1)
    scalar = episodes.mean(square * worth) / episodes.mean(square)
    assert optimal_return_baseline(episodes, score) == pytest.approx(scalar)
    parts = episodes.mean(scores**2 * worth[:, None]) / episodes.mean(scores**2)
    assert np.allclose(optimal_return_baseline_per_component(episodes, score), parts)
    mean = episodes.mean(scores * worth[:, None])
    variance = episodes.mean(square * (worth - scalar) ** 2) - mean @ mean
    assert spread(episodes, return_gradient(episodes, score, scalar)) == pytest.approx(variance)


@pytest.mark.parametrize("seed", range(5))
def test_naive_formula_of_time_is_never_better(seed):
    episodes, score = everything(seed)
    naive, best = naive_time_baseline(episodes, score), optimal_time_baseline(episodes, score)
    scores = episodes.along(score)
    square = (scores**2).sum(axis=-1)
    togo = episodes.rewards + 0.8 * np.pad(episodes.rewards[:, 1:], ((0, 0), (0, 1)))
    togo[:, 0] += 0.64 * episodes.rewards[:, 2]
    assert np.allclose(naive, episodes.mean(square * togo) / episodes.mean(square))
    assert naive[0] == pytest.approx(best[0] - later_terms(episodes, scores, togo), abs=1e-12)
    naive_spread, best_spread = (
        spread(episodes, reward_to_go_gradient(episodes, score, b)) for b in (naive, best)
    )
    assert best_spread < naive_spread


def later_terms(episodes, scores, togo):
    """What the naive baseline of time 0 leaves out: its score times the terms of later times."""
    later = np.einsum("t,ntd,nt->nd", 0.8 ** np.arange(1, T), scores[:, 1:], togo[:, 1:])
    return episodes.mean((scores[:, 0] * later).sum(axis=1)) / episodes.mean((scores[:, 0] ** 2).sum(axis=1))


def test_states_without_a_visit_have_no_baseline():
    mdp = TabularMDP([[[1, 0.0], [1, 0]], [[0, 1], [0, 1]]], np.ones((2, 2)), 0.9, [1.0, 0])
    probs, score = tables(LinearSoftmaxPolicy.tabular(2, 2), np.zeros(4))
    best = optimal_state_baseline(enumerate_episodes(mdp, probs, 2), score)
    assert best[1] == 0 and best[0] > 0


@pytest.mark.parametrize("size", [2, 3])
def test_batch_mean_shrinks_the_gradient(size):
    episodes, score = two_arms([0.0, 1.0])
    scores, worth = maximum_likelihood_gradient(episodes, score), returns(episodes.rewards, 0.9)
    batches = np.array(list(product(range(len(episodes)), repeat=size)))
    chances = episodes.weights[batches].prod(axis=1)
    mean = chances @ batch_mean_gradient(scores[batches], worth[batches])
    assert mean == pytest.approx(0.09 * (size - 1) / size)
    assert size > 2 or mean == pytest.approx(0.045)
    assert chances @ leave_one_out_gradient(scores[batches], worth[batches]) == pytest.approx(0.09)


def test_batch_mean_on_sampled_batches_of_a_larger_problem():
    mdp, policy, theta = case(3)
    probs, score = tables(policy, theta)
    sample = sample_episodes(mdp, probs, T, 60_000, np.random.default_rng(2))
    scores = maximum_likelihood_gradient(sample, score).reshape(-1, 3, 6)
    batches = batch_mean_gradient(scores, returns(sample.rewards, 0.9).reshape(-1, 3))
    error = batches.std(axis=0, ddof=1) / np.sqrt(len(batches))
    gradient = exact_gradient(mdp, probs, score, T)
    assert np.all(np.abs(batches.mean(axis=0) - gradient * 2 / 3) < 4 * error)
    assert np.any(np.abs(batches.mean(axis=0) - gradient) > 10 * error)


def test_a_narrow_gaussian_needs_a_baseline():
    policy, reward = Gaussian(0.5, 0.01), QuadraticReward()
    actions, weights = gaussian_nodes(policy)

    def quality(baseline):
        estimate = bandit_gradient(policy, reward, actions, baseline)[:, :1]
        mean = weights @ estimate
        return signal_to_noise(mean, weights @ (estimate - mean) ** 2)

    assert quality(0.0) == pytest.approx(0.0016, abs=5e-5)
    assert quality(optimal_bandit_baseline(policy, reward)) == pytest.approx(0.50, abs=5e-3)


@pytest.mark.parametrize("chart", CHARTS)
def test_gaussian_bandit_estimates_against_the_closed_form(chart):
    problem, policy = GaussianBandit(QuadraticReward(1.0), chart), Gaussian(0.4, 0.7)
    actions, weights = gaussian_nodes(policy)
    best = optimal_bandit_baseline(policy, problem.reward, chart)
    for baseline in (0.0, -2.0, best):
        mean = weights @ bandit_gradient(policy, problem.reward, actions, baseline, chart)
        assert np.allclose(mean, problem.gradient(policy.coordinates(chart)), atol=1e-10)
    sample = policy.sample(np.random.default_rng(4), 50_000)
    estimate = bandit_gradient(policy, problem.reward, sample, best, chart)
    error = estimate.std(axis=0) / np.sqrt(len(sample))
    assert np.all(np.abs(estimate.mean(axis=0) - problem.gradient(policy.coordinates(chart))) < 4 * error)
    for j in range(2):
        power = [
            weights @ bandit_gradient(policy, problem.reward, actions, best + shift, chart)[:, j] ** 2
            for shift in (0, 0.01, -0.01)
        ]
        assert power[0] < min(power[1:])


def test_score_of_a_multivariate_gaussian():
    mean, covariance = np.array([0.5, -1.0]), np.array([[1.3, 0.4], [0.4, 0.7]])
    policy, action = MultivariateGaussian(mean, covariance), np.array([1.2, 0.3])
    error, of_covariance = multivariate_score(policy, action)
    of_mean = derivative(lambda m: MultivariateGaussian(m, covariance).log_prob(action), mean)
    assert np.allclose(error, of_mean, atol=1e-8)
    for direction in (np.diag([1.0, 0]), np.diag([0, 1.0]), np.array([[0, 1.0], [1, 0]])):
        def along(step, direction=direction):
            return MultivariateGaussian(mean, covariance + step[0] * direction).log_prob(action)
        assert (of_covariance * direction).sum() == pytest.approx(derivative(along, [0.0])[0], abs=1e-8)
    errors, parts = multivariate_score(policy, policy.sample(np.random.default_rng(0), 100_000))
    assert np.allclose(errors.mean(axis=0), 0, atol=0.02) and np.allclose(parts.mean(axis=0), 0, atol=0.02)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: leave_one_out_gradient(np.ones((1, 2)), [1.0]), "at least two episodes"),
        (lambda: batch_mean_gradient(np.ones((3, 2)), np.ones(2)), "returns must have the shape"),
        (lambda: gaussian_nodes(Gaussian([0.0, 1], 1.0)), "policy must be a single Gaussian"),
        (lambda: gaussian_nodes(Gaussian(0.0, 1.0), 0), "count must be an integer"),
        (lambda: multivariate_score(MultivariateGaussian([0.0], [[1.0]]), [1.0, 2.0]), "actions must have 1"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
