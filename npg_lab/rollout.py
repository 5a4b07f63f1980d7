r"""Batches of experience from vectorised Gymnasium environments, and the advantages of their actions.

Time runs along the first axis of every array, environments along the second. Environments follow
Gymnasium's next-step rule: the step after the end of an episode ignores the action and returns the first
observation of the next one. Such a step is no transition; it is marked as not `valid`.
"""

from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode

from .policies import observation_size
from .validation import at_least_one, unit_interval


@dataclass(frozen=True)
class Rollout:
    r"""T steps in each of N environments.

    Attributes
    ----------
    observations : array (T + 1, N, d)
        The last row follows the last action. After an episode's last action comes its final observation.
    actions : array (T, N) of int, or (T, N, m)
        As the policy chose them, before they were scaled and clipped to the box of the environment.
    rewards : array (T, N)
    terminated, truncated : bool arrays (T, N)
        Whether the episode ended here by its own rules, or was cut off by a time limit.
    valid : bool array (T, N)
        Whether this step is a transition of an episode.
    """

    observations: np.ndarray
    actions: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    truncated: np.ndarray
    valid: np.ndarray

    @property
    def steps(self):
        """How many transitions there are."""
        return int(self.valid.sum())

    @property
    def done(self):
        """Whether an episode ended with this step, in either way; (T, N)."""
        return self.terminated | self.truncated


def make_environments(env_id, count):
    """`count` copies of a registered environment, by its own vectorised version if there is one.

    Raises
    ------
    ValueError
        For an unknown id, and for spaces that no policy here fits.
    """
    at_least_one("environments", count)
    try:
        spec = gymnasium.spec(env_id)
        mode = "vector_entry_point" if spec.vector_entry_point else "sync"
        environments = gymnasium.make_vec(env_id, count, vectorization_mode=mode)
        if environments.metadata.get("autoreset_mode") != AutoresetMode.NEXT_STEP:
            environments = gymnasium.make_vec(env_id, count, vectorization_mode="sync")
    except (gymnasium.error.Error, ImportError, TypeError, AttributeError) as error:
        raise ValueError(
            f"env_id must name a registered Gymnasium environment, got {env_id!r} ({error}).") from None
    observation_size(environments.single_observation_space)
    return environments


class Sampler:
    """Environments with an episode going on in each, and the returns of the episodes that ended.

    Parameters
    ----------
    env_id : str
    count : int
        Environments side by side.
    seed : int
    """

    def __init__(self, env_id, count, seed):
        self.environments = make_environments(env_id, count)
        self.observation_space = self.environments.single_observation_space
        self.action_space = self.environments.single_action_space
        self._observation = self._flat(self.environments.reset(seed=seed)[0])
        self._ended = np.zeros(count, dtype=bool)
        self._return, self._length = np.zeros(count), np.zeros(count, dtype=int)
        self.returns, self.lengths = [], []

    def collect(self, act, steps):
        """`steps` steps in every environment, with actions `act(observations)` for observations (N, d).

        Raises
        ------
        ValueError
            Where the environment returns an observation or a reward that is not finite.
        """
        at_least_one("steps", steps)
        count = len(self._ended)
        observations = np.empty((steps + 1, *self._observation.shape), dtype=np.float32)
        rewards, actions = np.empty((steps, count)), []
        terminated, truncated, valid = (np.empty((steps, count), dtype=bool) for _ in range(3))
        observations[0] = self._observation
        for t in range(steps):
            actions.append(act(observations[t]))
            seen, rewards[t], terminated[t], truncated[t], _ = self.environments.step(self._command(actions[t]))
            observations[t + 1], valid[t] = self._flat(seen), ~self._ended
            self._count_episodes(rewards[t], valid[t], terminated[t] | truncated[t])
        _refuse_nonfinite("observation", observations)
        _refuse_nonfinite("reward", rewards)
        self._observation = observations[-1]
        return Rollout(observations, np.array(actions), rewards, terminated, truncated, valid)

    def close(self):
        """Let go of the environments."""
        self.environments.close()

    def _flat(self, observations):
        if isinstance(self.observation_space, spaces.Discrete):
            return np.eye(self.observation_space.n, dtype=np.float32)[observations - self.observation_space.start]
        return np.asarray(observations, dtype=np.float32).reshape(len(observations), -1)

    def _command(self, actions):
        """The actions in the units of the environment: a policy's box is [-1, 1] if all its sides have bounds."""
        if isinstance(self.action_space, spaces.Discrete):
            return actions + self.action_space.start
        low, high = self.action_space.low, self.action_space.high
        if not self.action_space.is_bounded():
            return np.clip(actions, low, high).astype(self.action_space.dtype)
        return (low + (np.clip(actions, -1, 1) + 1) / 2 * (high - low)).astype(self.action_space.dtype)

    def _count_episodes(self, rewards, valid, done):
        self._return += np.where(valid, rewards, 0.0)
        self._length += valid
        self.returns += self._return[done].tolist()
        self.lengths += self._length[done].tolist()
        self._return[done], self._length[done] = 0.0, 0
        self._ended = done


def _refuse_nonfinite(name, array):
    wrong = np.argwhere(~np.isfinite(array))
    if len(wrong):
        found, (t, which) = array[tuple(wrong[0])], wrong[0][:2]
        raise ValueError(f"Every {name} must be finite, got {found} at step {t} of environment {which}.")


def advantages(rollout, values, discount, lam):
    r"""Generalised advantages of all steps of a rollout, shape (T, N); 0 where a step is not valid.

    .. math:: \hat A_t = \delta_t + \gamma\lambda\,(1 - \text{done}_t)\,\hat A_{t+1}, \qquad
              \delta_t = r_t + \gamma\,(1 - \text{terminated}_t)\,V(o_{t+1}) - V(o_t).

    A time limit and the end of the batch cut an episode off without ending it: there V(o_{t+1}) stands for
    the rewards that were not seen. Only a true end is worth nothing.

    Parameters
    ----------
    rollout : Rollout
    values : array (T + 1, N)
    discount, lam : float
        γ and λ, in [0, 1].
    """
    discount, lam = unit_interval("discount", discount), unit_interval("lam", lam)
    if np.shape(values) != (len(rollout.rewards) + 1, rollout.rewards.shape[1]):
        raise ValueError(f"values must have shape (T + 1, N), got {np.shape(values)}.")
    following = np.where(rollout.terminated, 0.0, values[1:])
    errors = np.where(rollout.valid, rollout.rewards + discount * following - values[:-1], 0.0)
    carry = np.where(rollout.valid & ~rollout.done, discount * lam, 0.0)
    result = np.empty_like(errors)
    ahead = np.zeros(errors.shape[1])
    for t in range(len(errors) - 1, -1, -1):
        ahead = errors[t] + carry[t] * ahead
        result[t] = ahead
    return result


def to_tensor(array, like):
    """An array as a tensor on the device of `like`: numbers in its precision, integers as they are."""
    tensor = torch.as_tensor(np.asarray(array), device=like.device)
    return tensor.to(like.dtype) if tensor.is_floating_point() else tensor
