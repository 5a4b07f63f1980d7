"""Independent answers that the core is held against: finite differences, quadrature, torch, loops."""
import numpy as np
import torch
from hypothesis import settings
from scipy.integrate import quad

settings.register_profile("steady", deadline=None, derandomize=True)  # no clock, the same inputs every time
settings.load_profile("steady")

STENCIL = {1: 4 / 5, 2: -1 / 5, 3: 4 / 105, 4: -1 / 280}  # central differences of order eight


def close(actual, expected, rtol=1e-9, atol=1e-12):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def derivative(function, point, step=1e-2):
    """Derivative of an array function at `point` (d,): its own shape, then (d,)."""
    point = np.asarray(point, dtype=float)
    columns = [
        sum(w * (np.asarray(function(point + k * e)) - function(point - k * e)) for k, w in STENCIL.items()) / step
        for e in step * np.eye(len(point))
    ]
    return np.stack(columns, axis=-1)


def expectation(function, mean, std, reach=13.0):
    """Mean of `function(x)` under a normal distribution, by quadrature."""
    def integrand(z):
        return function(mean + std * z) * np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi)

    return quad(integrand, -reach, reach, epsabs=1e-13, epsrel=1e-12, limit=400, points=[-4, 0, 4])[0]


def tensor(value):
    return torch.tensor(np.asarray(value), dtype=torch.float64)


TORCH_MEAN_STD = {  # the six charts once more, for automatic differentiation
    "mean_std": lambda u, v: (u, v),
    "mean_log_std": lambda u, v: (u, torch.exp(v)),
    "mean_variance": lambda u, v: (u, torch.sqrt(v)),
    "mean_precision": lambda u, v: (u, 1 / torch.sqrt(v)),
    "natural": lambda u, v: (-u / (2 * v), torch.sqrt(-1 / (2 * v))),
    "expectation": lambda u, v: (u, torch.sqrt(v - u * u)),
}


def torch_gaussian(theta, chart):
    """torch's normal distribution with coordinates `theta` in a chart."""
    return torch.distributions.Normal(*TORCH_MEAN_STD[chart](theta[0], theta[1]))


def hessian(function, point):
    return torch.autograd.functional.hessian(function, tensor(point)).numpy()


def gradient(function, point):
    return torch.autograd.functional.jacobian(function, tensor(point)).numpy()
