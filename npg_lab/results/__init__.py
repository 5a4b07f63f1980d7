"""Learning curves of the four agents, committed as tables; `python -m npg_lab.results` makes them again."""

import csv
from importlib import resources

import numpy as np

from ..validation import one_of

ENVIRONMENTS = ("CartPole-v1", "Acrobot-v1", "Pendulum-v1")


def learning_curves(env_id):
    """The committed learning curves of all agents in one environment.

    Parameters
    ----------
    env_id : {"CartPole-v1", "Acrobot-v1", "Pendulum-v1"}

    Returns
    -------
    dict of str to array (rows,)
        "agent" and "seed"; "steps", the environment steps taken so far; and "evaluation", the mean return of
        fresh episodes with sampled actions. One row for each iteration of each run.
    """
    one_of("env_id", env_id, ENVIRONMENTS)
    with resources.files(__package__).joinpath(f"{env_id}.csv").open() as file:
        rows = list(csv.DictReader(file))
    kinds = {"agent": str, "seed": int, "steps": int, "evaluation": float}
    return {name: np.array([row[name] for row in rows]).astype(kind) for name, kind in kinds.items()}
