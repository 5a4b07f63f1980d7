"""The machinery behind every exercise check."""

import html
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import numpy as np

MARKS = {"not attempted": "○", "wrong type": "✗", "wrong shape": "✗", "wrong value": "✗", "right": "✓"}


@dataclass(frozen=True)
class Verdict:
    """What a check says: a status (a key of `MARKS`) and a sentence for the learner."""

    status: str
    message: str

    def __repr__(self):
        return f"{MARKS[self.status]} {self.status.capitalize()}. {self.message}".rstrip()

    def _repr_html_(self):
        return f'<p class="npg-verdict" data-status="{self.status}">{html.escape(repr(self))}</p>'


@dataclass(frozen=True)
class Exercise:
    """A check of a learner's function, or of a learner's number or array.

    Parameters
    ----------
    reference : callable
        The right answer as a function; for an exercise that asks for a value, a function of no arguments.
    inputs : sequence of tuples
        Argument lists on which candidate and reference are compared.
    mistakes : mapping from hint to callable
        Wrong answers that people give, each with the hint that fits.
    praise : str
        What to say when the answer is right.
    tolerance : float
        Largest accepted error, relative to the size of the reference answer (absolute below size 1).
    """

    reference: Callable
    inputs: Sequence[tuple] = ((),)
    mistakes: Mapping[str, Callable] = field(default_factory=dict)
    praise: str = ""
    tolerance: float = 1e-6

    def __call__(self, candidate):
        """Return a `Verdict` on a candidate function (or value, where the exercise asks for one)."""
        if candidate is None or candidate is ...:
            return Verdict("not attempted", "Replace the dots with your answer and run this cell again.")
        if not callable(candidate):
            if self.inputs != ((),):
                return Verdict("wrong type", f"This check wants a function, got {_name(candidate)}.")
            return self._judge(lambda: candidate)
        return self._judge(candidate)

    def _judge(self, candidate):
        answers = []
        for arguments in self.inputs:
            verdict, answer = self._try(candidate, arguments)
            if verdict is not None:
                return verdict
            answers.append(answer)
        expected = self._answers(self.reference)
        if self._same(answers, expected):
            return Verdict("right", self.praise)
        return Verdict("wrong value", self._hint(answers, expected))

    def _try(self, candidate, arguments):
        """Call the candidate once: (verdict, None) if its answer cannot be compared, (None, array) if it can."""
        try:
            answer = candidate(*deepcopy(arguments))  # which a learner's code may change
        except Exception as error:  # a learner's code may raise anything; say what it raised
            return Verdict("wrong type", f"Your code raised {type(error).__name__}: {error}"), None
        if answer is None or answer is ...:
            return self(None), None
        wanted = np.shape(self.reference(*deepcopy(arguments)))
        try:
            array = np.asarray(answer).astype(float, casting="same_kind")  # no text, no complex numbers
        except Exception:  # whatever the answer's type raises when it is no array
            kind = "an array of numbers" if wanted else "a number"
            return Verdict("wrong type", f"The answer should be {kind}, got {_name(answer)}."), None
        if array.shape != wanted:
            return Verdict("wrong shape", f"The answer should have shape {wanted}, got {array.shape}."), None
        return None, array

    def _answers(self, function):
        return [np.asarray(function(*deepcopy(arguments)), dtype=float) for arguments in self.inputs]

    def _hint(self, answers, expected):
        for hint, mistake in self.mistakes.items():
            if self._same(answers, self._answers(mistake)):
                return hint
        for arguments, answer, right in zip(self.inputs, answers, expected, strict=True):
            if not self._close(answer, right):
                shown = np.array2string(answer, precision=4)
                call = f" for input {', '.join(map(str, arguments))}" if arguments else ""
                return f"Your answer{call} is {shown}, which is not the right value."

    def _same(self, answers, expected):
        return all(map(self._close, answers, expected))

    def _close(self, answer, expected):
        # where the right answer is infinite, only the same infinity will do
        return answer.shape == expected.shape and np.allclose(
            answer, expected, rtol=self.tolerance, atol=self.tolerance
        )


def _name(value):
    kind = type(value).__name__
    return kind if hasattr(value, "__len__") and not isinstance(value, str) else f"{kind} {value!r}"
