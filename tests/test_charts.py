"""Six charts of the Gaussian family: maps, Jacobians, Fisher matrices and what a change of chart does."""
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import TORCH_MEAN_STD, close, derivative, expectation, gradient, hessian, tensor, torch_gaussian

from npg_lab import Gaussian, natural_gradient
from npg_lab.charts import (
    CHARTS,
    AffineChart,
    convert,
    get_chart,
    push_gradient,
    push_metric,
    push_vector,
    transition_jacobian,
)

POINTS = [(0.0, 1.0), (1.3, 0.4), (-2.0, 1.7)]
NAMES = list(CHARTS)
every_chart = pytest.mark.parametrize("chart", NAMES)
every_point = pytest.mark.parametrize("point", POINTS)
every_pair = pytest.mark.parametrize(("source", "target"), list(product(NAMES, NAMES)))
means, stds = st.floats(-20, 20), st.floats(0.05, 20)


def coordinates(point, chart):
    return get_chart(chart).from_mean_std(np.array(point))


def test_there_are_six_charts():
    assert NAMES == ["mean_std", "mean_log_std", "mean_variance", "mean_precision", "natural", "expectation"]
    for name, chart in CHARTS.items():
        assert get_chart(name) is chart and chart.name == name and len(chart.names) == 2


def test_coordinates_of_one_gaussian():
    named = {name: coordinates((1.0, 2.0), name).tolist() for name in NAMES}
    assert named == {
        "mean_std": [1, 2], "mean_log_std": [1, np.log(2)], "mean_variance": [1, 4], "mean_precision": [1, 0.25],
        "natural": [0.25, -0.125], "expectation": [1, 5],
    }


@every_chart
@given(means, stds)
def test_round_trip(chart, mean, std):
    theta = coordinates((mean, std), chart)
    digits = 1e-13 * (1 + (mean / std) ** 2)  # E[x²] - E[x]² cancels
    close(get_chart(chart).to_mean_std(theta), [mean, std], rtol=digits, atol=1e-13)
    close(Gaussian.from_coordinates(theta, chart).coordinates(chart), theta, rtol=digits, atol=1e-13)


@every_chart
@every_point
def test_maps_and_jacobian_match_torch(chart, point):
    theta = coordinates(point, chart)

    def hub(theta):
        return torch.stack(TORCH_MEAN_STD[chart](theta[0], theta[1]))

    close(get_chart(chart).to_mean_std(theta), hub(tensor(theta)), rtol=1e-13)
    close(get_chart(chart).jacobian(theta), gradient(hub, theta), rtol=1e-12)


@every_chart
@every_point
def test_jacobian_matches_finite_differences(chart, point):
    theta = coordinates(point, chart)
    differences = derivative(get_chart(chart).to_mean_std, theta, step=1e-3)
    close(get_chart(chart).jacobian(theta), differences, atol=1e-10)


@every_chart
@every_point
def test_score_matches_torch(chart, point):
    theta, p = coordinates(point, chart), Gaussian(*point)
    for x in (-1.3, 0.2, 4.0):
        close(p.score(x, chart), gradient(lambda t, x=x: torch_gaussian(t, chart).log_prob(tensor(x)), theta))


@every_chart
@every_point
def test_fisher_is_the_covariance_of_the_score(chart, point):
    p = Gaussian(*point)
    for i in range(2):
        close(expectation(lambda x, i=i: p.score(x, chart)[i], *point), 0, atol=1e-10)
    outer = [expectation(lambda x, i=i, j=j: p.score(x, chart)[i] * p.score(x, chart)[j], *point)
             for i, j in ((0, 0), (0, 1), (1, 1))]
    close(p.fisher(chart), np.array(outer)[[[0, 1], [1, 2]]])


@every_chart
@every_point
def test_fisher_is_the_hessian_of_the_kl_in_both_arguments(chart, point):
    theta = coordinates(point, chart)
    here = torch_gaussian(tensor(theta), chart)
    divergence = torch.distributions.kl_divergence
    close(Gaussian(*point).fisher(chart), hessian(lambda t: divergence(here, torch_gaussian(t, chart)), theta))
    close(Gaussian(*point).fisher(chart), hessian(lambda t: divergence(torch_gaussian(t, chart), here), theta))


def test_fisher_in_closed_form():
    mean, std = 0.7, 1.3
    expected = {
        "mean_std": [[std**-2, 0], [0, 2 * std**-2]],
        "mean_log_std": [[std**-2, 0], [0, 2]],
        "mean_variance": [[std**-2, 0], [0, 0.5 * std**-4]],
        "mean_precision": [[std**-2, 0], [0, 0.5 * std**4]],
        "natural": [[std**2, 2 * mean * std**2], [2 * mean * std**2, 4 * mean**2 * std**2 + 2 * std**4]],
    }
    for chart, fisher in expected.items():
        close(Gaussian(mean, std).fisher(chart), fisher, rtol=1e-13)
    dual = np.linalg.inv(expected["natural"])  # natural and expectation coordinates are dual
    close(Gaussian(mean, std).fisher("expectation"), dual, rtol=1e-12)


@every_chart
@given(means, stds)
def test_fisher_is_symmetric_positive_definite(chart, mean, std):
    fisher = Gaussian(mean, std).fisher(chart)
    scale = np.sqrt(np.diag(fisher))
    close(fisher / np.outer(scale, scale), (fisher / np.outer(scale, scale)).T, atol=1e-14)
    assert np.linalg.eigvalsh(fisher / np.outer(scale, scale))[0] > 0


@every_chart
def test_charts_are_vectorised(chart):
    rng = np.random.default_rng(0)
    points = np.stack([rng.normal(size=(3, 2)), rng.uniform(0.3, 2, size=(3, 2))], axis=-1)
    the = get_chart(chart)
    theta = the.from_mean_std(points)
    p = Gaussian(points[..., 0], points[..., 1])
    for index in np.ndindex(3, 2):
        close(theta[index], the.from_mean_std(points[index]), rtol=1e-14)
        close(the.to_mean_std(theta)[index], the.to_mean_std(theta[index]), rtol=1e-14)
        close(the.jacobian(theta)[index], the.jacobian(theta[index]), rtol=1e-14)
        close(p.fisher(chart)[index], Gaussian(*points[index]).fisher(chart), rtol=1e-14)
        close(p.score(0.3, chart)[index], Gaussian(*points[index]).score(0.3, chart), rtol=1e-14)
        close(p.coordinates(chart)[index], theta[index], rtol=1e-14)
        close(transition_jacobian(theta, chart, "natural")[index],
              transition_jacobian(theta[index], chart, "natural"), rtol=1e-13)


# --- from one chart to another


@every_pair
@every_point
def test_transition_jacobian_matches_finite_differences(source, target, point):
    theta = coordinates(point, source)
    differences = derivative(lambda t: convert(t, source, target), theta, step=1e-3)
    close(transition_jacobian(theta, source, target), differences, atol=1e-8 * np.abs(differences).max())


@every_pair
@every_point
def test_vectors_gradients_and_metrics_change_together(source, target, point):
    theta = coordinates(point, source)
    jacobian = transition_jacobian(theta, source, target)
    there = Gaussian(*point)
    step, g = np.array([0.3, -0.8]), there.score(0.9, source)
    close(convert(theta, source, target), there.coordinates(target), rtol=1e-12)
    close(push_metric(there.fisher(source), jacobian), there.fisher(target), rtol=1e-9, atol=1e-10)
    close(push_gradient(g, jacobian), there.score(0.9, target), atol=1e-10)
    close(push_gradient(g, jacobian) @ push_vector(step, jacobian), g @ step)
    back = transition_jacobian(there.coordinates(target), target, source)
    close(back @ jacobian, np.eye(2), atol=1e-11)


@every_pair
@every_point
def test_the_natural_gradient_maps_as_a_vector(source, target, point):
    theta = coordinates(point, source)
    p, jacobian = Gaussian(*point), transition_jacobian(theta, source, target)
    here = natural_gradient(p.score(0.9, source), p.fisher(source))
    there = natural_gradient(p.score(0.9, target), p.fisher(target))
    close(push_vector(here, jacobian), there, rtol=1e-8, atol=1e-9)


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_linear_maps_push_as_the_formulas_say(seed, d):
    rng = np.random.default_rng(seed)
    a = np.linalg.qr(rng.normal(size=(d, d)))[0] * rng.uniform(0.3, 3, size=d)
    root, g, v = rng.normal(size=(d, d)), *rng.normal(size=(2, d))
    fisher, inverse = root @ root.T + np.eye(d), np.linalg.inv(a)
    close(push_vector(v, a), a @ v)
    close(push_gradient(g, a), inverse.T @ g, atol=1e-10)
    close(push_metric(fisher, a), inverse.T @ fisher @ inverse, atol=1e-10)
    pushed = natural_gradient(push_gradient(g, a), push_metric(fisher, a))
    close(pushed, a @ natural_gradient(g, fisher), rtol=1e-9, atol=1e-10)


def test_pushes_are_vectorised():
    rng = np.random.default_rng(2)
    jacobian, v, fisher = rng.normal(size=(4, 3, 3)), rng.normal(size=(4, 3)), rng.normal(size=(4, 3, 3))
    for i in range(4):
        close(push_vector(v, jacobian)[i], push_vector(v[i], jacobian[i]), rtol=1e-12)
        close(push_gradient(v, jacobian)[i], push_gradient(v[i], jacobian[i]), rtol=1e-12)
        close(push_metric(fisher, jacobian)[i], push_metric(fisher[i], jacobian[i]), rtol=1e-12)
    close(push_vector(v, jacobian[0])[2], jacobian[0] @ v[2], rtol=1e-12)
    close(push_gradient(v, jacobian[0])[2], push_gradient(v[2], jacobian[0]), rtol=1e-12)


def test_affine_chart():
    chart = AffineChart([[2, 1, 0], [0, 1, 0], [0, 0, -3]], offset=[1, 2, 3])
    theta = np.random.default_rng(0).normal(size=(5, 2, 3))
    close(chart.forward(theta)[3, 1], chart.matrix @ theta[3, 1] + [1, 2, 3], rtol=1e-13)
    close(chart.inverse(chart.forward(theta)), theta, rtol=1e-12)
    close(chart.inverse(theta)[3, 1], chart.inverse(theta[3, 1]), rtol=1e-12)
    assert np.array_equal(AffineChart(np.eye(2)).offset, [0, 0])
