"""Widgets: drawn in the browser from local data, alive with or without a kernel."""

from .compatible import CompatibleExplorer
from .conjugate import CGExplorer
from .fisher import FisherExplorer
from .gradient_field import GradientFieldExplorer
from .kl import KLExplorer
from .simplex import SimplexExplorer
from .space import SpaceExplorer
from .step_size import StepSizeExplorer
from .variance import VarianceExplorer

__all__ = [
    "CGExplorer", "CompatibleExplorer", "FisherExplorer", "GradientFieldExplorer", "KLExplorer",
    "SimplexExplorer", "SpaceExplorer", "StepSizeExplorer", "VarianceExplorer",
]
