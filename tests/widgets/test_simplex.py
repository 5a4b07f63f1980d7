"""State of the simplex explorer, without a browser."""
import numpy as np
import pytest

from npg_lab.widgets import SimplexExplorer

REFUSED = {
    "rewards": [[1.0, 0.5], [1.0, 0.5, 0.2, 0.1], [1.0, np.nan, 0.0], [1.0, np.inf, 0.0]],
    "start": [[0.5, 0.5], [0.5, 0.6, 0.2], [1.2, -0.1, -0.1], [0.0, 0.4, 0.6], [0.0005, 0.3995, 0.6],
              [np.nan, 0.4, 0.6]],
    "step_size": [0.0, -1.0, 0.009, 101.0, np.nan],
    "steps": [0, -1, 10_001],
}


def test_state_can_be_set_and_observed():
    widget, heard = SimplexExplorer(), []
    assert widget.rewards == [1.0, 0.9, 0.0] and widget.start == [0.02, 0.38, 0.6]
    assert (widget.step_size, widget.steps) == (1.0, 100)
    widget.observe(lambda change: heard.append((change.name, change.new)), list(REFUSED))
    widget.rewards, widget.start = [0.0, 1.0, 0.5], [0.2, 0.2, 0.6]
    widget.step_size, widget.steps = 2.0, 10_000
    assert heard == [
        ("rewards", [0.0, 1.0, 0.5]), ("start", [0.2, 0.2, 0.6]), ("step_size", 2.0), ("steps", 10_000),
    ]


@pytest.mark.parametrize("name, bad", [(name, bad) for name, values in REFUSED.items() for bad in values])
def test_bad_states_are_refused(name, bad):
    widget = SimplexExplorer()
    old = getattr(widget, name)
    with pytest.raises(ValueError, match=f"^{name} must"):
        setattr(widget, name, bad)
    assert getattr(widget, name) == old
    with pytest.raises(ValueError, match=f"^{name} must"):
        SimplexExplorer(**{name: bad})


@pytest.mark.parametrize("name", ["rewards", "start"])
@pytest.mark.parametrize("bad", [0.5, "much", [[0.2, 0.2, 0.6]]])
def test_vectors_have_three_entries(name, bad):
    with pytest.raises(ValueError, match=f"^{name} must"):
        SimplexExplorer(**{name: bad})


@pytest.mark.parametrize("edge", [[0.001, 0.001, 0.998], [1 / 3, 1 / 3, 1 / 3]])
def test_starts_at_the_edge_of_the_range_are_taken(edge):
    assert SimplexExplorer(start=edge).start == edge


@pytest.mark.parametrize("rewards", [(1.0, 0.9, 0.0), (0.2, 1.0, 0.7), (0.0, 0.5, 1.0)])
def test_presets_know_which_arm_is_best(rewards):
    widget = SimplexExplorer(rewards=rewards)
    best, second, worst = np.argsort(rewards)[::-1]
    plateau = widget.presets["plateau"]["start"]
    assert [plateau[best], plateau[second], plateau[worst]] == [0.02, 0.38, 0.6]
    for preset in widget.presets.values():
        widget.start = preset["start"]
        assert widget.start == preset["start"]


def test_own_presets_replace_the_default_ones():
    own = {"here": {"steps": 5}}
    assert SimplexExplorer(presets=own).presets == own
