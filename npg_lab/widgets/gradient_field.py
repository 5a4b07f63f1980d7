"""The flagship: vanilla and natural gradient fields of any two-parameter problem, side by side."""

import numpy as np
import traitlets

from ..charts import AffineChart, get_chart
from ..problems import GaussianBandit, LinearQuadraticRegulator, QuadraticReward, TwoStateMDP
from ..validation import one_of, square, vector
from .base import IN_ORDER, choice, inside, module, style, within
from .tables import PlaneExplorer, sample_plane

RULES = ("kl", "rate")
ARGUMENTS = ("rule", "kl", "rate", "damping", "ruler", "step", "presets")
THESE_AXES = "these axes"
GAUSSIAN_RULERS = {
    "μ counted in tenths": np.diag([10.0, 1.0]), "(μ, log σ)": "mean_log_std", "(μ, σ²)": "mean_variance",
    "(μ, 1/σ²)": "mean_precision", "natural parameters": "natural", "moments": "expectation",
}
KAKADE_START = [float(np.log(4)), float(-np.log(9))]
PRESETS = {
    LinearQuadraticRegulator: {
        "small-σ corner": {"start": [-0.2, 0.7], "rule": "kl", "kl": 0.001, "step": 61},
        "one rate for both": {"start": [-0.2, 0.7], "rule": "rate", "rate": 0.003, "step": 200},
    },
    TwoStateMDP: {
        "plateau": {"start": KAKADE_START, "rule": "rate", "rate": 0.25, "step": 200},
        "plateau, equal KL": {"start": KAKADE_START, "rule": "kl", "kl": 0.001, "step": 36},
    },
}


class GradientFieldExplorer(PlaneExplorer):
    r"""Drag a starting point; watch vanilla and natural ascent leave it, in parameters and in policies.

    The field on the left follows :math:`\nabla J`, the one on the right :math:`F^{-1}\nabla J`. Every arrow is
    drawn to its own small KL ellipse, so all arrows spend the same divergence and only directions differ.

    Parameters
    ----------
    problem : Problem, optional
        Anything with `objective`, `gradient` and `fisher` of two parameters, your own included; a Gaussian
        bandit by default. With `policy(theta)` (a `Gaussian` or `Categorical`), or with `policies(theta)` where
        there are states (see `npg_lab.problems.Problem`), the policies are drawn and divergences are exact.
    bounds : ((low, high), (low, high)), optional
        Window of the parameter plane; the problem's own by default.
    start : (float, float), optional
        Where both ascents begin; a point in the lower left of the window by default.
    rule : "kl" or "rate"
        Steps of equal divergence, or of a fixed rate.
    kl : float
        Divergence of a step in nats, from 0.0001 to 0.5 (rule "kl").
    rate : float
        Step size, from 0.001 to 10 (rule "rate").
    damping : float
        Added to the Fisher matrix, from 0 to 10.
    rulers : dict of name to chart name or matrix, optional
        Other coordinates whose Euclidean ruler the vanilla gradient (and the damping) may use: a chart of the
        Gaussian family (where the plane is that of mean and std) or the matrix A of :math:`\theta' = A\theta`.
        The charts of the Gaussian family are offered by default where they make sense.
    presets : dict of name to dict of the arguments above, optional
        The regulator and the two-state MDP have their own by default.

    Raises
    ------
    ValueError
        For a problem without two parameters, and for states outside the ranges (the old state is kept).
    """

    _esm = module("gradient_field")
    _css = style("gradient_field")

    states = traitlets.Int(1).tag(sync=True)
    policy_names = traitlets.List().tag(sync=True)
    contours = traitlets.List().tag(sync=True)
    peak = traitlets.List().tag(sync=True)
    rewards = traitlets.List(help="[action, reward scaled to 0..1]").tag(sync=True)
    rulers = traitlets.Dict(help="name of each ruler: a chart, or xx, xy, yy of J J'").tag(sync=True, **IN_ORDER)

    start = traitlets.List(traitlets.Float()).tag(sync=True)
    rule = traitlets.Unicode("kl").tag(sync=True)
    kl = traitlets.Float(0.05).tag(sync=True)
    rate = traitlets.Float(0.1).tag(sync=True)
    damping = traitlets.Float(0.0).tag(sync=True)
    ruler = traitlets.Unicode(THESE_AXES).tag(sync=True)
    step = traitlets.Int(20, help="how many steps are shown").tag(sync=True)

    _start = inside("start", "bounds")
    _rule = choice("rule", RULES)
    _kl = within("kl", 1e-4, 0.5)
    _rate = within("rate", 1e-3, 10.0)
    _damping = within("damping", 0.0, 10.0)
    _ruler = choice("ruler", "rulers")
    _step = within("step", 0, 200)

    def __init__(self, problem=None, bounds=None, start=None, rulers=None, **state):
        problem = GaussianBandit(QuadraticReward(target=1.0)) if problem is None else problem
        plane = sample_plane(problem, bounds)
        window = np.array(plane.bounds)
        if rulers is None:
            rulers = GAUSSIAN_RULERS if plane.names == get_chart("mean_std").names else {}
        super().__init__(
            plane, contours=plane.contours, peak=plane.peak,
            states=plane.states, policy_names=list(getattr(problem, "policy_names", ())),
            presets=_presets(problem, window), rewards=_reward_curve(problem, plane),
            rulers={THESE_AXES: [1.0, 0.0, 1.0], **_encode(rulers)},
        )
        start = window @ [0.8, 0.2] if start is None else vector("start", start, 2)
        self.start = np.asarray(start, dtype=float).tolist()
        for name, value in state.items():
            setattr(self, one_of("argument", name, ARGUMENTS), value)


def _presets(problem, window):
    """The presets made for this kind of problem, as far as they start inside the window."""
    low, high = window.T
    return {
        name: state for name, state in PRESETS.get(type(problem), {}).items()
        if np.all((low <= state["start"]) & (state["start"] <= high))
    }


def _reward_curve(problem, plane):
    """The reward of each action, scaled to 0..1, where a Gaussian policy has one to show."""
    reward = getattr(problem, "reward", None)
    if plane.family != "gaussian" or not callable(reward):
        return []
    means = plane.values[..., 6]
    actions = np.linspace(means.min() - 1, means.max() + 1, 121)
    heights = reward(actions)
    return np.stack([actions, (heights - heights.min()) / np.ptp(heights)], axis=-1).round(4).tolist()


def _encode(rulers):
    r"""Charts by name; matrices A as the entries xx, xy, yy of :math:`JJ^\top` with :math:`J = A^{-1}`."""
    return {
        name: get_chart(chart).name if isinstance(chart, str) else _ruler_of_matrix(name, chart)
        for name, chart in rulers.items()
    }


def _ruler_of_matrix(name, matrix):
    matrix = square(f"rulers[{name!r}]", matrix, 2)
    inverse = np.linalg.inv(AffineChart(matrix).matrix)
    return (inverse @ inverse.T)[[0, 0, 1], [0, 1, 1]].tolist()
