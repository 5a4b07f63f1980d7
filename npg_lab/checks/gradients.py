"""Exercises of chapter 5: the policy gradient."""

import numpy as np
from scipy.special import softmax

from ..estimators import LinearSoftmaxPolicy, reward_to_go
from .engine import Exercise


def _step_weights(rewards, discount):
    return discount ** np.arange(rewards.shape[-1]) * reward_to_go(rewards, discount)


step_weights = Exercise(
    reference=_step_weights,
    inputs=(
        (np.array([[1.0, 2.0, 4.0]]), 0.5),
        (np.array([[0.3, -1.0, 0.0, 2.0], [1.0, 0.7, -0.4, 0.2]]), 0.9),
    ),
    praise="Every reward is discounted from the start, and an action is credited with what follows it.",
    mistakes={
        "These are the rewards-to-go, each counted from its own time. The theorem has one more factor in front "
        "of them.": reward_to_go,
        "Your weights ignore the discount altogether. Which power of γ stands in front of the reward of step t'?":
            lambda rewards, discount: reward_to_go(rewards, 1.0),
        "Every step gets the return of the whole trajectory. That is unbiased too, but credits an action with "
        "rewards that came before it.":
            lambda rewards, discount: np.broadcast_to(_step_weights(rewards, discount)[:, :1], rewards.shape),
        "Your sum runs over the past. An action should be credited with what comes after it.":
            lambda rewards, discount: np.cumsum(rewards * discount ** np.arange(rewards.shape[1]), axis=1),
        "You leave out the reward of the step itself. It is paid for the very action whose score you weight.":
            lambda rewards, discount: (
                _step_weights(rewards, discount) - rewards * discount ** np.arange(rewards.shape[1])),
        "The factor γᵗ is in your weights twice. Does your sum already discount from the start of the "
        "trajectory?":
            lambda rewards, discount: (
                discount ** np.arange(rewards.shape[1]) * _step_weights(rewards, discount)),
        "You discount γᵗ times an undiscounted sum. Rewards that come later after the action have to count less "
        "too.":
            lambda rewards, discount: discount ** np.arange(rewards.shape[1]) * reward_to_go(rewards, 1.0),
    },
)


def _one_hot(probs, arm):
    return np.eye(len(probs))[arm]


logit_change = Exercise(
    reference=lambda probs, arm, reward, baseline, rate: (
        rate * (reward - baseline) * (_one_hot(probs, arm) - probs)),
    inputs=(
        (np.array([0.2, 0.3, 0.5]), 0, 0.1, 0.0, 1.0),
        (np.array([0.2, 0.3, 0.5]), 0, 0.1, 0.67, 1.0),
        (np.array([0.6, 0.1, 0.1, 0.2]), 2, -1.5, 0.4, 0.3),
    ),
    praise="One pull moves every logit, and the changes add up to zero.",
    mistakes={
        "Only the logit of the arm that was pulled changes in your answer. The score e_a − p has an entry for "
        "every arm.":
            lambda p, arm, reward, baseline, rate: (
                rate * (reward - baseline) * (_one_hot(p, arm) - p) * _one_hot(p, arm)),
        "You raise the logit of the pulled arm and leave out the −p of the score. Differentiate the logarithm of "
        "the softmax once more, with its denominator.":
            lambda p, arm, reward, baseline, rate: rate * (reward - baseline) * _one_hot(p, arm),
        "The sign is turned round: this update makes rewarded arms less likely. J is maximised.":
            lambda p, arm, reward, baseline, rate: rate * (reward - baseline) * (p - _one_hot(p, arm)),
        "A baseline is subtracted from the reward. What is the weight of a reward that equals the baseline?":
            lambda p, arm, reward, baseline, rate: rate * (reward + baseline) * (_one_hot(p, arm) - p),
        "The first machine comes out right, where the baseline is 0. Where did it go in the others?":
            lambda p, arm, reward, baseline, rate: rate * reward * (_one_hot(p, arm) - p),
        "This is the change averaged over all pulls of that arm: a factor p_a too many. The question is about one "
        "pull that has happened.":
            lambda p, arm, reward, baseline, rate: (
                rate * p[arm] * (reward - baseline) * (_one_hot(p, arm) - p)),
        "That is the gradient of the probability of the arm. The score is the gradient of its logarithm.":
            lambda p, arm, reward, baseline, rate: (
                rate * (reward - baseline) * (p * (_one_hot(p, arm) - p))),
        "Your answer does not contain the learning rate.":
            lambda p, arm, reward, baseline, rate: (reward - baseline) * (_one_hot(p, arm) - p),
    },
)


def _policy_gradient(visits, probs, score, values, discount):
    return np.einsum("s,sa,sad,sa->d", visits, probs, score, values) / (1 - discount)


def _instance(seed, states, actions, parameters, discount):
    rng = np.random.default_rng(seed)
    policy = LinearSoftmaxPolicy(rng.normal(size=(states, actions, parameters)))
    theta = rng.normal(size=parameters)
    visits = softmax(rng.normal(size=states))
    return visits, policy.probs(theta), policy.score(theta), rng.normal(size=(states, actions)) + 2, discount


policy_gradient = Exercise(
    reference=_policy_gradient,
    inputs=(_instance(0, 2, 2, 2, 0.5), _instance(1, 3, 2, 4, 0.9), _instance(2, 4, 3, 3, 0.8)),
    praise="Visits, policy, score, value, and the factor that undoes the normalisation of the visits.",
    mistakes={
        "The expectation is right. Normalised visits need one more factor to make a gradient of J; at γ = 0.9 "
        "your answer is ten times too small.":
            lambda visits, probs, score, values, discount: (
                (1 - discount) * _policy_gradient(visits, probs, score, values, discount)),
        "You have the factor 1 − γ upside down. Is the gradient of a sum of many rewards larger or smaller than "
        "the expectation for one step?":
            lambda visits, probs, score, values, discount: (
                (1 - discount) ** 2 * _policy_gradient(visits, probs, score, values, discount)),
        "All actions have equal weight in your sum over a. With which probability does the policy choose them?":
            lambda visits, probs, score, values, discount: (
                np.einsum("s,sad,sa->d", visits, score, values) / (1 - discount)),
        "All states have equal weight in your sum over s. How often are they visited?":
            lambda visits, probs, score, values, discount: (
                np.einsum("sa,sad,sa->d", probs, score, values) / (1 - discount)),
        "You take the mean over states. The visits are weights that sum to one already.":
            lambda visits, probs, score, values, discount: (
                _policy_gradient(visits, probs, score, values, discount) / len(visits)),
        "You divide by γ. The factor comes from the series Σ γᵗ: what is its sum?":
            lambda visits, probs, score, values, discount: (
                (1 - discount) / discount * _policy_gradient(visits, probs, score, values, discount)),
        "π occurs twice in your sum: it is part of the expectation, and multiplying the score by it once more "
        "gives ∇π.":
            lambda visits, probs, score, values, discount: (
                np.einsum("s,sa,sad,sa->d", visits, probs**2, score, values) / (1 - discount)),
    },
)


def _error_signal(action, state, gain, covariance):
    return np.linalg.solve(covariance, action - gain @ state)


gain_score = Exercise(
    reference=lambda action, state, gain, covariance: (
        np.outer(_error_signal(action, state, gain, covariance), state)),
    inputs=(
        (np.array([0.5, -1.0]), np.array([2.0, 1.0]), np.array([[0.5, 0.0], [-0.3, 0.2]]),
         np.array([[1.0, 0.4], [0.4, 0.5]])),
        (np.array([1.2, 0.1]), np.array([-0.7, 0.4]), np.array([[1.0, -0.5], [0.3, 0.8]]),
         np.array([[0.2, -0.1], [-0.1, 0.6]])),
        (np.array([0.3, 0.9]), np.array([1.0, -2.0, 0.5]), np.array([[0.1, 0.2, -0.4], [0.0, 0.3, 0.6]]),
         np.array([[2.0, 0.3], [0.3, 0.4]])),
    ),
    praise="Error signal times input, entry by entry: every linear layer has this gradient.",
    mistakes={
        "A factor ½ is left. Differentiate ½x² and see where it goes.":
            lambda a, s, K, covariance: 0.5 * np.outer(_error_signal(a, s, K, covariance), s),
        "Your matrix pushes the mean away from the action. Which of a − μ and μ − a makes the action more "
        "likely?":
            lambda a, s, K, covariance: -np.outer(_error_signal(a, s, K, covariance), s),
        "The covariance does not occur in your answer. A narrow policy reacts more strongly to the same "
        "deviation.":
            lambda a, s, K, covariance: np.outer(a - K @ s, s),
        "You multiply by Σ. A wide policy would then react most strongly; look at the density again.":
            lambda a, s, K, covariance: np.outer(covariance @ (a - K @ s), s),
        "You divide by the variances on the diagonal. This Σ has other entries too.":
            lambda a, s, K, covariance: np.outer((a - K @ s) / np.diag(covariance), s),
        "You divide entry by entry and lose the matrix: the error signal solves Σδ = a − μ.":
            lambda a, s, K, covariance: np.outer(((a - K @ s) / covariance).sum(axis=1), s),
        "You solve with Σ twice. One inverse stands in the density, and differentiating makes no more of them.":
            lambda a, s, K, covariance: (
                np.outer(np.linalg.solve(covariance, _error_signal(a, s, K, covariance)), s)),
        "Your deviation is that from zero. The mean of this policy is Ks.":
            lambda a, s, K, covariance: np.outer(np.linalg.solve(covariance, a), s),
    },
)
