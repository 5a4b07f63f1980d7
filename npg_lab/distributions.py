r"""Probability distributions that policies are made of: Gaussian, multivariate Gaussian, categorical.

Everything is NumPy in float64 and vectorised: parameters may carry leading axes, which broadcast.
"""

import numpy as np
from scipy.special import entr, log_softmax, softmax

from .charts import get_chart
from .validation import finite, positive, shown, square, vector

LOG_TWO_PI = np.log(2 * np.pi)


def _excess(x):
    r""":math:`e^x - 1 - x \ge 0` to full relative accuracy: every divergence here is a sum of such terms."""
    series = x**2 / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6 * (1 + x / 7)))))
    return np.where(np.abs(x) < 1e-2, series, np.expm1(x) - x)


class Gaussian:
    r"""The normal distribution :math:`\mathcal N(\mu, \sigma^2)` on the real line.

    Parameters
    ----------
    mean : array
        :math:`\mu`.
    std : array
        :math:`\sigma > 0`, same unit as the mean; broadcasts with it.
    """

    def __init__(self, mean, std):
        mean, std = finite("mean", mean), positive("std", std)
        try:
            self.mean, self.std = np.broadcast_arrays(mean, std)
        except ValueError:
            raise ValueError(f"mean and std must broadcast, got shapes {mean.shape} and {std.shape}.") from None

    def __repr__(self):
        return f"Gaussian(mean={self.mean}, std={self.std})"

    @classmethod
    def from_coordinates(cls, theta, chart="mean_std"):
        """The Gaussian named `theta` (..., 2) in a chart of `npg_lab.charts.CHARTS`."""
        return cls(*np.moveaxis(get_chart(chart).to_mean_std(theta), -1, 0))

    def coordinates(self, chart="mean_std"):
        """Coordinates (..., 2) of this Gaussian in a chart of `npg_lab.charts.CHARTS`."""
        return get_chart(chart).from_mean_std(np.stack([self.mean, self.std], axis=-1))

    def log_prob(self, x):
        r""":math:`\log p(x) = -\frac{(x-\mu)^2}{2\sigma^2} - \log\sigma - \tfrac12\log 2\pi`, in nats."""
        return -0.5 * ((finite("x", x) - self.mean) / self.std) ** 2 - np.log(self.std) - 0.5 * LOG_TWO_PI

    def score(self, x, chart="mean_std"):
        r"""Score :math:`\nabla_\theta \log p(x)`, shape (..., 2).

        In (mean, std): :math:`\left(\frac{z}{\sigma}, \frac{z^2-1}{\sigma}\right)` with
        :math:`z = (x-\mu)/\sigma`; in any other chart it is multiplied by :math:`J^\top`.
        """
        z = (finite("x", x) - self.mean) / self.std
        score = np.stack([z / self.std, (z**2 - 1) / self.std], axis=-1)
        return np.einsum("...ji,...j->...i", self._jacobian(chart), score)

    def kl(self, other):
        r"""Kullback–Leibler divergence :math:`D(\text{self}\,\|\,\text{other})`, in nats.

        .. math:: \log\frac{\sigma_1}{\sigma_0} + \frac{\sigma_0^2 + (\mu_0-\mu_1)^2}{2\sigma_1^2} - \frac12
        """
        gap = self.std - other.std
        log_ratio = np.sign(gap) * np.log1p(np.abs(gap) / np.minimum(self.std, other.std))
        return 0.5 * _excess(2 * log_ratio) + 0.5 * ((self.mean - other.mean) / other.std) ** 2

    def fisher(self, chart="mean_std"):
        r"""Fisher information, shape (..., 2, 2), in the squared inverse units of the chart.

        :math:`F = \mathrm{diag}(\sigma^{-2}, 2\sigma^{-2})` in (mean, std), :math:`J^\top F J` elsewhere.
        """
        fisher = np.array([1.0, 2.0]) * np.eye(2) / self.std[..., None, None] ** 2
        jacobian = self._jacobian(chart)
        return np.swapaxes(jacobian, -1, -2) @ fisher @ jacobian

    def entropy(self):
        r""":math:`\tfrac12\log(2\pi e\sigma^2)`, in nats."""
        return np.log(self.std) + 0.5 * (LOG_TWO_PI + 1)

    def sample(self, rng, size=()):
        """Draws of shape `size` + batch shape."""
        return rng.normal(self.mean, self.std, size=(*np.atleast_1d(size).astype(int), *self.mean.shape))

    def _jacobian(self, chart):
        return get_chart(chart).jacobian(self.coordinates(chart))


class MultivariateGaussian:
    r"""The normal distribution :math:`\mathcal N(\mu, \Sigma)` in `dim` dimensions.

    Parameters
    ----------
    mean : array (d,)
    covariance : array (d, d)
        Symmetric and positive definite.
    """

    def __init__(self, mean, covariance):
        self.mean = finite("mean", mean)
        if self.mean.ndim != 1:
            raise ValueError(f"mean must have one axis, got shape {self.mean.shape}.")
        self.covariance = square("covariance", covariance, self.dim)
        if self.covariance.ndim != 2:
            raise ValueError(f"covariance must have two axes, got shape {self.covariance.shape}.")
        try:
            self._factor = np.linalg.cholesky(self.covariance)
        except np.linalg.LinAlgError:
            self._factor = None
        skew = np.abs(self.covariance - self.covariance.T)
        if self._factor is None or skew.max() > 1e-8 * np.abs(self.covariance).max():
            raise ValueError(f"covariance must be symmetric positive definite, got {shown(self.covariance)}.")

    def __repr__(self):
        return f"MultivariateGaussian(mean={self.mean}, covariance={self.covariance.tolist()})"

    @property
    def dim(self):
        """Number of dimensions d."""
        return len(self.mean)

    def log_prob(self, x):
        r""":math:`-\tfrac12 (x-\mu)^\top\Sigma^{-1}(x-\mu) - \tfrac12\log\det 2\pi\Sigma` for x (..., d)."""
        whitened = np.linalg.solve(self._factor, (vector("x", x, self.dim) - self.mean)[..., None])[..., 0]
        return -0.5 * (whitened**2).sum(-1) - 0.5 * self._log_det() - 0.5 * self.dim * LOG_TWO_PI

    def kl(self, other):
        r"""Kullback–Leibler divergence to `other`, in nats.

        .. math:: \tfrac12\left(\operatorname{tr}\Sigma_1^{-1}\Sigma_0 - d
                  + (\mu_1-\mu_0)^\top\Sigma_1^{-1}(\mu_1-\mu_0) + \log\frac{\det\Sigma_1}{\det\Sigma_0}\right)
        """
        if self.dim != other.dim:
            raise ValueError(f"other must have dimension {self.dim}, got {other.dim}.")
        ratios = np.linalg.svd(np.linalg.solve(other._factor, self._factor), compute_uv=False)
        shift = np.linalg.solve(other._factor, self.mean - other.mean)
        return 0.5 * _excess(2 * np.log(ratios)).sum() + 0.5 * (shift**2).sum()

    def entropy(self):
        r""":math:`\tfrac12\log\det 2\pi e\Sigma`, in nats."""
        return 0.5 * self._log_det() + 0.5 * self.dim * (LOG_TWO_PI + 1)

    def sample(self, rng, size=()):
        """Draws of shape `size` + (d,)."""
        noise = rng.standard_normal((*np.atleast_1d(size).astype(int), self.dim))
        return self.mean + noise @ self._factor.T

    def _log_det(self):
        return 2 * np.log(np.diag(self._factor)).sum()


class Categorical:
    r"""A distribution over K outcomes, from probabilities or from logits.

    Parameters
    ----------
    probs : array (..., K), optional
        Non-negative, summing to 1 (to 1e-8) along the last axis.
    logits : array (..., K), optional
        :math:`p = \operatorname{softmax}(\text{logits})`. Give exactly one of the two.
    """

    def __init__(self, probs=None, *, logits=None):
        if (probs is None) == (logits is None):
            raise ValueError("Categorical takes either probs or logits, got both or neither.")
        if logits is not None:
            logits = finite("logits", logits)
            if logits.ndim == 0:
                raise ValueError("logits must have at least one axis, got a single number.")
            self.probs, self._log_probs = softmax(logits, axis=-1), log_softmax(logits, axis=-1)
            return
        self.probs = finite("probs", probs)
        if self.probs.ndim == 0 or np.any(self.probs < 0):
            raise ValueError(f"probs must be an array of non-negative numbers, got {shown(self.probs)}.")
        total = self.probs.sum(-1, keepdims=True)
        if not np.allclose(total, 1, rtol=0, atol=1e-8):
            raise ValueError(f"probs must sum to 1 along the last axis, got sums {shown(total[..., 0])}.")
        self.probs = self.probs / total
        with np.errstate(divide="ignore"):
            self._log_probs = np.log(self.probs)

    def __repr__(self):
        return f"Categorical(probs={self.probs})"

    @property
    def logits(self):
        """Log probabilities (..., K), −inf where the probability is zero."""
        return self._log_probs

    def log_prob(self, action):
        """Log probability of integer outcomes `action` (...), in nats."""
        index = self._outcome(action)
        log_probs = np.broadcast_to(self._log_probs, np.broadcast_shapes(self.probs.shape, (*index.shape, 1)))
        return np.take_along_axis(log_probs, np.broadcast_to(index, log_probs.shape[:-1])[..., None], -1)[..., 0]

    def score(self, action):
        r"""Score with respect to the logits, :math:`e_a - p`, shape (..., K)."""
        return np.eye(self.probs.shape[-1])[self._outcome(action)] - self.probs

    def kl(self, other):
        r""":math:`D(p\,\|\,q) = \sum_a p_a \log\frac{p_a}{q_a}`, in nats; ∞ where q lacks support."""
        if self.probs.shape[-1] != other.probs.shape[-1]:
            raise ValueError(f"other must have {self.probs.shape[-1]} outcomes, got {other.probs.shape[-1]}.")
        p, q = np.broadcast_arrays(self.probs, other.probs)
        with np.errstate(invalid="ignore"):  # 0 log 0 = 0
            log_ratio = np.where(p > 0, other._log_probs - self._log_probs, 0.0)
        near = (p > 0) & (np.abs(log_ratio) < 1)
        return np.where(near, p * _excess(np.clip(log_ratio, -1, 1)), q - p - p * log_ratio).sum(-1)

    def fisher(self):
        r"""Fisher information of the logits, :math:`\operatorname{diag}(p) - pp^\top`, shape (..., K, K).

        Its null space is spanned by the all-ones vector: adding a constant to all logits changes nothing.
        """
        # p_a (1 - p_a) is the sum of the other products p_a p_b, which no saturated policy cancels away
        products = self.probs[..., :, None] * self.probs[..., None, :] * (1 - np.eye(self.probs.shape[-1]))
        return products.sum(-1)[..., None] * np.eye(self.probs.shape[-1]) - products

    def entropy(self):
        r""":math:`-\sum_a p_a\log p_a`, in nats."""
        return entr(self.probs).sum(-1)

    def sample(self, rng, size=()):
        """Outcomes of shape `size` + batch shape."""
        batch = self.probs.shape[:-1]
        uniform = rng.random((*np.atleast_1d(size).astype(int), *batch, 1))
        return np.minimum((self.probs.cumsum(-1) <= uniform).sum(-1), self.probs.shape[-1] - 1)

    def _outcome(self, action):
        index, outcomes = np.asarray(action), self.probs.shape[-1]
        if index.dtype.kind not in "iu" or np.any(index < 0) or np.any(index >= outcomes):
            raise ValueError(f"action must be integers from 0 to {outcomes - 1}, got {action!r}.")
        return index


def fisher_rao_distance(p, q):
    r"""Length of the shortest path between two Gaussians when steps are measured by Fisher information.

    With :math:`(x, y) = (\mu/\sqrt2, \sigma)` the metric is twice that of the hyperbolic half-plane, so

    .. math:: d = \sqrt2\,\operatorname{arcosh}\left(1 + \frac{\tfrac12\Delta\mu^2 + \Delta\sigma^2}
              {2\sigma_p\sigma_q}\right).

    Source: Costa, Santos and Strapasson, *Fisher information distance: a geometrical reading* (2015).
    """
    chord = 0.5 * (p.mean - q.mean) ** 2 + (p.std - q.std) ** 2
    return 2 * np.sqrt(2) * np.arcsinh(np.sqrt(chord / (4 * p.std * q.std)))


def fisher_rao_geodesic(p, q, t):
    r"""The point a fraction `t` (array) of the way along the shortest Fisher–Rao path from p to q.

    In the half-plane the path is a vertical line or a half circle centred on the axis :math:`\sigma = 0`. With
    :math:`d` the hyperbolic distance, :math:`1/\sigma` and :math:`\mu/\sigma` both follow

    .. math:: u(t) = \frac{\sinh((1-t)\,d)}{\sinh d}\,u_p + \frac{\sinh(t\,d)}{\sinh d}\,u_q.
    """
    t = finite("t", t)
    distance = np.maximum(fisher_rao_distance(p, q) / np.sqrt(2), 1e-300)  # p = q: the weights are 1 - t and t
    from_p = np.sinh((1 - t) * distance) / np.sinh(distance) / p.std
    from_q = np.sinh(t * distance) / np.sinh(distance) / q.std
    return Gaussian((from_p * p.mean + from_q * q.mean) / (from_p + from_q), 1 / (from_p + from_q))
