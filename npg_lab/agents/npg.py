r"""The natural policy gradient agent."""

import math

import torch
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from ..curvature import fisher_operator, flat_gradient, scores, trainable
from ..validation import at_least_one, non_negative, one_of, positive, unit_interval
from .base import Agent

SOLVERS = ("cg", "direct", "compatible")


class NPGAgent(Agent):
    r"""Natural policy gradient: :math:`\theta \leftarrow \theta + \alpha\,x` with
    :math:`x = (F + \lambda I)^{-1} g`.

    g is the gradient of :math:`E[\log\pi(a|s)\,\hat A]` on the batch and F the Fisher matrix of the policy at
    its observations. With a radius ε, :math:`\alpha = \sqrt{2\varepsilon / x^\top F x}`, for which the
    quadratic model puts the mean KL of the step at ε; with a fixed rate α is the rate.

    Parameters
    ----------
    policy, value : nn.Module, optional
    kl : float
        Radius ε of a step in mean KL, in nats.
    rate : float, optional
        Fixed α; `kl` is not used then.
    decay : float
        Factor in (0, 1] on ε or α after each iteration. The default suits about fifty iterations; for longer
        runs take it nearer to 1.
    solver : {"cg", "direct", "compatible"}
        How to get x: conjugate gradients with Fisher-vector products; the matrix F and a linear solve; or
        the least-squares regression of the advantages on the scores :math:`\nabla\log\pi(a|s)`, which needs
        no F (compatible function approximation).
    cg_iterations : int
        Products in a run of conjugate gradients, which stops there.
    damping : float
        λ. A policy that is nearly perfect leaves little in g but noise, which little damping would multiply
        in directions where F is small.
    **shared
        See `Agent`.

    Raises
    ------
    ValueError
        For a radius, rate or decay out of range, or an unknown solver.

    Source: Kakade, *A natural policy gradient* (2001); Rajeswaran et al., *Towards generalization and
    simplicity in continuous control* (2017) for the normalised step with conjugate gradients.
    """

    def __init__(self, policy=None, value=None, *, kl=0.03, rate=None, decay=0.95, solver="cg",
                 cg_iterations=10, damping=0.1, **shared):
        super().__init__(policy, value, **shared)
        self.kl, self.rate = float(positive("kl", kl)), None if rate is None else float(positive("rate", rate))
        self.decay, self.solver = unit_interval("decay", decay), one_of("solver", solver, SOLVERS)
        self.damping, self.cg_iterations = (
            float(non_negative("damping", damping)), at_least_one("cg_iterations", cg_iterations))
        if self.decay == 0:
            raise ValueError("decay must be a number in (0, 1], got 0.")

    def improve(self, batch, generator):
        """One natural gradient step."""
        with torch.no_grad():
            before = self.policy(batch.observations)
        step, report = self.natural_step(batch)
        self._move(step)
        with torch.no_grad():
            after = self.policy(batch.observations)
            kl, entropy = self.policy.kl(before, after).mean(), self.policy.entropy(after).mean()
        return {"kl": kl.item(), "entropy": entropy.item(), **report}

    def natural_step(self, batch):
        """The step α x (P,) for a batch, and a dict with its length α, the promised KL and the residual."""
        g = self.gradient(batch)
        x, residual = self.natural_direction(batch, g)
        shrink = self.decay**self.iteration
        quadratic = (g @ x - self.damping * (x @ x)).clamp_min(torch.finfo(x.dtype).tiny).item()
        alpha = shrink * self.rate if self.rate else math.sqrt(2 * shrink * self.kl / quadratic)
        return alpha * x, {"alpha": alpha, "promised_kl": 0.5 * alpha**2 * quadratic, "residual": residual}

    def gradient(self, batch):
        r"""Gradient g of :math:`E[\log\pi(a|s)\,\hat A]` on the batch, (P,)."""
        log_prob = self.policy.log_prob(self.policy(batch.observations), batch.actions)
        return flat_gradient((log_prob * batch.advantages).mean(), trainable(self.policy))

    def natural_direction(self, batch, g):
        r""":math:`x = (F + \lambda I)^{-1} g` by the solver chosen, and its relative residual."""
        if self.solver == "compatible":
            return self._regression(batch), 0.0
        operator = fisher_operator(self.policy, batch.observations, damping=self.damping)
        if self.solver == "direct":
            return solve(operator.matrix(), g, singular=self.damping == 0), 0.0
        x, report = operator.solve(g, self.cg_iterations)
        return x, report.residuals[-1]

    def _regression(self, batch):
        r"""Weights w that minimise :math:`\frac1N\lVert Sw - \hat A\rVert^2 + \lambda\lVert w\rVert^2`.

        As :math:`w = S^\top(SS^\top + N\lambda I)^{-1}\hat A`, with one unknown for each sample.
        """
        rows = scores(self.policy, batch.observations, batch.actions)
        kernel = rows @ rows.T
        kernel.diagonal().add_(len(batch) * self.damping)
        return rows.T @ solve(kernel, batch.advantages, singular=self.damping == 0)

    def _move(self, step):
        parameters = trainable(self.policy)
        vector_to_parameters(parameters_to_vector(parameters) + step, parameters)


def solve(matrix, b, singular):
    """The solution of a symmetric system, found in double precision; of a singular one that of minimum norm."""
    if singular:
        return torch.linalg.lstsq(matrix, b[:, None], driver="gelsd").solution[:, 0]
    return torch.linalg.solve(matrix.double(), b.double()).to(b)
