"""Exercises of chapter 10: exact natural gradients of tabular policies."""

import numpy as np
from scipy.special import softmax

from ..problems import garnet
from .engine import Exercise


def _npg_step(probs, action_values, step, discount):
    return softmax(np.log(probs) + step * action_values / (1 - discount), axis=-1)


_PROBS = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
_VALUES = np.array([[1.0, 0.4, 0.7], [0.2, 0.3, 0.9]])

npg_step = Exercise(
    reference=_npg_step,
    inputs=((_PROBS, _VALUES, 0.2, 0.5), (_PROBS, _VALUES, 1.0, 0.8), (_PROBS, _VALUES, 1e3, 0.99)),
    praise="No Fisher matrix, no overflow, and Q served as well as A.",
    mistakes={
        "Your step is too short: the natural gradient is the advantage divided by something.":
            lambda p, Q, step, discount: softmax(np.log(p) + step * Q, axis=-1),
        "You multiply where the natural gradient divides: A/(1−γ), not (1−γ)A.":
            lambda p, Q, step, discount: softmax(np.log(p) + step * (1 - discount) * Q, axis=-1),
        "The probabilities of the worst actions grow. Check the sign of the exponent.":
            lambda p, Q, step, discount: softmax(np.log(p) - step * Q / (1 - discount), axis=-1),
        "Your new policy has forgotten the old one. The update multiplies the old probabilities.":
            lambda p, Q, step, discount: softmax(step * Q / (1 - discount), axis=-1),
        "You add to the probabilities as if they were logits. What are the logits of a softmax policy?":
            lambda p, Q, step, discount: softmax(p + step * Q / (1 - discount), axis=-1),
        "You weigh each action value by the probability of the action, as the vanilla gradient does. What does "
        "the natural gradient do to that factor?":
            lambda p, Q, step, discount: softmax(np.log(p) + step * p * Q / (1 - discount), axis=-1),
        "The probabilities of each state should add up to one; yours add up to one over the whole table.":
            lambda p, Q, step, discount: softmax(np.log(p) + step * Q / (1 - discount)),
        "Your probabilities add up to one over the states. Normalise over the actions, the last axis.":
            lambda p, Q, step, discount: softmax(np.log(p) + step * Q / (1 - discount), axis=0),
    },
)


def _gain_case(seed, discount):
    rng = np.random.default_rng(seed)
    mdp = garnet(4, 3, 2, rng, discount)
    old, new = rng.normal(size=(2, 4, 3))
    return (mdp.occupancy(old), mdp.occupancy(new), mdp.policy_probs(old), mdp.policy_probs(new),
            mdp.action_values(old), discount)


def _advantages(old_probs, action_values):
    return action_values - (old_probs * action_values).sum(axis=1, keepdims=True)


def _gain(old_visits, new_visits, old_probs, new_probs, action_values, discount):
    mean = (new_probs * _advantages(old_probs, action_values)).sum(axis=1)
    return new_visits @ mean / (1 - discount)


gain = Exercise(
    reference=_gain,
    inputs=(_gain_case(0, 0.9), _gain_case(1, 0.5), _gain_case(2, 0.95)),
    praise="Advantages of the old policy, states and actions of the new one.",
    mistakes={
        "That is the surrogate: it counts the states as the old policy visits them. Close for small changes, "
        "and not the exact difference.":
            lambda d, e, p, q, Q, discount: _gain(d, d, p, q, Q, discount),
        "The visits add up to one, returns do not. A factor that depends on γ is missing.":
            lambda d, e, p, q, Q, discount: _gain(d, e, p, q, Q, discount) * (1 - discount),
        "You average action values, not advantages. What has to be subtracted in each state?":
            lambda d, e, p, q, Q, discount: e @ (q * Q).sum(axis=1) / (1 - discount),
        "Your answer is always zero, because you subtract in each state the same average that you take. One of "
        "the two belongs to the old policy, the other to the new one; which?":
            lambda d, e, p, q, Q, discount: _gain(d, e, p, p, Q, discount),
        "You subtract the plain mean over the actions. V(s) is a mean over the old policy's actions.":
            lambda d, e, p, q, Q, discount: _gain(d, e, np.full_like(p, 1 / p.shape[1]), q, Q, discount),
        "The size is right, the sign is not. Wanted is new minus old, and V(s) belongs to the old policy.":
            lambda d, e, p, q, Q, discount: -_gain(d, e, p, q, Q, discount),
    },
)


def _updates(advantage_gap, step, discount, error):
    return np.log((1 - error) / error) * (1 - discount) / (step * advantage_gap)


updates_needed = Exercise(
    reference=lambda gap, step, discount, error: np.ceil(_updates(gap, step, discount, error)),
    inputs=((0.1, 0.01, 0.9, 0.01), (0.5, 0.1, 0.5, 0.3), (0.02, 0.3, 0.95, 0.001), (0.3, 0.05, 0.0, 0.05)),
    praise="Only the logarithm of the error counts: a tenfold smaller error costs the same number again.",
    mistakes={
        "Your number is right before rounding. Updates come in whole numbers, and one too few is not enough.":
            lambda gap, step, discount, error: _updates(gap, step, discount, error),
        "You round down. Then the probability falls short of 1 − ε by a little.":
            lambda gap, step, discount, error: np.floor(_updates(gap, step, discount, error)),
        "The log odds grow by more than αΔ in one update. Which factor does the natural gradient contain?":
            lambda gap, step, discount, error: np.ceil(_updates(gap, step, 0.0, error)),
        "You have 1 − γ on the wrong side: it makes the updates larger, so that fewer are needed.":
            lambda gap, step, discount, error: np.ceil(_updates(gap, step, 0.0, error) / (1 - discount)),
        "Your odds reach 1/ε. Odds are the quotient of the two probabilities.":
            lambda gap, step, discount, error: np.ceil(
                np.log(1 / error) * (1 - discount) / (step * gap)),
        "You start from odds of ½. The uniform policy of two actions has other odds.":
            lambda gap, step, discount, error: np.ceil(
                np.log(2 * (1 - error) / error) * (1 - discount) / (step * gap)),
    },
)


def _soft_npg_step(probs, values, step, discount, temperature):
    kept = 1 - step * temperature / (1 - discount)
    return softmax(kept * np.log(probs) + step * values / (1 - discount), axis=-1)


soft_npg_step = Exercise(
    reference=_soft_npg_step,
    inputs=((_PROBS, _VALUES, 0.2, 0.5, 0.3), (_PROBS, _VALUES, 0.1, 0.8, 2.0),
            (_PROBS, _VALUES, 0.3, 0.9, 0.0)),
    praise="The temperature decides how much of the old policy survives an update.",
    mistakes={
        "This is the update without entropy. Where does the temperature come in?":
            lambda p, Q, step, discount, tau: _npg_step(p, Q, step, discount),
        "The exponent of the old policy is not right yet: the step αx carries 1/(1−γ) there, too.":
            lambda p, Q, step, discount, tau: softmax(
                (1 - step * tau) * np.log(p) + step * Q / (1 - discount), axis=-1),
        "The entropy bonus is −τ log π. With your sign, likely actions become more likely.":
            lambda p, Q, step, discount, tau: _soft_npg_step(p, Q, step, discount, -tau),
        "The exponent of the old policy is right. The action values have lost their 1/(1−γ).":
            lambda p, Q, step, discount, tau: softmax(
                (1 - step * tau / (1 - discount)) * np.log(p) + step * Q, axis=-1),
        "You fade the new term instead of the old policy. Which of the two gets the exponent?":
            lambda p, Q, step, discount, tau: softmax(
                np.log(p) + (1 - step * tau / (1 - discount)) * step * Q / (1 - discount), axis=-1),
        "You keep the exponent on the probabilities but forgot the logarithm when you added.":
            lambda p, Q, step, discount, tau: softmax(
                p ** (1 - step * tau / (1 - discount)) + step * Q / (1 - discount), axis=-1),
    },
)
