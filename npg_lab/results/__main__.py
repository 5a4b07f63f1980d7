"""Train every agent with every seed and write the tables: `python -m npg_lab.results [env_id …]`, or of all."""

import csv
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import torch
from tqdm import tqdm

from .. import agents
from ..training import train
from ..validation import one_of
from .settings import EPISODES, SEEDS, SETTINGS, STEPS

FOLDER = Path(__file__).parent
COLUMNS = ("agent", "seed", "steps", "evaluation")


def curve(env_id, agent, seed):
    """Rows of one run."""
    torch.set_num_threads(1)
    learner = getattr(agents, agent)(**SETTINGS[env_id][agent])
    history = train(learner, env_id, STEPS[env_id], seed, evaluation=EPISODES[env_id], progress=False)
    pairs = zip(history["steps"], history["evaluation"], strict=True)
    return [(agent, seed, int(steps), round(float(value), 2)) for steps, value in pairs]


def write(env_id, rows):
    """The table of one environment, sorted by agent (in the order of the settings), seed and steps."""
    order = list(SETTINGS[env_id])
    with open(FOLDER / f"{env_id}.csv", "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        table.writerows(sorted(rows, key=lambda row: (order.index(row[0]), *row[1:])))


def main(env_ids):
    chosen = [one_of("env_id", env_id, tuple(SETTINGS)) for env_id in env_ids] or list(SETTINGS)
    runs = [(env_id, agent, seed) for env_id in chosen for agent in SETTINGS[env_id] for seed in range(SEEDS)]
    rows = {env_id: [] for env_id in chosen}
    with ProcessPoolExecutor() as pool:
        waiting = {pool.submit(curve, *run): run[0] for run in runs}
        for run in tqdm(as_completed(waiting), total=len(runs), unit="run"):
            rows[waiting[run]] += run.result()
    for env_id in rows:
        write(env_id, rows[env_id])


if __name__ == "__main__":
    main(sys.argv[1:])
