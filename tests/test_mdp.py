"""Tabular MDPs against closed forms, finite differences, rollouts and the theory of the natural gradient."""
import math
import tracemalloc
from itertools import pairwise

import numpy as np
import pytest
from oracles import derivative
from scipy import sparse
from scipy.special import expit, log_softmax, softmax

from npg_lab import ascend, flow, natural_gradient
from npg_lab.charts import AffineChart
from npg_lab.problems import (
    Reparametrized,
    TabularMDP,
    check_plane_problem,
    check_problem,
    garnet,
    grid_world,
    resolvent,
    two_state_mdp,
)

KAKADE_START = np.log([4, 1 / 9])
STAY_OR_GO = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]]], dtype=float)
OPEN_FIELD = ["S" + "." * 11, *["." * 12] * 5, "." * 11 + "G"]


def random_mdp(seed, states=5, actions=3, branching=3, discount=0.9):
    """A garnet and random parameters (S, A)."""
    rng = np.random.default_rng(seed)
    return garnet(states, actions, branching, rng, discount), rng.normal(size=(states, actions))


def corridor(discount=0.9):
    """State 0 leads to 1 or 2, which are absorbing; nothing leads to 3, which leads anywhere."""
    transitions = np.zeros((4, 2, 4))
    transitions[0, 0, 1] = transitions[0, 1, 2] = 1
    transitions[[1, 2], :, [1, 2]] = 1
    transitions[3] = [[0.5, 0.2, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]]
    rewards = np.array([[0.0, 0.5], [1.0, 0.2], [0.3, 0.4], [2.0, 3.0]])
    return TabularMDP(transitions, rewards, discount, [0.7, 0.1, 0.2, 0.0])


def scores(mdp, theta):
    r"""Gradients of log π for every state and action, (S, A, S·A), straight from the definition."""
    return derivative(lambda point: log_softmax(point.reshape(mdp.states, mdp.actions), axis=-1), theta.ravel())


# --- values, occupancy, gradient ----------------------------------------------------------------------------

def test_one_state_is_a_bandit():
    rewards, theta = np.array([[1.0, 0.9, 0.0]]), np.array([[0.2, -1.0, 0.4]])
    mdp = TabularMDP(np.ones((1, 3, 1)), rewards, 0.75, [1.0])
    mean = softmax(theta[0]) @ rewards[0]
    assert mdp.objective(theta) == pytest.approx(4 * mean, rel=1e-14)
    np.testing.assert_allclose(mdp.gradient(theta), 4 * softmax(theta) * (rewards - mean), rtol=1e-13)


def test_values_of_two_states_by_hand():
    """Always stay: each state pays its own reward for ever. Always go: nothing."""
    mdp = TabularMDP(STAY_OR_GO, [[1, 0], [2, 0]], 0.9, [0.25, 0.75])
    stay, go = np.array([[60.0, 0], [60, 0]]), np.array([[0, 60.0], [0, 60]])
    np.testing.assert_allclose(mdp.values(stay), [10, 20], rtol=1e-12)
    np.testing.assert_allclose(mdp.values(go), [0, 0], atol=1e-12)
    np.testing.assert_allclose(mdp.occupancy(go) * 1.9, [0.25 + 0.9 * 0.75, 0.75 + 0.9 * 0.25], rtol=1e-12)
    np.testing.assert_allclose(mdp.action_values(stay), [[10, 18], [20, 9]], rtol=1e-12)
    assert mdp.objective(stay) == pytest.approx(17.5, rel=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_values_and_occupancy_are_discounted_sums(seed):
    mdp, theta = random_mdp(seed)
    probs = mdp.policy_probs(theta)
    chain = np.einsum("sa,sat->st", probs, mdp.transitions)
    value, visits, law = np.zeros(5), np.zeros(5), mdp.start
    for t in range(400):
        value = (probs * mdp.rewards).sum(axis=1) + 0.9 * chain @ value
        visits, law = visits + 0.1 * 0.9**t * law, law @ chain
    np.testing.assert_allclose(mdp.values(theta), value, rtol=1e-12)
    np.testing.assert_allclose(mdp.occupancy(theta), visits, rtol=1e-12)
    reward = (visits[:, None] * probs * mdp.rewards).sum() / 0.1
    assert mdp.objective(theta) == pytest.approx(reward, rel=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_gradient_matches_finite_differences(seed):
    mdp, theta = random_mdp(seed, discount=0.95)
    numeric = derivative(mdp.objective, theta.ravel())
    error = np.abs(mdp.gradient(theta.ravel()) - numeric).max()
    assert error <= 1e-8 * np.abs(numeric).max()


def test_gradient_without_discount_and_from_an_unvisited_state():
    for mdp in (corridor(), corridor(0.0)):
        theta = np.random.default_rng(3).normal(size=8)
        numeric = derivative(mdp.objective, theta)
        np.testing.assert_allclose(mdp.gradient(theta), numeric, atol=1e-8 * np.abs(numeric).max())
        assert np.all(mdp.gradient(theta)[6:] == 0) and mdp.occupancy(theta)[3] == 0
        assert mdp.occupancy(theta).sum() == pytest.approx(1, abs=1e-14)


def test_advantages_average_to_zero():
    mdp, theta = random_mdp(4)
    average = (mdp.policy_probs(theta) * mdp.advantages(theta)).sum(axis=-1)
    np.testing.assert_allclose(average, 0, atol=1e-13)


@pytest.mark.parametrize("seed", range(20))
def test_performance_difference_lemma(seed):
    mdp, old = random_mdp(seed)
    new = old + np.random.default_rng(seed + 100).normal(size=old.shape)
    visited = mdp.occupancy(new)[:, None] * mdp.policy_probs(new)
    gain = (visited * mdp.advantages(old)).sum() / (1 - mdp.discount)
    assert mdp.objective(new) - mdp.objective(old) == pytest.approx(gain, rel=1e-10, abs=1e-12)


def test_rollouts_agree_with_exact_values():
    """Return and discounted visits of 20 000 simulated walks: exact within 4 standard errors."""
    mdp, theta = random_mdp(7, discount=0.8)
    rng, walks, horizon = np.random.default_rng(2024), 20_000, 90
    probs = mdp.policy_probs(theta)
    state = rng.choice(5, size=walks, p=mdp.start)
    total, visits = np.zeros(walks), np.zeros((walks, 5))
    for t in range(horizon):
        visits[np.arange(walks), state] += 0.2 * 0.8**t
        action = (rng.random(walks)[:, None] > probs.cumsum(axis=-1)[state]).sum(axis=-1).clip(max=2)
        total += 0.8**t * mdp.rewards[state, action]
        law = mdp.transitions.cumsum(axis=-1)[state, action]
        state = (rng.random(walks)[:, None] > law).sum(axis=-1).clip(max=4)
    standard_error = total.std() / np.sqrt(walks)
    assert abs(total.mean() - mdp.objective(theta)) < 4 * standard_error
    errors = visits.std(axis=0) / np.sqrt(walks)
    assert np.all(np.abs(visits.mean(axis=0) - mdp.occupancy(theta)) < 4 * errors)
    assert standard_error < 0.01 * mdp.objective(theta)


# --- Fisher matrix, natural gradient, compatible weights ----------------------------------------------------

def test_fisher_is_the_second_moment_of_the_score():
    mdp, theta = random_mdp(0)
    weight = mdp.occupancy(theta)[:, None] * mdp.policy_probs(theta)
    features = scores(mdp, theta)
    moment = np.einsum("sa,sai,saj->ij", weight, features, features)
    np.testing.assert_allclose(mdp.fisher(theta), moment, atol=1e-10)
    assert np.linalg.matrix_rank(mdp.fisher(theta), tol=1e-10) == 5 * 2


def test_fisher_is_the_hessian_of_the_kl():
    mdp, theta = random_mdp(1, states=2, actions=2, branching=2)

    def slope(point):
        return derivative(lambda other: mdp.kl(theta, other), point)

    np.testing.assert_allclose(derivative(slope, theta.ravel()), mdp.fisher(theta), atol=1e-8)
    assert mdp.kl(theta, theta) == 0
    assert mdp.kl(theta, theta.ravel() + 7.0) == pytest.approx(0, abs=1e-14)  # a constant added to all logits


def test_kl_weighs_states_by_the_occupancy_of_the_first_argument():
    mdp, theta = random_mdp(2)
    other = np.zeros((5, 3))
    p, q = mdp.policy_probs(theta), np.full((5, 3), 1 / 3)
    assert mdp.kl(theta, other) == pytest.approx(mdp.occupancy(theta) @ (p * np.log(p / q)).sum(axis=1), rel=1e-12)


@pytest.mark.parametrize("seed", range(200))
def test_compatible_weights_solve_the_normal_equations(seed):
    """F w = (1 − γ) ∇J with the Fisher matrix of the normalised occupancy, on 200 random MDPs."""
    rng = np.random.default_rng(seed)
    states, actions = rng.integers(1, 7), rng.integers(2, 5)
    mdp = garnet(states, actions, rng.integers(1, states + 1), rng, discount=rng.uniform(0, 0.99))
    theta = 2 * rng.normal(size=states * actions)
    fisher, gradient, weights = mdp.fisher(theta), mdp.gradient(theta), mdp.compatible_weights(theta)
    scale = np.abs(gradient).max() + 1e-12
    np.testing.assert_allclose(fisher @ weights, (1 - mdp.discount) * gradient, atol=1e-10 * scale)
    natural = natural_gradient(gradient, fisher)
    np.testing.assert_allclose(mdp.natural_gradient(theta), natural, atol=1e-6 * (np.abs(natural).max() + 1e-12))
    np.testing.assert_allclose(weights, (1 - mdp.discount) * mdp.natural_gradient(theta), rtol=1e-14)


@pytest.mark.parametrize("target", ["advantages", "action values", "shifted action values"])
def test_compatible_weights_are_a_weighted_regression(target):
    """On-policy regression on the score gives the same weights for A, Q and Q + c(s)."""
    mdp, theta = random_mdp(5)
    targets = {
        "advantages": mdp.advantages(theta),
        "action values": mdp.action_values(theta),
        "shifted action values": mdp.action_values(theta) + np.arange(5.0)[:, None] ** 2,
    }[target]
    root = np.sqrt(mdp.occupancy(theta)[:, None] * mdp.policy_probs(theta))
    design = (root[..., None] * scores(mdp, theta)).reshape(15, 15)
    fitted = np.linalg.lstsq(design, (root * targets).ravel(), rcond=1e-9)[0]
    np.testing.assert_allclose(mdp.compatible_weights(theta).ravel(), fitted, atol=1e-8)


def test_unvisited_states_have_no_natural_gradient():
    mdp = corridor()
    theta = np.random.default_rng(0).normal(size=(4, 2))
    natural = mdp.natural_gradient(theta)
    assert np.all(natural[3] == 0) and np.all(natural[0] != 0)
    pseudo_inverse = natural_gradient(mdp.gradient(theta.ravel()), mdp.fisher(theta))
    np.testing.assert_allclose(natural.ravel(), pseudo_inverse, atol=1e-12)


def test_without_discount_only_the_first_state_counts():
    source, theta = random_mdp(3)
    mdp = TabularMDP(source.transitions, source.rewards, 0.0, np.eye(5)[2])
    natural = mdp.natural_gradient(theta)
    np.testing.assert_allclose(natural[2], source.rewards[2] - source.rewards[2].mean(), rtol=1e-13)
    assert np.all(natural[[0, 1, 3, 4]] == 0) and mdp.occupancy(theta).tolist() == [0, 0, 1, 0, 0]


def test_natural_step_multiplies_the_policy_by_exponentiated_advantages():
    mdp, theta = random_mdp(6)
    step = 0.3
    weights = mdp.policy_probs(theta) * np.exp(step * mdp.advantages(theta) / (1 - mdp.discount))
    stepped = mdp.policy_probs(theta + step * mdp.natural_gradient(theta))
    np.testing.assert_allclose(stepped, weights / weights.sum(axis=-1, keepdims=True), rtol=1e-12)


@pytest.mark.parametrize("seed", range(200))
def test_natural_step_is_invariant_under_affine_reparametrisation(seed):
    """The policy after a step with the pseudo-inverse is the same in 200 random coordinate systems."""
    rng = np.random.default_rng(seed)
    mdp, theta = random_mdp(seed % 7, states=3)
    rotations = [np.linalg.qr(rng.normal(size=(9, 9)))[0] for _ in range(2)]
    chart = AffineChart(rotations[0] @ np.diag(rng.uniform(0.3, 3, 9)) @ rotations[1], rng.normal(size=9))
    seen = Reparametrized(mdp, chart)
    point = chart.forward(theta.ravel())
    moved = point + 0.5 * natural_gradient(seen.gradient(point), seen.fisher(point))
    expected = mdp.policy_probs(theta + 0.5 * mdp.natural_gradient(theta))
    np.testing.assert_allclose(mdp.policy_probs(chart.inverse(moved)), expected, atol=1e-8)


def test_vanilla_step_is_not_invariant():
    mdp, theta = random_mdp(0, states=3)
    chart = AffineChart(np.diag(np.linspace(0.3, 3, 9)))
    point = chart.forward(theta.ravel())
    moved = point + 0.5 * Reparametrized(mdp, chart).gradient(point)
    expected = mdp.policy_probs(theta + 0.5 * mdp.gradient(theta))
    assert np.abs(mdp.policy_probs(chart.inverse(moved)) - expected).max() > 0.01


# --- optimal policies ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("seed", range(10))
def test_policy_iteration_is_the_limit_of_large_natural_steps(seed):
    """Steps a thousand times larger each, so that every one outweighs all before it."""
    mdp, _ = random_mdp(seed, states=8, actions=4, discount=0.95)
    path = mdp.policy_iteration(np.zeros(8, dtype=int))
    theta = 50.0 * np.eye(4)[path[0]]
    for iteration, actions in enumerate(path[1:], start=2):
        theta = theta + 1e3**iteration * mdp.natural_gradient(theta)
        np.testing.assert_array_equal(mdp.policy_probs(theta), np.eye(4)[actions])
    np.testing.assert_allclose(mdp.values(theta), mdp.optimal_values(), rtol=1e-12)
    assert len(path) > 1


@pytest.mark.parametrize("seed", range(5))
def test_optimal_values_solve_the_bellman_equation(seed):
    mdp, _ = random_mdp(seed, states=30, discount=0.97)
    best = mdp.optimal_values()
    backup = (mdp.rewards + 0.97 * mdp.transitions @ best).max(axis=-1)
    np.testing.assert_allclose(best, backup, rtol=1e-12)
    values = [mdp.values(100.0 * np.eye(3)[actions]) for actions in mdp.policy_iteration()]
    assert all(np.all(later >= earlier - 1e-9) for earlier, later in pairwise(values))
    np.testing.assert_allclose(values[-1], best, rtol=1e-12)


def test_policy_iteration_stops_where_all_actions_are_equal():
    mdp = TabularMDP(STAY_OR_GO, np.full((2, 2), 0.1), 0.999, [0.5, 0.5])
    assert mdp.policy_iteration([1, 0]).tolist() == [[1, 0]]
    np.testing.assert_allclose(mdp.optimal_values(), 100, rtol=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_natural_steps_keep_the_bound_of_agarwal(seed):
    """J* − J_T ≤ log|A|/(ηT) + 1/((1 − γ)²T) from the uniform policy, rewards in [0, 1], and J never falls."""
    rng = np.random.default_rng(seed)
    mdp, step = garnet(10, 4, 3, rng, discount=0.9), rng.choice([0.01, 0.1, 1.0])
    best = mdp.start @ mdp.optimal_values()
    path = ascend(mdp, np.zeros(40), 60, step_size=step, natural=True)
    iterations = np.arange(1, 61)
    gap = best - mdp.objective(path)
    assert np.all(gap[1:] <= np.log(4) / (step * iterations) + 100 / iterations)
    assert np.all(np.diff(gap) <= 1e-12) and gap[-1] < 0.5 * gap[0]


# --- layouts, batches, sparse problems ----------------------------------------------------------------------

def test_a_tabular_mdp_is_a_problem():
    mdp, theta = random_mdp(0, states=2, branching=2)
    check_problem(mdp, np.stack([theta.ravel(), np.zeros(6)]))
    assert mdp.names == ("θ[0,0]", "θ[0,1]", "θ[0,2]", "θ[1,0]", "θ[1,1]", "θ[1,2]")


METHODS = ("policy_probs", "values", "action_values", "advantages", "occupancy", "objective", "gradient",
           "fisher_blocks", "fisher", "compatible_weights", "natural_gradient")
MIRRORED = ("gradient", "compatible_weights", "natural_gradient")


@pytest.mark.parametrize("make", [lambda s: garnet(5, 3, 3, np.random.default_rng(0), sparse=s),
                                  lambda s: grid_world(["S.", "#G"], sparse=s)])
@pytest.mark.parametrize("kind", [False, True])
def test_methods_are_vectorised(make, kind):
    mdp = make(kind)
    batch = np.random.default_rng(1).normal(size=(2, 3, mdp.states, mdp.actions))
    flat = batch.reshape(2, 3, -1)
    for name in METHODS:
        method = getattr(mdp, name)
        loop = np.array([[method(theta) for theta in row] for row in batch])
        np.testing.assert_allclose(method(batch), loop, rtol=1e-10, atol=1e-13, err_msg=name)
        np.testing.assert_array_equal(method(flat).reshape(loop.shape), method(batch), err_msg=name)
        assert method(batch).dtype == np.float64
        if name in MIRRORED:
            assert method(batch).shape == batch.shape and method(flat).shape == flat.shape
    kl = np.array([[mdp.kl(theta, batch[1, 2]) for theta in row] for row in batch])
    np.testing.assert_allclose(mdp.kl(batch, flat[1, 2]), kl, rtol=1e-9, atol=1e-13)


SPARSE = {
    "wide": lambda kind: garnet(300, 3, 4, np.random.default_rng(5), discount=0.99, sparse=kind),
    "narrow": lambda kind: grid_world(OPEN_FIELD, discount=0.99, slip=0.2, sparse=kind),
}


@pytest.mark.parametrize("shape", SPARSE)
def test_sparse_equals_dense(shape):
    few, many = SPARSE[shape](True), SPARSE[shape](False)
    assert sparse.issparse(few.transitions) and many.transitions.ndim == 3
    theta = np.random.default_rng(0).normal(size=(few.states, few.actions))
    for name in ("values", "advantages", "occupancy", "objective", "gradient", "natural_gradient"):
        exact = getattr(many, name)(theta)
        error = np.abs(getattr(few, name)(theta) - exact).max()
        assert error <= 1e-10 * np.abs(exact).max(), name
    np.testing.assert_array_equal(few.policy_iteration()[-1], many.policy_iteration()[-1])
    np.testing.assert_allclose(few.optimal_values(), many.optimal_values(), atol=1e-10)


def test_occupancy_at_the_end_of_a_long_tail_is_never_negative():
    """A tail of 200 states hangs on a random graph; iterations leave rounding of either sign at its end."""
    transitions = sparse.lil_array((500, 500))
    transitions[:300, :300] = garnet(300, 1, 4, np.random.default_rng(5), sparse=True).transitions
    transitions[0] = 0
    transitions[0, [1, 300]] = 0.5
    transitions[range(300, 499), range(301, 500)] = 0.9
    transitions[range(300, 499), 0] = 0.1
    transitions[499, 0] = 1
    occupancy = TabularMDP(transitions, np.zeros((500, 1)), 0.9, np.eye(500)[0]).occupancy(np.zeros(500))
    assert occupancy.min() >= 0
    assert occupancy[450:].max() < 1e-12 and occupancy.sum() == pytest.approx(1, abs=1e-12)


def test_random_graphs_are_wide_and_maps_narrow():
    def graph(mdp):
        return mdp._sparse_chain(np.ones((mdp.states, mdp.actions)))

    assert resolvent.is_narrow(graph(SPARSE["narrow"](True)))
    assert not resolvent.is_narrow(graph(SPARSE["wide"](True)))


def test_elimination_takes_over_when_iterations_stall(monkeypatch):
    mdp = SPARSE["wide"](True)
    theta = np.zeros((300, 3))
    expected = mdp.values(theta)
    monkeypatch.setattr(resolvent.linalg, "gmres", lambda system, source, **_: (0 * source, 1))
    np.testing.assert_allclose(mdp.values(theta), expected, rtol=1e-11)


@pytest.mark.parametrize("kind", ["garnet", "map"])
def test_ten_thousand_states_without_a_dense_matrix(kind):
    if kind == "map":
        rows = ["S" + "." * 99, *["." * 100] * 98, "." * 99 + "G"]
        mdp = grid_world(rows, discount=0.99, slip=0.1, sparse=True)
    else:
        mdp = garnet(10_000, 4, 4, np.random.default_rng(0), discount=0.99, sparse=True)
    theta = np.random.default_rng(1).normal(size=(10_000, 4))
    tracemalloc.start()
    values, gradient, natural = mdp.values(theta), mdp.gradient(theta), mdp.natural_gradient(theta)
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert memory < 1e8  # the Fisher matrix would take 1.3e10 bytes
    probs = mdp.policy_probs(theta)
    backup = mdp.rewards + 0.99 * (mdp.transitions @ values).reshape(10_000, 4)
    np.testing.assert_allclose(values, (probs * backup).sum(axis=1), atol=1e-9)
    product = np.einsum("sab,sb->sa", mdp.fisher_blocks(theta), natural)
    np.testing.assert_allclose(product, gradient, atol=1e-10 * np.abs(gradient).max())
    assert mdp.optimal_values() @ mdp.start > mdp.objective(theta)


# --- grid worlds and garnets --------------------------------------------------------------------------------

def test_optimal_values_of_a_grid_world_count_the_steps():
    world = grid_world(["S..", ".#.", "..G"], discount=0.9)
    expected = [[0.9**3, 0.9**2, 0.9], [0.9**2, np.nan, 1], [0.9, 1, 0]]
    np.testing.assert_allclose(world.on_map(world.optimal_values()), expected, rtol=1e-12)
    assert world.on_map(np.ones((2, 8))).shape == (2, 3, 3)
    np.testing.assert_array_equal(world.on_map(world.start), [[1, 0, 0], [0, np.nan, 0], [0, 0, 0]])
    assert world.arrows[world.policy_iteration()[-1][2]] == "↓"


def test_moves_slip_sideways_and_stop_at_walls():
    world = grid_world(["S.", "#G"], slip=0.2, step_reward=-0.1)
    np.testing.assert_allclose(world.transitions[0, 1], [0.2, 0.8, 0])  # right; up and down are walls
    np.testing.assert_allclose(world.transitions[1, 2], [0.1, 0.1, 0.8])  # down into the goal
    np.testing.assert_allclose(world.transitions[2], [[0, 0, 1]] * 4)
    np.testing.assert_allclose(world.rewards, [[-0.1] * 4, [-0.1, 0, 0.7, 0], [0] * 4], atol=1e-15)


def test_traps_cost_and_free_cells_start():
    world = grid_world(["X.", ".."], discount=0.5)
    np.testing.assert_allclose(world.start, [0, 1 / 3, 1 / 3, 1 / 3])
    assert world.rewards[1, 3] == -1 and world.rewards[3, 0] == 0
    assert np.all(world.optimal_values() == 0)


def test_the_default_map_can_be_solved():
    world = grid_world()
    best = world.start @ world.optimal_values()
    assert best == pytest.approx(0.95**9, rel=1e-12)  # ten moves from corner to corner
    assert best > world.objective(np.zeros((world.states, 4)))


def test_garnets_branch_as_asked_and_repeat_with_the_seed():
    make = [garnet(20, 3, 4, np.random.default_rng(9)) for _ in range(2)]
    np.testing.assert_array_equal(make[0].transitions, make[1].transitions)
    assert np.all((make[0].transitions > 0).sum(axis=-1) == 4)
    assert make[0].rewards.min() >= 0 and make[0].rewards.max() <= 1
    many = garnet(20, 3, 4, np.random.default_rng(9), sparse=True)
    np.testing.assert_array_equal(many.transitions.toarray().reshape(20, 3, 20), make[0].transitions)


# --- Kakade's two states ------------------------------------------------------------------------------------

def test_two_states_are_the_limit_of_the_discounted_problem():
    plane = two_state_mdp()
    tabular = TabularMDP(STAY_OR_GO, [[1, 0], [2, 0]], 1 - 1e-7, [0.3, 0.7])
    theta = np.random.default_rng(0).normal(size=(20, 2))
    table = np.stack([theta, np.zeros_like(theta)], axis=-1)
    np.testing.assert_allclose(1e-7 * tabular.objective(table), plane.objective(theta), rtol=1e-5)
    np.testing.assert_allclose(1e-7 * tabular.gradient(table)[..., 0], plane.gradient(theta), atol=1e-5)
    np.testing.assert_allclose(tabular.occupancy(table), plane.occupancy(theta), atol=1e-5)
    np.testing.assert_allclose(tabular.policy_probs(table), plane.policy_probs(theta), rtol=1e-14)
    np.testing.assert_allclose(tabular.fisher(table)[..., ::2, ::2], plane.fisher(theta), atol=1e-5)
    other = np.zeros(2)
    np.testing.assert_allclose(tabular.kl(table, np.zeros((2, 2))), plane.kl(theta, other), atol=1e-5)


@pytest.mark.parametrize("theta", [KAKADE_START, [0.0, 0.0], [5.0, -3.0], [-2.0, 4.0]])
def test_two_state_derivatives(theta):
    problem, theta = two_state_mdp(), np.array(theta)
    numeric = derivative(problem.objective, theta)
    np.testing.assert_allclose(problem.gradient(theta), numeric, atol=1e-8 * np.abs(numeric).max())
    natural = np.linalg.solve(problem.fisher(theta), problem.gradient(theta))
    np.testing.assert_allclose(problem.natural_gradient(theta), natural, rtol=1e-12)

    def slope(point):
        return derivative(lambda other: problem.kl(theta, other), point)

    np.testing.assert_allclose(derivative(slope, theta), problem.fisher(theta), atol=1e-8)


def test_two_states_are_a_plane_problem():
    assert check_plane_problem(two_state_mdp()) == two_state_mdp().bounds
    assert two_state_mdp().names == ("θᵢ", "θⱼ")
    np.testing.assert_allclose(two_state_mdp().occupancy(KAKADE_START), [9 / 11, 2 / 11], rtol=1e-14)
    assert two_state_mdp().objective(KAKADE_START) == pytest.approx(0.8 * 9 / 11 + 2 * 0.1 * 2 / 11, rel=1e-14)
    far = two_state_mdp().objective([[500.0, -500.0], [-500.0, 500.0]])
    np.testing.assert_allclose(far, [1, 2], rtol=1e-12)


def test_policies_of_the_two_states_add_up_to_the_kl():
    problem, other = two_state_mdp(), np.array([0.3, 0.2])
    policy, weights = problem.policies(KAKADE_START)
    np.testing.assert_allclose(policy.probs, problem.policy_probs(KAKADE_START), rtol=1e-14)
    divergence = weights @ policy.kl(problem.policies(other)[0])
    assert problem.kl(KAKADE_START, other) == pytest.approx(divergence, rel=1e-14)


def time_on_plateau(natural, times):
    """Flow time between an average reward of .95 and of 1.05."""
    curve = flow(two_state_mdp(), KAKADE_START, times, natural=natural)
    return np.diff(np.interp([0.95, 1.05], curve.objective, curve.time))[0]


def test_plateau_in_flow_time():
    """2.68e6 against .69."""
    vanilla = np.concatenate([np.linspace(0, 100, 2001), np.linspace(2.6e6, 2.7e6, 40_001)])
    assert time_on_plateau(False, vanilla) == pytest.approx(2.684e6, rel=2e-4)
    assert time_on_plateau(True, np.linspace(0, 3, 3001)) == pytest.approx(0.690, abs=1e-3)


def test_plateau_in_steps():
    """Fixed rates whose first steps have a quadratic KL of .01: 1 265 777 steps against 4."""
    problem = two_state_mdp()
    first_kl = [0.5 * v @ problem.fisher(KAKADE_START) @ v
                for v in (problem.gradient(KAKADE_START), problem.natural_gradient(KAKADE_START))]
    vanilla_rate, natural_rate = np.sqrt(0.01 / np.array(first_kl))
    rewards = problem.objective(ascend(problem, KAKADE_START, 30, step_size=natural_rate, natural=True))
    assert np.sum((rewards >= 0.95) & (rewards <= 1.05)) == 4
    assert vanilla_steps_on_plateau(float(vanilla_rate)) == 1_265_777


def vanilla_steps_on_plateau(rate):
    """The problem once more in plain scalars, fast enough for a million steps."""
    u, v = map(float, KAKADE_START)
    steps, reward = 0, 0.0
    while reward <= 1.05:
        go_i, go_j = 1 / (1 + math.exp(u)), 1 / (1 + math.exp(v))
        stay_i, stay_j, either = 1 - go_i, 1 - go_j, go_i + go_j
        reward = (go_j * stay_i + 2 * go_i * stay_j) / either
        steps += 0.95 <= reward <= 1.05
        gap = (stay_i - 2 * stay_j) / either
        u += rate * go_j / either * stay_i * go_i * (1 + gap)
        v += rate * go_i / either * stay_j * go_j * (2 - gap)
    return steps


def test_two_states_from_uniform_have_no_plateau():
    path = flow(two_state_mdp(), np.zeros(2), 30.0, natural=False)
    assert path.objective[-1] > 1.95 and np.all(np.diff(path.objective) > 0)
    np.testing.assert_allclose(two_state_mdp().policy_probs([0.0, 1.0])[1], [expit(1.0), expit(-1.0)], rtol=1e-14)


# --- bad input ----------------------------------------------------------------------------------------------

GOOD = {"transitions": STAY_OR_GO, "rewards": np.eye(2), "discount": 0.9, "start": [0.5, 0.5]}
UNEVEN = np.array([[[0.5, 0.5], [0.5, 0.5]], [[0.5, 0.4], [0.5, 0.5]]])
SHAPES = "transitions must have shape (states, actions, states), or (states·actions, states) when sparse, got "
BAD = {
    "rows that do not sum to 1": (
        {"transitions": UNEVEN}, "transitions must sum to 1, got 0.9 for state 1 and action 0."),
    "sparse rows that do not sum to 1": (
        {"transitions": sparse.csr_array(UNEVEN.reshape(4, 2))},
        "transitions must sum to 1, got 0.9 for state 1 and action 0."),
    "negative probability": (
        {"transitions": STAY_OR_GO * 3 - 1}, "transitions must be probabilities of 0 or more, got -1."),
    "NaN transition": (
        {"transitions": STAY_OR_GO * np.nan},
        "transitions must be finite, got [[[nan nan] [nan nan]] [[nan nan] [nan nan]]]."),
    "sparse NaN transition": (
        {"transitions": sparse.csr_array(np.full((2, 2), np.nan))},
        "transitions must be finite, got [nan nan nan nan]."),
    "flat dense transitions": (
        {"transitions": np.ones((4, 2))}, SHAPES + "(4, 2)."),
    "sparse transitions of odd shape": (
        {"transitions": sparse.csr_array(np.ones((3, 2)))}, SHAPES + "(3, 2)."),
    "rewards per state": (
        {"rewards": [1.0, 2.0]}, "rewards must have shape (states, actions) = (2, 2), got (2,)."),
    "NaN reward": ({"rewards": [[1, 0], [np.nan, 0]]}, "rewards must be finite, got [[1 0] [nan 0]]."),
    "discount 1": ({"discount": 1.0}, "discount must lie in [0, 1), got 1.0."),
    "negative discount": ({"discount": -0.1}, "discount must lie in [0, 1), got -0.1."),
    "NaN discount": ({"discount": np.nan}, "discount must be finite, got nan."),
    "short start": ({"start": [1.0]}, "start must have shape (states,) = (2,), got (1,)."),
    "start that does not sum to 1": ({"start": [0.5, 0.6]}, "start must sum to 1, got 1.1 for all states."),
    "negative start": ({"start": [1.5, -0.5]}, "start must be probabilities of 0 or more, got -0.5."),
}
SENTENCES = {
    **{name: (lambda change=change: TabularMDP(**{**GOOD, **change}), sentence)
       for name, (change, sentence) in BAD.items()},
    "theta of another shape": (
        lambda: TabularMDP(**GOOD).values(np.zeros((2, 3))),
        "theta must have last axes (2, 2) or (4,), got shape (2, 3)."),
    "a number as theta": (
        lambda: TabularMDP(**GOOD).gradient(0.0), "theta must have last axes (2, 2) or (4,), got shape ()."),
    "NaN theta": (
        lambda: TabularMDP(**GOOD).objective([0, 0, 0, np.nan]), "theta must be finite, got [0 0 0 nan]."),
    "unknown action": (
        lambda: TabularMDP(**GOOD).policy_iteration([0, 2]),
        "actions must be 2 integers from 0 to 1, one a state, got [0 2]."),
    "branching": (
        lambda: garnet(3, 2, 4, np.random.default_rng(0)),
        "garnet takes at least one state and action and a branching from 1 to states, "
        "got states = 3, actions = 2, branching = 4."),
    "ragged map": (
        lambda: grid_world(["S.", "G"]),
        "layout must be strings of equal length, one for each row, got ['S.', 'G']."),
    "unknown symbol": (lambda: grid_world(["S?", ".G"]), "layout must be made of . # S G X, got ?."),
    "map of walls": (lambda: grid_world(["#G"]), "layout must have a free cell '.' or a start 'S', got none."),
    "slip": (lambda: grid_world(slip=1.5), "slip must lie in [0, 1], got 1.5."),
    "two rewards": (
        lambda: type(two_state_mdp())([1.0]), "rewards must be the two rewards for staying, got shape (1,)."),
    "plane theta": (
        lambda: two_state_mdp().objective(np.zeros(3)),
        "theta must have 2 entries along its last axis, got shape (3,)."),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_bad_input_is_refused_in_one_plain_sentence(case):
    call, sentence = SENTENCES[case]
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == sentence
