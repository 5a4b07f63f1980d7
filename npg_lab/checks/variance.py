"""Exercises of chapter 6: baselines, leave-one-out and generalized advantages."""

import numpy as np

from ..estimators import gae, reward_to_go, td_errors
from .engine import Exercise


def _two_arms_mean(weight_1, weight_0, reward_1, reward_0):
    return (weight_1 * reward_1 + weight_0 * reward_0) / (weight_1 + weight_0)


best_baseline = Exercise(
    reference=lambda p, reward_1, reward_0: _two_arms_mean(
        p * (1 - p) ** 2, (1 - p) * p**2, reward_1, reward_0),
    inputs=((0.9, 1.0, 0.0), (0.2, 3.0, -1.0), (0.6, 10.0, 12.0)),
    praise="The probabilities have changed places: the rare arm, with its long score, decides.",
    mistakes={
        "That is the mean reward. Rewards are weighted by the squared score as well as by the probability.":
            lambda p, reward_1, reward_0: p * reward_1 + (1 - p) * reward_0,
        "You average the two rewards with equal weights, as if the size of the score counted once. How does it "
        "enter a variance?":
            lambda p, reward_1, reward_0: (reward_1 + reward_0) / 2,
        "You weight by the squared scores alone. How often does each arm come up?":
            lambda p, reward_1, reward_0: _two_arms_mean((1 - p) ** 2, p**2, reward_1, reward_0),
        "The two scores have changed places. Which arm moves the log odds more when it is drawn, the frequent or "
        "the rare one?":
            lambda p, reward_1, reward_0: _two_arms_mean(p**3, (1 - p) ** 3, reward_1, reward_0),
        "That is the numerator. Divide by the mean squared score, and much of it cancels.":
            lambda p, reward_1, reward_0: p * (1 - p) * ((1 - p) * reward_1 + p * reward_0),
    },
)


def _component_baselines(scores, returns):
    return np.mean(scores**2 * returns[:, None], axis=0) / np.mean(scores**2, axis=0)


def _scalar_baseline(scores, returns):
    lengths = np.sum(scores**2, axis=1)
    return np.full(scores.shape[1], lengths @ returns / lengths.sum())


SCORES = np.array([[0.5, -1.0, 2.0], [-1.5, 0.2, 0.4], [0.3, 0.9, -0.7], [0.9, -0.4, -1.1]])

component_baselines = Exercise(
    reference=_component_baselines,
    inputs=(
        (SCORES, np.array([3.0, -1.0, 0.5, 2.0])),
        (SCORES[:3, :2], np.array([10.0, 11.0, 9.0])),
    ),
    praise="One weighted mean of the returns for each parameter, and none of them the plain mean.",
    mistakes={
        "The best single number, repeated. Keep the components apart in numerator and denominator.":
            _scalar_baseline,
        "That is the plain mean return. Episodes with a long score should count for more.":
            lambda scores, returns: np.full(scores.shape[1], returns.mean()),
        "The scores enter with their sign. In a variance they are squared.":
            lambda scores, returns: (scores * returns[:, None]).mean(axis=0) / scores.mean(axis=0),
        "You weight by the absolute scores. Expand the variance once more: which power of the score multiplies b?":
            lambda scores, returns: np.abs(scores).T @ returns / np.abs(scores).sum(axis=0),
        "You have the mean of squared score times return. A weighted mean is divided by its weights.":
            lambda scores, returns: (scores**2 * returns[:, None]).mean(axis=0),
        "You divide the gradient by the mean squared score. The numerator has a square as well.":
            lambda scores, returns: (scores * returns[:, None]).mean(axis=0) / (scores**2).mean(axis=0),
    },
)


def _others(values):
    return (values.sum(axis=0) - values) / (len(values) - 1)


REWARDS = np.array([[1.0, 0.0, 2.0], [0.5, -1.0, 3.0], [2.0, 2.0, -0.5], [0.0, 1.5, 1.0]])

leave_one_out_baseline = Exercise(
    reference=lambda rewards, discount: _others(reward_to_go(rewards, discount)),
    inputs=((REWARDS, 0.9), (REWARDS[:2], 0.5)),
    praise="Each episode is judged by the others, at the same time of day.",
    mistakes={
        "Your mean includes the episode itself, and shrinks the gradient by (N − 1)/N.":
            lambda rewards, discount: np.broadcast_to(
                reward_to_go(rewards, discount).mean(axis=0), rewards.shape),
        "You sum over the others and divide by N. How many others are there?":
            lambda rewards, discount: _others(reward_to_go(rewards, discount)) * (1 - 1 / len(rewards)),
        "That is the sum over the other episodes; a baseline is their mean.":
            lambda rewards, discount: _others(reward_to_go(rewards, discount)) * (len(rewards) - 1),
        "You average rewards. The baseline stands beside G, the reward-to-go.":
            lambda rewards, discount: _others(rewards),
        "Your rewards-to-go are not discounted.":
            lambda rewards, discount: _others(reward_to_go(rewards, 1.0)),
        "You leave out the present hour and average over the other hours of the same episode. Leave out the "
        "episode, keep the hour.":
            lambda rewards, discount: _others(reward_to_go(rewards, discount).T).T,
        "Every hour gets the same baseline, the mean return of the others. Little of the day is left in the "
        "evening.":
            lambda rewards, discount: np.broadcast_to(
                _others(reward_to_go(rewards, discount))[:, :1], rewards.shape),
        "You return the weights G − b. The exercise asks for b alone.":
            lambda rewards, discount: (
                reward_to_go(rewards, discount) - _others(reward_to_go(rewards, discount))),
    },
)


def _without_end(rewards, values, discount, lam):
    return gae(rewards, np.append(values[:-1], 0.0), discount, lam)


def _from_errors(errors, factor):
    return reward_to_go(errors, factor)


advantages = Exercise(
    reference=gae,
    inputs=(
        (np.array([1.0, -0.5, 2.0, 0.3]), np.array([0.4, 1.2, -0.7, 0.9, 1.5]), 0.9, 0.7),
        (np.array([0.0, 1.0, 1.0]), np.array([2.0, 1.0, 0.5, 0.0]), 0.99, 0.95),
        (np.array([3.0, -1.0]), np.array([0.2, 0.8, -0.6]), 0.5, 0.0),
    ),
    praise="One backward pass. With λ = 0 it is the TD error, with λ = 1 the reward-to-go minus the value.",
    mistakes={
        "That is λ = 0: the TD errors alone. The later ones are missing.":
            lambda rewards, values, discount, lam: td_errors(rewards, values, discount),
        "That is λ = 1 whatever λ is: the errors should fade with (γλ)ᵏ.":
            lambda rewards, values, discount, lam: gae(rewards, values, discount, 1.0),
        "The TD errors are added with λᵏ. There is a γ in that factor too.":
            lambda rewards, values, discount, lam: _from_errors(td_errors(rewards, values, discount), lam),
        "The last value is ignored. It is zero only if the task has ended.": _without_end,
        "In your TD error the next value is not discounted.":
            lambda rewards, values, discount, lam: (
                _from_errors(td_errors(rewards, values, 1.0), discount * lam)),
        "The TD error has its values the other way round: the present value is subtracted, the next one added.":
            lambda rewards, values, discount, lam: (
                _from_errors(rewards + values[:-1] - discount * values[1:], discount * lam)),
        "Your loop runs forwards, so every advantage contains the errors of the past. It should contain those "
        "of the future.":
            lambda rewards, values, discount, lam: (
                _from_errors(td_errors(rewards, values, discount)[::-1], discount * lam)[::-1]),
        "You added V to the advantages: that is the target for the critic.":
            lambda rewards, values, discount, lam: gae(rewards, values, discount, lam) + values[:-1],
    },
)
