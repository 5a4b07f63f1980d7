"""Exercises of chapter 8: why vanilla policy gradients crawl."""

import numpy as np

from ..problems import LinearQuadraticRegulator
from .engine import Exercise


def _stationary_gain(discount, price, sign=-1):
    linear = price + discount - price * discount
    return (linear + sign * np.sqrt(linear**2 + 4 * discount**2 * price)) / (2 * discount * price)


best_gain = Exercise(
    reference=lambda discount, price: LinearQuadraticRegulator(discount, action_cost=price).best_gain,
    inputs=((0.9, 1.0), (0.5, 2.0), (0.95, 0.25)),
    praise="A dear push makes a gentle hand: the gain tends to −1 for ρ → 0 and to 0 for ρ → ∞.",
    mistakes={
        "That brings the cart home in one push whatever a push costs. Does your answer depend on ρ?":
            lambda discount, price: -1.0,
        "This is the gain for the price 1. Put 1 + ρk² in the numerator of A before you differentiate.":
            lambda discount, price: _stationary_gain(discount, 1.0),
        "Your quadratic equation is right, but it has two roots. At yours, does D(k) come out positive?":
            lambda discount, price: _stationary_gain(discount, price, sign=1),
        "Your hand looks one step ahead only, as if no state and no push came after the next one.":
            lambda discount, price: -discount / (price + discount),
        "You have the best gain without a discount. Keep γ in D(k) and differentiate again.":
            lambda discount, price: _stationary_gain(1.0, price),
        "The price ended up on the wrong cost: yours multiplies s², the exercise's multiplies a².":
            lambda discount, price: _stationary_gain(discount, 1 / price),
    },
)

powers_of_sigma = Exercise(
    reference=lambda: [0, 1, -1, -1, 0, 2],
    praise="Slopes stay or vanish; scores explode; a baseline takes the explosion out of the noise.",
    mistakes={
        "You let the exact slope in σ explode, as the usual story does. Where is the σ in its formula?":
            lambda: [0, -1, -1, -1, 0, 2],
        "You let both natural and vanilla gradient in k stay finite. What does F⁻¹ multiply the slope by?":
            lambda: [0, 1, -1, -1, 0, 0],
        "The last one is the natural gradient in σ, which carries one more σ than the one in k.":
            lambda: [0, 1, -1, -1, 0, 3],
        "You treat the noise with and without the baseline alike. How large is Q − V for a near its mean?":
            lambda: [0, 1, -1, -1, -1, 2],
        "The score has the standard deviation √2/σ in σ, and Q stays. Does your fourth answer fit?":
            lambda: [0, 1, -1, 0, 0, 2],
        "In number 3 the width divides once: z has standard deviation 1. Yours divides twice, which is the "
        "variance.": lambda: [0, 1, -2, -1, 0, 2],
    },
)


def _best_unit(gain, width, discount, start_variance):
    fisher = LinearQuadraticRegulator(discount, start_variance).fisher([gain, width])
    return np.sqrt(fisher[0, 0] / fisher[1, 1])


def _moment(gain, width, discount, start_variance):
    return ((1 - discount) * start_variance + discount * width**2) / (1 - discount * (1 + gain) ** 2)


best_unit = Exercise(
    reference=_best_unit,
    inputs=((-0.2, 0.7, 0.9, 0.1), (-0.6, 0.05, 0.9, 0.4), (-1.1, 0.4, 0.8, 2.0)),
    praise="It is √(S/2): you need to know how widely states are spread, and only the environment tells.",
    mistakes={
        "That is c². Vanilla in the names (ck, σ) moves k by g/c², not by g/c.":
            lambda *arguments: _best_unit(*arguments) ** 2,
        "Upside down: if states are spread widely, k is sensitive. Should a unit step of ck move k by much?":
            lambda *arguments: 1 / _best_unit(*arguments),
        "The Fisher information of σ is 2/σ², not 1/σ². Where did the 2 go?":
            lambda *arguments: np.sqrt(2) * _best_unit(*arguments),
        "You used the discounted sum M of the mean squares. The Fisher matrix averages over visits: one more "
        "factor of γ's makes the weights sum to 1.":
            lambda gain, width, discount, start_variance:
                _best_unit(gain, width, discount, start_variance) / np.sqrt(1 - discount),
        "Your states are those of the start only. Every push adds its own spread to them.":
            lambda gain, width, discount, start_variance:
                np.sqrt(_moment(gain, 0.0, discount, start_variance) / 2),
        "Both entries of the Fisher matrix carry 1/σ². In a ratio it cancels.":
            lambda gain, width, discount, start_variance:
                _best_unit(gain, width, discount, start_variance) / width,
    },
)


def _steps(stay_i, stay_j, rate, quarter=0.25, own=2.0, other=4.0):
    odds_i, odds_j = stay_i / (1 - stay_i), stay_j / (1 - stay_j)
    return quarter * odds_i * odds_j * np.exp(own / odds_j - other / odds_i) / rate


plateau_steps = Exercise(
    reference=_steps,
    inputs=((0.8, 0.1, 2.0), (0.5, 0.1, 1.0), (0.7, 0.25, 0.1)),
    praise="Without running a single step you know how long a million of them will take.",
    mistakes={
        "That is the plateau in flow time. How much of it does one step of rate α cover?":
            lambda stay_i, stay_j, rate: _steps(stay_i, stay_j, 1.0),
        "A step of rate α covers α units of time, so a larger rate means fewer steps.":
            lambda stay_i, stay_j, rate: _steps(stay_i, stay_j, 1 / rate),
        "You have e^C. What is the integral of w·exp(−2w)?":
            lambda stay_i, stay_j, rate: _steps(stay_i, stay_j, rate, quarter=1.0),
        "The term of state i is missing in the exponent. It matters: compare 0.5 with 0.8.":
            lambda stay_i, stay_j, rate: _steps(stay_i, stay_j, rate, other=0.0),
        "You exchanged the two states. Whose odds of going away stand in the exponent with a plus?":
            lambda stay_i, stay_j, rate: _steps(stay_j, stay_i, rate),
        "Your signs in the exponent are the wrong way round: C contains + 2e⁻ᵛ and − 4e⁻ᵘ.":
            lambda stay_i, stay_j, rate: _steps(stay_i, stay_j, rate, own=-2.0, other=-4.0),
        "You put probabilities where odds belong: e^u = p/(1 − p).":
            lambda p, q, rate: 0.25 * p * q * np.exp(2 / q - 4 / p) / rate,
    },
)
