"""The Fisher ellipse of a Gaussian against the true contour of the divergence, in six charts."""

import traitlets

from ..charts import CHARTS
from .base import Explorer, choice, module, style, within

PRESETS = {
    "small budget": {"kl": 0.005, "mean": 0.0, "std": 1.0},
    "large budget": {"kl": 0.5, "mean": 0.0, "std": 1.0},
    "narrow": {"kl": 0.05, "mean": 0.0, "std": 0.3},
}


class FisherExplorer(Explorer):
    r"""Drag a Gaussian; see the ellipse :math:`\tfrac12\delta^\top F\delta = \varepsilon` and the true contour.

    Parameters
    ----------
    mean : float
        From −3 to 3.
    std : float
        From 0.2 to 2.5.
    kl : float
        :math:`\varepsilon`, from 0.001 to 0.5 nats.
    chart : str
        Coordinates of the plane, a key of `npg_lab.charts.CHARTS`.
    presets : dict of name to dict of the arguments above, optional

    Raises
    ------
    ValueError
        For values outside the ranges and unknown charts; the old state is kept.
    """

    _esm = module("fisher")
    _css = style("fisher")

    mean = traitlets.Float(0.0).tag(sync=True)
    std = traitlets.Float(1.0).tag(sync=True)
    kl = traitlets.Float(0.05).tag(sync=True)
    chart = traitlets.Unicode("mean_std").tag(sync=True)

    _mean = within("mean", -3.0, 3.0)
    _std = within("std", 0.2, 2.5)
    _kl = within("kl", 0.001, 0.5)
    _chart = choice("chart", tuple(CHARTS))

    def __init__(self, mean=0.0, std=1.0, kl=0.05, chart="mean_std", presets=None):
        super().__init__(mean=mean, std=std, kl=kl, chart=chart, presets=PRESETS if presets is None else presets)
