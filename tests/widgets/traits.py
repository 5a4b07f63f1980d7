"""What every widget promises as an object with traits, without a browser."""
import re

import pytest


def state_of(widget, names):
    """The values of these traits."""
    return {name: getattr(widget, name) for name in names}


def assert_the_browser_sets(widget, state):
    """Python is told of a state that the browser sets, and saves it."""
    heard = []
    widget.observe(lambda change: heard.append((change["name"], change["new"])), list(state))
    widget.set_state(state)
    assert state_of(widget, state) == state == dict(heard)
    saved = widget.get_state()
    assert {name: saved[name] for name in state} == state


def assert_takes_its_presets(widget):
    """All presets are states of the widget."""
    for preset in widget.presets.values():
        widget.set_state(preset)
        assert state_of(widget, preset) == preset


def assert_refuses(make, name, value, sentence, when_made=None):
    """A widget refuses a value in this sentence and keeps the old one; so does its constructor, or in the sentence
    `when_made`. A sentence without its full stop stands for all that begin so."""
    widget = make()
    old = getattr(widget, name)
    for assign in (lambda: setattr(widget, name, value), lambda: widget.set_state({name: value})):
        with pytest.raises(ValueError, match=_pattern(sentence)):
            assign()
        assert getattr(widget, name) == old
    with pytest.raises(ValueError, match=_pattern(when_made or sentence)):
        make(**{name: value})


def _pattern(sentence):
    return f"^{re.escape(sentence)}" + "$" * sentence.endswith(".")
