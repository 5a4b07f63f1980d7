"""Wrong answers to the exercises on the KL divergence that their catalogues lack, and independent right ones."""

from itertools import pairwise

import numpy as np
import pytest

from npg_lab import Gaussian
from npg_lab.checks import kl

WRONG = [
    ("flips_needed", lambda p, q, odds: np.log(odds) / abs(p - q), "wrong value"),
    ("flips_needed", lambda p, q, odds: np.log(odds) * p * (1 - p) / (p - q) ** 2, "wrong value"),
    ("flips_needed", lambda p, q, odds: np.log(odds) / np.abs(np.log(p / q)), "wrong value"),
    ("flips_needed", lambda p, q, odds: 229, "wrong value"),
    ("flips_needed", lambda p, q, odds: np.log(odds) / np.array([p, q]), "wrong shape"),
    ("flips_needed", lambda p, q, odds: "many", "wrong type"),
    ("flips_needed", lambda p, q: p / q, "wrong type"),
    ("gaussian_kl", lambda m, s, n, t: 0.5 * (m - n) ** 2 / t**2, "wrong value"),
    ("gaussian_kl", lambda m, s, n, t: 2 * Gaussian(m, s).kl(Gaussian(n, t)), "wrong value"),
    ("gaussian_kl", lambda m, s, n, t: Gaussian(m, s).kl(Gaussian(n, t)) / np.log(2), "wrong value"),
    ("gaussian_kl", lambda m, s, n, t: 0.0, "wrong value"),
    ("gaussian_kl", lambda m, s, n, t: [s, t], "wrong shape"),
    ("gaussian_kl", lambda m, s, n, t: Gaussian(m, s) - Gaussian(n, t), "wrong type"),
    ("gaussian_kl", 0.5, "wrong type"),
    ("mean_kl", lambda old, new, states: np.max(np.sum(old * np.log(old / new), axis=1)), "wrong value"),
    ("mean_kl", lambda old, new, states: np.abs(old - new)[states].sum(axis=1).mean(), "wrong value"),
    ("mean_kl", lambda old, new, states: np.median((old * np.log(old / new)).sum(1)[states]), "wrong value"),
    ("mean_kl", lambda old, new, states: np.sum(old * np.log(old / new), axis=1)[states], "wrong shape"),
    ("mean_kl", lambda old, new, states: np.sum(old * np.log(old / new), axis=0).mean(), "wrong value"),
    ("mean_kl", lambda old, new, states: old[99], "wrong type"),
    ("drift", 50.5, "wrong value"),
    ("drift", -50.0, "wrong value"),
    ("drift", float("inf"), "wrong value"),
    ("drift", [0.02] * 50, "wrong shape"),
    ("drift", "fifty", "wrong type"),
    ("approximate_kl", lambda old, new: np.mean(np.exp(old) * (old - new)), "wrong value"),
    ("approximate_kl", lambda old, new: abs(np.mean(old - new)), "wrong value"),
    ("approximate_kl", lambda old, new: np.median(np.expm1(new - old) - (new - old)), "wrong value"),
    ("approximate_kl", lambda old, new: np.mean(new / old - 1 - np.log(new / old)), "wrong value"),
    ("approximate_kl", lambda old, new: np.expm1(new - old) - (new - old), "wrong shape"),
    ("approximate_kl", lambda old, new: old.kl(new), "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(kl, name)(candidate).status == status


def test_flips_needed_agrees_with_flipping():
    p, q, odds = 0.6, 0.5, 1e6
    heads = np.random.default_rng(0).random((2000, 2500)) < p
    evidence = np.where(heads, np.log(p / q), np.log((1 - p) / (1 - q))).cumsum(axis=1)
    flips = (evidence >= np.log(odds)).argmax(axis=1) + 1
    assert kl.flips_needed.reference(p, q, odds) == pytest.approx(flips.mean(), rel=0.03)


def test_drift_is_what_fifty_updates_add_up_to():
    policies = [Gaussian(0.0, 0.5)]
    for _ in range(50):
        policies.append(Gaussian(policies[-1].mean + 0.5 * np.sqrt(2 * 0.02), 0.5))
    assert [a.kl(b) for a, b in pairwise(policies)] == pytest.approx([0.02] * 50)
    assert kl.drift.reference() == pytest.approx(policies[0].kl(policies[-1]))


def test_approximate_kl_is_unbiased():
    old, new = np.array([0.2, 0.5, 0.3]), np.array([0.4, 0.4, 0.2])
    single = [kl.approximate_kl.reference(np.log(a), np.log(b)) for a, b in zip(old, new, strict=True)]
    assert old @ single == pytest.approx(old @ np.log(old / new))
