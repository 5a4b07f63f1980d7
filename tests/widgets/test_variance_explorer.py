"""VarianceExplorer as an object with traits, without a browser."""
import math
import re

import numpy as np
import pytest
import traitlets
from traits import assert_refuses, assert_takes_its_presets, assert_the_browser_sets, state_of

from npg_lab.problems import BumpReward, QuadraticReward
from npg_lab.widgets import VarianceExplorer

STATE = {"mean": 1.5, "std": 0.01, "baseline": -12.5, "parameter": "σ"}


def test_the_browser_sets_the_state_and_python_is_told():
    assert_the_browser_sets(VarianceExplorer(), STATE)


def test_arguments_are_the_state():
    widget = VarianceExplorer(presets={"one": STATE}, **STATE)
    assert state_of(widget, STATE) == STATE and widget.presets == {"one": STATE}


def test_ranges_follow_the_window_and_the_reward():
    widget = VarianceExplorer(lambda action: 3 - action, bounds=(0, 10), mean=5)
    np.testing.assert_allclose([widget.means, widget.stds], [[2, 8], [0.02, 2.5]])
    np.testing.assert_allclose(widget.baselines, [-8.5, 4.5])  # rewards from −7 to 3, and 15% of that
    np.testing.assert_allclose(VarianceExplorer(lambda action: 2 + 0 * action).baselines, [-0.3, 2.3])
    assert VarianceExplorer(np.zeros_like).baselines == [-1, 1]


@pytest.mark.parametrize("reward", [QuadraticReward(target=1.0), BumpReward(0.5, 0.4), np.cos])
def test_table_holds_the_reward_as_far_as_the_policy_reaches(reward):
    widget = VarianceExplorer(reward)
    actions = np.linspace(*widget.sampled, widget.nodes)
    np.testing.assert_allclose(np.frombuffer(widget.rewards, "<f4"), reward(actions), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(widget.sampled, np.add(widget.means, [-6 * widget.stds[1], 6 * widget.stds[1]]))


def test_the_default_reward_is_a_parabola_round_1():
    assert VarianceExplorer().rewards == VarianceExplorer(QuadraticReward(target=1.0)).rewards


REFUSED = [
    ("mean", -1.6, "mean must lie from -1.5 to 1.5, got -1.6."),
    ("mean", np.nan, "mean must "),
    ("std", 0.005, "std must lie from 0.01 to 1.25, got 0.005."),
    ("std", -1.0, "std must lie from 0.01 to 1.25, got -1.0."),
    ("std", np.inf, "std must "),
    ("baseline", 2.0, "baseline must lie from -14.0875 to 1.8375, got 2.0."),
    ("parameter", "μσ", "parameter must be one of 'μ', 'σ', got 'μσ'."),
]


@pytest.mark.parametrize(("name", "value", "sentence"), REFUSED)
def test_states_outside_the_range_are_refused_and_the_old_one_is_kept(name, value, sentence):
    assert_refuses(VarianceExplorer, name, value, sentence)


def test_state_of_the_wrong_type_is_refused():
    with pytest.raises(ValueError, match=r"^std must be made of real numbers, got 'wide'\.$"):
        VarianceExplorer(std="wide")
    with pytest.raises(traitlets.TraitError, match="parameter"):
        VarianceExplorer(parameter=0)


@pytest.mark.parametrize("bounds", [(1.0, -1.0), (0.0, 0.0), (0.0, 1.0, 2.0), (0.0, np.inf), [(0.0, 1.0)], "wide"])
def test_bad_windows_are_refused(bounds):
    with pytest.raises(ValueError, match=r"^bounds must"):
        VarianceExplorer(bounds=bounds)


@pytest.mark.parametrize(("reward", "sentence"), [
    (math.exp, "reward must take an array of actions, but on one it fails: "),
    (lambda action: 1.0, "reward must return one number an action, shape (3601,), got ()."),
    (lambda action: action[1:], "reward must return one number an action, shape (3601,), got (3600,)."),
    (lambda action: np.where(action > 8, np.nan, action), "reward between -9 and 9 must be finite, got "),
    (lambda action: np.where(action > 2, np.inf, action), "reward between -2.5 and 2.5 must be finite, got "),
    (lambda action: action + 1j, "reward between -2.5 and 2.5 must be made of real numbers, got "),
])
def test_bad_rewards_are_refused(reward, sentence):
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}"):
        VarianceExplorer(reward)


@pytest.mark.parametrize("bounds", [(-2.5, 2.5), (0.0, 100.0)])
def test_default_presets_are_states_that_the_widget_takes(bounds):
    widget = VarianceExplorer(np.cos, bounds, mean=np.mean(bounds), std=0.1 * np.ptp(bounds))
    assert list(widget.presets) == ["tiny σ", "wide σ"]
    assert_takes_its_presets(widget)
