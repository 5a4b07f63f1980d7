"""Both ways to solve F x = g on a page without a kernel, against Python."""
from itertools import pairwise

import numpy as np
import pytest
from pages import agrees, log_uniform, number, shows

from npg_lab import geometry
from npg_lab.cg import conjugate_gradient
from npg_lab.widgets import CGExplorer

BOWL, WINDOW = "A bowl of two parameters", ([-1, 4], [-1.5, 2.5])
ERRORS, ANGLES = "Error in many parameters", "Angle to the natural direction"
LEFT = "Error left along each eigenvector"
SPECTRA = {name: np.array(values) for name, values in CGExplorer().spectra.items()}


def bowl_matrix(condition, angle):
    turn = np.radians(angle)
    valley, across = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.outer(across, across) + np.outer(valley, valley) / condition


def steepest(matrix, b, x, iterations):
    """Iterates of steepest descent with exact line searches, from x."""
    path = [x]
    for _ in range(iterations):
        r = b - matrix @ path[-1]
        curvature = r @ matrix @ r
        path.append(path[-1] + (r @ r / curvature if curvature > 1e-30 else 0) * r)
    return path


def conjugate(matrix, b, x, iterations):
    """Iterates of conjugate gradients from x: the best in the energy norm of the spaces span(r, Ar, …)."""
    path, new, basis = [x], b - matrix @ x, np.empty((len(b), 0))
    for _ in range(iterations):
        for _ in range(2):
            new = new - basis @ (basis.T @ new)
        if np.linalg.norm(new) < 1e-9:
            path.append(path[-1])
            continue
        basis = np.column_stack([basis, new / np.linalg.norm(new)])
        new = matrix @ basis[:, -1]
        path.append(x + basis @ np.linalg.solve(basis.T @ matrix @ basis, basis.T @ (b - matrix @ x)))
    return path


def expected_numbers(fisher, g, x0, damping, k, solver, bound):
    """What the read-outs of one method should show."""
    matrix = fisher + damping * np.eye(len(g))
    x, best, natural = solver(matrix, g, x0, k)[-1], np.linalg.solve(matrix, g), np.linalg.solve(fisher, g)
    return {
        "residual": np.linalg.norm(g - matrix @ x) / np.linalg.norm(g),
        "energy": geometry.fisher_norm(x - best, matrix) / geometry.fisher_norm(x0 - best, matrix),
        "bound": bound(np.linalg.cond(matrix), k),
        "solution": geometry.angle(x, best), "natural": geometry.angle(x, natural),
    }


SOLVERS = {
    "vanilla": (steepest, lambda kappa, k: ((kappa - 1) / (kappa + 1)) ** k),
    "natural": (conjugate, lambda kappa, k: 2 * ((kappa**0.5 - 1) / (kappa**0.5 + 1)) ** k),
}


def assert_numbers(cells, system, fisher, g, x0, damping, k):
    for method, (solver, bound) in SOLVERS.items():
        for row, value in expected_numbers(fisher, g, x0, damping, k, solver, bound).items():
            near_zero = 1e-4 if row in ("solution", "natural") else 1e-9
            agrees(cells, f"{row}.{system}_{method}", value, near_zero)
    damped = fisher + damping * np.eye(len(g))
    natural, solution = np.linalg.solve(fisher, g), np.linalg.solve(damped, g)
    agrees(cells, f"plain.{system}", np.linalg.cond(fisher))
    agrees(cells, f"damped.{system}", np.linalg.cond(damped))
    agrees(cells, f"length.{system}", np.linalg.norm(solution) / np.linalg.norm(natural))
    agrees(cells, f"bias.{system}", geometry.angle(solution, natural), 1e-4)


def test_bowl_numbers(static_page, rng):
    corners = np.transpose(WINDOW)
    states = [{
        "condition": log_uniform(rng, 1, 1000), "angle": rng.uniform(0, 180), "damping": rng.uniform(0, 1) ** 3,
        "solution": rng.uniform(*corners).tolist(), "start": rng.uniform(*corners).tolist(),
        "step": int(rng.integers(1, 51)),
    } for _ in range(40)]
    for state, cells in shows(static_page, lambda presets: CGExplorer(presets=presets), states):
        fisher = bowl_matrix(state["condition"], state["angle"])
        g = fisher @ state["solution"]
        assert_numbers(cells, "bowl", fisher, g, np.array(state["start"]), state["damping"], state["step"])
        assert cells["taken.bowl_natural"] == str(min(2, state["step"]))


def test_numbers_of_many_parameters(static_page, rng):
    states = [{
        "spectrum": name, "damping": rng.uniform(0, 1) ** 4 * (k % 2), "step": int(rng.integers(1, 51)),
    } for name in SPECTRA for k in range(8)]
    for state, cells in shows(static_page, lambda presets: CGExplorer(presets=presets), states):
        values = SPECTRA[state["spectrum"]]
        assert_numbers(
            cells, "large", np.diag(values), np.ones(50), np.zeros(50), state["damping"], state["step"])


def test_iterations_that_are_needed(static_page):
    needed = {}
    for name in SPECTRA:
        shown = static_page(CGExplorer(spectrum=name))
        values, cells = SPECTRA[name], shown.cells()
        path = conjugate(np.diag(values), np.ones(50), np.zeros(50), 50)
        errors = np.array([geometry.fisher_norm(x - 1 / values, np.diag(values)) for x in path])
        close = np.flatnonzero(errors <= 0.01 * errors[0])
        assert cells["needed.large_natural"] == str(close[0])
        needed[name] = close[0]
        assert (cells["needed.large_vanilla"] == "more than 50") == (name != "κ=10")
    assert needed["3 clusters"] == 3 < needed["κ=10"] < 10 < needed["κ=1e3"] < needed["κ=1e5"] < 50


def test_paths_in_the_bowl_and_the_way_of_the_damped_solution(static_page):
    state = {"condition": 20.0, "angle": 40.0, "damping": 0.05, "solution": (2.5, 2.0), "start": (-0.5, 1.0)}
    shown = static_page(CGExplorer(step=6, **state))
    fisher = bowl_matrix(20.0, 40.0)
    g, matrix = fisher @ state["solution"], fisher + 0.05 * np.eye(2)
    for method, (solver, _) in SOLVERS.items():
        drawn = shown.curves(BOWL, f"path.{method}:not(.dots):not(.thin)", *WINDOW)[0]
        path = solver(matrix, g, np.array(state["start"]), 6 if method == "vanilla" else 2)
        np.testing.assert_allclose(drawn, path, atol=0.005)
    way = shown.curves(BOWL, "path.second:not(.dots)", *WINDOW)[0]
    np.testing.assert_allclose(way[[0, -1]], [state["solution"], (0, 0)], atol=0.005)
    best = np.linalg.solve(matrix, g)
    assert np.linalg.norm(way - best, axis=1).min() < 0.06
    np.testing.assert_allclose(shown.curves(BOWL, "path.second.dots", *WINDOW)[0][0][:2], best, atol=0.005)
    gradient = shown.curves(BOWL, "path.vanilla.thin", *WINDOW)[0]
    np.testing.assert_allclose(gradient, [(0, 0), g], atol=0.005)


def test_first_steps_agree_and_then_one_zigzags(static_page):
    shown = static_page(CGExplorer(step=5))
    ways = [shown.curves(BOWL, f"path.{method}:not(.dots):not(.thin)", *WINDOW)[0] for method in SOLVERS]
    np.testing.assert_allclose(ways[0][:2], ways[1][:2], atol=1e-9)
    assert [len(way) for way in ways] == [6, 3]
    steps = np.diff(ways[0], axis=0)
    for one, other in pairwise(steps):
        assert geometry.angle(one, other) == pytest.approx(90, abs=2)
    np.testing.assert_allclose(ways[1][2], CGExplorer().solution, atol=0.005)


def test_start_and_solution_are_dragged_to_where_the_pointer_goes(static_page):
    shown = static_page(CGExplorer(condition=1.0, angle=0.0, solution=(2.95, 1.55)))
    start, target = shown.handle("start x₀"), shown.handle("natural direction F⁻¹g")
    width, height = shown.plot_size(start)
    shown.drag(start, width * 0.2, -height * 0.25)
    assert [shown.value(f"x₀, {axis}") for axis in ("horizontal", "vertical")] == pytest.approx([1, 1], abs=0.02)
    shown.drag(target, -width * 0.1, -height * 0.1)
    moved = [shown.value(f"F⁻¹g, {axis}") for axis in ("horizontal", "vertical")]
    assert moved == pytest.approx([2.45, 1.95], abs=0.02)
    assert shown.cells()["taken.bowl_vanilla"] == "1"
    shown.drag(target, 3000, -3000)
    assert [shown.value(f"F⁻¹g, {axis}") for axis in ("horizontal", "vertical")] == [4, 2.5]


def test_curves_are_the_numbers(static_page):
    shown = static_page(CGExplorer(step=10))
    seen = {}
    for measure in ("energy", "residual"):
        shown.select("error shown").select_option(measure)
        cells = shown.cells()
        for method in SOLVERS:
            curve = shown.curves(ERRORS, f"path.{method}.thick", [0, 50], [-6, 1])[0]
            np.testing.assert_allclose(curve[:, 0], range(51), atol=0.02)
            np.testing.assert_allclose(10 ** curve[10, 1], number(cells[f"{measure}.large_{method}"]), rtol=0.02)
            seen[measure, method] = curve[:, 1]
        dashed = shown.paths(f'svg[aria-label="{ERRORS}"] path.dashed')
        assert [bool(path) for path in dashed] == [measure == "energy"] * 2
    for method in SOLVERS:
        angles = shown.curves(ANGLES, f"path.{method}.thick", [0, 50], [0, 90])[0]
        assert angles[9, 1] == pytest.approx(number(shown.cells()[f"natural.large_{method}"]), abs=0.2)
    assert np.diff(seen["energy", "natural"]).max() <= 0
    assert seen["residual", "natural"].max() > 0.1  # the residual rises on its way


def test_rounding_makes_real_runs_slower(static_page):
    values = SPECTRA["κ=1e3"]
    shown = static_page(CGExplorer())
    exact, rounded = (
        10 ** shown.curves(ERRORS, f"path.natural.{kind}", [0, 50], [-6, 1])[0][:, 1]
        for kind in ("thick", "thin:not(.ghost):not(.dashed)"))
    for k in (5, 10, 15):
        x, _ = conjugate_gradient(lambda v: values * v, np.ones(50), k, 0.0)
        error = geometry.fisher_norm(x - 1 / values, np.diag(values)) / np.sqrt((1 / values).sum())
        np.testing.assert_allclose([exact[k], rounded[k]], error, rtol=0.02)
    x, _ = conjugate_gradient(lambda v: values * v, np.ones(50), 40, 0.0)
    error = geometry.fisher_norm(x - 1 / values, np.diag(values)) / np.sqrt((1 / values).sum())
    assert 0.3 * error < rounded[40] < 3 * error and exact[40] < 0.1 * rounded[40]
    assert shown.panel(ERRORS).get_by_text("in float64", exact=True).count() == 1


def test_bounds_lie_above_the_errors(static_page):
    shown = static_page(CGExplorer(spectrum="κ=10"))
    for method, (_, bound) in SOLVERS.items():
        drawn, errors = (
            shown.curves(ERRORS, f"path.{method}.{kind}", [0, 50], [-6, 1])[0] for kind in ("dashed", "thick"))
        expected = np.log10([bound(10, k) for k in range(51)])
        np.testing.assert_allclose(drawn[:, 1], np.maximum(expected, -12), atol=0.02)
        assert np.all((errors[:, 1] <= drawn[:, 1] + 0.02) | (errors[:, 1] < -10))  # solved


def test_more_iterations_clear_more_of_the_spectrum(static_page):
    shown, window = static_page(CGExplorer(step=0)), ([-3.15, 0.35], [-0.65, 1.1])
    values, squares = SPECTRA["κ=1e3"], []
    for step in (0, 5, 20):
        shown.slider("iterations").fill(str(step))
        drawn = {method: np.array([dot[0] for dot in shown.curves(LEFT, f"path.{method}.dots", *window)])
                 for method in SOLVERS}
        for method, dots in drawn.items():
            np.testing.assert_allclose(dots[:, 0], np.log10(values), atol=0.01)
            error = np.linalg.norm(dots[:, 1]) * np.sqrt(values[0] / (values[0] / values).sum() / values[0])
            assert error == pytest.approx(number(shown.cells()[f"energy.large_{method}"]), abs=0.01)
        squares.append([np.sum(dots[:, 1] ** 2) for dots in drawn.values()])
    assert squares[0][0] == squares[0][1]
    assert np.all(np.diff(squares, axis=0) < 0) and squares[2][1] < 0.1 * squares[2][0]


def test_damping_shortens_the_solution_and_squeezes_the_spectrum(static_page):
    shown, seen = static_page(CGExplorer(angle=0.0, solution=(3.0, 1.0), spectrum="κ=1e5")), []
    for presses in range(4):
        for _ in range(40 if presses else 0):
            shown.slider("damping λ").press("ArrowRight")
        seen.append([number(shown.cells()[key]) for key in (
            "damped.bowl", "damped.large", "length.bowl", "bias.bowl", "energy.large_natural")])
        left = shown.curves(LEFT, "path.natural.dots", [-5.15, 0.35], [-0.65, 1.1])
        assert left[0][0, 0] == pytest.approx(np.log10(1e-5 + shown.value("damping λ")), abs=0.02)
    condition, large, length, bias, error = np.transpose(seen)
    assert shown.value("damping λ") == pytest.approx(0.36)
    for falling in (condition, large, length, error):
        assert np.all(np.diff(falling) < 0)
    assert np.all(np.diff(bias) > 0)
    assert condition[-1] == pytest.approx(1.36 / 0.46, rel=0.01)
    assert shown.panel(ANGLES).get_by_text("damped solution", exact=True).count() == 1


def test_damped_runs_head_for_another_direction_and_faint_curves_do_not(static_page):
    plain, damped = (static_page(CGExplorer(damping=damping)) for damping in (0.0, 0.02))
    for title, y in ((ERRORS, [-6, 1]), (ANGLES, [0, 90])):
        for method in SOLVERS:
            before = plain.curves(title, f"path.{method}.thick", [0, 50], y)[0]
            ghost, after = (
                damped.curves(title, f"path.{method}.{kind}", [0, 50], y)[0] for kind in ("ghost", "thick"))
            np.testing.assert_array_equal(ghost, before)
            assert title == ANGLES or np.all(after[1:30, 1] < before[1:30, 1] - 0.01)
    for title in (ERRORS, ANGLES):
        assert plain.paths(f'svg[aria-label="{title}"] path.ghost') == ["", ""]
    cells, level = damped.cells(), damped.curves(ANGLES, "path.second", [0, 50], [0, 90])[0][:, 1]
    np.testing.assert_allclose(level, number(cells["bias.large"]), atol=0.2)
    for method in SOLVERS:
        angles = damped.curves(ANGLES, f"path.{method}.thick", [0, 50], [0, 90])[0][:, 1]
        assert angles[9] == pytest.approx(number(cells[f"natural.large_{method}"]), abs=0.2)
    assert angles[-1] == pytest.approx(level[0], abs=0.2)


def test_a_polynomial_goes_through_the_dots(static_page):
    shown, window = static_page(CGExplorer(step=4)), ([-3.15, 0.35], [-0.65, 1.1])
    for method in SOLVERS:
        curve = shown.curves(LEFT, f"path.{method}.ghost", *window)[0]
        dots = np.array([dot[0] for dot in shown.curves(LEFT, f"path.{method}.dots", *window)])
        between = np.interp(dots[:, 0], *curve.T)
        assert np.abs(between - dots[:, 1]).max() < 0.03
        x, height = curve[np.abs(curve[:, 1]) < 2].T
        value = 10**x
        fitted = np.polynomial.Polynomial.fit(value, height * np.sqrt(1000 * value), 4)
        assert fitted(0.0) == pytest.approx(1, abs=0.05)


def test_a_spectrum_of_the_readers_own_is_drawn(static_page):
    values = np.array([2.0, 5.0, 10.0])
    shown = static_page(CGExplorer(spectrum=values, step=3))
    cells = shown.cells()
    assert cells["plain.large"] == "5" and cells["taken.large_natural"] == cells["needed.large_natural"] == "3"
    dots = shown.curves(LEFT, "path.natural.dots", [-1.15, 0.35], [-0.65, 1.1])
    np.testing.assert_allclose([dot[0, 0] for dot in dots], np.log10(values / 10), atol=0.01)
