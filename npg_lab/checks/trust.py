"""Exercises of chapter 13: what a model step costs, line search, clipping, votes of samples, penalties."""

from dataclasses import dataclass

import numpy as np

from ..distributions import Gaussian
from .engine import Exercise


def _step_price(kl, sign):
    """Divergence of N(0, 1) from the Gaussian whose σ the quadratic model has moved by a budget."""
    return float(Gaussian(0, 1).kl(Gaussian(0, 1 + sign * np.sqrt(kl))))


price_of_model_step = Exercise(
    reference=lambda kl, sign: _step_price(kl, sign) / kl,
    inputs=((0.01, 1), (0.01, -1), (0.4, 1), (0.4, -1)),
    praise="The model calls all four of them 1. At ε = 1 the step down would arrive at σ = 0.",
    mistakes={
        "You have the divergence itself. The exercise asks for its ratio to the budget.": _step_price,
        "Your step is too long: the Fisher information of σ is 2/σ², twice that of μ.":
            lambda kl, sign: float(Gaussian(0, 1).kl(Gaussian(0, 1 + sign * np.sqrt(2 * kl)))) / kl,
        "You have put the new policy first. TRPO's constraint has the old one first.":
            lambda kl, sign: float(Gaussian(0, 1 + sign * np.sqrt(kl)).kl(Gaussian(0, 1))) / kl,
        "Up and down have changed places. Which of the two ends with the smaller σ?":
            lambda kl, sign: _step_price(kl, -sign) / kl,
        "Your step is ε long. Solve ½·F·Δσ² = ε for Δσ: there is a root.":
            lambda kl, sign: float(Gaussian(0, 1).kl(Gaussian(0, 1 + sign * kl))) / kl,
        "That is what the model says. Put the new σ into the exact divergence of two Gaussians.":
            lambda kl, sign: 1.0,
        "You have changed the variance by the step of σ.":
            lambda kl, sign: float(Gaussian(0, 1).kl(Gaussian(0, np.sqrt(1 + sign * np.sqrt(kl))))) / kl,
    },
)


@dataclass(frozen=True)
class Line:
    """What a fraction of a step would bring: called with a scale, it returns (gain, divergence)."""

    slope: float
    bend: float
    cost: float
    skew: float

    def __call__(self, scale):
        return self.slope * scale - self.bend * scale**2, self.cost * scale**2 + self.skew * scale**3


def _scales(shrink, trials):
    return [shrink**j for j in range(trials)]


def _first(try_step, scales, accept, otherwise=0.0):
    return next((scale for scale in scales if accept(*try_step(scale))), otherwise)


line_search = Exercise(
    reference=lambda try_step, kl, shrink, trials: _first(
        try_step, _scales(shrink, trials), lambda gain, cost: cost <= kl and gain > 0),
    inputs=(
        (Line(0.5, 0.1, 0.01, -0.002), 0.01, 0.8, 10),  # the full step will do
        (Line(0.5, 0.1, 0.01, 0.02), 0.01, 0.8, 10),  # too far
        (Line(0.2, 0.5, 0.01, -0.003), 0.01, 0.5, 6),  # near enough, but over the top
        (Line(0.3, 0.6, 0.02, 0.03), 0.01, 0.7, 10),  # both
        (Line(-0.1, 0.1, 0.01, 0.0), 0.01, 0.8, 5),  # nothing helps
        (Line(0.5, 0.1, 0.0, 0.08), 0.01, 0.5, 2),  # the last trial passes
        (Line(0.5, 0.1, 0.0, 0.09), 0.01, 0.5, 2),  # one trial more would have passed
    ),
    praise="Two tests, and a step of length zero if none passes both.",
    mistakes={
        "You test the divergence only. Your search accepts a step that lowers the surrogate.":
            lambda try_step, kl, shrink, trials: _first(
                try_step, _scales(shrink, trials), lambda gain, cost: cost <= kl),
        "You test the surrogate only. Your search accepts a step over the budget.":
            lambda try_step, kl, shrink, trials: _first(
                try_step, _scales(shrink, trials), lambda gain, cost: gain > 0),
        "One passed test is enough for you. Both must hold at the same scale.":
            lambda try_step, kl, shrink, trials: _first(
                try_step, _scales(shrink, trials), lambda gain, cost: cost <= kl or gain > 0),
        "When nothing passes, you take the smallest step. Stay where you are instead.":
            lambda try_step, kl, shrink, trials: _first(
                try_step, _scales(shrink, trials), lambda gain, cost: cost <= kl and gain > 0,
                shrink ** (trials - 1)),
        "You never try the full step. The first candidate is scale 1.":
            lambda try_step, kl, shrink, trials: _first(
                try_step, _scales(shrink, trials)[1:], lambda gain, cost: cost <= kl and gain > 0),
        "You stop one trial too early. The full step is the first of them.":
            lambda try_step, kl, shrink, trials: _first(
                try_step, _scales(shrink, trials - 1), lambda gain, cost: cost <= kl and gain > 0),
        "You make one trial more than `trials` allows.":
            lambda try_step, kl, shrink, trials: _first(
                try_step, _scales(shrink, trials + 1), lambda gain, cost: cost <= kl and gain > 0),
    },
)


def _clipped(ratio, advantages, clip):
    return np.minimum(ratio * advantages, np.clip(ratio, 1 - clip, 1 + clip) * advantages)


NEW = np.log([0.62, 0.30, 0.12, 0.45, 0.08, 0.55])
OLD = np.log([0.40, 0.33, 0.30, 0.30, 0.20, 0.50])
ADVANTAGES = np.array([1.0, 2.0, 1.5, -1.0, -0.5, -2.0])

clipped_objective = Exercise(
    reference=lambda new, old, advantages, clip: _clipped(np.exp(new - old), advantages, clip).mean(),
    inputs=((NEW, OLD, ADVANTAGES, 0.2), (NEW, OLD, ADVANTAGES, 0.1), (NEW[:3], OLD[:3], -ADVANTAGES[:3], 0.3)),
    praise="A ratio from logarithms, a clip, and the smaller of two products.",
    mistakes={
        "Your ratio is upside down. An action that the new policy likes better has a ratio above 1.":
            lambda new, old, advantages, clip: _clipped(np.exp(old - new), advantages, clip).mean(),
        "You clip, but you do not take the smaller of the two products. A sample that has become worse must keep "
        "its pull.":
            lambda new, old, advantages, clip: (
                np.clip(np.exp(new - old), 1 - clip, 1 + clip) * advantages).mean(),
        "You took the larger of the two products.":
            lambda new, old, advantages, clip: np.maximum(
                np.exp(new - old) * advantages,
                np.clip(np.exp(new - old), 1 - clip, 1 + clip) * advantages).mean(),
        "That is the surrogate without any clip.":
            lambda new, old, advantages, clip: (np.exp(new - old) * advantages).mean(),
        "The difference of the logarithms is the logarithm of the ratio. Something is missing.":
            lambda new, old, advantages, clip: _clipped(new - old, advantages, clip).mean(),
        "That is the loss, which code minimises. The objective has the other sign.":
            lambda new, old, advantages, clip: -_clipped(np.exp(new - old), advantages, clip).mean(),
        "You add up the samples. The objective is their mean.":
            lambda new, old, advantages, clip: _clipped(np.exp(new - old), advantages, clip).sum(),
        "You took the smaller one of the two ratios before you multiplied. Which of the products is smaller "
        "depends on the sign of the advantage.":
            lambda new, old, advantages, clip: (
                np.minimum(np.exp(new - old), np.clip(np.exp(new - old), 1 - clip, 1 + clip))
                * advantages).mean(),
    },
)

RATIOS = np.array([0.5, 0.85, 1.0, 1.15, 1.6, 0.5, 0.85, 1.0, 1.15, 1.6, 1.6])
SIGNED = np.array([1.0, 2.0, 0.5, 1.0, 3.0, -1.0, -2.0, -0.5, -1.0, -3.0, 0.0])


def _votes(ratio, advantages, clip):
    return np.where(np.where(advantages > 0, ratio < 1 + clip, ratio > 1 - clip), advantages, 0.0)


votes = Exercise(
    reference=_votes,
    inputs=((RATIOS, SIGNED, 0.2), (RATIOS, SIGNED, 0.1)),
    praise="Samples that went the right way too far are silent. Those that went the wrong way never are.",
    mistakes={
        "You silence every sample outside the interval, whichever way it went. Look at the left half of the "
        "figure for Â > 0 once more.":
            lambda ratio, advantages, clip: np.where(np.abs(ratio - 1) < clip, advantages, 0.0),
        "The signs have changed places: a good action is silent above 1 + c, a bad one below 1 − c.":
            lambda ratio, advantages, clip: np.where(
                np.where(advantages > 0, ratio > 1 - clip, ratio < 1 + clip), advantages, 0.0),
        "You say who may vote, not for what. The slope of a live sample is its advantage.":
            lambda ratio, advantages, clip: np.where(_votes(ratio, advantages, clip) != 0, 1.0, 0.0),
        "You have the heights of the curves. The exercise asks for their slopes.": _clipped,
        "Only the upper end of the interval acts in your answer. For Â < 0 it is the lower end.":
            lambda ratio, advantages, clip: np.where(ratio < 1 + clip, advantages, 0.0),
        "The slope of Âρ with respect to ρ is Â. Your answer still has a factor ρ.":
            lambda ratio, advantages, clip: ratio * _votes(ratio, advantages, clip),
    },
)


def _next_penalty(beta, kl, target, band=1.5, factor=2.0):
    if kl > band * target:
        return beta * factor
    return beta / factor if kl < target / band else beta


next_penalty = Exercise(
    reference=_next_penalty,
    inputs=((1.0, 0.05, 0.01), (4.0, 0.001, 0.01), (3.0, 0.011, 0.01), (3.0, 0.0097, 0.01),
            (8.0, 0.018, 0.01), (5.0, 0.006, 0.01)),
    praise="A price that follows demand: double it when the policy spends too much, halve it when too little.",
    mistakes={
        "When the policy has moved too far, moving must become dearer. Yours becomes cheaper.":
            lambda beta, kl, target: _next_penalty(1.0, kl, target) ** -1 * beta,
        "Between target/1.5 and 1.5·target the price stays as it is.":
            lambda beta, kl, target: _next_penalty(beta, kl, target, band=1.0),
        "The factor of the price is 2. The 1.5 belongs to the band round the target.":
            lambda beta, kl, target: _next_penalty(beta, kl, target, factor=1.5),
        "The band reaches from target/1.5 to 1.5·target. Yours is wider.":
            lambda beta, kl, target: _next_penalty(beta, kl, target, band=2.0),
        "Your price only rises. A policy that hardly moves should pay less.":
            lambda beta, kl, target: 2 * beta if kl > 1.5 * target else beta,
        "Your price only falls. A policy that moves too far should pay more.":
            lambda beta, kl, target: beta / 2 if kl < target / 1.5 else beta,
        "The price changes in proportion to the divergence. The rule of the exercise knows two factors, 2 and ½.":
            lambda beta, kl, target: beta * kl / target,
    },
)
