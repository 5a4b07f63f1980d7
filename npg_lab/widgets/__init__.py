"""Widgets: drawn in the browser from local data, alive with or without a kernel."""

from .fisher import FisherExplorer
from .gradient_field import GradientFieldExplorer
from .kl import KLExplorer
from .simplex import SimplexExplorer
from .space import SpaceExplorer
from .step_size import StepSizeExplorer

__all__ = [
    "FisherExplorer", "GradientFieldExplorer", "KLExplorer", "SimplexExplorer", "SpaceExplorer",
    "StepSizeExplorer",
]
