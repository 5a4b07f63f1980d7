"""What each widget shows on a page without a kernel, against Python."""
import re

import numpy as np
import pytest
from examples import ARMS, Hill, Slanted, barrier, barrier_slope, bump, bump_slope
from pages import number

from npg_lab import Categorical, Gaussian, geometry
from npg_lab.charts import CHARTS
from npg_lab.problems import BumpReward, GaussianBandit, QuadraticReward, Reparametrized
from npg_lab.widgets import (
    FisherExplorer,
    GradientFieldExplorer,
    KLExplorer,
    SimplexExplorer,
    SpaceExplorer,
    StepSizeExplorer,
)
from npg_lab.widgets.gradient_field import GAUSSIAN_RULERS, THESE_AXES

WINDOW = np.array([[-3.0, 3.0], [0.2, 2.5]])


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def log_uniform(rng, low, high):
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def shows(static_page, make, states):
    """Pairs of a state and the read-outs of the widget in it; its own preset buttons bring it there."""
    named = {f"state {k}": state for k, state in enumerate(states)}
    shown = static_page(make(presets=named))
    for name, state in named.items():
        shown.press_button(name)
        yield state, shown.cells()


def agrees(cells, key, expected, near_zero=0.0):
    """Whether a read-out is right to 1%, or to `near_zero` where that is more."""
    value, allowed = np.array(number(cells[key])), np.maximum(0.01 * np.abs(expected), near_zero)
    right = (value == expected) | (np.abs(value - np.nan_to_num(expected, posinf=np.nan)) <= allowed)
    assert np.all(right), f"{key} shows {value}, should be {expected}"


def numbers_in(words):
    return [float(found) for found in re.findall(r"-?\d[\d.]*", words.replace("−", "-"))]


# --- GradientFieldExplorer -----------------------------------------------------------------------------------


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


PLANES = {
    "quadratic reward": (GaussianBandit(QuadraticReward(target=1.0)), GAUSSIAN_RULERS, 25),
    "bump reward": (GaussianBandit(BumpReward(-1.0, 0.5)), GAUSSIAN_RULERS, 10),
    "arms": (ARMS, {"stretched": np.array([[2.0, 0.5], [0.0, 1.0]])}, 15),
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
                agrees(cells, f"quadratic.{method}", geometry.fisher_norm(moved, problem.fisher(path[-2])) ** 2 / 2)
                if hasattr(problem, "policy"):
                    first, before, last = (problem.policy(path[k]) for k in (0, -2, -1))
                    agrees(cells, f"kl.{method}", first.kl(last))
                    agrees(cells, f"last.{method}", before.kl(last))
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
        np.testing.assert_allclose(numbers_in(handle.get_attribute("aria-valuetext")), expected, atol=0.01)
    assert sum(old != new for old, new in zip(before, shown.paths(), strict=True)) >= 8  # both paths, policies, J
    density = shown.curves("Policies", "path:not(.reward)", [-4, 4], [0, 0.42 / 0.2])[0]
    assert density[:, 1].max() == pytest.approx(1 / (expected[1] * np.sqrt(2 * np.pi)), rel=0.02)
    shown.drag(left, -2000, 2000)
    assert left.get_attribute("aria-valuetext") == right.get_attribute("aria-valuetext") == "μ −3, σ 0.2"


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


def test_field_plays_at_once_for_readers_who_want_no_motion(static_page):
    shown = static_page(GradientFieldExplorer(kl=1e-4, step=0), reduced_motion="reduce")
    shown.press_button("Play")
    assert shown.cells()["steps.natural"] == "200"


# --- KLExplorer ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["gaussian", "coin"])
def test_divergence_numbers(static_page, rng, family):
    if family == "gaussian":
        draw, policy = (lambda: rng.uniform([-4, 0.2], [4, 3]).tolist()), (lambda v: Gaussian(*v))
        fisher, default = (lambda v: Gaussian(*v).fisher()), {}
    else:
        draw, policy = (lambda: rng.uniform(0.01, 0.99, 1).tolist()), (lambda v: Categorical([v[0], 1 - v[0]]))
        fisher, default = (lambda v: np.array([[1 / (v[0] * (1 - v[0]))]])), {"p": 0.4, "q": 0.5, "family": "coin"}
    states = [{"p": draw(), "q": draw()} for _ in range(25)]

    def make(presets):
        return KLExplorer(presets=presets, **default)

    for state, cells in shows(static_page, make, states):
        p, q = policy(state["p"]), policy(state["q"])
        agrees(cells, "forward.value", p.kl(q))
        agrees(cells, "reverse.value", q.kl(p))
        agrees(cells, "ratio.value", p.kl(q) / q.kl(p))
        displacement = np.subtract(state["q"], state["p"])
        agrees(cells, "quadratic.value", geometry.fisher_norm(displacement, fisher(state["p"])) ** 2 / 2)


def area(outline):
    x, y = outline.T
    return abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) / 2


@pytest.mark.parametrize("direction", ["D(P‖Q)", "D(Q‖P)"])
def test_divergence_is_the_difference_of_the_shaded_areas(static_page, direction):
    shown = static_page(KLExplorer(p=(-0.5, 0.8), q=(0.7, 1.3), direction=direction))
    p, q = Gaussian(-0.5, 0.8), Gaussian(0.7, 1.3)
    plus, minus = (
        area(*shown.curves("Densities, and what they add up to", f"path.{sign}", [-6, 6], [-0.6, 1.4]))
        for sign in ("plus", "minus")
    )
    assert minus > 0.05
    assert plus - minus == pytest.approx(float(p.kl(q) if direction == "D(P‖Q)" else q.kl(p)), rel=0.02)


def test_gaussian_is_dragged_in_the_plane_and_by_its_top(static_page):
    shown = static_page(KLExplorer(p=(0.0, 1.0), q=(1.0, 1.5)))
    point, top = shown.handle("P in the plane of mean and standard deviation"), shown.handle("top of the density of P")
    size, place = shown.plot_size(point), shown.position(top)
    shown.drag(point, 30, 40)
    mean, std = 30 / size[0] * 8, 1 - 40 / size[1] * 2.8
    np.testing.assert_allclose(numbers_in(point.get_attribute("aria-valuetext")), [mean, std], atol=0.01)
    assert top.get_attribute("aria-valuetext") == point.get_attribute("aria-valuetext")
    width, height = shown.plot_size(top)
    risen = (1 / std - 1) / np.sqrt(2 * np.pi) / 2 * height
    np.testing.assert_allclose(np.subtract(shown.position(top), place), [mean / 12 * width, -risen], atol=1)
    shown.drag(top, -mean / 12 * width, 0)
    assert number(shown.slider("mean of P").get_attribute("aria-valuetext")) == pytest.approx(0, abs=0.02)
    np.testing.assert_allclose(shown.numbers("forward.value"), Gaussian(0, std).kl(Gaussian(1, 1.5)), rtol=0.05)


def test_direction_of_the_divergence_changes_the_terms_only(static_page):
    shown = static_page(KLExplorer())
    cells, plus = shown.cells(), shown.paths("path.plus")
    shown.select("terms of").select_option("D(Q‖P)")
    assert shown.paths("path.plus") != plus and shown.cells() == cells


def test_coin_on_the_curve_is_the_coin_of_the_bars(static_page):
    shown = static_page(KLExplorer(p=0.4, q=0.5, family="coin"))
    bar, curve = shown.handle("heads of Q"), shown.handle("Q on the curve")
    shown.drag(bar, 0, shown.plot_size(bar)[1] * 0.4)
    heads = float(curve.get_attribute("aria-valuetext").split()[-1])
    assert heads == pytest.approx(0.1, abs=0.01)
    divergence = Categorical([0.4, 0.6]).kl(Categorical([heads, 1 - heads]))
    np.testing.assert_allclose(shown.numbers("forward.value"), divergence, rtol=0.01)
    outline, = shown.curves("Divergence as Q changes", "path.thick", [0, 1], [0, 2.5])
    assert np.interp(heads, *outline.T) == pytest.approx(divergence, abs=0.02)


# --- SpaceExplorer -------------------------------------------------------------------------------------------

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
    radius, angle = (float(shown.slider(name).get_attribute("aria-valuetext")) for name in ("length ‖Δθ‖", "direction °"))
    assert (radius, angle) == (pytest.approx(0.5, abs=0.02), pytest.approx(90, abs=2))


def test_ball_is_cut_by_the_edge_of_the_window(static_page):
    shown = static_page(SpaceExplorer(start=(2.5, 3.3), radius=1.0, angle=45.0))
    end = shown.handle("end of the step")
    assert number(shown.cells()["length.value"]) == pytest.approx(np.hypot(0.5, 0.2), abs=1e-3)
    assert numbers_in(end.get_attribute("aria-valuetext")) == [3, 3.5]


# --- FisherExplorer ------------------------------------------------------------------------------------------


# which coordinates name a Gaussian
INSIDE = {
    "mean_std": lambda u, v: v > 0, "mean_log_std": lambda u, v: np.isfinite(v), "mean_variance": lambda u, v: v > 0,
    "mean_precision": lambda u, v: v > 0, "natural": lambda u, v: v < 0, "expectation": lambda u, v: v > u**2,
}


def test_fisher_numbers(static_page, rng):
    charts = [*CHARTS] * 5
    states = [
        {"mean": rng.uniform(-3, 3), "std": rng.uniform(0.2, 2.5), "kl": log_uniform(rng, 0.001, 0.5), "chart": chart}
        for chart in charts
    ]

    def make(presets):
        return FisherExplorer(presets=presets)

    for state, cells in shows(static_page, make, states):
        policy = Gaussian(state["mean"], state["std"])
        fisher = policy.fisher(state["chart"])
        values = np.linalg.eigvalsh(fisher)[::-1]
        agrees(cells, "fisher.value", fisher[[0, 0, 1], [0, 1, 1]])
        agrees(cells, "eigen.value", values)
        agrees(cells, "condition.value", values[0] / values[1])
        around = policy.coordinates(state["chart"]) + geometry.ellipse(fisher, state["kl"], 1441)
        inside = INSIDE[state["chart"]](*around.T)
        costs = policy.kl(Gaussian.from_coordinates(around[inside], state["chart"])) / state["kl"]
        agrees(cells, "least.value", costs.min())
        if inside.all():
            agrees(cells, "most.value", costs.max())
        else:
            assert cells["most.value"] == "leaves the parameter space"


@pytest.mark.parametrize("chart", ["mean_std", "natural"])
def test_fisher_ellipse_and_true_contour_cost_what_they_say(static_page, chart):
    shown = static_page(FisherExplorer(mean=0.4, std=0.9, kl=0.2, chart=chart))
    window = {"mean_std": [[-3, 3], [0.02, 2.7]], "natural": [[-8, 8], [-4, 0]]}[chart]
    policy, to = Gaussian(0.4, 0.9), CHARTS[chart].to_mean_std
    here = policy.coordinates(chart)
    ellipse, = shown.curves("Parameters", "path.thick:not(.second)", *window)
    cost = geometry.fisher_norm(ellipse - here, policy.fisher(chart)) ** 2 / 2
    np.testing.assert_allclose(cost, 0.2, rtol=0.05)
    contour, = shown.curves("Parameters", "path.thick.second", *window)
    np.testing.assert_allclose([policy.kl(Gaussian(*to(theta))) for theta in contour], 0.2, rtol=0.05)


def test_fisher_chart_changes_the_picture_and_not_the_policy(static_page):
    shown = static_page(FisherExplorer(mean=0.5, std=0.8))
    point, before = shown.handle("the Gaussian"), shown.cells()
    words, density = point.get_attribute("aria-valuetext"), shown.curves("Policies", "path.thick", [-5, 5], [0, 2.1])
    assert density[0][:, 1].max() == pytest.approx(1 / (0.8 * np.sqrt(2 * np.pi)), rel=0.02)
    for name, chart in CHARTS.items():
        shown.select("chart").select_option(name)
        names = shown.panel("Parameters").locator(".npg-name")
        assert [shown.cells() != before, names.all_text_contents()] == [name != "mean_std", list(chart.names)]
        assert point.get_attribute("aria-valuetext") == words
        assert np.array_equal(shown.curves("Policies", "path.thick", [-5, 5], [0, 2.1]), density)


def test_fisher_point_is_dragged_in_any_chart(static_page):
    shown = static_page(FisherExplorer(mean=0.0, std=1.0, chart="mean_variance"))
    point = shown.handle("the Gaussian")
    width, height = shown.plot_size(point)
    shown.drag(point, width / 6, -height / 6.6)
    assert [float(shown.slider(name).get_attribute("aria-valuetext")) for name in "μσ"] == [
        pytest.approx(1, abs=0.03), pytest.approx(np.sqrt(2), abs=0.03)]


# --- StepSizeExplorer ----------------------------------------------------------------------------------------

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
        {"start": rng.uniform(low, 3.5), "step_size": log_uniform(rng, 1e-3, 100), "steps": int(rng.integers(0, 60))}
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
            assert re.match(f"never: step {len(path)} (goes over the cliff|leaves the window)", cells["needed.ascent"])


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
    assert float(shown.slider("start θ₀").get_attribute("aria-valuetext").replace("−", "-")) == pytest.approx(0, abs=0.02)
    assert shown.paths("path.vanilla")[0] != hops


# --- SimplexExplorer -----------------------------------------------------------------------------------------


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
        return np.array([float(shown.slider(f"start π(arm {k})").get_attribute("aria-valuetext")) for k in (1, 2, 3)])

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
