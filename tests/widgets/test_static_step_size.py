"""Hops along a curve on a page without a kernel, against Python."""
import numpy as np
import pytest
from examples import barrier, barrier_slope, bump, bump_slope
from pages import agrees, log_uniform, shows

from npg_lab.widgets import StepSizeExplorer

LANDSCAPES = {"bump": (bump, bump_slope, (-3.0, 6.0)), "cliff": (barrier, barrier_slope, (-3.0, 4.0))}


def climb(slope, state, low, high, patience):
    """The ascent while it stays between `low` and `high`."""
    path = [state["start"]]
    for _ in range(patience):
        following = path[-1] + state["step_size"] * slope(path[-1])
        if not low <= following < high:
            break
        path.append(following)
    return np.array(path)


@pytest.mark.parametrize("name", LANDSCAPES)
def test_ascent_numbers(static_page, rng, name):
    objective, slope, (low, high) = LANDSCAPES[name]
    states = [
        {"start": rng.uniform(low, 3.5), "step_size": log_uniform(rng, 1e-3, 100),
         "steps": int(rng.integers(0, 60))}
        for _ in range(25)
    ]

    def make(presets):
        return StepSizeExplorer(objective, slope, presets=presets)

    best = objective(np.linspace(low, high - 1e-6, 100_001)).max()
    for state, cells in shows(static_page, make, states):
        path = climb(slope, state, low, high, 2000)
        shown = path[: state["steps"] + 1]
        agrees(cells, "first.ascent", state["step_size"] * slope(state["start"]))
        assert cells["taken.ascent"] == str(len(shown) - 1)
        agrees(cells, "theta.ascent", shown[-1], 0.005)
        agrees(cells, "J.ascent", objective(shown[-1]), 0.001)
        agrees(cells, "gradient.ascent", slope(shown[-1]), 0.005)
        close = np.flatnonzero(objective(path) >= best - 0.01 * abs(best))
        if len(close):
            agrees(cells, "needed.ascent", close[0])
        elif len(path) > 2000:
            assert cells["needed.ascent"] == "more than 2000"
        else:
            assert cells["needed.ascent"].startswith(f"never: step {len(path)} ")


def test_ascent_tells_what_became_of_it(static_page):
    presets = {
        "crawl": {"start": -1.0, "step_size": 0.01, "steps": 5}, "arrive": {"start": 0.0, "step_size": 1.0},
        "stuck": {"start": -4.5, "step_size": 1.0, "steps": 3}, "far": {"start": 0.0, "step_size": 20.0},
    }
    shown, notes = static_page(StepSizeExplorer(bump, bump_slope, (-6.0, 6.0), presets=presets)), {}
    for name in presets:
        shown.press_button(name)
        notes[name] = shown.cells()["note"].split()[0]
    assert notes == {"crawl": "On", "arrive": "Arrived:", "stuck": "Stuck:", "far": "Step"}


def test_ascent_over_the_cliff(static_page):
    shown = static_page(StepSizeExplorer(barrier, barrier_slope, start=-2.5, step_size=2.0))
    note = shown.cells()["note"]
    assert note.startswith("Step 1 lands at θ = 7.192, over the cliff at 4, where J is −∞")
    assert shown.cells()["taken.ascent"] == "0"
    assert shown.panel("Landscape").get_by_text("cliff", exact=True).count() == 1


def test_ascent_start_slides_along_the_curve(static_page):
    shown = static_page(StepSizeExplorer(bump, bump_slope, start=-1.0, step_size=1.0, steps=4))
    start = shown.handle("start of the ascent")
    width, height = shown.plot_size(start)
    (x, y), hops = shown.position(start), shown.paths("path.vanilla")[0]
    assert hops.count("Q") == 4
    shown.drag(start, width / 9, 50)
    moved_x, moved_y = np.subtract(shown.position(start), (x, y))
    span = 1.21  # the heights drawn reach from 6% below to 15% above the range of the bump, 0 to 1
    assert moved_x == pytest.approx(width / 9, abs=1)
    assert moved_y == pytest.approx(-(bump(0.0) - bump(-1.0)) / span * height, abs=1.5)
    assert shown.value("start θ₀") == pytest.approx(0, abs=0.02)
    assert shown.paths("path.vanilla")[0] != hops
