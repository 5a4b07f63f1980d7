"""Policies as torch modules against torch.distributions, the NumPy distributions of the course and autograd."""
import math

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import close
from torch import distributions, nn

from npg_lab import Categorical, Gaussian
from npg_lab.curvature import trainable
from npg_lab.policies import (
    CategoricalPolicy,
    GaussianPolicy,
    check_fit,
    mlp,
    observation_size,
    policy_for,
    value_for,
)

CATEGORICAL, GAUSSIAN = CategoricalPolicy(nn.Identity()), GaussianPolicy(nn.Identity(), log_std=None)
KINDS = {"categorical": CATEGORICAL, "gaussian": GAUSSIAN}
every_kind = pytest.mark.parametrize("kind", KINDS)
seeds = st.integers(0, 100_000)
few = settings(max_examples=20)
BOX = spaces.Box(-1, 1, (3,))


def drawn(seed, rows=5, columns=4, scale=1.0):
    return scale * torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def torchs(kind, z):
    """The distribution of torch with the parameters z."""
    if kind == "categorical":
        return distributions.Categorical(logits=z)
    mean, log_std = z.chunk(2, dim=-1)
    return distributions.Independent(distributions.Normal(mean, log_std.exp()), 1)


def ours(kind, z):
    """The course's own distribution with the parameters z, one for each row (and action dimension)."""
    if kind == "categorical":
        return Categorical(logits=z.numpy())
    mean, log_std = z.chunk(2, dim=-1)
    return Gaussian(mean.numpy(), log_std.exp().numpy())


def over_dimensions(kind, values):
    """A categorical has one number in each row, independent Gaussians a sum of them."""
    return values if kind == "categorical" else values.sum(-1)


# --- log-probability, entropy, divergence


@every_kind
@few
@given(seeds)
def test_the_functions_of_a_distribution_are_torchs(kind, seed):
    policy, z, other = KINDS[kind], drawn(seed), drawn(seed + 1)
    p, q = torchs(kind, z), torchs(kind, other)
    actions = p.sample()
    close(policy.log_prob(z, actions), p.log_prob(actions), rtol=1e-12)
    close(policy.entropy(z), p.entropy(), rtol=1e-12)
    close(policy.kl(z, other), distributions.kl_divergence(p, q), rtol=1e-12)
    assert policy.log_prob(z, actions).shape == policy.entropy(z).shape == policy.kl(z, other).shape == (5,)


@every_kind
@few
@given(seeds)
def test_the_functions_of_a_distribution_are_those_of_the_course(kind, seed):
    policy, z, other = KINDS[kind], drawn(seed), drawn(seed + 1)
    p, actions = ours(kind, z), torchs(kind, z).sample()
    close(policy.log_prob(z, actions), over_dimensions(kind, p.log_prob(actions.numpy())))
    close(policy.entropy(z), over_dimensions(kind, p.entropy()))
    close(policy.kl(z, other), over_dimensions(kind, p.kl(ours(kind, other))), atol=1e-14)


@every_kind
@few
@given(seeds, st.floats(0.01, 30))
def test_divergence_is_positive_and_zero_for_itself(kind, seed, scale):
    policy, z = KINDS[kind], drawn(seed, scale=min(scale, 5.0) if kind == "gaussian" else scale)
    divergences = policy.kl(z, z + 0.1 * drawn(seed + 1))
    assert torch.all(policy.kl(z, z) == 0)
    assert torch.all(divergences > -1e-15) and divergences.sum() > 0


@few
@given(seeds, st.floats(-1e3, 1e3))
def test_a_constant_in_all_logits_is_invisible(seed, constant):
    z = drawn(seed)
    close(CATEGORICAL.log_prob(z + constant, torch.arange(5) % 4), CATEGORICAL.log_prob(z, torch.arange(5) % 4))
    close(CATEGORICAL.kl(z, z + constant), 0)
    assert torch.equal(CATEGORICAL.mode(z + constant), CATEGORICAL.mode(z))


def test_a_coin_and_a_standard_normal_by_hand():
    z = torch.tensor([[math.log(3.0), 0.0]])
    close(CATEGORICAL.log_prob(z, torch.tensor([1])), math.log(0.25), rtol=1e-6)
    close(CATEGORICAL.entropy(z), -0.75 * math.log(0.75) - 0.25 * math.log(0.25), rtol=1e-6)
    z = torch.tensor([[0.0, 0.0]])
    close(GAUSSIAN.log_prob(z, torch.tensor([[2.0]])), -2 - 0.5 * math.log(2 * math.pi), rtol=1e-6)
    close(GAUSSIAN.kl(z, torch.tensor([[3.0, math.log(2.0)]])), math.log(2) + 10 / 8 - 0.5, rtol=1e-6)


def test_the_divergence_of_nearly_equal_stds_keeps_its_digits():
    """log σ apart by δ: δ² − (2/3) δ³ + …, far below the rounding of 1."""
    z = torch.zeros(1, 2)
    for delta in (1e-2, 1e-3):
        value = GAUSSIAN.kl(z, torch.tensor([[0.0, delta]]))
        close(value, 0.5 * math.expm1(-2 * delta) + delta, rtol=2e-4)


# --- Fisher information of the outputs


@every_kind
@few
@given(seeds)
def test_the_fisher_of_the_outputs_is_the_hessian_of_the_divergence(kind, seed):
    policy, z, u = KINDS[kind], drawn(seed), drawn(seed + 1)
    product = policy.output_fisher(z)(u)
    for row in range(len(z)):
        def kl(other, row=row):
            return policy.kl(z[row:row + 1], other[None])[0]

        close(product[row], torch.autograd.functional.hessian(kl, z[row]) @ u[row], atol=1e-12)


@every_kind
@few
@given(seeds)
def test_the_fisher_of_the_outputs_is_that_of_the_course(kind, seed):
    policy, z, u = KINDS[kind], drawn(seed), drawn(seed + 1)
    product, fisher = policy.output_fisher(z)(u).numpy(), ours(kind, z)
    if kind == "categorical":
        return close(product, np.einsum("nij,nj->ni", fisher.fisher(), u))
    pairs = np.stack(u.chunk(2, dim=-1), axis=-1)  # (N, m, 2): a mean and a log std each
    expected = np.einsum("nmij,nmj->nmi", fisher.fisher("mean_log_std"), pairs)
    return close(product, np.concatenate([expected[..., 0], expected[..., 1]], axis=-1))


@every_kind
@few
@given(seeds, st.floats(0, 100))
def test_the_fisher_of_the_outputs_is_symmetric_and_not_negative(kind, seed, scale):
    z = drawn(seed, scale=min(scale, 3.0) if kind == "gaussian" else scale)
    product, u, v = KINDS[kind].output_fisher(z), drawn(seed + 1), drawn(seed + 2)
    close((u * product(v)).sum(-1), (v * product(u)).sum(-1), atol=1e-13)
    assert torch.all((u * product(u)).sum(-1) > -1e-14)


@few
@given(seeds)
def test_a_constant_in_all_logits_is_in_the_null_space(seed):
    close(CATEGORICAL.output_fisher(drawn(seed))(torch.ones(5, 4, dtype=torch.float64)), 0)


# --- samples


def repeated(*row, rows):
    return torch.tensor([row], dtype=torch.float64).expand(rows, -1)


@pytest.mark.parametrize("logits", [(0.0, 0.0), (1.0, -1.0, 0.5), (3.0, 0.0, -3.0, 1.0)])
def test_samples_have_the_probabilities_of_the_policy(logits):
    rows = 40_000
    actions = CATEGORICAL.sample(repeated(*logits, rows=rows), torch.Generator().manual_seed(1))
    assert actions.shape == (rows,) and actions.dtype == torch.int64
    counts, p = torch.bincount(actions, minlength=len(logits)), torch.softmax(torch.tensor(logits), 0)
    chi_squared = ((counts - rows * p) ** 2 / (rows * p)).sum()
    assert chi_squared < len(logits) - 1 + 5 * math.sqrt(2 * (len(logits) - 1))


def test_samples_have_the_mean_and_the_std_of_the_policy():
    rows = 40_000
    z = repeated(1.0, -2.0, math.log(0.5), math.log(3.0), rows=rows)
    actions = GAUSSIAN.sample(z, torch.Generator().manual_seed(1))
    assert actions.shape == (rows, 2)
    standard = (actions - torch.tensor([1.0, -2.0])) / torch.tensor([0.5, 3.0])
    assert torch.all(standard.mean(0).abs() < 4 / math.sqrt(rows))
    assert torch.all((standard.var(0) - 1).abs() < 4 * math.sqrt(2 / rows))
    assert abs(torch.corrcoef(standard.T)[0, 1]) < 4 / math.sqrt(rows)
    assert abs((standard**4).mean() - 3) < 4 * math.sqrt(96 / (2 * rows))


@every_kind
def test_rows_are_drawn_independently_each_from_its_own_distribution(kind):
    z = torch.tensor([[50.0, 0.0], [0.0, 50.0], [50.0, 0.0]]) if kind == "categorical" else torch.tensor(
        [[3.0, -20.0], [-4.0, -20.0], [3.0, -20.0]])
    actions = KINDS[kind].sample(z, torch.Generator().manual_seed(0)).squeeze()
    close(actions, [0, 1, 0] if kind == "categorical" else [3, -4, 3], rtol=1e-6)
    noise = KINDS[kind].sample(torch.zeros(64, 2), torch.Generator().manual_seed(0))
    assert len(torch.unique(noise)) == (2 if kind == "categorical" else 64)


@every_kind
def test_the_generator_decides_the_sample(kind):
    policy, z = KINDS[kind], drawn(0, rows=50)
    first, again, other = (policy.sample(z, torch.Generator().manual_seed(seed)) for seed in (7, 7, 8))
    assert torch.equal(first, again) and not torch.equal(first, other)
    state = torch.random.get_rng_state()
    policy.sample(z, torch.Generator().manual_seed(7))
    assert torch.equal(state, torch.random.get_rng_state())


def test_the_mode_is_the_most_probable_action():
    assert CATEGORICAL.mode(torch.tensor([[0.0, 2.0, 1.0], [5.0, 4.0, -9.0]])).tolist() == [1, 0]
    assert GAUSSIAN.mode(torch.tensor([[1.0, -2.0, 9.0, 8.0]])).tolist() == [[1, -2]]


@every_kind
@few
@given(seeds)
def test_no_action_is_more_probable_than_the_mode(kind, seed):
    policy, z = KINDS[kind], drawn(seed)
    actions = policy.sample(z, torch.Generator().manual_seed(seed))
    assert torch.all(policy.log_prob(z, actions) <= policy.log_prob(z, policy.mode(z)))


# --- policies that are almost certain


EXTREME = {
    "categorical": torch.tensor([[200.0, -200, 0, 0], [-200, 200, 200, -200], [0, 0, 0, 200]]),
    "gaussian": torch.tensor([[1e3, -1e3, -15, -15], [0, 0, 15, -15], [1, 2, 15, 15]]),
}


@every_kind
@pytest.mark.parametrize("function", ["log_prob", "entropy", "kl", "kl to", "output_fisher"])
def test_saturated_policies_have_finite_numbers_and_gradients(kind, function):
    policy, z = KINDS[kind], EXTREME[kind].clone().requires_grad_()
    assert z.dtype == torch.float32
    actions = torch.tensor([1, 0, 2]) if kind == "categorical" else policy.mode(z.detach()) + 1e-3
    value = {
        "log_prob": lambda: policy.log_prob(z, actions), "entropy": lambda: policy.entropy(z),
        "kl": lambda: policy.kl(z, torch.zeros_like(z)), "kl to": lambda: policy.kl(torch.zeros_like(z), z),
        "output_fisher": lambda: policy.output_fisher(z)(torch.ones_like(z)),
    }[function]()
    (slope,) = torch.autograd.grad(value.sum(), z)
    assert torch.isfinite(value).all() and torch.isfinite(slope).all()


def test_saturated_logits_are_right_to_the_last_digit():
    z = EXTREME["categorical"]
    close(CATEGORICAL.log_prob(z, torch.tensor([1, 0, 2])), [-400, -400 - math.log(2), -200], rtol=1e-7)
    close(CATEGORICAL.entropy(z), [0, math.log(2), 0], rtol=1e-6, atol=1e-30)
    close(CATEGORICAL.kl(z[:1], -z[:1]), 400, rtol=1e-7)


# --- networks


class Residual(nn.Module):
    """x + W tanh(W x): a residual block whose weights are used twice, and a head that is frozen."""

    def __init__(self, width, outputs):
        super().__init__()
        self.shared, self.norm, self.head = nn.Linear(width, width), nn.LayerNorm(width), nn.Linear(width, outputs)
        self.head.requires_grad_(False)

    def forward(self, x):
        return self.head(self.norm(x + self.shared(torch.tanh(self.shared(x)))))


TRUNKS = {
    "linear": lambda m: nn.Linear(4, m),
    "mlp": lambda m: mlp(4, m, (5, 6), nn.SiLU),
    "residual": lambda m: Residual(4, m),
    "convolution": lambda m: nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 3, 2), nn.ReLU(), nn.Flatten(), nn.Linear(3, m)),
}
every_trunk = pytest.mark.parametrize("trunk", TRUNKS)


@every_trunk
def test_any_module_is_a_trunk(trunk):
    observations = drawn(0).float()
    for policy, m in ((CategoricalPolicy(TRUNKS[trunk](3)), 3), (GaussianPolicy(TRUNKS[trunk](6), None), 6)):
        z = policy(observations)
        close(z.detach(), policy.trunk(observations).detach())
        assert z.shape == (5, m)
        policy.entropy(z).sum().backward()
        assert all((parameter.grad is not None) == parameter.requires_grad for parameter in policy.parameters())


@every_trunk
def test_a_std_that_is_the_same_in_every_state_is_a_parameter(trunk):
    policy, observations = GaussianPolicy(TRUNKS[trunk](2), log_std=[-1.0, 0.5]), drawn(0).float()
    mean, log_std = policy(observations).chunk(2, dim=-1)
    close(mean.detach(), policy.trunk(observations).detach())
    close(log_std.detach(), np.tile([-1.0, 0.5], (5, 1)))
    assert policy.log_std in set(policy.parameters()) and policy.log_std.shape == (2,)
    policy.entropy(policy(observations)).sum().backward()
    close(policy.log_std.grad, [5, 5])


@pytest.mark.parametrize(("log_std", "shape"), [(-0.5, (1,)), ([-0.5] * 3, (3,)), (np.full(3, -0.5), (3,))])
def test_one_log_std_or_one_for_each_action(log_std, shape):
    policy = GaussianPolicy(nn.Linear(4, 3), log_std)
    assert policy.log_std.shape == shape
    close(policy(torch.zeros(2, 4))[:, 3:].detach(), np.full((2, 3), -0.5))


def test_a_policy_starts_nearly_uniform_and_can_be_made_double():
    torch.manual_seed(0)
    policy = policy_for(spaces.Box(-1, 1, (4,)), spaces.Discrete(6)).double()
    z = policy(drawn(0, rows=100))
    assert z.dtype == torch.float64 and 0 < torch.softmax(z, -1).sub(1 / 6).abs().max() < 0.01


@pytest.mark.parametrize("hidden", [(), (7,), (5, 6), (3, 3, 3)])
def test_the_layers_of_an_mlp(hidden):
    network = mlp(4, 2, hidden, nn.ReLU)
    shapes = [tuple(layer.weight.shape) for layer in network if isinstance(layer, nn.Linear)]
    sizes = (4, *hidden, 2)
    assert shapes == list(zip(sizes[1:], sizes[:-1], strict=True))
    assert [type(layer) for layer in network] == [nn.Linear, *[nn.ReLU, nn.Linear] * len(hidden)]
    assert network(torch.zeros(3, 4)).shape == (3, 2) and torch.all(network[-1].bias == 0)


# --- spaces


@pytest.mark.parametrize(("observation_space", "size"), [
    (spaces.Box(-1, 1, (3,)), 3), (spaces.Box(-np.inf, np.inf, (2, 5)), 10), (spaces.Box(-1, 1, ()), 1),
    (spaces.Discrete(7), 7), (spaces.Discrete(4, start=2), 4)])
def test_the_size_of_an_observation(observation_space, size):
    assert observation_size(observation_space) == size
    assert value_for(observation_space, (8,))(torch.zeros(2, size)).shape == (2, 1)


@pytest.mark.parametrize(("action_space", "kind", "outputs"), [
    (spaces.Discrete(2), CategoricalPolicy, 2), (spaces.Discrete(5, start=3), CategoricalPolicy, 5),
    (spaces.Box(-2, 2, (1,)), GaussianPolicy, 2), (spaces.Box(-np.inf, np.inf, (4,)), GaussianPolicy, 8)])
@pytest.mark.parametrize("observation_space", [BOX, spaces.Discrete(6)])
def test_the_policy_for_spaces_fits_them(observation_space, action_space, kind, outputs):
    policy = policy_for(observation_space, action_space, hidden=(16,))
    assert type(policy) is kind and policy.trunk[0].out_features == 16
    z = policy(torch.zeros(3, observation_size(observation_space)))
    assert z.shape == (3, outputs)
    assert policy.sample(z).shape == (3, *action_space.shape)
    assert check_fit(policy, observation_space, action_space) is None
    with pytest.raises(ValueError, match=r"^policy must .* for the action space Discrete\(11\), got a "):
        check_fit(policy, observation_space, spaces.Discrete(11))


def test_std_of_the_policy_for_a_box_starts_at_one_for_each_action():
    policy = policy_for(BOX, spaces.Box(-2, 2, (4,)))
    close(policy.log_std.detach(), np.zeros(4))
    assert len(trainable(policy)) == 1 + 6


def test_check_fit_leaves_the_policy_and_the_random_numbers_alone():
    policy = policy_for(BOX, spaces.Discrete(2)).double()
    before, state = [p.clone() for p in policy.parameters()], torch.random.get_rng_state()
    check_fit(policy, BOX, spaces.Discrete(2))
    assert all(torch.equal(p, q) and p.grad is None for p, q in zip(policy.parameters(), before, strict=True))
    assert torch.equal(state, torch.random.get_rng_state())


# --- refusals


def wanted(kind, outputs, space, got):
    return f"policy must be a {kind} with {outputs} outputs for the action space {space}, got a {got}."


COIN, ARMS, PLANE = spaces.Discrete(2), spaces.Box(-1, 1, (2,)), spaces.Box(-1, 1, (2, 2))
PAIR, BITS = spaces.Tuple([COIN, COIN]), spaces.MultiBinary(3)
NO_ACTIONS = "action_space must be Discrete or a Box of one axis, got {}."
REFUSED = {
    "actions of two axes": (lambda: policy_for(BOX, PLANE), NO_ACTIONS.format(PLANE)),
    "a tuple of actions": (lambda: policy_for(BOX, PAIR), NO_ACTIONS.format(PAIR)),
    "bits as actions": (lambda: policy_for(BOX, BITS), NO_ACTIONS.format(BITS)),
    "no space": (lambda: policy_for(BOX, None), NO_ACTIONS.format(None)),
    "a tuple of observations": (
        lambda: policy_for(PAIR, COIN), f"observation_space must be a Box or Discrete, got {PAIR}."),
    "values of bits": (lambda: value_for(BITS), f"observation_space must be a Box or Discrete, got {BITS}."),
    "fit to a tuple": (lambda: check_fit(CategoricalPolicy(nn.Linear(3, 4)), BOX, PAIR), NO_ACTIONS.format(PAIR)),
    "fit to two axes": (lambda: check_fit(GaussianPolicy(nn.Linear(3, 4)), BOX, PLANE), NO_ACTIONS.format(PLANE)),
    "fit of observations": (
        lambda: check_fit(CategoricalPolicy(nn.Linear(3, 2)), BITS, COIN),
        f"observation_space must be a Box or Discrete, got {BITS}."),
    "a Gaussian for a coin": (
        lambda: check_fit(GaussianPolicy(nn.Linear(3, 1)), BOX, COIN),
        wanted("CategoricalPolicy", 2, COIN, "GaussianPolicy with 2")),
    "a categorical for arms": (
        lambda: check_fit(CategoricalPolicy(nn.Linear(3, 4)), BOX, ARMS),
        wanted("GaussianPolicy", 4, ARMS, "CategoricalPolicy with 4")),
    "too many logits": (
        lambda: check_fit(CategoricalPolicy(nn.Linear(3, 3)), BOX, COIN),
        wanted("CategoricalPolicy", 2, COIN, "CategoricalPolicy with 3")),
    "means without stds": (
        lambda: check_fit(GaussianPolicy(nn.Linear(3, 2), None), BOX, ARMS),
        wanted("GaussianPolicy", 4, ARMS, "GaussianPolicy with 2")),
    "a network without a policy": (
        lambda: check_fit(nn.Linear(3, 2), BOX, COIN), wanted("CategoricalPolicy", 2, COIN, "Linear with 2")),
    "other observations": (
        lambda: check_fit(CategoricalPolicy(nn.Linear(5, 2)), BOX, COIN),
        "policy must take observations of 3 numbers, got the error: "
        "mat1 and mat2 shapes cannot be multiplied (1x3 and 5x2)."),
    "nothing to train": (
        lambda: check_fit(CategoricalPolicy(nn.Identity()), BOX, spaces.Discrete(3)),
        "policy must have parameters that require gradients, got none."),
    "std of nothing": (lambda: GaussianPolicy(nn.Linear(3, 2), np.nan), "log_std must be finite, got nan."),
    "std of text": (
        lambda: GaussianPolicy(nn.Linear(3, 2), "one"), "log_std must be made of real numbers, got 'one'."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_refused_in_one_sentence(case):
    call, sentence = REFUSED[case]
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == sentence
