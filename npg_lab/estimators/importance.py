r"""Importance sampling: judge and improve a policy from the episodes of another.

The episodes were drawn by :math:`\pi` (`episodes.behaviour`); `target` (S, A) is :math:`\pi'`, and `score`
(S, A, d) the table of its :math:`g = \nabla\log\pi'`. The dynamics cancel from the ratio of the probabilities
of an episode, and

.. math:: \rho_t = \frac{\pi'(a_t|s_t)}{\pi(a_t|s_t)}, \qquad \rho_{i:j} = \prod_{u=i}^{j}\rho_u

is all that remains. Functions return one value for each episode, to be averaged by `episodes.mean`.
"""

import numpy as np

from ..distributions import Categorical
from ..validation import finite
from .gradients import episode_returns, maximum_likelihood_gradient, steps_to_go, weighted_score


def importance_ratios(episodes, target):
    r""":math:`\rho_t`, shape (N, T).

    Raises
    ------
    ValueError
        If in some state of these episodes the target may choose an action which the behaviour never does: no
        weight can make up for what was never seen.
    """
    target = finite("target", target)
    if target.shape != episodes.behaviour.shape:
        raise ValueError(f"target must have shape {episodes.behaviour.shape}, got {target.shape}.")
    target = Categorical(target).probs
    visited = np.isin(np.arange(len(target)), episodes.states[:, :-1])
    missing = np.argwhere(visited[:, None] & (target > 0) & (episodes.behaviour == 0))
    if len(missing):
        state, action = missing[0]
        raise ValueError(
            f"target must choose only actions that the behaviour chooses, got probability "
            f"{target[state, action]:g} of action {action} in state {state}, where the behaviour has 0."
        )
    return episodes.along(target) / episodes.along(episodes.behaviour)


def cumulative_ratios(episodes, target):
    r""":math:`\rho_{0:t}`, shape (N, T); the last column is the ratio of the whole episode."""
    return np.cumprod(importance_ratios(episodes, target), axis=1)


def trajectory_is_return(episodes, target):
    r""":math:`\rho_{0:T-1}\,R`, an unbiased estimate of the target's objective, shape (N,)."""
    return cumulative_ratios(episodes, target)[:, -1] * episode_returns(episodes)


def per_decision_is_return(episodes, target):
    r""":math:`\sum_t\gamma^t\rho_{0:t}\,r_t`: a reward is weighted by the actions before it only, shape (N,).

    Source: Precup, Sutton and Singh, *Eligibility traces for off-policy policy evaluation* (2000).
    """
    return (cumulative_ratios(episodes, target) * episodes.rewards) @ episodes.discounts


def trajectory_is_gradient(episodes, target, score):
    r""":math:`\rho_{0:T-1}\left(\sum_t g_t\right)R`: the three factors, shape (N, d)."""
    return maximum_likelihood_gradient(episodes, score) * trajectory_is_return(episodes, target)[:, None]


def causal_is_gradient(episodes, target, score):
    r""":math:`\sum_t\gamma^t\rho_{0:t}\,g_t\sum_{t'\ge t}\gamma^{t'-t}\rho_{t+1:t'}\,r_{t'}`, shape (N, d).

    The ratios of the rewards begin at t + 1, for :math:`\rho_t` is counted already.
    """
    ratios, togo = importance_ratios(episodes, target), episodes.rewards.copy()
    for t in range(episodes.horizon - 2, -1, -1):
        togo[:, t] += episodes.discount * ratios[:, t + 1] * togo[:, t + 1]
    return weighted_score(episodes, score, np.cumprod(ratios, axis=1) * togo)


def past_ratios_gradient(episodes, target, score):
    r""":math:`\sum_t\gamma^t\rho_{0:t}\,g_t\,G_t`: the ratios of the rewards are left out, shape (N, d).

    Its mean is :math:`\sum_t\gamma^t E_{s\sim d_t^{\pi'},\,a\sim\pi'}[g\,Q_t^{\pi}]`, with the states of the
    target but the action values of the behaviour: not the gradient of the target's objective.
    """
    return weighted_score(episodes, score, cumulative_ratios(episodes, target) * steps_to_go(episodes))


def marginal_is_gradient(episodes, target, score, action_values, state_ratios):
    r""":math:`\sum_t\gamma^t\frac{d_t^{\pi'}(s_t)}{d_t^{\pi}(s_t)}\,\rho_t\,g_t\,\hat Q_t`, shape (N, d).

    It is exact when :math:`\hat Q` holds the action values of the target.

    Parameters
    ----------
    episodes : Episodes
    target : array (S, A)
    score : array (S, A, d)
    action_values : array (N, T)
        For instance `episodes.over_time(finite_action_values(...))`.
    state_ratios : array (T, S)
        From `npg_lab.estimators.state_ratios`.
    """
    weight = episodes.over_time(state_ratios) * importance_ratios(episodes, target)
    return weighted_score(episodes, score, weight * action_values)


def surrogate_gradient(episodes, target, score, action_values):
    r""":math:`\sum_t\gamma^t\rho_t\,g_t\,\hat Q_t`, the ratio of the states being dropped, shape (N, d).

    With the action values of the behaviour (or `reward_to_go`, which estimates them) its mean is the gradient
    of `surrogate_objective`: :math:`\nabla J` where the policies agree, off by a first-order term elsewhere.

    Parameters
    ----------
    episodes : Episodes
    target : array (S, A)
    score : array (S, A, d)
    action_values : array (N, T)
    """
    return weighted_score(episodes, score, importance_ratios(episodes, target) * action_values)


def self_normalised_mean(x, ratios):
    r""":math:`\sum_i\rho_ix_i/\sum_i\rho_i` of x (N, ...): biased by O(1/N), but within the range of x."""
    ratios = _weights(ratios)
    return np.tensordot(ratios, x, axes=1) / ratios.sum()


def effective_sample_size(ratios):
    r""":math:`\left(\sum_i\rho_i\right)^2/\sum_i\rho_i^2` of N sampled ratios, between 1 and N.

    Source: Kong, *A note on importance sampling using standardized weights* (1992).
    """
    ratios = _weights(ratios)
    return ratios.sum() ** 2 / (ratios**2).sum()


def product_ratio_variance(behaviour, target, steps):
    r"""Variance :math:`\left(\sum_a\pi'(a)^2/\pi(a)\right)^T - 1` of the product of T independent ratios.

    Parameters
    ----------
    behaviour, target : array (A,)
        Probabilities of the actions, the same at every step.
    steps : int or array
        T.
    """
    behaviour, target = Categorical(behaviour).probs, Categorical(target).probs
    if np.any((target > 0) & (behaviour == 0)):
        raise ValueError(f"target must choose only what behaviour chooses, got {target} and {behaviour}.")
    chosen = behaviour > 0
    return np.expm1(np.log((target[chosen] ** 2 / behaviour[chosen]).sum()) * np.asarray(steps))


def _weights(ratios):
    ratios = finite("ratios", ratios)
    if ratios.ndim != 1 or np.any(ratios < 0) or not np.any(ratios > 0):
        raise ValueError(f"ratios must be non-negative numbers (N,), not all 0, got shape {ratios.shape}.")
    return ratios
