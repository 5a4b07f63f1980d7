"""Exercises on the Kullback–Leibler divergence: coins, Gaussians, policies, a chain of updates, samples."""

import numpy as np

from ..distributions import Categorical, Gaussian
from .engine import Exercise


def _coin(heads):
    return Categorical([heads, 1 - heads])


def _evidence_rate(p, q):
    return _coin(p).kl(_coin(q))


flips_needed = Exercise(
    reference=lambda p, q, odds: np.log(odds) / _evidence_rate(p, q),
    inputs=((0.4, 0.5, 100.0), (0.4, 0.1, 100.0), (0.9, 0.6, 20.0), (0.2, 0.7, 1e6)),
    mistakes={
        "Which coin is being flipped? The average is taken over the flips of that coin.":
            lambda p, q, odds: np.log(odds) / _evidence_rate(q, p),
        "Odds multiply, evidence adds. On which scale must the odds be before you divide?":
            lambda p, q, odds: odds / _evidence_rate(p, q),
        "Numerator and denominator are in different units: one in bits, the other in nats.":
            lambda p, q, odds: np.log2(odds) / _evidence_rate(p, q),
        "Numerator and denominator are in different units: the divergence is in bits.":
            lambda p, q, odds: np.log(odds) / (_evidence_rate(p, q) / np.log(2)),
        "A flip can also land tails, and tails carries evidence too.":
            lambda p, q, odds: np.log(odds) / (p * np.log(p / q)),
        "The number of flips came out negative: look at which probability is on top of the ratio.":
            lambda p, q, odds: -np.log(odds) / _evidence_rate(p, q),
        "Both outcomes count, but not equally often: weight each by how often it comes up.":
            lambda p, q, odds: np.log(odds) / (np.log(p / q) + np.log((1 - p) / (1 - q))),
    },
    praise="Flips needed grow with the logarithm of the odds and shrink with the divergence.",
)


def _gaussian_kl(mean, std, other_mean, other_std, *, log_sign=1.0, half=0.5, constant=0.5):
    ratio = (std**2 + (mean - other_mean) ** 2) / other_std**2
    return log_sign * np.log(other_std / std) + half * ratio - constant


gaussian_kl = Exercise(
    reference=lambda mean, std, *other: Gaussian(mean, std).kl(Gaussian(*other)),
    inputs=((0.0, 1.0, 0.0, 1.0), (0.0, 1.0, 1.0, 1.5), (1.0, 0.3, 0.0, 0.3), (-2.0, 2.0, 1.0, 0.5)),
    mistakes={
        "That is the listing as it was. Try two equal Gaussians: what must come out, and what does?":
            lambda *four: _gaussian_kl(*four, log_sign=-1, half=1.0),
        "One bug is gone: equal Gaussians still do not give 0. Redo the expectation of the squared terms.":
            lambda *four: _gaussian_kl(*four, half=1.0),
        "Equal Gaussians give 0 now, but some others come out negative. Look at the logarithm.":
            lambda *four: _gaussian_kl(*four, log_sign=-1),
        "The formula is right for the two Gaussians in the other order: who averages over whom?":
            lambda mean, std, *other: _gaussian_kl(*other, mean, std),
        "You balanced the missing factor with the constant. Check the case of equal widths: ½ (Δμ/σ)².":
            lambda *four: _gaussian_kl(*four, half=1.0, constant=1.0),
        "The last constant is missing: equal Gaussians should give 0.":
            lambda *four: _gaussian_kl(*four, constant=0.0),
        "The arguments are standard deviations, and the formula wants their squares in one place.":
            lambda mean, std, other_mean, other_std: np.log(other_std / std)
            + (std + (mean - other_mean) ** 2) / (2 * other_std) - 0.5,
    },
    praise="Both bugs found. “Equal arguments give 0, all others more” is a test for every divergence.",
)


def _visited(rows, states):
    return np.asarray(rows, dtype=float)[np.asarray(states)]


def _terms(old, new, states):
    old, new = _visited(old, states), _visited(new, states)
    return old * np.log(old / new)


OLD = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.05, 0.9, 0.05]])
NEW = np.array([[0.6, 0.3, 0.1], [0.1, 0.3, 0.6], [0.6, 0.2, 0.2]])

mean_kl = Exercise(
    reference=lambda old, new, states:
        Categorical(_visited(old, states)).kl(Categorical(_visited(new, states))).mean(),
    inputs=((OLD, NEW, [0, 0, 0, 1, 2, 0]), (NEW, OLD, [2, 2, 1]), (OLD, NEW[[2, 0, 1]], [0, 1, 1, 1])),
    mistakes={
        "The policy that collected the batch comes first: its probabilities do the averaging.":
            lambda old, new, states: _terms(new, old, states).sum(-1).mean(),
        "Each state counts as often as the batch visits it; a state that was never visited does not count.":
            lambda old, new, states: _terms(old, new, range(len(old))).sum(-1).mean(),
        "Each state counts as often as the batch visits it, not once.":
            lambda old, new, states: _terms(old, new, sorted(set(states))).sum(-1).mean(),
        "Sum over the actions, then average over the batch: a mean over both axes is too small.":
            lambda old, new, states: _terms(old, new, states).mean(),
        "That is the divergence of the whole batch. Divide by the number of visited states.":
            lambda old, new, states: _terms(old, new, states).sum(),
        "A divergence came out negative: which policy belongs on top of the ratio?":
            lambda old, new, states: -_terms(old, new, states).sum(-1).mean(),
        "Weight the log ratio of every action by how often the old policy takes it, not equally.":
            lambda old, new, states: np.log(_visited(old, states) / _visited(new, states)).mean(),
    },
    praise="States from the batch, actions from the old policy, the new policy only below the fraction bar.",
)

UPDATES, BUDGET = 50, 0.02

drift = Exercise(
    reference=lambda: Gaussian(0.0, 1.0).kl(Gaussian(UPDATES * np.sqrt(2 * BUDGET), 1.0)),
    mistakes={
        "You added the divergences. Add what does add here, the moves of the mean, and then take the KL.":
            lambda: UPDATES * BUDGET,
        "The mean moves 50 times in the same direction: by how many standard deviations in all?":
            lambda: BUDGET,
        "Steps that add in squares belong to a random walk. These all go the same way.":
            lambda: np.sqrt(UPDATES) * BUDGET,
        "That is how far the mean has moved, in standard deviations. What does a move that long cost?":
            lambda: UPDATES * np.sqrt(2 * BUDGET),
        "Almost: the KL of a pure shift has a factor ½.":
            lambda: (UPDATES * np.sqrt(2 * BUDGET)) ** 2,
        "From a budget to the length of one step: solve ½ (Δμ/σ)² = 0.02 again, the ½ included.":
            lambda: 0.5 * (UPDATES * np.sqrt(BUDGET)) ** 2,
    },
    praise="n steps in one direction cost n² times one step: a budget per update is none for the whole run.",
)


def _log_ratio(old_log_prob, new_log_prob):
    return np.asarray(new_log_prob, dtype=float) - np.asarray(old_log_prob, dtype=float)


def _k3(log_ratio):
    return np.expm1(log_ratio) - log_ratio


approximate_kl = Exercise(
    reference=lambda old_log_prob, new_log_prob: _k3(_log_ratio(old_log_prob, new_log_prob)).mean(),
    inputs=(
        (np.log([0.4, 0.6, 0.6]), np.log([0.5, 0.5, 0.5])),
        (np.array([-1.0, -2.5, -0.3, -4.0]), np.array([-1.4, -1.9, -0.3, -2.0])),
        (np.array([-1.2, -0.7]), np.array([-0.2, -2.7])),
    ),
    mistakes={
        "The ratio is upside down: the actions were drawn from the old policy, so it goes below.":
            lambda old, new: _k3(-_log_ratio(old, new)).mean(),
        "That is k1. It is unbiased but far noisier, and it can be negative.":
            lambda old, new: -_log_ratio(old, new).mean(),
        "That is k2. It is biased; k3 keeps the low noise without the bias.":
            lambda old, new: 0.5 * (_log_ratio(old, new) ** 2).mean(),
        "For two equal policies every term should be 0; yours is 1.":
            lambda old, new: (_k3(_log_ratio(old, new)) + 1).mean(),
        "Look at the sign of the logarithm: the gap between r − 1 and log r is wanted, not their sum.":
            lambda old, new: (np.expm1(_log_ratio(old, new)) + _log_ratio(old, new)).mean(),
        "An estimate averages over the samples; yours adds them up.":
            lambda old, new: _k3(_log_ratio(old, new)).sum(),
        "The ratios minus 1 have mean zero: they are the correction, the estimate itself is missing.":
            lambda old, new: np.expm1(_log_ratio(old, new)).mean(),
    },
    praise="Never negative, unbiased while the new policy stays inside the support of the old one.",
)
