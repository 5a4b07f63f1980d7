"""KLExplorer, SpaceExplorer and FisherExplorer as objects with traits, without a browser."""
import re
from functools import partial

import pytest
from examples import ARMS, Hill
from traits import assert_refuses, assert_takes_its_presets, assert_the_browser_sets, state_of

from npg_lab.problems import GaussianBandit, SoftmaxBandit
from npg_lab.widgets import FisherExplorer, KLExplorer, SpaceExplorer

COIN = {"p": 0.4, "q": 0.5, "family": "coin"}
STATES = [
    (KLExplorer, {}, {"p": [-4.0, 0.2], "q": [4.0, 3.0], "direction": "D(Q‖P)"}),
    (KLExplorer, COIN, {"p": [0.01], "q": [0.99], "direction": "D(Q‖P)"}),
    (SpaceExplorer, {}, {"start": [-3.0, 3.5], "radius": 1.5, "angle": 360.0}),
    (SpaceExplorer, {"problem": ARMS}, {"start": [4.0, -4.0], "radius": 0.05, "angle": 90.0}),
    (FisherExplorer, {}, {"mean": 3.0, "std": 0.2, "kl": 0.5, "chart": "expectation"}),
]


@pytest.mark.parametrize(("widget", "arguments", "state"), STATES)
def test_the_browser_sets_the_state_and_python_is_told(widget, arguments, state):
    assert_the_browser_sets(widget(**arguments), state)


@pytest.mark.parametrize(("widget", "arguments", "state"), STATES)
def test_arguments_are_the_state(widget, arguments, state):
    shown = widget(**{**arguments, **state, "presets": {"one": state}})
    assert state_of(shown, state) == state and shown.presets == {"one": state}


@pytest.mark.parametrize(("widget", "arguments", "state"), STATES)
def test_default_presets_are_states_that_the_widget_takes(widget, arguments, state):
    shown = widget(**arguments)
    assert len(shown.presets) == 3
    assert_takes_its_presets(shown)


PLANE = "[[-4.0, 4.0], [0.2, 3.0]]"
REFUSED = [
    (KLExplorer, {}, "p", [0.0, 0.1], f"p must lie inside {PLANE}, got [0.0, 0.1]."),
    (KLExplorer, {}, "q", [5.0, 1.0], f"q must lie inside {PLANE}, got [5.0, 1.0]."),
    (KLExplorer, {}, "direction", "both", "direction must be one of 'D(P‖Q)', 'D(Q‖P)', got 'both'."),
    (KLExplorer, COIN, "p", [1.0], "p must lie inside [[0.01, 0.99]], got [1.0]."),
    (SpaceExplorer, {}, "start", [0.0, 0.0], "start must lie inside [[-3.0, 3.0], [0.2, 3.5]], got [0.0, 0.0]."),
    (SpaceExplorer, {}, "radius", 0.0, "radius must lie from 0.05 to 1.5, got 0.0."),
    (SpaceExplorer, {}, "angle", 361.0, "angle must lie from 0.0 to 360.0, got 361.0."),
    (FisherExplorer, {}, "mean", -3.5, "mean must lie from -3.0 to 3.0, got -3.5."),
    (FisherExplorer, {}, "std", 0.0, "std must lie from 0.2 to 2.5, got 0.0."),
    (FisherExplorer, {}, "kl", float("nan"), "kl must lie from 0.001 to 0.5, got nan."),
]


@pytest.mark.parametrize(("widget", "arguments", "name", "value", "sentence"), REFUSED)
def test_states_outside_the_range_are_refused_and_the_old_one_is_kept(widget, arguments, name, value, sentence):
    assert_refuses(partial(widget, **arguments), name, value, sentence)


def test_presets_must_name_traits():
    sentence = "presets['far'] must name traits of FisherExplorer, got ['sigma']."
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        FisherExplorer(presets={"far": {"mean": 2.0, "sigma": 1.0}})


def test_unknown_chart_and_family_are_refused():
    with pytest.raises(ValueError, match=r"^chart must be one of 'mean_std', .*, got 'polar'\.$"):
        FisherExplorer(chart="polar")
    with pytest.raises(ValueError, match=r"^family must be one of 'gaussian', 'coin', got 'die'\.$"):
        KLExplorer(family="die")


@pytest.mark.parametrize("p", [0.5, (0.0, 1.0, 2.0), "wide", None])
def test_gaussian_must_be_two_numbers(p):
    with pytest.raises(ValueError, match=r"^p must .*\.$"):
        KLExplorer(p=p)


@pytest.mark.parametrize("problem", [Hill(), SoftmaxBandit((1.0, 0.5))])
def test_problem_whose_policies_cannot_be_drawn_is_refused(problem):
    sentence = "problem must have policy(theta) returning a Gaussian or a Categorical over three arms, got "
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}{type(problem).__name__}\\.$"):
        SpaceExplorer(problem)


def test_problem_without_a_window_is_refused():
    with pytest.raises(ValueError, match=r"^bounds must be \(\(low, high\), \(low, high\)\), got None"):
        SpaceExplorer(GaussianBandit(chart="natural"))
