"""Answers on the policy gradient: wrong ones outside the catalogues, right ones of another origin."""

import numpy as np
import pytest
import torch

from npg_lab.checks import gradients

solve = np.linalg.solve

WRONG = [
    ("step_weights", lambda r, discount: r * discount ** np.arange(r.shape[1]), "wrong value"),
    ("step_weights", lambda r, discount: np.cumsum(r[:, ::-1], axis=1)[:, ::-1] * discount, "wrong value"),
    ("step_weights", lambda r, discount: np.cumsum(r, axis=1), "wrong value"),
    ("step_weights", lambda r, discount: np.cumsum((r / discount)[:, ::-1], axis=1)[:, ::-1], "wrong value"),
    ("step_weights", lambda r, discount: r @ discount ** np.arange(r.shape[1]), "wrong shape"),
    ("step_weights", lambda r, discount: r.sum(), "wrong shape"),
    ("step_weights", lambda r: r, "wrong type"),
    ("step_weights", np.ones((1, 3)), "wrong type"),
    ("logit_change", lambda p, arm, r, b, rate: np.zeros_like(p), "wrong value"),
    ("logit_change", lambda p, arm, r, b, rate: rate * p * (r - b), "wrong value"),
    ("logit_change", lambda p, arm, r, b, rate: rate * (r - b) * (1 - p), "wrong value"),
    ("logit_change", lambda p, arm, r, b, rate: rate * (np.eye(len(p))[arm] - p), "wrong value"),
    ("logit_change", lambda p, arm, r, b, rate: rate * (r - b) * (1 - p[arm]), "wrong shape"),
    ("logit_change", lambda p, arm, r, b, rate: np.eye(len(p)) - p, "wrong shape"),
    ("logit_change", lambda p, arm, reward: p, "wrong type"),
    ("policy_gradient", lambda d, p, g, Q, discount: np.einsum("s,sa,sad->d", d, p, g), "wrong value"),
    ("policy_gradient", lambda d, p, g, Q, discount: (
        np.einsum("s,sa,sad,sa->d", d, p, g, np.broadcast_to((p * Q).sum(1)[:, None], Q.shape))), "wrong value"),
    ("policy_gradient", lambda d, p, g, Q, discount: (
        -np.einsum("s,sa,sad,sa->d", d, p, g, Q) / (1 - discount)), "wrong value"),
    ("policy_gradient", lambda d, p, g, Q, discount: np.einsum("s,sa,sad,sa->sd", d, p, g, Q), "wrong shape"),
    ("policy_gradient", lambda d, p, g, Q, discount: float(d @ (p * Q).sum(1)), "wrong shape"),
    ("policy_gradient", lambda d, p, g, Q, discount: Q @ g @ d @ np.ones(7), "wrong type"),
    ("gain_score", lambda a, s, K, cov: np.outer(solve(cov, a - K @ s), np.ones_like(s)), "wrong value"),
    ("gain_score", lambda a, s, K, cov: np.outer(solve(cov, K @ s), s), "wrong value"),
    ("gain_score", lambda a, s, K, cov: np.outer(np.linalg.inv(cov).sum(1), s), "wrong value"),
    ("gain_score", lambda a, s, K, cov: np.outer(s, solve(cov, a - K @ s)), "wrong shape"),
    ("gain_score", lambda a, s, K, cov: solve(cov, a - K @ s), "wrong shape"),
    ("gain_score", lambda a, s, K, cov: "outer product", "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(gradients, name)(candidate).status == status


def test_step_weights_by_a_double_loop_are_right():
    def loops(rewards, discount):
        steps = range(rewards.shape[1])
        return [[sum(discount**u * row[u] for u in steps if u >= t) for t in steps] for row in rewards]

    assert gradients.step_weights(loops).status == "right"


def test_logit_change_agrees_with_autograd():
    def step(probs, arm, reward, baseline, rate):
        logits = torch.log(torch.tensor(probs)).requires_grad_()
        ((reward - baseline) * torch.log_softmax(logits, 0)[arm]).backward()
        return rate * logits.grad.numpy()

    assert gradients.logit_change(step).status == "right"


def test_any_function_of_the_state_may_be_subtracted_from_the_values():
    def with_baseline(visits, probs, score, values, discount):
        advantages = values - (probs * values).sum(axis=1, keepdims=True)
        weight = visits[:, None] * probs * advantages / (1 - discount)
        return np.tensordot(weight, score, axes=2)

    assert gradients.policy_gradient(with_baseline).status == "right"


def test_gain_score_agrees_with_autograd():
    def differentiated(action, state, gain, covariance):
        gain = torch.tensor(gain, requires_grad=True)
        policy = torch.distributions.MultivariateNormal(gain @ torch.tensor(state), torch.tensor(covariance))
        policy.log_prob(torch.tensor(action)).backward()
        return gain.grad.numpy()

    assert gradients.gain_score(differentiated).status == "right"
