r"""Finite-horizon objective, gradient, values and marginals of a tabular MDP, by recursion over time."""

import numpy as np
from scipy import sparse

from ..validation import at_least_one
from .episodes import chosen_discount, policy_table


def state_marginals(mdp, probs, horizon):
    r""":math:`d_t(s) = \Pr(s_t = s)` for t = 0 … T − 1, shape (T, S)."""
    probs, rows = policy_table(mdp, probs), _rows(mdp)
    marginals = [mdp.start]
    for _ in range(at_least_one("horizon", horizon) - 1):
        marginals.append(rows.T @ (marginals[-1][:, None] * probs).ravel())
    return np.array(marginals)


def finite_action_values(mdp, probs, horizon, discount=None):
    r""":math:`Q_t(s, a) = r(s, a) + \gamma\sum_{s'}P(s'|s, a)V_{t+1}(s')`, shape (T, S, A)."""
    probs, discount, rows = policy_table(mdp, probs), chosen_discount(mdp, discount), _rows(mdp)
    table = [mdp.rewards]
    for _ in range(at_least_one("horizon", horizon) - 1):
        values = (probs * table[-1]).sum(axis=-1)
        table.append(mdp.rewards + discount * (rows @ values).reshape(mdp.rewards.shape))
    return np.array(table[::-1])


def finite_values(mdp, probs, horizon, discount=None):
    r""":math:`V_t(s)`, shape (T + 1, S), ending with 0."""
    values = (finite_action_values(mdp, probs, horizon, discount) * policy_table(mdp, probs)).sum(axis=-1)
    return np.concatenate([values, np.zeros((1, mdp.states))])


def exact_objective(mdp, probs, horizon, discount=None):
    r""":math:`J = E\left[\sum_{t<T}\gamma^t r_t\right]`."""
    return float(finite_values(mdp, probs, horizon, discount)[0] @ mdp.start)


def exact_gradient(mdp, probs, score, horizon, discount=None):
    r""":math:`\nabla J = \sum_t\gamma^t\sum_{s,a}d_t(s)\,\pi(a|s)\,g(s, a)\,Q_t(s, a)`, shape (d,)."""
    action_values = finite_action_values(mdp, probs, horizon, discount)
    marginals = state_marginals(mdp, probs, horizon)
    discounts = chosen_discount(mdp, discount) ** np.arange(horizon)
    weight = np.einsum("t,ts,sa,tsa->sa", discounts, marginals, policy_table(mdp, probs), action_values)
    return np.einsum("sa,sad->d", weight, score)


def surrogate_objective(mdp, old, new, horizon, discount=None):
    r"""What the new policy would earn if it met the states of the old one:

    .. math:: L(\pi') = J(\pi) + \sum_t\gamma^t\sum_{s,a}d_t^{\pi}(s)\,\pi'(a|s)\,A_t^{\pi}(s, a).

    Source: Kakade and Langford, *Approximately optimal approximate reinforcement learning* (2002).
    """
    new, old = policy_table(mdp, new, "new"), policy_table(mdp, old, "old")
    action_values = finite_action_values(mdp, old, horizon, discount)
    discounts = chosen_discount(mdp, discount) ** np.arange(horizon)
    marginals = state_marginals(mdp, old, horizon)
    gain = np.einsum("t,ts,sa,tsa->", discounts, marginals, new - old, action_values)
    return exact_objective(mdp, old, horizon, discount) + float(gain)


def state_ratios(mdp, behaviour, target, horizon):
    r""":math:`d_t^{\text{target}}(s)/d_t^{\text{behaviour}}(s)`, shape (T, S); 0 where the target never is.

    Raises
    ------
    ValueError
        If the target visits a state at a time when the behaviour never does.
    """
    mine, theirs = (state_marginals(mdp, probs, horizon) for probs in (behaviour, target))
    missing = np.argwhere((theirs > 0) & (mine == 0))
    if len(missing):
        time, state = missing[0]
        raise ValueError(f"target must visit only what behaviour visits, got state {state} at time {time}.")
    return np.divide(theirs, mine, out=np.zeros_like(mine), where=mine > 0)


def _rows(mdp):
    return mdp.transitions if sparse.issparse(mdp.transitions) else mdp.transitions.reshape(-1, mdp.states)
