"""The ball and its policies on a page without a kernel, against Python."""
import numpy as np
import pytest
from examples import ARMS
from pages import agrees, number, numbers_in, shows, told

from npg_lab import geometry
from npg_lab.problems import GaussianBandit
from npg_lab.widgets import SpaceExplorer

BALLS = {"gaussian": (GaussianBandit(), [[-3, 3], [0.2, 3.5]]), "softmax": (ARMS, ARMS.bounds)}


@pytest.mark.parametrize("name", BALLS)
def test_ball_numbers(static_page, rng, name):
    problem, bounds = BALLS[name]
    low, high = np.transpose(bounds)
    states = [
        {"start": rng.uniform(low, high).tolist(), "radius": rng.uniform(0.05, 1.5), "angle": rng.uniform(0, 360)}
        for _ in range(25)
    ]

    def make(presets):
        return SpaceExplorer(problem, bounds=bounds, presets=presets)

    def parameters(policy):
        return [policy.mean, policy.std] if name == "gaussian" else policy.probs

    def reached(state, degrees):
        turn = np.radians(degrees)
        offset = state["radius"] * np.stack([np.cos(turn), np.sin(turn)], axis=-1)
        return np.clip(state["start"] + offset, low, high)

    for state, cells in shows(static_page, make, states):
        start, end = np.array(state["start"]), reached(state, state["angle"])
        agrees(cells, "theta.value", start)
        agrees(cells, "policy.value", parameters(problem.policy(start)))
        agrees(cells, "after.value", parameters(problem.policy(end)))
        agrees(cells, "length.value", np.linalg.norm(end - start))
        agrees(cells, "kl.value", problem.kl(start, end))
        agrees(cells, "quadratic.value", geometry.fisher_norm(end - start, problem.fisher(start)) ** 2 / 2)
        costs = problem.kl(start, reached(state, np.arange(360)))
        agrees(cells, "range.value", [costs.min(), costs.max()], 0.01 * costs.max())


def test_ball_is_round_in_the_plane_and_its_policies_are_on_the_simplex(static_page):
    shown = static_page(SpaceExplorer(ARMS, start=(1.0, -0.5), radius=1.2))
    circle, = shown.curves("Parameter space", "path:nth-of-type(2)", *ARMS.bounds)
    np.testing.assert_allclose(np.linalg.norm(circle - [1.0, -0.5], axis=1), 1.2, atol=0.01)
    title = "Policy space: the simplex of three arms"
    image, = shown.curves(title, "path.thick.second", [-0.08, 1.08], [-0.1, 0.95])
    probs = ARMS.policy(circle).probs
    expected = np.stack([probs[:, 1] + probs[:, 2] / 2, probs[:, 2] * np.sqrt(3) / 2], axis=-1)
    np.testing.assert_allclose(image, expected, atol=0.005)


def test_ball_moves_along_and_its_point_turns_and_stretches_the_step(static_page):
    shown = static_page(SpaceExplorer(start=(0.0, 1.5), radius=1.0))
    centre, end = shown.handle("parameters"), shown.handle("end of the step")
    width, height = shown.plot_size(centre)
    place = shown.position(end)
    shown.drag(centre, 25, 0)
    np.testing.assert_allclose(np.subtract(shown.position(end), place), [25, 0], atol=0.5)
    shown.drag(end, -width / 6, -height * 0.5 / 3.3)  # from (1, 0) to (0, 1/2), seen from the start
    radius, angle = (shown.value(name) for name in ("length ‖Δθ‖", "direction °"))
    assert (radius, angle) == (pytest.approx(0.5, abs=0.02), pytest.approx(90, abs=2))
    shown.drag(end, 0, height / 3.3)
    assert shown.value("direction °") == pytest.approx(270, abs=2)


def test_ball_is_cut_by_the_edge_of_the_window(static_page):
    shown = static_page(SpaceExplorer(start=(2.5, 3.3), radius=1.0, angle=45.0))
    end = shown.handle("end of the step")
    assert number(shown.cells()["length.value"]) == pytest.approx(np.hypot(0.5, 0.2), abs=1e-3)
    assert numbers_in(told(end)) == [3, 3.5]
