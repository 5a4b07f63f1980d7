"""State and tables of the step-size explorer, without a browser."""
import math

import numpy as np
import pytest

from npg_lab.widgets import StepSizeExplorer


def hill(mean):
    return np.exp(-(mean**2) / 1.6)


def hill_slope(mean):
    return -mean / 0.8 * hill(mean)


def regulator(gain):
    """Return of a noiseless linear regulator with discount 0.9: minus infinity where it is unstable."""
    slack = 1 - 0.9 * (1 + gain) ** 2
    return np.where(slack > 0, -(1 + gain**2) / np.where(slack > 0, slack, 1), -np.inf)


def regulator_slope(gain):
    slack = 1 - 0.9 * (1 + gain) ** 2
    return (-2 * gain * slack - 1.8 * (1 + gain) * (1 + gain**2)) / slack**2


def make(objective=hill, gradient=hill_slope, **more):
    return StepSizeExplorer(objective, gradient, **more)


def test_state_can_be_set_and_observed():
    widget, heard = make(start=-2.0, step_size=0.5, steps=10), []
    assert (widget.start, widget.step_size, widget.steps) == (-2.0, 0.5, 10)
    widget.observe(lambda change: heard.append((change.name, change.new)), ["start", "step_size", "steps"])
    widget.start, widget.step_size, widget.steps = 1.5, 8.0, 0
    assert heard == [("start", 1.5), ("step_size", 8.0), ("steps", 0)]


@pytest.mark.parametrize("name, bad", [
    ("start", -3.1), ("start", 6.1), ("start", np.nan), ("step_size", 0.0), ("step_size", -1.0),
    ("step_size", 101.0), ("step_size", np.nan), ("steps", -1), ("steps", 201),
])
def test_bad_states_are_refused(name, bad):
    widget = make()
    old = getattr(widget, name)
    with pytest.raises(ValueError, match=f"^{name} must"):
        setattr(widget, name, bad)
    assert getattr(widget, name) == old
    with pytest.raises(ValueError, match=f"^{name} must"):
        make(**{name: bad})


@pytest.mark.parametrize("bounds", [(1.0, -1.0), (0.0, 0.0), (0.0, 1.0, 2.0), (0.0, np.inf), [(0.0, 1.0)], "wide"])
def test_bad_bounds_are_refused(bounds):
    with pytest.raises(ValueError, match=r"^bounds must"):
        make(bounds=bounds)


@pytest.mark.parametrize("name, function", [
    ("objective", lambda mean: 1.0), ("objective", lambda mean: mean[:-1]), ("objective", math.exp),
    ("objective", lambda mean: mean * np.nan), ("objective", lambda mean: np.where(mean > 5, np.inf, mean)),
    ("objective", lambda mean: -np.inf + 0 * mean),
    ("objective", lambda mean: np.where(abs(mean) < 1, -np.inf, mean)),
    ("gradient", lambda mean: 1.0), ("gradient", lambda mean: mean * np.nan), ("gradient", math.exp),
    ("gradient", lambda mean: np.where(mean > 5, -np.inf, mean)),
])
def test_bad_landscapes_are_refused(name, function):
    with pytest.raises(ValueError, match=f"^{name} must"):
        make(**{name: function})


def test_table_holds_objective_and_gradient():
    widget = make()
    table = np.frombuffer(widget.curve, dtype="<f4").reshape(widget.nodes, 2)
    nodes = np.linspace(*widget.sampled, widget.nodes)
    assert widget.ground == widget.sampled == widget.bounds == [-3.0, 6.0]
    np.testing.assert_allclose(table, np.stack([hill(nodes), hill_slope(nodes)], axis=-1), rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(widget.peak, [0.0, 1.0], atol=0.003)
    assert widget.near == pytest.approx(0.99, abs=1e-5)


def test_near_the_best_is_measured_on_the_height_where_the_best_is_zero():
    widget = make(lambda x: -(x**2), lambda x: -2 * x, bounds=(-1.0, 1.0))
    assert widget.near == pytest.approx(-0.01)


def test_cliff_is_found_and_not_sampled():
    widget = make(regulator, regulator_slope, bounds=(-2.5, 0.5))
    edges = -1 + np.array([-1, 1]) / np.sqrt(0.9)
    np.testing.assert_allclose(widget.ground, edges, atol=1e-9)
    assert widget.ground[0] < widget.sampled[0] and widget.sampled[1] < widget.ground[1]
    assert np.all(np.isfinite(np.frombuffer(widget.curve, dtype="<f4")))
    np.testing.assert_allclose(widget.peak, [-0.5884, -1.58840], atol=1e-3)
    with pytest.raises(ValueError, match="where the objective is finite"):
        widget.start = 0.2
    assert widget.start == -1.0


def test_one_sided_cliff():
    widget = make(regulator, regulator_slope, bounds=(-1.0, 0.5), start=-0.5)
    assert widget.ground[0] == widget.sampled[0] == -1.0
    assert widget.ground[1] == pytest.approx(1 / np.sqrt(0.9) - 1, abs=1e-9)


def test_default_presets_are_multiples_of_the_step_that_fits_the_peak():
    sizes = [preset["step_size"] for preset in make().presets.values()]
    assert sizes == [0.04, 0.8, 8.0]  # J'' = −1.25 at the peak
    assert make(lambda x: x, np.ones_like).presets == {}
    own = {"far": {"start": 3.0}}
    assert make(presets=own).presets == own


def test_names_are_a_pair():
    assert make(names=("μ", "J")).names == ["μ", "J"]
    with pytest.raises(ValueError, match=r"^names must"):
        make(names=("μ",))
