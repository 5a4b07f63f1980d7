r"""The one-dimensional linear-quadratic regulator with a linear-Gaussian policy, in closed form."""

import numpy as np

from ..distributions import Gaussian
from ..validation import finite, non_negative, positive, shown, vector


class LinearQuadraticRegulator:
    r"""Keep a state near zero with small actions: :math:`s' = as + bu + \omega`, reward :math:`-qs^2 - ru^2`.

    The policy is :math:`u \sim \mathcal N(ks, \sigma^2)` with :math:`\theta = (k, \sigma)`. With the
    closed-loop factor :math:`c = a + bk` the second moment of the state obeys
    :math:`m_{t+1} = c^2 m_t + b^2\sigma^2 + \omega^2`, so

    .. math:: M = \sum_t \gamma^t m_t
                = \frac{m_0 + \frac{\gamma}{1-\gamma}(b^2\sigma^2 + \omega^2)}{1 - \gamma c^2},
              \qquad J = -(q + rk^2)\,M - \frac{r\sigma^2}{1-\gamma}.

    A gain with :math:`\gamma c^2 \ge 1` lets the state run away: its objective is −∞.

    Parameters
    ----------
    discount : float
        :math:`0 \le \gamma < 1`.
    start_variance : float
        :math:`m_0 > 0`, second moment of the first state.
    drift, control : float
        :math:`a` and :math:`b \ne 0`.
    state_cost, action_cost : float
        :math:`q > 0` and :math:`r > 0`.
    noise : float
        Standard deviation :math:`\omega \ge 0` of the disturbance.
    """

    names = ("k", "σ")
    policy_names = ("s = 0", "s = 1")

    def __init__(self, discount=0.9, start_variance=1.0, *, drift=1.0, control=1.0, state_cost=1.0,
                 action_cost=1.0, noise=0.0):
        self.discount = float(finite("discount", discount))
        if not 0 <= self.discount < 1:
            raise ValueError(f"discount must lie in [0, 1), got {discount}.")
        self.start_variance = float(positive("start_variance", start_variance))
        self.drift, self.control = float(finite("drift", drift)), float(finite("control", control))
        if self.control == 0:
            raise ValueError("control must not be 0, got 0.")
        self.state_cost = float(positive("state_cost", state_cost))
        self.action_cost = float(positive("action_cost", action_cost))
        self.noise = float(non_negative("noise", noise))
        low, high = sorted(((-0.95 * self.edge - self.drift) / self.control,
                            (0.95 * self.edge - self.drift) / self.control))
        self.bounds = ((low, high), (0.1, 1.5))

    @property
    def edge(self):
        r"""The closed-loop factor :math:`|c| = \gamma^{-1/2}` at which the objective becomes −∞ (2 when γ = 0)."""
        return self.discount**-0.5 if self.discount > 0 else 2.0

    @property
    def best_gain(self):
        r"""Optimal gain :math:`k^\star = -\frac{\gamma abP}{r + \gamma b^2P}`, with P from the Riccati equation.

        For :math:`a = b = q = r = 1` it is :math:`\frac{1-\sqrt{1+4\gamma^2}}{2\gamma}`.
        """
        g, a, b, q, r = self.discount, self.drift, self.control, self.state_cost, self.action_cost
        if g == 0:
            return 0.0
        middle = r - g * b**2 * q - g * a**2 * r
        value = (-middle + np.sqrt(middle**2 + 4 * g * b**2 * q * r)) / (2 * g * b**2)
        return -g * a * b * value / (r + g * b**2 * value)

    def objective(self, theta):
        """Expected discounted reward, shape (...); −∞ where the gain does not hold the state."""
        k, sigma = self._split(theta)
        stable = self._contraction(k) > 0
        moment = self._moment(np.where(stable, k, -self.drift / self.control), sigma)
        value = -(self.state_cost + self.action_cost * k**2) * moment - self._action_noise_cost(sigma)
        return np.where(stable, value, -np.inf)

    def gradient(self, theta):
        """Gradient (..., 2); ValueError where the objective is −∞."""
        k, sigma = self._stable(theta)
        gamma, left = self.discount, self._contraction(k)
        moment, cost = self._moment(k, sigma), self.state_cost + self.action_cost * k**2
        moment_k = 2 * gamma * self.control * (self.drift + self.control * k) * moment / left
        moment_sigma = 2 * gamma * self.control**2 * sigma / ((1 - gamma) * left)
        return np.stack(
            [
                -2 * self.action_cost * k * moment - cost * moment_k,
                -cost * moment_sigma - 2 * self.action_cost * sigma / (1 - gamma),
            ],
            axis=-1,
        )

    def fisher(self, theta):
        r""":math:`\operatorname{diag}(E[s^2], 2)/\sigma^2` under the normalised discounted occupancy."""
        k, sigma = self._stable(theta)
        squared_state = (1 - self.discount) * self._moment(k, sigma)
        diagonal = np.stack([squared_state, 2 + 0 * squared_state], axis=-1) / sigma[..., None] ** 2
        return diagonal[..., None] * np.eye(2)

    def policies(self, theta):
        r"""The policy in the states 0 and 1, a `Gaussian` (..., 2), and the weights of these states, (..., 2).

        A divergence between two of these policies is affine in :math:`s^2`, so the weights
        :math:`(1 - E[s^2], E[s^2])` give its mean over the visited states.
        """
        k, sigma = self._stable(theta)
        squared_state = (1 - self.discount) * self._moment(k, sigma)
        policy = Gaussian(np.stack([np.zeros_like(k), k], axis=-1), sigma[..., None])
        return policy, np.stack([1 - squared_state, squared_state], axis=-1)

    def kl(self, theta, other):
        """Divergence of the action distributions in nats, averaged over the states that `theta` visits."""
        (k, sigma), (other_k, other_sigma) = self._stable(theta), self._split(other)
        typical_state = np.sqrt((1 - self.discount) * self._moment(k, sigma))
        return Gaussian(k * typical_state, sigma).kl(Gaussian(other_k * typical_state, other_sigma))

    def _split(self, theta):
        k, sigma = np.moveaxis(vector("theta", theta, 2), -1, 0)
        return k, positive("sigma", sigma)

    def _stable(self, theta):
        k, sigma = self._split(theta)
        if np.any(self._contraction(k) <= 0):
            rule = "discount·(drift + control·k)² < 1"
            raise ValueError(f"theta must have a gain k with {rule}, got k = {shown(k)}.")
        return k, sigma

    def _contraction(self, k):
        return 1 - self.discount * (self.drift + self.control * k) ** 2

    def _moment(self, k, sigma):
        inflow = self.discount / (1 - self.discount) * ((self.control * sigma) ** 2 + self.noise**2)
        return (self.start_variance + inflow) / self._contraction(k)

    def _action_noise_cost(self, sigma):
        return self.action_cost * sigma**2 / (1 - self.discount)
