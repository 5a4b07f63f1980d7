"""Exercises of chapter 9: compatible function approximation."""

import numpy as np

from ..estimators import compatible_regression
from .engine import Exercise

_RNG = np.random.default_rng(9)
_PROBS = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
_VALUES = np.array([[2.0, -1.0, 5.0], [0.5, 3.0, 1.0]])


def _centred(values, probs):
    return values - values.mean(axis=1, keepdims=True)


def _policy_mean(values, probs):
    return (probs * values).sum(axis=1, keepdims=True)


shortest_weights = Exercise(
    reference=_centred,
    inputs=((_VALUES, _PROBS), (_VALUES[:, :2] ** 2, np.array([[0.9, 0.1], [0.5, 0.5]]))),
    praise="The policy has dropped out: the plain mean of Q is subtracted in each state.",
    mistakes={
        "This is the advantage: a minimiser, but not the shortest. You may still add a constant in each state.":
            lambda Q, p: Q - _policy_mean(Q, p),
        "Q is a minimiser too, and a long one. Which constant should leave each state?": lambda Q, p: Q,
        "You subtract one mean over the whole table. The free constants are one for each state.":
            lambda Q, p: Q - Q.mean(),
        "You average over the states. The free constants belong to the actions of one state.":
            lambda Q, p: Q - Q.mean(axis=0, keepdims=True),
        "Right up to its sign: better actions should get larger logits.": lambda Q, p: -_centred(Q, p),
        "This is proportional to the vanilla gradient: the probabilities have no place in w.":
            lambda Q, p: p * (Q - _policy_mean(Q, p)),
    },
)


def _rows(score, values, weights):
    return score.reshape(-1, score.shape[-1]), values.ravel(), weights.ravel()


def _table_fit(score, values, occupancy, probs):
    return compatible_regression(*_rows(score, values, occupancy[:, None] * probs))


def _table(states, actions, parameters):
    probs = _RNG.dirichlet(np.ones(actions), size=states)
    features = _RNG.normal(size=(states, actions, parameters))
    score = features - np.einsum("sa,sad->sd", probs, features)[:, None]
    return score, _RNG.normal(size=(states, actions)) + 2, _RNG.dirichlet(np.ones(states)), probs


def _lstsq(rows, targets):
    return np.linalg.lstsq(rows, targets, rcond=1e-10)[0]


def _scaled_rows(score, values, occupancy, probs, power):
    x, y, c = _rows(score, values, occupancy[:, None] * probs)
    return _lstsq(x * c[:, None] ** power, y * c**power)


def _rows_only(score, values, occupancy, probs):
    x, y, c = _rows(score, values, occupancy[:, None] * probs)
    return _lstsq(x * np.sqrt(c)[:, None], y)


def _table_gradient(score, values, occupancy, probs):
    return np.einsum("s,sa,sad,sa->d", occupancy, probs, score, values)


table_fit = Exercise(
    reference=_table_fit,
    inputs=(_table(3, 4, 2), _table(4, 3, 5), _table(2, 2, 4)),
    praise="Each row counts d(s)π(a|s) times, as often as the policy meets it.",
    mistakes={
        "This is the colleague's fit: every pair counts once, however rarely the policy meets it.":
            lambda score, values, d, p: compatible_regression(*_rows(score, values, np.ones_like(p))),
        "The actions have their weights now. Are all states visited equally often?":
            lambda score, values, d, p: compatible_regression(*_rows(score, values, p)),
        "The states have their weights now. Are all actions taken equally often?":
            lambda score, values, d, p: compatible_regression(*_rows(score, values, d[:, None] + 0 * p)),
        "The weights enter twice: they multiply the error before it is squared. Which power undoes the square?":
            lambda *table: _scaled_rows(*table, power=1.0),
        "You scaled the rows and not the targets, so the errors are of two different things.": _rows_only,
        "This is the vanilla gradient, up to a factor: the mean of score times value. The fit is still missing.":
            _table_gradient,
    },
)


def _batch_step(scores, targets, weights, kl, power=0.5):
    w = compatible_regression(scores, targets, weights)
    return _to_budget(w, scores, weights, kl, power)


def _to_budget(direction, scores, weights, kl, power=0.5):
    return (2 * kl / (weights @ (scores @ direction) ** 2)) ** power * direction


def _batch(size, parameters, rank, kl):
    scores = _RNG.normal(size=(size, rank)) @ _RNG.normal(size=(rank, parameters))
    return scores, _RNG.normal(size=size) + scores[:, 0], _RNG.dirichlet(np.ones(size)), kl


batch_step = Exercise(
    reference=_batch_step,
    inputs=(_batch(30, 3, 3, 0.05), _batch(40, 5, 2, 0.01)),
    praise="The cost wᵀFw is a weighted mean of squared fitted values; no matrix n × n was formed.",
    mistakes={
        "The direction is right, the length is not: these are the weights themselves. How many nats do they cost?":
            lambda x, y, c, kl: compatible_regression(x, y, c),
        "Your step spends half the budget. Where did the ½ of the quadratic KL go?":
            lambda x, y, c, kl: _batch_step(x, y, c, kl / 2),
        "The direction is right. The factor in front is still squared.":
            lambda x, y, c, kl: _batch_step(x, y, c, kl, power=1.0),
        "Your fit counts all samples equally. `weights` belongs into the regression too.":
            lambda x, y, c, kl: _to_budget(compatible_regression(x, y), x, c, kl),
        "The fit is right. The cost of the step counts all samples equally; `weights` belongs there too.":
            lambda x, y, c, kl: _to_budget(compatible_regression(x, y, c), x, np.full(len(c), 1 / len(c)), kl),
        "The cost is right, but this is the vanilla direction, the mean of score times target.":
            lambda x, y, c, kl: _to_budget(x.T @ (c * y), x, c, kl),
        "This is a step of Euclidean length √(2ε). The budget is in nats, so measure with the fitted values.":
            lambda x, y, c, kl: np.sqrt(2 * kl) * _unit(compatible_regression(x, y, c)),
    },
)


def _unit(vector):
    return vector / np.linalg.norm(vector)


def _lstd(scores, phi, rewards, discount, lam, *, bootstrap=1.0, visits=None, decay=None, instrument=None):
    visits = discount if visits is None else visits
    decay = discount * lam if decay is None else decay
    x = np.hstack([scores, phi[:-1]])
    y = np.hstack([0 * scores, phi[1:]])
    difference = x - bootstrap * discount * y
    trace = (difference if instrument else x).copy()
    for t in range(1, len(rewards)):
        trace[t] += decay * trace[t - 1]
    trace *= visits ** np.arange(len(rewards))[:, None]
    return np.linalg.solve(trace.T @ difference, trace.T @ rewards)


def _episode(steps, parameters, states, discount, lam):
    scores, phi = _RNG.normal(size=(steps, parameters)), _RNG.normal(size=(steps + 1, states))
    return scores, phi, _RNG.normal(size=steps), discount, lam


lstd_weights = Exercise(
    reference=_lstd,
    inputs=(_episode(12, 2, 2, 0.9, 0.6), _episode(15, 3, 1, 0.8, 0.0), _episode(20, 1, 3, 0.95, 1.0)),
    praise="One linear system, and out come the natural gradient and the values.",
    tolerance=1e-5,
    mistakes={
        "λ has no effect on your answer. The trace of one step contains a share of the trace before.":
            lambda *episode: _lstd(*episode, decay=0.0),
        "Your trace decays with λ alone. It has to forget at the rate γλ.":
            lambda *episode: _lstd(*episode, decay=episode[-1]),
        "Your trace decays with γ alone. It has to forget at the rate γλ.":
            lambda *episode: _lstd(*episode, decay=episode[-2]),
        "All steps count equally in your sums. Visits at time t carry γᵗ.":
            lambda *episode: _lstd(*episode, visits=1.0),
        "You fit the rewards without the next state. Where did γ y go?":
            lambda *episode: _lstd(*episode, bootstrap=0.0),
        "The discount of the next state is missing: it is x − γy, not x − y.":
            lambda *episode: _lstd(*episode, bootstrap=1 / episode[-2]),
        "Your trace collects x − γy. It has to collect x, which is known before the next state is drawn.":
            lambda *episode: _lstd(*episode, instrument=True),
    },
)
