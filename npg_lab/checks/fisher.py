"""Exercises on the score and on Fisher information."""

import numpy as np

from ..distributions import Categorical, Gaussian
from .engine import Exercise


def _score_log_std(action, mean, log_std):
    return Gaussian(mean, np.exp(log_std)).score(action, "mean_log_std")


def _z_and_std(action, mean, log_std):
    return (action - mean) / np.exp(log_std), np.exp(log_std)


def _scaled_score(mean_power, std_power, constant=1.0):
    """The answer (z σ^mean_power, (z² − constant) σ^std_power)."""

    def mistake(action, mean, log_std):
        z, std = _z_and_std(action, mean, log_std)
        return np.array([z * std**mean_power, (z**2 - constant) * std**std_power])

    return mistake


score_of_mean_and_log_std = Exercise(
    reference=_score_log_std,
    inputs=[(1.5, 0.0, 0.3), (-0.4, 0.7, -0.5), (2.0, 2.5, 1.1)],
    mistakes={
        "Your second entry is the slope per unit of σ. The parameter is now log σ: when it moves by a "
        "little, how far does σ move?": _scaled_score(-1, -1),
        "The factor between σ and log σ is there, but upside down: is dσ/d(log σ) larger or smaller for a "
        "wide policy?": _scaled_score(-1, -2),
        "Log σ enters log π in two places: inside z, and on its own. Which of the two is missing?":
            _scaled_score(-1, 0, constant=0.0),
        "The mean is the same coordinate as before, so its entry should not have changed.":
            _scaled_score(0, 0),
        "The sign is turned round. Take an action far above the mean: should moving the mean towards it "
        "raise or lower its log-probability?": lambda *inputs: -_score_log_std(*inputs),
        "You have differentiated the density itself. The score is the slope of its logarithm.":
            lambda a, m, s: np.exp(Gaussian(m, np.exp(s)).log_prob(a)) * _score_log_std(a, m, s),
    },
    praise="In this chart the second entry, z² − 1, no longer depends on σ.",
)


def _semi_axes(numerator, power=-0.5, width=1.0):
    """The answer width · sqrt(numerator · kl · λ^(2 power)), longest first."""

    def answer(fisher, kl):
        axes = width * np.sqrt(numerator * kl) * np.linalg.eigvalsh(fisher) ** power
        return np.sort(axes)[::-1]

    return answer


_METRICS = [np.diag([1.0, 2.0]), Gaussian(1.0, 0.5).fisher("natural"), np.array([[2.0, 0.6], [0.6, 0.5]])]

semi_axes_of_the_ellipse = Exercise(
    reference=_semi_axes(2),
    inputs=[(metric, kl) for metric, kl in zip(_METRICS, (0.05, 0.3, 0.01), strict=True)],
    mistakes={
        "Two repairs are missing. A large eigenvalue means that the direction is expensive: should the "
        "ellipse reach far or not far along it? And put a point of your ellipse into ½δᵀFδ: is it ε?":
            _semi_axes(1, 0.5),
        "The factor is right, but a large eigenvalue means an expensive direction: how far does the budget "
        "reach along it?": _semi_axes(2, 0.5),
        "Put a point of your ellipse into ½δᵀFδ. Is it ε, or ε/2?": _semi_axes(1),
        "This is the square of what is asked: λ times a squared length is a number of nats.":
            lambda fisher, kl: _semi_axes(2)(fisher, kl) ** 2,
        "These are the full widths of the ellipse. A semi-axis starts at the centre.":
            _semi_axes(2, width=2.0),
        "Right lengths, but in the other order: the longest comes first.":
            lambda fisher, kl: _semi_axes(2)(fisher, kl)[::-1],
        "The diagonal of F holds the eigenvalues only if the ellipse is not tilted.":
            lambda fisher, kl: np.sort(np.sqrt(2 * kl / np.diag(fisher)))[::-1],
    },
    praise="Long axis where F is small, short axis where F is large.",
)


rank_of_a_tabular_fisher = Exercise(
    reference=lambda states, arms, unvisited: (states - unvisited) * (arms - 1),
    inputs=[(3, 2, 0), (3, 3, 1), (10, 4, 3), (5, 6, 5)],
    mistakes={
        "Each block has a direction that changes nothing: which change of the logits of one state leaves its "
        "policy as it was?": lambda states, arms, unvisited: (states - unvisited) * arms,
        "Look again at a state with d(s) = 0. What does its block of F look like?":
            lambda states, arms, unvisited: states * (arms - 1),
        "Adding a constant to the logits changes nothing in each state separately, not only in all states "
        "together.": lambda states, arms, unvisited: max((states - unvisited) * arms - 1, 0),
        "That is the number of directions that F does not see. The rank counts those that it does.":
            lambda states, arms, unvisited: states * arms - (states - unvisited) * (arms - 1),
        "That is the number of parameters. Which directions of them change no action probability?":
            lambda states, arms, unvisited: states * arms,
    },
    praise="One direction is lost in every visited state, and all of them in a state that is never visited.",
)


def _sampled_fisher(scores, advantages):
    return scores.T @ scores / len(scores)


def _score_batch(seed, size, dimension):
    rng = np.random.default_rng(seed)
    return rng.normal(0.3, 1.0, (size, dimension)), rng.normal(0.2, 2.0, size)


sampled_fisher = Exercise(
    reference=_sampled_fisher,
    inputs=[_score_batch(0, 6, 2), _score_batch(1, 40, 3), _score_batch(2, 2, 4)],
    mistakes={
        "You have squared the terms of the gradient, advantage included. Does the size of the reward belong "
        "in a measure of how much the policy changes?":
            lambda scores, advantages: (scores.T * advantages**2) @ scores / len(scores),
        "The advantage weights have no place here: F belongs to the policy, whatever the reward is.":
            lambda scores, advantages: (scores.T * advantages) @ scores / len(scores),
        "An average, not a sum: with twice as many actions your matrix would be twice as large.":
            lambda scores, advantages: scores.T @ scores,
        "This is the outer product of the mean score, and the true mean score is zero. Take the outer "
        "products first and average afterwards.":
            lambda scores, advantages: np.outer(scores.mean(0), scores.mean(0)),
        "You subtract the mean of this batch. The true mean is known to be zero, so there is nothing to "
        "estimate, and subtracting makes the answer too small on average.":
            lambda scores, advantages: np.cov(scores.T, bias=True),
        "You subtract the mean of this batch and divide by N − 1. The true mean of the score is known: which "
        "theorem says so?": lambda scores, advantages: np.cov(scores.T),
        "Dividing by N − 1 repairs the loss from estimating a mean. Here no mean is estimated.":
            lambda scores, advantages: scores.T @ scores / (len(scores) - 1),
    },
    praise="One matrix product with an array that the policy gradient needs in any case.",
)


def _coin_distance(p, q):
    return 2 * abs(np.arcsin(np.sqrt(p)) - np.arcsin(np.sqrt(q)))


def _log_odds(p):
    return np.log(p / (1 - p))


coin_distance = Exercise(
    reference=_coin_distance,
    inputs=[(0.5, 0.6), (0.99, 0.9), (0.02, 0.7), (0.3, 0.3)],
    mistakes={
        "The angle is right. Each unit of it is √F long: what is F in that chart?":
            lambda p, q: _coin_distance(p, q) / 2,
        "That is the distance times √F once too often: the length of a step is √F times the step, not F "
        "times it.":
            lambda p, q: 2 * _coin_distance(p, q),
        "That uses the length of a step at p for the whole way. F changes as you walk.":
            lambda p, q: abs(p - q) / np.sqrt(p * (1 - p)),
        "√(2 KL) agrees with the distance for a short way only, and it depends on which coin comes first.":
            lambda p, q: np.sqrt(2 * Categorical([p, 1 - p]).kl(Categorical([q, 1 - q]))),
        "Equal steps of the log-odds are not equally long: near certainty they change almost nothing.":
            lambda p, q: abs(_log_odds(p) - _log_odds(q)),
        "In the chart with p = sin²φ, what is φ? There is a square root in it.":
            lambda p, q: 2 * abs(np.arcsin(p) - np.arcsin(q)),
        "That is the straight chord through the circle; walk along its arc.":
            lambda p, q: 4 * np.sin(_coin_distance(p, q) / 4),
        "A distance is the same in both directions and never negative.":
            lambda p, q: 2 * (np.arcsin(np.sqrt(p)) - np.arcsin(np.sqrt(q))),
    },
    praise="Every coin sits on a quarter circle of radius 2; the distance is the arc between two of them.",
)
