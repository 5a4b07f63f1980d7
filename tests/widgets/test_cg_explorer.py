"""CGExplorer as an object with traits, without a browser."""

import numpy as np
import pytest
from traits import assert_refuses, assert_takes_its_presets, assert_the_browser_sets, state_of

from npg_lab.cg import conjugate_gradient
from npg_lab.widgets import CGExplorer

STATE = {
    "condition": 1000.0, "angle": 180.0, "solution": [-1.0, 2.5], "start": [4.0, -1.5], "damping": 1.0, "step": 50,
    "spectrum": "κ=1e5", "measure": "residual",
}


def test_the_browser_sets_the_state_and_python_is_told():
    assert_the_browser_sets(CGExplorer(), STATE)


def test_arguments_are_the_state():
    widget = CGExplorer(presets={"one": STATE}, **STATE)
    assert state_of(widget, STATE) == STATE and widget.presets == {"one": STATE}
    assert CGExplorer(start=np.array([1, 2])).start == [1.0, 2.0]


@pytest.mark.parametrize("condition", [1.0, 3.0, 30.0, 1000.0])
@pytest.mark.parametrize("angle", [0.0, 45.0, 90.0, 120.0, 180.0])
def test_default_solution_makes_steepest_descent_slowest(condition, angle):
    widget = CGExplorer(condition=condition, angle=angle)
    turn = np.radians(angle)
    along, across = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) @ widget.solution
    assert along == pytest.approx(condition * across, abs=2e-4 * condition)
    assert np.linalg.norm(widget.solution) > 1


def test_default_presets_are_states_that_the_widget_takes():
    widget = CGExplorer()
    assert list(widget.presets) == ["round bowl", "narrow valley", "3 clusters", "damped"]
    assert_takes_its_presets(widget)


WINDOW = "[[-1.0, 4.0], [-1.5, 2.5]]"
REFUSED = [
    ("condition", 0.5, "condition must lie from 1.0 to 1000.0, got 0.5."),
    ("condition", float("nan"), "condition must lie from 1.0 to 1000.0, got nan."),
    ("angle", 181.0, "angle must lie from 0.0 to 180.0, got 181.0."),
    ("solution", [5.0, 0.0], f"solution must lie inside {WINDOW}, got [5.0, 0.0]."),
    ("start", [0.0, -2.0], f"start must lie inside {WINDOW}, got [0.0, -2.0]."),
    ("damping", -0.1, "damping must lie from 0.0 to 1.0, got -0.1."),
    ("step", 51, "step must lie from 0 to 50, got 51."),
    ("spectrum", "flat", "spectrum must be one of 'κ=10', 'κ=1e3', 'κ=1e5', '3 clusters', got 'flat'."),
    ("measure", "angle", "measure must be one of 'energy', 'residual', got 'angle'."),
]


@pytest.mark.parametrize(("name", "value", "sentence"), REFUSED)
def test_states_outside_the_range_are_refused_and_the_old_one_is_kept(name, value, sentence):
    assert_refuses(CGExplorer, name, value, sentence)


@pytest.mark.parametrize("name", ["start", "solution"])
@pytest.mark.parametrize("bad", [0.5, (1.0, 2.0, 3.0), "far", [None, 1.0], (np.nan, 0.0)])
def test_points_are_two_numbers(name, bad):
    with pytest.raises(ValueError, match=rf"^{name} must .*\.$"):
        CGExplorer(**{name: bad})


def test_spectra_have_the_condition_numbers_of_their_names():
    spectra = {name: np.array(values) for name, values in CGExplorer().spectra.items()}
    assert {name: values.max() / values.min() for name, values in spectra.items()} == pytest.approx(
        {"κ=10": 10, "κ=1e3": 1e3, "κ=1e5": 1e5, "3 clusters": 1e3})
    assert {len(values) for values in spectra.values()} == {50}
    for name in ("κ=10", "κ=1e3", "κ=1e5"):
        assert np.ptp(np.diff(np.log(spectra[name]))) < 1e-9
    clusters = spectra["3 clusters"]
    assert len(set(clusters)) == 3
    _, report = conjugate_gradient(lambda v: clusters * v, np.ones(50))
    assert report.iterations == 3


def test_a_spectrum_of_the_readers_own():
    fisher = np.diag([3.0, 1.0, 2.0]) + 0.1
    widget = CGExplorer(spectrum=np.linalg.eigvalsh(fisher))
    assert widget.spectrum == "yours" and list(widget.spectra)[-1] == "yours"
    values = widget.spectra["yours"]
    assert values == sorted(values) and values[-1] == 1
    assert 1 / values[0] == pytest.approx(np.linalg.cond(fisher))
    widget.spectrum = "κ=10"
    assert "yours" not in CGExplorer().spectra


@pytest.mark.parametrize("bad", [[1.0, 0.0], [1.0, -1.0], [[1.0, 2.0]], [], 3.0, [np.inf], None])
def test_a_spectrum_is_made_of_positive_numbers(bad):
    with pytest.raises(ValueError, match=r"^spectrum must .*\.$"):
        CGExplorer(spectrum=bad)
