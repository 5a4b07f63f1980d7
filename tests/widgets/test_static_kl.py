"""Two distributions on a page without a kernel, against Python."""
import numpy as np
import pytest
from pages import agrees, numbers_in, shows, told

from npg_lab import Categorical, Gaussian, geometry
from npg_lab.widgets import KLExplorer


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
    point = shown.handle("P in the plane of mean and standard deviation")
    top = shown.handle("top of the density of P")
    size, place = shown.plot_size(point), shown.position(top)
    shown.drag(point, 30, 40)
    mean, std = 30 / size[0] * 8, 1 - 40 / size[1] * 2.8
    np.testing.assert_allclose(numbers_in(told(point)), [mean, std], atol=0.01)
    assert told(top) == told(point)
    width, height = shown.plot_size(top)
    risen = (1 / std - 1) / np.sqrt(2 * np.pi) / 2 * height
    np.testing.assert_allclose(np.subtract(shown.position(top), place), [mean / 12 * width, -risen], atol=1)
    shown.drag(top, -mean / 12 * width, 0)
    assert shown.value("mean of P") == pytest.approx(0, abs=0.02)
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
    heads = float(told(curve).split()[-1])
    assert heads == pytest.approx(0.1, abs=0.01)
    divergence = Categorical([0.4, 0.6]).kl(Categorical([heads, 1 - heads]))
    np.testing.assert_allclose(shown.numbers("forward.value"), divergence, rtol=0.01)
    outline, = shown.curves("Divergence as Q changes", "path.thick", [0, 1], [0, 2.5])
    assert np.interp(heads, *outline.T) == pytest.approx(divergence, abs=0.02)
