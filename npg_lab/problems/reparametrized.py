"""The same problem in other coordinates."""

from ..charts import AffineChart, push_gradient, push_metric, push_vector


class Reparametrized:
    r"""A problem seen through new coordinates :math:`\theta' = A\theta + b`.

    Policies and objective values are untouched; :math:`g' = A^{-\top}g` and :math:`F' = A^{-\top}FA^{-1}`, so that
    a natural gradient v becomes :math:`v' = Av`.

    Parameters
    ----------
    problem : Problem
        Its `names`, `policy`, `policies`, `kl` and `natural_gradient`, where it has them, are offered in the new
        coordinates.
    chart : AffineChart or array (d, d)
        The change of coordinates, or its matrix :math:`A`.
    """

    def __init__(self, problem, chart):
        self.problem = problem
        self.chart = chart if isinstance(chart, AffineChart) else AffineChart(chart)
        old = self.chart.inverse
        if hasattr(problem, "names"):
            self.names = tuple(f"{name}′" for name in problem.names)
        if hasattr(problem, "natural_gradient"):
            natural = problem.natural_gradient
            self.natural_gradient = lambda theta: push_vector(natural(old(theta)), self.chart.matrix)
        if hasattr(problem, "policy"):
            self.policy = lambda theta: problem.policy(old(theta))
        if hasattr(problem, "policies"):
            self.policies = lambda theta: problem.policies(old(theta))
        if hasattr(problem, "policy_names"):
            self.policy_names = problem.policy_names
        if hasattr(problem, "kl"):
            self.kl = lambda theta, other: problem.kl(old(theta), old(other))

    def objective(self, theta):
        """Objective of the original problem at the same policy, shape (...)."""
        return self.problem.objective(self.chart.inverse(theta))

    def gradient(self, theta):
        r""":math:`A^{-\top} g`, shape (..., d)."""
        return push_gradient(self.problem.gradient(self.chart.inverse(theta)), self.chart.matrix)

    def fisher(self, theta):
        r""":math:`A^{-\top} F A^{-1}`, shape (..., d, d)."""
        return push_metric(self.problem.fisher(self.chart.inverse(theta)), self.chart.matrix)
