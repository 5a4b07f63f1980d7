"""Answers on trust regions: wrong ones outside the catalogues, right ones of another origin."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from npg_lab import Gaussian, ellipse
from npg_lab.checks import trust
from npg_lab.problems import GaussianBandit


def ratios(new, old):
    return np.exp(np.asarray(new) - old)


WRONG = [
    ("price_of_model_step", lambda kl, sign: kl, "wrong value"),
    ("price_of_model_step", lambda kl, sign: 1 + sign * np.sqrt(kl), "wrong value"),
    ("price_of_model_step", lambda kl, sign: 1 / (1 + sign * np.sqrt(kl)) ** 2, "wrong value"),
    ("price_of_model_step", lambda kl, sign: np.array([0.0, np.sqrt(kl)]), "wrong shape"),
    ("price_of_model_step", 8.2, "wrong type"),
    ("price_of_model_step", lambda kl: kl, "wrong type"),
    ("line_search", lambda step, kl, shrink, trials: 1.0, "wrong value"),
    ("line_search", lambda step, kl, shrink, trials: 0.0, "wrong value"),
    ("line_search", lambda step, kl, shrink, trials: step(1.0)[1] <= kl, "wrong value"),
    ("line_search", lambda step, kl, shrink, trials: min(1.0, np.sqrt(kl / step(1.0)[1])), "wrong value"),
    ("line_search", lambda step, kl, shrink, trials: step(1.0), "wrong shape"),
    ("line_search", lambda step, kl, shrink, trials: step(1.0) <= kl, "wrong type"),
    ("clipped_objective", lambda new, old, A, clip: np.clip(A, -clip, clip).mean(), "wrong value"),
    ("clipped_objective", lambda new, old, A, clip: A.mean(), "wrong value"),
    ("clipped_objective", lambda new, old, A, clip: np.minimum(ratios(new, old) * A, clip).mean(), "wrong value"),
    ("clipped_objective", lambda new, old, A, clip: np.minimum(
        ratios(new, old) * A, np.clip(ratios(new, old), clip, clip) * A).mean(), "wrong value"),
    ("clipped_objective", lambda new, old, A, clip: ratios(new, old) * A, "wrong shape"),
    ("clipped_objective", lambda new, old, A, clip: np.minimum(new - old), "wrong type"),
    ("votes", lambda rho, A, clip: A, "wrong value"),
    ("votes", lambda rho, A, clip: np.where(rho < 1, A, 0.0), "wrong value"),
    ("votes", lambda rho, A, clip: np.where(rho * A < (1 + clip) * A, A, 0.0), "wrong value"),
    ("votes", lambda rho, A, clip: A[A > 0], "wrong shape"),
    ("votes", lambda rho, A, clip: np.where(rho < 1 + clip, A, 0.0).mean(), "wrong shape"),
    ("votes", lambda rho, A: A, "wrong type"),
    ("next_penalty", lambda beta, kl, target: beta, "wrong value"),
    ("next_penalty", lambda beta, kl, target: beta * 1.5, "wrong value"),
    ("next_penalty", lambda beta, kl, target: beta + np.sign(kl - target), "wrong value"),
    ("next_penalty", lambda beta, kl, target: np.array([beta / 2, beta, 2 * beta]), "wrong shape"),
    ("next_penalty", 2.0, "wrong type"),
    ("next_penalty", lambda beta, kl: beta, "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(trust, name)(candidate).status == status


@pytest.mark.parametrize("sign", [-1, 1])
def test_price_of_model_step_is_that_of_the_ellipse_of_any_gaussian(sign):
    mean, std = 2.0, 0.7
    heights = ellipse(GaussianBandit().fisher([mean, std]), 0.3, points=5)[:, 1]
    top = std + (heights.max() if sign > 0 else heights.min())
    kl = GaussianBandit().kl([mean, std], [mean, top])
    assert kl / 0.3 == pytest.approx(trust.price_of_model_step.reference(0.3, sign))


def test_price_of_model_step_by_integration_is_right():
    def integrate(kl, sign):
        old, new = norm(0, 1), norm(0, 1 + sign * np.sqrt(kl))
        value = quad(lambda a: old.pdf(a) * (old.logpdf(a) - new.logpdf(a)), -12, 12)[0]
        return value / kl

    assert trust.price_of_model_step(integrate).status == "right"


def test_price_of_model_step_at_one_half():
    assert trust.price_of_model_step.reference(0.5, -1) == pytest.approx(8.20, abs=5e-3)
    assert trust.price_of_model_step.reference(0.5, 1) == pytest.approx(0.41, abs=5e-3)


def test_line_search_with_a_loop_is_right():
    def search(try_step, kl, shrink, trials):
        scale = 1.0
        for _ in range(trials):
            gain, divergence = try_step(scale)
            if gain > 0 and not divergence > kl:
                return scale
            scale *= shrink
        return 0.0

    assert trust.line_search(search).status == "right"


def test_the_cases_of_the_line_search_are_told_apart():
    found = [trust.line_search.reference(*arguments) for arguments in trust.line_search.inputs]
    assert found[0] == 1.0
    assert 0.0 < found[3] < found[1] < 1.0
    assert found[5] == 0.5
    assert found[4] == found[6] == 0.0


def test_clipped_objective_by_cases_is_right():
    def by_cases(new, old, advantages, clip):
        total = 0.0
        for ratio, A in zip(np.exp(new) / np.exp(old), advantages, strict=True):
            total += A * (min(ratio, 1 + clip) if A > 0 else max(ratio, 1 - clip))
        return total / len(advantages)

    assert trust.clipped_objective(by_cases).status == "right"


def test_votes_are_the_slopes_of_the_clipped_objective():
    def slopes(ratio, advantages, clip):
        return np.array([
            [0.0 if A == 0 else (trust._clipped(rho + 1e-6, A, clip) - trust._clipped(rho - 1e-6, A, clip)) / 2e-6]
            for rho, A in zip(ratio, advantages, strict=True)
        ])[:, 0]

    assert trust.votes(slopes).status == "right"


def test_next_penalty_in_logarithms_is_right():
    def rule(beta, kl, target):
        surplus = np.log(kl / target) / np.log(1.5)
        return beta * 2.0 ** np.clip(np.trunc(surplus), -1, 1)

    assert trust.next_penalty(rule).status == "right"


def test_next_penalty_steers_a_policy_to_its_target():
    beta, gradient = 1.0, 3.0  # of a unit Gaussian's mean
    for _ in range(20):
        kl = float(Gaussian(0, 1).kl(Gaussian(gradient / beta, 1)))
        beta = trust.next_penalty.reference(beta, kl, 0.01)
    assert 0.01 / 4 < kl < 0.01 * 4
