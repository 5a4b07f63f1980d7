"""npg_lab: natural policy gradients and their geometry, for learning and for research."""

from .distributions import (
    Categorical,
    Gaussian,
    MultivariateGaussian,
    fisher_rao_distance,
    fisher_rao_geodesic,
)
from .geometry import ascend, ellipse, flow, kl_contour, kl_step, natural_gradient

__version__ = "0.1.0"

__all__ = [
    "Categorical", "Gaussian", "MultivariateGaussian", "ascend", "ellipse", "fisher_rao_distance",
    "fisher_rao_geodesic", "flow", "kl_contour", "kl_step", "natural_gradient",
]
