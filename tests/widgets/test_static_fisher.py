"""The Fisher ellipse on a page without a kernel, against Python."""
import numpy as np
import pytest
from pages import agrees, log_uniform, shows, told

from npg_lab import Gaussian, geometry
from npg_lab.charts import CHARTS
from npg_lab.widgets import FisherExplorer

# which coordinates name a Gaussian
INSIDE = {
    "mean_std": lambda u, v: v > 0, "mean_log_std": lambda u, v: np.isfinite(v),
    "mean_variance": lambda u, v: v > 0, "mean_precision": lambda u, v: v > 0,
    "natural": lambda u, v: v < 0, "expectation": lambda u, v: v > u**2,
}


def test_fisher_numbers(static_page, rng):
    states = [
        {"mean": rng.uniform(-3, 3), "std": rng.uniform(0.2, 2.5), "kl": log_uniform(rng, 0.001, 0.5),
         "chart": chart}
        for chart in [*CHARTS] * 5
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
    words = told(point)
    density = shown.curves("Policies", "path.thick", [-5, 5], [0, 2.1])
    assert density[0][:, 1].max() == pytest.approx(1 / (0.8 * np.sqrt(2 * np.pi)), rel=0.02)
    for name, chart in CHARTS.items():
        shown.select("chart").select_option(name)
        names = shown.panel("Parameters").locator(".npg-name")
        assert [shown.cells() != before, names.all_text_contents()] == [name != "mean_std", list(chart.names)]
        assert told(point) == words
        assert np.array_equal(shown.curves("Policies", "path.thick", [-5, 5], [0, 2.1]), density)


def test_fisher_point_is_dragged_in_any_chart(static_page):
    shown = static_page(FisherExplorer(mean=0.0, std=1.0, chart="mean_variance"))
    point = shown.handle("the Gaussian")
    width, height = shown.plot_size(point)
    shown.drag(point, width / 6, -height / 6.6)
    assert [shown.value(name) for name in "μσ"] == [
        pytest.approx(1, abs=0.03), pytest.approx(np.sqrt(2), abs=0.03)]
