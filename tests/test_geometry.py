"""Natural gradients, KL steps, paths, flows and ellipses against closed forms, SciPy and definitions."""
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import close
from scipy.optimize import minimize

from npg_lab import Gaussian, ascend, ellipse, flow, kl_contour, kl_step, natural_gradient
from npg_lab.charts import CHARTS, convert, push_gradient, push_metric
from npg_lab.geometry import angle, fisher_norm, scale_to_kl
from npg_lab.problems import (
    BumpReward,
    GaussianBandit,
    LinearQuadraticRegulator,
    QuadraticReward,
    Reparametrized,
    SoftmaxBandit,
)

REWARDS, START = np.array([1.0, 0.9, 0.0]), np.log([0.02, 0.38, 0.6])
PLANE = SoftmaxBandit([1, 0.5, 0], features=[[1, 0], [0, 1], [0, 0]])
PROBLEMS = {
    **{chart: (GaussianBandit(QuadraticReward(1.0), chart), convert([-0.4, 0.8], "mean_std", chart))
       for chart in CHARTS},
    "bump": (GaussianBandit(BumpReward(1.0, 0.5)), np.array([-0.5, 0.7])),
    "softmax": (SoftmaxBandit(REWARDS), np.array([0.3, -0.5, 0.2])),
    "plane": (PLANE, np.array([0.4, -0.7])),
    "regulator": (LinearQuadraticRegulator(0.9), np.array([-0.3, 0.6])),
    "reparametrized": (Reparametrized(PLANE, [[2, 1], [0, 0.5]]), np.array([0.1, -0.35])),
}
every_problem = pytest.mark.parametrize("name", PROBLEMS)


class Plain:
    """A problem that shows only what the protocol asks for."""

    def __init__(self, problem):
        self.objective, self.gradient, self.fisher = problem.objective, problem.gradient, problem.fisher


def random_metric(rng, d, rank=None):
    frame = np.linalg.qr(rng.normal(size=(d, d)))[0]
    return frame * np.where(np.arange(d) < (d if rank is None else rank), rng.uniform(0.1, 5, size=d), 0) @ frame.T


seeds, dimensions = st.integers(0, 100_000), st.integers(1, 6)


# --- natural gradient


@given(seeds, dimensions)
def test_natural_gradient_solves_the_linear_system(seed, d):
    rng = np.random.default_rng(seed)
    fisher, g = random_metric(rng, d), rng.normal(size=d)
    close(natural_gradient(g, fisher), np.linalg.solve(fisher, g), atol=1e-10)


@given(seeds, st.integers(2, 6))
def test_natural_gradient_is_the_pseudo_inverse_on_singular_metrics(seed, d):
    rng = np.random.default_rng(seed)
    fisher, g = random_metric(rng, d, rank=d - 1), rng.normal(size=d)
    close(natural_gradient(g, fisher), np.linalg.pinv(fisher, rcond=1e-12) @ g, atol=1e-10)


@given(st.lists(st.floats(-4, 4), min_size=4, max_size=4))
def test_natural_gradient_has_minimum_norm(logits):
    problem = SoftmaxBandit([1.0, 0.3, -0.5, 0.2])
    step = natural_gradient(problem.gradient(logits), problem.fisher(logits))
    close(problem.fisher(logits) @ step, problem.gradient(logits), atol=1e-10)
    close(step.sum(), 0, atol=1e-8)  # nothing along (1, 1, 1, 1), which no policy feels
    close(step, problem.rewards - problem.rewards.mean(), rtol=1e-6, atol=1e-8)


def test_natural_gradient_of_nothing():
    assert np.array_equal(natural_gradient([0.0, 0.0], np.eye(2)), [0, 0])
    assert np.array_equal(natural_gradient([1.0, 2.0], np.zeros((2, 2))), [0, 0])


@given(seeds, dimensions, st.floats(1e-6, 1e3))
def test_damping_is_added_to_the_metric(seed, d, damping):
    rng = np.random.default_rng(seed)
    fisher, g = random_metric(rng, d), rng.normal(size=d)
    close(natural_gradient(g, fisher, damping), np.linalg.solve(fisher + damping * np.eye(d), g), atol=1e-10)


def test_damping_turns_towards_the_vanilla_gradient_and_costs_the_invariance():
    problem = LinearQuadraticRegulator(0.9)
    g, fisher = problem.gradient([-0.3, 0.2]), problem.fisher([-0.3, 0.2])
    angles = [angle(natural_gradient(g, fisher, damping), g) for damping in (0, 1, 100, 1e4, 1e8)]
    assert np.all(np.diff(angles) < 0) and angles[-1] < 1e-4
    a = np.diag([10.0, 1.0])
    moved = push_gradient(g, a), push_metric(fisher, a)
    close(natural_gradient(*moved), a @ natural_gradient(g, fisher))
    assert angle(natural_gradient(*moved, 10.0), a @ natural_gradient(g, fisher, 10.0)) > 1


def test_damping_works_on_a_singular_metric():
    fisher, g = np.diag([1.0, 0.0]), np.array([1.0, 1.0])
    close(natural_gradient(g, fisher, 0.5), [1 / 1.5, 2])


def test_functions_of_a_metric_are_vectorised():
    rng = np.random.default_rng(0)
    g, fisher = rng.normal(size=(3, 4, 2)), np.array([[random_metric(rng, 2) for _ in range(4)] for _ in range(3)])
    fisher[1, 2] = [[1, 1], [1, 1]]
    for i in np.ndindex(3, 4):
        close(natural_gradient(g, fisher)[i], natural_gradient(g[i], fisher[i]))
        close(natural_gradient(g, fisher, 0.3)[i], natural_gradient(g[i], fisher[i], 0.3))
        close(kl_step(g, fisher, 0.1)[i], kl_step(g[i], fisher[i], 0.1))
        close(fisher_norm(g, fisher)[i], fisher_norm(g[i], fisher[i]))
        close(scale_to_kl(g, fisher, 0.1)[i], scale_to_kl(g[i], fisher[i], 0.1))
        close(angle(g, g[0, 0])[i], angle(g[i], g[0, 0]))


# --- KL steps


@pytest.mark.parametrize("seed", range(6))
def test_kl_step_is_what_a_constrained_optimiser_finds(seed):
    rng = np.random.default_rng(seed)
    d, kl = 2 + seed % 3, [0.01, 0.5][seed % 2]
    g, fisher = rng.normal(size=d), random_metric(rng, d)
    found = minimize(
        lambda x: -g @ x, 0.01 * g, jac=lambda x: -g, method="SLSQP", options={"ftol": 1e-15, "maxiter": 500},
        constraints={"type": "ineq", "fun": lambda x: kl - 0.5 * x @ fisher @ x, "jac": lambda x: -fisher @ x},
    )
    step = kl_step(g, fisher, kl)
    close(g @ step, -found.fun, rtol=1e-9)
    close(step, found.x, rtol=1e-5, atol=1e-6)


@given(seeds, dimensions, st.floats(1e-6, 10))
def test_kl_step_spends_the_budget_and_gains_most(seed, d, kl):
    rng = np.random.default_rng(seed)
    g, fisher = rng.normal(size=d), random_metric(rng, d)
    step = kl_step(g, fisher, kl)
    close(0.5 * step @ fisher @ step, kl, rtol=1e-10)
    close(step, np.sqrt(2 * kl / (g @ np.linalg.solve(fisher, g))) * np.linalg.solve(fisher, g), atol=1e-10)
    others = scale_to_kl(rng.normal(size=(50, d)), fisher, kl)
    close(0.5 * fisher_norm(others, fisher) ** 2, kl, rtol=1e-10)
    assert np.all(others @ g <= g @ step * (1 + 1e-9))


def test_kl_step_has_minimum_norm_on_a_singular_metric():
    problem = SoftmaxBandit(REWARDS)
    g, fisher = problem.gradient(START), problem.fisher(START)
    step = kl_step(g, fisher, 0.05)
    close(0.5 * step @ fisher @ step, 0.05, rtol=1e-10)
    close(step.sum(), 0)
    close(step / np.linalg.norm(step), np.linalg.pinv(fisher) @ g / np.linalg.norm(np.linalg.pinv(fisher) @ g))
    assert np.array_equal(kl_step([0.0, 1.0], np.diag([1.0, 0.0]), 0.1), [0, 0])  # F sees no part of this gradient


def test_scale_to_kl_keeps_the_direction():
    fisher, direction = np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([3.0, -4.0])
    step = scale_to_kl(direction, fisher, 0.02)
    close(angle(step, direction), 0, atol=1e-6)
    close(0.5 * step @ fisher @ step, 0.02)
    assert np.array_equal(scale_to_kl([0.0, 0.0], fisher, 0.02), [0, 0])


def test_angles():
    close(angle([1, 0], [0, 2]), 90)
    close(angle([1, 1], [-3, -3]), 180)
    close(angle([1, 0], [1, np.sqrt(3)]), 60)
    close(angle([1, 0], [1, 1e-9]), np.degrees(1e-9), rtol=1e-6)
    assert np.isnan(angle([0, 0], [1, 0]))


# --- the quadratic model of the divergence


@every_problem
def test_half_of_delta_fisher_delta_is_the_kl_to_third_order(name):
    problem, theta = PROBLEMS[name]
    fisher, rng = problem.fisher(theta), np.random.default_rng(5)
    for direction in scale_to_kl(rng.normal(size=(8, len(theta))), fisher, 1e-3):
        def remainder(scale, direction=direction):
            delta = scale * direction
            return problem.kl(theta, theta + delta) - 0.5 * delta @ fisher @ delta

        sizes = np.array([remainder(0.5**n) for n in range(3)])
        assert abs(sizes[0]) < 0.3 * 1e-3
        ratios = sizes[:-1] / sizes[1:]
        assert np.all(ratios > 6) or np.all(np.abs(sizes) < 1e-13)


@pytest.mark.parametrize(("theta", "direction"), [((0.0, 1.0), (1.0, 0.0)), ((0.3, 2.0), (1.0, 0.0))])
def test_the_third_order_vanishes_where_the_mean_of_a_gaussian_moves(theta, direction):
    problem = GaussianBandit()
    theta, delta = np.array(theta), np.array(direction)
    close(problem.kl(theta, theta + delta), 0.5 * delta @ problem.fisher(theta) @ delta, rtol=1e-14)


def test_fisher_of_two_equal_arms_leaves_a_remainder_of_fourth_order():
    problem, theta = SoftmaxBandit([1, 0]), np.zeros(2)
    delta = np.array([0.1, -0.1])
    sizes = [problem.kl(theta, theta + s * delta) - 0.5 * s**2 * delta @ problem.fisher(theta) @ delta
             for s in (1, 0.5, 0.25)]
    close(np.divide(sizes[:-1], sizes[1:]), 16, rtol=0.01)


# --- ascent


def test_ascend_by_a_fixed_rate():
    problem, theta = PLANE, np.array([0.4, -0.7])
    vanilla = ascend(problem, theta, 3, step_size=0.5)
    natural = ascend(problem, theta, 3, step_size=0.5, natural=True)
    damped = ascend(problem, theta, 3, step_size=0.5, natural=True, damping=0.1)
    assert vanilla.shape == natural.shape == (4, 2)
    for path, damping in ((vanilla, None), (natural, 0.0), (damped, 0.1)):
        assert np.array_equal(path[0], theta)
        for before, after in pairwise(path):
            g, fisher = problem.gradient(before), problem.fisher(before)
            direction = g if damping is None else np.linalg.solve(fisher + damping * np.eye(2), g)
            close(after - before, 0.5 * direction)


@every_problem
@pytest.mark.parametrize("natural", [False, True])
def test_ascend_by_a_fixed_kl_spends_the_same_at_every_step(name, natural):
    problem, theta = PROBLEMS[name]
    path = ascend(problem, theta, 6, kl=1e-3, natural=natural)
    spent = 0.5 * fisher_norm(np.diff(path, axis=0), problem.fisher(path[:-1])) ** 2
    close(spent, 1e-3, rtol=1e-10)
    assert np.all(np.diff(problem.objective(path)) > 0)


def test_ascend_moves_a_batch_as_it_moves_each_point():
    starts = np.random.default_rng(0).normal(size=(3, 2))
    path = ascend(PLANE, starts, 4, kl=0.01, natural=True)
    assert path.shape == (5, 3, 2)
    for i, start in enumerate(starts):
        close(path[:, i], ascend(PLANE, start, 4, kl=0.01, natural=True))


@pytest.mark.parametrize("natural", [False, True])
def test_small_ascent_steps_follow_the_flow(natural):
    errors = []
    for steps in (100, 200):
        end = ascend(PLANE, [0.4, -0.7], steps, step_size=1 / steps, natural=natural)[-1]
        errors.append(np.linalg.norm(end - flow(PLANE, [0.4, -0.7], 1.0, natural=natural).theta[-1]))
    assert max(errors) < 1e-2
    if not natural:  # the natural velocity of this problem is constant, so its steps have no error at all
        close(errors[0] / errors[1], 2, rtol=0.05)


# --- flows


@pytest.mark.parametrize("scale", [1.0, 0.3])
def test_natural_flow_of_the_quadratic_gaussian_bandit(scale):
    target, (mean, std) = 2.0, (-1.0, 1.5)
    path = flow(GaussianBandit(QuadraticReward(target, scale)), [mean, std], 50.0)
    shrink = 1 + 2 * scale * std**2 * path.time
    close(path.theta[:, 0], target + (mean - target) / shrink)
    close(path.theta[:, 1], std / np.sqrt(shrink))
    close(path.objective, -scale * ((path.theta[:, 0] - target) ** 2 + path.theta[:, 1] ** 2))
    assert path.time.shape == (200,) and path.theta.shape == (200, 2)


def test_times_of_a_flow_can_be_given():
    whole = flow(PLANE, [0.4, -0.7], 2.0, natural=False, samples=3)
    given_times = flow(PLANE, [0.4, -0.7], [0, 2], natural=False)
    assert np.array_equal(whole.time, [0, 1, 2]) and np.array_equal(given_times.time, [0, 2])
    close(given_times.theta, whole.theta[[0, 2]])
    close(given_times.objective, PLANE.objective(given_times.theta))


def test_vanilla_flow_of_the_quadratic_gaussian_bandit():
    path = flow(GaussianBandit(QuadraticReward(2.0)), [-1.0, 1.5], 5.0, natural=False, samples=20)
    decay = np.exp(-2 * path.time)
    close(path.theta, np.stack([2 - 3 * decay, 1.5 * decay], axis=-1), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("natural", [True, False])
@pytest.mark.parametrize("problem", [GaussianBandit(QuadraticReward(1)), LinearQuadraticRegulator(0.9)])
def test_a_std_that_goes_to_zero_stays_positive(problem, natural):
    path = flow(problem, [-0.3, 1.0], 8.0, natural=natural)
    assert np.all(path.theta[:, 1] > 0)
    assert np.all(np.diff(path.objective) > -1e-10)


@pytest.mark.parametrize("wrap", [lambda problem: problem, Plain])
def test_natural_flow_of_a_softmax_bandit_is_linear_in_the_logits(wrap):
    path = flow(wrap(SoftmaxBandit(REWARDS)), START, 15.0)
    close(path.theta - path.theta[:, :1], START - START[0] + np.outer(path.time, REWARDS - REWARDS[0]), atol=1e-8)
    close(path.theta.sum(-1), START.sum())


def test_a_very_long_natural_flow_of_a_saturated_policy():
    path = flow(SoftmaxBandit(REWARDS), START, 9000.0)
    close(path.theta[-1] - START, 9000 * (REWARDS - REWARDS.mean()))
    close(path.objective[-1], 1)
    other = flow(Reparametrized(PLANE, [[2, 1], [0, 0.5]]), [0.1, -0.35], 9000.0)
    close(other.theta[-1], [0.1 + 9000 * 2.5, -0.35 + 9000 * 0.25])


def test_time_to_the_best_arm():
    problem = SoftmaxBandit(REWARDS)
    natural = flow(problem, START, [0, 51, 52])
    vanilla = flow(problem, START, [0, 7393, 7394], natural=False)
    best = [problem.policy(path.theta).probs[1:, 0] for path in (natural, vanilla)]
    for before, after in best:
        assert before < 0.9 <= after


@pytest.mark.parametrize("chart", CHARTS)
def test_the_natural_flow_does_not_see_the_chart(chart):
    start = np.array([-0.4, 0.8])
    hub = flow(GaussianBandit(BumpReward(1.0)), start, 3.0, samples=7)
    path = flow(GaussianBandit(BumpReward(1.0), chart), convert(start, "mean_std", chart), 3.0, samples=7)
    close(convert(path.theta, chart, "mean_std"), hub.theta, rtol=1e-8)


def test_affine_maps_commute_with_natural_flow_and_natural_steps():
    a = np.array([[3.0, 1.0], [-0.5, 0.2]])
    problem, start = GaussianBandit(BumpReward(1.0)), np.array([-0.4, 0.8])
    moved = Reparametrized(problem, a)
    close(flow(moved, a @ start, 3.0).theta, flow(problem, start, 3.0).theta @ a.T, rtol=1e-8)
    for rule in ({"step_size": 0.1}, {"kl": 0.01}):
        there, here = (ascend(p, s, 9, natural=True, **rule) for p, s in ((moved, a @ start), (problem, start)))
        close(there, here @ a.T)
        there, here = (ascend(p, s, 9, **rule) for p, s in ((moved, a @ start), (problem, start)))
        assert np.abs(there - here @ a.T).max() > 1e-2  # the vanilla gradient sees the coordinates


def test_damped_flow():
    path = flow(GaussianBandit(QuadraticReward(0.0)), [1.0, 1.0], 1.0, damping=1e9, samples=5)
    slow = flow(GaussianBandit(QuadraticReward(0.0)), [1.0, 1.0], 1e-9, natural=False, samples=5)
    close(path.theta, slow.theta, rtol=1e-15)
    assert path.theta[-1, 0] != 1


def test_a_flow_that_meets_the_edge_says_so():
    with pytest.raises(RuntimeError, match=r"^the flow stopped at time 1, at the edge of the parameter space\.$"):
        flow(GaussianBandit(chart="mean_variance"), [0.0, 1.0], 2.0, natural=False)


def test_a_flow_that_rounding_hides_says_so(monkeypatch):
    monkeypatch.setattr("npg_lab.geometry.PATIENCE", 1000)
    with pytest.raises(RuntimeError, match=r"^the flow stopped at time \d.*: rounding hides its velocity\.$"):
        flow(Plain(SoftmaxBandit(REWARDS)), START, 200.0)


# --- ellipses and contours


@given(seeds, st.floats(1e-4, 10))
def test_ellipse_spends_the_budget(seed, kl):
    fisher = random_metric(np.random.default_rng(seed), 2)
    offsets = ellipse(fisher, kl, points=37)
    assert offsets.shape == (37, 2)
    close(0.5 * fisher_norm(offsets, fisher) ** 2, kl, rtol=1e-9)
    close(offsets[0], offsets[-1], atol=1e-9 * np.abs(offsets).max())
    turns = np.unwrap(np.arctan2(offsets[:, 1], offsets[:, 0]))
    close(abs(turns[-1] - turns[0]), 2 * np.pi)


@pytest.mark.parametrize("size", [1e-20, 1.0, 1e20])
def test_rank_is_a_matter_of_ratio_not_of_size(size):
    fisher, g = size * np.diag([1.0, 1e-10]), np.array([1.0, 1.0])
    close(ellipse(fisher, 0.5 * size)[0] ** 2 @ np.diag(fisher), size)
    close(natural_gradient(g, fisher), [1 / size, 1e10 / size], atol=0)
    close(natural_gradient(g, size * np.diag([1.0, 1e-14])), [1 / size, 0], atol=0)
    with pytest.raises(ValueError, match="positive definite"):
        ellipse(size * np.diag([1.0, 1e-14]), 0.5)


@pytest.mark.parametrize(("kl", "low", "high"), [(0.005, 0.89, 1.13), (0.05, 0.72, 1.53), (0.5, 0.41, 8.2)])
def test_true_kl_on_the_ellipse(kl, low, high):
    problem, theta = GaussianBandit(), np.array([0.0, 1.0])
    ratios = problem.kl(theta, theta + ellipse(problem.fisher(theta), kl, points=721)) / kl
    close([ratios.min(), ratios.max()], [low, high], atol=0.006 if high < 5 else 0.06)


@pytest.mark.parametrize("name", [name for name in PROBLEMS if name not in ("softmax",)])
@pytest.mark.parametrize("kl", [0.005, 0.5])
def test_true_kl_on_the_contour_is_the_budget(name, kl):
    problem, theta = PROBLEMS[name]
    offsets = kl_contour(problem, theta, kl, points=17)
    assert offsets.shape == (17, 2) and np.all(np.isfinite(offsets))
    close(problem.kl(theta, theta + offsets), kl, rtol=1e-9)
    along = angle(offsets, ellipse(problem.fisher(theta), kl, points=17))
    close(along, 0, atol=1e-5)


def test_small_contours_are_ellipses():
    problem, theta = PROBLEMS["bump"]
    flat = ellipse(problem.fisher(theta), 1e-8)
    close(kl_contour(problem, theta, 1e-8), flat, atol=1e-3 * np.abs(flat).max())


def test_the_contour_is_the_same_set_of_policies_in_every_chart():
    theta, kl = np.array([0.0, 1.0]), 0.5
    for chart in ("mean_variance", "natural"):
        problem = GaussianBandit(chart=chart)
        here = convert(theta, "mean_std", chart)
        policies = convert(here + kl_contour(problem, here, kl), chart, "mean_std")
        close(Gaussian(0, 1).kl(Gaussian(*policies.T)), kl)


def test_directions_that_leave_the_parameter_space_are_nan():
    class Tent:
        """Its divergence stays below the budget up to the edge of the parameter space."""

        def fisher(self, theta):
            return np.eye(2)

        def kl(self, theta, other):
            if other[0] > 1:
                raise ValueError("other must stay left of 1.")
            return 0.4 * ((other - theta) ** 2).sum(-1)

    offsets = kl_contour(Tent(), np.zeros(2), 4.0, points=9)
    outside = np.cos(np.linspace(0, 2 * np.pi, 9)) > 0.4
    assert np.array_equal(np.isnan(offsets[:, 0]), outside)
    close(0.4 * (offsets[~outside] ** 2).sum(-1), 4.0)
