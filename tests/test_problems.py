"""Bandits, the regulator and changes of coordinates against quadrature, enumeration, simulation and autograd."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import close, derivative, expectation, gradient, tensor, torch_gaussian

from npg_lab import Gaussian, natural_gradient
from npg_lab.charts import CHARTS, AffineChart, convert
from npg_lab.geometry import angle
from npg_lab.problems import (
    BumpReward,
    GaussianBandit,
    LinearQuadraticRegulator,
    Problem,
    QuadraticReward,
    Reparametrized,
    SoftmaxBandit,
    check_plane_problem,
    check_problem,
)

FEATURES = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, -1.0], [0.0, 0.0]])
RAGGED = SoftmaxBandit([1.0, 0.2, -0.5, 0.7], features=FEATURES)  # features that cannot express the rewards
REGULATOR = LinearQuadraticRegulator(0.9, 0.5, drift=1.1, control=0.7, state_cost=2.0, action_cost=0.3, noise=0.4)
PROBLEMS = {
    **{chart: (GaussianBandit(BumpReward(1.0, 0.6, 2.0), chart), convert([-0.4, 0.8], "mean_std", chart))
       for chart in CHARTS},
    "quadratic": (GaussianBandit(QuadraticReward(1.0, 0.3)), np.array([-0.4, 0.8])),
    "softmax": (SoftmaxBandit([1.0, 0.9, 0.0]), np.array([0.3, -0.5, 0.2])),
    "features": (RAGGED, np.array([0.4, -0.7])),
    "regulator": (REGULATOR, np.array([-0.9, 0.6])),
    "reparametrized": (Reparametrized(RAGGED, AffineChart([[2, 1], [0, 0.5]], [1, -1])), np.array([0.1, -0.35])),
}
every_problem = pytest.mark.parametrize("name", PROBLEMS)
REWARDS = [QuadraticReward(1.0, 0.3), BumpReward(1.0, 0.6, 2.0)]


# --- every problem


@every_problem
def test_gradient_matches_finite_differences(name):
    problem, theta = PROBLEMS[name]
    close(problem.gradient(theta), derivative(problem.objective, theta, step=2e-3), atol=1e-10)


@every_problem
def test_fisher_is_the_hessian_of_the_kl_in_the_second_argument(name):
    problem, theta = PROBLEMS[name]

    def slope(other):
        return derivative(lambda o: problem.kl(theta, o), other, step=5e-3)

    close(problem.fisher(theta), derivative(slope, theta, step=5e-3), rtol=1e-7, atol=1e-8)
    close(slope(theta), 0, atol=1e-10)
    assert problem.kl(theta, theta) == pytest.approx(0, abs=1e-20)


@every_problem
def test_fisher_is_symmetric_positive_semi_definite(name):
    problem, theta = PROBLEMS[name]
    for point in theta + 0.1 * np.random.default_rng(0).normal(size=(10, len(theta))):
        fisher = problem.fisher(point)
        close(fisher, fisher.T, rtol=1e-14)
        assert np.linalg.eigvalsh(fisher)[0] > -1e-15


@every_problem
def test_problems_are_vectorised(name):
    problem, theta = PROBLEMS[name]
    batch = theta + 0.05 * np.random.default_rng(0).normal(size=(3, 2, len(theta)))
    check_problem(problem, theta)
    check_problem(problem, batch)
    for index in np.ndindex(3, 2):
        close(problem.objective(batch)[index], problem.objective(batch[index]), rtol=1e-13)
        close(problem.gradient(batch)[index], problem.gradient(batch[index]), rtol=1e-12)
        close(problem.fisher(batch)[index], problem.fisher(batch[index]), rtol=1e-12)
        close(problem.kl(theta, batch)[index], problem.kl(theta, batch[index]), rtol=1e-12)
        close(problem.kl(batch, theta)[index], problem.kl(batch[index], theta), rtol=1e-12)


@every_problem
def test_problems_follow_the_protocol(name):
    problem, theta = PROBLEMS[name]
    assert isinstance(problem, Problem)
    assert len(problem.names) == len(theta)
    assert not isinstance(object(), Problem)


# --- bandits with a Gaussian policy


@pytest.mark.parametrize("reward", REWARDS)
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-2.0, 0.3), (1.0, 3.0)])
def test_expected_rewards_match_quadrature(reward, mean, std):
    policy = Gaussian(mean, std)
    close(reward.mean(policy), expectation(reward, mean, std), rtol=1e-9)
    weighted = [expectation(lambda a, i=i: reward(a) * policy.score(a)[i], mean, std) for i in range(2)]
    close(reward.mean_gradient(policy), weighted, rtol=1e-8, atol=1e-10)  # the log-derivative trick


@pytest.mark.parametrize("chart", CHARTS)
def test_gaussian_bandit_gradient_matches_torch(chart):
    theta = convert([-0.4, 0.8], "mean_std", chart)

    def objective(theta):
        policy = torch_gaussian(theta, chart)
        variance = 0.6**2 + policy.stddev**2
        return 2 * 0.6 / torch.sqrt(variance) * torch.exp(-0.5 * (policy.mean - 1) ** 2 / variance)

    problem = GaussianBandit(BumpReward(1.0, 0.6, 2.0), chart)
    close(problem.objective(theta), objective(tensor(theta)))
    close(problem.gradient(theta), gradient(objective, theta))


def test_gaussian_bandit_of_the_course():
    problem = GaussianBandit()
    assert problem.names == ("μ", "σ")
    assert problem.objective([1.0, 2.0]) == -5
    close(problem.gradient([1.0, 2.0]), [-2, -4])
    close(problem.fisher([1.0, 2.0]), np.diag([0.25, 0.5]))
    assert problem.policy([1.0, 2.0]).std == 2
    assert GaussianBandit(chart="natural").names == CHARTS["natural"].names


def test_a_wide_policy_and_a_needle_have_finite_gradients():
    for std in (1e-100, 1e-8, 1e8):
        for reward in REWARDS:
            assert np.all(np.isfinite(GaussianBandit(reward).gradient([0.3, std])))
            assert np.isfinite(GaussianBandit(reward).objective([0.3, std]))


# --- bandits with a softmax policy


@pytest.mark.parametrize("problem", [PROBLEMS["softmax"][0], RAGGED])
def test_softmax_bandit_matches_enumeration_and_torch(problem):
    theta = np.random.default_rng(1).normal(size=problem.features.shape[1])
    policy = problem.policy(theta)
    scores = policy.score(np.arange(len(problem.rewards))) @ problem.features
    close(problem.objective(theta), policy.probs @ problem.rewards)
    close(problem.gradient(theta), (policy.probs * problem.rewards) @ scores)
    close(problem.fisher(theta), np.einsum("a,ai,aj->ij", policy.probs, scores, scores))

    def objective(theta):
        return torch.softmax(tensor(problem.features) @ theta, -1) @ tensor(problem.rewards)

    close(problem.gradient(theta), gradient(objective, theta))


@pytest.mark.parametrize("gap", [10.0, 30.0, 100.0, 300.0])
def test_the_gradient_of_a_saturated_softmax_keeps_its_digits(gap):
    problem = SoftmaxBandit([1.0, 0.0])
    slope = 1 / (2 + np.exp(gap) + np.exp(-gap))
    for theta in ([gap, 0.0], [0.0, gap]):
        close(problem.gradient(theta), [slope, -slope], rtol=1e-12, atol=0)
        close(natural_gradient(problem.gradient(theta), problem.fisher(theta)), [0.5, -0.5], rtol=1e-12)


@given(st.lists(st.floats(-5, 5), min_size=3, max_size=3), st.lists(st.floats(-3, 3), min_size=3, max_size=3))
def test_natural_gradient_of_logits_is_the_centred_reward(rewards, theta):
    problem = SoftmaxBandit(rewards)
    close(problem.natural_gradient(theta), np.subtract(rewards, np.mean(rewards)), atol=1e-9)


@pytest.mark.parametrize("problem", [
    SoftmaxBandit([1.0, 0.9, 0.0]),
    SoftmaxBandit([1.0, 0.5, 0.0], features=[[1, 0], [0, 1], [0, 0]]),
    SoftmaxBandit([1.0, 0.5, 0.0], features=[[1, 0, 1], [0, 1, 1], [0, 0, 0]]),  # a column too many
    SoftmaxBandit([1.0, 1.0]),
    RAGGED,
])
def test_closed_form_of_the_natural_gradient_is_the_shortest_solution(problem):
    theta = np.random.default_rng(0).normal(size=(4, problem.features.shape[1]))
    expected = natural_gradient(problem.gradient(theta), problem.fisher(theta))
    close(problem.natural_gradient(theta), expected, atol=1e-10)
    assert problem.natural_gradient(theta[0]).shape == theta[0].shape


def test_names_and_bounds_of_a_softmax_bandit():
    assert SoftmaxBandit(np.arange(12)).names[8:] == ("θ₉", "θ₁₀", "θ₁₁", "θ₁₂")
    assert SoftmaxBandit([1, 0], names=["a", "b"]).names == ("a", "b")
    assert SoftmaxBandit([1, 0, 0]).bounds is None
    assert RAGGED.bounds == ((-4.0, 4.0), (-4.0, 4.0))
    assert SoftmaxBandit([1, 0], bounds=((0, 1), (0, 2))).bounds == ((0, 1), (0, 2))


# --- the regulator


def test_regulator_objective_is_the_discounted_sum():
    k, sigma = theta = np.array([-0.9, 0.6])
    r, moment, total = REGULATOR, REGULATOR.start_variance, 0.0
    for t in range(2000):
        total -= r.discount**t * (r.state_cost * moment + r.action_cost * (k**2 * moment + sigma**2))
        moment = (r.drift + r.control * k) ** 2 * moment + (r.control * sigma) ** 2 + r.noise**2
    close(REGULATOR.objective(theta), total, rtol=1e-12)


def test_regulator_fisher_and_kl_average_over_the_visited_states():
    (k, sigma), other = np.array([-0.9, 0.6]), np.array([-0.7, 0.5])
    r, moment, visited = REGULATOR, REGULATOR.start_variance, 0.0
    for t in range(2000):
        visited += (1 - r.discount) * r.discount**t * moment
        moment = (r.drift + r.control * k) ** 2 * moment + (r.control * sigma) ** 2 + r.noise**2
    close(REGULATOR.fisher([k, sigma]), np.diag([visited, 2]) / sigma**2, rtol=1e-12)
    spread = np.sqrt(visited)
    averaged = expectation(lambda s: Gaussian(k * s, sigma).kl(Gaussian(other[0] * s, other[1])), 0, spread)
    close(REGULATOR.kl([k, sigma], other), averaged)


@pytest.mark.parametrize("problem", [REGULATOR, LinearQuadraticRegulator(0.9), LinearQuadraticRegulator(0.0)])
def test_regulator_best_gain_has_no_slope(problem):
    close(problem.gradient([problem.best_gain, 1e-9])[0], 0, atol=1e-7)
    values = problem.objective([[problem.best_gain + step, 0.1] for step in (-0.01, 0, 0.01)])
    assert values[1] > max(values[0], values[2])


@pytest.mark.parametrize(("discount", "gain"), [(0.5, -0.414), (0.9, -0.588), (0.99, -0.615)])
def test_regulator_gains_of_the_course(discount, gain):
    best = LinearQuadraticRegulator(discount).best_gain
    close(best, (1 - np.sqrt(1 + 4 * discount**2)) / (2 * discount), rtol=1e-12)
    close(best, gain, atol=5e-4)


def test_a_runaway_regulator_is_worth_minus_infinity():
    problem = LinearQuadraticRegulator(0.9)
    assert problem.edge == pytest.approx(0.9**-0.5)
    values = problem.objective([[problem.edge - 1.01, 0.5], [problem.edge - 0.99, 0.5], [-0.5, 0.5]])
    assert values[1] == -np.inf and np.all(np.isfinite(values[[0, 2]]))


# --- other coordinates


def test_reparametrized_sees_the_same_policies():
    chart = AffineChart([[2.0, 1.0], [0.3, -0.5]], [1.0, -1.0])
    moved, theta, other = Reparametrized(RAGGED, chart), np.array([0.4, -0.7]), np.array([-0.2, 0.1])
    inverse = np.linalg.inv(chart.matrix)
    close(moved.objective(chart.forward(theta)), RAGGED.objective(theta))
    close(moved.policy(chart.forward(theta)).probs, RAGGED.policy(theta).probs)
    close(moved.kl(chart.forward(theta), chart.forward(other)), RAGGED.kl(theta, other))
    close(moved.gradient(chart.forward(theta)), inverse.T @ RAGGED.gradient(theta))
    close(moved.fisher(chart.forward(theta)), inverse.T @ RAGGED.fisher(theta) @ inverse)
    close(moved.natural_gradient(chart.forward(theta)), chart.matrix @ RAGGED.natural_gradient(theta))
    assert moved.names == ("θ₁′", "θ₂′")


def test_reparametrized_takes_a_matrix_and_turns_the_vanilla_gradient():
    problem = GaussianBandit()
    moved = Reparametrized(problem, [[3.0, 0.0], [0.0, 1.0]])
    close(moved.objective([3.0, 2.0]), problem.objective([1.0, 2.0]))
    back = moved.chart.inverse(moved.gradient([3.0, 2.0]))
    assert angle(back, problem.gradient([1.0, 2.0])) > 10
    assert not hasattr(moved, "natural_gradient")


def test_reparametrized_offers_only_what_the_problem_has():
    class Bare:
        def objective(self, theta):
            return -(np.asarray(theta) ** 2).sum(-1)

        def gradient(self, theta):
            return -2 * np.asarray(theta)

        def fisher(self, theta):
            return np.broadcast_to(np.eye(2), (*np.shape(theta)[:-1], 2, 2))

    moved = Reparametrized(Bare(), 2 * np.eye(2))
    check_problem(moved, [[1.0, 2.0], [0.0, 1.0]])
    assert not any(hasattr(moved, name) for name in ("names", "policy", "kl", "natural_gradient"))


def test_windows_of_plane_problems():
    assert check_plane_problem(RAGGED) == ((-4, 4), (-4, 4))
    assert check_plane_problem(GaussianBandit(), ((0, 1), (1, 2))) == ((0, 1), (1, 2))
    assert check_plane_problem(LinearQuadraticRegulator(0.9)) == LinearQuadraticRegulator(0.9).bounds
