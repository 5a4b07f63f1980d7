"""Exercises of chapter 12: the parts of a natural policy gradient agent."""

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_softmax

from .engine import Exercise


def _transitions(ended_before, terminated, truncated):
    done = terminated | truncated
    return ~np.concatenate([ended_before[None], done[:-1]])


def _flags(text):
    return np.array([[character == "1" for character in row] for row in text.split()]).T


transitions = Exercise(
    reference=_transitions,
    inputs=(
        (np.array([False, True]), _flags("00100000 00000010"), _flags("00000010 00010000")),
        (np.array([True, False, False]), _flags("0010 1000 0000"), _flags("0001 0000 0001")),
    ),
    praise="The step after an end is not counted, and the first row remembers the batch before.",
    mistakes={
        "You leave out the step in which the episode ends. That step is a transition, often the most telling "
        "one; the step after it is none.":
            lambda before, terminated, truncated: ~(terminated | truncated),
        "You have seen the terminations only. Truncated environments begin anew, too.":
            lambda before, terminated, truncated: _transitions(before, terminated, terminated),
        "You have seen the truncations only. Terminated environments begin anew, too.":
            lambda before, terminated, truncated: _transitions(before, truncated, truncated),
        "The first step of the batch may also be one that only begins an episode. Which argument knows?":
            lambda before, terminated, truncated: _transitions(np.zeros_like(before), terminated, truncated),
        "You have marked the steps that do not count. Wanted are those that do.":
            lambda before, terminated, truncated: ~_transitions(before, terminated, truncated),
        "You look one step ahead. Whether a step counts is decided by the step before it.":
            lambda before, terminated, truncated: ~np.concatenate(
                [(terminated | truncated)[1:], np.zeros_like(before)[None]]),
    },
)


def _values_until(limit, discount):
    """What is still to come, discounted, with 1, 2, …, limit steps left that pay 1 each."""
    return (1 - discount ** np.arange(1, limit + 1)) / (1 - discount)


blind_value = Exercise(
    reference=lambda limit, discount: _values_until(limit, discount).mean(),
    inputs=((500, 0.99), (10, 0.9), (4, 0.5)),
    praise="It is wrong almost everywhere: too low early in the episode and too high at its end.",
    mistakes={
        "That is what the first step of an episode sees. The critic meets the state at every time of the clock.":
            lambda limit, discount: _values_until(limit, discount)[-1],
        "That is the continuing value, which no return of this learner ever reaches.":
            lambda limit, discount: 1 / (1 - discount),
        "You take the value at the mean remaining time. Take the mean of the values.":
            lambda limit, discount: (1 - discount ** ((limit + 1) / 2)) / (1 - discount),
        "That is the sum over the episode. A least-squares fit answers with another number.":
            lambda limit, discount: _values_until(limit, discount).sum(),
        "You count from 0 steps left. The last step of an episode still pays once.":
            lambda limit, discount: (_values_until(limit, discount).sum()
                                     - _values_until(limit, discount)[-1]) / limit,
        "That is the mean without a discount.":
            lambda limit, discount: (limit + 1) / 2,
    },
)


class _Ray:
    """c ↦ KL(old, old + c δ), for a step δ that costs ε in the quadratic model."""

    def __init__(self, name, kl):
        self._name, self._kl = name, kl

    def __call__(self, c):
        return self._kl(c)

    def __repr__(self):
        return self._name


def _gaussian_ray(kl, sign):
    """log σ moves by sign · √ε (Fisher information 2)."""
    log_ratio = sign * np.sqrt(kl)
    return _Ray("a Gaussian's log σ", lambda c: c * log_ratio + (np.exp(-2 * c * log_ratio) - 1) / 2)


def _softmax_ray(kl, logits, rewards):
    """The natural direction of a softmax bandit is the rewards."""
    log_p = log_softmax(np.asarray(logits))
    p, r = np.exp(log_p), np.asarray(rewards)
    delta = np.sqrt(2 * kl / (p @ r**2 - (p @ r) ** 2)) * r
    return _Ray("a softmax bandit", lambda c: p @ (log_p - log_softmax(log_p + c * delta)))


def _exact_factor(kl_along, kl):
    upper = 1.0
    while kl_along(upper) < kl:
        upper *= 2
    return brentq(lambda c: kl_along(c) - kl, 0.0, upper, xtol=1e-12)


exact_factor = Exercise(
    reference=_exact_factor,
    inputs=((_gaussian_ray(0.5, 1), 0.5), (_gaussian_ray(0.5, -1), 0.5),
            (_softmax_ray(0.1, [2.0, 0.0, -1.0], [0.0, 1.0, 0.9]), 0.1)),
    praise="Sometimes the step may be longer than the quadratic model says, sometimes it must be shorter.",
    mistakes={
        "You trust the quadratic model. Look at kl_along(1.0): it is not the budget.":
            lambda kl_along, kl: 1.0,
        "One correction with the root is a good start, and then the KL is measured again.":
            lambda kl_along, kl: np.sqrt(kl / kl_along(1.0)),
        "You scale by the ratio of the two divergences. To leading order a divergence is quadratic in c.":
            lambda kl_along, kl: kl / kl_along(1.0),
        "Your correction goes the wrong way: if the step was too expensive, c must be below 1.":
            lambda kl_along, kl: np.sqrt(kl_along(1.0) / kl),
        "Your search only shortens. Where the quadratic model is too careful, c is above 1.":
            lambda kl_along, kl: min(_exact_factor(kl_along, kl), 1.0),
    },
    tolerance=1e-5,
)


def _direction(scores, advantages, damping):
    kernel = scores @ scores.T / len(scores)
    return scores.T @ np.linalg.solve(kernel + damping * np.eye(len(scores)), advantages) / len(scores)


def _scores_case(seed, samples, parameters, damping):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(samples, parameters)), rng.normal(size=samples), damping


compatible_direction = Exercise(
    reference=_direction,
    inputs=(_scores_case(0, 5, 40, 0.01), _scores_case(1, 8, 300, 0.5), _scores_case(2, 3, 7, 2.0)),
    praise="One unknown for each sample, however many parameters the network has.",
    mistakes={
        "The damping is missing.":
            lambda scores, advantages, damping: _direction(scores, advantages, 0.0),
        "Your answer is too long by the number of samples: g is a mean, and a 1/N is missing.":
            lambda scores, advantages, damping: len(scores) * _direction(scores, advantages, damping),
        "F is a mean over the samples. Without its 1/N the damping has another size.":
            lambda scores, advantages, damping: _direction(scores, advantages, damping / len(scores)),
        "Divided by N once too often: check the right side of the small system.":
            lambda scores, advantages, damping: _direction(scores, advantages, damping) / len(scores),
        "That is the vanilla gradient. The small system is still to be solved.":
            lambda scores, advantages, damping: scores.T @ advantages / len(scores),
        "The direction points downhill.":
            lambda scores, advantages, damping: -_direction(scores, advantages, damping),
    },
)
