"""The five answers of an exercise check, and the learner's code that must not break it."""
import numpy as np
import pytest
import torch

from npg_lab import Gaussian
from npg_lab.checks import Exercise, Verdict
from npg_lab.checks.engine import MARKS

TWICE = "You added x to itself where its square is wanted."
SIGN = "The sign is turned round."
SQUARE = Exercise(
    reference=lambda x: np.asarray(x) ** 2,
    inputs=((np.array([1.0, 2.0, 3.0]),), (np.array([0.5, -1.0]),)),
    mistakes={TWICE: lambda x: 2 * x, SIGN: lambda x: -(x**2)},
    praise="Squares it is.",
)
ANSWER = Exercise(reference=lambda: 42.0, mistakes={SIGN: lambda: -42.0}, praise="Yes.")


@pytest.mark.parametrize("candidate", [None, ..., lambda x: ..., lambda x: None])
def test_not_attempted(candidate):
    verdict = SQUARE(candidate)
    assert verdict.status == "not attempted"
    assert verdict.message == "Replace the dots with your answer and run this cell again."


@pytest.mark.parametrize("candidate", [None, ..., lambda: ..., lambda: None])
def test_a_value_not_attempted(candidate):
    assert ANSWER(candidate).status == "not attempted"


@pytest.mark.parametrize("candidate", [
    lambda x: x**2, lambda x: x * x * (1 + 1e-9), lambda x: (x**2).tolist(), lambda x: torch.as_tensor(x) ** 2,
    lambda x: (x**2).astype(np.float32),
])
def test_right(candidate):
    assert SQUARE(candidate) == Verdict("right", "Squares it is.")


@pytest.mark.parametrize("candidate", [42, 42.0, np.float64(42), np.array(42), lambda: 42, 42 * (1 + 1e-8)])
def test_a_right_value(candidate):
    assert ANSWER(candidate) == Verdict("right", "Yes.")


@pytest.mark.parametrize(("answer", "got"), [
    ("text", "str 'text'"), ("1.5", "str '1.5'"), (1j, "complex 1j"), ([[1], [1, 2]], "list"), ({1: 2}, "dict"),
    ([None, 1.0, 2.0], "list"), (np.array([1j, 2, 3]), "ndarray"),
    (Gaussian(0, 1), "Gaussian Gaussian(mean=0.0, std=1.0)"),
])
def test_wrong_type(answer, got):
    sentence = f"The answer should be an array of numbers, got {got}."
    assert SQUARE(lambda x: answer) == Verdict("wrong type", sentence)


def test_wrong_type_of_a_number():
    assert ANSWER("forty-two") == Verdict("wrong type", "The answer should be a number, got str 'forty-two'.")


def test_a_tensor_that_still_carries_its_graph_is_a_wrong_type():
    verdict = SQUARE(lambda x: torch.tensor(x, requires_grad=True) ** 2)
    assert verdict.status == "wrong type"


@pytest.mark.parametrize(("candidate", "got"), [
    (3, "int 3"), ([1, 2], "list"), (np.ones(2), "ndarray"), ("x", "str 'x'"),
])
def test_a_value_where_a_function_is_wanted(candidate, got):
    assert SQUARE(candidate) == Verdict("wrong type", f"This check wants a function, got {got}.")


def test_code_that_raises_is_told_what_it_raised():
    assert SQUARE(lambda x: x[7]).message.startswith("Your code raised IndexError: index 7 is out of bounds")
    assert SQUARE(lambda: 1).message.startswith("Your code raised TypeError: ")
    assert SQUARE(lambda x: x[7]).status == "wrong type"


@pytest.mark.parametrize(("candidate", "got"), [
    (lambda x: 1.0, "()"), (lambda x: x[None] ** 2, "(1, 3)"), (lambda x: x[:2] ** 2, "(2,)"),
])
def test_wrong_shape(candidate, got):
    assert SQUARE(candidate) == Verdict("wrong shape", f"The answer should have shape (3,), got {got}.")


@pytest.mark.parametrize(("candidate", "hint"), [(lambda x: x + x, TWICE), (lambda x: -x * x, SIGN)])
def test_a_known_mistake_gets_its_hint(candidate, hint):
    assert SQUARE(candidate) == Verdict("wrong value", hint)


def test_an_unknown_mistake_is_shown_beside_its_input():
    verdict = SQUARE(lambda x: x**3)
    assert verdict.status == "wrong value"
    call = "Your answer for input [1. 2. 3.]"
    assert verdict.message == f"{call} is [ 1.  8. 27.], which is not the right value."
    assert ANSWER(41).message == "Your answer is 41., which is not the right value."


def test_the_first_wrong_input_is_the_one_shown():
    assert "input [ 0.5 -1. ]" in SQUARE(lambda x: x * np.abs(x)).message


def test_a_mistake_must_agree_on_every_input():
    verdict = SQUARE(lambda x: 2 * x if len(x) == 3 else x)
    assert verdict.status == "wrong value" and verdict.message not in (TWICE, SIGN)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_no_number_passes_for_a_finite_answer(value):
    assert SQUARE(lambda x: value * np.ones(len(x))).status == "wrong value"
    assert ANSWER(value).status == "wrong value"


@pytest.mark.parametrize("answer", [1e300, -np.inf, np.nan])
def test_infinity_is_matched_by_infinity_only(answer):
    endless = Exercise(reference=lambda: np.inf)
    assert endless(np.inf).status == "right"
    assert endless(answer).status == "wrong value"


@pytest.mark.parametrize(("size", "relative", "status"), [
    (1e6, 1e-7, "right"), (1e6, 1e-5, "wrong value"), (1.0, 1e-7, "right"), (1.0, 1e-5, "wrong value"),
])
def test_the_tolerance_is_relative(size, relative, status):
    assert Exercise(reference=lambda: size)(size * (1 + relative)).status == status


def test_the_tolerance_can_be_set():
    assert Exercise(reference=lambda: 1.0, tolerance=0.1)(1.05).status == "right"
    assert Exercise(reference=lambda: 1.0, tolerance=1e-10)(1 + 1e-8).status == "wrong value"


def test_code_that_changes_its_arguments_harms_nobody():
    def greedy(x):
        x *= x
        return x

    assert SQUARE(greedy).status == "right"
    assert SQUARE(lambda x: x**2).status == "right"
    assert np.array_equal(SQUARE.inputs[0][0], [1, 2, 3])


def test_generators_among_the_inputs_give_everybody_the_same_draws():
    exercise = Exercise(reference=lambda rng: rng.random(3), inputs=((np.random.default_rng(0),),))
    for _ in range(2):
        assert exercise(lambda rng: rng.random(3)).status == "right"


def test_a_mistake_of_another_shape_is_passed_over():
    mistakes = {TWICE: lambda: [1.0, 2.0, 3.0], SIGN: lambda: [-1, -2]}
    exercise = Exercise(reference=lambda: [1.0, 2.0], mistakes=mistakes)
    assert exercise([-1, -2]) == Verdict("wrong value", SIGN)
    assert exercise([7, 7]).status == "wrong value"


@pytest.mark.parametrize("status", MARKS)
def test_verdicts_can_be_read_in_text_and_html(status):
    verdict = Verdict(status, "Compare p < q & r.")
    assert repr(verdict) == f"{MARKS[status]} {status.capitalize()}. Compare p < q & r."
    page = verdict._repr_html_()
    assert f'data-status="{status}"' in page and "p &lt; q &amp; r." in page and "npg-verdict" in page


def test_a_verdict_without_a_message_has_no_trailing_space():
    assert repr(Exercise(reference=lambda: 1.0)(1.0)) == "✓ Right."
