"""The checks of chapter 12: wrong answers outside the catalogues, and every defect of its listing by itself."""

import warnings
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch

from npg_lab.checks import agent
from npg_lab.checks.bugs import DEFECTS, find_the_bugs

CHAPTER = Path(__file__).parents[2] / "chapters" / "12_npg_agent.ipynb"

WRONG = [
    ("transitions", lambda before, terminated, truncated: np.ones_like(terminated), "wrong value"),
    ("transitions", lambda before, terminated, truncated: ~(terminated & truncated), "wrong value"),
    ("transitions", lambda before, terminated, truncated: ~before, "wrong shape"),
    ("transitions", lambda before, terminated: ~terminated, "wrong type"),
    ("blind_value", lambda limit, discount: (1 - discount**limit) / (1 - discount) / limit, "wrong value"),
    ("blind_value", lambda limit, discount: 0.5 / (1 - discount), "wrong value"),
    ("blind_value", lambda limit, discount: limit * discount, "wrong value"),
    ("blind_value", lambda limit, discount: discount ** np.arange(limit), "wrong shape"),
    ("blind_value", 80.3, "wrong type"),
    ("exact_factor", lambda kl_along, kl: np.sqrt(2 * kl), "wrong value"),
    ("exact_factor", lambda kl_along, kl: 2 * kl / kl_along(1.0), "wrong value"),
    ("exact_factor", lambda kl_along, kl: kl_along(kl), "wrong value"),
    ("exact_factor", lambda kl_along, kl: np.array([0.0, 1.0]), "wrong shape"),
    ("exact_factor", lambda kl_along: 1.0, "wrong type"),
    ("compatible_direction", lambda scores, advantages, damping: scores.sum(axis=0), "wrong value"),
    ("compatible_direction", lambda scores, advantages, damping: np.linalg.pinv(scores) @ advantages,
     "wrong value"),
    ("compatible_direction", lambda scores, advantages, damping: scores.T @ advantages / damping, "wrong value"),
    ("compatible_direction", lambda scores, advantages, damping: scores @ scores.T, "wrong shape"),
    ("compatible_direction", lambda scores, advantages: advantages, "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(agent, name)(candidate).status == status


def test_transitions_by_walking_through_the_steps():
    def walked(before, terminated, truncated):
        valid, ended = np.empty_like(terminated), before
        for t in range(len(valid)):
            valid[t], ended = ~ended, terminated[t] | truncated[t]
        return valid

    assert agent.transitions(walked).status == "right"


def test_blind_value_is_the_least_squares_constant():
    def fitted(limit, discount):
        returns = [sum(discount**k for k in range(limit - t)) for t in range(limit)]
        return np.linalg.lstsq(np.ones((limit, 1)), np.array(returns), rcond=None)[0][0]

    assert agent.blind_value(fitted).status == "right"


def test_exact_factor_by_repeated_roots():
    def repeated(kl_along, kl):
        c = 1.0
        for _ in range(60):
            c *= np.sqrt(kl / kl_along(c))
        return c

    assert agent.exact_factor(repeated).status == "right"


def test_compatible_direction_by_the_large_system():
    def large(scores, advantages, damping):
        samples, parameters = scores.shape
        return np.linalg.solve(scores.T @ scores / samples + damping * np.eye(parameters),
                               scores.T @ advantages / samples)

    assert agent.compatible_direction(large).status == "right"


@pytest.fixture(scope="module")
def classes():
    """The listing of the chapter and its solution, with what they stand on, by running those cells."""
    sources = [cell.source for cell in nbformat.read(CHAPTER, as_version=4).cells if cell.cell_type == "code"]
    needed = ("from collections import namedtuple", "def network(", "def policy_gradient(",
              "def conjugate_gradients(", "def move(", "class Suspect:", "class Repaired_solution(")
    space = {}
    for mark in needed:
        [source] = [source for source in sources if mark in source]
        lines = source.split("\n\n\nseen = ")[0] if mark == "def move(" else source
        exec(lines, space)
    return space["Suspect"], space["Repaired_solution"]


def wrong_parts(suspect):
    """For each defect what brings it back."""
    methods = {"networks": "networks", "saturation": "log_probs", "sign": "gradient", "scale": "solve",
               "step": "step", "clock": "reward_to_go", "order": "update", "one step": "standardise"}
    return {"damping": {"damping": suspect.damping}} | {
        defect: {method: vars(suspect)[method]} for defect, method in methods.items()}


def found(cls):
    return [line.split(":")[0][2:] for line in find_the_bugs(cls).lines if line.startswith("✗")]


def test_the_listing_has_nine_defects_and_the_solution_none(classes):
    suspect, repaired = classes
    names = [defect.name for defect in DEFECTS]
    assert len(names) == 9 and found(suspect) == names
    assert find_the_bugs(suspect).status == "wrong value"
    verdict = find_the_bugs(repaired)
    assert verdict.status == "right" and repr(verdict).splitlines()[-1].startswith("✓ Right")


@pytest.mark.parametrize("name", [defect.name for defect in DEFECTS])
def test_each_defect_alone_is_found_and_named(classes, name):
    suspect, repaired = classes
    assert found(type("Relapse", (repaired,), wrong_parts(suspect)[name])) == [name]


@pytest.mark.parametrize("name", [defect.name for defect in DEFECTS])
def test_each_defect_mended_alone_is_off_the_list(classes, name):
    suspect, repaired = classes
    right = {part: vars(repaired)[part] for part in wrong_parts(suspect)[name]}
    if name == "step":
        right |= {"radius": repaired.radius}
    left = found(type("Partly", (suspect,), right))
    assert name not in left and len(left) == 8


def test_other_repairs_count_too(classes):
    _, repaired = classes

    class Downhill(repaired):
        """−J made natural, and subtracted."""

        def gradient(self, *data):
            return -super().gradient(*data)

        def step(self, g, x):
            return -super().step(g, x)

    class Centred(repaired):
        def standardise(self, advantages):
            return advantages - advantages.mean()

    for cls in (Downhill, Centred, type("Undamped", (repaired,), {"damping": 0.0}),
                type("Chapter", (repaired,), {"damping": 0.03})):
        assert find_the_bugs(cls).status == "right", cls


def test_half_repairs_do_not_count(classes):
    _, repaired = classes

    class Padded(repaired):
        def log_probs(self, observations):
            return torch.log(torch.softmax(self.policy(observations), dim=-1) + 1e-8)

    class AlwaysBootstraps(repaired):
        def reward_to_go(self, rewards, terminated, last_value):
            return super().reward_to_go(rewards, False, last_value)

    class EuclideanStep(repaired):
        def step(self, g, x):
            return 0.1 * x / x.norm()

    class NeverFits(repaired):
        def fit(self, observations, targets):
            pass

    for cls, name in ((Padded, "saturation"), (AlwaysBootstraps, "clock"), (EuclideanStep, "step"),
                      (NeverFits, "order")):
        assert found(cls) == [name]


def test_an_untouched_subclass_is_not_attempted(classes):
    stub = type("Repaired", (classes[0],), {"__doc__": "Nothing yet."})
    assert repr(find_the_bugs(stub)).startswith("○ Not attempted")


def test_what_is_no_class_is_a_wrong_type():
    assert find_the_bugs(3).status == "wrong type"


def test_errors_of_the_learners_code_are_told_and_warnings_are_not(classes):
    class Broken(classes[1]):
        def solve(self, product, b):
            raise ZeroDivisionError("no")

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = repr(find_the_bugs(Broken))
    assert "ZeroDivisionError: no" in text


def test_findings_are_shown_as_escaped_text(classes):
    class Angular(classes[1]):
        def solve(self, product, b):
            raise ValueError("a < b")

    shown = find_the_bugs(Angular)._repr_html_()
    assert "a &lt; b" in shown and 'data-status="wrong value"' in shown
