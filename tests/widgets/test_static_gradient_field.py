"""The two fields on a page without a kernel, against Python."""
import re

import numpy as np
import pytest
from examples import ARMS, Hill, Slanted
from pages import agrees, log_uniform, numbers_in, shows, told
from playwright.sync_api import expect

from npg_lab import geometry
from npg_lab.charts import CHARTS
from npg_lab.problems import (
    BumpReward,
    GaussianBandit,
    LinearQuadraticRegulator,
    QuadraticReward,
    Reparametrized,
    SoftmaxBandit,
    TwoStateMDP,
)
from npg_lab.widgets import GradientFieldExplorer
from npg_lab.widgets.gradient_field import GAUSSIAN_RULERS, THESE_AXES

WINDOW = np.array([[-3.0, 3.0], [0.2, 2.5]])


def field_states(rng, bounds, rulers, count):
    """Random states in the whole range of the widget."""
    low, high = np.transpose(bounds)
    return [
        {
            "start": (low + rng.uniform(0.02, 0.98, 2) * (high - low)).tolist(),
            "rule": str(rng.choice(["kl", "rate"])), "kl": log_uniform(rng, 1e-4, 0.5),
            "rate": log_uniform(rng, 1e-3, 10), "damping": float(rng.choice([0, log_uniform(rng, 0.01, 10)])),
            "ruler": str(rng.choice([THESE_AXES, *rulers])), "step": int(rng.integers(1, 30)),
        }
        for _ in range(count)
    ]


def in_ruler(problem, theta, ruler):
    """The problem in coordinates whose Euclidean ruler is used at theta, and d theta / d those coordinates."""
    if isinstance(ruler, str):
        jacobian = CHARTS[ruler].jacobian(CHARTS[ruler].from_mean_std(theta))
    else:
        jacobian = np.linalg.inv(ruler)
    return Reparametrized(problem, np.linalg.inv(jacobian)), jacobian


def ascent(problem, bounds, state, rulers, natural):
    """The path until the ascent would leave the window, by `npg_lab.geometry.ascend`, and whether it would."""
    size = {"kl": state["kl"]} if state["rule"] == "kl" else {"step_size": state["rate"]}
    path, (low, high) = [np.array(state["start"])], np.transpose(bounds)
    for _ in range(state["step"]):
        seen, jacobian = in_ruler(problem, path[-1], {THESE_AXES: np.eye(2), **rulers}[state["ruler"]])
        start = np.linalg.solve(jacobian, path[-1])
        step = geometry.ascend(seen, start, 1, natural=natural, damping=state["damping"], **size)
        following = jacobian @ step[-1]
        if np.any(following < low) or np.any(following > high):
            return path, True
        path.append(following)
    return path, False


def divergence(problem):
    """The exact divergence between the policies of two parameters, None where the problem has no policy."""
    if hasattr(problem, "policy"):
        return lambda theta, other: problem.policy(theta).kl(problem.policy(other))
    return getattr(problem, "kl", None)


PLANES = {
    "quadratic reward": (GaussianBandit(QuadraticReward(target=1.0)), GAUSSIAN_RULERS, 25),
    "bump reward": (GaussianBandit(BumpReward(-1.0, 0.5)), GAUSSIAN_RULERS, 10),
    "arms": (ARMS, {"stretched": np.array([[2.0, 0.5], [0.0, 1.0]])}, 15),
    "two arms, a singular metric": (SoftmaxBandit((1.0, 0.2)), {}, 10),
    "regulator": (LinearQuadraticRegulator(), {}, 20),
    "two states": (TwoStateMDP(), {}, 20),
    "a reader's own": (Hill(), {"slanted": np.array([[1.0, 1.0], [0.0, 3.0]])}, 15),
    "a reader's own policy": (Slanted(), {}, 10),
}


@pytest.mark.parametrize("name", PLANES)
def test_field_numbers(static_page, rng, name):
    problem, rulers, count = PLANES[name]
    states = field_states(rng, problem.bounds, rulers, count)
    window = np.array(problem.bounds)
    objective = problem.objective(rng.uniform(*window.T, (1000, 2)))

    def make(presets):
        return GradientFieldExplorer(problem, rulers=rulers, presets=presets)

    for state, cells in shows(static_page, make, states):
        for method in ("vanilla", "natural"):
            path, left = ascent(problem, problem.bounds, state, rulers, method == "natural")
            assert cells[f"steps.{method}"] == str(len(path) - 1) + (", then out of the window" if left else "")
            agrees(cells, f"theta.{method}", path[-1], 1e-3 * np.ptp(window, axis=1))
            agrees(cells, f"J.{method}", problem.objective(path[-1]), 1e-3 * np.ptp(objective))
            if len(path) > 1:
                moved = path[-1] - path[-2]
                agrees(cells, f"length.{method}", np.linalg.norm(moved))
                quadratic = geometry.fisher_norm(moved, problem.fisher(path[-2])) ** 2 / 2
                agrees(cells, f"quadratic.{method}", quadratic)
                if problem_kl := divergence(problem):
                    agrees(cells, f"kl.{method}", problem_kl(path[0], path[-1]))
                    agrees(cells, f"last.{method}", problem_kl(path[-2], path[-1]))
                else:
                    assert cells[f"kl.{method}"] == cells[f"last.{method}"] == "needs policy(theta)"
            else:
                assert {cells[f"{row}.{method}"] for row in ("last", "quadratic", "length")} == {"–"}


def arrows(shown, method, bounds):
    """Start and displacement of every arrow of a field, (72, 2) each."""
    title = {"vanilla": "Vanilla gradient ∇J", "natural": "Natural gradient F⁻¹∇J"}[method]
    shafts = np.array(shown.curves(title, f"path.{method}.arrows", *bounds)[::2])  # every other piece is a head
    return shafts[:, 0], shafts[:, 1] - shafts[:, 0]


def test_field_arrows_have_the_right_directions_and_cost_the_same_divergence(static_page):
    problem = GaussianBandit(QuadraticReward(target=1.0))
    shown = static_page(GradientFieldExplorer(problem))
    costs = []
    for method in ("vanilla", "natural"):
        theta, drawn = arrows(shown, method, WINDOW)
        assert theta.shape == (72, 2)
        gradient, fisher = problem.gradient(theta), problem.fisher(theta)
        expected = gradient if method == "vanilla" else geometry.natural_gradient(gradient, fisher)
        long = np.linalg.norm(drawn / np.ptp(WINDOW, axis=1), axis=1) > 0.02
        assert long.sum() > 40 and np.median(geometry.angle(drawn, expected)[long]) < 1
        assert np.max(geometry.angle(drawn, expected)[long]) < 5
        costs.extend((geometry.fisher_norm(drawn, fisher) ** 2)[long])
    np.testing.assert_allclose(costs, np.median(costs), rtol=0.1)


def test_field_start_is_dragged_on_either_plane(static_page):
    shown = static_page(GradientFieldExplorer(start=(-1.0, 1.0)))
    left, right = shown.handles()
    size = np.array(shown.plot_size(right))
    before = shown.paths()
    shown.drag(right, 40, -30)
    expected = [-1.0 + 40 / size[0] * 6, 1.0 + 30 / size[1] * 2.3]
    for handle in (left, right):
        np.testing.assert_allclose(numbers_in(told(handle)), expected, atol=0.01)
    assert sum(old != new for old, new in zip(before, shown.paths(), strict=True)) >= 8  # both paths, policies, J
    density = shown.curves("Policies", "path:not(.reward)", [-4, 4], [0, 0.42 / 0.2])[0]
    assert density[:, 1].max() == pytest.approx(1 / (expected[1] * np.sqrt(2 * np.pi)), rel=0.02)
    shown.drag(left, -2000, 2000)
    assert told(left) == told(right) == "μ −3, σ 0.2"


def test_field_ruler_turns_the_vanilla_field_only_until_damping_brings_it_in(static_page):
    shown = static_page(GradientFieldExplorer())

    def fields():
        return shown.paths("path.vanilla.arrows"), shown.paths("path.natural.arrows")

    vanilla, natural = fields()
    shown.select("Euclidean ruler of").select_option("natural parameters")
    turned, still = fields()
    assert turned != vanilla and still == natural
    shown.slider("damping λ").press("End")
    damped = fields()
    assert damped[0] == turned and damped[1] != natural
    shown.press_button("Reset")
    assert fields() == (vanilla, natural)


def test_field_controls(static_page):
    shown = static_page(GradientFieldExplorer(step=5))
    assert shown.slider("KL per step ε").is_visible() and not shown.slider("rate α").is_visible()
    shown.select("step rule").select_option("rate")
    shown.settle()
    assert shown.slider("rate α").is_visible() and not shown.slider("KL per step ε").is_visible()
    shown.slider("steps").press("Home")
    assert shown.cells()["steps.natural"] == "0" and shown.cells()["last.natural"] == "–"
    shown.slider("steps").press("ArrowRight")
    assert shown.cells()["steps.natural"] == "1"


def test_field_keeps_the_order_of_presets_and_rulers(static_page):
    presets = {"zebra": {"step": 1}, "ant": {"step": 2}}
    shown = static_page(GradientFieldExplorer(presets=presets))
    assert shown.root.locator("button").all_inner_texts() == ["Play", *presets, "Reset"]
    rulers = shown.select("Euclidean ruler of").locator("option").all_inner_texts()
    assert rulers == [THESE_AXES, *GAUSSIAN_RULERS]


def test_field_plays_and_pauses(static_page):
    shown = static_page(GradientFieldExplorer(kl=1e-4, step=150))
    shown.press_button("Play")
    shown.page.wait_for_function("+document.querySelector('[data-key=\"steps.natural\"]').textContent >= 2")
    shown.press_button("Pause")
    taken = shown.cells()["steps.natural"]
    assert 2 <= int(taken) < 150
    shown.page.wait_for_timeout(200)
    assert shown.cells()["steps.natural"] == taken
    shown.press_button("Reset")
    assert shown.cells()["steps.natural"] == "150"


def test_field_stops_playing_when_the_page_goes(static_page):
    shown = static_page(GradientFieldExplorer(kl=1e-4))
    shown.page.evaluate("""() => {
        window.timers = new Set();
        const { setInterval, clearInterval } = window;
        window.setInterval = (...args) => { const id = setInterval(...args); timers.add(id); return id; };
        window.clearInterval = id => { timers.delete(id); clearInterval(id); };
    }""")
    shown.press_button("Play")
    assert shown.page.evaluate("timers.size") == 1
    shown.page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    assert shown.page.evaluate("timers.size") == 0
    before = shown.paths()
    shown.press_button("Reset")
    assert shown.paths() == before


def test_field_announces_when_the_hand_rests(static_page):
    shown = static_page(GradientFieldExplorer())
    said = shown.root.get_by_role("status")
    expect(said).to_have_text(re.compile("After 20 steps J is .* vanilla, .* natural"))
    before = said.inner_text()
    shown.drag(shown.handles()[0], 40, -30)
    assert said.inner_text() == before
    expect(said).not_to_have_text(before)


def test_field_plays_at_once_for_readers_who_want_no_motion(static_page):
    shown = static_page(GradientFieldExplorer(kl=1e-4, step=0), reduced_motion="reduce")
    shown.press_button("Play")
    assert shown.cells()["steps.natural"] == "200"
