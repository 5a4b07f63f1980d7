"""Two ascents on the simplex on a page without a kernel, against Python."""
import numpy as np
import pytest
from pages import agrees, log_uniform, number, shows, told

from npg_lab import Categorical
from npg_lab.widgets import SimplexExplorer

PATIENCE = 20_000


def vanilla_policies(starts, rates, rewards):
    """Policies (n, PATIENCE + 1, 3) of n vanilla ascents, step by step."""
    logits, path = np.log(starts), [np.array(starts)]
    for _ in range(PATIENCE):
        p = path[-1]
        logits = logits + rates[:, None] * p * (rewards - (p @ rewards)[:, None])
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        path.append(weights / weights.sum(axis=1, keepdims=True))
    return np.stack(path, axis=1)


def natural_policies(starts, rates, rewards):
    """The same of natural ascents, in closed form: each step adds α r to the logits."""
    steps = np.arange(PATIENCE + 1)[:, None]
    return Categorical(logits=np.log(starts)[:, None] + rates[:, None, None] * steps * rewards).probs


@pytest.mark.parametrize("rewards", [(1.0, 0.9, 0.0), (-0.3, 0.2, 0.1)])
def test_simplex_numbers(static_page, rng, rewards):
    states = [
        {"start": (0.001 + 0.997 * rng.dirichlet(np.ones(3))).tolist(), "step_size": log_uniform(rng, 0.01, 100),
         "steps": int(log_uniform(rng, 1, 10_000))}
        for _ in range(10)
    ]

    def make(presets):
        return SimplexExplorer(rewards, presets=presets)

    starts, rates = (np.array([state[name] for state in states]) for name in ("start", "step_size"))
    paths = {
        "vanilla": vanilla_policies(starts, rates, np.array(rewards)),
        "natural": natural_policies(starts, rates, np.array(rewards)),
    }
    for k, (state, cells) in enumerate(shows(static_page, make, states)):
        for method, path in paths.items():
            start, policies = Categorical(state["start"]), path[k]
            last = policies[state["steps"]]
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
    assert told(left) == told(right)
    shown.drag(right, 900, 900)
    assert start().min() >= 0.001 and start().sum() == pytest.approx(1, abs=1e-3)
    assert start()[1] > 0.99


def test_simplex_slider_of_an_arm_keeps_the_proportion_of_the_others(static_page):
    shown = static_page(SimplexExplorer(start=(0.4, 0.4, 0.2)))
    shown.slider("start π(arm 1)").fill("0.7")
    assert [float(words.split()[-1]) for words in shown.spoken()[0].split(", ")] == [
        pytest.approx(0.7, abs=0.01), pytest.approx(0.2, abs=0.01), pytest.approx(0.1, abs=0.01)]
