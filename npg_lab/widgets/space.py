"""The same step in parameters, different changes of the policy."""

import numpy as np
import traitlets

from ..problems import GaussianBandit
from ..validation import vector
from .base import inside, module, style, within
from .tables import PlaneExplorer, sample_plane

GAUSSIAN_BOUNDS = ((-3.0, 3.0), (0.2, 3.5))
GAUSSIAN_PRESETS = {
    "narrow": {"start": [0.0, 0.3], "radius": 1.0, "angle": 0.0},
    "wide": {"start": [0.0, 3.0], "radius": 1.0, "angle": 0.0},
    "towards certainty": {"start": [0.0, 0.8], "radius": 0.5, "angle": 270.0},
}
SOFTMAX_PRESETS = {
    "uniform": {"start": [0.0, 0.0]},
    "leaning": {"start": [2.0, 0.0]},
    "nearly certain": {"start": [3.5, -2.0]},
}


class SpaceExplorer(PlaneExplorer):
    r"""Drag a point and a Euclidean ball round it; watch what the ball becomes in the space of policies.

    Parameters
    ----------
    problem : Problem, optional
        Two parameters and `policy(theta)` returning a `Gaussian` or a `Categorical` over three arms; the
        Gaussian with parameters (mean, std) by default.
    bounds : ((low, high), (low, high)), optional
        Window of the parameter plane.
    start : (float, float), optional
        :math:`\theta`.
    radius : float
        Euclidean length :math:`\|\Delta\theta\|` of the step, from 0.05 to 1.5.
    angle : float
        Direction of the step in degrees, from 0 to 360.
    presets : dict of name to dict of the arguments above, optional

    Raises
    ------
    ValueError
        For a problem without two parameters or without such a policy, and for values outside the ranges (the
        old state is kept).
    """

    _esm = module("space")
    _css = style("space")

    start = traitlets.List(traitlets.Float()).tag(sync=True)
    radius = traitlets.Float(0.5).tag(sync=True)
    angle = traitlets.Float(0.0).tag(sync=True)

    _start = inside("start", "bounds")
    _radius = within("radius", 0.05, 1.5)
    _angle = within("angle", 0.0, 360.0)

    def __init__(self, problem=None, bounds=None, start=None, radius=0.5, angle=0.0, presets=None):
        if problem is None:
            problem, bounds = GaussianBandit(), GAUSSIAN_BOUNDS if bounds is None else bounds
        plane = sample_plane(problem, bounds)
        if (plane.family, plane.channels) not in (("gaussian", 8), ("categorical", 9)):
            raise ValueError(
                "problem must have policy(theta) returning a Gaussian or a Categorical over three arms, "
                f"got {type(problem).__name__}."
            )
        if presets is None:
            presets = GAUSSIAN_PRESETS if plane.family == "gaussian" else SOFTMAX_PRESETS
        super().__init__(plane, presets=presets)
        centre = np.dot(plane.bounds, [0.6, 0.4]) if start is None else vector("start", start, 2)
        self.start, self.radius, self.angle = np.asarray(centre).tolist(), radius, angle
