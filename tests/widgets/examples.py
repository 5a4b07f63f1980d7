"""The widgets that every general test handles, and problems for them."""
import numpy as np

from npg_lab import Gaussian, widgets
from npg_lab.problems import SoftmaxBandit, TwoStateMDP

ARMS = SoftmaxBandit((1.0, 0.9, 0.0), features=[[1, 0], [0, 1], [0, 0]])


class Hill:
    """A reader's own problem: a curved metric, and no policy."""

    names = "u", "v"
    bounds = (-1.0, 2.0), (0.5, 2.0)

    def objective(self, theta):
        u, v = np.moveaxis(theta, -1, 0)
        return np.exp(-0.5 * (u - 1) ** 2 - (v - 1) ** 2)

    def gradient(self, theta):
        u, v = np.moveaxis(theta, -1, 0)
        return self.objective(theta)[..., None] * np.stack([1 - u, 2 - 2 * v], axis=-1)

    def fisher(self, theta):
        u, v = np.moveaxis(theta, -1, 0)
        return np.stack([1 + v**2, 0.5 * u, 0.5 * u, 2 + u**2], axis=-1).reshape(*u.shape, 2, 2)


class Slanted(Hill):
    """A reader's own Gaussian policy: mean u + v, log std v / 2 − 1, reward −(a − 1)²."""

    def policy(self, theta):
        u, v = np.moveaxis(theta, -1, 0)
        return Gaussian(u + v, np.exp(0.5 * v - 1))

    def objective(self, theta):
        policy = self.policy(theta)
        return -((policy.mean - 1) ** 2) - policy.std**2

    def gradient(self, theta):
        policy = self.policy(theta)
        slope = -2 * (policy.mean - 1)
        return np.stack([slope, slope - policy.std**2], axis=-1)

    def fisher(self, theta):
        policy = self.policy(theta)
        p = policy.std**-2.0
        return np.stack([p, p, p, p + 0.5], axis=-1).reshape(*p.shape, 2, 2)


def bump(theta):
    return np.exp(-0.5 * (theta - 1) ** 2)


def bump_slope(theta):
    return (1 - theta) * bump(theta)


def barrier(theta):
    """−θ² + log(4 − θ), with a cliff at θ = 4."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(theta < 4, -(theta**2) + np.log(4 - theta), -np.inf)


def barrier_slope(theta):
    return -2 * theta - 1 / (4 - theta)


EXAMPLES = {
    "fields of a Gaussian": widgets.GradientFieldExplorer,
    "fields of two states": lambda: widgets.GradientFieldExplorer(TwoStateMDP()),
    "two Gaussians": widgets.KLExplorer,
    "two coins": lambda: widgets.KLExplorer(p=0.4, q=0.6, family="coin"),
    "ball of Gaussians": widgets.SpaceExplorer,
    "ball of softmax policies": lambda: widgets.SpaceExplorer(ARMS),
    "Fisher ellipse": widgets.FisherExplorer,
    "landscape": lambda: widgets.StepSizeExplorer(bump, bump_slope),
    "simplex": lambda: widgets.SimplexExplorer(start=(0.3, 0.3, 0.4)),
    "baseline": widgets.VarianceExplorer,
    "projection": lambda: widgets.CompatibleExplorer(action_values=(0.6, -0.4, 0.1)),
    "bowl": lambda: widgets.CGExplorer(start=(0.4, -0.5), step=7),
}

# handles that move along one axis of the screen only, by their label
HORIZONTAL = {"Q on the curve", "start of the ascent", "mean of the policy", "width of the policy",
              "baseline on the variance curve"}
VERTICAL = {"heads of P", "heads of Q", "baseline", "Q of action 1", "Q of action 2", "Q of action 3",
            "V, all action values together"}
