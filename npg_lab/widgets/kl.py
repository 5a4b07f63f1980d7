"""Two distributions, their divergence in both directions, and where it comes from."""

import traitlets

from ..validation import one_of, vector
from .base import Explorer, choice, inside, module, style

WINDOWS = {"gaussian": [[-4.0, 4.0], [0.2, 3.0]], "coin": [[0.01, 0.99]]}
FORWARD, REVERSE = "D(P‖Q)", "D(Q‖P)"
PRESETS = {
    "gaussian": {
        "wide": {"p": [0.0, 2.5], "q": [1.0, 2.5]},
        "narrow": {"p": [0.0, 0.3], "q": [1.0, 0.3]},
        "wide P, narrow Q": {"p": [0.0, 2.0], "q": [0.0, 0.5]},
    },
    "coin": {
        "P and Q": {"p": [0.4], "q": [0.5]},
        "P and R": {"p": [0.4], "q": [0.1]},
        "nearly certain": {"p": [0.5], "q": [0.01]},
    },
}


class KLExplorer(Explorer):
    r"""Drag two Gaussians or two coins; read :math:`D(P\,\|\,Q)` and :math:`D(Q\,\|\,P)`, in nats.

    Parameters
    ----------
    p, q : (float, float) or float
        Mean and standard deviation, from (−4, 0.2) to (4, 3); or, for coins, the probability of heads, from
        0.01 to 0.99.
    family : "gaussian" or "coin"
    direction : "D(P‖Q)" or "D(Q‖P)"
        Whose terms are drawn.
    presets : dict of name to dict of the arguments above, optional

    Raises
    ------
    ValueError
        For values outside the ranges; the old state is kept.
    """

    _esm = module("kl")
    _css = style("kl")

    family = traitlets.Unicode().tag(sync=True)
    window = traitlets.List().tag(sync=True)
    p = traitlets.List(traitlets.Float()).tag(sync=True)
    q = traitlets.List(traitlets.Float()).tag(sync=True)
    direction = traitlets.Unicode(FORWARD).tag(sync=True)

    _p = inside("p", "window")
    _q = inside("q", "window")
    _direction = choice("direction", (FORWARD, REVERSE))

    def __init__(self, p=(0.0, 1.0), q=(1.0, 1.5), family="gaussian", direction=FORWARD, presets=None):
        window = WINDOWS[one_of("family", family, tuple(WINDOWS))]
        super().__init__(family=family, window=window, presets=PRESETS[family] if presets is None else presets)
        self.p, self.q = _coordinates("p", p, len(window)), _coordinates("q", q, len(window))
        self.direction = direction


def _coordinates(name, value, dimension):
    return vector(name, [value] if dimension == 1 and not hasattr(value, "__len__") else value, dimension).tolist()
