"""Answers on the natural gradient: wrong ones outside the catalogues, right ones of another origin."""

import numpy as np
import pytest
from scipy.optimize import minimize

from npg_lab.checks import natural

solve, norm = np.linalg.solve, np.linalg.norm

WRONG = [
    ("which_ruler", [2, 1, 0, 4, 3], "wrong value"),
    ("which_ruler", [0, 0, 0, 0, 0], "wrong value"),
    ("which_ruler", [3, 2, 0, 1, 4], "wrong value"),
    ("which_ruler", [3, 2, 0, 4], "wrong shape"),
    ("which_ruler", 32041, "wrong shape"),
    ("which_ruler", ["KL", "Euclid", "none", "max", "diagonal"], "wrong type"),
    ("lagrange_step", lambda g, F, multiplier: g / multiplier, "wrong value"),
    ("lagrange_step", lambda g, F, multiplier: solve(F, g), "wrong value"),
    ("lagrange_step", lambda g, F, multiplier: 0.5 * solve(F, g) / multiplier, "wrong value"),
    ("lagrange_step", lambda g, F, multiplier: np.linalg.inv(F) / multiplier, "wrong shape"),
    ("lagrange_step", lambda g, F, multiplier: g @ solve(F, g) / multiplier, "wrong shape"),
    ("lagrange_step", lambda g, F: solve(F, g), "wrong type"),
    ("multiplier", lambda g, F, kl: np.sqrt(g @ g / (2 * kl)), "wrong value"),
    ("multiplier", lambda g, F, kl: np.sqrt(g @ solve(F, g)) / (2 * kl), "wrong value"),
    ("multiplier", lambda g, F, kl: 1.0, "wrong value"),
    ("multiplier", lambda g, F, kl: np.sqrt(2 * kl / g @ solve(F, g)), "wrong value"),
    ("multiplier", lambda g, F, kl: np.abs(solve(F, g)) / kl, "wrong shape"),
    ("multiplier", 13.4, "wrong type"),
    ("step_of_given_kl", lambda g, F, kl: np.sqrt(2 * kl) * g / norm(g), "wrong value"),
    ("step_of_given_kl", lambda g, F, kl: 0.1 * np.linalg.pinv(F) @ g, "wrong value"),
    ("step_of_given_kl", lambda g, F, kl: np.sqrt(2 * kl) * np.linalg.pinv(F) @ g, "wrong value"),
    ("step_of_given_kl", lambda g, F, kl: solve(F, g), "wrong type"),
    ("step_of_given_kl", lambda g, F, kl: np.sqrt(2 * kl) * np.linalg.pinv(F), "wrong shape"),
    ("damped_in_other_names", lambda g, F, damping, A: solve(F + damping * A, g), "wrong value"),
    ("damped_in_other_names", lambda g, F, damping, A: solve(A.T @ A, g), "wrong value"),
    ("damped_in_other_names", lambda g, F, damping, A: solve(A, solve(F, g)), "wrong value"),
    ("damped_in_other_names", lambda g, F, damping, A: F + damping * A.T @ A, "wrong shape"),
    ("damped_in_other_names", lambda g, F, damping, A: solve(F, g, A), "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(natural, name)(candidate).status == status


def test_solve_on_the_singular_metric_says_what_happened():
    verdict = natural.step_of_given_kl(lambda g, F, kl: np.sqrt(2 * kl / (g @ solve(F, g))) * solve(F, g))
    assert verdict.status == "wrong type" and "Singular matrix" in verdict.message


def test_lagrange_step_agrees_with_the_maximum_of_the_penalised_gain():
    def penalised(g, F, multiplier):
        loss = lambda x: 0.5 * multiplier * x @ F @ x - g @ x  # noqa: E731
        slope = lambda x: multiplier * F @ x - g  # noqa: E731
        return minimize(loss, 0 * g, jac=slope, options={"gtol": 1e-12}).x

    assert natural.lagrange_step(penalised).status == "right"


def test_multiplier_agrees_with_the_price_of_a_nat():
    def price(g, F, kl):
        factor = np.linalg.cholesky(F)
        best_gain = lambda budget: np.sqrt(2 * budget) * norm(solve(factor, g))  # noqa: E731
        return (best_gain(kl + 1e-6) - best_gain(kl - 1e-6)) / 2e-6

    assert natural.multiplier(price).status == "right"


def test_step_of_given_kl_agrees_with_least_squares():
    def step(g, F, kl):
        direction = np.linalg.lstsq(F, g)[0]
        return np.sqrt(2 * kl / (direction @ F @ direction)) * direction

    assert natural.step_of_given_kl(step).status == "right"


def test_damping_agrees_with_the_closed_form():
    verdict = natural.damped_in_other_names(lambda g, F, damping, A: solve(F + damping * A.T @ A, g))
    assert verdict.status == "right"
