"""Fisher-vector products, ten conjugate-gradient iterations and whole updates, beside other libraries.

Run as `python -m benchmarks.products` (or `make bench`). One thread, 64-64 tanh networks, 2048 observations. Times
are of the processor, which other programs disturb less than the clock. Tasks take turns in random order, ratios
are of medians of one run, and before anything is timed all products and solutions are checked against each other.

A product is measured in policy gradients: forward and backward through the mean of log π Â, as users of torch
write it, with `torch.distributions`.
"""
import argparse
import random
import warnings
from copy import copy, deepcopy
from functools import partial
from time import process_time

import numpy as np
import torch
from sb3_contrib import TRPO
from sb3_contrib.common.utils import conjugate_gradient_solver
from stable_baselines3.common.distributions import kl_divergence
from torch import nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters
from tqdm import trange

from benchmarks.peers import tianshou_npg
from npg_lab.agents import NPGAgent
from npg_lab.cg import conjugate_gradient
from npg_lab.curvature import fisher_operator, flat_gradient
from npg_lab.policies import CategoricalPolicy
from npg_lab.rollout import Rollout

BATCH, ITERATIONS, DAMPING = 2048, 10, 0.1  # the damping of both peers
PRODUCT_BAR, SOLVE_BAR, UPDATE_BAR = 0.75, 8.5, 0.5
ROW = "{:42} {:>10} {:>32}"


class Ours:
    """`npg_lab.curvature.fisher_operator`, kind "exact"."""

    def __init__(self, policy, observations):
        self.policy, self.observations = policy, observations

    def set_up(self):
        self.product = fisher_operator(self.policy, self.observations, damping=DAMPING).__matmul__

    def solve(self, g):
        return conjugate_gradient(self.product, g, ITERATIONS, tolerance=0.0)[0]


class Recomputed(Ours):
    """Double backprop of KL(π_old ‖ π), with the whole graph anew for every product."""

    def set_up(self):
        self.parameters = list(self.policy.parameters())

    def product(self, v):
        z = self.policy(self.observations)
        kl = self.policy.kl(z.detach(), z).mean()
        slope = parameters_to_vector(torch.autograd.grad(kl, self.parameters, create_graph=True))
        return flat_gradient(slope @ v, self.parameters) + DAMPING * v


class Functional(Ours):
    """`torch.func`: one jvp for every product, and a vjp that is kept."""

    def set_up(self):
        self.weights = {name: parameter.detach() for name, parameter in self.policy.named_parameters()}
        z, self.pull = torch.func.vjp(self.outputs, self.weights)
        self.metric = self.policy.output_fisher(z)

    def outputs(self, weights):
        return torch.func.functional_call(self.policy, weights, (self.observations,))

    def product(self, v):
        parts = v.split([weight.numel() for weight in self.weights.values()])
        tangent = {name: part.view_as(self.weights[name]) for name, part in zip(self.weights, parts, strict=True)}
        _, along = torch.func.jvp(self.outputs, (self.weights,), (tangent,))
        (back,) = self.pull(self.metric(along))
        return parameters_to_vector(back.values()) / len(along) + DAMPING * v


class Tianshou:
    """Tianshou's `NPG`: double backprop with the first gradient kept."""

    def __init__(self, policy, observations):
        self.npg, self.observations = tianshou_npg("CartPole-v1"), observations
        vector_to_parameters(parameters_to_vector(policy.parameters()), self.npg.policy.actor.parameters())

    def set_up(self):
        actor, dist_fn = self.npg.policy.actor, self.npg.policy.dist_fn
        with torch.no_grad():
            old = dist_fn(actor(self.observations)[0])
        kl = torch.distributions.kl_divergence(old, dist_fn(actor(self.observations)[0])).mean()
        self.slope = self.npg._get_flat_grad(kl, actor, create_graph=True)

    def product(self, v):
        return self.npg._MVP(v, self.slope)

    def solve(self, g):
        return self.npg._conjugate_gradients(g, self.slope, nsteps=ITERATIONS)


class SB3Contrib:
    """sb3-contrib's `TRPO`: the same, one tensor of parameters at a time; the policy gradient is in its set-up."""

    def __init__(self, policy, observations):
        self.trpo, self.observations = TRPO("MlpPolicy", "CartPole-v1", device="cpu"), observations
        actor = [value for name, value in self.trpo.policy.named_parameters() if "value" not in name]
        vector_to_parameters(parameters_to_vector(policy.parameters()), actor)
        self.actions = torch.zeros(len(observations))

    def set_up(self):
        with torch.no_grad():
            old = copy(self.trpo.policy.get_distribution(self.observations))  # it is one object, changed in place
        new = self.trpo.policy.get_distribution(self.observations)
        kl, objective = kl_divergence(new, old).mean(), new.log_prob(self.actions).mean()
        self.parameters, _, self.slope, _ = self.trpo._compute_actor_grad(kl, objective)

    def product(self, v):
        return self.trpo.hessian_vector_product(self.parameters, self.slope, v)

    def solve(self, g):
        return conjugate_gradient_solver(self.product, g, max_iter=ITERATIONS)


METHODS = {
    "npg_lab, cached double vjp": Ours,
    "double backprop, recomputed": Recomputed,
    "Tianshou NPG, cached double backprop": Tianshou,
    "sb3-contrib TRPO, hessian_vector_product": SB3Contrib,
    "torch.func, jvp + cached vjp": Functional,
}


def medians(tasks, rounds, in_a_row=3, before=lambda name: None):
    """Median seconds of each task; in every round all take turns, in random order."""
    times, rng = {name: [] for name in tasks}, random.Random(0)
    for _ in trange(rounds, leave=False):
        for name in rng.sample(list(tasks), len(tasks)):
            for _ in range(in_a_row):
                before(name)
                start = process_time()
                tasks[name]()
                times[name].append(process_time() - start)
    return {name: np.median(values) for name, values in times.items()}


def check_agreement(methods, g):
    """Stop unless every method gives the product and the solution that the first one gives."""
    reference, *others = methods.values()
    for method in others:
        for task, tolerance in (("product", 1e-4), ("solve", 1e-2)):
            ours, theirs = getattr(reference, task)(g), getattr(method, task)(g)
            error = torch.linalg.norm(theirs - ours) / torch.linalg.norm(ours)
            if not error <= tolerance:
                raise RuntimeError(f"{task} of {type(method).__name__} is {error:.1g} away from ours.")


def compare_products(rounds):
    """Print the table of products, and of ten iterations with their set-up."""
    torch.manual_seed(0)
    layers = nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 2)
    policy, observations = CategoricalPolicy(nn.Sequential(*layers)), torch.randn(BATCH, 4)
    actions, advantages = torch.randint(2, (BATCH,)), torch.randn(BATCH)

    def gradient():
        log_probs = torch.distributions.Categorical(logits=policy(observations)).log_prob(actions)
        return flat_gradient((log_probs * advantages).mean(), list(policy.parameters()))

    def set_up_and_solve(method):
        method.set_up()
        method.solve(g)

    g = 100 * gradient()  # so large that no absolute tolerance of a peer ends the ten iterations early
    methods = {name: method(policy, observations) for name, method in METHODS.items()}
    for method in methods.values():
        method.set_up()
    check_agreement(methods, g)
    tasks = {"gradient": gradient}
    tasks |= {(name, "product"): partial(method.product, g) for name, method in methods.items()}
    tasks |= {(name, "solve"): partial(set_up_and_solve, method) for name, method in methods.items()}
    seconds = medians(tasks, rounds)
    unit = seconds["gradient"]
    print(f"one policy gradient takes {1000 * unit:.2f} ms; in units of it:")
    print(ROW.format("", "product", f"{ITERATIONS} CG iterations with set-up"))
    for name in methods:
        print(ROW.format(name, *(f"{seconds[name, task] / unit:.2f}" for task in ("product", "solve"))))
    print(ROW.format("bar for npg_lab", f"≤ {PRODUCT_BAR}", f"≤ {SOLVE_BAR}"))


def compare_updates(rounds, batches=10):
    """Print the table of updates: ours and theirs from the same policy and batch, all through a training run."""
    trpo, agent = TRPO("MlpPolicy", "CartPole-v1", n_steps=BATCH, device="cpu", seed=0), NPGAgent(batch=BATCH)
    agent.build(trpo.observation_space, trpo.action_space)
    _, callback = trpo._setup_learn(batches * BATCH)
    times = {}
    for _ in range(batches):
        trpo.collect_rollouts(trpo.env, callback, trpo.rollout_buffer, BATCH)
        for name, seconds in update_times(trpo, agent, max(1, rounds // batches)).items():
            times.setdefault(name, []).append(seconds)
        trpo.train()
    milliseconds = {name: 1000 * np.median(values) for name, values in times.items()}
    print("\nmilliseconds of an update of:")
    print(ROW.format("", "policy", "policy and value function"))
    for label in ("npg_lab NPGAgent", "sb3-contrib TRPO"):
        print(ROW.format(label, *(f"{milliseconds[label, part]:.1f}" for part in ("policy", "both"))))
    ratios = (np.divide(times["npg_lab NPGAgent", part], times["sb3-contrib TRPO", part])
              for part in ("policy", "both"))
    print(ROW.format("median ratio", *(f"{np.median(ratio):.2f}" for ratio in ratios)))
    print(ROW.format("bar for the ratio", *[f"≤ {UPDATE_BAR}"] * 2))


def update_times(trpo, agent, rounds):
    """Median seconds of their update and ours with the batch in their buffer, without and with the value fit."""
    actor = [value for name, value in trpo.policy.named_parameters() if "value" not in name]
    vector_to_parameters(parameters_to_vector(actor).detach(), agent.policy.parameters())
    rollout = as_rollout(trpo)
    batch, critic_updates = agent.prepare(rollout), trpo.n_critic_updates
    state = deepcopy((agent.state_dict(), trpo.policy.state_dict(), trpo.policy.optimizer.state_dict()))

    def restore(task):
        agent.load_state_dict(state[0])
        trpo.policy.load_state_dict(state[1])
        trpo.policy.optimizer.load_state_dict(deepcopy(state[2]))
        trpo.n_critic_updates = 0 if task[1] == "policy" else critic_updates

    seconds = medians({
        ("npg_lab NPGAgent", "policy"): partial(agent.improve, batch, None),
        ("npg_lab NPGAgent", "both"): partial(agent.update, rollout),
        ("sb3-contrib TRPO", "policy"): trpo.train,
        ("sb3-contrib TRPO", "both"): trpo.train}, rounds, in_a_row=1, before=restore)
    restore((None, "both"))
    return seconds


def as_rollout(trpo):
    """The steps in sb3's buffer as a `Rollout`."""
    buffer = trpo.rollout_buffer
    ends = np.append(buffer.episode_starts[1:], [trpo._last_episode_starts], axis=0).astype(bool)
    never = np.zeros_like(ends)
    return Rollout(np.append(buffer.observations, [trpo._last_obs], axis=0), buffer.actions[:, :, 0].astype(int),
                   buffer.rewards, ends, never, ~never)


def main():
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200, help="times that every task is measured")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    compare_products(rounds)
    compare_updates(rounds)


if __name__ == "__main__":
    with warnings.catch_warnings(action="ignore"):
        main()
