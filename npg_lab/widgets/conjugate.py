"""Steepest descent and conjugate gradients on a bowl, and on many eigenvalues at once."""

import numpy as np
import traitlets

from ..validation import positive, vector
from .base import IN_ORDER, Explorer, choice, inside, module, style, within

WINDOW = [[-1.0, 4.0], [-1.5, 2.5]]
MOST = 50  # iterations, as many as the spectra below have eigenvalues
SPECTRA = {
    "κ=10": np.geomspace(1e-1, 1, MOST).tolist(),
    "κ=1e3": np.geomspace(1e-3, 1, MOST).tolist(),
    "κ=1e5": np.geomspace(1e-5, 1, MOST).tolist(),
    "3 clusters": np.repeat([1e-3, 0.03, 1.0], [17, 17, 16]).tolist(),
}
MEASURES = ("energy", "residual")
PRESETS = {
    "round bowl": {"condition": 1.0, "spectrum": "κ=10"},
    "narrow valley": {"condition": 40.0, "angle": 22.0, "solution": [3.03, 1.31], "step": 30, "spectrum": "κ=1e5"},
    "3 clusters": {"step": 3, "spectrum": "3 clusters"},
    "damped": {"condition": 40.0, "angle": 22.0, "solution": [2.95, 1.55], "damping": 0.02, "spectrum": "κ=1e3"},
}


class CGExplorer(Explorer):
    r"""Drag the start and the solution of :math:`(F + \lambda I)\,x = g`; compare the ways of two solvers.

    Both solvers descend :math:`q(x) = \tfrac12 x^\top (F + \lambda I)\,x - g^\top x` from the same start:
    steepest descent with exact line searches, and conjugate gradients. In the bowl F has two parameters and
    the eigenvalues 1 and :math:`1/\kappa`. The curves beside it belong to a larger system with the eigenvalues
    of `spectrum`, whose g has equal components along all eigenvectors. There both start at zero, and conjugate
    gradients run as in exact arithmetic, with the error of an ordinary run in float64 beside theirs.

    Parameters
    ----------
    condition : float
        :math:`\kappa(F)` of the bowl, from 1 to 1000.
    angle : float
        Direction of the valley in degrees, from 0 to 180.
    solution : (float, float), optional
        The natural direction :math:`F^{-1}g`, from (−1, −1.5) to (4, 2.5). By default g has equal components
        along both eigenvectors, and steepest descent from zero is at its slowest.
    start : (float, float)
        :math:`x_0` in the bowl, in the same window.
    damping : float
        :math:`\lambda` in units of the largest eigenvalue, from 0 to 1.
    step : int
        Iterations shown, from 0 to 50.
    spectrum : "κ=10", "κ=1e3", "κ=1e5", "3 clusters", or array (n,)
        Eigenvalues of the large system: a name (50 eigenvalues, log-uniform or three distinct ones), or any
        positive numbers, which are divided by the largest.
    measure : "energy" or "residual"
        What the curves show: :math:`\|x_k - x^*\|_{F+\lambda I} / \|x_0 - x^*\|_{F+\lambda I}` with the classic
        bounds, or :math:`\|g - (F + \lambda I)\,x_k\| / \|g\|`.
    presets : dict of name to dict of the arguments above, optional

    Raises
    ------
    ValueError
        For values outside the ranges; the old state is kept.

    Source: Hestenes & Stiefel, *Methods of conjugate gradients for solving linear systems* (1952).
    """

    _esm = module("conjugate")
    _css = style("conjugate")

    window = traitlets.List(WINDOW).tag(sync=True)
    spectra = traitlets.Dict().tag(sync=True, **IN_ORDER)
    condition = traitlets.Float().tag(sync=True)
    angle = traitlets.Float().tag(sync=True)
    solution = traitlets.List(traitlets.Float()).tag(sync=True)
    start = traitlets.List(traitlets.Float()).tag(sync=True)
    damping = traitlets.Float().tag(sync=True)
    step = traitlets.Int().tag(sync=True)
    spectrum = traitlets.Unicode().tag(sync=True)
    measure = traitlets.Unicode().tag(sync=True)

    _condition = within("condition", 1.0, 1000.0)
    _angle = within("angle", 0.0, 180.0)
    _solution = inside("solution", "window")
    _start = inside("start", "window")
    _damping = within("damping", 0.0, 1.0)
    _step = within("step", 0, MOST)
    _spectrum = choice("spectrum", "spectra")
    _measure = choice("measure", MEASURES)

    def __init__(
        self, condition=10.0, angle=22.0, solution=None, start=(0.0, 0.0), damping=0.0, step=10,
        spectrum="κ=1e3", measure="energy", presets=None,
    ):
        spectra = SPECTRA
        if not isinstance(spectrum, str):
            spectra, spectrum = {**SPECTRA, "yours": _eigenvalues(spectrum)}, "yours"
        super().__init__(
            spectra=spectra, condition=condition, angle=angle, damping=damping, step=step, measure=measure,
            start=vector("start", start, 2).tolist(),
        )
        slowest = _slowest(self.condition, self.angle) if solution is None else vector("solution", solution, 2)
        self.solution = slowest.tolist()
        self.spectrum, self.presets = spectrum, PRESETS if presets is None else presets


def _slowest(condition, angle):
    """A point of the window whose image F x has equal components along both eigenvectors."""
    cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    point = np.array([cos - sin / condition, sin + cos / condition])
    with np.errstate(divide="ignore"):
        reach = {sign: np.max(WINDOW / (sign * point)[:, None], axis=1).min() for sign in (1, -1)}
    sign = max(reach, key=reach.get)
    return np.round(sign * min(3.3, 0.85 * reach[sign]) * point, 4)


def _eigenvalues(spectrum):
    values = positive("spectrum", spectrum)
    if values.ndim != 1 or len(values) == 0:
        raise ValueError(f"spectrum must be a name or a list of eigenvalues, got shape {values.shape}.")
    return np.sort(values / values.max()).tolist()
