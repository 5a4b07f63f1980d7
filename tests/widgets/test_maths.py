"""The closed forms of `_maths.js`, run in the browser, against Python on random states."""
import re
from pathlib import Path

import numpy as np
import pytest

from npg_lab import Categorical, Gaussian, geometry, natural_gradient
from npg_lab.cg import conjugate_gradient
from npg_lab.charts import CHARTS, push_gradient, push_metric
from npg_lab.problems import GaussianBandit, SoftmaxBandit
from npg_lab.widgets.base import HERE

STATES = 200
CLOSE = {"rtol": 1e-10, "atol": 1e-10}
SOURCE = (HERE / "_maths.js").read_text()
EXPORTS = re.findall(r"^export (?:const|function) (\w+)", SOURCE, re.M)


@pytest.fixture(scope="module")
def maths(browser):
    """`maths("(p, q) => gaussian.kl(p, q)", P, Q)`: the values of a function at each row of its arguments."""
    page = browser.new_page()
    page.evaluate("""async source => {
        window.maths = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
    }""", SOURCE)

    def run(function, *columns):
        rows = [list(row) for row in zip(*(np.asarray(column).tolist() for column in columns), strict=True)]
        names = ", ".join(EXPORTS)
        source = f"rows => {{ const {{ {names} }} = maths; return rows.map(row => ({function})(...row)); }}"
        return np.array(page.evaluate(source, rows))

    yield run
    page.close()


def gaussians(rng):
    """Means and standard deviations in the whole range of the widgets, and the distributions."""
    points = rng.uniform([-3, 0.2], [3, 3], (STATES, 2))
    return points, Gaussian(*points.T)


def metrics(rng):
    """Positive definite matrices with condition numbers up to about 1000, and their entries xx, xy, yy."""
    turn, log_values = rng.uniform(0, 2 * np.pi, STATES), rng.uniform(-3.5, 3.5, (STATES, 2))
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]).transpose(2, 0, 1)
    matrix = rotation * np.exp(log_values)[:, None] @ rotation.transpose(0, 2, 1)
    return matrix, entries(matrix)


def entries(matrix):
    return matrix[..., [0, 0, 1], [0, 1, 1]]


def apply(matrix, vector):
    return np.einsum("...ij,...j->...i", matrix, vector)


def test_every_export_is_tested_here():
    body = Path(__file__).read_text()
    assert [name for name in EXPORTS if not re.search(rf"\b{name}\b", body)] == []


def test_gaussian_divergence(maths, rng):
    (p, P), (q, Q) = gaussians(rng), gaussians(rng)
    np.testing.assert_allclose(maths("gaussian.kl", p, q), P.kl(Q), **CLOSE)


def test_gaussian_density(maths, rng):
    (p, P), x = gaussians(rng), rng.uniform(-6, 6, STATES)
    np.testing.assert_allclose(maths("gaussian.density", x, p), np.exp(P.log_prob(x)), **CLOSE)


def test_gaussian_fisher(maths, rng):
    p, P = gaussians(rng)
    np.testing.assert_allclose(maths("gaussian.fisher", p), entries(P.fisher()), **CLOSE)


def test_softmax(maths, rng):
    logits = rng.uniform(-30, 30, (STATES, 5))
    np.testing.assert_allclose(maths("softmax", logits), Categorical(logits=logits).probs, **CLOSE)


def test_categorical_divergence(maths, rng):
    p, q = rng.dirichlet(np.full(4, 0.5), (2, STATES))
    p[::10] = [0, 1, 0, 0]
    np.testing.assert_allclose(maths("categorical.kl", p, q), Categorical(p).kl(Categorical(q)), **CLOSE)


def test_charts_are_those_of_python(maths):
    names = maths("() => Object.entries(charts).map(([name, chart]) => [name, ...chart.names])", [None])[0]
    assert names.tolist() == [[name, *chart.names] for name, chart in CHARTS.items()]


@pytest.mark.parametrize("name", CHARTS)
def test_chart(maths, rng, name):
    (point, _), chart = gaussians(rng), CHARTS[name]
    theta = chart.from_mean_std(point)
    np.testing.assert_allclose(maths(f"p => charts.{name}.from(p)", point), theta, **CLOSE)
    np.testing.assert_allclose(maths(f"t => charts.{name}.to(t)", theta), point, **CLOSE)
    np.testing.assert_allclose(maths(f"t => charts.{name}.jacobian(t)", theta), chart.jacobian(theta), **CLOSE)


@pytest.mark.parametrize("name", CHARTS)
def test_ruler_of_a_chart(maths, rng, name):
    (point, _), chart = gaussians(rng), CHARTS[name]
    jacobian = chart.jacobian(chart.from_mean_std(point))
    expected = entries(jacobian @ jacobian.swapaxes(-1, -2))
    np.testing.assert_allclose(maths(f"p => rulerOf(charts.{name}, p)", point), expected, **CLOSE)


@pytest.mark.parametrize("name", CHARTS)
def test_pulling_back_the_fisher_matrix_gives_that_of_the_chart(maths, rng, name):
    point, policy = gaussians(rng)
    theta = CHARTS[name].from_mean_std(point)
    computed = maths(f"(t, p) => pullBack(charts.{name}.jacobian(t), gaussian.fisher(p))", theta, point)
    np.testing.assert_allclose(computed, entries(policy.fisher(name)), **CLOSE)


def test_pulling_back_any_metric(maths, rng):
    matrix, packed = metrics(rng)
    jacobian = np.linalg.inv(rng.normal(size=(STATES, 2, 2)))
    expected = push_metric(matrix, np.linalg.inv(jacobian))
    np.testing.assert_allclose(maths("pullBack", jacobian, packed), entries(expected), **CLOSE)


def test_symmetric_matrices(maths, rng):
    (matrix, packed), (other, other_packed) = metrics(rng), metrics(rng)
    vector, weight = rng.normal(size=(STATES, 2)), rng.uniform(-2, 2, STATES)
    np.testing.assert_allclose(maths("inverse", packed), entries(np.linalg.inv(matrix)), **CLOSE)
    np.testing.assert_allclose(maths("multiply", packed, vector), apply(matrix, vector), **CLOSE)
    combined = entries(matrix + weight[:, None, None] * other)
    np.testing.assert_allclose(maths("combine", packed, other_packed, weight), combined, **CLOSE)
    half_square = geometry.fisher_norm(vector, matrix) ** 2 / 2
    np.testing.assert_allclose(maths("halfSquare", packed, vector), half_square, **CLOSE)


def test_eigenvalues_and_eigenvector(maths, rng):
    matrix, packed = metrics(rng)
    flat = maths("m => eigen(m).flat()", packed)
    values, vectors = np.linalg.eigh(matrix)
    np.testing.assert_allclose(flat[:, :2], values[:, ::-1], **CLOSE)
    along = (flat[:, 2:] * vectors[..., 1]).sum(-1)
    np.testing.assert_allclose(np.abs(along), 1, **CLOSE)


def test_ellipse(maths, rng):
    matrix, packed = metrics(rng)
    size = rng.uniform(0.001, 0.5, STATES)
    loops = maths("(m, size) => ellipse(m, size, 24)", packed, size)
    assert loops.shape == (STATES, 25, 2)
    np.testing.assert_allclose(loops[:, -1], loops[:, 0], **CLOSE)
    # seen through any root of the metric, the ellipse is a regular polygon on a circle
    round_ = np.einsum("...ji,...pj->...pi", np.linalg.cholesky(matrix), loops) / np.sqrt(2 * size)[:, None, None]
    np.testing.assert_allclose(np.linalg.norm(round_, axis=-1), 1, **CLOSE)
    np.testing.assert_allclose((round_[:, 1:] * round_[:, :-1]).sum(-1), np.cos(2 * np.pi / 24), **CLOSE)


def test_scaling_to_a_divergence(maths, rng):
    matrix, packed = metrics(rng)
    direction, kl = rng.normal(size=(STATES, 2)), rng.uniform(0.001, 0.5, STATES)
    direction[0] = 0
    expected = [geometry.scale_to_kl(*row) for row in zip(direction, matrix, kl, strict=True)]
    np.testing.assert_allclose(maths("scaleToKl", packed, direction, kl), expected, **CLOSE)


@pytest.mark.parametrize("name", CHARTS)
def test_directions_are_those_of_the_chart_whose_ruler_is_used(maths, rng, name):
    point, policy = gaussians(rng)
    chart, gradient, damping = CHARTS[name], rng.normal(size=(STATES, 2)), rng.uniform(0, 3, STATES)
    jacobian = chart.jacobian(chart.from_mean_std(point))
    in_chart = push_gradient(gradient, np.linalg.inv(jacobian))
    ruler = maths(f"p => rulerOf(charts.{name}, p)", point)
    np.testing.assert_allclose(
        maths("vanillaDirection", gradient, ruler), apply(jacobian, in_chart), **CLOSE)
    natural = [natural_gradient(*row) for row in zip(in_chart, policy.fisher(name), damping, strict=True)]
    np.testing.assert_allclose(
        maths("naturalDirection", gradient, entries(policy.fisher()), ruler, damping), apply(jacobian, natural),
        **CLOSE)


@pytest.mark.parametrize("name", CHARTS)
def test_singular_metric_gives_the_shortest_solution_and_a_flat_ellipse(maths, rng, name):
    (point, _), normal, size = gaussians(rng), rng.normal(size=(STATES, 2)), rng.uniform(0.5, 2, STATES)
    jacobian = CHARTS[name].jacobian(CHARTS[name].from_mean_std(point))
    singular = size[:, None, None] * normal[:, :, None] * normal[:, None, :]
    gradient = rng.normal(size=STATES)[:, None] * normal
    seen = np.linalg.inv(jacobian)
    expected = [natural_gradient(*row) for row in zip(
        push_gradient(gradient, seen), push_metric(singular, seen), strict=True)]
    ruler = maths(f"p => rulerOf(charts.{name}, p)", point)
    assert maths("isSingular", entries(singular)).all()
    found = maths("(g, f, m) => naturalDirection(g, f, m, 0)", gradient, entries(singular), ruler)
    np.testing.assert_allclose(found, apply(jacobian, expected), rtol=1e-9, atol=1e-9)
    flat = maths("f => ellipse(f, 0.1, 12)[0]", entries(singular))
    np.testing.assert_allclose(geometry.fisher_norm(flat, singular) ** 2 / 2, 0.1, **CLOSE)
    np.testing.assert_allclose(flat[:, 0] * normal[:, 1], flat[:, 1] * normal[:, 0], **CLOSE)


def test_metric_that_measures_nothing(maths):
    assert maths("() => naturalDirection([0, 0], [0, 0, 0], [1, 0, 1], 0)", [None]).tolist() == [[0, 0]]
    assert not maths("() => ellipse([0, 0, 0], 0.1, 12)", [None]).any()


def bandits(rng):
    logits, rewards = rng.uniform(-4, 4, (STATES, 3)), rng.uniform(-1, 1, (STATES, 3))
    return logits, rewards, rng.uniform(0.01, 5, STATES)


def test_vanilla_step_of_a_bandit(maths, rng):
    logits, rewards, rate = bandits(rng)
    expected = [t + a * SoftmaxBandit(r).gradient(t) for t, r, a in zip(logits, rewards, rate, strict=True)]
    np.testing.assert_allclose(
        maths("(t, r, a) => banditStep(t, r, a, false)", logits, rewards, rate), expected, **CLOSE)


def test_natural_step_of_a_bandit_reaches_the_same_policy(maths, rng):
    logits, rewards, rate = bandits(rng)
    reached = maths("(t, r, a) => softmax(banditStep(t, r, a, true))", logits, rewards, rate)
    for t, r, a, policy in zip(logits, rewards, rate, reached, strict=True):
        problem = SoftmaxBandit(r)
        step = a * natural_gradient(problem.gradient(t), problem.fisher(t))
        np.testing.assert_allclose(policy, Categorical(logits=t + step).probs, **CLOSE)


@pytest.mark.parametrize("natural", [False, True])
def test_ascent_of_a_bandit_goes_through_the_same_policies(maths, rng, natural):
    visits = f"""(p, r, a) => {{
        const seen = [];
        banditAscent(p, r, a, {str(natural).lower()}, 30, (k, q) => {{ seen.push([k, ...q]); return k === 12; }});
        return seen;
    }}"""
    logits, rewards, _ = bandits(rng)
    rate = rng.uniform(0.01, 0.2, STATES)
    start = Categorical(logits=logits).probs
    visited = maths(visits, start, rewards, rate)
    assert visited[0, :, 0].tolist() == list(range(1, 13))
    for p, r, a, seen in zip(start, rewards, rate, visited, strict=True):
        path = geometry.ascend(SoftmaxBandit(r), np.log(p), 12, step_size=a, natural=natural)
        np.testing.assert_allclose(seen[:, 1:], Categorical(logits=path[1:]).probs, **CLOSE)


def test_cubic_polynomials_are_interpolated_exactly(maths, rng):
    coefficients = rng.normal(size=(4, 4, 2))  # powers of x, powers of y, two channels
    bounds, nodes = [[-1.0, 2.0], [0.5, 1.5]], 9
    x, y = (np.linspace(low, high, nodes) for low, high in bounds)
    values = np.polynomial.polynomial.polyval2d(*np.meshgrid(x, y), coefficients).transpose(1, 2, 0)
    points = rng.uniform(*np.transpose(bounds), (STATES, 2))
    points[:4] = [[-1, 0.5], [2, 1.5], [-1, 1.5], [2, 0.5]]
    expected = np.polynomial.polynomial.polyval2d(*points.T, coefficients).T
    between = f"([x, y]) => Array.from(tableOf({values.ravel().tolist()}, {nodes}, 2, {bounds})(x, y))"
    np.testing.assert_allclose(maths(between, points), expected, **CLOSE)

    curve = np.polynomial.polynomial.polyval(x, coefficients[:, 0]).T
    expected = np.polynomial.polynomial.polyval(points[:, 0], coefficients[:, 0]).T
    between = f"x => curveOf({curve.ravel().tolist()}, {nodes}, 2, {bounds[0]})(x)"
    np.testing.assert_allclose(maths(between, points[:, 0]), expected, **CLOSE)


def test_cubic_weights_at_the_edges_stay_on_the_grid(maths):
    where = [-0.2, 0.0, 0.5, 3.5, 7.5, 8.0, 8.1]
    firsts = maths("u => cubicWeights(u, 9)[0]", where)
    assert firsts.tolist() == [0, 0, 0, 2, 5, 5, 5]
    np.testing.assert_allclose(maths("u => cubicWeights(u, 9)[1].reduce((a, b) => a + b)", where), 1, **CLOSE)


def test_floats_are_read_from_unaligned_buffers(maths):
    view = "new DataView(Uint8Array.from([9, 0, 0, 192, 63, 0, 0, 0, 192, 9]).buffer, 1, 8)"
    assert maths(f"() => Array.from(floats({view}))", [None]).tolist() == [[1.5, -2.0]]


def test_clamp(maths):
    assert maths("clamp", [-1.0, 0.5, 7.0], [[0, 2]] * 3).tolist() == [0, 0.5, 2]


def test_round_numbers_are_just_above(maths, rng):
    values = np.exp(rng.uniform(-8, 8, STATES))
    rounded = maths("roundUp", values)
    assert np.all((rounded >= 0.999 * values) & (rounded <= 1.67 * values))
    digits = rounded / 10.0 ** np.floor(np.log10(rounded) + 1e-9)
    np.testing.assert_allclose(np.abs(digits[:, None] - [1, 1.5, 2, 3, 5, 7]).min(axis=1), 0, atol=1e-9)
    assert maths("roundUp", [0.0, -1.0]).tolist() == [1, 1]


def test_triangle_of_three_arms(maths, rng):
    p, height = rng.dirichlet(np.ones(3), STATES), np.sqrt(3) / 2
    corners = np.array([[0, 0], [1, 0], [0.5, height]])
    np.testing.assert_allclose(maths("spotOf", p), p @ corners, **CLOSE)
    np.testing.assert_allclose(maths("policyAt", p @ corners), p, **CLOSE)


def test_policies_are_kept_inside(maths, rng):
    p = rng.dirichlet(np.ones(3), STATES) + rng.uniform(-0.3, 0.3, (STATES, 1)) * [1, -1, 0]
    kept = maths("(p) => keepInside(p, 0.05)", p)
    assert kept.min() >= 0.05 - 1e-12
    np.testing.assert_allclose(kept.sum(axis=1), 1, **CLOSE)
    inside = p.min(axis=1) > 0.05
    assert 10 < inside.sum() < STATES - 10
    np.testing.assert_allclose(kept[inside], p[inside], **CLOSE)


def test_setting_one_arm_keeps_the_proportion_of_the_others(maths, rng):
    p, value = 0.1 + 0.7 * rng.dirichlet(np.ones(3), STATES), rng.uniform(0.2, 0.5, STATES)
    changed = maths("(p, value) => withArm(p, 1, value, 0.001)", p, value)
    np.testing.assert_allclose(changed[:, 1], value, **CLOSE)
    np.testing.assert_allclose(changed[:, 0] * p[:, 2], changed[:, 2] * p[:, 0], **CLOSE)
    np.testing.assert_allclose(changed.sum(axis=1), 1, **CLOSE)


def test_crossing_finds_the_true_contour_of_the_divergence(maths, rng):
    problem, (points, _) = GaussianBandit(), gaussians(rng)
    for theta in points[:10]:
        kl, offsets = rng.uniform(0.01, 0.3), geometry.ellipse(problem.fisher(theta), 0.05, 20)
        excess = """scale => {
            const value = gaussian.kl(p, [p[0] + scale * d[0], p[1] + scale * d[1]]);
            return Number.isNaN(value) ? Infinity : value - kl;
        }"""
        scales = maths(f"(p, d, kl) => crossing({excess})", [theta] * 20, offsets, [kl] * 20)
        reached = theta + scales[:, None] * offsets
        np.testing.assert_allclose(problem.kl(theta, reached), kl, **CLOSE)
        np.testing.assert_allclose(
            np.linalg.norm(reached - theta, axis=1),
            np.linalg.norm(geometry.kl_contour(problem, theta, kl, 20), axis=1), **CLOSE)


def test_crossing_that_never_happens(maths):
    assert np.isnan(maths("() => crossing(scale => -1)", [None])[0])


def systems(rng, size=8, condition=20):
    """Eigenvalues and first residuals of positive definite systems."""
    return np.exp(rng.uniform(-np.log(condition), 0, (STATES, size))), rng.normal(size=(STATES, size))


def test_conjugate_gradients_by_eigenvalues(maths, rng):
    values, residual = systems(rng)
    found = maths("(values, r) => descend(values, r, 6, true).residuals", values, residual)
    np.testing.assert_array_equal(found[:, 0], residual)
    for mu, b, path in zip(values, residual, found, strict=True):
        basis = np.linalg.qr(rng.normal(size=(8, 8)))[0]
        for k in range(1, 7):
            x, _ = conjugate_gradient((basis * mu @ basis.T).__matmul__, basis @ b, k, 0.0)
            np.testing.assert_allclose(path[k], b - mu * (basis.T @ x), rtol=1e-9, atol=1e-9)


def test_conjugate_gradients_as_in_exact_arithmetic(maths, rng):
    values = np.geomspace(1e-5, 1, 40)
    residual = rng.uniform(0.5, 2, (10, 40))
    run = f"r => descend({values.tolist()}, r, 30, true, true).residuals[30]"
    for b, left in zip(residual, maths(run, residual), strict=True):
        np.testing.assert_allclose(left, b - values * best_of_krylov_space(values, b, 30), rtol=1e-4, atol=1e-6)


def best_of_krylov_space(values, b, dimension):
    """The point of span(b, Ab, …) with the least error in the energy norm; A is diagonal."""
    basis = np.empty((len(b), 0))
    new = b
    for _ in range(dimension):
        for _ in range(2):
            new = new - basis @ (basis.T @ new)
        basis = np.column_stack([basis, new / np.linalg.norm(new)])
        new = values * basis[:, -1]
    return basis @ np.linalg.solve(basis.T @ (values[:, None] * basis), basis.T @ b)


def test_steepest_descent_by_eigenvalues(maths, rng):
    values, residual = systems(rng)
    found = maths("(values, r) => descend(values, r, 20, false).residuals", values, residual)
    for mu, b, path in zip(values, residual, found, strict=True):
        x = np.zeros(8)
        for left in path:
            np.testing.assert_allclose(left, b - mu * x, **CLOSE)
            x = x + (left @ left) / (left @ (mu * left)) * left


def test_solvers_stop_where_nothing_is_left(maths, rng):
    values, residual = systems(rng)
    taken = "descend(values, r, 20, conjugate).coefficients.length"
    three = np.array([0.01, 0.2, 1.0])[rng.integers(0, 3, (STATES, 8))]
    iterations = maths(f"(values, r, conjugate) => {taken}", three, residual, [True] * STATES)
    assert iterations.tolist() == [len(set(row)) for row in three]
    assert set(maths(f"(values, r) => {{ const conjugate = false; return {taken}; }}", values, residual)) == {20}
    assert maths(f"(values, r) => {{ const conjugate = false; return {taken}; }}", [[2, 2]], [[1, 3]]) == [1]
    assert maths(f"(values, r) => {{ const conjugate = true; return {taken}; }}", [[2, 1]], [[0, 0]]) == [0]


@pytest.mark.parametrize("conjugate", ["false", "true"])
def test_what_is_left_along_an_eigenvector_is_a_polynomial_of_the_eigenvalue(maths, rng, conjugate):
    values, residual = systems(rng)
    run = f"const {{ residuals, coefficients }} = descend(values, r, 5, {conjugate})"
    left = maths(f"(values, r) => {{ {run}; return residuals[5].map((e, i) => e / r[i]); }}", values, residual)
    nodes = np.linspace(0, 1, 9)
    polynomial = f"{nodes.tolist()}.map(value => leftOver(coefficients, value))"
    at_nodes = maths(f"(values, r) => {{ {run}; return {polynomial}; }}", values, residual)
    np.testing.assert_allclose(at_nodes[:, 0], 1, **CLOSE)
    for mu, row, drawn in zip(values, left, at_nodes, strict=True):
        np.testing.assert_allclose(np.polynomial.Polynomial.fit(nodes, drawn, 5)(mu), row, rtol=1e-6, atol=1e-6)


def test_error_bounds_hold_and_are_the_classic_ones(maths, rng):
    condition, k = np.exp(rng.uniform(0, 7, STATES)), rng.integers(0, 30, STATES)
    steepest = maths("(condition, k) => errorBound(condition, k, false)", condition, k)
    conjugate = maths("(condition, k) => errorBound(condition, k, true)", condition, k)
    np.testing.assert_allclose(steepest, ((condition - 1) / (condition + 1)) ** k, **CLOSE)
    root = np.sqrt(condition)
    np.testing.assert_allclose(conjugate, 2 * ((root - 1) / (root + 1)) ** k, **CLOSE)
    values, residual = systems(rng)
    kappa = values.max(axis=1) / values.min(axis=1)
    for method in ("false", "true"):
        left = maths(f"(values, r) => descend(values, r, 6, {method}).residuals", values, residual)
        energy = np.sqrt((left**2 / values[:, None]).sum(-1))
        bounds = maths(f"c => [0, 1, 2, 3, 4, 5, 6].map(k => errorBound(c, k, {method}))", kappa)
        assert np.all(energy / energy[:, :1] <= bounds * (1 + 1e-9))


def test_angle_between_vectors(maths, rng):
    u, v = rng.normal(size=(2, STATES, 5))
    v[0], v[1] = 3 * u[0], -u[1]
    np.testing.assert_allclose(maths("angleBetween", u, v), geometry.angle(u, v), **CLOSE)
    assert np.isnan(maths("() => angleBetween([0, 0], [1, 0])", [None])[0])
