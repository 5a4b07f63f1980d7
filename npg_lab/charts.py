r"""Coordinate charts of the Gaussian family, and how points, vectors and metrics change with the chart.

A chart names every Gaussian :math:`\mathcal N(\mu, \sigma^2)` by a pair of numbers :math:`\theta`.
All charts are tied to one hub, the pair :math:`(\mu, \sigma)`, through

.. math:: J(\theta) = \frac{\partial(\mu, \sigma)}{\partial\theta},

and everything else follows from the chain rule. With :math:`T = \partial\theta'/\partial\theta`,

========================  =====================================
a displacement (vector)   :math:`v' = T v`
a gradient (covector)     :math:`g' = T^{-\top} g`
a metric such as Fisher   :math:`F' = T^{-\top} F T^{-1}`
========================  =====================================

Source: Amari and Nagaoka, *Methods of Information Geometry* (2000), chapters 1 and 2.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .validation import finite, one_of, shown, square, vector


@dataclass(frozen=True)
class Chart:
    r"""Coordinates :math:`\theta` of the Gaussian family.

    Attributes
    ----------
    name : str
        Key in `CHARTS`.
    names : tuple of str
        Symbols of the two coordinates.
    to_mean_std, from_mean_std : callable
        Maps between coordinates (..., 2) and pairs (mean, std) (..., 2).
    jacobian : callable
        :math:`\partial(\mu, \sigma)/\partial\theta` at coordinates (..., 2), shape (..., 2, 2).
    """

    name: str
    names: tuple[str, str]
    to_mean_std: Callable
    from_mean_std: Callable
    jacobian: Callable


def _pair(first, second):
    return np.stack(np.broadcast_arrays(first, second), axis=-1)


def _matrix(*entries):
    entries = np.stack(np.broadcast_arrays(*entries), axis=-1)
    return entries.reshape(*entries.shape[:-1], 2, 2)


def _on_coordinates(function, constraint=lambda u, v: True, rule=""):
    """Let `function(u, v)` act on arrays (..., 2) whose points satisfy `constraint`."""

    def act(theta):
        u, v = np.moveaxis(vector("theta", theta, 2), -1, 0)
        if not np.all(constraint(u, v)):
            raise ValueError(f"theta must have {rule}, got {shown(theta)}.")
        return function(u, v)

    return act


def _chart(name, names, to_mean_std, from_mean_std, jacobian, constraint=lambda u, v: True, rule=""):
    return Chart(
        name,
        names,
        _on_coordinates(to_mean_std, constraint, rule),
        _on_coordinates(from_mean_std, lambda mean, std: std > 0, "a std greater than 0"),
        _on_coordinates(jacobian, constraint, rule),
    )


def _second_positive(u, v):
    return v > 0


CHARTS = {
    chart.name: chart
    for chart in [
        _chart(
            "mean_std", ("μ", "σ"),
            lambda u, v: _pair(u, v),
            lambda m, s: _pair(m, s),
            lambda u, v: _matrix(1.0, 0.0, 0.0, 1.0 + 0 * v),
            _second_positive, "a std greater than 0",
        ),
        _chart(
            "mean_log_std", ("μ", "log σ"),
            lambda u, v: _pair(u, np.exp(v)),
            lambda m, s: _pair(m, np.log(s)),
            lambda u, v: _matrix(1.0, 0.0, 0.0, np.exp(v)),
        ),
        _chart(
            "mean_variance", ("μ", "σ²"),
            lambda u, v: _pair(u, np.sqrt(v)),
            lambda m, s: _pair(m, s**2),
            lambda u, v: _matrix(1.0, 0.0, 0.0, 0.5 / np.sqrt(v)),
            _second_positive, "a variance greater than 0",
        ),
        _chart(
            "mean_precision", ("μ", "1/σ²"),
            lambda u, v: _pair(u, v**-0.5),
            lambda m, s: _pair(m, s**-2.0),
            lambda u, v: _matrix(1.0, 0.0, 0.0, -0.5 * v**-1.5),
            _second_positive, "a precision greater than 0",
        ),
        _chart(
            "natural", ("μ/σ²", "−1/(2σ²)"),
            lambda u, v: _pair(-0.5 * u / v, (-2.0 * v) ** -0.5),
            lambda m, s: _pair(m / s**2, -0.5 / s**2),
            lambda u, v: _matrix(-0.5 / v, 0.5 * u / v**2, 0.0, (-2.0 * v) ** -1.5),
            lambda u, v: v < 0, "a second natural coordinate below 0",
        ),
        _chart(
            "expectation", ("E[x]", "E[x²]"),
            lambda u, v: _pair(u, np.sqrt(v - u**2)),
            lambda m, s: _pair(m, m**2 + s**2),
            lambda u, v: _matrix(1.0, 0.0, -u / np.sqrt(v - u**2), 0.5 / np.sqrt(v - u**2)),
            lambda u, v: v > u**2, "E[x²] greater than E[x]²",
        ),
    ]
}


def get_chart(name):
    """Return the chart of that name; ValueError if there is none."""
    return CHARTS[one_of("chart", name, tuple(CHARTS))]


def convert(theta, source, target):
    """Coordinates `theta` (..., 2) in chart `source`, rewritten in chart `target`."""
    return get_chart(target).from_mean_std(get_chart(source).to_mean_std(theta))


def transition_jacobian(theta, source, target):
    r""":math:`T = \partial\theta'/\partial\theta` from chart `source` (where `theta` is given) to `target`.

    .. math:: T = J_{\text{target}}(\theta')^{-1}\, J_{\text{source}}(\theta), \qquad\text{shape } (..., 2, 2).
    """
    arrival = convert(theta, source, target)
    return np.linalg.solve(get_chart(target).jacobian(arrival), get_chart(source).jacobian(theta))


def push_vector(vector_, jacobian):
    """Components T v of a displacement (..., d) after a change of coordinates with Jacobian T (..., d, d)."""
    jacobian = square("jacobian", jacobian)
    return np.einsum("...ij,...j->...i", jacobian, vector("vector", vector_, jacobian.shape[-1]))


def push_gradient(gradient, jacobian):
    r"""Components :math:`T^{-\top} g` of a gradient (..., d) after a change with Jacobian T (..., d, d)."""
    jacobian = square("jacobian", jacobian)
    gradient = vector("gradient", gradient, jacobian.shape[-1])
    return np.linalg.solve(np.swapaxes(jacobian, -1, -2), gradient[..., None])[..., 0]


def push_metric(metric, jacobian):
    r"""Components :math:`T^{-\top} F T^{-1}` of a metric (..., d, d) after a change with Jacobian T."""
    jacobian = square("jacobian", jacobian)
    metric = square("metric", metric, jacobian.shape[-1])
    inverse = np.linalg.inv(jacobian)
    return np.swapaxes(inverse, -1, -2) @ metric @ inverse


class AffineChart:
    r"""The change of coordinates :math:`\theta' = A\theta + b` in any number of dimensions.

    Parameters
    ----------
    matrix : array (d, d)
        Invertible :math:`A`.
    offset : array (d,), optional
        :math:`b`, zero by default.
    """

    def __init__(self, matrix, offset=None):
        self.matrix = square("matrix", matrix)
        if self.matrix.ndim != 2 or np.linalg.matrix_rank(self.matrix) < len(self.matrix):
            raise ValueError(f"matrix must be one invertible square matrix, got {self.matrix.tolist()}.")
        dimension = len(self.matrix)
        self.offset = finite("offset", np.zeros(dimension) if offset is None else offset)
        if self.offset.shape != (dimension,):
            raise ValueError(f"offset must have shape ({dimension},), got {self.offset.shape}.")

    def forward(self, theta):
        """New coordinates A theta + b of the point `theta` (..., d)."""
        return vector("theta", theta, len(self.matrix)) @ self.matrix.T + self.offset

    def inverse(self, theta):
        """Old coordinates of the point whose new coordinates are `theta` (..., d)."""
        shifted = vector("theta", theta, len(self.matrix)) - self.offset
        return np.linalg.solve(self.matrix, shifted[..., None])[..., 0]
