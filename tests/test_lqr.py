"""The linear-quadratic regulator against Riccati, recursions, simulation and the numbers of the course."""
import numpy as np
import pytest
from oracles import derivative
from scipy.linalg import solve_discrete_are

from npg_lab import ascend, flow
from npg_lab.problems import LinearQuadraticRegulator

COURSE = LinearQuadraticRegulator(0.9, 0.1)
START = np.array([-0.2, 0.7])
VARIANTS = [
    COURSE,
    LinearQuadraticRegulator(0.95, 2.0, noise=0.3),
    LinearQuadraticRegulator(0.8, 0.5, drift=0.7, control=1.5, state_cost=2.0, action_cost=0.4),
    LinearQuadraticRegulator(0.99, 1.0, drift=1.2, control=-0.5, noise=0.1),
    LinearQuadraticRegulator(0.0, 1.0),
]
every_variant = pytest.mark.parametrize("problem", VARIANTS)


def moments(problem, theta, steps=6000):
    """Second moments of the state, one step after the other."""
    k, sigma = theta
    moment = problem.start_variance
    for _ in range(steps):
        yield moment
        closed_loop = problem.drift + problem.control * k
        moment = closed_loop**2 * moment + problem.control**2 * sigma**2 + problem.noise**2


# --- closed forms -------------------------------------------------------------------------------------------

@every_variant
@pytest.mark.parametrize("sigma", [0.05, 0.6])
def test_objective_and_fisher_by_brute_force_moments(problem, sigma):
    theta = np.array([0.6 * problem.best_gain, sigma])
    m, weight = np.array(list(moments(problem, theta))), problem.discount ** np.arange(6000)
    action = theta[0] ** 2 * m + sigma**2
    total = -weight @ (problem.state_cost * m + problem.action_cost * action)
    assert problem.objective(theta) == pytest.approx(total, rel=1e-12)
    visited = (1 - problem.discount) * weight @ m
    np.testing.assert_allclose(problem.fisher(theta), np.diag([visited, 2]) / sigma**2, rtol=1e-12)


@every_variant
def test_gradient_matches_finite_differences(problem):
    theta = np.array([0.6 * problem.best_gain - 0.05, 0.5])
    numeric = derivative(problem.objective, theta, step=2e-3)
    np.testing.assert_allclose(problem.gradient(theta), numeric, atol=1e-8 * np.abs(numeric).max())


def test_simulation_agrees_within_its_error():
    problem, theta = VARIANTS[1], np.array([-0.4, 0.5])
    rng, walks = np.random.default_rng(11), 20_000
    state, total = rng.normal(0, np.sqrt(problem.start_variance), walks), np.zeros(walks)
    for t in range(400):
        action = theta[0] * state + theta[1] * rng.normal(size=walks)
        total -= problem.discount**t * (state**2 + action**2)
        state = state + action + problem.noise * rng.normal(size=walks)
    error = total.std() / np.sqrt(walks)
    assert abs(total.mean() - problem.objective(theta)) < 4 * error
    assert error < 0.01 * abs(problem.objective(theta))


@every_variant
def test_best_gain_solves_the_riccati_equation(problem):
    root = np.sqrt(problem.discount)
    cost = solve_discrete_are(
        [[root * problem.drift]], [[root * problem.control]], [[problem.state_cost]], [[problem.action_cost]]
    )[0, 0]
    gain = -problem.discount * problem.control * cost * problem.drift / (
        problem.action_cost + problem.discount * problem.control**2 * cost
    )
    assert problem.best_gain == pytest.approx(gain, rel=1e-10, abs=1e-14)
    inflow = problem.discount / (1 - problem.discount) * problem.noise**2
    best = problem.objective([gain, 1e-9])
    assert best == pytest.approx(-cost * (problem.start_variance + inflow), rel=1e-10)


@every_variant
@pytest.mark.parametrize("sigma", [0.01, 0.5, 2.0])
def test_best_gain_is_best_at_every_width(problem, sigma):
    gains = problem.best_gain + np.linspace(-0.3, 0.3, 61)
    curve = problem.objective(np.stack([gains, np.full(61, sigma)], axis=-1))
    assert np.argmax(curve) == 30


def test_runaway_gains_are_minus_infinity_and_never_nan():
    gains = np.linspace(-4, 4, 401)
    curve = COURSE.objective(np.stack([gains, np.full(401, 0.5)], axis=-1))
    assert not np.any(np.isnan(curve))
    np.testing.assert_array_equal(np.isneginf(curve), 0.9 * (1 + gains) ** 2 >= 1)
    for method in (COURSE.gradient, COURSE.fisher):
        with pytest.raises(ValueError, match=r"theta must have a gain k with .* < 1, got k = 0\.5\."):
            method([0.5, 1.0])


# --- numbers of the course ----------------------------------------------------------------------------------

@pytest.mark.parametrize(("discount", "gain"), [(0.5, -0.414), (0.9, -0.588), (0.99, -0.615), (1 - 1e-9, -0.618)])
def test_best_gain_is_not_minus_one(discount, gain):
    assert round(LinearQuadraticRegulator(discount).best_gain, 3) == gain
    exact = (1 - np.sqrt(1 + 4 * discount**2)) / (2 * discount)
    assert LinearQuadraticRegulator(discount).best_gain == pytest.approx(exact, rel=1e-12)


def test_gain_minus_one_costs_two_against_the_golden_ratio():
    patient = LinearQuadraticRegulator(1 - 1e-7)
    assert patient.objective([-1, 1e-8]) == pytest.approx(-2, rel=1e-6)
    assert patient.objective([patient.best_gain, 1e-8]) == pytest.approx(-(1 + np.sqrt(5)) / 2, rel=1e-6)
    steep = LinearQuadraticRegulator(1 - 1e-9, drift=np.sqrt(2))
    assert steep.best_gain == pytest.approx(-1, rel=1e-6)
    free = LinearQuadraticRegulator(0.9, action_cost=1e-9)
    assert free.best_gain == pytest.approx(-1, rel=1e-6)


def test_slope_in_the_width_dies_out_while_the_slope_in_the_gain_stays():
    """dJ/dσ is −55, −5.5, −.55 at σ = 1, .1, .01 (γ = .9, m₀ = .1, k = −.3)."""
    slopes = COURSE.gradient([[-0.3, 1.0], [-0.3, 0.1], [-0.3, 0.01]])
    np.testing.assert_allclose(slopes[:, 1], [-55.1, -5.51, -0.551], rtol=2e-3)
    limit = derivative(lambda k: 0.1 * (1 + k[0] ** 2) / (0.9 * (1 + k[0]) ** 2 - 1), np.array([-0.3]))
    np.testing.assert_allclose(COURSE.gradient([-0.3, 1e-4])[0], limit[0], rtol=1e-5)


def test_condition_number_of_the_hessian():
    """D/((1 − γ)m₀) = 84.8 at the optimum, with D = 1 − γ(1 + k*)²."""
    theta = np.array([COURSE.best_gain, 1e-5])
    hessian = derivative(COURSE.gradient, theta, step=1e-6)
    np.testing.assert_allclose(hessian[0, 1], 0, atol=1e-3 * abs(hessian[0, 0]))
    contraction = 1 - 0.9 * (1 + COURSE.best_gain) ** 2
    condition = hessian[1, 1] / hessian[0, 0]
    assert condition == pytest.approx(contraction / (0.1 * 0.1), rel=1e-6)
    assert round(condition, 1) == pytest.approx(84.8, abs=0.05)


def gain_at_width(path, width=0.1):
    """The gain where a path (n, 2) of falling widths crosses `width`."""
    return np.interp(-width, -path[:, 1], path[:, 0])


@pytest.mark.parametrize(("natural", "time", "gain"), [(False, 0.5, -0.356), (True, 10.0, -0.582)])
def test_gain_when_the_width_reaches_a_tenth(natural, time, gain):
    """From (−.2, .7) with γ = .9 and m₀ = .1: −.356 vanilla, −.582 natural, k* = −.588."""
    followed = flow(COURSE, START, time, natural=natural, samples=4001)
    assert followed.theta[-1, 1] < 0.1
    assert round(gain_at_width(followed.theta), 3) == gain
    stepped = ascend(COURSE, START, 260, kl=1e-4, natural=natural)
    assert gain_at_width(stepped) == pytest.approx(gain, abs=3e-3)
    assert round(COURSE.best_gain, 3) == -0.588


@pytest.mark.parametrize("start", [(-0.2, 0.7), (-0.3, 1.0), (-1.2, 0.5), (0.02, 0.3)])
@pytest.mark.parametrize("start_variance", [0.1, 2.0])
def test_natural_flow_conserves_a_ratio(start, start_variance):
    r"""(γ + k − γk²)/σ² stays what it is along the natural flow, whatever the law of the first state."""
    followed = flow(LinearQuadraticRegulator(0.9, start_variance), start, 50.0)
    k, sigma = followed.theta.T
    conserved = (0.9 + k - 0.9 * k**2) / sigma**2
    np.testing.assert_allclose(conserved, conserved[0], rtol=1e-6)
    assert np.ptp(k) > 0.05


def test_vanilla_flow_does_not_conserve_it():
    k, sigma = flow(COURSE, START, 0.5, natural=False).theta.T
    conserved = (0.9 + k - 0.9 * k**2) / sigma**2
    assert conserved[-1] > 10 * conserved[0]


def test_natural_flow_is_slow_and_vanilla_flow_exponential():
    """Gap of the natural flow 1/(2t), 5e-3 at t = 100; of the vanilla flow c·exp(−rate·t)."""
    best = COURSE.objective([COURSE.best_gain, 1e-12])
    natural = flow(COURSE, START, np.array([0.0, 100.0, 1000.0]))
    gap = best - natural.objective
    assert gap[1] == pytest.approx(5e-3, rel=0.02)
    assert gap[1] / gap[2] == pytest.approx(10, rel=0.02)
    vanilla = flow(COURSE, START, np.array([0.0, 6.0, 8.0, 10.0]), natural=False)
    ratios = (best - vanilla.objective)[1:-1] / (best - vanilla.objective)[2:]
    slope = derivative(COURSE.gradient, np.array([COURSE.best_gain, 1e-4]), step=1e-5)[0, 0]
    np.testing.assert_allclose(ratios, np.exp(-2 * 2 * slope), rtol=0.02)
    assert ratios[0] > 9 and best - vanilla.objective[-1] < 1e-6


# --- bad input ----------------------------------------------------------------------------------------------

SENTENCES = {
    "discount": (lambda: LinearQuadraticRegulator(1.0), "discount must lie in [0, 1), got 1.0."),
    "negative discount": (lambda: LinearQuadraticRegulator(-0.5), "discount must lie in [0, 1), got -0.5."),
    "NaN discount": (lambda: LinearQuadraticRegulator(np.nan), "discount must be finite, got nan."),
    "start variance": (lambda: LinearQuadraticRegulator(0.9, 0), "start_variance must be greater than 0, got 0."),
    "control": (lambda: LinearQuadraticRegulator(control=0), "control must not be 0, got 0."),
    "drift": (lambda: LinearQuadraticRegulator(drift=np.inf), "drift must be finite, got inf."),
    "state cost": (lambda: LinearQuadraticRegulator(state_cost=0), "state_cost must be greater than 0, got 0."),
    "action cost": (lambda: LinearQuadraticRegulator(action_cost=0), "action_cost must be greater than 0, got 0."),
    "noise": (lambda: LinearQuadraticRegulator(noise=-1), "noise must be 0 or more, got -1."),
    "width": (lambda: COURSE.objective([0, 0]), "sigma must be greater than 0, got 0."),
    "NaN gain": (lambda: COURSE.objective([np.nan, 1]), "theta must be finite, got [nan 1]."),
    "shape": (
        lambda: COURSE.gradient([1, 1, 1]), "theta must have 2 entries along its last axis, got shape (3,)."),
}


@pytest.mark.parametrize("case", SENTENCES)
def test_bad_input_is_refused_in_one_plain_sentence(case):
    call, sentence = SENTENCES[case]
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == sentence
