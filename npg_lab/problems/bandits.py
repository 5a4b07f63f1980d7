r"""One-step problems: draw an action from the policy, receive its reward, :math:`J(\theta) = E[r(a)]`."""

import numpy as np

from ..charts import get_chart
from ..distributions import Categorical, Gaussian
from ..geometry import natural_gradient
from ..validation import finite, positive, vector

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


class QuadraticReward:
    r""":math:`r(a) = -s\,(a-c)^2`, with mean :math:`-s\,[(\mu-c)^2+\sigma^2]` under :math:`N(\mu,\sigma^2)`.

    Parameters
    ----------
    target : float
        :math:`c`, the best action.
    scale : float
        :math:`s > 0`.
    """

    def __init__(self, target=0.0, scale=1.0):
        self.target, self.scale = float(finite("target", target)), float(positive("scale", scale))

    def __call__(self, action):
        return -self.scale * (np.asarray(action) - self.target) ** 2

    def mean(self, policy):
        """Expected reward under a `Gaussian`."""
        return -self.scale * ((policy.mean - self.target) ** 2 + policy.std**2)

    def mean_gradient(self, policy):
        """Derivative of the expected reward with respect to (mean, std), shape (..., 2)."""
        return -2 * self.scale * np.stack([policy.mean - self.target, policy.std], axis=-1)


class BumpReward:
    r""":math:`r(a) = h\exp\left(-\frac{(a-c)^2}{2w^2}\right)`: a reward that is felt only near its peak.

    With :math:`v = w^2 + \sigma^2` its mean is :math:`h\,\frac{w}{\sqrt v}\exp\left(-\frac{(\mu-c)^2}{2v}\right)`.

    Parameters
    ----------
    centre, width, height : float
        :math:`c`, :math:`w > 0`, :math:`h > 0`.
    """

    def __init__(self, centre=0.0, width=1.0, height=1.0):
        self.centre = float(finite("centre", centre))
        self.width, self.height = float(positive("width", width)), float(positive("height", height))

    def __call__(self, action):
        return self.height * np.exp(-0.5 * ((np.asarray(action) - self.centre) / self.width) ** 2)

    def mean(self, policy):
        """Expected reward under a `Gaussian`."""
        spread = self.width**2 + policy.std**2
        peak = self.height * self.width / np.sqrt(spread)
        return peak * np.exp(-0.5 * (policy.mean - self.centre) ** 2 / spread)

    def mean_gradient(self, policy):
        """Derivative of the expected reward with respect to (mean, std), shape (..., 2)."""
        spread = self.width**2 + policy.std**2
        offset = policy.mean - self.centre
        log_gradient = np.stack(
            [-offset / spread, policy.std * (offset**2 - spread) / spread**2], axis=-1
        )
        return self.mean(policy)[..., None] * log_gradient


class GaussianBandit:
    r"""One real action, policy :math:`\mathcal N(\mu, \sigma^2)`, exact expected reward.

    Parameters
    ----------
    reward : QuadraticReward or BumpReward
    chart : str
        Which pair of numbers is :math:`\theta`, see `npg_lab.charts.CHARTS`; (mean, std) by default.
    """

    def __init__(self, reward=None, chart="mean_std"):
        self.reward = QuadraticReward() if reward is None else reward
        self.chart = get_chart(chart)
        self.names = self.chart.names
        self.bounds = ((-3.0, 3.0), (0.2, 2.5)) if chart == "mean_std" else None

    def policy(self, theta):
        """The `Gaussian` with coordinates `theta` (..., 2)."""
        return Gaussian.from_coordinates(theta, self.chart.name)

    def objective(self, theta):
        """Expected reward, shape (...)."""
        return self.reward.mean(self.policy(theta))

    def gradient(self, theta):
        r""":math:`J_{\text{chart}}^\top\,\partial E[r]/\partial(\mu,\sigma)`, shape (..., 2)."""
        hub = self.reward.mean_gradient(self.policy(theta))
        return np.einsum("...ji,...j->...i", self.chart.jacobian(theta), hub)

    def fisher(self, theta):
        """Fisher information of the policy in the chart, shape (..., 2, 2)."""
        return self.policy(theta).fisher(self.chart.name)

    def kl(self, theta, other):
        """Exact divergence from the policy at `theta` to the policy at `other`, in nats."""
        return self.policy(theta).kl(self.policy(other))


class SoftmaxBandit:
    r"""K arms with known mean rewards and policy :math:`p = \operatorname{softmax}(\Phi\theta)`.

    Parameters
    ----------
    rewards : array (K,)
        Mean reward of each arm.
    features : array (K, d), optional
        :math:`\Phi`; the identity by default, so that :math:`\theta` are the logits.
    names : sequence of str, optional
        Symbols of the d parameters.
    bounds : sequence of (low, high), optional
        Window of the parameter space for pictures; (−4, 4) on each axis when d = 2.
    """

    def __init__(self, rewards, features=None, names=None, bounds=None):
        self.rewards = finite("rewards", rewards)
        if self.rewards.ndim != 1 or len(self.rewards) < 2:
            raise ValueError(f"rewards must list at least two arms, got shape {self.rewards.shape}.")
        arms = len(self.rewards)
        self.features = np.eye(arms) if features is None else finite("features", features)
        if self.features.ndim != 2 or len(self.features) != arms:
            raise ValueError(f"features must have shape ({arms}, d), got {self.features.shape}.")
        dimension = self.features.shape[1]
        numbered = (f"θ{i}".translate(SUBSCRIPTS) for i in range(1, dimension + 1))
        self.names = tuple(numbered if names is None else names)
        if len(self.names) != dimension:
            raise ValueError(f"names must list {dimension} symbols, got {names!r}.")
        self.bounds = ((-4.0, 4.0),) * 2 if bounds is None and dimension == 2 else bounds
        centred = self.features - self.features.mean(axis=0)
        self._fit = np.linalg.lstsq(centred, self.rewards - self.rewards.mean())[0]
        misfit = self.rewards - self.features @ self._fit
        self._fits = np.ptp(misfit) <= 1e-12 * np.ptp(self.rewards)

    def policy(self, theta):
        """The `Categorical` at parameters `theta` (..., d)."""
        return Categorical(logits=vector("theta", theta, self.features.shape[1]) @ self.features.T)

    def objective(self, theta):
        r""":math:`J = p^\top r`, shape (...)."""
        return self.policy(theta).probs @ self.rewards

    def gradient(self, theta):
        r""":math:`\Phi^\top\,[p \odot (r - J)]`, shape (..., d)."""
        probs = self.policy(theta).probs
        advantage = (probs[..., None, :] * (self.rewards[:, None] - self.rewards)).sum(-1)  # r - J
        return (probs * advantage) @ self.features

    def fisher(self, theta):
        r""":math:`\Phi^\top(\operatorname{diag}(p) - pp^\top)\Phi`, shape (..., d, d)."""
        return self.features.T @ self.policy(theta).fisher() @ self.features

    def natural_gradient(self, theta):
        r""":math:`F^{+}g`, shape (..., d).

        Where the features can express the rewards up to a constant, :math:`r = \Phi w + c`, it is the shortest
        such :math:`w`, whatever the policy: with the logits as parameters, the rewards minus their average.
        """
        theta = vector("theta", theta, self.features.shape[1])
        if self._fits:
            return np.broadcast_to(self._fit, theta.shape).copy()
        return natural_gradient(self.gradient(theta), self.fisher(theta))

    def kl(self, theta, other):
        """Exact divergence from the policy at `theta` to the policy at `other`, in nats."""
        return self.policy(theta).kl(self.policy(other))
