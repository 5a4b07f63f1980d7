"""Episodes and score-function estimates against loops and finite differences, samples against enumeration."""
from itertools import product

import numpy as np
import pytest
from oracles import derivative
from scipy import sparse

from npg_lab.estimators import (
    LinearSoftmaxPolicy,
    dropped_discount_gradient,
    enumerate_episodes,
    exact_gradient,
    exact_objective,
    finite_action_values,
    finite_values,
    gae,
    maximum_likelihood_gradient,
    return_gradient,
    returns,
    reward_to_go,
    reward_to_go_gradient,
    sample_episodes,
    state_marginals,
    td_errors,
    weighted_score,
)
from npg_lab.geometry import natural_gradient
from npg_lab.problems import TabularMDP, garnet

T = 4
HIDDEN_SIDE = ([[[1.0, 0], [0, 1]], [[1, 0], [0, 1]]], [[-1.0, 1], [1, -1]], 0.9)


def hidden_side(start=(0.5, 0.5)):
    """Two states that look alike, with the actions swapped: crossing to the other pays 1, staying costs 1."""
    return TabularMDP(*HIDDEN_SIDE, start)


def arms(rewards):
    """A bandit as an MDP of one state."""
    return TabularMDP(np.ones((1, len(rewards), 1)), [rewards], 0.9, [1.0])


def case(seed, states=3, actions=2, shared=False):
    """A random MDP with the table of probabilities and of scores of a random policy."""
    rng = np.random.default_rng(seed)
    mdp = garnet(states, actions, 2, rng)
    policy = (
        LinearSoftmaxPolicy(rng.normal(size=(states, actions, 2)))
        if shared else LinearSoftmaxPolicy.tabular(states, actions)
    )
    theta = rng.normal(size=policy.features.shape[-1])
    return mdp, policy, theta


def tables(policy, theta):
    return policy.probs(theta), policy.score(theta)


def loop_over_episodes(mdp, probs, horizon):
    """{(states, actions): probability} by brute force."""
    found = {}
    for states in product(range(mdp.states), repeat=horizon + 1):
        for actions in product(range(mdp.actions), repeat=horizon):
            chance = mdp.start[states[0]]
            for t in range(horizon):
                chance *= probs[states[t], actions[t]] * mdp.transitions[states[t], actions[t], states[t + 1]]
            if chance > 0:
                found[states, actions] = chance
    return found


def as_dict(episodes):
    return {
        (tuple(map(int, s)), tuple(map(int, a))): w
        for s, a, w in zip(episodes.states, episodes.actions, episodes.weights, strict=True)
    }


@pytest.mark.parametrize("probs", [np.array([[0.3, 0.7], [0.6, 0.4], [0.5, 0.5]]), np.eye(2)[[0, 1, 0]]])
def test_enumeration_agrees_with_a_brute_force_loop(probs):
    mdp, _, _ = case(1)
    episodes, expected = enumerate_episodes(mdp, probs, 3), loop_over_episodes(mdp, probs, 3)
    found = as_dict(episodes)
    assert len(found) == len(episodes) == len(expected)
    assert all(found[key] == pytest.approx(expected[key], abs=1e-15) for key in expected)
    assert np.array_equal(episodes.rewards, mdp.rewards[episodes.states[:, :-1], episodes.actions])


def test_sampled_episodes_have_the_enumerated_frequencies():
    mdp, policy, theta = case(2)
    probs = policy.probs(theta)
    everything = as_dict(enumerate_episodes(mdp, probs, 2))
    sample = sample_episodes(mdp, probs, 2, 40_000, np.random.default_rng(0))
    observed = {}
    for key in zip(map(tuple, sample.states.tolist()), map(tuple, sample.actions.tolist()), strict=True):
        observed[key] = observed.get(key, 0) + 1
    assert set(observed) <= set(everything)
    chances = np.array(list(everything.values()))
    counts = np.array([observed.get(key, 0) for key in everything])
    assert np.all(np.abs(counts - 40_000 * chances) < 4.5 * np.sqrt(40_000 * chances * (1 - chances)) + 1)


def test_sampling_never_takes_what_has_probability_zero():
    mdp = TabularMDP([[[0, 1.0], [0, 1]], [[1, 0], [1, 0]]], np.zeros((2, 2)), 0.9, [0, 1.0])
    sample = sample_episodes(mdp, np.array([[1.0, 0], [0, 1]]), 6, 500, np.random.default_rng(1))
    assert np.array_equal(sample.states, np.tile([1, 0, 1, 0, 1, 0, 1], (500, 1)))
    assert np.array_equal(sample.actions, 1 * (sample.states[:, :-1] == 1))


def test_sparse_transitions_give_the_same_episodes():
    mdp, policy, theta = case(3)
    probs = policy.probs(theta)
    rows = sparse.csr_array(mdp.transitions.reshape(-1, mdp.states))
    thin = TabularMDP(rows, mdp.rewards, mdp.discount, mdp.start)
    assert as_dict(enumerate_episodes(thin, probs, 3)) == as_dict(enumerate_episodes(mdp, probs, 3))
    mine, other = (sample_episodes(m, probs, 5, 50, np.random.default_rng(7)) for m in (mdp, thin))
    assert np.array_equal(mine.states, other.states)
    gradients = [exact_gradient(m, probs, policy.score(theta), T) for m in (mdp, thin)]
    assert np.allclose(*gradients, atol=1e-14)


def test_mean_variance_and_error_of_a_sample_and_of_everything():
    mdp, policy, theta = case(4)
    everything = enumerate_episodes(mdp, policy.probs(theta), 2)
    x = np.random.default_rng(0).normal(size=(len(everything), 3))
    mean = sum(w * row for w, row in zip(everything.weights, x, strict=True))
    assert np.allclose(everything.mean(x), mean)
    assert np.allclose(everything.variance(x), everything.weights @ x**2 - mean**2)
    assert np.array_equal(everything.standard_error(x), np.zeros(3))
    sample = sample_episodes(mdp, policy.probs(theta), 2, 8, np.random.default_rng(0))
    assert np.allclose(sample.variance(x[:8]), x[:8].var(axis=0, ddof=1))
    assert np.allclose(sample.standard_error(x[:8]), x[:8].std(axis=0, ddof=1) / np.sqrt(8))


@pytest.mark.parametrize("shared", [False, True])
def test_scores_and_pulled_back_gradients_against_finite_differences(shared):
    mdp, policy, theta = case(5, actions=3, shared=shared)
    log_probs = derivative(lambda x: np.log(policy.probs(x)), theta)
    assert np.allclose(policy.score(theta), log_probs, atol=1e-8)
    endless = derivative(lambda x: mdp.objective(policy.logits(x)), theta)
    assert np.allclose(policy.pull_back(mdp.gradient(policy.logits(theta))), endless, atol=1e-8)
    many = np.stack([theta, 2 * theta])
    assert np.allclose(policy.score(many)[1], policy.score(2 * theta))


def test_the_coin_and_the_tabular_policy():
    assert np.allclose(LinearSoftmaxPolicy.coin(2).probs([np.log(9)]), [[0.1, 0.9]] * 2)
    mdp, policy, theta = case(6)
    assert np.allclose(policy.probs(theta), mdp.policy_probs(theta))
    blind = LinearSoftmaxPolicy.observing([0, 1, 0], 2)
    probs = blind.probs([1.0, 2, 3, 4])
    assert np.array_equal(probs[0], probs[2])
    assert not np.allclose(probs[0], LinearSoftmaxPolicy.observing([0, 1, 1], 2).probs([1.0, 2, 5, 4])[1])


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("discount", [0.0, 0.7, 1.0])
def test_exact_objective_and_gradient(shared, discount):
    mdp, policy, theta = case(7, shared=shared)
    probs, score = tables(policy, theta)
    episodes = enumerate_episodes(mdp, probs, T, discount)
    worth = episodes.mean(returns(episodes.rewards, discount))
    assert exact_objective(mdp, probs, T, discount) == pytest.approx(worth, abs=1e-12)
    slope = derivative(lambda x: exact_objective(mdp, policy.probs(x), T, discount), theta)
    gradient = exact_gradient(mdp, probs, score, T, discount)
    assert np.allclose(gradient, slope, atol=1e-8)
    for estimate in (return_gradient, reward_to_go_gradient):
        assert np.allclose(episodes.mean(estimate(episodes, score)), gradient, atol=1e-12)


def test_a_long_horizon_approaches_the_endless_problem():
    mdp, policy, theta = case(8)
    probs, score = tables(policy, theta)
    assert exact_objective(mdp, probs, 400) == pytest.approx(mdp.objective(theta), abs=1e-10)
    assert np.allclose(exact_gradient(mdp, probs, score, 400), mdp.gradient(theta), atol=1e-10)
    assert np.allclose(finite_action_values(mdp, probs, 400)[0], mdp.action_values(theta), atol=1e-10)
    occupancy = 0.1 * 0.9 ** np.arange(400) @ state_marginals(mdp, probs, 400)
    assert np.allclose(occupancy, mdp.occupancy(theta), atol=1e-10)


def test_policy_gradient_theorem_needs_one_over_one_minus_the_discount():
    mdp, policy, theta = case(9)
    probs, score = tables(policy, theta)
    weight = mdp.occupancy(theta)[:, None] * probs
    under_occupancy = np.einsum("sa,sad,sa->d", weight, score, mdp.action_values(theta))
    assert np.allclose(under_occupancy, 0.1 * mdp.gradient(theta), atol=1e-12)


def test_every_baseline_leaves_the_mean_alone():
    mdp, policy, theta = case(10, shared=True)
    probs, score = tables(policy, theta)
    episodes, gradient = enumerate_episodes(mdp, probs, T), exact_gradient(mdp, probs, score, T)
    rng = np.random.default_rng(0)
    of_state = rng.normal(size=3)[episodes.states[:, :-1]]
    of_component = rng.normal(size=(1, 1, 2)), rng.normal(size=(1, T, 2))
    for baseline in (0.7, rng.normal(size=T), of_state, *of_component):
        estimate = reward_to_go_gradient(episodes, score, baseline)
        assert np.allclose(episodes.mean(estimate), gradient, atol=1e-12)
    for baseline in (-3.0, rng.normal(size=(1, 2))):
        estimate = return_gradient(episodes, score, baseline)
        assert np.allclose(episodes.mean(estimate), gradient, atol=1e-12)
        plain = return_gradient(episodes, score)
        assert np.allclose(plain - estimate, maximum_likelihood_gradient(episodes, score) * baseline)
    assert np.allclose(episodes.mean(maximum_likelihood_gradient(episodes, score)), 0, atol=1e-12)
    peeking = reward_to_go_gradient(episodes, score, 1.0 * episodes.actions)  # depends on the action
    assert np.linalg.norm(episodes.mean(peeking) - gradient) > 0.1


@pytest.mark.parametrize("estimate", [return_gradient, reward_to_go_gradient])
def test_samples_agree_with_enumeration_in_mean_and_variance(estimate):
    mdp, policy, theta = case(11, shared=True)
    probs, score = tables(policy, theta)
    everything = enumerate_episodes(mdp, probs, T)
    sample = sample_episodes(mdp, probs, T, 40_000, np.random.default_rng(3))
    x = estimate(sample, score, 0.5)
    gap = sample.mean(x) - exact_gradient(mdp, probs, score, T)
    assert np.all(np.abs(gap) < 4 * sample.standard_error(x))
    assert np.allclose(sample.variance(x), everything.variance(estimate(everything, score, 0.5)), rtol=0.06)


def test_reward_to_go_and_returns_against_loops():
    rewards = np.random.default_rng(0).normal(size=(3, 5))
    togo = reward_to_go(rewards, 0.8)
    for i, t in np.ndindex(3, 5):
        assert togo[i, t] == pytest.approx(sum(0.8 ** (u - t) * rewards[i, u] for u in range(t, 5)))
    assert np.allclose(returns(rewards, 0.8), togo[:, 0])
    assert np.array_equal(reward_to_go(rewards, 0.0), rewards)


def test_dropping_the_discount_of_time_is_the_gradient_of_nothing():
    mdp, policy, theta = hidden_side((1.0, 0)), LinearSoftmaxPolicy.tabular(2, 2), np.array([1.0, 0, 0, 1])

    def field(estimate, discount):
        def mean(x):
            episodes = enumerate_episodes(mdp, policy.probs(x), 3, discount)
            return episodes.mean(estimate(episodes, policy.score(x)))
        return mean

    def asymmetry(function):
        jacobian = derivative(function, theta)
        return np.linalg.norm(jacobian - jacobian.T) / np.linalg.norm(jacobian)

    assert asymmetry(field(reward_to_go_gradient, 0.5)) < 1e-8
    assert asymmetry(field(dropped_discount_gradient, 0.5)) == pytest.approx(0.41, abs=5e-3)
    assert np.allclose(field(dropped_discount_gradient, 1.0)(theta), field(reward_to_go_gradient, 1.0)(theta))


def test_dropped_discount_weights_states_by_visits():
    mdp, policy, theta = case(13)
    probs, score = tables(policy, theta)
    episodes = enumerate_episodes(mdp, probs, T)
    expected = np.einsum(
        "ts,sa,tsa,sad->d", state_marginals(mdp, probs, T), probs, finite_action_values(mdp, probs, T), score
    )
    assert np.allclose(episodes.mean(dropped_discount_gradient(episodes, score)), expected, atol=1e-12)
    centred = dropped_discount_gradient(episodes, score, finite_values(mdp, probs, T)[np.arange(T), 0])
    assert np.allclose(episodes.mean(centred), expected, atol=1e-12)


def test_the_tabular_natural_gradient_does_not_mind_the_weights_of_states():
    mdp, policy, theta = case(14)
    probs, score = tables(policy, theta)
    visits = np.linalg.matrix_power(np.einsum("sa,sat->st", probs, mdp.transitions), 200)[0]
    for weight in (mdp.occupancy(theta), visits, np.array([0.2, 0.5, 0.3])):
        pairs = weight[:, None] * probs
        fisher = np.einsum("sa,sad,sae->de", pairs, score, score)
        gradient = np.einsum("sa,sad,sa->d", pairs, score, mdp.advantages(theta))
        assert np.allclose(natural_gradient(gradient, fisher), mdp.compatible_weights(theta), atol=1e-10)


def test_advantages_from_temporal_differences():
    rng = np.random.default_rng(0)
    rewards, values = rng.normal(size=(2, 5)), rng.normal(size=(2, 6))
    errors = td_errors(rewards, values, 0.9)
    assert errors[1, 2] == pytest.approx(rewards[1, 2] + 0.9 * values[1, 3] - values[1, 2])
    for lam in (0.0, 0.6, 1.0):
        slow = [[sum((0.9 * lam) ** (u - t) * e[u] for u in range(t, 5)) for t in range(5)] for e in errors]
        assert np.allclose(gae(rewards, values, 0.9, lam), slow)
    ending = values * [1, 1, 1, 1, 1, 0]
    assert np.allclose(gae(rewards, ending, 0.9, 1.0), reward_to_go(rewards, 0.9) - values[:, :-1])


@pytest.mark.parametrize("lam", [0.0, 0.5, 0.95, 1.0])
def test_generalised_advantages_are_unbiased_with_the_true_values(lam):
    mdp, policy, theta = case(15)
    probs, score = tables(policy, theta)
    episodes = enumerate_episodes(mdp, probs, T)
    values = finite_values(mdp, probs, T)[np.arange(T + 1), episodes.states]
    estimate = weighted_score(episodes, score, gae(episodes.rewards, values, mdp.discount, lam))
    assert np.allclose(episodes.mean(estimate), exact_gradient(mdp, probs, score, T), atol=1e-12)
    shifted = weighted_score(episodes, score, gae(episodes.rewards, values + np.arange(T + 1) ** 2, 0.9, lam))
    assert np.allclose(episodes.mean(shifted), episodes.mean(estimate))  # time alone decides: a baseline


def test_a_wrong_value_function_biases_short_traces_only():
    mdp, policy, theta = case(16)
    probs, score = tables(policy, theta)
    episodes = enumerate_episodes(mdp, probs, T)
    wrong = np.array([3.0, -2, 5])[episodes.states] * (np.arange(T + 1) < T)
    bias = [
        np.linalg.norm(
            episodes.mean(weighted_score(episodes, score, gae(episodes.rewards, wrong, 0.9, lam)))
            - exact_gradient(mdp, probs, score, T)
        )
        for lam in (0.0, 0.5, 0.9, 1.0)
    ]
    assert bias[0] > bias[1] > bias[2] > 0.01 > 1e-12 > bias[3]


def test_a_low_reward_is_not_pushed_down_without_a_baseline():
    policy = LinearSoftmaxPolicy.tabular(1, 2)
    probs, score = tables(policy, [np.log(0.2), np.log(0.8)])
    episodes = enumerate_episodes(arms([0.1, 1.0]), probs, 1)
    tried = np.flatnonzero(episodes.actions[:, 0] == 0)[0]
    assert return_gradient(episodes, score)[tried, 0] == pytest.approx(0.08)
    assert return_gradient(episodes, score, 0.82)[tried, 0] < 0


def test_a_reactive_policy_may_have_to_be_stochastic():
    mdp, policy = hidden_side(), LinearSoftmaxPolicy.coin(2)
    assert mdp.objective(policy.logits([0.0])) == pytest.approx(0, abs=1e-12)
    assert mdp.objective(policy.logits([40.0])) == pytest.approx(-9, abs=1e-10)
    assert mdp.objective(policy.logits([-40.0])) == pytest.approx(-9, abs=1e-10)
    assert mdp.optimal_values() @ mdp.start == pytest.approx(10)
    grid = mdp.objective(policy.logits(np.linspace(-5, 5, 201)[:, None]))
    assert np.argmax(grid) == 100


def test_observations_suffice_for_reinforce_but_not_for_a_critic():
    mdp, policy, theta = hidden_side((1.0, 0)), LinearSoftmaxPolicy.coin(2), [np.log(0.7 / 0.3)]
    probs, score = tables(policy, theta)
    truth = derivative(lambda x: mdp.objective(policy.logits(x)), theta)
    assert truth == pytest.approx(-2.604, abs=5e-4)
    assert policy.pull_back(mdp.gradient(policy.logits(theta))) == pytest.approx(truth, abs=1e-8)

    pairs = mdp.occupancy(policy.logits(theta))[:, None] * probs
    value = (pairs * mdp.rewards).sum() / (1 - 0.9)  # V(o), where the average TD error is 0
    surprise = mdp.rewards + 0.9 * value - value
    critic = np.einsum("sa,sad,sa->d", pairs, score, surprise) / (1 - 0.9)
    assert critic == pytest.approx(-1.092, abs=5e-4)

    sample = sample_episodes(mdp, probs, 150, 4000, np.random.default_rng(5))
    reinforce = reward_to_go_gradient(sample, score, value)
    assert np.all(np.abs(sample.mean(reinforce) - truth) < 3 * sample.standard_error(reinforce))
    errors = td_errors(sample.rewards, np.full((4000, 151), value), 0.9)
    sampled_critic = weighted_score(sample, score, errors)
    assert np.all(np.abs(sample.mean(sampled_critic) - critic) < 3 * sample.standard_error(sampled_critic))


MDP, POLICY, THETA = case(0)
PROBS, SCORE = tables(POLICY, THETA)
EPISODES = enumerate_episodes(MDP, PROBS, 2)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: enumerate_episodes(MDP, PROBS[:2], 2), "probs must have shape"),
        (lambda: enumerate_episodes(MDP, PROBS * 1.1, 2), "probs must sum to 1"),
        (lambda: enumerate_episodes(MDP, PROBS * np.nan, 2), "probs must be finite"),
        (lambda: enumerate_episodes(MDP, PROBS, 0), "horizon must be an integer"),
        (lambda: enumerate_episodes(MDP, PROBS, 2.5), "horizon must be an integer"),
        (lambda: enumerate_episodes(MDP, PROBS, 60), "at most 2000000 episodes"),
        (lambda: enumerate_episodes(MDP, PROBS, 2, discount=1.1), "discount must be a number in"),
        (lambda: sample_episodes(MDP, PROBS, 2, 0, RNG), "count must be an integer"),
        (lambda: sample_episodes(MDP, PROBS, 2, 1, RNG).variance([[1.0]]), "at least two sampled episodes"),
        (lambda: EPISODES.mean(np.ones(3)), "one for each episode"),
        (lambda: EPISODES.along(np.ones((2, 2))), "table must begin with axes"),
        (lambda: EPISODES.over_time(np.ones((3, 3))), "table must have shape"),
        (lambda: return_gradient(EPISODES, PROBS), "score must have shape"),
        (lambda: return_gradient(EPISODES, SCORE, np.ones(5)), "baseline must broadcast"),
        (lambda: reward_to_go_gradient(EPISODES, SCORE, np.ones(7)), "baseline must broadcast"),
        (lambda: reward_to_go_gradient(EPISODES, SCORE, np.nan), "baseline must be finite"),
        (lambda: reward_to_go_gradient(EPISODES, SCORE, np.ones((1, 1, 5))), "baseline must broadcast"),
        (lambda: weighted_score(EPISODES, SCORE, np.ones(3)), "weight must broadcast"),
        (lambda: reward_to_go([1.0, np.inf], 0.9), "rewards must be finite"),
        (lambda: returns(1.0, 0.9), "rewards must have time as its last axis"),
        (lambda: td_errors([1.0, 2], [1.0, 2], 0.9), "values must have one entry more"),
        (lambda: gae([1.0], [1.0, 2], 0.9, 1.5), "lam must be a number in"),
        (lambda: LinearSoftmaxPolicy([[1.0]]), "features must have shape"),
        (lambda: LinearSoftmaxPolicy.observing([0, -1], 2), "observations must list"),
        (lambda: POLICY.probs([1.0]), "theta must have 6 entries"),
        (lambda: finite_values(MDP, PROBS, -1), "horizon must be an integer"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
