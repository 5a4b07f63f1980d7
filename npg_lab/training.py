"""Training with progress, checkpoints that a run can go on from, and evaluation."""

import os
from pathlib import Path

import numpy as np
import torch
from tqdm.auto import tqdm

from .history import History
from .policies import check_fit
from .rollout import Sampler, make_environments
from .validation import at_least_one, zero_or_more

EVALUATION = 1


def train(agent, env_id, steps, seed=0, evaluation=0, checkpoint=None, checkpoint_every=10, callback=None,
          progress=True):
    """Let an agent learn.

    Every number of a run follows from the agent's arguments and `seed`. All environments begin new episodes
    every `checkpoint_every` iterations, whether or not a checkpoint is written there; so a run that was
    interrupted and goes on has the same numbers as one that was not. (A run that had come to its end and is
    given more steps begins new episodes there.)

    Networks as small as these are faster on one thread: `torch.set_num_threads(1)`.

    Parameters
    ----------
    agent : Agent
    env_id : str
        A registered Gymnasium environment.
    steps : int
        Stop after the iteration that reaches so many environment steps.
    seed : int
    evaluation : int
        Episodes played after each iteration for the column "evaluation", the mean of their returns (with
        sampled actions, not learnt from, not counted as steps); none by default.
    checkpoint : path, optional
        A file that is replaced, in one move, every `checkpoint_every` iterations and when `steps` is reached.
        If it exists, training goes on from it.
    checkpoint_every : int
    callback : callable, optional
        Called as `callback(agent, history)` after each iteration; training stops if it returns True.
    progress : bool
        Whether to show a progress bar.

    Returns
    -------
    History

    Raises
    ------
    ValueError
        For an unknown environment, one that the agent does not fit, numbers from it that are not finite, and
        a checkpoint that is damaged or of another agent, environment or seed.
    """
    at_least_one("steps", steps), zero_or_more("evaluation", evaluation)
    checkpoint_every, seed = at_least_one("checkpoint_every", checkpoint_every), zero_or_more("seed", seed)
    run = {"env_id": env_id, "seed": seed, "agent": type(agent).__name__, "checkpoint_every": checkpoint_every}
    _ensure_built(agent, env_id, seed)
    history = _resume(agent, checkpoint, run)
    done = int(history["steps"][-1]) if len(history) else 0
    episodes, sampler = int(history["episodes"][-1]) if len(history) else 0, None
    with tqdm(total=steps, initial=done, unit="step", disable=not progress) as bar:
        try:
            while done < steps:
                if sampler is None or agent.iteration % checkpoint_every == 0:
                    sampler = _fresh(sampler, env_id, agent, seed)
                row = _iterate(agent, sampler, seed)
                done, episodes = done + row["steps"], episodes + row["episodes"]
                row.update(steps=done, episodes=episodes)
                if evaluation:
                    row["evaluation"] = float(_play(agent, env_id, evaluation, seed).mean())
                history.append(row)
                bar.update(min(done, steps) - bar.n)
                bar.set_postfix({"return": f"{row['return']:.1f}"})
                if checkpoint is not None and (agent.iteration % checkpoint_every == 0 or done >= steps):
                    save(checkpoint, agent, history, run)
                if callback is not None and callback(agent, history):
                    break
        finally:
            if sampler is not None:
                sampler.close()
    return history


def evaluate(agent, env_id, episodes=32, seed=0, deterministic=False):
    """Returns of whole episodes that are not learnt from.

    Parameters
    ----------
    agent : Agent
    env_id : str
    episodes : int
        Each in an environment of its own, side by side, so that short ones are not preferred.
    seed : int
    deterministic : bool
        Whether to take the most probable actions rather than to sample.

    Returns
    -------
    array (episodes,)
    """
    at_least_one("episodes", episodes), zero_or_more("seed", seed)
    _ensure_built(agent, env_id, seed)
    return _play(agent, env_id, episodes, seed, deterministic)


def _play(agent, env_id, episodes, seed, deterministic=False):
    """Returns of the first episode in each of so many environments."""
    generator = _generator(agent, seed, agent.iteration, EVALUATION)
    sampler = Sampler(env_id, episodes, _seed(seed, agent.iteration, EVALUATION))
    total, running = np.zeros(episodes), np.ones(episodes, dtype=bool)
    while running.any():
        step = sampler.collect(lambda seen: agent.act(seen, generator, deterministic), 1)
        total += np.where(running, step.rewards[0], 0.0)
        running &= ~step.done[0]
    sampler.close()
    return total


def save(path, agent, history, run):
    """Write a checkpoint; the file at `path` is the old one or the new one whole, never a part."""
    path = Path(path)
    new = path.with_name(path.name + ".new")
    with open(new, "wb") as file:
        torch.save({"agent": agent.state_dict(), "rows": history.rows, "run": run}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def load(path, agent):
    """Take an agent's state from a checkpoint; returns the history and the run's description.

    Raises
    ------
    ValueError
        For a file that is damaged or no checkpoint, or an agent of another architecture; the agent then
        stays as it was.
    """
    state, history, run = _read(path, agent.device)
    agent.load_state_dict(state)
    return history, run


def _read(path, device):
    """The agent's state, the history and the run's description that a checkpoint holds."""
    try:
        content = torch.load(path, map_location=device, weights_only=True)
        return dict(content["agent"]), History(content["rows"]), content["run"]
    except FileNotFoundError:
        raise
    except Exception as error:  # a damaged file can fail anywhere
        raise ValueError(f"checkpoint must be a whole file that train wrote, got {path} "
                         f"({type(error).__name__}).") from None


def _resume(agent, checkpoint, run):
    """The history so far: of the checkpoint if it exists, whose state the agent takes; else empty."""
    if checkpoint is None:
        return History()
    if not Path(checkpoint).parent.is_dir():
        raise ValueError(f"checkpoint must lie in a directory that exists, got {checkpoint}.")
    if not Path(checkpoint).exists():
        return History()
    state, history, found = _read(checkpoint, agent.device)
    if found != run:
        raise ValueError(f"checkpoint must be of the run {run}, got one of {found}.")
    agent.load_state_dict(state)
    return history


def _ensure_built(agent, env_id, seed):
    """Make the agent's networks for the environment, or see that they fit it."""
    environments = make_environments(env_id, 1)
    spaces = environments.single_observation_space, environments.single_action_space
    environments.close()
    if agent.built:
        check_fit(agent.policy, *spaces)
    else:
        agent.build(*spaces, seed)


def _fresh(sampler, env_id, agent, seed):
    """Environments at the start of new episodes."""
    if sampler is not None:
        sampler.close()
    return Sampler(env_id, agent.environments, _seed(seed, agent.iteration))


def _iterate(agent, sampler, seed):
    """Collect a batch and learn from it; the row of the history, with this iteration's steps and episodes."""
    generator, ended = _generator(agent, seed, agent.iteration), len(sampler.returns)
    length = max(2, -(-agent.batch // agent.environments))  # a first step can be a reset
    rollout = sampler.collect(lambda seen: agent.act(seen, generator), length)
    report = agent.update(rollout, torch.Generator().manual_seed(_seed(seed, agent.iteration)))
    returns = sampler.returns[ended:]
    mean = float(np.mean(returns)) if returns else float("nan")
    return {"steps": rollout.steps, "episodes": len(returns), "return": mean, **report}


def _seed(*numbers):
    """One seed from several numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _generator(agent, *numbers):
    return torch.Generator(agent.device).manual_seed(_seed(*numbers))
