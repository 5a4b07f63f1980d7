"""Exercises of chapter 7: weights of trajectories, horizons, the causal form, ratios of states."""

import numpy as np

from ..estimators import product_ratio_variance, reward_to_go
from .engine import Exercise


def _along(table, states, actions):
    return np.asarray(table)[states, actions]


OLD = np.array([[0.7, 0.3], [0.4, 0.6], [0.2, 0.8]])
NEW = np.array([[0.5, 0.5], [0.45, 0.55], [0.3, 0.7]])
STATES = np.array([[0, 1, 2, 0], [1, 1, 0, 2], [2, 0, 1, 0]])
ACTIONS = np.array([[1, 0, 0, 0], [0, 1, 1, 1], [1, 1, 0, 0]])

trajectory_weights = Exercise(
    reference=lambda target, behaviour, states, actions: (
        _along(target, states, actions) / _along(behaviour, states, actions)).prod(axis=1),
    inputs=((NEW, OLD, STATES, ACTIONS), (NEW[:2], OLD[:2], STATES[1:2, :2], ACTIONS[1:2, :2])),
    praise="One number a trajectory, from the two policies alone. No transition probability was needed.",
    mistakes={
        "Your ratio is upside down. A trajectory that the new policy likes should weigh more than 1.":
            lambda target, behaviour, states, actions: (
                _along(behaviour, states, actions) / _along(target, states, actions)).prod(axis=1),
        "The ratios are added. Probabilities of successive choices multiply.":
            lambda target, behaviour, states, actions: (
                _along(target, states, actions) / _along(behaviour, states, actions)).sum(axis=1),
        "That is the mean ratio of a step. How are the steps of a trajectory combined?":
            lambda target, behaviour, states, actions: (
                _along(target, states, actions) / _along(behaviour, states, actions)).mean(axis=1),
        "That is the probability of the actions under the new policy. Who drew them?":
            lambda target, behaviour, states, actions: _along(target, states, actions).prod(axis=1),
        "That is the logarithm of the weight.":
            lambda target, behaviour, states, actions: np.log(
                _along(target, states, actions) / _along(behaviour, states, actions)).sum(axis=1),
        "Only the last step counts in your answer. What about the steps before it?":
            lambda target, behaviour, states, actions: (
                _along(target, states, actions) / _along(behaviour, states, actions))[:, -1],
    },
)


def _growth(behaviour, target):
    return 1 + float(product_ratio_variance(behaviour, target, 1))


longest_horizon = Exercise(
    reference=lambda behaviour, target, share: np.floor(
        np.log(1 / share) / np.log(_growth(behaviour, target))),
    inputs=(
        (np.array([0.5, 0.5]), np.array([0.6, 0.4]), 0.1),
        (np.array([0.7, 0.2, 0.1]), np.array([0.5, 0.3, 0.2]), 0.01),
        (np.array([0.9, 0.1]), np.array([0.7, 0.3]), 0.05),
    ),
    praise="The horizon that you can afford grows with the logarithm of the data only.",
    mistakes={
        "Your horizon is not a whole number of steps. Round down: one step more would be too many.":
            lambda behaviour, target, share: np.log(1 / share) / np.log(_growth(behaviour, target)),
        "You rounded up, and the share has already fallen below the one asked for.":
            lambda behaviour, target, share: np.ceil(
                np.log(1 / share) / np.log(_growth(behaviour, target))),
        "The two policies have changed places. Whose probabilities are squared, and whose divide?":
            lambda behaviour, target, share: np.floor(
                np.log(1 / share) / np.log(_growth(target, behaviour))),
        "You let the KL divergence play the part of the logarithm of the second moment. It is a lower bound, "
        "and so your horizon is too long.":
            lambda behaviour, target, share: np.floor(
                np.log(1 / share) / np.sum(target * np.log(target / behaviour))),
        "You let the variance grow linearly with the horizon. What happens to the mean square of a product of "
        "independent factors?":
            lambda behaviour, target, share: np.floor(
                (1 / share - 1) / (_growth(behaviour, target) - 1)),
        "Your variance may reach 1/share. The share is one over the mean square of the weight, and the mean "
        "square is the variance plus 1.":
            lambda behaviour, target, share: np.floor(
                np.log(1 + 1 / share) / np.log(_growth(behaviour, target))),
    },
)


def _future(ratios, rewards, discount):
    """Rewards to go, each with the ratios of the actions after t up to its own."""
    togo = rewards.copy()
    for t in range(rewards.shape[1] - 2, -1, -1):
        togo[:, t] += discount * ratios[:, t + 1] * togo[:, t + 1]
    return togo


def _past(ratios):
    return np.cumprod(ratios, axis=1)


def _before(ratios):
    return np.column_stack([np.ones(len(ratios)), _past(ratios)[:, :-1]])


RATIOS = np.array([[1.2, 0.8, 1.5, 0.6], [0.7, 1.1, 0.9, 1.3], [2.0, 0.5, 0.4, 1.1]])
REWARDS = np.array([[1.0, 2.0, 0.0, 1.5], [0.5, -1.0, 2.0, 1.0], [1.0, 1.0, 3.0, -2.0]])

causal_weights = Exercise(
    reference=lambda ratios, rewards, discount: _past(ratios) * _future(ratios, rewards, discount),
    inputs=((RATIOS, REWARDS, 0.9), (RATIOS[:1, :3], REWARDS[1:2, :3], 1.0)),
    praise="Each ratio occurs once, and no reward waits for ratios that come after it.",
    mistakes={
        "The ratio of the action at time t occurs twice in your weight: once in the past product, once in the "
        "product that goes with the rewards. Where does the second one begin?":
            lambda ratios, rewards, discount: ratios * _past(ratios) * _future(ratios, rewards, discount),
        "Your rewards come without ratios. That is another estimator, with the action values of the old policy.":
            lambda ratios, rewards, discount: _past(ratios) * reward_to_go(rewards, discount),
        "You use the ratio of the whole trajectory at every step. It is unbiased, but the ratios after a reward "
        "can go.":
            lambda ratios, rewards, discount: (
                _past(ratios)[:, -1:] * reward_to_go(rewards, discount)),
        "The past product stops before t. The action at t was drawn by the old policy as well.":
            lambda ratios, rewards, discount: _before(ratios) * _future(ratios, rewards, discount),
        "The ratios of the past are missing. The states at time t were those of the old policy.":
            lambda ratios, rewards, discount: ratios * _future(ratios, rewards, discount),
        "Your rewards-to-go are not discounted from t on.":
            lambda ratios, rewards, discount: _past(ratios) * _future(ratios, rewards, 1.0),
        "Your weight contains the discount from time 0. The exercise asks for what multiplies γᵗψ.":
            lambda ratios, rewards, discount: (
                discount ** np.arange(rewards.shape[1])
                * _past(ratios) * _future(ratios, rewards, discount)),
    },
)


def _table(states, values, count, average=True):
    """Mean (or sum) over the trajectories that are in a state at a time, shape (T, states)."""
    here = states[:, :, None] == np.arange(count)
    total = np.einsum("nts,nt->ts", here, values)
    return total / np.maximum(here.sum(axis=0), 1) if average else total


PLACES = np.array([[0, 1, 0], [0, 1, 1], [1, 0, 1], [0, 0, 1], [1, 1, 0]])
STEPS = np.array([[1.2, 0.8, 1.5], [0.7, 1.1, 0.9], [2.0, 0.5, 0.4], [0.6, 1.4, 0.3], [1.3, 0.9, 0.7]])

state_ratio_table = Exercise(
    reference=lambda states, ratios, count: _table(states, _before(ratios), count),
    inputs=((PLACES, STEPS, 2), (PLACES[1:], STEPS[:-1], 2)),
    praise="What the trajectories that pass through a state have gone through on average is all that matters.",
    mistakes={
        "Your product includes the action at time t. It has not been taken when the state is reached.":
            lambda states, ratios, count: _table(states, _past(ratios), count),
        "That is the mean of one step's ratio. The state at time t depends on all actions before it.":
            lambda states, ratios, count: _table(states, ratios, count),
        "You have the sum over the trajectories that are in the state. A conditional mean divides by their "
        "number.":
            lambda states, ratios, count: _table(states, _before(ratios), count, average=False),
        "You divide by the number of all trajectories: that estimates how often the new policy is in the state. "
        "A ratio compares it with how often the old one is.":
            lambda states, ratios, count: (
                _table(states, _before(ratios), count, average=False) / len(states)),
        "That is how often the old policy is in each state. Where are the weights?":
            lambda states, ratios, count: (
                _table(states, np.ones_like(ratios), count, average=False) / len(states)),
        "Your average runs over all times at once. The ratio of the states is different at each time.":
            lambda states, ratios, count: np.tile(
                _table(states.reshape(-1, 1), _before(ratios).reshape(-1, 1), count), (states.shape[1], 1)),
    },
)
