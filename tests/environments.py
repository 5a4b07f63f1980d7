"""Small Gymnasium environments whose episodes are known, registered under npg-tests."""

from typing import ClassVar

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.classic_control.cartpole import CartPoleVectorEnv
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from npg_lab.problems import TabularMDP, garnet

LIMIT = 4  # steps of the counter before it is cut off
BANDIT = TabularMDP(np.ones((1, 3, 1)), [[0.0, 1.0, 0.5]], 0.0, [1.0])
GARNET = garnet(4, 3, 2, np.random.default_rng(5), discount=0.8)


class Counter(gymnasium.Env):
    """Observes [episodes begun, steps in this one], both from 0; action 1 ends an episode, action 0 does not.

    A step pays 1 + (steps before it), and 100 more if it ends the episode.
    """

    observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
    action_space = spaces.Discrete(2)
    episode = -1

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.episode, self.steps = self.episode + 1, 0
        return self._seen(), {}

    def step(self, action):
        self.steps += 1
        return self._seen(), self.steps + 100.0 * action, bool(action == 1), False, {}

    def _seen(self):
        return np.array([self.episode, self.steps], dtype=np.float32)


class Tabular(gymnasium.Env):
    """A TabularMDP whose episodes end after each step with probability 1 - γ, so that nothing need be discounted.

    States are numbered from `first_state`, actions from `first_action`.
    """

    def __init__(self, mdp, first_state=0, first_action=0):
        self.mdp, self.first = mdp, (first_state, first_action)
        self.observation_space = spaces.Discrete(mdp.states, start=first_state)
        self.action_space = spaces.Discrete(mdp.actions, start=first_action)
        self.laws = mdp.transitions.cumsum(axis=-1)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = self._draw(self.mdp.start.cumsum())
        return self.state + self.first[0], {}

    def step(self, action):
        at = (self.state, action - self.first[1])
        self.state = self._draw(self.laws[at])
        ended = bool(self.np_random.random() >= self.mdp.discount)
        return self.state + self.first[0], float(self.mdp.rewards[at]), ended, False, {}

    def _draw(self, law):
        return min(int(np.searchsorted(law, self.np_random.random(), side="right")), len(law) - 1)


class TabularVector(gymnasium.vector.VectorEnv):
    """The same for many copies at once."""

    metadata: ClassVar = {"autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(self, num_envs, mdp):
        self.num_envs, self.mdp = num_envs, mdp
        self.single_observation_space = spaces.Discrete(mdp.states)
        self.single_action_space = spaces.Discrete(mdp.actions)
        self.observation_space = spaces.MultiDiscrete([mdp.states] * num_envs)
        self.action_space = spaces.MultiDiscrete([mdp.actions] * num_envs)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.states = self._draw(np.tile(self.mdp.start, (self.num_envs, 1)))
        self.ended = np.zeros(self.num_envs, dtype=bool)
        return self.states, {}

    def step(self, actions):
        at, before = (self.states, actions), self.ended
        laws = np.where(before[:, None], self.mdp.start, self.mdp.transitions[at])
        self.states = self._draw(laws)
        self.ended = ~before & (self.np_random.random(self.num_envs) >= self.mdp.discount)
        return self.states, np.where(before, 0.0, self.mdp.rewards[at]), self.ended, np.zeros_like(before), {}

    def _draw(self, laws):
        below = laws.cumsum(axis=-1) <= self.np_random.random((self.num_envs, 1))
        return np.minimum(below.sum(axis=-1), self.mdp.states - 1)


class Echo(gymnasium.Env):
    """Observes the last action that it was given, which is its reward too if it is one number."""

    def __init__(self, low, high):
        self.action_space = spaces.Box(np.float32(low), np.float32(high), dtype=np.float32)
        self.observation_space = spaces.Box(-np.inf, np.inf, self.action_space.shape, np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(self.action_space.shape, np.float32), {}

    def step(self, action):
        return np.array(action, np.float32), float(action.sum()), False, False, {}


class Broken(Echo):
    """Gives an observation or a reward that is no number with its fourth step."""

    def __init__(self, part, value):
        super().__init__([-1.0], [1.0])
        self.part, self.value, self.steps = part, value, 0

    def step(self, action):
        observation, reward, *rest = super().step(action)
        self.steps += 1
        if self.steps == 4 and self.part == "reward":
            reward = self.value
        if self.steps == 4 and self.part == "observation":
            observation[:] = self.value
        return observation, reward, *rest


class Odd(gymnasium.Env):
    """Spaces that no policy fits."""

    def __init__(self, observation_space, action_space):
        self.observation_space, self.action_space = observation_space, action_space


def same_step(num_envs, **options):
    """Counters that begin the next episode within the last step of the one before."""
    return SyncVectorEnv([Counter] * num_envs, autoreset_mode=AutoresetMode.SAME_STEP)


LINE, COIN = spaces.Box(-1, 1, (1,)), spaces.Discrete(2)
ENTRIES = {
    "Counter": (Counter, {}),
    "Bandit": (Tabular, {"mdp": BANDIT}),
    "Garnet": (Tabular, {"mdp": GARNET}),
    "Twin": (Tabular, {"mdp": garnet(4, 3, 2, np.random.default_rng(6), discount=0.8)}),
    "Shifted": (Tabular, {"mdp": GARNET, "first_state": -2, "first_action": 5}),
    "Bounded": (Echo, {"low": [-2.0, 0.0], "high": [2.0, 10.0]}),
    "Unbounded": (Echo, {"low": [-np.inf, -np.inf], "high": [np.inf, np.inf]}),
    "HalfBounded": (Echo, {"low": [0.0, -3.0], "high": [np.inf, 3.0]}),
    "NanReward": (Broken, {"part": "reward", "value": np.nan}),
    "InfReward": (Broken, {"part": "reward", "value": np.inf}),
    "NanObservation": (Broken, {"part": "observation", "value": np.nan}),
    "DictObservation": (Odd, {"observation_space": spaces.Dict(line=LINE), "action_space": COIN}),
    "ManyActions": (Odd, {"observation_space": LINE, "action_space": spaces.MultiDiscrete([2, 3])}),
    "SquareActions": (Odd, {"observation_space": LINE, "action_space": spaces.Box(-1, 1, (2, 2))}),
}
for name, (entry, arguments) in ENTRIES.items():
    limit = LIMIT if entry is Counter else None
    gymnasium.register(f"npg-tests/{name}-v0", entry, max_episode_steps=limit, kwargs=arguments)
gymnasium.register(
    "npg-tests/FastGarnet-v0", Tabular, vector_entry_point=TabularVector, kwargs={"mdp": GARNET})
gymnasium.register(
    "npg-tests/SameStep-v0", Counter, vector_entry_point=same_step, max_episode_steps=LIMIT)
gymnasium.register(
    "npg-tests/ShortPole-v0", "gymnasium.envs.classic_control.cartpole:CartPoleEnv", max_episode_steps=12,
    vector_entry_point=CartPoleVectorEnv)
