"""Answers on crawling gradients: wrong ones outside the catalogues, right ones of another origin."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.linalg import solve_discrete_are
from scipy.optimize import brentq, minimize_scalar

from npg_lab.checks import crawling
from npg_lab.problems import LinearQuadraticRegulator, Reparametrized

sqrt, exp = np.sqrt, np.exp

WRONG = [
    ("best_gain", lambda discount, price: (1 - sqrt(1 + 4 * discount)) / (2 * discount), "wrong value"),
    ("best_gain", lambda discount, price: -discount / price, "wrong value"),
    ("best_gain", lambda discount, price: -1 / (1 + price), "wrong value"),
    ("best_gain", lambda discount, price: (0.6, -0.6), "wrong shape"),
    ("best_gain", lambda discount: -0.588, "wrong type"),
    ("best_gain", -0.588, "wrong type"),
    ("powers_of_sigma", [0, 1, 1, 1, 0, 2], "wrong value"),
    ("powers_of_sigma", [1, 1, -1, -1, 0, 2], "wrong value"),
    ("powers_of_sigma", [0, -1, 0, 0, 0, 0], "wrong value"),
    ("powers_of_sigma", [0, 1, -1, -1, 0], "wrong shape"),
    ("powers_of_sigma", 2, "wrong shape"),
    ("powers_of_sigma", ["const", "σ", "1/σ", "1/σ", "const", "σ²"], "wrong type"),
    ("best_unit", lambda gain, width, discount, start_variance: width, "wrong value"),
    ("best_unit", lambda gain, width, discount, start_variance: sqrt(start_variance / 2), "wrong value"),
    ("best_unit", lambda gain, width, discount, start_variance: 0.0768, "wrong value"),
    ("best_unit", lambda gain, width, discount, start_variance: (0.1, 1.0), "wrong shape"),
    ("best_unit", lambda gain, width: 1.0, "wrong type"),
    ("plateau_steps", lambda stay_i, stay_j, rate: exp(17) / 9 / rate, "wrong value"),
    ("plateau_steps", lambda stay_i, stay_j, rate: 0.25 * exp(2 / stay_j) / rate, "wrong value"),
    ("plateau_steps", lambda stay_i, stay_j, rate: 0.69 / rate, "wrong value"),
    ("plateau_steps", lambda stay_i, stay_j, rate: np.ones(3), "wrong shape"),
    ("plateau_steps", 1_265_777, "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(crawling, name)(candidate).status == status


def test_best_gain_agrees_with_riccati():
    def gain(discount, price):
        root = sqrt(discount)
        cost = solve_discrete_are([[root]], [[root]], [[1.0]], [[price]])[0, 0]
        return -discount * cost / (price + discount * cost)

    assert crawling.best_gain(gain).status == "right"


def test_powers_agree_with_measured_slopes():
    """Exponents by comparing two small widths, for the exact gradients and the one-action estimates."""
    gain, discount, state = -0.3, 0.9, 0.5
    cart = LinearQuadraticRegulator(discount, 0.1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)

    def measured(width):
        curvature = -cart.objective([gain, 1e-9]) / cart.start_variance
        forever = discount * width**2 * (1 + discount * curvature) / (1 - discount)
        action = gain * state + width * nodes
        worth = -(state**2) - action**2 - discount * curvature * (state + action) ** 2 - forever
        score = np.stack([nodes * state, nodes**2 - 1]) / width

        def spread(estimate):
            return sqrt(np.cov(estimate, aweights=weights, ddof=0))

        slope = cart.gradient([gain, width])
        natural = np.linalg.solve(cart.fisher([gain, width]), slope)
        value = weights @ worth / weights.sum()
        noise = spread(score[0]), spread(score[1] * worth), spread(score[1] * (worth - value))
        return np.abs([*slope, *noise, natural[0]])

    powers = np.log(measured(1e-5) / measured(1e-6)) / np.log(10)
    assert crawling.powers_of_sigma(powers.round(3)).status == "right"


def test_best_unit_agrees_with_a_search_for_parallel_directions():
    def unit(gain, width, discount, start_variance):
        problem, theta = LinearQuadraticRegulator(discount, start_variance), np.array([gain, width])
        natural = np.linalg.solve(problem.fisher(theta), problem.gradient(theta))

        def turned(log_unit):
            chart = np.diag([exp(log_unit), 1.0])
            vanilla = np.linalg.solve(chart, Reparametrized(problem, chart).gradient(chart @ theta))
            return vanilla[0] * natural[1] - vanilla[1] * natural[0]

        return exp(brentq(turned, -6, 4, xtol=1e-13))

    assert crawling.best_unit(unit).status == "right"


def test_plateau_steps_agree_with_the_integral():
    def steps(stay_i, stay_j, rate):
        u, v = np.log([stay_i / (1 - stay_i), stay_j / (1 - stay_j)])
        conserved = u + v + 2 * exp(-v) - 4 * exp(-u)
        peak = minimize_scalar(lambda v: 2 * v + 2 * exp(-v)).x  # of the integrand
        integral = quad(lambda v: exp(conserved - 2 * v - 2 * exp(-v)), peak - 6, peak + 25, epsrel=1e-10)[0]
        return integral / rate

    assert crawling.plateau_steps(steps).status == "right"
