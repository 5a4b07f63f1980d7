"""Exercises of chapter 11: Fisher-vector products and conjugate gradients."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import softmax

from .engine import Exercise


def _output_fisher_product(logits, vectors):
    p = softmax(logits, axis=-1)
    return p * (vectors - (p * vectors).sum(axis=-1, keepdims=True))


_LOGITS = np.array([[0.0, 1.0, -1.0], [2.0, 0.5, 0.0]])
_VECTORS = np.array([[1.0, 0.0, 2.0], [-1.0, 3.0, 0.5]])
_CERTAIN = (np.array([[0.0, 800.0, 1.0], [0.3, 0.0, 0.2]]), np.array([[1.0, 2.0, 3.0], [2.0, -1.0, 1.0]]))

output_fisher_product = Exercise(
    reference=_output_fisher_product,
    inputs=((_LOGITS, _VECTORS), _CERTAIN),
    praise="2K multiplications a state, no matrix, and no trouble with a policy that is certain.",
    mistakes={
        "That is diag(p) u alone. The other part of the matrix takes an average away.":
            lambda z, u: softmax(z, axis=-1) * u,
        "You keep only the diagonal of the matrix, p(1 − p). Its other entries are not zero.":
            lambda z, u: softmax(z, axis=-1) * (1 - softmax(z, axis=-1)) * u,
        "You subtract the plain mean of u. The policy weighs its actions differently.":
            lambda z, u: softmax(z, axis=-1) * (u - u.mean(axis=-1, keepdims=True)),
        "The average is right, but it must be subtracted before the multiplication by p, not after it.":
            lambda z, u: softmax(z, axis=-1) * u - (softmax(z, axis=-1) * u).sum(axis=-1, keepdims=True),
        "Something is missing in front: the answer should be near zero for actions of small probability.":
            lambda z, u: u - (softmax(z, axis=-1) * u).sum(axis=-1, keepdims=True),
        "Your inner product p·u runs over all states at once. Each row has its own.":
            lambda z, u: softmax(z, axis=-1) * (u - (softmax(z, axis=-1) * u).sum()),
        "Your softmax runs over the rows. Each row of logits is one policy: its probabilities add up to one.":
            lambda z, u: softmax(z, axis=0) * (u - (softmax(z, axis=0) * u).sum(axis=-1, keepdims=True)),
        "You use the logits as if they were probabilities.":
            lambda z, u: z * (u - (z * u).sum(axis=-1, keepdims=True)),
    },
)


@dataclass(frozen=True, repr=False)
class _Named:
    """A function whose name a message can show."""

    name: str
    function: Callable

    def __call__(self, *arguments):
        return self.function(*arguments)

    def __repr__(self):
        return self.name


def _pull_back(f, x, h=1e-5):
    """The map u -> Jᵀu, with the Jacobian J of f at x from central differences."""
    steps = h * np.eye(len(x))
    columns = [(f(x + step) - f(x - step)) / (2 * h) for step in steps]
    return _Named(f"vjp({f}, {x})", lambda u: np.array([column @ u for column in columns]))


def _forward_product(vjp, f, x, v):
    return vjp(vjp(f, x), np.zeros_like(x))(v)


_VJP = _Named("vjp", _pull_back)
_SWIRL = _Named("swirl", lambda x: np.array([np.sin(x[0]) * x[1], x[0] ** 2 + np.exp(x[1])]))
_CHAIN = _Named("chain", lambda x: np.array([np.tanh(x[0] + 2 * x[1]), x[1] * x[2], np.cos(x[2]) + x[0]]))

forward_product = Exercise(
    reference=_forward_product,
    inputs=((_VJP, _SWIRL, np.array([0.5, -1.0]), np.array([1.0, 2.0])),
            (_VJP, _CHAIN, np.array([0.2, 0.7, -0.4]), np.array([1.0, -1.0, 0.5]))),
    praise="Any point would have done for the second call: the pull-back is linear.",
    mistakes={
        "That is Jᵀv, one pull-back. The other product needs a second one.":
            lambda vjp, f, x, v: vjp(f, x)(v),
        "You pull v back twice, which is JᵀJᵀv. Do not apply the pull-back: pull back *through* it.":
            lambda vjp, f, x, v: vjp(f, x)(vjp(f, x)(v)),
        "That is f(v). It equals Jv for linear functions only.":
            lambda vjp, f, x, v: f(v),
        "Your Jacobian is taken at v. The point is x, and v is the direction.":
            lambda vjp, f, x, v: vjp(vjp(f, v), np.zeros_like(x))(v),
        "You have the right maps, and feed them x. What is to be multiplied by J?":
            lambda vjp, f, x, v: vjp(vjp(f, x), np.zeros_like(x))(x),
        "You differentiated the pull-back and then f again: that is Jᵀ times Jv. One product less.":
            lambda vjp, f, x, v: vjp(f, x)(_forward_product(vjp, f, x, v)),
    },
)


def _cg_step(matrix, x, residual, direction, alpha=None, beta=None, sign=1.0):
    product = matrix @ direction
    if alpha is None:
        alpha = residual @ residual / (direction @ product)
    smaller = residual - sign * alpha * product
    if beta is None:
        beta = smaller @ smaller / (residual @ residual)
    return np.array([x + alpha * direction, smaller, smaller + beta * direction])


def _cg_state(seed, n, steps):
    """A matrix, and x, residual and direction after some steps."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    matrix, b = root @ root.T / n + 0.2 * np.eye(n), rng.normal(size=n)
    state = np.array([np.zeros(n), b, b])
    for _ in range(steps):
        state = _cg_step(matrix, *state)
    return matrix, *state


def _alpha(numerator, curved):
    return numerator @ numerator / curved


cg_step = Exercise(
    reference=_cg_step,
    inputs=(_cg_state(0, 3, 1), _cg_state(1, 5, 2), _cg_state(2, 4, 2)),
    praise="One product, and everything else is inner products and additions.",
    mistakes={
        "The length of your step comes from the residual's own curvature, rᵀFr. You move along p.":
            lambda F, x, r, p: _cg_step(F, x, r, p, alpha=_alpha(r, r @ F @ r)),
        "The numerator of your α is pᵀp. What is r·p in the middle of a run?":
            lambda F, x, r, p: _cg_step(F, x, r, p, alpha=_alpha(p, p @ F @ p)),
        "Your residual grows. Moving by αp changes g − Fx by minus αFp.":
            lambda F, x, r, p: _cg_step(F, x, r, p, sign=-1.0),
        "Your next direction is the residual itself. That is steepest ascent; the memory of p is missing.":
            lambda F, x, r, p: _cg_step(F, x, r, p, beta=0.0),
        "Your β is upside down. When the residual shrinks, β is below 1.":
            lambda F, x, r, p: _cg_step(
                F, x, r, p, beta=r @ r / np.sum(_cg_step(F, x, r, p)[1] ** 2)),
        "Your β compares lengths. It should compare squared lengths.":
            lambda F, x, r, p: _cg_step(
                F, x, r, p, beta=np.linalg.norm(_cg_step(F, x, r, p)[1]) / np.linalg.norm(r)),
        "You build the next direction on the old residual.":
            lambda F, x, r, p: _cg_step(F, x, r, p) + np.outer([0, 0, 1], r - _cg_step(F, x, r, p)[1]),
        "Your new x goes along the residual. The step is along p.":
            lambda F, x, r, p: _cg_step(F, x, r, p) + np.outer([1, 0, 0], _alpha(r, p @ F @ p) * (r - p)),
    },
)


should_stop = Exercise(
    reference=lambda residual, right_side, tolerance:
        bool(np.linalg.norm(residual) <= tolerance * np.linalg.norm(right_side)),
    inputs=((np.array([0.003, 0.004]), np.array([3.0, 4.0]), 0.01),
            (np.array([0.003, 0.004]), np.array([3.0, 4.0]), 0.0005),
            (np.array([3e-7, 4e-7]), np.array([3e-6, 4e-6]), 0.01),
            (np.array([30.0, 40.0]), np.array([3e5, 4e5]), 0.001),
            (np.array([0.3, 0.4]), np.array([0.6, 0.8]), 0.3),
            (np.array([0.3, 0.4, 0.0]), np.array([0.0, 0.0, 0.6]), 0.85),
            (np.array([0.2, 0.2, 0.2]), np.array([0.0, 0.0, 1.0]), 0.3),
            (np.zeros(2), np.zeros(2), 0.1)),
    praise="Cents or euros, the loop takes the same number of steps.",
    mistakes={
        "You have found one of the two: the length is right. It is still compared with a fixed number.":
            lambda r, b, tolerance: bool(np.linalg.norm(r) <= tolerance),
        "That is the colleague's line. Try it with both vectors multiplied by a million.":
            lambda r, b, tolerance: bool(r @ r < tolerance),
        "You have found one of the two: the rule is relative now. But both sides are squared, except the "
        "tolerance.":
            lambda r, b, tolerance: bool(r @ r <= tolerance * (b @ b)),
        "You compare with the squared length of the right-hand side: one side has a square, the other has not.":
            lambda r, b, tolerance: bool(np.linalg.norm(r) <= tolerance * (b @ b)),
        "You stop while the residual is large and go on when it is small.":
            lambda r, b, tolerance: bool(np.linalg.norm(r) >= tolerance * np.linalg.norm(b)),
        "A strict inequality never stops for a right-hand side of zero, where x = 0 is already the solution.":
            lambda r, b, tolerance: bool(np.linalg.norm(r) < tolerance * np.linalg.norm(b)),
        "You look at the largest entry. The length of a vector counts all of them.":
            lambda r, b, tolerance: bool(np.abs(r).max() <= tolerance * np.abs(b).max()),
    },
)


def _step_along(direction, product, gradient, kl):
    return np.sqrt(2 * kl / (direction @ product)) * direction


def _step_case(seed, n, damping, kl):
    rng = np.random.default_rng(seed)
    root, gradient = rng.normal(size=(n, n)), rng.normal(size=n)
    fisher = root @ root.T / n
    direction = np.linalg.solve(fisher + damping * np.eye(n), gradient)
    return direction, fisher @ direction, gradient, kl


step_along = Exercise(
    reference=_step_along,
    inputs=(_step_case(0, 3, 0.5, 0.01), _step_case(1, 5, 0.1, 0.05), _step_case(2, 2, 1.0, 0.2)),
    praise="The whole budget, whatever the damping was.",
    mistakes={
        "Here gᵀx is xᵀ(F + λI)x, because x comes from a damped system. Your step is too short.":
            lambda x, Fx, g, kl: np.sqrt(2 * kl / (g @ x)) * x,
        "Your step spends half of the budget: the price is ½δᵀFδ.":
            lambda x, Fx, g, kl: np.sqrt(kl / (x @ Fx)) * x,
        "The factor is right but for its root. The price grows with the square of the step.":
            lambda x, Fx, g, kl: 2 * kl / (x @ Fx) * x,
        "That is a step of fixed Euclidean length. Its price in nats is unknown.":
            lambda x, Fx, g, kl: np.sqrt(2 * kl) * x / np.linalg.norm(x),
        "You step along the product Fx, which is near the vanilla gradient. Step along x.":
            lambda x, Fx, g, kl: np.sqrt(2 * kl / (x @ Fx)) * Fx,
        "Your step goes downhill.":
            lambda x, Fx, g, kl: -_step_along(x, Fx, g, kl),
        "You divide by the length of Fx. The condition contains xᵀFx.":
            lambda x, Fx, g, kl: np.sqrt(2 * kl / (Fx @ Fx)) * x,
    },
)
