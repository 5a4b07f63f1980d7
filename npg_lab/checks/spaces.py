"""Exercises on parameter space and policy space."""

import numpy as np
from scipy.special import logit

from .engine import Exercise


def _hidden_gain(before, after, step):
    return (logit(after) - logit(before)) / step


hidden_gain = Exercise(
    _hidden_gain,
    inputs=[(0.5, 0.51, 0.1), (0.99, 0.01, 0.1), (0.3, 0.6, 0.5), (0.2, 0.9, 2.0)],
    mistakes={
        "You measured the change of the probability. The parameter acts on the logit gap z, and z is what "
        "has a gain: convert both probabilities first.":
            lambda before, after, step: (after - before) / step,
        "You took the logarithm of the probability of one arm. The gap is the difference of two logits, so "
        "the probability of the other arm, 1 − p, belongs in it too.":
            lambda before, after, step: np.log(after / before) / step,
        "That is the change of the gap. The gain is that change for each unit of θ.":
            lambda before, after, step: logit(after) - logit(before),
        "The size is right and the sign is turned round: ask which of the two gaps comes last in time.":
            lambda before, after, step: -_hidden_gain(before, after, step),
        "The size is right. Keep the sign: a probability that falls has a gap that falls.":
            lambda before, after, step: np.abs(_hidden_gain(before, after, step)),
        "You seem to be using logarithms to base 10. Softmax is built on e.":
            lambda before, after, step: _hidden_gain(before, after, step) / np.log(10),
        "You seem to be using logarithms to base 2. Softmax is built on e.":
            lambda before, after, step: _hidden_gain(before, after, step) / np.log(2),
    },
    praise="Machine B has a gain 230 times that of machine A, and that is all the difference between them.",
)


affordable_step = Exercise(
    lambda std, kl: std * np.sqrt(2 * kl),
    inputs=[(1.0, 0.005), (0.1, 0.005), (3.0, 0.4), (0.02, 0.01)],
    mistakes={
        "Nearly: look again at the factor in front of the squared displacement.":
            lambda std, kl: std * np.sqrt(kl),
        "Nearly: the factor ½ of the divergence ended up on the wrong side of the equation.":
            lambda std, kl: std * np.sqrt(kl / 2),
        "The budget is spent by the square of the displacement. Did you take the root of everything?":
            lambda std, kl: 2 * kl * std**2,
        "You used the variance as it stands. In which unit is your answer, if throws are in metres?":
            lambda std, kl: std**2 * np.sqrt(2 * kl),
        "A steadier hand should be able to afford less, not more: check on which side σ stands.":
            lambda std, kl: np.sqrt(2 * kl) / std,
        "The factor 2 escaped from the root: solve for the squared displacement first.":
            lambda std, kl: 2 * std * np.sqrt(kl),
    },
    praise="The step that a budget buys is proportional to σ: ten times steadier, ten times shorter.",
)


def _slope(k, discount):
    """Derivative of J(k) = −(1 + k²) / (1 − γ(1 + k)²)."""
    room = 1 - discount * (1 + k) ** 2
    return -2 * k / room - 2 * discount * (1 + k) * (1 + k**2) / room**2


def _rate_to(edge, k, discount, slope=_slope):
    return (edge - k) / slope(k, discount)


def _side(k, discount):
    """+1 where the update moves right, −1 where it moves left."""
    return np.sign(_slope(k, discount))


largest_step_size = Exercise(
    lambda k, discount: _rate_to(-1 + _side(k, discount) / np.sqrt(discount), k, discount),
    inputs=[(0.01, 0.9), (-0.2, 0.9), (-1.6, 0.9), (-0.25, 0.5), (-1.2, 0.99)],
    mistakes={
        "You measured the distance to the edge behind you. Which way does the update move?":
            lambda k, discount: np.abs(_rate_to(-1 - _side(k, discount) / np.sqrt(discount), k, discount)),
        "The distance is right, but a step size is positive: divide a signed distance by a signed slope.":
            lambda k, discount: -_rate_to(-1 + _side(k, discount) / np.sqrt(discount), k, discount),
        "Check the edge: γ(1 + k)² = 1 holds a square, and solving for k takes a root.":
            lambda k, discount: _rate_to(-1 + _side(k, discount) / discount, k, discount),
        "Your edge is where |s| stops shrinking. With γ < 1 the sum converges a little further than that.":
            lambda k, discount: _rate_to(-1 + _side(k, discount), k, discount),
        "That step size lands on the best k. The question is how much larger it may be before k falls off.":
            lambda k, discount: _rate_to((1 - np.sqrt(1 + 4 * discount**2)) / (2 * discount), k, discount),
        "Your slope differentiates the numerator only. J is a quotient, and its denominator moves with k too.":
            lambda k, discount: np.abs(
                _rate_to(-1 + _side(k, discount) / np.sqrt(discount), k, discount,
                         lambda k, discount: -2 * k / (1 - discount * (1 + k) ** 2))),
        "Your slope differentiates the denominator only. The numerator 1 + k² moves with k too.":
            lambda k, discount: np.abs(
                _rate_to(-1 + _side(k, discount) / np.sqrt(discount), k, discount,
                         lambda k, discount: -2 * discount * (1 + k) * (1 + k**2)
                         / (1 - discount * (1 + k) ** 2) ** 2)),
    },
    praise="At k = 0 and γ = 0.9 the cliff begins at α = 0.0114, although near the optimum α = 0.17 is safe.",
)


units_for = Exercise(
    lambda gradient, direction: np.sqrt(np.divide(gradient, direction)),
    inputs=[
        (np.array([3.0, -1.0]), np.array([1.0, -4.0])),
        (np.array([0.5, 2.0, -6.0]), np.array([2.0, 2.0, -1.5])),
        (np.array([-1.0, 5.0]), np.array([-1.0, 0.2])),
    ],
    mistakes={
        "Close: the units enter twice, once when the gradient is rewritten and once when the step is "
        "read back.":
            lambda gradient, direction: np.divide(gradient, direction),
        "You have the inverse: does a finer unit (more of them to a metre) make the step longer or shorter?":
            lambda gradient, direction: np.sqrt(np.divide(direction, gradient)),
        "Two things: the units enter twice, and a finer unit makes the step smaller, not larger.":
            lambda gradient, direction: np.divide(direction, gradient),
        "You squared where the equation asks for a root: write the condition for one component and solve for a.":
            lambda gradient, direction: np.divide(gradient, direction) ** 2,
        "One of the two rescalings went the wrong way: is a slope per centimetre larger or smaller than the "
        "slope per metre?":
            lambda gradient, direction: np.sqrt(np.abs(np.multiply(gradient, direction))),
    },
    praise="A choice of units is a choice of direction. The vanilla gradient obeys whoever names the parameters.",
)
