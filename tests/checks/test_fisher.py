"""Wrong answers to the exercises on Fisher information that are not in their catalogues, and right ones."""

import numpy as np
import pytest
from scipy.integrate import quad

from npg_lab import Gaussian
from npg_lab.checks import fisher


def _z(a, m, s):
    return (a - m) / np.exp(s)


WRONG = [
    ("score_of_mean_and_log_std", lambda a, m, s: [_z(a, m, s), _z(a, m, s) ** 2], "wrong value"),
    ("score_of_mean_and_log_std", lambda a, m, s: Gaussian(m, np.exp(s)).score(a, "mean_variance"),
     "wrong value"),
    ("score_of_mean_and_log_std", lambda a, m, s: [0.0, 0.0], "wrong value"),
    ("score_of_mean_and_log_std", lambda a, m, s: Gaussian(m, np.exp(s)).log_prob(a), "wrong shape"),
    ("score_of_mean_and_log_std", lambda a, m, s: np.eye(2), "wrong shape"),
    ("score_of_mean_and_log_std", lambda a, m, s: Gaussian(m, s).score(a), "wrong type"),
    ("semi_axes_of_the_ellipse", lambda fisher, kl: np.sqrt(np.linalg.eigvalsh(fisher)), "wrong value"),
    ("semi_axes_of_the_ellipse", lambda fisher, kl: np.sqrt(2 * kl / np.linalg.det(fisher)) * np.ones(2),
     "wrong value"),
    ("semi_axes_of_the_ellipse", lambda fisher, kl: 2 * kl / np.sqrt(np.linalg.eigvalsh(fisher)),
     "wrong value"),
    ("semi_axes_of_the_ellipse", lambda fisher, kl: np.sqrt(2 * kl) * np.linalg.inv(fisher), "wrong shape"),
    ("semi_axes_of_the_ellipse", lambda fisher, kl: np.sqrt(2 * kl / fisher[0, 0]), "wrong shape"),
    ("semi_axes_of_the_ellipse", lambda fisher: fisher, "wrong type"),
    ("semi_axes_of_the_ellipse", np.eye(2), "wrong type"),
    ("rank_of_a_tabular_fisher", lambda states, arms, unvisited: states * arms - unvisited, "wrong value"),
    ("rank_of_a_tabular_fisher", lambda states, arms, unvisited: states * (arms - 1) - unvisited,
     "wrong value"),
    ("rank_of_a_tabular_fisher", lambda states, arms, unvisited: (states - 1) * (arms - 1), "wrong value"),
    ("rank_of_a_tabular_fisher", lambda states, arms, unvisited: [states, arms], "wrong shape"),
    ("rank_of_a_tabular_fisher", lambda states, arms, unvisited: "full", "wrong type"),
    ("rank_of_a_tabular_fisher", 21, "wrong type"),
    ("sampled_fisher", lambda scores, advantages: np.eye(scores.shape[1]), "wrong value"),
    ("sampled_fisher", lambda scores, advantages: np.diag((scores**2).mean(0)), "wrong value"),
    ("sampled_fisher", lambda scores, advantages: np.linalg.pinv(scores.T @ scores / len(scores)),
     "wrong value"),
    ("sampled_fisher", lambda scores, advantages: (scores.T * advantages**2) @ scores / (advantages**2).sum(),
     "wrong value"),
    ("sampled_fisher", lambda scores, advantages: scores @ scores.T / len(scores), "wrong shape"),
    ("sampled_fisher", lambda scores, advantages: (scores**2).mean(0), "wrong shape"),
    ("sampled_fisher", lambda scores, advantages: scores @ scores, "wrong type"),
    ("coin_distance", lambda p, q: abs(p - q), "wrong value"),
    ("coin_distance", lambda p, q: 4 * (p - q) ** 2, "wrong value"),
    ("coin_distance", lambda p, q: abs(np.sqrt(p) - np.sqrt(q)), "wrong value"),
    ("coin_distance", lambda p, q: abs(1 / (p * (1 - p)) - 1 / (q * (1 - q))), "wrong value"),
    ("coin_distance", lambda p, q: [p, q], "wrong shape"),
    ("coin_distance", lambda p, q: f"{p} to {q}", "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(fisher, name)(candidate).status == status


def _slopes_of_log_prob(action, mean, log_std, h=1e-5):
    def log_prob(m, s):
        return Gaussian(m, np.exp(s)).log_prob(action)

    return [(log_prob(mean + h, log_std) - log_prob(mean - h, log_std)) / (2 * h),
            (log_prob(mean, log_std + h) - log_prob(mean, log_std - h)) / (2 * h)]


def _rank_by_linear_algebra(states, arms, unvisited):
    block = np.eye(arms) / arms - 1 / arms**2
    return np.linalg.matrix_rank(np.kron(np.diag(np.arange(states) >= unvisited), block))


def _mean_of_outer_products(scores, advantages):
    return np.mean([np.outer(score, score) for score in scores], axis=0)


def _semi_axes_by_search(fisher, kl):
    turn = np.linspace(0, np.pi, 200_001)
    direction = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    reach = np.sqrt(2 * kl / np.einsum("ni,ij,nj->n", direction, fisher, direction))
    return [reach.max(), reach.min()]


def _length_integral(p, q):
    return abs(quad(lambda x: (x * (1 - x)) ** -0.5, p, q, epsabs=1e-12)[0])


@pytest.mark.parametrize(("name", "candidate"), [
    ("score_of_mean_and_log_std", _slopes_of_log_prob),
    ("semi_axes_of_the_ellipse", _semi_axes_by_search),
    ("rank_of_a_tabular_fisher", _rank_by_linear_algebra),
    ("sampled_fisher", _mean_of_outer_products),
    ("coin_distance", _length_integral),
])
def test_an_independent_solution_is_right(name, candidate):
    assert getattr(fisher, name)(candidate).status == "right"
