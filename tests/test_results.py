"""The committed learning curves are whole, belong to the settings beside them, and carry what is said of them."""

import numpy as np
import pytest

from npg_lab import agents
from npg_lab.results import ENVIRONMENTS, learning_curves
from npg_lab.results.__main__ import curve, write
from npg_lab.results.settings import SEEDS, SETTINGS, STEPS
from npg_lab.training import train

GOALS = {"CartPole-v1": (475, 30_000), "Acrobot-v1": (-100, 60_000), "Pendulum-v1": (-250, 57_000)}


def runs(env_id, agent):
    """The steps and evaluations of each run of an agent."""
    table = learning_curves(env_id)
    for seed in range(SEEDS):
        rows = (table["agent"] == agent) & (table["seed"] == seed)
        yield table["steps"][rows], table["evaluation"][rows]


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_every_run_is_there_from_its_first_batch_to_the_last_step(env_id):
    batch = {"CartPole-v1": 768}.get(env_id, 2100)
    for agent in SETTINGS[env_id]:
        for steps, evaluation in runs(env_id, agent):
            assert 0 < steps[0] <= batch and np.all(np.diff(steps) > 0)
            assert STEPS[env_id] <= steps[-1] < STEPS[env_id] + batch
            assert np.isfinite(evaluation).all()


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
@pytest.mark.parametrize("agent", ["Reinforce", "NPGAgent", "TRPO", "PPO"])
def test_the_settings_are_those_of_the_table(env_id, agent):
    """The first batch is drawn before the first update: how many of its steps count follows from the settings."""
    learner = getattr(agents, agent)(**SETTINGS[env_id][agent])
    first = train(learner, env_id, steps=1, seed=3, progress=False)
    steps, _ = list(runs(env_id, agent))[3]
    assert first["steps"][0] == steps[0]


@pytest.mark.parametrize("env_id", ENVIRONMENTS)
def test_the_natural_gradient_agent_succeeds_with_every_seed(env_id):
    goal, limit = GOALS[env_id]
    arrivals = [steps[np.argmax(evaluation >= goal)] if np.any(evaluation >= goal) else np.inf
                for steps, evaluation in runs(env_id, "NPGAgent")]
    assert max(arrivals) <= limit


def test_a_table_is_written_in_the_order_of_the_settings(tmp_path, monkeypatch):
    monkeypatch.setattr("npg_lab.results.__main__.FOLDER", tmp_path)
    write("CartPole-v1", [("PPO", 1, 20, 3.0), ("NPGAgent", 0, 20, 2.0), ("NPGAgent", 0, 10, 1.5)])
    assert (tmp_path / "CartPole-v1.csv").read_text().splitlines() == [
        "agent,seed,steps,evaluation", "NPGAgent,0,10,1.5", "NPGAgent,0,20,2.0", "PPO,1,20,3.0"]


def test_the_rows_of_a_run(monkeypatch):
    monkeypatch.setitem(STEPS, "CartPole-v1", 800)
    rows = curve("CartPole-v1", "Reinforce", 0)
    assert [row[:2] for row in rows] == [("Reinforce", 0)] * 2
    assert rows[0][2] <= 768 < 800 <= rows[1][2] and all(8 <= row[3] <= 500 for row in rows)


def test_unknown_environment():
    with pytest.raises(ValueError, match=r"env_id must be one of 'CartPole-v1', .* got 'Ant-v5'\."):
        learning_curves("Ant-v5")
