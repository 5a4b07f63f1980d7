"""Answers on products and conjugate gradients: wrong ones outside the catalogues, right ones of another origin."""

import numpy as np
import pytest
from scipy.special import softmax

from npg_lab.checks import products


def explicit_output_fisher(logits, vectors):
    rows = [(np.diag(p) - np.outer(p, p)) @ u for p, u in zip(softmax(logits, axis=1), vectors, strict=True)]
    return np.array(rows)


def row_by_row(vjp, f, x, v):
    """J from m pull-backs, then the product."""
    return np.array([vjp(f, x)(row) @ v for row in np.eye(len(x))])


def through_a_lambda(vjp, f, x, v):
    return vjp(lambda u: vjp(f, x)(u), np.ones_like(x))(v)


def by_conjugacy(matrix, x, residual, direction):
    """The step from its two defining properties instead of the usual formulas."""
    alpha = residual @ direction / (direction @ matrix @ direction)
    smaller = residual - alpha * matrix @ direction
    beta = -(smaller @ matrix @ direction) / (direction @ matrix @ direction)
    return np.array([x + alpha * direction, smaller, smaller + beta * direction])


def polak(matrix, x, residual, direction):
    """A β that is right for quadratics only by way of orthogonality, with the wrong sign of one term."""
    alpha = residual @ residual / (direction @ matrix @ direction)
    smaller = residual - alpha * matrix @ direction
    beta = smaller @ (smaller + 0.5 * smaller - residual) / (residual @ residual)
    return np.array([x + alpha * direction, smaller, smaller + beta * direction])


RIGHT = [
    ("output_fisher_product", explicit_output_fisher),
    ("forward_product", row_by_row),
    ("forward_product", through_a_lambda),
    ("cg_step", by_conjugacy),
    ("should_stop", lambda r, b, tolerance: r @ r <= tolerance**2 * (b @ b)),
    ("step_along", lambda x, Fx, g, kl: x / np.sqrt(x @ Fx / kl / 2)),
]

WRONG = [
    ("output_fisher_product", lambda z, u: np.zeros_like(u), "wrong value"),
    ("output_fisher_product", lambda z, u: u, "wrong value"),
    ("output_fisher_product", lambda z, u: -explicit_output_fisher(z, u), "wrong value"),
    ("output_fisher_product", lambda z, u: explicit_output_fisher(z, u) / len(z), "wrong value"),
    ("output_fisher_product", lambda z, u: explicit_output_fisher(z, u).sum(axis=0), "wrong shape"),
    ("output_fisher_product", lambda z: z, "wrong type"),
    ("forward_product", lambda vjp, f, x, v: np.zeros_like(v), "wrong value"),
    ("forward_product", lambda vjp, f, x, v: -row_by_row(vjp, f, x, v), "wrong value"),
    ("forward_product", lambda vjp, f, x, v: f(x + v) - f(x), "wrong value"),
    ("forward_product", lambda vjp, f, x, v: vjp(f, x), "wrong type"),
    ("forward_product", lambda vjp, f, x, v: row_by_row(vjp, f, x, v)[0], "wrong shape"),
    ("cg_step", polak, "wrong value"),
    ("cg_step", lambda F, x, r, p: np.array([x, r, p]), "wrong value"),
    ("cg_step", lambda F, x, r, p: by_conjugacy(F, x, r, p)[[0, 2, 1]], "wrong value"),
    ("cg_step", lambda F, x, r, p: by_conjugacy(F, x, r, p)[0], "wrong shape"),
    ("cg_step", lambda F, x, r, p: by_conjugacy(F, x, r), "wrong type"),
    ("should_stop", lambda r, b, tolerance: True, "wrong value"),
    ("should_stop", lambda r, b, tolerance: False, "wrong value"),
    ("should_stop", lambda r, b, tolerance: np.linalg.norm(r) <= tolerance**2 * np.linalg.norm(b), "wrong value"),
    ("should_stop", lambda r, b, tolerance: np.abs(r).sum() <= tolerance * np.abs(b).sum(), "wrong value"),
    ("should_stop", lambda r, b, tolerance: np.abs(r) <= tolerance, "wrong shape"),
    ("should_stop", lambda r, b, tolerance: "yes", "wrong type"),
    ("step_along", lambda x, Fx, g, kl: x, "wrong value"),
    ("step_along", lambda x, Fx, g, kl: np.sqrt(2 * kl / (g @ Fx)) * x, "wrong value"),
    ("step_along", lambda x, Fx, g, kl: np.sqrt(2 * kl / abs(g @ g)) * g, "wrong value"),
    ("step_along", lambda x, Fx, g, kl: np.sqrt(2 * kl / (x @ Fx)), "wrong shape"),
    ("step_along", lambda x, Fx, g: x, "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate"), RIGHT)
def test_right_answers_of_another_origin(name, candidate):
    assert getattr(products, name)(candidate).status == "right"


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answers(name, candidate, status):
    assert getattr(products, name)(candidate).status == status


def test_a_softmax_that_overflows_is_not_accepted():
    def overflowing(logits, vectors):
        with np.errstate(over="ignore", invalid="ignore"):
            p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
            return p * (vectors - (p * vectors).sum(axis=1, keepdims=True))

    assert products.output_fisher_product(overflowing).status == "wrong value"


def test_messages_about_functions_name_them_without_an_address():
    message = products.forward_product(lambda vjp, f, x, v: 3.0 * v).message
    assert "vjp, swirl" in message
    assert "0x" not in message
