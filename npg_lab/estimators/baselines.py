r"""Baselines of least variance, and the bias of a baseline taken from the same batch.

Subtracting a baseline from the weights of the scores turns an estimate X into :math:`X - bY`, where
:math:`E[Y] = 0`. The variance is least at

.. math:: b^\star = \frac{E[X\cdot Y]}{E[Y\cdot Y]}.

For the trajectory return :math:`Y = g = \sum_t g_t` and :math:`X = gR`, which gives the familiar
:math:`E[|g|^2R]/E|g|^2`. For rewards to go :math:`X = \sum_t\gamma^t g_tG_t`, and the analogous
:math:`E[|g_t|^2G_t]/E|g_t|^2` is not the best baseline: the terms of different times are correlated.

On sampled episodes these are estimates, and using them on the same episodes costs a bias of order 1/N.

Source: Peters and Schaal, *Reinforcement learning of motor skills with policy gradients* (2008);
Greensmith, Bartlett and Baxter, *Variance reduction techniques for gradient estimates* (2004).
"""

import numpy as np

from ..validation import finite
from .gradients import (
    discounted_scores,
    maximum_likelihood_gradient,
    return_gradient,
    reward_to_go_gradient,
    score_along,
    steps_to_go,
)


def optimal_return_baseline(episodes, score):
    r""":math:`E[|g|^2R]/E|g|^2` for `return_gradient`, a number; :math:`g = \sum_t g_t`."""
    estimate, control = return_gradient(episodes, score), maximum_likelihood_gradient(episodes, score)
    return _projection(episodes, estimate, control)


def optimal_return_baseline_per_component(episodes, score):
    r""":math:`E[g_j^2R]/E[g_j^2]` for `return_gradient`, shape (1, d)."""
    estimate, control = return_gradient(episodes, score), maximum_likelihood_gradient(episodes, score)
    return _projection(episodes, estimate[..., None], control[..., None])[None]


def optimal_reward_to_go_baseline(episodes, score):
    r""":math:`E[X\cdot Y]/E|Y|^2` for `reward_to_go_gradient`, a number; :math:`Y = \sum_t\gamma^t g_t`."""
    estimate, control = reward_to_go_gradient(episodes, score), discounted_scores(episodes, score).sum(axis=1)
    return _projection(episodes, estimate, control)


def optimal_reward_to_go_baseline_per_component(episodes, score):
    r""":math:`E[X_jY_j]/E[Y_j^2]` for `reward_to_go_gradient`, shape (1, 1, d)."""
    estimate, control = reward_to_go_gradient(episodes, score), discounted_scores(episodes, score).sum(axis=1)
    return _projection(episodes, estimate[..., None], control[..., None])[None, None]


def optimal_time_baseline(episodes, score):
    r""":math:`b_t = \frac{E[g_t\cdot X]}{\gamma^t E|g_t|^2}` for `reward_to_go_gradient`, shape (T,).

    The scores of different times are uncorrelated, so each time has its own quotient.
    """
    estimate, controls = reward_to_go_gradient(episodes, score), discounted_scores(episodes, score)
    return _projection(episodes, estimate[:, None], controls)


def optimal_state_baseline(episodes, score):
    r"""The best function :math:`b(s)` for `reward_to_go_gradient`, shape (S,); 0 in states never visited.

    Use it as `baseline=b[episodes.states[:, :-1]]`.
    """
    estimate, steps = reward_to_go_gradient(episodes, score), discounted_scores(episodes, score)
    visits = np.eye(len(episodes.behaviour))[episodes.states[:, :-1]]
    return _projection(episodes, estimate[:, None], np.einsum("nts,ntd->nsd", visits, steps))


def naive_time_baseline(episodes, score):
    r""":math:`E[|g_t|^2G_t]/E|g_t|^2`, shape (T,): the trajectory formula carried over, and not optimal."""
    scores = score_along(episodes, score)
    return _projection(episodes, scores * steps_to_go(episodes)[..., None], scores)


def batch_mean_gradient(scores, returns):
    r""":math:`\frac1N\sum_i g_i\,(R_i - \bar R)` with the mean return of the same batch as baseline.

    The mean contains :math:`R_i` itself, which makes the expectation :math:`\frac{N-1}{N}\nabla J`.

    Parameters
    ----------
    scores : array (..., N, d)
        :math:`g_i = \sum_t g_t` of each episode.
    returns : array (..., N)

    Returns
    -------
    array (..., d)
    """
    scores, returns = finite("scores", scores), finite("returns", returns)
    if scores.shape[:-1] != returns.shape:
        raise ValueError(f"returns must have the shape {scores.shape[:-1]}, got {returns.shape}.")
    centred = returns - returns.mean(axis=-1, keepdims=True)
    return np.mean(scores * centred[..., None], axis=-2)


def leave_one_out_gradient(scores, returns):
    r"""As `batch_mean_gradient`, each baseline being the mean of the other returns: unbiased, for N ≥ 2.

    It is the batch-mean estimate times :math:`\frac{N}{N-1}`.
    """
    count = np.shape(returns)[-1]
    if count < 2:
        raise ValueError(f"returns must hold at least two episodes to leave one out, got {count}.")
    return batch_mean_gradient(scores, returns) * count / (count - 1)


def _projection(episodes, estimate, control):
    """E[X·Y] / E[Y·Y] over the last axis of (N, ..., d), 0 where Y vanishes."""
    overlap = episodes.mean(np.sum(estimate * control, axis=-1))
    size = episodes.mean(np.sum(control * control, axis=-1))
    return np.divide(overlap, size, out=np.zeros_like(size), where=size > 0)
