r"""Finite Markov decision processes with a softmax policy, exactly."""

import numpy as np
from scipy import sparse
from scipy.special import softmax

from ..distributions import Categorical
from ..validation import finite, shown
from .resolvent import discounted_sum, is_narrow, reachable, sparse_discounted_sum

SWEEPS = 300  # of value iteration


class TabularMDP:
    r"""Finitely many states and actions, policy :math:`\pi(a|s) = \operatorname{softmax}_a\,\theta_{sa}`.

    With :math:`P^\pi` the chain of states under the policy and :math:`\mu` the law of the first state,

    .. math:: V = (I - \gamma P^\pi)^{-1}r^\pi, \qquad J = \mu^\top V, \qquad
              d = (1-\gamma)(I - \gamma P^{\pi\top})^{-1}\mu.

    Everything is vectorised over the leading axes of `theta`, whose last axes are (S, A), or flat (S·A,).

    Parameters
    ----------
    transitions : array (S, A, S), or scipy.sparse (S·A, S)
        Probability of the next state; row :math:`sA + a` of the sparse form belongs to state s and action a.
    rewards : array (S, A)
    discount : float
        :math:`0 \le \gamma < 1`.
    start : array (S,)
        :math:`\mu`.

    Raises
    ------
    ValueError
        For probabilities that do not sum to 1, a discount outside [0, 1), wrong shapes and NaN.

    Source: Agarwal et al., *On the theory of policy gradient methods* (2021), sections 2 and 5.
    """

    bounds = None

    def __init__(self, transitions, rewards, discount, start):
        self.transitions = _transitions(transitions)
        self.states = self.transitions.shape[-1]
        self._rows = self.transitions.reshape(-1, self.states)
        self.actions = self._rows.shape[0] // self.states
        _check_sums("transitions", self._rows, "state {} and action {}", self.actions)
        self.rewards = _shaped("rewards", rewards, (self.states, self.actions), "(states, actions)")
        self.discount = float(finite("discount", discount))
        if not 0 <= self.discount < 1:
            raise ValueError(f"discount must lie in [0, 1), got {discount}.")
        self.start = _shaped("start", start, (self.states,), "(states,)")
        _check_sums("start", self.start[None], "all states", 1)
        graph = self._sparse_chain(np.ones(self.rewards.shape))
        self._reachable = reachable(graph, self.start > 0) if self.discount > 0 else self.start > 0
        self._narrow = sparse.issparse(self._rows) and is_narrow(graph)

    @property
    def names(self):
        """Symbol of each parameter, in flat order."""
        return tuple(f"θ[{s},{a}]" for s in range(self.states) for a in range(self.actions))

    def policy_probs(self, theta):
        r""":math:`\pi(a|s)`, shape (..., S, A)."""
        return softmax(self._table(theta), axis=-1)

    def values(self, theta):
        r""":math:`V(s)`, expected discounted reward from each state, shape (..., S)."""
        return self._evaluate(self.policy_probs(theta))

    def action_values(self, theta):
        r""":math:`Q(s, a) = r(s, a) + \gamma\sum_{s'} P(s'|s, a)V(s')`, shape (..., S, A)."""
        return self._look_ahead(self.values(theta))

    def advantages(self, theta):
        r""":math:`A(s, a) = Q(s, a) - V(s)`, shape (..., S, A)."""
        values = self.values(theta)
        return self._look_ahead(values) - values[..., None]

    def occupancy(self, theta):
        r""":math:`d(s) = (1-\gamma)\sum_t\gamma^t\Pr(s_t = s)`, shape (..., S), summing to 1."""
        probs = self.policy_probs(theta)
        start = np.broadcast_to(self.start, probs.shape[:-1])
        visits = self._solve(probs, start, forward=True)
        return (1 - self.discount) * np.maximum(visits, 0.0)  # iterations leave rounding of either sign

    def objective(self, theta):
        r""":math:`J = \mu^\top V`, shape (...)."""
        return self.values(theta) @ self.start

    def gradient(self, theta):
        r""":math:`\partial J/\partial\theta_{sa} = d(s)\,\pi(a|s)\,A(s, a)/(1-\gamma)`, shape of `theta`."""
        weight = self.occupancy(theta)[..., None] * self.policy_probs(theta)
        return (weight * self.advantages(theta) / (1 - self.discount)).reshape(np.shape(theta))

    def fisher_blocks(self, theta):
        r"""Blocks :math:`d(s)\,[\operatorname{diag}(\pi_s) - \pi_s\pi_s^\top]`, (..., S, A, A)."""
        return self.occupancy(theta)[..., None, None] * Categorical(logits=self._table(theta)).fisher()

    def fisher(self, theta):
        r""":math:`F = E_{s\sim d,\,a\sim\pi}[\nabla\log\pi\,\nabla\log\pi^\top]`, shape (..., S·A, S·A).

        It is block diagonal; large problems should use `fisher_blocks` or `natural_gradient`.
        """
        blocks = self.fisher_blocks(theta)
        whole = np.einsum("...sab,st->...satb", blocks, np.eye(self.states))
        return whole.reshape(*blocks.shape[:-3], self.states * self.actions, self.states * self.actions)

    def compatible_weights(self, theta):
        r""":math:`w = (1-\gamma)F^{+}\nabla J`, shape of `theta`.

        They minimise :math:`E_{s\sim d,\,a\sim\pi}[(A - w^\top\nabla\log\pi)^2]`. The shortest minimiser is
        :math:`w_{sa} = Q(s, a) - \frac{1}{|A|}\sum_b Q(s, b)`, and 0 in states that are never visited.

        Source: Kakade, *A natural policy gradient* (2001), theorem 1.
        """
        values = self.action_values(theta)
        centred = values - values.mean(axis=-1, keepdims=True)
        return np.where(self._reachable[:, None], centred, 0.0).reshape(np.shape(theta))

    def natural_gradient(self, theta):
        r""":math:`F^{+}\nabla J = w/(1-\gamma)`, shape of `theta`; no Fisher matrix is formed."""
        return self.compatible_weights(theta) / (1 - self.discount)

    def kl(self, theta, other):
        r"""Divergence of the policies in nats, averaged over the occupancy of `theta`, shape (...).

        .. math:: \sum_s d_\theta(s)\,D(\pi_\theta(\cdot|s)\,\|\,\pi_{\text{other}}(\cdot|s))
        """
        policy, changed = Categorical(logits=self._table(theta)), Categorical(logits=self._table(other))
        return (self.occupancy(theta) * policy.kl(changed)).sum(axis=-1)

    def policy_iteration(self, actions=None):
        """Evaluate, choose the best action in every state, repeat until no state gains.

        Parameters
        ----------
        actions : array of int (S,), optional
            The first deterministic policy; by default the action of largest immediate reward.

        Returns
        -------
        array of int (n, S)
            The policies passed through; the last one is optimal.
        """
        path = [self.rewards.argmax(axis=-1) if actions is None else self._deterministic(actions)]
        while True:
            choices = self._look_ahead(self._evaluate(np.eye(self.actions)[path[-1]]))
            gain = choices.max(axis=-1) - np.take_along_axis(choices, path[-1][:, None], axis=-1)[:, 0]
            rounding = 1e-13 / (1 - self.discount) * np.abs(choices).max()
            if np.all(gain <= rounding):
                return np.array(path)
            path.append(np.where(gain > rounding, choices.argmax(axis=-1), path[-1]))

    def optimal_values(self):
        r""":math:`V^\star(s)`, shape (S,): policy iteration, begun where value iteration has led."""
        values = np.zeros(self.states)
        for _ in range(SWEEPS):
            values = self._look_ahead(values).max(axis=-1)
        actions = self.policy_iteration(self._look_ahead(values).argmax(axis=-1))[-1]
        return self._evaluate(np.eye(self.actions)[actions])

    def _table(self, theta):
        theta, table = finite("theta", theta), (self.states, self.actions)
        if theta.shape[-2:] == table:
            return theta
        flat = (self.states * self.actions,)
        if theta.shape[-1:] != flat:
            raise ValueError(f"theta must have last axes {table} or {flat}, got shape {theta.shape}.")
        return theta.reshape(*theta.shape[:-1], *table)

    def _deterministic(self, actions):
        actions = np.asarray(actions)
        valid = actions.shape == (self.states,) and np.issubdtype(actions.dtype, np.integer)
        if not (valid and np.all((actions >= 0) & (actions < self.actions))):
            raise ValueError(
                f"actions must be {self.states} integers from 0 to {self.actions - 1}, one a state, "
                f"got {shown(actions)}."
            )
        return actions

    def _evaluate(self, probs):
        return self._solve(probs, (probs * self.rewards).sum(axis=-1))

    def _look_ahead(self, values):
        expected = (self._rows @ values.reshape(-1, self.states).T).T
        return self.rewards + self.discount * expected.reshape(*values.shape, self.actions)

    def _solve(self, probs, source, forward=False):
        """Discounted sums under a policy: backward of rewards, or forward of visits."""
        if not sparse.issparse(self._rows):
            chain = (probs[..., None, :] @ self.transitions)[..., 0, :]
            return discounted_sum(chain.swapaxes(-1, -2) if forward else chain, self.discount, source)
        solution = np.empty(source.shape)
        for index in np.ndindex(source.shape[:-1]):
            chain = self._sparse_chain(probs[index])
            solution[index] = sparse_discounted_sum(
                chain.T if forward else chain, self.discount, source[index], self._narrow
            )
        return solution

    def _sparse_chain(self, probs):
        pairs = self.states * self.actions
        pointers = np.arange(0, pairs + 1, self.actions)
        policy = sparse.csr_array((probs.ravel(), np.arange(pairs), pointers), shape=(self.states, pairs))
        return sparse.csr_array(policy @ self._rows)


def _transitions(value):
    """Finite transitions, as an array (S, A, S) or a csr array (S·A, S)."""
    if sparse.issparse(value):
        array = sparse.csr_array(value)
        array.data = finite("transitions", array.data)
        fits = array.nnz > 0 and array.shape[0] % array.shape[1] == 0
    else:
        array = finite("transitions", value)
        fits = array.ndim == 3 and array.size > 0 and array.shape[0] == array.shape[2]
    if not fits:
        raise ValueError(
            "transitions must have shape (states, actions, states), or (states·actions, states) when sparse, "
            f"got {array.shape}."
        )
    return array


def _shaped(name, value, shape, meaning):
    array = finite(name, value)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {meaning} = {shape}, got {array.shape}.")
    return array


def _check_sums(name, rows, place, actions):
    """Refuse rows that are not probability distributions; `place` tells where row s·A + a comes from."""
    entries = rows.data if sparse.issparse(rows) else rows
    if np.any(entries < 0):
        raise ValueError(f"{name} must be probabilities of 0 or more, got {entries.min():g}.")
    sums = np.asarray(rows.sum(axis=1)).ravel()
    worst = int(np.argmax(np.abs(sums - 1)))
    if abs(sums[worst] - 1) > 1e-8:
        where = place.format(*divmod(worst, actions))
        raise ValueError(f"{name} must sum to 1, got {sums[worst]:.9g} for {where}.")
