"""Importance sampling: identities by enumeration, growth of the variance, and what dropping ratios does."""
import numpy as np
import pytest
from oracles import derivative
from test_estimators import arms, as_dict, case, hidden_side, tables

from npg_lab.estimators import (
    LinearSoftmaxPolicy,
    causal_is_gradient,
    cumulative_ratios,
    effective_sample_size,
    enumerate_episodes,
    exact_gradient,
    exact_objective,
    finite_action_values,
    finite_values,
    importance_ratios,
    marginal_is_gradient,
    past_ratios_gradient,
    per_decision_is_return,
    product_ratio_variance,
    return_gradient,
    reward_to_go,
    reward_to_go_gradient,
    sample_episodes,
    self_normalised_mean,
    state_marginals,
    state_ratios,
    surrogate_gradient,
    surrogate_objective,
    trajectory_is_gradient,
    trajectory_is_return,
    weighted_score,
)
from npg_lab.problems import TabularMDP, garnet

T = 4


def pair(seed, shared=True, discount=None):
    """A random MDP, all episodes of an old policy, and a new policy with its tables."""
    mdp, policy, old = case(seed, shared=shared)
    new = old + np.random.default_rng(seed + 100).normal(size=old.shape)
    return mdp, enumerate_episodes(mdp, policy.probs(old), T, discount), policy, new


def double_counting(episodes, target, score):
    """The causal form with its second product begun one step too early."""
    ratios = importance_ratios(episodes, target)
    togo = episodes.rewards * ratios
    for t in range(episodes.horizon - 2, -1, -1):
        togo[:, t] += episodes.discount * ratios[:, t] * togo[:, t + 1]
    return weighted_score(episodes, score, np.cumprod(ratios, axis=1) * togo)


def test_the_dynamics_cancel_from_the_ratio_of_episodes():
    mdp, episodes, policy, new = pair(0)
    target = as_dict(enumerate_episodes(mdp, policy.probs(new), T))
    ratios = dict(zip(as_dict(episodes), cumulative_ratios(episodes, policy.probs(new))[:, -1], strict=True))
    assert all(
        ratio * weight == pytest.approx(target[key], abs=1e-14)
        for (key, weight), ratio in zip(as_dict(episodes).items(), ratios.values(), strict=True)
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("discount", [0.7, 1.0])
def test_reweighted_returns_and_gradients_are_unbiased(seed, discount):
    mdp, episodes, policy, new = pair(seed, discount=discount)
    target, score = tables(policy, new)
    worth = exact_objective(mdp, target, T, discount)
    for estimate in (trajectory_is_return, per_decision_is_return):
        assert episodes.mean(estimate(episodes, target)) == pytest.approx(worth, abs=1e-12)
    gradient = exact_gradient(mdp, target, score, T, discount)
    for estimate in (trajectory_is_gradient, causal_is_gradient):
        assert np.allclose(episodes.mean(estimate(episodes, target, score)), gradient, atol=1e-12)
    assert np.linalg.norm(episodes.mean(double_counting(episodes, target, score)) - gradient) > 1e-3


def test_the_causal_form_written_out():
    mdp, episodes, policy, new = pair(1)
    target, score = tables(policy, new)
    ratios, scores, gamma = importance_ratios(episodes, target), episodes.along(score), mdp.discount
    slow = sum(
        gamma**u * (ratios[:, : t + 1].prod(axis=1) * ratios[:, t + 1 : u + 1].prod(axis=1)
                    * episodes.rewards[:, u])[:, None] * scores[:, t]
        for t in range(T) for u in range(t, T)
    )
    assert np.allclose(causal_is_gradient(episodes, target, score), slow)


def test_double_counting_overstates_the_hidden_side_by_a_quarter():
    mdp, policy = hidden_side((1.0, 0)), LinearSoftmaxPolicy.coin(2)
    target, score = tables(policy, [1.0])
    episodes = enumerate_episodes(mdp, policy.probs([0.0]), 6)
    truth = exact_gradient(mdp, target, score, 6)
    assert episodes.mean(causal_is_gradient(episodes, target, score)) == pytest.approx(truth)
    assert episodes.mean(double_counting(episodes, target, score)) / truth == pytest.approx(1.27, abs=5e-3)


def test_everything_reduces_to_the_on_policy_form_at_the_old_policy():
    mdp, policy, theta = case(3, shared=True)
    probs, score = tables(policy, theta)
    episodes = enumerate_episodes(mdp, probs, T)
    togo = reward_to_go(episodes.rewards, mdp.discount)
    assert np.array_equal(importance_ratios(episodes, probs), np.ones((len(episodes), T)))
    assert np.allclose(trajectory_is_gradient(episodes, probs, score), return_gradient(episodes, score))
    for estimate in (
        causal_is_gradient(episodes, probs, score), past_ratios_gradient(episodes, probs, score),
        surrogate_gradient(episodes, probs, score, togo),
        marginal_is_gradient(episodes, probs, score, togo, np.ones((T, 3))),
    ):
        assert np.allclose(estimate, reward_to_go_gradient(episodes, score))


@pytest.mark.parametrize("estimate", [trajectory_is_gradient, causal_is_gradient])
def test_samples_of_the_old_policy_give_the_gradient_of_the_new(estimate):
    mdp, policy, old = case(4, shared=True)
    target, score = tables(policy, old + np.array([0.4, -0.3]))
    sample = sample_episodes(mdp, policy.probs(old), T, 40_000, np.random.default_rng(0))
    x = estimate(sample, target, score)
    gap = sample.mean(x) - exact_gradient(mdp, target, score, T)
    assert np.all(np.abs(gap) < 4 * sample.standard_error(x))


def test_variance_of_a_product_of_ratios_grows_exponentially():
    behaviour, target = [0.5, 0.5], [0.6, 0.4]
    growth = product_ratio_variance(behaviour, target, np.array([10, 100, 200]))
    assert growth == pytest.approx([0.48, 49.5, 2550], rel=3e-3)
    for steps in range(1, 7):
        episodes = enumerate_episodes(arms([0.0, 1.0]), [behaviour], steps)
        ratio = cumulative_ratios(episodes, [target])[:, -1]
        assert episodes.mean(ratio) == pytest.approx(1)
        assert episodes.variance(ratio) == pytest.approx(1.04**steps - 1)
        assert episodes.variance(ratio) == pytest.approx(product_ratio_variance(behaviour, target, steps))


@pytest.mark.parametrize("seed", range(4))
def test_marginal_form_is_exact_with_the_action_values_of_the_new_policy(seed):
    mdp, episodes, policy, new = pair(seed)
    target, score = tables(policy, new)
    ratios = state_ratios(mdp, episodes.behaviour, target, T)
    gradient = exact_gradient(mdp, target, score, T)

    def mean(policy_of_values):
        values = episodes.over_time(finite_action_values(mdp, policy_of_values, T))
        return episodes.mean(marginal_is_gradient(episodes, target, score, values, ratios))

    assert np.allclose(mean(target), gradient, atol=1e-12)
    old_values = episodes.mean(past_ratios_gradient(episodes, target, score))
    assert np.allclose(mean(episodes.behaviour), old_values, atol=1e-12)
    assert np.linalg.norm(old_values - gradient) > 1e-4


def test_state_ratio_is_the_expected_product_of_past_ratios():
    mdp, episodes, policy, new = pair(5)
    target = policy.probs(new)
    ratios, products = state_ratios(mdp, episodes.behaviour, target, T), cumulative_ratios(episodes, target)
    past = np.column_stack([np.ones(len(episodes)), products[:, :-1]])
    for t, state in np.ndindex(T, 3):
        here = episodes.weights * (episodes.states[:, t] == state)
        assert here @ past[:, t] / here.sum() == pytest.approx(ratios[t, state], abs=1e-12)
        assert here.sum() == pytest.approx(state_marginals(mdp, episodes.behaviour, T)[t, state], abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_surrogate_gradient_is_the_slope_of_the_surrogate(seed):
    mdp, episodes, policy, new = pair(seed)
    target, score = tables(policy, new)
    old = episodes.behaviour
    slope = derivative(lambda x: surrogate_objective(mdp, old, policy.probs(x), T), new)
    values = episodes.over_time(finite_action_values(mdp, old, T))
    exact_values = episodes.mean(surrogate_gradient(episodes, target, score, values))
    sampled_values = episodes.mean(
        surrogate_gradient(episodes, target, score, reward_to_go(episodes.rewards, mdp.discount))
    )
    assert np.allclose(exact_values, slope, atol=1e-8) and np.allclose(sampled_values, slope, atol=1e-8)
    assert surrogate_objective(mdp, old, old, T) == pytest.approx(exact_objective(mdp, old, T))


def test_the_surrogate_errs_to_second_order_and_its_gradient_to_first():
    mdp, policy, theta = case(6, shared=True)
    old, direction = policy.probs(theta), np.array([0.6, -0.8])

    def errors(step):
        target, score = tables(policy, theta + step * direction)
        episodes = enumerate_episodes(mdp, old, T)
        values = episodes.over_time(finite_action_values(mdp, old, T))
        slope = episodes.mean(surrogate_gradient(episodes, target, score, values))
        return np.array([
            abs(surrogate_objective(mdp, old, target, T) - exact_objective(mdp, target, T)),
            np.linalg.norm(slope - exact_gradient(mdp, target, score, T)),
        ])

    assert errors(0.01) / errors(0.001) == pytest.approx([100, 10], rel=0.05)


def test_performance_difference_lemma():
    mdp, episodes, policy, new = pair(7)
    target, old = policy.probs(new), episodes.behaviour
    advantages = finite_action_values(mdp, old, T) - finite_values(mdp, old, T)[:-1, :, None]
    gain = np.einsum(
        "t,ts,sa,tsa->", mdp.discount ** np.arange(T), state_marginals(mdp, target, T), target, advantages
    )
    assert gain == pytest.approx(exact_objective(mdp, target, T) - exact_objective(mdp, old, T), abs=1e-12)


def old_values_direction(mdp, logits, old_logits):
    """Gradient with respect to the logits if the future were left to the old policy: d_new, Q_old."""
    probs, values = mdp.policy_probs(logits), mdp.action_values(old_logits)
    centred = values - (probs * values).sum(axis=-1, keepdims=True)
    return mdp.occupancy(logits)[..., None] * probs * centred / (1 - mdp.discount)


def test_dropping_the_future_ratios_always_improves_a_table():
    rng = np.random.default_rng(0)
    for _ in range(300):
        mdp, old = garnet(3, 2, 2, rng), rng.normal(size=(3, 2))
        theta, worth = old, [mdp.objective(old)]
        for _ in range(12):
            theta = theta + 2 * old_values_direction(mdp, theta, old)
            worth.append(mdp.objective(theta))
        assert min(worth) == worth[0] < worth[-1]


def test_dropping_the_future_ratios_may_ruin_shared_parameters():
    """One parameter moves both states, the second twice as fast; the direction never vanishes."""
    mdp = hidden_side((1.0, 0))
    policy = LinearSoftmaxPolicy([[[0.0], [1.0]], [[0.0], [2.0]]])
    thetas = np.linspace(-2, 12, 281)[:, None]
    logits = policy.logits(thetas)
    direction = policy.pull_back(old_values_direction(mdp, logits, logits[0]))[:, 0]
    worth = mdp.objective(logits)
    assert direction[0] == pytest.approx(policy.pull_back(mdp.gradient(logits[0]))[0])
    assert np.all(direction > 0)
    assert [worth[0], worth.max(), worth[-1]] == pytest.approx([-5.92, 0.156, -8.00], abs=5e-3)


def test_past_ratios_estimate_that_direction():
    mdp, policy = hidden_side((1.0, 0)), LinearSoftmaxPolicy([[[0.0], [1.0]], [[0.0], [2.0]]])
    target, score = tables(policy, [0.0])
    direction = policy.pull_back(old_values_direction(mdp, policy.logits([0.0]), policy.logits([-0.5])))
    sample = sample_episodes(mdp, policy.probs([-0.5]), 20, 20_000, np.random.default_rng(0))
    x = past_ratios_gradient(sample, target, score)
    tail = 0.9**20 * 10 * np.abs(direction)  # what lies beyond the horizon
    assert np.all(np.abs(sample.mean(x) - direction) < 3 * sample.standard_error(x) + tail)


def test_effective_sample_size_and_self_normalisation():
    assert effective_sample_size(np.full(7, 0.3)) == pytest.approx(7)
    assert effective_sample_size([0.0, 5.0, 0.0]) == pytest.approx(1)
    assert effective_sample_size([1.0, 2.0]) == pytest.approx(9 / 5)
    assert self_normalised_mean([1.0, 4.0], [1.0, 2.0]) == pytest.approx(3)
    mdp, policy, old = case(8, shared=True)
    target = policy.probs(old + np.array([0.4, -0.3]))
    sample = sample_episodes(mdp, policy.probs(old), T, 20_000, np.random.default_rng(0))
    ratios, worth = cumulative_ratios(sample, target)[:, -1], sample.rewards @ sample.discounts
    assert self_normalised_mean(worth, ratios) == pytest.approx(exact_objective(mdp, target, T), rel=0.02)
    everything = enumerate_episodes(mdp, policy.probs(old), T)
    share = 1 / everything.mean(cumulative_ratios(everything, target)[:, -1] ** 2)
    assert effective_sample_size(ratios) / 20_000 == pytest.approx(share, rel=0.05)


ONE_WAY = TabularMDP([[[0, 1.0], [1, 0]], [[1, 0], [1, 0]]], np.ones((2, 2)), 0.9, [1.0, 0])
NARROW = enumerate_episodes(ONE_WAY, np.array([[1.0, 0], [0.5, 0.5]]), 2)


def test_a_violation_where_nobody_goes_does_no_harm():
    mdp = TabularMDP([[[1, 0.0], [1, 0]], [[1, 0], [1, 0]]], np.ones((2, 2)), 0.9, [1.0, 0])
    episodes = enumerate_episodes(mdp, np.array([[0.5, 0.5], [1, 0]]), 2)
    assert importance_ratios(episodes, np.array([[0.2, 0.8], [0, 1]])).max() == pytest.approx(1.6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: importance_ratios(NARROW, np.full((2, 2), 0.5)), "probability 0.5 of action 1 in state 0"),
        (lambda: causal_is_gradient(NARROW, np.full((2, 2), 0.5), np.ones((2, 2, 1))), "behaviour has 0"),
        (lambda: importance_ratios(NARROW, np.ones(2) / 2), "target must have shape"),
        (lambda: importance_ratios(NARROW, np.ones((2, 2))), "probs must sum to 1"),
        (lambda: state_ratios(ONE_WAY, [[1.0, 0], [0.5, 0.5]], np.full((2, 2), 0.5), 2), "state 0 at time 1"),
        (lambda: product_ratio_variance([1.0, 0], [0.5, 0.5], 2), "only what behaviour chooses"),
        (lambda: effective_sample_size([0.0, 0.0]), "ratios must be non-negative"),
        (lambda: effective_sample_size([1.0, -1.0]), "ratios must be non-negative"),
        (lambda: self_normalised_mean([1.0], [np.inf]), "ratios must be finite"),
        (lambda: surrogate_objective(ONE_WAY, NARROW.behaviour, [[1.0, 0]], 2), "new must have shape"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
