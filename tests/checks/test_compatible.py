"""Answers on compatible approximation: wrong ones outside the catalogues, right ones of another origin."""

import numpy as np
import pytest

from npg_lab.checks import compatible

solve, pinv = np.linalg.solve, np.linalg.pinv

WRONG = [
    ("shortest_weights", lambda Q, p: Q - Q.max(axis=1, keepdims=True), "wrong value"),
    ("shortest_weights", lambda Q, p: (Q - Q.mean(axis=1, keepdims=True)) / Q.shape[1], "wrong value"),
    ("shortest_weights", lambda Q, p: p - p.mean(axis=1, keepdims=True), "wrong value"),
    ("shortest_weights", lambda Q, p: Q.mean(axis=1), "wrong shape"),
    ("shortest_weights", lambda Q: Q, "wrong type"),
    ("table_fit", lambda score, Q, d, p: np.zeros(score.shape[-1]), "wrong value"),
    ("table_fit", lambda score, Q, d, p: np.einsum("sa,sad,sa->d", p, score, Q), "wrong value"),
    ("table_fit", lambda score, Q, d, p: np.ones(score.shape[-1]), "wrong value"),
    ("table_fit", lambda score, Q, d, p: np.einsum("s,sa,sad->sa", d, p, score), "wrong shape"),
    ("table_fit", lambda score, Q: score, "wrong type"),
    ("batch_step", lambda x, y, c, kl: pinv(x) @ y, "wrong value"),
    ("batch_step", lambda x, y, c, kl: kl * pinv(x) @ y, "wrong value"),
    ("batch_step", lambda x, y, c, kl: x.T @ (c * y), "wrong value"),
    ("batch_step", lambda x, y, c, kl: x @ pinv(x) @ y, "wrong shape"),
    ("batch_step", lambda x, y, c, kl: "south", "wrong type"),
    ("lstd_weights", lambda x, phi, r, g, lam: np.zeros(x.shape[1] + phi.shape[1]), "wrong value"),
    ("lstd_weights", lambda x, phi, r, g, lam: pinv(np.hstack([x, phi[:-1] - g * phi[1:]])) @ r, "wrong value"),
    ("lstd_weights", lambda x, phi, r, g, lam: pinv(np.hstack([x, phi[:-1]])) @ r, "wrong value"),
    ("lstd_weights", lambda x, phi, r, g, lam: pinv(x) @ r, "wrong shape"),
    ("lstd_weights", lambda x, phi, r, g, lam: np.hstack([x, phi]), "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(compatible, name)(candidate).status == status


def test_shortest_weights_agree_with_the_pseudo_inverse_of_the_fisher_matrix():
    def by_fisher(Q, p):
        blocks = [np.diag(row) - np.outer(row, row) for row in p]
        return np.stack([pinv(F, rcond=1e-10) @ F @ q for F, q in zip(blocks, Q, strict=True)])

    assert compatible.shortest_weights(by_fisher).status == "right"


def test_table_fit_agrees_with_the_fisher_matrix_and_the_gradient():
    def by_fisher(score, Q, d, p):
        fisher = np.einsum("s,sa,sad,sae->de", d, p, score, score)
        return pinv(fisher, rcond=1e-10) @ np.einsum("s,sa,sad,sa->d", d, p, score, Q)

    assert compatible.table_fit(by_fisher).status == "right"


def test_batch_step_agrees_with_the_fisher_matrix_of_the_batch():
    def by_fisher(scores, targets, weights, kl):
        fisher = scores.T @ (weights[:, None] * scores)
        step = pinv(fisher, rcond=1e-10) @ scores.T @ (weights * targets)
        return np.sqrt(2 * kl / (step @ fisher @ step)) * step

    assert compatible.batch_step(by_fisher).status == "right"


def test_lstd_weights_agree_with_traces_written_as_double_sums():
    def by_double_sum(scores, phi, rewards, discount, lam):
        x, steps = np.hstack([scores, phi[:-1]]), np.arange(len(rewards))
        difference = x - discount * np.hstack([0 * scores, phi[1:]])
        lag = steps[:, None] - steps
        share = np.where(lag >= 0, (discount * lam) ** np.maximum(lag, 0), 0.0) * discount ** steps[:, None]
        return solve(x.T @ share.T @ difference, x.T @ share.T @ rewards)

    assert compatible.lstd_weights(by_double_sum).status == "right"
