r"""Score-function estimates of the policy gradient, one estimate for each episode.

Every function takes episodes and the table `score` (S, A, d) of :math:`g(s, a) = \nabla\log\pi(a|s)`, and
returns an array (N, d), from which `episodes.mean` and `episodes.variance` make the estimate and its spread.
Below :math:`g_t = g(s_t, a_t)`, :math:`R = \sum_t\gamma^t r_t` and
:math:`G_t = \sum_{t'\ge t}\gamma^{t'-t}r_{t'}`. The objective is :math:`J = E[R]` over the finite horizon.
"""

import numpy as np

from ..validation import finite


def returns(rewards, discount):
    r""":math:`R = \sum_t\gamma^t r_t` of rewards (..., T), shape (...)."""
    rewards = sequence("rewards", rewards)
    return rewards @ discount ** np.arange(rewards.shape[-1])


def reward_to_go(rewards, discount):
    r""":math:`G_t = r_t + \gamma G_{t+1}`, counted from the present, for rewards (..., T); shape (..., T)."""
    togo = sequence("rewards", rewards).copy()
    for t in range(togo.shape[-1] - 2, -1, -1):
        togo[..., t] += discount * togo[..., t + 1]
    return togo


def maximum_likelihood_gradient(episodes, score):
    r""":math:`\sum_t g_t`: makes every action taken more likely, the good ones and the bad ones."""
    return score_along(episodes, score).sum(axis=1)


def return_gradient(episodes, score, baseline=0.0):
    r""":math:`\left(\sum_t g_t\right)(R - b)`, the trajectory form of REINFORCE.

    Parameters
    ----------
    episodes : Episodes
    score : array (S, A, d)
    baseline : number, array (N,), or array (1, d) with an entry for each component

    Source: Williams, *Simple statistical gradient-following algorithms* (1992).
    """
    scores = maximum_likelihood_gradient(episodes, score)
    return scores * (episode_returns(episodes)[:, None] - _laid_out("baseline", baseline, scores.shape))


def reward_to_go_gradient(episodes, score, baseline=0.0):
    r""":math:`\sum_t\gamma^t g_t\,(G_t - b_t)`: an action is credited with what comes after it only.

    Parameters
    ----------
    episodes : Episodes
    score : array (S, A, d)
    baseline : number, array (T,) or (N, T), or array (1 or N, 1 or T, d) with an entry for each component
        A baseline that depends on the state is `values[episodes.states[:, :-1]]`.

    Source: Baxter and Bartlett, *Infinite-horizon policy-gradient estimation* (2001).
    """
    return np.sum(discounted_scores(episodes, score) * _centred_steps(episodes, score, baseline), axis=1)


def dropped_discount_gradient(episodes, score, baseline=0.0):
    r""":math:`\sum_t g_t\,(G_t - b_t)`, without the factor :math:`\gamma^t`: what most programs compute.

    Its mean counts early and late visits to a state alike, but rewards the less the further off they are. It
    is the gradient of no objective: its Jacobian is not symmetric. Arguments as in `reward_to_go_gradient`.

    Source: Nota and Thomas, *Is the policy gradient a gradient?* (2020).
    """
    return np.sum(score_along(episodes, score) * _centred_steps(episodes, score, baseline), axis=1)


def weighted_score(episodes, score, weight):
    r""":math:`\sum_t\gamma^t g_t\,\psi_t` for a weight :math:`\psi` (N, T), or (N, T, d) for each component.

    :math:`Q(s_t, a_t)`, :math:`A(s_t, a_t)`, :math:`G_t - V(s_t)` and `gae` are such weights.
    """
    scores = discounted_scores(episodes, score)
    return np.sum(scores * _laid_out("weight", weight, scores.shape), axis=1)


def signal_to_noise(mean, variance):
    r""":math:`\|\text{mean}\|^2 / \sum_j\text{variance}_j` along the last axis."""
    return np.sum(np.square(mean), axis=-1) / np.sum(variance, axis=-1)


def episode_returns(episodes):
    """`returns` of each episode, shape (N,)."""
    return returns(episodes.rewards, episodes.discount)


def steps_to_go(episodes):
    """`reward_to_go` at each step, shape (N, T)."""
    return reward_to_go(episodes.rewards, episodes.discount)


def score_along(episodes, score):
    """The scores :math:`g_t` of every step, shape (N, T, d)."""
    score = finite("score", score)
    if score.ndim != 3:
        raise ValueError(f"score must have shape (states, actions, d), got {score.shape}.")
    return episodes.along(score)


def discounted_scores(episodes, score):
    r""":math:`\gamma^t g_t` of every step, shape (N, T, d)."""
    return score_along(episodes, score) * episodes.discounts[:, None]


def sequence(name, value):
    """Return `value` as a float64 array with time as its last axis."""
    array = finite(name, value)
    if array.ndim == 0:
        raise ValueError(f"{name} must have time as its last axis, got a single number.")
    return array


def _centred_steps(episodes, score, baseline):
    """Rewards to go minus a baseline, shape (N, T, 1 or d)."""
    shape = (*episodes.actions.shape, np.shape(score)[-1])
    return steps_to_go(episodes)[..., None] - _laid_out("baseline", baseline, shape)


def _laid_out(name, value, shape):
    """`value` ready to meet an array of `shape`, whose last axis, for the components, it may lack."""
    value = finite(name, value)
    spread = value if value.ndim == len(shape) else value[..., None]
    try:
        np.broadcast_to(spread, shape)
    except ValueError:
        raise ValueError(
            f"{name} must broadcast to {shape[:-1]}, or to {shape} with an entry for each component, "
            f"got shape {value.shape}."
        ) from None
    return spread
