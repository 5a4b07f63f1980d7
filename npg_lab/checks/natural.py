"""Exercises of chapter 4: the natural gradient."""

import numpy as np

from ..charts import push_gradient, push_metric
from ..geometry import kl_step, natural_gradient, scale_to_kl
from .engine import Exercise

_GRADIENT = np.array([4.0, -2.0])
_FISHER = np.array([[2.0, 0.5], [0.5, 1.0]])
_PROBLEMS = (
    (_GRADIENT, _FISHER),
    (np.array([0.3, 1.1, -0.7]), np.array([[1.5, 0.2, 0.0], [0.2, 0.8, -0.3], [0.0, -0.3, 2.5]])),
)
_FREE_DIRECTION = (np.array([1.0, 1.0]), np.array([[0.5, 0.5], [0.5, 0.5]]))


def _norm(gradient, fisher):
    """g'F⁺g."""
    return gradient @ natural_gradient(gradient, fisher)


which_ruler = Exercise(
    reference=lambda: [3, 2, 0, 4, 1],
    praise="Only C goes downhill. Every other arrow is the best step for somebody's ruler.",
    mistakes={
        "B raises one parameter and lowers the other although both slopes are positive. Does that make it a "
        "step downhill? Compute gᵀδ before you rule it out.": lambda: [3, 0, 2, 4, 1],
        "You have Euclid and KL the wrong way round. The Euclidean ruler knows nothing of F, so its step has to "
        "be parallel to one of the two vectors that you were given.": lambda: [3, 1, 0, 4, 2],
        "One of your two KL-like answers is the other. Compute F⁻¹g twice, with F as it is and with its "
        "off-diagonal entries set to zero.": lambda: [2, 3, 0, 4, 1],
        "Dropping the off-diagonal entries and limiting the largest change both look like a step in "
        "proportion to simple numbers. When only the largest change counts, how far should each parameter go?":
            lambda: [4, 2, 0, 3, 1],
    },
)

lagrange_step = Exercise(
    reference=lambda gradient, fisher, multiplier: natural_gradient(gradient, fisher) / multiplier,
    inputs=tuple((*problem, multiplier) for problem in _PROBLEMS for multiplier in (0.5, 3.0)),
    praise="Derivative λFδ, then δ = F⁻¹g / λ: no factor 2, and a plus sign.",
    mistakes={
        "Your step is the printed one: it goes downhill, and is twice too long. Two of its lines are wrong; "
        "check each against the line before.":
            lambda g, F, multiplier: -2 * natural_gradient(g, F) / multiplier,
        "The sign is right now. Look at the derivative of the quadratic term once more: what is the derivative "
        "of ½λx²?": lambda g, F, multiplier: 2 * natural_gradient(g, F) / multiplier,
        "The factor is right now. Follow the sign when a term crosses the equals sign.":
            lambda g, F, multiplier: -natural_gradient(g, F) / multiplier,
        "When λFδ stands alone on one side, λ has to leave by division.":
            lambda g, F, multiplier: multiplier * natural_gradient(g, F),
        "F is still on the wrong side: you multiply by it where you have to solve.":
            lambda g, F, multiplier: F @ g / multiplier,
    },
)

multiplier = Exercise(
    reference=lambda gradient, fisher, kl: np.sqrt(_norm(gradient, fisher) / (2 * kl)),
    inputs=tuple((*problem, kl) for problem in _PROBLEMS for kl in (0.01, 0.3)),
    praise="The multiplier is no free constant: gradient, Fisher matrix and budget fix it.",
    mistakes={
        "That is the factor in front of F⁻¹g in the step. How is it related to λ?":
            lambda g, F, kl: np.sqrt(2 * kl / _norm(g, F)),
        "The constraint has a ½ in front of δᵀFδ. Where did it go?": lambda g, F, kl: np.sqrt(_norm(g, F) / kl),
        "The 2 ended up on the wrong side of the fraction. Write the constraint as (…)/λ² = ε and solve slowly.":
            lambda g, F, kl: np.sqrt(2 * _norm(g, F) / kl),
        "That is λ². The constraint is quadratic in δ, and δ carries 1/λ.":
            lambda g, F, kl: _norm(g, F) / (2 * kl),
        "You have gᵀFg under the root. Put δ = F⁻¹g/λ into δᵀFδ: how many F's survive, and with which exponent?":
            lambda g, F, kl: np.sqrt(g @ F @ g / (2 * kl)),
        "Both signs make the constraint hold. Which one makes the gain positive?":
            lambda g, F, kl: -np.sqrt(_norm(g, F) / (2 * kl)),
    },
)

step_of_given_kl = Exercise(
    reference=kl_step,
    inputs=((*_PROBLEMS[0], 0.05), (*_PROBLEMS[1], 0.002), (*_FREE_DIRECTION, 0.1)),
    praise="It spends exactly the budget, also where F has directions that cost nothing.",
    mistakes={
        "Your step spends half the budget. The quadratic KL is ½δᵀFδ, not δᵀFδ.":
            lambda g, F, kl: np.sqrt(kl / _norm(g, F)) * natural_gradient(g, F),
        "The direction is right, the length is not: the whole factor 2ε/(gᵀF⁺g) belongs under the root.":
            lambda g, F, kl: 2 * kl / _norm(g, F) * natural_gradient(g, F),
        "Your step goes downhill at full budget. J is maximised.": lambda g, F, kl: -kl_step(g, F, kl),
        "The cost is right, but this is the vanilla direction, rescaled. Where does the inverse of F go?":
            lambda g, F, kl: np.sqrt(2 * kl / (g @ F @ g)) * g,
        "You normalise with gᵀFg. The cost of the direction d = F⁺g is dᵀFd; what is that in terms of g?":
            lambda g, F, kl: np.sqrt(2 * kl / (g @ F @ g)) * natural_gradient(g, F),
        "This is a step of Euclidean length √(2ε). The budget is in nats: measure the length with F.":
            lambda g, F, kl: np.sqrt(2 * kl) * natural_gradient(g, F) / np.linalg.norm(natural_gradient(g, F)),
        "The cost is right, but you multiply by F where you have to solve with it.":
            lambda g, F, kl: scale_to_kl(F @ g, F, kl),
    },
)


def _in_other_names(gradient, fisher, damping, matrix):
    step = natural_gradient(push_gradient(gradient, matrix), push_metric(fisher, matrix), damping)
    return np.linalg.solve(matrix, step)


_NAMES = np.array([[3.0, 1.0], [0.0, 0.5]])
_MORE_NAMES = np.array([[2.0, 0.0, 1.0], [-1.0, 1.0, 0.0], [0.5, 0.0, 0.4]])

damped_in_other_names = Exercise(
    reference=_in_other_names,
    inputs=(
        (*_PROBLEMS[0], 0.0, _NAMES), (*_PROBLEMS[0], 0.4, _NAMES), (*_PROBLEMS[1], 1.5, _MORE_NAMES),
    ),
    praise="In the old names it reads (F + λAᵀA)⁻¹g: the damping term is the foreign ruler.",
    mistakes={
        "This is what somebody with the old names does: the matrix A has no effect on it. Damping is added in "
        "the new names.": lambda g, F, damping, A: natural_gradient(g, F, damping),
        "You have the step, but still in the new names. The question asks for it in the old ones.":
            lambda g, F, damping, A: A @ _in_other_names(g, F, damping, A),
        "Your gradient changes with A⁻¹. Check the chain rule: a transpose is missing.":
            lambda g, F, damping, A: np.linalg.solve(
                A, natural_gradient(np.linalg.solve(A, g), push_metric(F, A), damping)),
        "The gradient is fine, but F has to change too: F' = A⁻ᵀFA⁻¹.":
            lambda g, F, damping, A: np.linalg.solve(A, natural_gradient(push_gradient(g, A), F, damping)),
        "Almost: the ruler of the new names, seen from the old ones, is AᵀA and not AAᵀ.":
            lambda g, F, damping, A: np.linalg.solve(F + damping * A @ A.T, g),
        "Undamped it is right. With damping, carry λ times the identity back to the old names: how does a "
        "ruler change?": lambda g, F, damping, A: np.linalg.solve(F + damping * np.linalg.inv(A.T @ A), g),
    },
)
