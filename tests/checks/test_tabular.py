"""Answers on exact natural gradients: wrong ones outside the catalogues, right ones of another origin."""

import numpy as np
import pytest

from npg_lab.checks import tabular


def log_softmax_step(probs, logits):
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True)) * probs
    return weights / weights.sum(axis=-1, keepdims=True)


def clipped(probs, exponent):
    """Exponents limited to 30: a common remedy against overflow that changes the answer."""
    weights = probs * np.exp(np.clip(exponent, -30, 30))
    return weights / weights.sum(axis=-1, keepdims=True)


WRONG = [
    ("npg_step", lambda p, Q, step, discount: p, "wrong value"),
    ("npg_step", lambda p, Q, step, discount: clipped(p, step * Q / (1 - discount)), "wrong value"),
    ("npg_step", lambda p, Q, step, discount: np.eye(3)[Q.argmax(axis=1)], "wrong value"),
    ("npg_step", lambda p, Q, step, discount: p + step * Q / (1 - discount), "wrong value"),
    ("npg_step", lambda p, Q, step, discount: step * Q[0], "wrong shape"),
    ("npg_step", lambda p, Q, step: p, "wrong type"),
    ("gain", lambda d, e, p, q, Q, discount: 0.0, "wrong value"),
    ("gain", lambda d, e, p, q, Q, discount: (e - d) @ (p * Q).sum(axis=1), "wrong value"),
    ("gain", lambda d, e, p, q, Q, discount: d @ (q * Q).sum(axis=1), "wrong value"),
    ("gain", lambda d, e, p, q, Q, discount: (q * Q).sum(axis=1), "wrong shape"),
    ("gain", lambda d, e, p, q, Q, discount: "better", "wrong type"),
    ("updates_needed", lambda gap, step, discount, error: np.ceil(1 / (step * gap)), "wrong value"),
    ("updates_needed", lambda gap, step, discount, error: 1.0, "wrong value"),
    ("updates_needed", lambda gap, step, discount, error: np.ceil(np.log10(1 / error)), "wrong value"),
    ("updates_needed", lambda gap, step, discount, error: np.arange(3), "wrong shape"),
    ("updates_needed", 44, "wrong type"),
    ("soft_npg_step", lambda p, Q, step, discount, tau: p, "wrong value"),
    ("soft_npg_step", lambda p, Q, step, discount, tau: log_softmax_step(p, Q / (tau + 1)), "wrong value"),
    ("soft_npg_step", lambda p, Q, step, discount, tau: log_softmax_step(p, step * Q), "wrong value"),
    ("soft_npg_step", lambda p, Q, step, discount, tau: p.sum(axis=1), "wrong shape"),
    ("soft_npg_step", lambda p, Q, tau: p, "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(tabular, name)(candidate).status == status


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_overflow_is_a_wrong_value():
    def naive(probs, action_values, step, discount):
        weights = probs * np.exp(step * action_values / (1 - discount))
        return weights / weights.sum(axis=1, keepdims=True)

    assert tabular.npg_step(naive).status == "wrong value"


def test_advantages_serve_as_well_as_action_values():
    def by_advantages(probs, action_values, step, discount):
        advantages = action_values - (probs * action_values).sum(axis=1, keepdims=True)
        return log_softmax_step(probs, step * advantages / (1 - discount))

    assert tabular.npg_step(by_advantages).status == "right"


def test_gain_is_the_difference_of_the_objectives():
    """Rewards follow from the arguments: only J itself is compared, through the two sets of visits."""
    from npg_lab.problems import garnet

    for seed, arguments in enumerate(tabular.gain.inputs):
        rng = np.random.default_rng(seed)
        mdp = garnet(4, 3, 2, rng, arguments[-1])
        old, new = rng.normal(size=(2, 4, 3))
        difference = mdp.objective(new) - mdp.objective(old)
        assert tabular.gain.reference(*arguments) == pytest.approx(difference, rel=1e-10)


def test_updates_needed_by_counting():
    def counted(gap, step, discount, error):
        odds, updates = 1.0, 0
        while odds / (1 + odds) < 1 - error:
            odds, updates = odds * np.exp(step * gap / (1 - discount)), updates + 1
        return updates

    assert tabular.updates_needed(counted).status == "right"


def test_soft_step_maximises_the_penalised_value():
    """With entropy the step maximises p·Q − τ p·log p − ((1 − γ)/α − τ) KL(p, π) in every state."""
    rng = np.random.default_rng(0)
    for probs, values, step, discount, tau in tabular.soft_npg_step.inputs:
        price = (1 - discount) / step - tau

        def worth(p, price=price, probs=probs, values=values, tau=tau):
            return (p * values - tau * p * np.log(p) - price * p * np.log(p / probs)).sum(axis=-1)

        best = tabular.soft_npg_step.reference(probs, values, step, discount, tau)
        assert np.all(worth(rng.dirichlet(np.ones(3), size=(500, 2))) <= worth(best) + 1e-12)
