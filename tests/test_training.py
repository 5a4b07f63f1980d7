"""Training runs that repeat, go on after any interruption, and refuse what is damaged; and their tables."""

import copy
import csv
import functools
import math
import os
import pickle
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import gymnasium
import IPython.display
import matplotlib
import numpy as np
import pytest
import torch
from environments import LIMIT
from test_agents import KINDS, SMALL, identical, plain

from npg_lab import training
from npg_lab.agents import PPO, TRPO, NPGAgent, Reinforce
from npg_lab.history import History, LiveView
from npg_lab.rollout import Sampler, make_environments
from npg_lab.training import evaluate, load, save, train

matplotlib.use("Agg")
TESTS = Path(__file__).parent
STEPS, EVERY = 6 * 64, 2  # six or seven iterations, a checkpoint after each two


def run(name, env_id="CartPole-v1", steps=STEPS, seed=1, agent=None, **arguments):
    """A short quiet run: the agent and the rows of its history."""
    agent = KINDS[name](**SMALL, normalise=True) if agent is None else agent
    history = train(agent, env_id, steps, seed, checkpoint_every=EVERY, progress=False, **arguments)
    return agent, history.rows


@functools.cache
def uninterrupted(name):
    return run(name, evaluation=2)


def same_rows(one, other):
    """Whether two tables have the same numbers; nan is itself."""
    def equal(a, b):
        return list(a) == list(b) and np.array_equal(list(a.values()), list(b.values()), equal_nan=True)

    return len(one) == len(other) and all(map(equal, one, other))


def stop_at(iteration, how):
    """A callback that ends training after so many iterations, by its answer or by an error."""
    def callback(agent, history):
        if len(history) == iteration and how == "error":
            raise OSError("the power is out")
        return len(history) == iteration

    return callback


# --- the same numbers ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", KINDS)
def test_a_run_follows_from_its_seed(name):
    agents, tables = zip(*(run(name, seed=seed, evaluation=2) for seed in (1, 1, 2)), strict=True)
    assert same_rows(tables[0], tables[1]) and identical(agents[0].state_dict(), agents[1].state_dict())
    assert not same_rows(tables[0], tables[2])
    assert not identical(agents[0].policy.state_dict(), agents[2].policy.state_dict())


@pytest.mark.parametrize("stop", [1, 3, 4])
@pytest.mark.parametrize("how", ["answer", "error"])
@pytest.mark.parametrize("name", KINDS)
def test_a_run_that_was_interrupted_goes_on_as_if_nothing_happened(tmp_path, name, how, stop):
    """Before the first checkpoint, between two, and just after one."""
    whole, rows = uninterrupted(name)
    checkpoint = tmp_path / "run.pt"
    try:
        run(name, evaluation=2, checkpoint=checkpoint, callback=stop_at(stop, how))
    except OSError as error:
        assert how == "error" and str(error) == "the power is out"
    assert checkpoint.exists() == (stop >= EVERY)
    agent, resumed = run(name, evaluation=2, checkpoint=checkpoint)
    assert same_rows(resumed, rows) and identical(agent.state_dict(), whole.state_dict())
    assert len(rows) >= 6 and [path.name for path in tmp_path.iterdir()] == ["run.pt"]


KILLED = """
import os, signal, sys
import environments
from test_agents import SMALL
from npg_lab.agents import PPO
from npg_lab.training import train

def kill(agent, history):
    if len(history) == 5:
        os.kill(os.getpid(), signal.SIGKILL)

train(PPO(**SMALL, normalise=True), "CartPole-v1", {steps}, 1, evaluation=2, checkpoint=sys.argv[1],
      checkpoint_every={every}, callback=kill, progress=False)
"""


def test_a_run_that_was_killed_goes_on_from_its_last_checkpoint(tmp_path):
    """kill -9 after five iterations: the fifth is lost, four are not."""
    checkpoint, code = tmp_path / "run.pt", KILLED.format(steps=STEPS, every=EVERY)
    killed = subprocess.run([sys.executable, "-c", code, checkpoint], env={**os.environ, "PYTHONPATH": str(TESTS)},
                            capture_output=True)
    assert killed.returncode == -signal.SIGKILL
    assert len(torch.load(checkpoint, weights_only=True)["rows"]) == 4
    whole, rows = uninterrupted("PPO")
    agent, resumed = run("PPO", evaluation=2, checkpoint=checkpoint)
    assert same_rows(resumed, rows) and identical(agent.state_dict(), whole.state_dict())


def test_a_finished_run_is_only_read(tmp_path):
    checkpoint = tmp_path / "run.pt"
    agent, rows = run("TRPO", checkpoint=checkpoint)
    content = checkpoint.read_bytes()
    again, read = run("TRPO", checkpoint=checkpoint, callback=lambda *_: pytest.fail("it trains"))
    assert same_rows(rows, read) and identical(agent.state_dict(), again.state_dict())
    assert checkpoint.read_bytes() == content


def test_numpy_numbers_are_as_good_as_others(tmp_path):
    checkpoint = tmp_path / "run.pt"
    run("Reinforce", seed=np.int64(1), steps=np.int64(STEPS), checkpoint=checkpoint, evaluation=np.int64(2),
        callback=stop_at(EVERY, "answer"))
    _, resumed = run("Reinforce", checkpoint=checkpoint, evaluation=2)
    assert same_rows(resumed, uninterrupted("Reinforce")[1])


# --- checkpoints --------------------------------------------------------------------------------------------

@pytest.fixture(scope="module")
def checkpoint_bytes(tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoints") / "run.pt"
    run("NPGAgent", checkpoint=path, steps=128)
    return path.read_bytes()


def half_written(content, file):
    file.write(b"half a checkpoint")
    raise OSError("No space left on device")


def fail(*_):
    raise OSError("Read-only file system")


@pytest.mark.parametrize(("where", "what", "failure"), [
    (torch, "save", half_written), (os, "replace", fail), (os, "fsync", fail)])
def test_a_checkpoint_that_cannot_be_written_leaves_the_old_one(monkeypatch, tmp_path, where, what, failure):
    checkpoint = tmp_path / "run.pt"
    run("NPGAgent", checkpoint=checkpoint, callback=stop_at(EVERY, "answer"))
    before = checkpoint.read_bytes()
    with monkeypatch.context() as patch, pytest.raises(OSError, match=r"No space left|Read-only"):
        patch.setattr(where, what, failure)
        run("NPGAgent", checkpoint=checkpoint)
    assert checkpoint.read_bytes() == before
    _, resumed = run("NPGAgent", checkpoint=checkpoint)
    assert same_rows(resumed, run("NPGAgent")[1])


def refused(checkpoint, agent, **arguments):
    """The sentence with which a run refuses to go on from a file; both agent and file stay as they were."""
    before = copy.deepcopy(agent.state_dict()) if agent.built else None
    content = checkpoint.read_bytes()
    with pytest.raises(ValueError) as error, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about the files
        run(None, agent=agent, checkpoint=checkpoint, **arguments)
    assert plain(error) and checkpoint.read_bytes() == content
    assert agent.iteration == 0 if before is None else identical(before, agent.state_dict())
    return str(error.value)


def a_trained(name="NPGAgent", seed=7, **arguments):
    return run(name, steps=128, seed=seed, agent=KINDS[name](**{**SMALL, "normalise": True, **arguments}))[0]


def damaged(content):
    """Files that are no whole checkpoint."""
    rng = np.random.default_rng(0)
    yield from (content[: int(share * len(content))] for share in (0.0, 0.001, 0.3, 0.7, 0.99, 0.9999))
    yield from (rng.bytes(size) for size in (1, 20, 1000))
    yield from (b"text\n" * 9, b"PK\x03\x04" + rng.bytes(200), content[100:], content[:99] + content[400:])
    yield from (pickle.dumps(value) for value in ({"agent": 1}, [1, 2], "text"))


def test_damaged_files_are_refused(checkpoint_bytes, tmp_path):
    agent, checkpoint = a_trained(), tmp_path / "run.pt"
    for content in damaged(checkpoint_bytes):
        checkpoint.write_bytes(content)
        sentence = refused(checkpoint, agent)
        assert sentence.startswith(f"checkpoint must be a whole file that train wrote, got {checkpoint} (")


@pytest.mark.parametrize("content", [
    {}, [1], 3, "text", torch.ones(3), {"agent": {}}, {"agent": 1, "rows": [], "run": {}},
    {"agent": {}, "rows": 5, "run": {}}])
def test_files_of_something_else_are_refused(content, tmp_path):
    checkpoint = tmp_path / "run.pt"
    torch.save(content, checkpoint)
    sentence = refused(checkpoint, a_trained())
    assert sentence.startswith(f"checkpoint must be a whole file that train wrote, got {checkpoint} (")


@pytest.mark.parametrize(("name", "arguments", "found"), [
    ("NPGAgent", {"seed": 2}, "'seed': 2, "), ("NPGAgent", {"env_id": "npg-tests/Counter-v0"}, "npg-tests/Co"),
    ("TRPO", {}, "'agent': 'TRPO'"), ("PPO", {}, "'agent': 'PPO'")])
def test_checkpoints_of_another_run_are_refused(checkpoint_bytes, tmp_path, name, arguments, found):
    checkpoint = tmp_path / "run.pt"
    checkpoint.write_bytes(checkpoint_bytes)
    sentence = refused(checkpoint, KINDS[name](**SMALL, normalise=True), **arguments)
    assert sentence.startswith("checkpoint must be of the run {") and found in sentence.split("got one of")[0]


def test_a_trained_agent_survives_the_checkpoint_of_another_run(checkpoint_bytes, tmp_path):
    checkpoint = tmp_path / "run.pt"
    checkpoint.write_bytes(checkpoint_bytes)
    assert "'seed': 1, " in refused(checkpoint, a_trained(), seed=9).split("got one of")[1]


def test_checkpoints_of_another_architecture_are_refused(checkpoint_bytes, tmp_path):
    checkpoint = tmp_path / "run.pt"
    checkpoint.write_bytes(checkpoint_bytes)
    for arguments in ({"hidden": (9,)}, {"hidden": (8, 8)}, {"hidden": ()}):
        sentence = refused(checkpoint, a_trained(**arguments))
        assert sentence.startswith("state must come from an agent of the same architecture, got another policy (")


class Intruder:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_loading_runs_no_code(tmp_path):
    checkpoint, trace = tmp_path / "run.pt", tmp_path / "trace"
    torch.save({"agent": Intruder(trace), "rows": [], "run": {}}, checkpoint)
    assert "UnpicklingError" in refused(checkpoint, a_trained())
    assert not trace.exists()
    torch.load(checkpoint, weights_only=False)
    assert trace.exists()  # it would have


def test_load_takes_the_state(checkpoint_bytes, tmp_path):
    checkpoint, agent = tmp_path / "run.pt", a_trained()
    checkpoint.write_bytes(checkpoint_bytes)
    history, description = load(checkpoint, agent)
    whole, rows = run("NPGAgent", steps=128)
    assert same_rows(history.rows, rows) and identical(agent.state_dict(), whole.state_dict())
    assert description == {"env_id": "CartPole-v1", "seed": 1, "agent": "NPGAgent", "checkpoint_every": EVERY}
    save(tmp_path / "copy.pt", agent, history, description)
    assert load(tmp_path / "copy.pt", a_trained())[1] == description
    with pytest.raises(FileNotFoundError, match=r"nothing\.pt"):
        load(tmp_path / "nothing.pt", agent)


def test_a_folder_that_does_not_exist_is_refused_at_once(tmp_path):
    checkpoint = tmp_path / "missing" / "run.pt"
    with pytest.raises(ValueError) as error:
        run("Reinforce", checkpoint=checkpoint, callback=lambda *_: pytest.fail("it trains"))
    assert str(error.value) == f"checkpoint must lie in a directory that exists, got {checkpoint}."


# --- the loop -----------------------------------------------------------------------------------------------

def test_rows_count_steps_and_episodes(monkeypatch):
    """Against what the samplers saw, of which there is a new one for each two iterations."""
    samplers, sampler = [], Sampler

    def watched(*arguments):
        samplers.append(sampler(*arguments))
        return samplers[-1]

    monkeypatch.setattr(training, "Sampler", watched)
    history = train(Reinforce(**SMALL), "npg-tests/Counter-v0", 300, checkpoint_every=2, progress=False)
    ended = [length for each in samplers for length in each.lengths]
    assert history["episodes"][-1] == len(ended) and max(ended) <= LIMIT
    assert np.all(np.diff(history["steps"]) > 0) and history["steps"][-1] >= 300 > history["steps"][-2]
    assert len(samplers) == math.ceil(len(history) / 2)
    weights = np.diff(history["episodes"], prepend=0)
    returns = [value for each in samplers for value in each.returns]
    assert weights @ history["return"] == pytest.approx(sum(returns))
    assert sum(ended) <= history["steps"][-1] <= sum(ended) + LIMIT * 4 * len(samplers)


def test_a_batch_of_one_step_still_holds_transitions():
    """Each second step of the bandit is a reset; no iteration may see nothing else."""
    agent = Reinforce(hidden=(), batch=1, environments=1)
    history = train(agent, "npg-tests/Bandit-v0", 5, progress=False)
    assert history["steps"].tolist() == [1, 2, 3, 4, 5]


def test_training_stops_where_the_callback_says():
    seen = []

    def callback(agent, history):
        seen.append((agent.iteration, len(history), history["kl"][-1]))
        return agent.iteration == 3

    agent, rows = run("NPGAgent", callback=callback)
    assert [numbers[:2] for numbers in seen] == [(1, 1), (2, 2), (3, 3)] and agent.iteration == len(rows) == 3
    assert seen[-1][2] == rows[-1]["kl"]


@pytest.mark.parametrize("name", KINDS)
def test_numbers_that_are_not_finite_stop_training(name, tmp_path):
    """The fourth step of the environment is bad: the first batch is refused, nothing is learnt or written."""
    for env_id, part in (("npg-tests/NanReward-v0", "reward"), ("npg-tests/NanObservation-v0", "observation")):
        agent = KINDS[name](**SMALL)
        with pytest.raises(ValueError, match=rf"^Every {part} must be finite, got nan at step [34] of environ"):
            run(name, env_id, agent=agent, checkpoint=tmp_path / "run.pt")
        fresh = KINDS[name](**SMALL)
        environments = make_environments(env_id, 1)
        fresh.build(environments.single_observation_space, environments.single_action_space, 1)
        assert identical(agent.state_dict(), fresh.state_dict()) and not any(tmp_path.iterdir())


@pytest.mark.parametrize("name", KINDS)
def test_agents_train_with_continuous_actions(name):
    _, rows = run(name, "Pendulum-v1", steps=128)
    assert len(rows) == 2 and all(np.isfinite(row["kl"]) and row["kl"] >= 0 for row in rows)
    assert np.isnan(rows[0]["return"]) and rows[0]["episodes"] == 0  # episodes of 200 steps


BAD = {
    "steps": ({"steps": 0}, "steps must be an integer of 1 or more, got 0."),
    "fractional steps": ({"steps": 1e4}, "steps must be an integer of 1 or more, got 10000.0."),
    "negative seed": ({"seed": -1}, "seed must be an integer of 0 or more, got -1."),
    "fractional seed": ({"seed": 0.5}, "seed must be an integer of 0 or more, got 0.5."),
    "evaluation": ({"evaluation": -1}, "evaluation must be an integer of 0 or more, got -1."),
    "checkpoint_every": ({"checkpoint_every": 0}, "checkpoint_every must be an integer of 1 or more, got 0."),
    "environment": ({"env_id": "Nowhere-v0"}, "env_id must name a registered Gymnasium environment, got "
                    "'Nowhere-v0' (Environment `Nowhere` doesn't exist.)."),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_refused(case):
    change, sentence = BAD[case]
    with pytest.raises(ValueError) as error:
        train(Reinforce(**SMALL), **{"env_id": "CartPole-v1", "steps": 10, "progress": False, **change})
    assert str(error.value).replace(" Did you mean: `Hopper`?", "") == sentence


def test_an_agent_of_one_environment_is_refused_by_another():
    agent = a_trained()
    before = copy.deepcopy(agent.state_dict())
    for call in (lambda: evaluate(agent, "Acrobot-v1", 2), lambda: train(agent, "Acrobot-v1", 10, progress=False)):
        with pytest.raises(ValueError) as error:
            call()
        assert plain(error) and str(error.value).startswith("policy must take observations of 6 numbers, got ")
        assert identical(before, agent.state_dict())


def test_progress_is_shown_or_not(capfd):
    train(Reinforce(**SMALL), "CartPole-v1", 128, progress=False)
    assert capfd.readouterr() == ("", "")
    train(Reinforce(**SMALL), "CartPole-v1", 128, progress=True)
    shown = capfd.readouterr().err
    assert "128/128" in shown and "return=" in shown


# --- evaluation ---------------------------------------------------------------------------------------------

def test_evaluation_returns_those_of_a_plain_loop():
    """The car without luck: where it starts is all that differs between episodes."""
    agent = run("NPGAgent", "Acrobot-v1", steps=64)[0]
    returns = evaluate(agent, "Acrobot-v1", episodes=3, seed=4, deterministic=True)
    first = training._seed(4, agent.iteration, training.EVALUATION)
    for i in range(3):
        environment, total, ended = gymnasium.make("Acrobot-v1"), 0.0, False
        seen, _ = environment.reset(seed=first + i)
        while not ended:
            action = agent.act(seen[None].astype(np.float32), deterministic=True)[0]
            seen, reward, terminated, truncated, _ = environment.step(action)
            total, ended = total + reward, terminated or truncated
        assert returns[i] == total


def test_evaluation_counts_one_whole_episode_each():
    """Of the counter: (1 + … + k) if it is cut off at k = 4, 100 more if it ends at k."""
    returns = evaluate(Reinforce(**SMALL), "npg-tests/Counter-v0", episodes=200)
    possible = {101, 103, 106, 110, 10}
    assert returns.shape == (200,) and set(returns.astype(int)) == possible
    assert np.mean(returns == 101) == pytest.approx(0.5, abs=0.12)  # a new policy is nearly uniform


def test_evaluation_does_not_change_the_agent():
    agent = a_trained("PPO")
    before, random = copy.deepcopy(agent.state_dict()), torch.random.get_rng_state()
    returns = [evaluate(agent, "CartPole-v1", 5, seed) for seed in (3, 3, 4)]
    np.testing.assert_array_equal(returns[0], returns[1])
    assert np.any(returns[0] != returns[2]) and identical(before, agent.state_dict())
    assert torch.equal(random, torch.random.get_rng_state())


def test_evaluation_during_training_teaches_nothing():
    (quiet, rows), (evaluated, more) = run("TRPO"), run("TRPO", evaluation=3)
    assert identical(quiet.state_dict(), evaluated.state_dict())
    assert all(1 <= row.pop("evaluation") <= 500 for row in more) and same_rows(rows, more)


@pytest.mark.parametrize("episodes", [0, -3, 2.0])
def test_evaluation_takes_a_count_of_episodes(episodes):
    with pytest.raises(ValueError) as error:
        evaluate(Reinforce(**SMALL), "CartPole-v1", episodes)
    assert str(error.value) == f"episodes must be an integer of 1 or more, got {episodes!r}."


# --- the table of a run -------------------------------------------------------------------------------------

ROWS = [{"steps": 64, "return": math.nan, "kl": 0.01}, {"steps": 128, "return": 20.5, "kl": 0.25},
        {"steps": 192, "return": 30.0, "kl": 0.125}]
SHARED = ["steps", "episodes", "return", "kl", "entropy", "value_loss"]


@pytest.mark.parametrize("name", KINDS)
def test_every_agent_fills_the_shared_columns(name):
    history = train(KINDS[name](**SMALL), "CartPole-v1", 64, evaluation=1, progress=False)
    assert set(SHARED) | {"evaluation"} <= set(history.columns)
    assert all(type(value) in (int, float) for row in history.rows for value in row.values())


def test_columns_are_arrays():
    history = History(ROWS)
    assert history.columns == ["steps", "return", "kl"] and len(history) == 3
    np.testing.assert_array_equal(history["kl"], [0.01, 0.25, 0.125])
    np.testing.assert_array_equal(history["return"], [math.nan, 20.5, 30.0])
    history.append({"steps": 256, "return": 1.0, "kl": 0.5})
    assert len(history) == 4 and history["steps"][-1] == 256 and len(ROWS) == 3


def test_an_unknown_column_is_refused():
    with pytest.raises(ValueError) as error:
        History(ROWS)["reward"]
    assert str(error.value) == "column must be one of 'steps', 'return', 'kl', got 'reward'."


def test_a_table_draws_itself():
    from matplotlib import pyplot

    figure, ax = pyplot.subplots()
    history = History(ROWS)
    assert history.plot(ax) is ax and history.plot(y="kl", x="return") is ax
    steps, kl = (line.get_xydata().tolist() for line in ax.lines)
    assert steps == [[128, 20.5], [192, 30.0]]  # without the iteration in which no episode ended
    assert kl[1:] == [[20.5, 0.25], [30.0, 0.125]]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("return", "kl")
    pyplot.close(figure)


def test_a_table_is_saved_as_csv(tmp_path):
    History(ROWS).save(tmp_path / "run.csv")
    with open(tmp_path / "run.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["steps", "return", "kl"]
    np.testing.assert_array_equal([[float(value) for value in row.values()] for row in rows],
                                  [list(row.values()) for row in ROWS])


def test_a_table_shows_itself():
    assert repr(History()) == "History (no iterations)" and len(History()["steps"]) == 0
    assert repr(History(ROWS)) == "History (3 iterations; last: steps 192, return 30, kl 0.125)"
    html = History(ROWS * 5)._repr_html_()
    assert html.count("<tr>") == 11 and html.count("<th>") == 3 and "<td>20.5</td>" in html


def test_counts_are_shown_whole():
    history = History([{"steps": 123_456, "return": 1 / 3}])
    assert repr(history) == "History (1 iterations; last: steps 123456, return 0.3333)"
    assert "<td>123456</td>" in history._repr_html_()


class Handle:
    """What display(..., display_id=True) returns: it remembers what it was given."""

    def __init__(self):
        self.figures = []

    def update(self, figure):
        self.figures.append(figure)


def test_the_live_view_draws_one_picture_again_and_again(monkeypatch):
    from matplotlib import pyplot

    shown, handle = [], Handle()

    def display(figure, **options):
        shown.append((figure, options))
        return handle

    monkeypatch.setattr(IPython.display, "display", display)
    view, before = LiveView("kl"), pyplot.get_fignums()
    _, rows = run("NPGAgent", callback=view)
    assert [options for _, options in shown] == [{"display_id": True}] and len(handle.figures) == len(rows) - 1
    curve = handle.figures[-1].axes[0].lines[0].get_xydata()
    np.testing.assert_array_equal(curve, [[row["steps"], row["kl"]] for row in rows])
    assert handle.figures[-1].axes[0].get_ylabel() == "kl" and pyplot.get_fignums() == before


@pytest.mark.parametrize("kind", [NPGAgent, TRPO, PPO, Reinforce])
def test_live_views_do_not_stop_training(kind, monkeypatch):
    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: Handle())
    history = train(kind(**SMALL), "CartPole-v1", 128, callback=LiveView(), progress=False)
    assert history["steps"][-1] >= 128
