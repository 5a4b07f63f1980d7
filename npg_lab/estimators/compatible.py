r"""Compatible function approximation: the natural gradient as the weights of a regression on the scores."""

import numpy as np

from ..validation import finite, unit_interval
from .gradients import score_along


def on_policy_data(episodes, score, targets):
    r"""Scores, targets and weights of all steps, for `compatible_regression`.

    Step t of episode i has weight :math:`w_i\gamma^t`, normalised, so that states count as under the
    discounted occupancy (of the finite horizon).

    Parameters
    ----------
    episodes : Episodes
    score : array (S, A, d)
    targets : array (N, T) or table (S, A)
        For instance `reward_to_go`, `gae`, or exact action values.

    Returns
    -------
    (array (N·T, d), array (N·T,), array (N·T,))
    """
    targets, shapes = np.asarray(targets), (episodes.actions.shape, episodes.behaviour.shape)
    if targets.shape not in shapes:
        raise ValueError(f"targets must have shape {shapes[0]} or {shapes[1]}, got {targets.shape}.")
    if targets.shape != shapes[0]:
        targets = episodes.along(targets)
    scores, weights = score_along(episodes, score), episodes.weights[:, None] * episodes.discounts
    return scores.reshape(-1, scores.shape[-1]), targets.ravel(), weights.ravel() / weights.sum()


def compatible_regression(scores, targets, weights=None):
    r"""The shortest minimiser of :math:`\sum_i c_i\,(y_i - w^\top g_i)^2`.

    On all steps with on-policy weights, any of the targets A, Q and Q + c(s) gives
    :math:`w = (1-\gamma)F^{+}\nabla J`. In a sample, what the state alone decides in the target is noise.

    Parameters
    ----------
    scores : array (M, d)
        :math:`g_i = \nabla\log\pi(a_i|s_i)`.
    targets : array (M,)
        :math:`y_i`.
    weights : array (M,), optional
        :math:`c_i \ge 0`; equal by default.

    Returns
    -------
    array (d,)

    Source: Kakade, *A natural policy gradient* (2001), theorem 1; Sutton et al. (2000).
    """
    scores, targets = finite("scores", scores), finite("targets", targets)
    weights = np.ones(len(scores)) if weights is None else finite("weights", weights)
    if scores.ndim != 2 or targets.shape != scores.shape[:1] or weights.shape != targets.shape:
        raise ValueError(
            f"scores, targets and weights must have shapes (M, d), (M,) and (M,), "
            f"got {scores.shape}, {targets.shape} and {weights.shape}."
        )
    if np.any(weights < 0):
        raise ValueError(f"weights must be 0 or more, got {weights.min():g}.")
    if not np.any(weights > 0):
        raise ValueError("weights must not all be 0.")
    root = np.sqrt(weights / weights.max())
    return np.linalg.lstsq(scores * root[:, None], targets * root, rcond=1e-10)[0]


def lstd_natural_actor_critic(episodes, score, state_features, lam=0.0):
    r"""Compatible weights and a state value from one linear system.

    The features are :math:`x_t = (g_t, \phi(s_t))` and, as the next score averages to zero,
    :math:`y_t = (0, \phi(s_{t+1}))`. With the trace :math:`z_t = \gamma\lambda z_{t-1} + x_t` it solves

    .. math:: \sum_t\gamma^t z_t\left[x_t - \gamma y_t\right]^\top\binom{w}{v} = \sum_t\gamma^t z_t r_t.

    Parameters
    ----------
    episodes : Episodes
        A long horizon: the last state is bootstrapped, so the values are those of the endless problem.
    score : array (S, A, d)
    state_features : array (S, k)
        :math:`\phi`; the identity for a table.
    lam : float
        :math:`\lambda` in [0, 1].

    Returns
    -------
    (array (d,), array (k,))
        :math:`w`, which estimates :math:`(1-\gamma)F^{+}\nabla J`, and :math:`v` with
        :math:`V(s) \approx v^\top\phi(s)`.

    Source: Peters and Schaal, *Natural actor-critic* (2008), table 1.
    """
    lam, state_features = unit_interval("lam", lam), finite("state_features", state_features)
    if state_features.ndim != 2 or len(state_features) != len(episodes.behaviour):
        raise ValueError(f"state_features must have a row for each state, got shape {state_features.shape}.")
    scores, values = score_along(episodes, score), state_features[episodes.states]
    features = np.concatenate([scores, values[:, :-1]], axis=-1)
    following = np.concatenate([np.zeros_like(scores), values[:, 1:]], axis=-1)
    difference, trace = features - episodes.discount * following, features.copy()
    for t in range(1, episodes.horizon):
        trace[:, t] += episodes.discount * lam * trace[:, t - 1]
    trace *= (episodes.weights[:, None] * episodes.discounts)[..., None]
    matrix = np.einsum("nti,ntj->ij", trace, difference)
    solution = np.linalg.lstsq(matrix, np.einsum("nti,nt->i", trace, episodes.rewards), rcond=1e-10)[0]
    return np.split(solution, [scores.shape[-1]])
