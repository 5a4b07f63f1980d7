"""The projection on a page without a kernel, against Python."""
import numpy as np
import pytest
from pages import agrees, number, shows

from npg_lab import natural_gradient
from npg_lab.estimators import compatible_regression
from npg_lab.problems import SoftmaxBandit
from npg_lab.widgets import CompatibleExplorer

PLANE, WINDOW = "Functions of the action, up to constants", ([-1.65, 1.65], [-1.3, 1.3])
SAMPLES = 100


def random_state(rng):
    return {
        "action_values": rng.uniform(-1.5, 1.5, 3).tolist(), "features": rng.uniform(-1.5, 1.5, 3).tolist(),
        "probs": (0.05 + 0.85 * rng.dirichlet(np.ones(3))).tolist(),
    }


def test_projection_numbers(static_page, rng):
    states = [random_state(rng) for _ in range(40)]
    states = [state for state in states if np.ptp(state["features"]) > 0.2]
    assert len(states) > 30
    for state, cells in shows(static_page, lambda presets: CompatibleExplorer(presets=presets), states):
        q, p, phi = (np.array(state[name]) for name in ("action_values", "probs", "features"))
        # a bandit whose logits are log π + θ φ, at θ = 0
        bandit = SoftmaxBandit(q, np.stack([phi, np.log(p)], axis=1))
        theta = np.array([0.0, 1.0])
        gradient, fisher = bandit.gradient(theta)[:1], bandit.fisher(theta)[:1, :1]
        score = phi - p @ phi
        agrees(cells, "score.value", score, 1e-4)
        agrees(cells, "fisher.value", fisher.item())
        weight = natural_gradient(gradient, fisher).item()
        targets = {"q": q, "advantage": q - p @ q, "fit": weight * score}
        for column, f in targets.items():
            fitted = compatible_regression(score[:, None], f, p).item()
            assert fitted == pytest.approx(weight, abs=1e-9)
            agrees(cells, f"values.{column}", f, 1e-4)
            agrees(cells, f"mean.{column}", p @ f, 1e-4)
            agrees(cells, f"gradient.{column}", gradient.item(), 1e-4)
            agrees(cells, f"weight.{column}", weight, 1e-4)
            agrees(cells, f"error.{column}", p @ (f - fitted * score) ** 2, 1e-6)


def test_noise_of_a_fitted_weight_is_that_of_many_regressions(static_page, rng):
    shown = static_page(CompatibleExplorer())
    p, score = np.array([0.3, 0.3, 0.4]), np.array([1.1, 0.1, -0.9])
    counts = rng.multinomial(SAMPLES, p, 50_000)
    for column in ("q", "advantage", "fit"):
        f = np.array(number(shown.cells()[f"values.{column}"]))
        fitted = counts @ (score * f) / (counts @ score**2)
        agrees(shown.cells(), f"noise.{column}", 0.0 if column == "fit" else fitted.std(), 0.05 * fitted.std())


def test_plane_shows_lengths_and_angles_under_the_policy(static_page, rng):
    for state in [random_state(rng) for _ in range(4)]:
        scale = 0.7 / np.ptp(state["action_values"])  # so that all arrows end inside the panel
        state["action_values"] = (scale * np.array(state["action_values"])).tolist()
        shown = static_page(CompatibleExplorer(**state))
        q, p, phi = (np.array(state[name]) for name in ("action_values", "probs", "features"))
        functions = {"path.reward": q - p @ q, "path.second": phi - p @ phi}
        tips = {layer: shown.curves(PLANE, layer, *WINDOW)[0][1] for layer in functions}
        foot = shown.curves(PLANE, "path.natural.wide", *WINDOW)[0][1]
        inner = np.array([[p @ (f * g) for f in functions.values()] for g in functions.values()])
        drawn = np.array([[a @ b for a in tips.values()] for b in tips.values()])
        np.testing.assert_allclose(drawn, inner, atol=0.02)
        tip, direction = tips.values()
        assert (tip - foot) @ direction == pytest.approx(0, abs=0.02)
        np.testing.assert_allclose(foot, inner[0, 1] / inner[1, 1] * direction, atol=0.01)


def test_raising_all_action_values_changes_nothing_but_q_and_its_noise(static_page):
    shown = static_page(CompatibleExplorer(action_values=(0.6, -0.4, 0.1)))
    before, plane = shown.cells(), shown.paths(f'svg[aria-label="{PLANE}"] path')
    handle = shown.handle("V, all action values together")
    shown.drag(handle, 0, -shown.plot_size(handle)[1] * 0.5 / 3.3)
    after = shown.cells()
    raised = np.subtract(number(after["values.q"]), number(before["values.q"]))
    np.testing.assert_allclose(raised, 0.5, atol=0.01)
    assert {key for key in before if before[key] != after[key]} == {"values.q", "mean.q", "error.q", "noise.q"}
    assert shown.paths(f'svg[aria-label="{PLANE}"] path') == plane
    shown.drag(handle, 0, -2000)
    assert max(number(shown.cells()["values.q"])) == 1.5


def test_stretching_the_score_leaves_the_projection(static_page):
    shown = static_page(CompatibleExplorer())
    handle = shown.handle("score ψ")
    before = shown.cells()
    unit = shown.plot_size(handle)[0] / 3.3
    x, y = shown.curves(PLANE, "path.second", *WINDOW)[0][1]
    shown.drag(handle, -0.5 * x * unit, 0.5 * y * unit)
    after = shown.cells()
    factors = {"score.value": 0.5, "fisher.value": 0.25, "gradient.q": 0.5, "weight.q": 2, "values.fit": 1}
    for key, factor in factors.items():
        np.testing.assert_allclose(number(after[key]), np.multiply(factor, number(before[key])), atol=0.03)


def test_advantage_is_dragged_in_its_plane_and_stays_in_range(static_page):
    shown = static_page(CompatibleExplorer(action_values=(0.6, -0.4, 0.1)))
    handle, before = shown.handle("advantage A"), shown.cells()
    shown.drag(handle, 25, -30)
    after = shown.cells()
    assert after["values.q"] != before["values.q"] and after["mean.q"] == before["mean.q"]
    shown.drag(handle, 3000, 500)
    assert max(np.abs(number(shown.cells()["values.q"]))) == pytest.approx(1.5)
    assert shown.cells()["mean.q"] == before["mean.q"]


def test_features_never_become_equal(static_page):
    shown = static_page(CompatibleExplorer(features=(0.5, 0.0, 0.0)))
    for _ in range(200):
        shown.slider("φ(1)").press("ArrowLeft")
    assert np.ptp([shown.value(f"φ({a})") for a in (1, 2, 3)]) >= 0.2 - 1e-9
    assert float(number(shown.cells()["fisher.value"])) > 0
    shown.press_button("Reset")
    handle, (x, y) = shown.handle("score ψ"), shown.curves(PLANE, "path.second", *WINDOW)[0][1]
    unit = shown.plot_size(handle)[0] / 3.3
    shown.drag(handle, -0.99 * x * unit, 0.99 * y * unit)  # nearly to the origin
    assert np.ptp([shown.value(f"φ({a})") for a in (1, 2, 3)]) == pytest.approx(0.2, abs=1e-3)


def test_policy_is_dragged_and_stays_a_distribution(static_page):
    shown = static_page(CompatibleExplorer())
    handle = shown.handle("policy π")
    shown.drag(handle, shown.plot_size(handle)[0] * 0.1 / 1.28, 0)  # moves 0.1 from action 1 to action 2
    np.testing.assert_allclose([shown.value(f"π({a})") for a in (1, 2, 3)], [0.2, 0.4, 0.4], atol=0.005)
    shown.drag(handle, 900, 900)
    np.testing.assert_allclose([shown.value(f"π({a})") for a in (1, 2, 3)], [0.05, 0.9, 0.05], atol=1e-3)
