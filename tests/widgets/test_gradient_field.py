"""GradientFieldExplorer as an object with traits, without a browser."""

import numpy as np
import pytest
import traitlets
from examples import ARMS, Hill, Slanted
from traits import assert_refuses, assert_takes_its_presets, assert_the_browser_sets, state_of

from npg_lab.problems import GaussianBandit, LinearQuadraticRegulator, Reparametrized, SoftmaxBandit, two_state_mdp
from npg_lab.widgets import GradientFieldExplorer
from npg_lab.widgets.gradient_field import GAUSSIAN_RULERS, THESE_AXES

STATE = {
    "start": [-1.5, 0.7], "rule": "rate", "kl": 0.2, "rate": 0.5, "damping": 3.0, "ruler": "(μ, σ²)", "step": 60,
}


def test_the_browser_sets_the_state_and_python_is_told():
    assert_the_browser_sets(GradientFieldExplorer(), STATE)


def test_arguments_are_the_state():
    presets = {"far": {"start": [2.0, 2.0]}}
    widget = GradientFieldExplorer(presets=presets, **STATE)
    assert state_of(widget, STATE) == STATE
    assert widget.presets == presets


REFUSED = [
    ("start", [0.0, 9.0], "start must lie inside [[-3.0, 3.0], [0.2, 2.5]], got [0.0, 9.0]."),
    ("start", [0.0], "start must lie inside [[-3.0, 3.0], [0.2, 2.5]], got [0.0]."),
    ("start", [np.nan, 1.0], "start must lie inside [[-3.0, 3.0], [0.2, 2.5]], got [nan, 1.0]."),
    ("rule", "fast", "rule must be one of 'kl', 'rate', got 'fast'."),
    ("kl", 0.0, "kl must lie from 0.0001 to 0.5, got 0.0."),
    ("kl", np.nan, "kl must lie from 0.0001 to 0.5, got nan."),
    ("rate", 11.0, "rate must lie from 0.001 to 10.0, got 11.0."),
    ("damping", -1.0, "damping must lie from 0.0 to 10.0, got -1.0."),
    ("step", 201, "step must lie from 0 to 200, got 201."),
]


@pytest.mark.parametrize(("name", "value", "sentence"), REFUSED)
def test_states_outside_the_range_are_refused_and_the_old_one_is_kept(name, value, sentence):
    made = "start must " if name == "start" else sentence  # a start is first read as a point
    assert_refuses(GradientFieldExplorer, name, value, sentence, made)


def test_ruler_must_be_one_of_those_offered():
    widget = GradientFieldExplorer()
    with pytest.raises(ValueError, match=r"^ruler must be one of 'these axes', .*'moments', got 'mine'\.$"):
        widget.ruler = "mine"
    assert widget.ruler == THESE_AXES


def test_state_of_the_wrong_type_is_refused():
    with pytest.raises(traitlets.TraitError, match="kl"):
        GradientFieldExplorer(kl="small")


def test_unknown_argument_is_refused():
    with pytest.raises(ValueError, match=r"^argument must be one of 'rule', .*, got 'speed'\.$"):
        GradientFieldExplorer(speed=1)


@pytest.mark.parametrize("problem", [SoftmaxBandit((1, 0.5, 0)), GaussianBandit(chart="natural")])
def test_problem_without_a_window_on_two_parameters_is_refused(problem):
    with pytest.raises(ValueError, match=r"^bounds must be \(\(low, high\), \(low, high\)\), got None"):
        GradientFieldExplorer(problem)


def test_problem_of_three_parameters_is_refused():
    problem = SoftmaxBandit((1, 0.5, 0), bounds=[(-1, 1)] * 3)
    with pytest.raises(ValueError, match=r"^bounds must be .* of a problem with two parameters, got .*\.$"):
        GradientFieldExplorer(problem)


@pytest.mark.parametrize("bounds", [((1, 1), (0, 1)), ((2, 1), (0, 1))])
def test_empty_window_is_refused(bounds):
    with pytest.raises(ValueError, match=r"^bounds must have low < high on each axis, got .*\.$"):
        GradientFieldExplorer(bounds=bounds)


def test_problem_without_the_methods_is_refused():
    with pytest.raises(ValueError, match=r"^problem must have the methods objective, .*, got str\.$"):
        GradientFieldExplorer("bandit", bounds=((0, 1), (0, 1)))


@pytest.mark.parametrize("method", ["objective", "gradient", "fisher"])
def test_method_of_the_wrong_shape_is_refused(method):
    wrong = type("Wrong", (Hill,), {method: lambda self, theta: np.ones((*theta.shape[:-1], 3))})()
    sentence = rf"^problem\.{method} must return shape \(.*\) for theta of shape \(2, 2\), got \(2, 3\)\.$"
    with pytest.raises(ValueError, match=sentence):
        GradientFieldExplorer(wrong)


def test_problem_that_is_not_finite_somewhere_in_the_window_is_refused():
    class Holed(Hill):
        def objective(self, theta):
            return np.where(theta[..., 0] > 1.5, np.nan, super().objective(theta))

    sentence = r"^problem\.objective must be finite in the whole window, got nan at \[.*\]\.$"
    with pytest.raises(ValueError, match=sentence):
        GradientFieldExplorer(Holed())


def test_start_is_in_the_lower_left_of_the_window_by_default():
    assert np.allclose(GradientFieldExplorer(Hill()).start, [-0.4, 0.8])


def test_rulers_are_charts_or_matrices():
    assert list(GradientFieldExplorer().rulers) == [THESE_AXES, *GAUSSIAN_RULERS]
    assert list(GradientFieldExplorer(ARMS).rulers) == [THESE_AXES]
    widget = GradientFieldExplorer(Hill(), rulers={"twice": 2 * np.eye(2)})
    assert widget.rulers == {THESE_AXES: [1, 0, 1], "twice": [0.25, 0, 0.25]}
    with pytest.raises(ValueError, match=r"^chart must be one of .*, got 'polar'\.$"):
        GradientFieldExplorer(rulers={"polar": "polar"})


def table(widget):
    return np.frombuffer(widget.table, "<f4").reshape(widget.nodes, widget.nodes, widget.channels)


@pytest.mark.parametrize(
    ("problem", "family", "channels"),
    [(GaussianBandit(), "gaussian", 8), (ARMS, "categorical", 9), (Slanted(), "gaussian", 8), (Hill(), "", 6)],
)
def test_table_holds_the_problem(problem, family, channels):
    widget = GradientFieldExplorer(problem)
    assert (widget.family, widget.channels, widget.names) == (family, channels, list(problem.names))
    x, y = (np.linspace(low, high, widget.nodes) for low, high in problem.bounds)
    theta = np.array([x[17], y[60]])
    entry = table(widget)[60, 17]
    expected = [problem.objective(theta), *problem.gradient(theta), *problem.fisher(theta)[[0, 0, 1], [0, 1, 1]]]
    np.testing.assert_allclose(entry[:6], expected, rtol=1e-6, atol=1e-7)
    if family:
        policy = problem.policy(theta)
        shape = policy.logits if family == "categorical" else [policy.mean, policy.std]
        np.testing.assert_allclose(entry[6:], shape, rtol=1e-6, atol=1e-6)


WITH_STATES = {"regulator": LinearQuadraticRegulator(0.9, 0.1, noise=0.3), "two states": two_state_mdp()}


@pytest.mark.parametrize("name", WITH_STATES)
def test_policies_of_a_few_states_give_the_mean_divergence(name):
    problem = WITH_STATES[name]
    low, high = np.transpose(problem.bounds)
    theta, other = np.random.default_rng(3).uniform(low, high, (2, 50, 2))
    for matrix in (np.eye(2), np.array([[2.0, 1.0], [0.0, -1.0]])):
        seen = Reparametrized(problem, matrix)
        (before, weights), (after, _) = seen.policies(theta @ matrix.T), seen.policies(other @ matrix.T)
        np.testing.assert_allclose((weights * before.kl(after)).sum(axis=-1), problem.kl(theta, other), rtol=1e-9)
        np.testing.assert_allclose(weights.sum(axis=-1), 1)
        assert seen.policy_names == problem.policy_names


@pytest.mark.parametrize(("name", "family"), [("regulator", "gaussian"), ("two states", "categorical")])
def test_table_holds_the_policy_of_each_state_and_the_weights(name, family):
    problem, widget = WITH_STATES[name], GradientFieldExplorer(WITH_STATES[name])
    assert (widget.family, widget.states, widget.channels) == (family, 2, 6 + 2 * 2 + 2)
    assert widget.policy_names == list(problem.policy_names)
    x, y = (np.linspace(low, high, widget.nodes) for low, high in problem.bounds)
    policy, weights = problem.policies(np.array([x[30], y[12]]))
    shape = policy.logits if family == "categorical" else np.stack([policy.mean, policy.std], axis=-1)
    np.testing.assert_allclose(table(widget)[12, 30, 6:], [*shape.ravel(), *weights], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", WITH_STATES)
def test_presets_of_a_problem_are_those_that_start_in_the_window(name):
    problem = WITH_STATES[name]
    widget = GradientFieldExplorer(problem)
    assert len(widget.presets) == 2
    assert_takes_its_presets(widget)
    x, y = problem.bounds
    assert GradientFieldExplorer(problem, bounds=((x[0], 0.9 * x[0]), y)).presets == {}
    own = {"here": {"step": 3}}
    assert GradientFieldExplorer(problem, presets=own).presets == own
    assert GradientFieldExplorer(Hill()).presets == {}
