"""Widgets: drawn in the browser from local data, alive with or without a kernel."""

from .fisher import FisherExplorer
from .gradient_field import GradientFieldExplorer
from .kl import KLExplorer
from .space import SpaceExplorer

__all__ = ["FisherExplorer", "GradientFieldExplorer", "KLExplorer", "SpaceExplorer"]
