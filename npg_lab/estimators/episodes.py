"""Episodes of a finite MDP over a finite horizon: all of them with their probabilities, or a sample."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from ..distributions import Categorical
from ..validation import at_least_one, finite, unit_interval

MOST_EPISODES = 2_000_000


@dataclass(frozen=True)
class Episodes:
    r"""N episodes of T steps, each with a weight, so that :math:`E[x] \approx \sum_i w_i x_i`.

    Attributes
    ----------
    states : array of int (N, T + 1)
    actions : array of int (N, T)
    rewards : array (N, T)
    weights : array (N,)
        The probabilities of the episodes if these are all there are, otherwise 1/N.
    discount : float
    behaviour : array (S, A)
        Probabilities of the actions under the policy that acted.
    exact : bool
        Whether these are all episodes.
    """

    states: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    weights: np.ndarray
    discount: float
    behaviour: np.ndarray
    exact: bool

    def __len__(self):
        return len(self.weights)

    @property
    def horizon(self):
        """Number of steps T."""
        return self.actions.shape[1]

    @property
    def discounts(self):
        r""":math:`\gamma^t`, shape (T,)."""
        return self.discount ** np.arange(self.horizon)

    def along(self, table):
        """`table` (S, A, ...) read at the state and action of every step, shape (N, T, ...)."""
        table = np.asarray(table)
        if table.shape[:2] != self.behaviour.shape:
            raise ValueError(f"table must begin with axes {self.behaviour.shape}, got shape {table.shape}.")
        return table[self.states[:, :-1], self.actions]

    def over_time(self, table):
        """`table` (T, S) or (T, S, A) read at the time, state (and action) of every step, shape (N, T)."""
        table = np.asarray(table)
        if table.shape not in ((self.horizon, *self.behaviour.shape[:axes]) for axes in (1, 2)):
            raise ValueError(
                f"table must have shape (T, S) or (T, S, A) with T, S, A = "
                f"{(self.horizon, *self.behaviour.shape)}, got {table.shape}."
            )
        index = (np.arange(self.horizon), self.states[:, :-1], self.actions)
        return table[index[: table.ndim]]

    def mean(self, x):
        """Mean over episodes of `x` (N, ...): exact, or the sample mean."""
        return np.tensordot(self.weights, self._one_row_each(x), axes=1)

    def variance(self, x):
        """Variance of each component of `x` (N, ...) between episodes: exact, or the unbiased estimate."""
        spread = self.mean((self._one_row_each(x) - self.mean(x)) ** 2)
        if self.exact:
            return spread
        if len(self) == 1:
            raise ValueError("x must come from at least two sampled episodes to have a variance, got 1.")
        return spread * len(self) / (len(self) - 1)

    def standard_error(self, x):
        """Standard deviation of `mean(x)`: 0 if the episodes are all there are."""
        return np.sqrt(self.variance(x) * (0.0 if self.exact else 1 / len(self)))

    def _one_row_each(self, x):
        x = np.asarray(x, dtype=float)
        if x.shape[:1] != self.weights.shape:
            raise ValueError(f"x must have {len(self)} rows, one for each episode, got shape {x.shape}.")
        return x


def enumerate_episodes(mdp, probs, horizon, discount=None):
    """All episodes of positive probability.

    Parameters
    ----------
    mdp : TabularMDP
    probs : array (S, A)
        The policy.
    horizon : int
        Number of steps T; the number of episodes grows exponentially with it.
    discount : float, optional
        In [0, 1], for 1 is no trouble when the horizon is finite; the discount of the MDP by default.

    Returns
    -------
    Episodes
    """
    probs, discount = policy_table(mdp, probs), chosen_discount(mdp, discount)
    rows, horizon = _transition_rows(mdp), at_least_one("horizon", horizon)
    states = np.flatnonzero(mdp.start)[:, None]
    actions, weights = np.empty((len(states), 0), dtype=int), mdp.start[states[:, 0]]
    for _ in range(horizon):
        parent, action = np.nonzero(probs[states[:, -1]])
        last = states[parent, -1]
        branches = rows[last * mdp.actions + action].tocoo()
        if branches.nnz > MOST_EPISODES:
            raise ValueError(f"horizon must leave at most {MOST_EPISODES} episodes, got more at {horizon}.")
        step, following = branches.coords
        weights = (weights[parent] * probs[last, action])[step] * branches.data
        states = np.column_stack([states[parent[step]], following])
        actions = np.column_stack([actions[parent[step]], action[step]])
    return Episodes(states, actions, mdp.rewards[states[:, :-1], actions], weights, discount, probs, True)


def sample_episodes(mdp, probs, horizon, count, rng, discount=None):
    """`count` independent episodes.

    Parameters
    ----------
    mdp : TabularMDP
    probs : array (S, A)
        The policy.
    horizon, count : int
        Number of steps T and of episodes N.
    rng : numpy.random.Generator
    discount : float, optional
        In [0, 1]; the discount of the MDP by default.

    Returns
    -------
    Episodes
    """
    probs, discount = policy_table(mdp, probs), chosen_discount(mdp, discount)
    horizon, count = at_least_one("horizon", horizon), at_least_one("count", count)
    rows, policy = _transition_rows(mdp), sparse.csr_array(probs)
    states = np.empty((count, horizon + 1), dtype=int)
    actions = np.empty((count, horizon), dtype=int)
    states[:, 0] = _draw(sparse.csr_array(mdp.start[None]), np.zeros(count, dtype=int), rng)
    for t in range(horizon):
        actions[:, t] = _draw(policy, states[:, t], rng)
        states[:, t + 1] = _draw(rows, states[:, t] * mdp.actions + actions[:, t], rng)
    rewards = mdp.rewards[states[:, :-1], actions]
    return Episodes(states, actions, rewards, np.full(count, 1 / count), discount, probs, False)


def policy_table(mdp, probs, name="probs"):
    """Return a policy as a float64 array (S, A) of probabilities; refuse anything else."""
    table = finite(name, probs)
    if table.shape != (mdp.states, mdp.actions):
        raise ValueError(
            f"{name} must have shape (states, actions) = {mdp.rewards.shape}, got {table.shape}."
        )
    return Categorical(table).probs


def chosen_discount(mdp, discount):
    """The discount given, checked, or that of the MDP."""
    return mdp.discount if discount is None else unit_interval("discount", discount)


def _transition_rows(mdp):
    """Transitions as a csr array (S·A, S)."""
    dense = not sparse.issparse(mdp.transitions)
    return sparse.csr_array(mdp.transitions.reshape(-1, mdp.states) if dense else mdp.transitions)


def _draw(rows, index, rng):
    """One column from each of the distributions `rows[index]`."""
    total = np.concatenate([[0.0], rows.data.cumsum()])
    first, end = rows.indptr[index], rows.indptr[index + 1]
    threshold = total[first] + rng.random(len(index)) * (total[end] - total[first])
    entry = np.searchsorted(total, threshold, side="right") - 1
    return rows.indices[np.clip(entry, first, end - 1)]
