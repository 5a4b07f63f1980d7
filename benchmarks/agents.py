"""Environment steps and seconds until an agent has learnt, beside other libraries.

Run as `python -m benchmarks.agents` (or `make bench`). An agent has learnt at the first evaluation whose mean
return reaches the goal. All are evaluated in one way: after the first update at least 750 steps since the last
evaluation, by whole episodes with sampled actions, each in an environment of its own. Seconds, of the clock and of
the processor, are of training alone, on one thread, one run at a time; those of evaluations are left out.
"""

import argparse
import math
import sys
import warnings
from time import perf_counter, process_time
from typing import NamedTuple

import numpy as np
import torch
from gymnasium.spaces import Discrete
from tqdm import tqdm

from benchmarks import peers
from npg_lab.agents import NPGAgent
from npg_lab.results.settings import SETTINGS
from npg_lab.rollout import make_environments
from npg_lab.training import train

EVERY = 750  # fewest steps between evaluations
ROW = "{:34} {:>8} {:>9} {:>9} {:>11} {:>9} {:>13}"


class Goal(NamedTuple):
    """A mean return over so many episodes, and how many steps an agent has to get there."""

    mean: float
    episodes: int
    steps: int


GOALS = {"CartPole-v1": Goal(475, 32, 100_000), "Pendulum-v1": Goal(-250, 100, 200_000)}
BARS = {"CartPole-v1": ("all", "≤ 14000", "≤ 30000", "≤ 5.0", "", ""),
        "Pendulum-v1": ("all", "≤ 57000", "", "", "", "")}


def clocks():
    """Seconds of the clock and of the processor."""
    return np.array([perf_counter(), process_time()])


class Judge:
    """Evaluates policies as they come, with its clocks stopped, until one has reached the goal."""

    def __init__(self, env_id, seed):
        self.goal, self.seed = GOALS[env_id], seed
        self.environments = make_environments(env_id, self.goal.episodes)
        self.learnt_at, self.due, self.seconds = math.inf, EVERY, np.zeros(2)
        self.since = clocks()

    def __call__(self, steps, act):
        """Take note of a new policy; True when training may stop."""
        self.seconds += clocks() - self.since
        if steps >= self.due:
            self.due = steps + EVERY
            if self.returns(act).mean() >= self.goal.mean:
                self.learnt_at = steps
        self.since = clocks()
        return self.learnt_at < math.inf

    def returns(self, act):
        """The return of the first episode in each environment."""
        seen, _ = self.environments.reset(seed=self.seed)
        total, running = np.zeros(self.goal.episodes), np.ones(self.goal.episodes, dtype=bool)
        while running.any():
            seen, rewards, terminated, truncated, _ = self.environments.step(act(seen))
            total += rewards * running
            running &= ~(terminated | truncated)
        return total


def npg_agent(env_id, seed, steps, judge):
    """Our `NPGAgent` with the arguments of the course's results."""
    def after_update(agent, history):
        return judge(int(history["steps"][-1]), lambda seen: in_units_of(space, agent.act(seen)))

    space = judge.environments.single_action_space
    train(NPGAgent(**SETTINGS[env_id]["NPGAgent"]), env_id, steps, seed, callback=after_update, progress=False)


def in_units_of(space, actions):
    """An agent's actions for the environment: its box is [-1, 1]."""
    if isinstance(space, Discrete):
        return actions
    return space.low + (np.clip(actions, -1, 1) + 1) / 2 * (space.high - space.low)


LEARNERS = {
    "CartPole-v1": {
        "npg_lab NPGAgent": npg_agent,
        "sb3-contrib TRPO, defaults": peers.sb3_trpo,
        "Tianshou NPG, tuned": peers.learn_tianshou_npg,
        "stable-baselines3 PPO, tuned": peers.sb3_ppo,
    },
    "Pendulum-v1": {
        "npg_lab NPGAgent": npg_agent,
        "Tianshou NPG, tuned": peers.learn_tianshou_npg,
        "stable-baselines3 PPO, tuned": peers.sb3_ppo,
    },
}


def compare(env_id, seeds):
    """Run all learners with all seeds, taking turns, and print the table of one environment."""
    goal, runs = GOALS[env_id], {name: [] for name in LEARNERS[env_id]}
    with tqdm(total=seeds * len(runs), desc=env_id, unit="run", leave=False) as bar:
        for seed in range(seeds):
            for name, learn in LEARNERS[env_id].items():
                judge = Judge(env_id, seed)
                learn(env_id, seed, goal.steps, judge)
                runs[name].append((judge.learnt_at, *judge.seconds))
                bar.write(f"{name}, seed {seed}: {whole(judge.learnt_at)} steps", file=sys.stderr)
                bar.update()
    print(f"{env_id}: until {goal.episodes} episodes average {goal.mean} or more, at most {goal.steps} steps")
    print(ROW.format("", "learnt", "steps", "worst", "seconds", "worst", "of processor"))
    for name, results in runs.items():
        steps, seconds, processor = np.array(results).T
        learnt = f"{np.isfinite(steps).sum()}/{seeds}"
        print(ROW.format(name, learnt, whole(np.median(steps)), whole(steps.max()), f"{np.median(seconds):.1f}",
                         f"{seconds.max():.1f}", f"{np.median(processor):.1f}"))
    print(ROW.format("bar for npg_lab", *BARS[env_id]) + "\n", flush=True)


def whole(steps):
    """A number of steps as text; a dash if it was not reached."""
    return f"{steps:.0f}" if math.isfinite(steps) else "—"


def main():
    """Print one table for each environment."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--env", choices=list(GOALS), nargs="+", default=list(GOALS))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for env_id in arguments.env:
        compare(env_id, arguments.seeds)


if __name__ == "__main__":
    with warnings.catch_warnings(action="ignore"):
        main()
