"""Estimates with a baseline on a page without a kernel, against Python."""
import numpy as np
import pytest
from pages import agrees, log_uniform, number, shows

from npg_lab import Gaussian
from npg_lab.estimators import bandit_gradient, gaussian_nodes, optimal_bandit_baseline
from npg_lab.problems import BumpReward, QuadraticReward
from npg_lab.widgets import VarianceExplorer

REWARDS = {"quadratic": QuadraticReward(target=1.0), "bump": BumpReward(-0.4, 0.5)}
HISTOGRAM = "How often each estimate occurs"


def single_estimates(reward, state, baseline):
    """Mean and standard deviation of one estimate, by quadrature."""
    policy, component = Gaussian(state["mean"], state["std"]), "μσ".index(state["parameter"])
    actions, weights = gaussian_nodes(policy, 200)
    estimates = bandit_gradient(policy, reward, actions, baseline)[:, component]
    mean = weights @ estimates
    return mean, np.sqrt(weights @ (estimates - mean) ** 2)


@pytest.mark.parametrize("name", REWARDS)
def test_estimate_numbers(static_page, rng, name):
    reward = REWARDS[name]
    states = [
        {"mean": rng.uniform(-1.5, 1.5), "std": log_uniform(rng, 0.01, 1.25),
         "baseline": rng.uniform(*VarianceExplorer(reward).baselines), "parameter": str(rng.choice(["μ", "σ"]))}
        for _ in range(25)
    ]

    def make(presets):
        return VarianceExplorer(reward, presets=presets)

    for state, cells in shows(static_page, make, states):
        policy, component = Gaussian(state["mean"], state["std"]), "μσ".index(state["parameter"])
        best = optimal_bandit_baseline(policy, reward, count=200)[component]
        baselines = {"yours": state["baseline"], "none": 0, "average": float(reward.mean(policy)), "best": best}
        gradient = reward.mean_gradient(policy)[component]
        for column, baseline in baselines.items():
            mean, std = single_estimates(reward, state, baseline)
            assert mean == pytest.approx(gradient, abs=1e-9 * std)
            agrees(cells, f"baseline.{column}", baseline, 1e-6)
            agrees(cells, f"mean.{column}", mean, 1e-5 * std)
            agrees(cells, f"std.{column}", std)
            agrees(cells, f"ratio.{column}", mean**2 / std**2, 1e-5)
            if abs(mean) / std > 0.01:
                agrees(cells, f"samples.{column}", (10 * std / mean) ** 2, 1)


def test_a_gradient_that_vanishes_needs_endless_samples(static_page):
    cells = static_page(VarianceExplorer(mean=1.0)).cells()
    assert {cells[f"samples.{column}"] for column in ("yours", "none", "average", "best")} == {"∞"}


def pixel_scale(shown, title):
    """A function from pixels to numbers on the y axis of a panel, read from the labels of the axis."""
    labels = shown.panel(title).evaluate("""svg => [...svg.querySelectorAll(".npg-axes text[text-anchor=end]")]
        .map(text => [+text.getAttribute("y") - 4, text.textContent])""")
    (first, low), *_, (last, high) = [(pixel, number(text)) for pixel, text in labels]
    return lambda pixel: low + (pixel - first) / (last - first) * (high - low)


@pytest.mark.parametrize("name", REWARDS)
def test_histogram_counts_single_estimates(static_page, rng, name):
    reward, policy = REWARDS[name], Gaussian(0.3, 0.8)
    baseline = float(reward(0.0)) / 2
    shown = static_page(VarianceExplorer(reward, mean=0.3, std=0.8, baseline=baseline))
    outline, = shown.curves(HISTOGRAM, "path.vanilla:not(.area)", [0, 1.05], [0, 1])
    height = 290 - 28 - 38
    edges = pixel_scale(shown, HISTOGRAM)(28 + (1 - outline[:, 1]) * height)
    lower, upper, drawn = edges[::2], edges[1::2], outline[::2, 0]
    np.testing.assert_allclose(lower[1:], upper[:-1], atol=1e-6 * np.ptp(edges))
    sampled = bandit_gradient(policy, reward, policy.sample(rng, 400_000), baseline)[:, 0]
    counts, _ = np.histogram(sampled, np.append(lower, upper[-1]))
    np.testing.assert_allclose(drawn, counts / counts.max(), atol=0.03)


def test_baseline_is_dragged_in_either_picture(static_page):
    shown = static_page(VarianceExplorer())
    line, curve = shown.handle("baseline"), shown.handle("baseline on the variance curve")
    height, span = shown.plot_size(line)[1], 1.8375 + 14.0875
    before = shown.cells()
    shown.drag(line, 90, height * 4 / span)
    after = shown.cells()
    assert number(after["baseline.yours"]) == pytest.approx(-4, abs=0.05)
    changed = {key for key in before if before[key] != after[key]}
    assert changed == {f"{row}.yours" for row in ("baseline", "std", "ratio", "samples")}  # not the mean
    shown.drag(curve, -shown.plot_size(curve)[0] * 2 / span, -50)
    assert shown.numbers("baseline.yours")[0] == pytest.approx(-6, abs=0.1)
    shown.drag(curve, -5000, 0)
    assert shown.value("baseline b") == pytest.approx(-14.0875, rel=1e-3)


def test_policy_is_dragged_by_its_top_and_its_flank(static_page):
    shown = static_page(VarianceExplorer())
    top, flank = shown.handle("mean of the policy"), shown.handle("width of the policy")
    width = shown.plot_size(top)[0]
    shown.drag(top, width * 0.8 / 5, 40)
    shown.drag(flank, -width * 0.2 / 5, 40)
    np.testing.assert_allclose([shown.value("mean μ"), shown.value("width σ")], [-0.2, 0.5], atol=0.02)
    shown.drag(flank, -5000, 0)
    shown.drag(top, 5000, 0)
    assert [shown.value("mean μ"), shown.value("width σ")] == [1.5, 0.01]


def test_buttons_choose_a_baseline_for_the_present_policy(static_page):
    shown = static_page(VarianceExplorer())
    shown.press_button("tiny σ")
    for name, column in [("mean reward", "average"), ("optimal", "best"), ("no baseline", "none")]:
        shown.press_button(name)
        cells = shown.cells()
        for row in ("baseline", "std", "ratio"):
            chosen = number(cells[f"{row}.{column}"])
            assert number(cells[f"{row}.yours"]) == pytest.approx(chosen, rel=1e-3, abs=1e-6)
        assert shown.value("width σ") == 0.02


def test_every_component_has_its_own_optimum(static_page):
    shown = static_page(VarianceExplorer())
    (mean,) = shown.numbers("baseline.best")
    shown.select("gradient in").select_option("σ")
    (std,) = shown.numbers("baseline.best")
    assert (mean, std) == (pytest.approx(-(4 + 3 * 0.49), rel=1e-3), pytest.approx(-(4 + 5 * 0.49), rel=1e-3))
