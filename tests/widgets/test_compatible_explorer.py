"""CompatibleExplorer as an object with traits, without a browser."""

import numpy as np
import pytest
from traits import assert_refuses, assert_takes_its_presets, assert_the_browser_sets, state_of

from npg_lab.widgets import CompatibleExplorer

STATE = {"action_values": [-1.5, 1.5, 0.3], "probs": [0.05, 0.05, 0.9], "features": [0.2, 0.0, 0.0]}


def test_the_browser_sets_the_state_and_python_is_told():
    assert_the_browser_sets(CompatibleExplorer(), STATE)


def test_arguments_are_the_state():
    widget = CompatibleExplorer(presets={"one": STATE}, **{name: np.array(value) for name, value in STATE.items()})
    assert state_of(widget, STATE) == STATE and widget.presets == {"one": STATE}


NUMBERS = "must be three numbers from −1.5 to 1.5"
POLICY = "probs must be three probabilities of at least 0.05 that sum to 1, got "
REFUSED = [
    ("action_values", [0.0, 1.6, 0.0], f"action_values {NUMBERS}, got [0.0, 1.6, 0.0]."),
    ("action_values", [0.0, -1.6, 0.0], f"action_values {NUMBERS}, got [0.0, -1.6, 0.0]."),
    ("action_values", [0.0, 1.0], "action_values must be three numbers"),
    ("action_values", [0.0, np.nan, 1.0], "action_values must be "),
    ("probs", [0.5, 0.5, 0.5], f"{POLICY}[0.5, 0.5, 0.5]."),
    ("probs", [0.04, 0.06, 0.9], f"{POLICY}[0.04, 0.06, 0.9]."),
    ("probs", [1.2, -0.1, -0.1], POLICY),
    ("probs", [0.5, np.nan, 0.5], "probs must be "),
    ("probs", [0.25, 0.25, 0.25, 0.25], "probs must be three "),
    ("features", [1.0, 1.0, 1.0], f"features {NUMBERS} that differ by 0.2 or more, got [1.0, 1.0, 1.0]."),
    ("features", [1.0, 1.1, 1.0], f"features {NUMBERS} that differ by 0.2 or more, got [1.0, 1.1, 1.0]."),
    ("features", [2.0, 0.0, 0.0], f"features {NUMBERS} that differ"),
    ("features", [0.0, np.nan, 1.0], "features must be "),
    ("features", [0.0, 1.0], "features must be three numbers"),
]


@pytest.mark.parametrize(("name", "value", "sentence"), REFUSED)
def test_states_outside_the_range_are_refused_and_the_old_one_is_kept(name, value, sentence):
    assert_refuses(CompatibleExplorer, name, value, sentence)


@pytest.mark.parametrize("name", STATE)
@pytest.mark.parametrize("bad", [0.5, "much", [[0.2, 0.2, 0.6]], None])
def test_vectors_have_three_entries(name, bad):
    with pytest.raises(ValueError, match=f"^{name} must .*\\.$"):
        CompatibleExplorer(**{name: bad})


CASES = [{}, STATE, {"action_values": (1.5, 1.5, -1.5)}, {"features": (0.0, 0.5, 0.5), "probs": (0.2, 0.5, 0.3)}]


@pytest.mark.parametrize("arguments", CASES)
def test_default_presets_are_states_that_the_widget_takes(arguments):
    widget = CompatibleExplorer(**arguments)
    assert list(widget.presets) == ["A along ψ", "A across ψ", "add a constant", "nearly decided"]
    assert_takes_its_presets(widget)


def test_presets_point_where_their_names_say():
    widget = CompatibleExplorer()
    probs, old = np.array(widget.probs), np.array(widget.action_values)
    score = widget.features - probs @ widget.features
    along, across, raised = (np.array(preset["action_values"]) for preset in list(widget.presets.values())[:3])
    advantage = along - probs @ along
    np.testing.assert_allclose(advantage / score, probs @ (score * old) / (probs @ score**2))
    assert probs @ (score * across) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(along + across - probs @ old, old)
    np.testing.assert_allclose(raised - old, 0.4)
    assert max(raised) == 1.5
    assert widget.presets["nearly decided"]["probs"] == [0.06, 0.06, 0.88]  # action 3 is the second best
