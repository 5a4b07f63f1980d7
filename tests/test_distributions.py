"""Gaussian, multivariate Gaussian and categorical distributions against SciPy, torch, quadrature and loops."""
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import expectation, gradient, tensor
from scipy import stats
from scipy.integrate import quad

from npg_lab import Categorical, Gaussian, MultivariateGaussian, fisher_rao_distance, fisher_rao_geodesic
from npg_lab.geometry import fisher_norm

means = st.floats(-50, 50)
stds = st.floats(1e-3, 1e3)
gaussians = st.builds(Gaussian, means, stds)
logits = st.lists(st.floats(-30, 30), min_size=3, max_size=3)


def close(actual, expected, rtol=1e-9, atol=0.0):
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


# --- Gaussian

PAIRS = [(0, 1, 0, 1), (0, 1, 1, 1.5), (-2, 0.3, 1, 0.9), (5, 3, -4, 2), (0.1, 0.02, 0.1, 0.05), (0, 1, 0, 100)]


@pytest.mark.parametrize(("mean", "std"), [(0, 1), (-3, 0.2), (1e3, 50)])
def test_gaussian_log_prob_and_entropy_match_scipy(mean, std):
    x = mean + std * np.linspace(-30, 30, 41)
    close(Gaussian(mean, std).log_prob(x), stats.norm(mean, std).logpdf(x), rtol=1e-12)
    close(Gaussian(mean, std).entropy(), stats.norm(mean, std).entropy(), rtol=1e-12)


@pytest.mark.parametrize(("mean", "std", "other_mean", "other_std"), PAIRS)
def test_gaussian_kl_matches_quadrature_and_torch(mean, std, other_mean, other_std):
    p, q = Gaussian(mean, std), Gaussian(other_mean, other_std)
    close(p.kl(q), expectation(lambda x: p.log_prob(x) - q.log_prob(x), mean, std), atol=1e-12)
    normal = torch.distributions.Normal
    divergence = torch.distributions.kl_divergence(
        normal(tensor(mean), tensor(std)), normal(tensor(other_mean), tensor(other_std))
    )
    close(p.kl(q), divergence.item(), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6, 1e-8, -1e-2, -1e-5, -1e-8])
def test_gaussian_kl_keeps_its_digits_when_the_two_are_close(gap):
    gap = (1 + gap) - 1.0  # as the floating-point number 1 + gap has it
    exact = gap**2 / 2 + sum((-gap) ** n / n for n in range(2, 12))  # e + e²/2 - log(1 + e)
    close(Gaussian(0, 1 + gap).kl(Gaussian(0, 1)), exact, rtol=1e-12)


@pytest.mark.parametrize("ratio", [1e-3, 1e-10, 1e-20, 1e-100])
def test_gaussian_kl_of_a_needle(ratio):
    close(Gaussian(0, ratio).kl(Gaussian(0, 1)), -np.log(ratio) + 0.5 * ratio**2 - 0.5, rtol=1e-14)
    close(Gaussian(0, 1).kl(Gaussian(0, ratio)), np.log(ratio) + 0.5 / ratio**2 - 0.5, rtol=1e-12)


def test_shifts_of_the_course():
    close(Gaussian(0, 10).kl(Gaussian(1, 10)), 0.005, rtol=1e-15)
    close(Gaussian(0, 0.1).kl(Gaussian(1, 0.1)), 50, rtol=1e-15)


@given(gaussians, gaussians)
def test_gaussian_kl_is_never_negative(p, q):
    assert p.kl(q) >= 0
    assert p.kl(p) == 0


@given(gaussians, gaussians, st.floats(-10, 10), st.floats(0.01, 100))
def test_gaussian_kl_does_not_see_a_change_of_unit(p, q, shift, scale):
    moved = [Gaussian(shift + scale * r.mean, scale * r.std) for r in (p, q)]
    close(moved[0].kl(moved[1]), p.kl(q), rtol=1e-6, atol=1e-9)


def test_gaussian_score_is_the_gradient_of_log_prob():
    for x in (-1.7, 0.4, 3.0):
        def log_prob(theta, x=x):
            return torch.distributions.Normal(theta[0], theta[1]).log_prob(tensor(x))

        close(Gaussian(0.3, 1.7).score(x), gradient(log_prob, [0.3, 1.7]), rtol=1e-13)


def test_gaussian_fisher_is_the_covariance_of_the_score():
    p = Gaussian(0.3, 1.7)
    close([expectation(lambda x, i=i: p.score(x)[i], 0.3, 1.7) for i in range(2)], [0, 0], atol=1e-12)
    outer = [[expectation(lambda x, i=i, j=j: p.score(x)[i] * p.score(x)[j], 0.3, 1.7) for j in range(2)]
             for i in range(2)]
    close(p.fisher(), outer, rtol=1e-10, atol=1e-12)
    close(p.fisher(), np.diag([1, 2]) / 1.7**2, rtol=1e-15)


def test_gaussian_batches_agree_with_a_loop():
    rng = np.random.default_rng(1)
    mean, std = rng.normal(size=(4, 1)), rng.uniform(0.2, 3, size=3)
    x = rng.normal(size=(4, 3))
    p, q = Gaussian(mean, std), Gaussian(0.5, 1.1)
    for i, j in np.ndindex(4, 3):
        one = Gaussian(mean[i, 0], std[j])
        close(p.kl(q)[i, j], one.kl(q), rtol=1e-14)
        close(q.kl(p)[i, j], q.kl(one), rtol=1e-14)
        close(p.log_prob(x)[i, j], one.log_prob(x[i, j]), rtol=1e-14)
        close(p.score(x)[i, j], one.score(x[i, j]), rtol=1e-14)
        close(p.fisher()[i, j], one.fisher(), rtol=1e-14)
        close(p.entropy()[i, j], one.entropy(), rtol=1e-14)


def test_gaussian_samples_follow_the_distribution():
    draws = Gaussian(2, 0.5).sample(np.random.default_rng(0), 20_000)
    assert stats.kstest(draws, stats.norm(2, 0.5).cdf).pvalue > 0.01
    assert Gaussian([0, 1, 2], 1).sample(np.random.default_rng(0), (5, 4)).shape == (5, 4, 3)
    assert Gaussian([0, 1, 2], 1).sample(np.random.default_rng(0)).shape == (3,)
    batch = Gaussian([0, 100], [1, 2]).sample(np.random.default_rng(0), 20_000)
    close(batch.mean(0), [0, 100], atol=0.05)
    close(batch.std(0), [1, 2], rtol=0.02)


# --- multivariate Gaussian


def spd(rng, d):
    root = rng.normal(size=(d, d))
    return root @ root.T + 0.1 * np.eye(d)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_multivariate_gaussian_matches_scipy_and_torch(d):
    rng = np.random.default_rng(d)
    mean, covariance, x = rng.normal(size=d), spd(rng, d), rng.normal(size=(7, 2, d))
    p = MultivariateGaussian(mean, covariance)
    close(p.log_prob(x), stats.multivariate_normal(mean, covariance).logpdf(x).reshape(7, 2), rtol=1e-10)
    close(p.entropy(), stats.multivariate_normal(mean, covariance).entropy(), rtol=1e-10)
    normal = torch.distributions.MultivariateNormal(tensor(mean), tensor(covariance))
    close(p.log_prob(x), normal.log_prob(tensor(x)), rtol=1e-10)


@pytest.mark.parametrize("d", [1, 2, 5])
def test_multivariate_kl_matches_torch_and_the_trace_formula(d):
    rng = np.random.default_rng(10 + d)
    m0, m1, s0, s1 = rng.normal(size=d), rng.normal(size=d), spd(rng, d), spd(rng, d)
    kl = MultivariateGaussian(m0, s0).kl(MultivariateGaussian(m1, s1))
    normal = torch.distributions.MultivariateNormal
    p, q = normal(tensor(m0), tensor(s0)), normal(tensor(m1), tensor(s1))
    close(kl, torch.distributions.kl_divergence(p, q).item(), rtol=1e-10)
    inverse = np.linalg.inv(s1)
    log_det = np.linalg.slogdet(s1)[1] - np.linalg.slogdet(s0)[1]
    close(kl, 0.5 * (np.trace(inverse @ s0) - d + (m1 - m0) @ inverse @ (m1 - m0) + log_det), rtol=1e-9)


@given(gaussians, gaussians)
def test_one_dimension_is_the_gaussian(p, q):
    pp, qq = (MultivariateGaussian([r.mean], [[r.std**2]]) for r in (p, q))
    close(pp.kl(qq), p.kl(q), rtol=1e-9, atol=1e-12)
    close(pp.log_prob([0.7]), p.log_prob(0.7), rtol=1e-9, atol=1e-9)


@given(st.integers(0, 10_000), st.integers(1, 4))
def test_multivariate_kl_is_never_negative(seed, d):
    rng = np.random.default_rng(seed)
    p, q = (MultivariateGaussian(rng.normal(size=d), spd(rng, d)) for _ in range(2))
    assert p.kl(q) > 0
    close(p.kl(p), 0, atol=1e-25)


def test_multivariate_kl_keeps_its_digits_when_the_two_are_close():
    covariance, shift = np.array([[2.0, 0.3], [0.3, 0.5]]), np.array([1e-7, -2e-7])
    p, q = MultivariateGaussian([0, 0], covariance), MultivariateGaussian(shift, covariance)
    close(p.kl(q), 0.5 * shift @ np.linalg.solve(covariance, shift), rtol=1e-12)


def test_independent_coordinates_add():
    stds, others = np.array([0.5, 2, 1]), np.array([1, 1.5, 0.1])
    p = MultivariateGaussian(np.zeros(3), np.diag(stds**2))
    q = MultivariateGaussian(np.ones(3), np.diag(others**2))
    close(p.kl(q), Gaussian(0, stds).kl(Gaussian(1, others)).sum(), rtol=1e-12)


def test_multivariate_samples_follow_the_distribution():
    mean, covariance = np.array([1, -2]), np.array([[2.0, 0.6], [0.6, 0.5]])
    p = MultivariateGaussian(mean, covariance)
    draws = p.sample(np.random.default_rng(0), 40_000)
    assert draws.shape == (40_000, 2) and p.sample(np.random.default_rng(0)).shape == (2,)
    close(draws.mean(0), mean, atol=0.03)
    close(np.cov(draws.T), covariance, atol=0.03)


# --- categorical

POLICIES = [[0.4, 0.6], [0.02, 0.38, 0.6], [1e-12, 0.5, 0.5 - 1e-12], [0.25] * 4]


def test_coins_of_the_course():
    p, q, r = (Categorical([heads, 1 - heads]) for heads in (0.4, 0.5, 0.1))
    close([p.kl(q), p.kl(r)], [0.0201355, 0.3112387], atol=5e-8)
    close(p.kl(r) / p.kl(q), 15.457, atol=5e-4)


@pytest.mark.parametrize("probs", POLICIES)
def test_categorical_matches_torch_and_scipy(probs):
    other = np.roll(probs, 1)
    p, q = Categorical(probs), Categorical(other)
    torch_p, torch_q = (torch.distributions.Categorical(tensor(r)) for r in (probs, other))
    actions = np.arange(len(probs))
    close(p.log_prob(actions), torch_p.log_prob(torch.as_tensor(actions)), rtol=1e-9, atol=1e-12)
    close(p.entropy(), torch_p.entropy().item(), rtol=1e-12)
    close(p.kl(q), stats.entropy(probs, other), rtol=1e-12, atol=1e-15)
    close(p.kl(q), torch.distributions.kl_divergence(torch_p, torch_q).item(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("probs", POLICIES)
def test_probabilities_and_logits_name_the_same_policy(probs):
    p = Categorical(probs)
    q = Categorical(logits=p.logits + 123.0)
    close(q.probs, p.probs, rtol=1e-12)
    close(q.kl(p), 0, atol=1e-20)


@given(logits, logits)
def test_categorical_kl_is_never_negative(first, second):
    p, q = Categorical(logits=first), Categorical(logits=second)
    assert p.kl(q) >= -1e-15
    assert p.kl(p) == 0


@pytest.mark.parametrize("gap", [1e-2, 1e-4, 1e-6, 1e-8])
def test_categorical_kl_keeps_its_digits_when_the_two_are_close(gap):
    logit = np.log1p(2 * gap) - np.log1p(-2 * gap)  # of the coin ½ + gap
    exact = 2 * gap**2 + 4 / 3 * gap**4 + 32 / 15 * gap**6 + 32 / 7 * gap**8
    roundoff = 1e-14 / gap  # of the probabilities themselves
    close(Categorical(logits=[logit, 0.0]).kl(Categorical(logits=[0.0, 0.0])), exact, rtol=roundoff)
    close(Categorical([0.5 + gap, 0.5 - gap]).kl(Categorical([0.5, 0.5])), exact, rtol=roundoff)


def test_zero_probabilities():
    p, q = Categorical([0.5, 0.5, 0.0]), Categorical([0.25, 0.25, 0.5])
    close(p.kl(q), np.log(2), rtol=1e-15)
    assert q.kl(p) == np.inf
    assert p.kl(p) == 0
    assert p.entropy() == pytest.approx(np.log(2), rel=1e-15)
    assert p.log_prob(2) == -np.inf and p.logits[2] == -np.inf
    assert np.array_equal(p.fisher()[2], np.zeros(3))
    assert np.array_equal(p.score(0), [0.5, -0.5, 0.0])
    assert not np.any(p.sample(np.random.default_rng(0), 10_000) == 2)


def test_saturated_logits():
    heads, tails = Categorical(logits=[800.0, -800.0]), Categorical(logits=[-800.0, 800.0])
    fair = Categorical([0.5, 0.5])
    assert np.array_equal(heads.probs, [1, 0])
    assert heads.log_prob(1) == -1600
    close(heads.kl(tails), 1600, rtol=1e-15)
    close(heads.kl(fair), np.log(2), rtol=1e-15)
    close(fair.kl(heads), 800 - np.log(2), rtol=1e-14)
    assert heads.entropy() == 0
    assert np.array_equal(heads.fisher(), np.zeros((2, 2)))


@pytest.mark.parametrize("logit", [20.0, 40.0, 100.0, 300.0])
def test_fisher_of_a_saturated_coin_does_not_vanish_too_early(logit):
    rare = 1 / (1 + np.exp(logit))
    close(Categorical(logits=[logit, 0.0]).fisher(), rare * (1 - rare) * np.array([[1, -1], [-1, 1]]), rtol=1e-12)


@given(logits)
def test_categorical_fisher_is_symmetric_positive_semi_definite(values):
    p = Categorical(logits=values)
    fisher = p.fisher()
    assert np.array_equal(fisher, fisher.T)
    assert np.linalg.eigvalsh(fisher)[0] >= -1e-15
    close(fisher @ np.ones(3), 0, atol=1e-15)
    close(fisher, np.diag(p.probs) - np.outer(p.probs, p.probs), atol=1e-15)


def test_categorical_score_and_fisher():
    theta = np.array([0.3, -1.2, 0.9, 0.0])
    p = Categorical(logits=theta)
    scores = p.score(np.arange(4))
    for action in range(4):
        def log_prob(logits, action=action):
            return torch.log_softmax(logits, -1)[action]

        close(scores[action], gradient(log_prob, theta), rtol=1e-12)
    close(p.probs @ scores, 0, atol=1e-16)
    close(p.fisher(), np.einsum("a,ai,aj->ij", p.probs, scores, scores), rtol=1e-12, atol=1e-16)


def test_categorical_batches_agree_with_a_loop():
    rng = np.random.default_rng(3)
    theta, other = rng.normal(size=(2, 5, 4)), rng.normal(size=(5, 4))
    actions = rng.integers(4, size=(2, 5))
    p, q = Categorical(logits=theta), Categorical(logits=other)
    for i, j in np.ndindex(2, 5):
        one = Categorical(logits=theta[i, j])
        close(p.kl(q)[i, j], one.kl(Categorical(logits=other[j])), rtol=1e-13)
        close(p.log_prob(actions)[i, j], one.log_prob(actions[i, j]), rtol=1e-14)
        close(p.score(actions)[i, j], one.score(actions[i, j]), rtol=1e-14)
        close(p.fisher()[i, j], one.fisher(), rtol=1e-14)
        close(p.entropy()[i, j], one.entropy(), rtol=1e-14)
    assert Categorical(other[0] * 0 + 0.25).log_prob([[0, 1, 2], [3, 0, 1]]).shape == (2, 3)


def test_categorical_sample_frequencies():
    probs = np.array([0.02, 0.38, 0.6])
    draws = Categorical(probs).sample(np.random.default_rng(0), 50_000)
    assert stats.chisquare(np.bincount(draws, minlength=3), 50_000 * probs).pvalue > 0.01
    batch = Categorical([probs, probs[::-1]]).sample(np.random.default_rng(1), (40_000,))
    assert batch.shape == (40_000, 2)
    for column, expected in zip(batch.T, (probs, probs[::-1]), strict=True):
        assert stats.chisquare(np.bincount(column, minlength=3), 40_000 * expected).pvalue > 0.01
    assert Categorical([probs, probs]).sample(np.random.default_rng(0)).shape == (2,)


# --- Fisher–Rao

ENDS = [(0, 1, 1, 1.5), (0, 1, 0, 3), (-2, 0.1, 3, 0.1), (0, 1, 1e-7, 2), (0, 1, 1e-12, 2), (5, 2, 5, 2)]


def test_fisher_rao_distance_of_the_course():
    close(fisher_rao_distance(Gaussian(0, 1), Gaussian(1, 1.5)), 0.98025814, atol=5e-9)


@pytest.mark.parametrize("ends", ENDS)
def test_geodesic_has_constant_speed(ends):
    p, q = Gaussian(*ends[:2]), Gaussian(*ends[2:])
    t = np.linspace(0, 1, 11)
    path = fisher_rao_geodesic(p, q, t)
    close([path.mean[[0, -1]], path.std[[0, -1]]], [ends[::2], ends[1::2]], rtol=1e-12, atol=1e-14)
    whole = fisher_rao_distance(p, q)
    close(fisher_rao_distance(p, path), t * whole, rtol=1e-9, atol=1e-12)
    close(fisher_rao_distance(path, q), (1 - t) * whole, rtol=1e-9, atol=1e-12)


def test_distance_is_the_length_of_the_geodesic():
    p, q = Gaussian(0, 1), Gaussian(1, 1.5)

    def speed(t, step=1e-3):
        ahead, behind = fisher_rao_geodesic(p, q, t + step), fisher_rao_geodesic(p, q, t - step)
        far, back = fisher_rao_geodesic(p, q, t + 2 * step), fisher_rao_geodesic(p, q, t - 2 * step)
        velocity = [
            (8 * (getattr(ahead, n) - getattr(behind, n)) - getattr(far, n) + getattr(back, n)) / (12 * step)
            for n in ("mean", "std")
        ]
        return fisher_norm(np.array(velocity), fisher_rao_geodesic(p, q, t).fisher())

    close(quad(speed, 0, 1, epsabs=1e-13)[0], fisher_rao_distance(p, q), rtol=1e-9)


def test_straight_lines_in_mean_and_std_are_longer():
    start, end = np.array([0, 1]), np.array([1, 1.5])
    length = quad(lambda t: fisher_norm(end - start, Gaussian(*(start + t * (end - start))).fisher()), 0, 1)[0]
    assert length > fisher_rao_distance(Gaussian(*start), Gaussian(*end)) + 1e-3


def test_small_distances_are_the_root_of_twice_the_kl():
    p, q = Gaussian(0.3, 0.7), Gaussian(0.3 + 1e-6, 0.7 - 2e-6)
    close(fisher_rao_distance(p, q), np.sqrt(2 * p.kl(q)), rtol=1e-5)


@given(gaussians, gaussians, gaussians)
def test_fisher_rao_distance_is_a_metric(p, q, r):
    assert fisher_rao_distance(p, p) == 0
    assert fisher_rao_distance(p, q) == pytest.approx(fisher_rao_distance(q, p), rel=1e-12)
    assert fisher_rao_distance(p, r) <= fisher_rao_distance(p, q) + fisher_rao_distance(q, r) + 1e-9


def test_fisher_rao_batches_agree_with_a_loop():
    p, q = Gaussian([0, 1, 2], [1, 0.5, 2]), Gaussian([1, 1, -2], [2, 3, 2])
    path = fisher_rao_geodesic(p, q, np.array([[0.25], [0.7]]))
    for i, t in enumerate([0.25, 0.7]):
        for j in range(3):
            a, b = Gaussian(p.mean[j], p.std[j]), Gaussian(q.mean[j], q.std[j])
            one = fisher_rao_geodesic(a, b, t)
            close([path.mean[i, j], path.std[i, j]], [one.mean, one.std], rtol=1e-13)
            close(fisher_rao_distance(p, q)[j], fisher_rao_distance(a, b), rtol=1e-14)
