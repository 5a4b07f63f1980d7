"""Fisher operators of neural policies against explicit matrices, Hessians of the divergence and loops."""
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.hermite_e import hermegauss
from oracles import close
from torch import distributions, nn
from torch.func import functional_call
from torch.nn.utils import vector_to_parameters

from npg_lab import Categorical, natural_gradient
from npg_lab.cg import CGReport
from npg_lab.curvature import FisherOperator, fisher_operator, flat_gradient, flatten, scores, trainable
from npg_lab.policies import CategoricalPolicy, GaussianPolicy, mlp
from npg_lab.problems import TabularMDP

INPUTS, ACTIONS = 4, 2
few = settings(max_examples=20)


class Residual(nn.Module):
    """A residual block whose weights are used twice, a LayerNorm, a frozen head, and a layer that is not used."""

    def __init__(self, outputs):
        super().__init__()
        self.shared, self.norm = nn.Linear(INPUTS, INPUTS), nn.LayerNorm(INPUTS)
        self.head, self.unused = nn.Linear(INPUTS, outputs), nn.Linear(2, 1)
        self.head.requires_grad_(False)

    def forward(self, x):
        return self.head(self.norm(x + self.shared(torch.tanh(self.shared(x)))))


TRUNKS = {
    "linear": lambda m: nn.Linear(INPUTS, m),
    "mlp": lambda m: mlp(INPUTS, m, (5, 3)),
    "relu": lambda m: mlp(INPUTS, m, (6,), nn.ReLU),
    "silu": lambda m: mlp(INPUTS, m, (5,), nn.SiLU),
    "norm": lambda m: nn.Sequential(nn.Linear(INPUTS, 4), nn.LayerNorm(4), nn.GELU(), nn.Linear(4, m)),
    "residual": Residual,
    "convolution": lambda m: nn.Sequential(
        nn.Unflatten(1, (1, 2, 2)), nn.Conv2d(1, 3, (1, 2)), nn.ELU(), nn.Flatten(), nn.Linear(6, m)),
}
KINDS = {
    "categorical": lambda trunk: CategoricalPolicy(trunk(3)),
    "gaussian": lambda trunk: GaussianPolicy(trunk(ACTIONS), log_std=[-0.4, 0.3]),
    "one std": lambda trunk: GaussianPolicy(trunk(ACTIONS), log_std=-0.2),
    "state std": lambda trunk: GaussianPolicy(trunk(2 * ACTIONS), log_std=None),
}
CASES = [*itertools.product(["categorical", "state std"], TRUNKS), ("gaussian", "mlp"), ("gaussian", "residual"),
         ("one std", "silu")]
every_case = pytest.mark.parametrize(("kind", "trunk"), CASES)
every_kind = pytest.mark.parametrize("kind", KINDS)


def problem(kind, trunk="mlp", seed=0, rows=7, dtype=torch.float64):
    """A policy with weights of order one, and observations."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        policy = KINDS[kind](TRUNKS[trunk]).to(dtype)
        with torch.no_grad():
            for parameter in policy.trunk.parameters():
                parameter += 0.4 * torch.randn_like(parameter)
        return policy, torch.randn(rows, INPUTS, dtype=dtype)


def torchs(policy, z):
    """The distribution of torch with the parameters z, on single actions."""
    if isinstance(policy, CategoricalPolicy):
        return distributions.Categorical(logits=z)
    mean, log_std = z.chunk(2, dim=-1)
    return distributions.Independent(distributions.Normal(mean, log_std.exp()), 1)


def weighted_actions(policy, z, nodes=3):
    """Actions (K, N, …) and weights (K, N) that integrate polynomials of degree 2·nodes − 1 exactly."""
    p = torchs(policy, z.detach())
    if isinstance(policy, CategoricalPolicy):
        actions = torch.arange(z.shape[-1])[:, None].expand(-1, len(z))
        return actions, p.probs.T
    noise, weights = (list(itertools.product(array, repeat=ACTIONS)) for array in hermegauss(nodes))
    weights = torch.tensor(weights, dtype=z.dtype).prod(1) / (2 * math.pi) ** (ACTIONS / 2)
    actions = p.base_dist.loc + torch.tensor(noise, dtype=z.dtype)[:, None] * p.base_dist.scale
    return actions, weights[:, None].expand(-1, len(z))


def score_rows(policy, observations, actions):
    """∇ log π by one backward pass for each row, and torch's log-probability."""
    rows = []
    for observation, action in zip(observations, actions, strict=True):
        log_prob = torchs(policy, policy(observation[None])).log_prob(action[None])[0]
        rows.append(flatten(torch.autograd.grad(log_prob, trainable(policy), materialize_grads=True)))
    return torch.stack(rows)


def explicit_fisher(policy, observations):
    """Σ_a π(a|s) ∇log π ∇log πᵀ, averaged over the observations: the definition."""
    actions, weights = weighted_actions(policy, policy(observations))
    total = 0
    for action, weight in zip(actions, weights, strict=True):
        rows = score_rows(policy, observations, action)
        total = total + torch.einsum("n,np,nq->pq", weight, rows, rows)
    return total / len(observations)


def hessian_of_kl(policy, observations):
    """Second derivative at θ of the mean divergence KL(π_θ ‖ π_θ'), by double backpropagation."""
    named = {name: p for name, p in policy.named_parameters() if p.requires_grad}
    start = flatten(named.values()).detach()
    here = torchs(policy, policy(observations).detach())

    def mean_kl(flat):
        parts = flat.split([p.numel() for p in named.values()])
        free = {name: part.view_as(p) for (name, p), part in zip(named.items(), parts, strict=True)}
        there = torchs(policy, functional_call(policy, free, (observations,)))
        return distributions.kl_divergence(here, there).mean()

    return torch.autograd.functional.hessian(mean_kl, start)


def relative(actual, expected):
    return float(torch.linalg.norm(actual.double() - expected.double()) / torch.linalg.norm(expected.double()))


def draws(seed, size, count=1, dtype=torch.float64):
    return torch.randn(count, size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# --- the exact Fisher matrix


@every_case
def test_the_exact_matrix_is_the_mean_outer_product_of_scores(kind, trunk):
    policy, observations = problem(kind, trunk)
    operator = fisher_operator(policy, observations)
    assert operator.shape == (operator.size, operator.size) == tuple(operator.matrix().shape)
    assert operator.size == sum(p.numel() for p in trainable(policy))
    assert relative(operator.matrix(), explicit_fisher(policy, observations)) < 1e-10


@every_case
def test_the_exact_matrix_is_the_hessian_of_the_mean_divergence(kind, trunk):
    policy, observations = problem(kind, trunk)
    assert relative(fisher_operator(policy, observations).matrix(), hessian_of_kl(policy, observations)) < 1e-10


@every_case
def test_products_in_single_precision(kind, trunk):
    policy, observations = problem(kind, trunk, rows=64)
    fisher = fisher_operator(policy, observations).matrix()
    operator = fisher_operator(policy.float(), observations.float())
    for v in draws(1, operator.size, count=3):
        product = operator @ v.float()
        assert product.dtype == torch.float32 and relative(product, fisher @ v) < 1e-5


@every_case
def test_a_product_is_that_of_the_matrix(kind, trunk):
    operator = fisher_operator(*problem(kind, trunk))
    matrix = operator.matrix()
    for v in draws(2, operator.size, count=3):
        close(operator @ v, matrix @ v, atol=1e-13)


@every_kind
@pytest.mark.parametrize("choice", ["exact", "sampled"])
@few
@given(st.integers(0, 10_000), st.floats(-100, 100))
def test_products_are_linear_symmetric_and_not_negative(kind, choice, seed, c):
    operator = fisher_operator(*problem(kind, seed=seed), choice, generator=torch.Generator().manual_seed(seed))
    u, v = draws(seed, operator.size, count=2)
    close(operator @ (u + c * v), operator @ u + c * (operator @ v), rtol=1e-9, atol=1e-10)
    close(u @ (operator @ v), v @ (operator @ u), rtol=1e-9, atol=1e-12)
    assert v @ (operator @ v) >= 0 and torch.all(operator @ torch.zeros_like(v) == 0)


@every_kind
def test_the_fisher_matrix_is_a_mean_over_observations(kind):
    policy, observations = problem(kind, rows=3)
    each = torch.stack([fisher_operator(policy, row[None]).matrix() for row in observations])
    close(fisher_operator(policy, observations).matrix(), each.mean(0), atol=1e-13)
    close(fisher_operator(policy, observations.repeat(4, 1)).matrix(), each.mean(0), atol=1e-13)


@every_kind
def test_the_divergence_of_a_small_step_is_half_its_fisher_norm(kind):
    policy, observations = problem(kind, rows=50)
    operator = fisher_operator(policy, observations)
    v = draws(3, operator.size)[0]
    predicted = 0.5 * v @ (operator @ v)
    z, start = policy(observations).detach(), flatten(trainable(policy)).detach()

    def divergence(length):
        with torch.no_grad():
            vector_to_parameters(start + length * v, trainable(policy))
            return float(policy.kl(z, policy(observations)).mean() / length**2)

    errors = [abs(divergence(length) - float(predicted)) for length in (1e-2, 5e-3, 2.5e-3)]
    assert errors[0] < 0.1 * predicted and errors[1] < 0.6 * errors[0] and errors[2] < 0.6 * errors[1]


def test_a_gaussian_of_one_linear_layer_by_hand():
    """μ = w s, σ = e^ρ: F = diag(E[s²]/σ², 2)."""
    policy = GaussianPolicy(nn.Linear(1, 1, bias=False), log_std=[math.log(2.0)]).double()
    matrix = fisher_operator(policy, torch.tensor([[1.0], [2.0], [4.0]], dtype=torch.float64)).matrix()
    named = [name for name, _ in policy.named_parameters()]
    expected = {"log_std": 2.0, "trunk.weight": 7 / 4}
    close(matrix, np.diag([expected[name] for name in named]), rtol=1e-7)


def test_saturated_policies_have_finite_products():
    policy = CategoricalPolicy(nn.Linear(2, 3))
    observations = torch.tensor([[200.0, -200.0], [-200.0, 200.0]])
    with torch.no_grad():
        policy.trunk.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))
    operator = fisher_operator(policy, observations)
    matrix = operator.matrix()
    assert torch.isfinite(matrix).all() and matrix.abs().max() < 1e-30


# --- the sampled Fisher matrix and the scores


@every_case
def test_scores_are_those_of_a_loop(kind, trunk):
    policy, observations = problem(kind, trunk)
    actions = policy.sample(policy(observations).detach(), torch.Generator().manual_seed(0))
    rows = scores(policy, observations, actions)
    assert rows.shape == (7, sum(p.numel() for p in trainable(policy))) and not rows.requires_grad
    close(rows, score_rows(policy, observations, actions), atol=1e-13)


@every_kind
def test_scores_have_mean_zero_under_the_policy(kind):
    policy, observations = problem(kind)
    actions, weights = weighted_actions(policy, policy(observations))
    rows = torch.stack([scores(policy, observations, action) for action in actions])
    close(torch.einsum("kn,knp->np", weights, rows), 0, atol=1e-13)


@every_case
def test_the_sampled_matrix_is_the_mean_outer_product_of_its_own_actions(kind, trunk):
    policy, observations = problem(kind, trunk)
    operator = fisher_operator(policy, observations, "sampled", generator=torch.Generator().manual_seed(5))
    actions = policy.sample(policy(observations).detach(), torch.Generator().manual_seed(5))
    rows = score_rows(policy, observations, actions)
    assert relative(operator.matrix(), rows.T @ rows / len(rows)) < 1e-12
    other = fisher_operator(policy, observations, "sampled", generator=torch.Generator().manual_seed(6))
    assert relative(other.matrix(), operator.matrix()) > 1e-3


@every_kind
@pytest.mark.parametrize("copies", [50, 800])
def test_the_sampled_matrix_approaches_the_exact_one_as_one_over_root_n(kind, copies):
    """N E‖F_N − F‖² is the mean variance of s sᵀ, known by enumeration; 60 draws of it are good to a third."""
    policy, observations = problem(kind, "linear", rows=4)
    actions, weights = weighted_actions(policy, policy(observations), nodes=5)
    rows = torch.stack([scores(policy, observations, action) for action in actions])
    means = torch.einsum("kn,knp,knq->npq", weights, rows, rows)
    fourth = torch.einsum("kn,kn->n", weights, (rows**2).sum(-1) ** 2)
    variance = float((fourth - (means**2).sum((1, 2))).mean())
    many, exact = observations.repeat(copies, 1), fisher_operator(policy, observations).matrix()
    generator = torch.Generator().manual_seed(11)
    squares = [float(((fisher_operator(policy, many, "sampled", generator=generator).matrix() - exact) ** 2).sum())
               for _ in range(40)]
    assert abs(len(many) * np.mean(squares) / variance - 1) < 1 / 3


# --- operators in general


def test_an_operator_takes_any_outputs_and_any_metric():
    torch.manual_seed(0)
    network, x = mlp(3, 2, (4,)).double(), torch.randn(6, 3, dtype=torch.float64)
    metric = torch.tensor([[2.0, 0.5], [0.5, 1.0]], dtype=torch.float64)
    z = network(x)
    rows = [flat_gradient(network(x)[i, j], trainable(network)) for i in range(6) for j in range(2)]
    jacobian = torch.stack(rows).reshape(6, 2, -1)
    operator = FisherOperator(z, trainable(network), lambda u: u @ metric, damping=0.3)
    expected = torch.einsum("nip,ij,njq->pq", jacobian, metric, jacobian) / 6
    close(operator.matrix().numpy(), expected.numpy() + 0.3 * np.eye(operator.size), atol=1e-13)


@every_kind
@pytest.mark.parametrize("choice", ["exact", "sampled"])
def test_damping_adds_a_multiple_of_the_identity(kind, choice):
    policy, observations = problem(kind)
    plain, damped = (fisher_operator(policy, observations, choice, damping, torch.Generator().manual_seed(0))
                     for damping in (0.0, 0.7))
    assert plain.damping == 0 and damped.damping == 0.7
    close(damped.matrix().numpy(), plain.matrix().numpy() + 0.7 * np.eye(plain.size), atol=1e-13)


@every_kind
@pytest.mark.parametrize("damping", [0.1, 10.0])
def test_solve_is_the_solution_of_the_damped_system(kind, damping):
    operator = fisher_operator(*problem(kind, rows=20), damping=damping)
    g = draws(4, operator.size)[0]
    x, report = operator.solve(g, iterations=500, tolerance=1e-12)
    assert isinstance(report, CGReport) and report.converged
    close(x, np.linalg.solve(operator.matrix(), g), rtol=1e-8, atol=1e-10)
    close(operator @ x, g, atol=1e-10)


@every_kind
@pytest.mark.parametrize("seed", range(5))
def test_solve_without_damping_is_the_shortest_natural_gradient(kind, seed):
    policy, observations = problem(kind, "linear", seed, rows=3)
    operator = fisher_operator(policy, observations)
    g = operator @ draws(7, operator.size)[0]
    x, report = operator.solve(g, iterations=100)
    assert np.linalg.matrix_rank(operator.matrix(), tol=1e-10) < operator.size and report.residuals[-1] < 1e-8
    close(x, natural_gradient(g.numpy(), operator.matrix().numpy()), rtol=1e-6, atol=1e-8)


def test_solve_takes_ten_products_unless_told():
    operator = fisher_operator(*problem("categorical", "mlp", rows=64), damping=1e-6)
    g = draws(4, operator.size)[0]
    assert operator.solve(g)[1].iterations == 10
    assert operator.solve(g, 3)[1].iterations == 3
    close(operator.solve(g, 3)[0], operator.solve(g, 3, 0.0)[0])
    with pytest.warns(RuntimeWarning, match="stopped after 2 iterations"):
        operator.solve(g, 2, 1e-12)


def test_large_damping_turns_the_solution_into_the_gradient():
    policy, observations = problem("gaussian")
    g = draws(4, fisher_operator(policy, observations).size)[0]
    x = fisher_operator(policy, observations, damping=1e8).solve(g)[0]
    close(1e8 * x, g, rtol=1e-6)


@every_kind
@pytest.mark.parametrize("choice", ["exact", "sampled"])
def test_an_operator_leaves_the_policy_as_it_was(kind, choice):
    policy, observations = problem(kind, "residual")
    before = {name: value.clone() for name, value in policy.state_dict().items()}
    free, state = [p.requires_grad for p in policy.parameters()], torch.random.get_rng_state()
    operator = fisher_operator(policy, observations, choice, generator=torch.Generator().manual_seed(0))
    g = draws(0, operator.size)[0]
    x = operator.solve(g)[0]
    scores(policy, observations, policy.mode(policy(observations)))
    assert all(torch.equal(value, before[name]) for name, value in policy.state_dict().items())
    assert all(p.grad is None for p in policy.parameters()) and not x.requires_grad
    assert [p.requires_grad for p in policy.parameters()] == free and observations.grad is None
    assert torch.equal(state, torch.random.get_rng_state())
    close(operator.solve(g)[0], x, rtol=0)  # and a product leaves the operator as it was


# --- flat vectors


def test_flat_vectors_have_the_order_of_the_parameters():
    policy = problem("gaussian", "residual")[0]
    parameters = trainable(policy)
    assert [id(p) for p in parameters] == [id(p) for p in policy.parameters() if p.requires_grad]
    assert not any(p is policy.trunk.head.weight for p in parameters)
    flat = flatten(parameters)
    assert flat.shape == (sum(p.numel() for p in parameters),)
    for part, p in zip(flat.split([p.numel() for p in parameters]), parameters, strict=True):
        assert torch.equal(part.view_as(p), p)


def test_a_flat_gradient_is_zero_where_a_parameter_is_not_used():
    policy = problem("gaussian", "residual")[0]
    total = (policy.log_std * torch.tensor([2.0, -3.0])).sum()
    gradient = flat_gradient(total, trainable(policy))
    assert trainable(policy)[0] is policy.log_std
    assert gradient[:2].tolist() == [2, -3] and torch.all(gradient[2:] == 0) and len(gradient) > 2


# --- a table of logits on a known decision process


def uniform_mdp(states=4, actions=3):
    """Every action leads everywhere alike, so that every state is visited alike."""
    rewards = np.random.default_rng(0).normal(size=(states, actions))
    return TabularMDP(np.full((states, actions, states), 1 / states), rewards, 0.8, np.full(states, 1 / states))


def table_policy(theta):
    """One logit for each state and action: a linear layer on one-hot observations."""
    policy = CategoricalPolicy(nn.Linear(*theta.shape, bias=False)).double()
    with torch.no_grad():
        policy.trunk.weight.copy_(torch.as_tensor(theta.T))
    return policy


def as_table(vector, theta):
    """Vectors along the last axis from the order of the layer, (A, S), to that of a table, (S, A)."""
    array = np.asarray(vector).reshape(*np.shape(vector)[:-1], *theta.T.shape)
    return np.swapaxes(array, -1, -2).reshape(np.shape(vector))


def test_the_fisher_matrix_of_a_table_is_that_of_the_decision_process():
    mdp, theta = uniform_mdp(), np.random.default_rng(1).normal(size=(4, 3))
    operator = fisher_operator(table_policy(theta), torch.eye(4, dtype=torch.float64))
    matrix = as_table(as_table(operator.matrix().numpy(), theta).T, theta)
    close(matrix, mdp.fisher(theta), atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_solution_for_a_table_is_the_exact_natural_gradient(dtype):
    """The matrix has rank 8 of 12, and 40 iterations go far beyond: the shortest solution stays."""
    mdp, theta = uniform_mdp(), np.random.default_rng(1).normal(size=(4, 3))
    policy, one_hot = table_policy(theta).to(dtype), torch.eye(4, dtype=dtype)
    advantages = torch.as_tensor(mdp.advantages(theta), dtype=dtype)
    g = flat_gradient((torch.softmax(policy(one_hot), -1) * advantages).sum(-1).mean() / 0.2, trainable(policy))
    rtol = 1e-8 if dtype == torch.float64 else 1e-3
    close(as_table(g, theta), mdp.gradient(theta).ravel(), rtol=rtol, atol=1e-6 * rtol / 1e-8 * 1e-2)
    x = fisher_operator(policy, one_hot).solve(g, iterations=40)[0]
    natural = mdp.natural_gradient(theta).ravel()
    assert np.linalg.norm(as_table(x, theta) - natural) < rtol * np.linalg.norm(natural)


def test_states_count_as_often_as_they_were_visited():
    theta, visits = np.random.default_rng(2).normal(size=(4, 3)), [3, 0, 1, 6]
    observations = torch.eye(4, dtype=torch.float64).repeat_interleave(torch.tensor(visits), dim=0)
    matrix = fisher_operator(table_policy(theta), observations).matrix().numpy()
    blocks = as_table(as_table(matrix, theta).T, theta).reshape(4, 3, 4, 3)
    expected = np.einsum("sab,st->satb", Categorical(logits=theta).fisher(), np.diag(visits) / 10)
    close(blocks, expected, atol=1e-14)


# --- refusals


def bad(**changes):
    """The call of fisher_operator with one argument changed."""
    policy, observations = problem("categorical")
    return fisher_operator(**{"policy": policy, "observations": observations, **changes})


def with_weights(value):
    policy = problem("categorical")[0]
    with torch.no_grad():
        policy.trunk[0].weight[0, 0] = value
    return policy


OUTPUTS = "observations and parameters must give finite outputs of the policy, got others."
REFUSED = {
    "unknown kind": (lambda: bad(kind="empirical"), "kind must be one of 'exact', 'sampled', got 'empirical'."),
    "negative damping": (lambda: bad(damping=-1e-3), "damping must be a finite number of 0 or more, got -0.001."),
    "damping nan": (lambda: bad(damping=math.nan), "damping must be a finite number of 0 or more, got nan."),
    "damping infinite": (lambda: bad(damping=math.inf), "damping must be a finite number of 0 or more, got inf."),
    "no observations": (
        lambda: bad(observations=torch.zeros(0, INPUTS)),
        "observations must have shape (N, d) with N of 1 or more, got (0, 4)."),
    "one observation without an axis": (
        lambda: bad(observations=torch.zeros(INPUTS)),
        "observations must have shape (N, d) with N of 1 or more, got (4,)."),
    "observations nan": (
        lambda: bad(observations=torch.full((2, INPUTS), math.nan, dtype=torch.float64)), OUTPUTS),
    "observations infinite": (
        lambda: bad(observations=torch.full((2, INPUTS), math.inf, dtype=torch.float64)), OUTPUTS),
    "parameters nan": (lambda: bad(policy=with_weights(math.nan)), OUTPUTS),
    "nothing to train": (
        lambda: bad(policy=problem("categorical")[0].requires_grad_(False)),
        "policy must have parameters that require gradients, got none."),
    "short vector": (
        lambda: bad() @ torch.zeros(3, dtype=torch.float64), "v must be a vector of 55 entries, got shape (3,)."),
    "matrix for a vector": (
        lambda: bad() @ torch.zeros(55, 1, dtype=torch.float64),
        "v must be a vector of 55 entries, got shape (55, 1)."),
    "gradient of another size": (
        lambda: bad().solve(torch.ones(3, dtype=torch.float64)),
        "v must be a vector of 55 entries, got shape (3,)."),
    "gradient nan": (
        lambda: bad().solve(torch.full((55,), math.nan)), "b must be finite, got entries that are not."),
    "no iterations": (
        lambda: bad().solve(torch.ones(55), 0), "iterations must be an integer of 1 or more, got 0."),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_argument_is_named_in_one_sentence(case):
    call, sentence = REFUSED[case]
    with pytest.raises(ValueError) as error:
        call()
    assert str(error.value) == sentence


def test_a_metric_that_is_not_positive_is_refused():
    policy, observations = problem("categorical")
    operator = FisherOperator(policy(observations), trainable(policy), lambda u: -u)
    with pytest.raises(np.linalg.LinAlgError, match=r"^matvec must be .* got v'Av = -\S+ in iteration 0\.$"):
        operator.solve(draws(0, operator.size)[0])
