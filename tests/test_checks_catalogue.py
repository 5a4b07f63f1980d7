"""Every exercise of the course: each listed mistake gets its own hint, and every hint is a sentence."""
import pkgutil
from importlib import import_module

import numpy as np
import pytest

from npg_lab import checks
from npg_lab.checks import Exercise

EXERCISES = {
    f"{module.name}.{name}": value
    for module in pkgutil.iter_modules(checks.__path__)
    for name, value in vars(import_module(f"{checks.__name__}.{module.name}")).items()
    if isinstance(value, Exercise)
}
MISTAKES = [(name, hint) for name, exercise in EXERCISES.items() for hint in exercise.mistakes]
every_exercise = pytest.mark.parametrize("name", EXERCISES)


def takes_a_function(exercise):
    return exercise.inputs != ((),)


def answering(exercise, change):
    """A learner whose answer is the right one, changed."""
    return lambda *arguments: change(np.asarray(exercise.reference(*arguments), dtype=float))


def test_the_chapters_on_geometry_have_exercises():
    assert {name.split(".")[0] for name in EXERCISES} >= {"kl", "spaces", "fisher", "natural"}


@every_exercise
def test_the_reference_is_right(name):
    exercise = EXERCISES[name]
    verdict = exercise(exercise.reference)
    assert (verdict.status, verdict.message) == ("right", exercise.praise)


@every_exercise
def test_every_answer_is_finite_and_of_a_size_that_the_tolerance_can_judge(name):
    exercise = EXERCISES[name]
    answers = [np.asarray(exercise.reference(*arguments), dtype=float) for arguments in exercise.inputs]
    assert all(np.all(np.isfinite(answer)) for answer in answers)
    assert max(np.abs(answer).max() for answer in answers) > 1e3 * exercise.tolerance


@pytest.mark.parametrize(("name", "hint"), MISTAKES)
def test_every_mistake_gets_its_own_hint(name, hint):
    verdict = EXERCISES[name](EXERCISES[name].mistakes[hint])
    assert (verdict.status, verdict.message) == ("wrong value", hint)


@every_exercise
def test_there_are_at_least_three_mistakes(name):
    assert len(EXERCISES[name].mistakes) >= 3


@every_exercise
@pytest.mark.parametrize("stub", [None, ..., lambda *arguments: ..., lambda *arguments: None])
def test_stubs_are_not_attempted(name, stub):
    assert EXERCISES[name](stub).status == "not attempted"


@every_exercise
def test_text_is_a_wrong_type(name):
    assert EXERCISES[name](lambda *arguments: "an answer").status == "wrong type"
    assert EXERCISES[name]("an answer").status == "wrong type"


@every_exercise
def test_a_number_is_no_function(name):
    exercise = EXERCISES[name]
    verdict = exercise(np.float64(1.0))
    assert (verdict.status == "wrong type") if takes_a_function(exercise) else (verdict.status != "wrong type")


@every_exercise
def test_one_axis_too_many_is_a_wrong_shape(name):
    assert EXERCISES[name](answering(EXERCISES[name], lambda right: right[None])).status == "wrong shape"


@every_exercise
@pytest.mark.parametrize("change", [
    lambda right: right + 1, lambda right: right * (1 + 1e-3) + 1e-3, lambda right: np.nan * right,
    lambda right: np.full_like(right, np.inf),
])
def test_a_small_error_is_a_wrong_value(name, change):
    verdict = EXERCISES[name](answering(EXERCISES[name], change))
    assert verdict.status == "wrong value" and verdict.message


@every_exercise
def test_hints_and_praise_are_sentences_and_told_apart(name):
    exercise = EXERCISES[name]
    sentences = [*exercise.mistakes, exercise.praise]
    assert len(set(sentences)) == len(sentences)
    for sentence in sentences:
        assert sentence == sentence.strip() and "\n" not in sentence and "  " not in sentence
        assert len(sentence.split()) >= 3
        assert sentence[0] == sentence[0].upper() or sentence[1] == " "  # a symbol
        assert sentence[-1] in ".?!"


def test_no_hint_serves_two_exercises():
    hints = [hint for _, hint in MISTAKES]
    assert sorted(hints) == sorted(set(hints))
