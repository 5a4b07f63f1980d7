"""Two ascents on the simplex on a page without a kernel, against Python."""
import numpy as np
import pytest
from pages import agrees, log_uniform, number, shows

from npg_lab import Categorical
from npg_lab.widgets import SimplexExplorer


def softmax_ascents(state, rewards, patience):
    """Policies (patience + 1, 3) of the vanilla ascent, step by step, and of the natural one, in closed form."""
    rewards, rate = np.array(rewards), state["step_size"]
    logits = np.log(state["start"])
    natural = Categorical(logits=logits + np.arange(patience + 1)[:, None] * rate * rewards).probs
    vanilla = [np.array(state["start"])]
    for _ in range(patience):
        p = vanilla[-1]
        logits = logits + rate * p * (rewards - p @ rewards)
        weights = np.exp(logits - logits.max())
        vanilla.append(weights / weights.sum())
    return {"vanilla": np.array(vanilla), "natural": natural}


@pytest.mark.parametrize("rewards", [(1.0, 0.9, 0.0), (-0.3, 0.2, 0.1)])
def test_simplex_numbers(static_page, rng, rewards):
    states = [
        {"start": (0.001 + 0.997 * rng.dirichlet(np.ones(3))).tolist(), "step_size": log_uniform(rng, 0.01, 100),
         "steps": int(log_uniform(rng, 1, 10_000))}
        for _ in range(10)
    ]

    def make(presets):
        return SimplexExplorer(rewards, presets=presets)

    for state, cells in shows(static_page, make, states):
        for method, policies in softmax_ascents(state, rewards, 20_000).items():
            start, last = Categorical(state["start"]), policies[state["steps"]]
            agrees(cells, f"policy.{method}", last, 1e-6)
            agrees(cells, f"J.{method}", last @ rewards, 1e-4)
            agrees(cells, f"kl.{method}", start.kl(Categorical(last)))
            reached = np.flatnonzero(policies[:, np.argmax(rewards)] >= 0.9)
            if len(reached):
                assert abs(number(cells[f"needed.{method}"]) - reached[0]) <= 1
            else:
                assert cells[f"needed.{method}"] == "more than 20000"


def test_simplex_start_is_dragged_on_either_side_and_stays_a_distribution(static_page):
    shown = static_page(SimplexExplorer(start=(0.4, 0.3, 0.3)))
    left, right = shown.handles()

    def start():
        return np.array([shown.value(f"start π(arm {k})") for k in (1, 2, 3)])

    width, _ = shown.plot_size(left)
    shown.drag(left, 0.1 / 1.28 * width, 0)  # a shift to the right by 0.1 moves 0.1 from arm 1 to arm 2
    np.testing.assert_allclose(start(), [0.3, 0.4, 0.3], atol=0.005)
    assert left.get_attribute("aria-valuetext") == right.get_attribute("aria-valuetext")
    shown.drag(right, 900, 900)
    assert start().min() >= 0.001 and start().sum() == pytest.approx(1, abs=1e-3)
    assert start()[1] > 0.99


def test_simplex_slider_of_an_arm_keeps_the_proportion_of_the_others(static_page):
    shown = static_page(SimplexExplorer(start=(0.4, 0.4, 0.2)))
    shown.slider("start π(arm 1)").fill("0.7")
    assert [float(words.split()[-1]) for words in shown.spoken()[0].split(", ")] == [
        pytest.approx(0.7, abs=0.01), pytest.approx(0.2, abs=0.01), pytest.approx(0.1, abs=0.01)]
