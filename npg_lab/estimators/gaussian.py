r"""One step with a Gaussian policy: estimates for single actions, and quadrature in place of enumeration."""

import numpy as np

from ..validation import at_least_one, vector


def gaussian_nodes(policy, count=64):
    r"""Actions and weights with :math:`E[f(a)] = \sum_i w_if(a_i)` for polynomials of degree below 2·count.

    Parameters
    ----------
    policy : Gaussian
        With a single mean and standard deviation.
    count : int

    Returns
    -------
    (array (count,), array (count,))
        Gauss–Hermite quadrature.
    """
    if np.ndim(policy.mean) > 0:
        raise ValueError(f"policy must be a single Gaussian, got a batch {np.shape(policy.mean)}.")
    nodes, weights = np.polynomial.hermite_e.hermegauss(at_least_one("count", count))
    return policy.mean + policy.std * nodes, weights / weights.sum()


def bandit_gradient(policy, reward, actions, baseline=0.0, chart="mean_std"):
    r""":math:`\nabla\log\pi(a)\,(r(a) - b)` for each action (N,), shape (N, 2).

    Parameters
    ----------
    policy : Gaussian
    reward : callable
        :math:`r`, from actions to rewards.
    actions : array (N,)
    baseline : number, or array (2,) with an entry for each component
    chart : str
        Coordinates of the gradient, see `npg_lab.charts.CHARTS`.
    """
    return policy.score(actions, chart) * (np.asarray(reward(actions))[..., None] - baseline)


def optimal_bandit_baseline(policy, reward, chart="mean_std", count=64):
    r""":math:`b_j = E[g_j^2r]/E[g_j^2]` for each of the two components, shape (2,), by quadrature."""
    actions, weights = gaussian_nodes(policy, count)
    squares = policy.score(actions, chart) ** 2
    return (weights * reward(actions)) @ squares / (weights @ squares)


def multivariate_score(policy, actions):
    r"""Score of :math:`\mathcal N(\mu, \Sigma)` with respect to the mean and to the covariance.

    .. math:: \delta = \Sigma^{-1}(a - \mu), \qquad
              \frac{\partial\log\pi}{\partial\Sigma} = \tfrac12\left(\delta\delta^\top - \Sigma^{-1}\right)

    δ is the error signal that is passed back through whatever computes the mean.

    Parameters
    ----------
    policy : MultivariateGaussian
    actions : array (..., d)

    Returns
    -------
    (array (..., d), array (..., d, d))
    """
    precision = np.linalg.inv(policy.covariance)
    error = (vector("actions", actions, policy.dim) - policy.mean) @ precision
    return error, 0.5 * (error[..., :, None] * error[..., None, :] - precision)
