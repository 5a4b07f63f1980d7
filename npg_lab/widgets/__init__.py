"""Widgets: drawn in the browser from local data, alive with or without a kernel."""

from .gradient_field import GradientFieldExplorer

__all__ = ["GradientFieldExplorer"]
