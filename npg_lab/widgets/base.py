"""What all widgets share: one JavaScript module without a build step, and plain refusals of bad states."""

import re
from pathlib import Path

import anywidget
import numpy as np
import traitlets

HERE = Path(__file__).parent
SHARED = ("_maths.js", "_plane.js")


def module(name):
    """The source of widget `name` with the shared modules written in front of it.

    A widget's module is imported from a blob, where relative imports do not resolve; so the sibling modules are
    joined here. They stay ordinary ES modules on disk, which tests import as they are.
    """
    shared = [re.sub(r"^export (?!default)", "", (HERE / file).read_text(), flags=re.M) for file in SHARED]
    own = (HERE / f"{name}.js").read_text()
    return re.sub(r"^import .*\n", "", "\n".join([*shared, own]), flags=re.M)


def style(name):
    """The shared style sheet and, where there is one, the widget's own."""
    own = HERE / f"{name}.css"
    return (HERE / "_plane.css").read_text() + (own.read_text() if own.exists() else "")


class InvalidState(traitlets.TraitError, ValueError):
    """A widget was asked to take a value that it does not allow; it keeps its old state."""


# notebooks sort the keys of the objects that they save, so dicts whose order matters travel as pairs
IN_ORDER = {
    "to_json": lambda value, widget: [list(pair) for pair in value.items()],
    "from_json": lambda value, widget: dict(value),
}


class Explorer(anywidget.AnyWidget):
    """Base of all widgets. State lives in traits, so that Python reads and sets what the reader drags."""

    presets = traitlets.Dict(help="named states, each a dict of traits").tag(sync=True, **IN_ORDER)

    @traitlets.validate("presets")
    def _presets_name_traits(self, proposal):
        for name, state in proposal["value"].items():
            if unknown := sorted(set(state) - set(self.trait_names(sync=True))):
                raise InvalidState(f"presets[{name!r}] must name traits of {type(self).__name__}, got {unknown}.")
        return proposal["value"]


def within(trait, low, high):
    """A validator: `trait` must be a finite number from `low` to `high`."""

    @traitlets.validate(trait)
    def check(self, proposal):
        value = proposal["value"]
        if not low <= value <= high:
            raise InvalidState(f"{trait} must lie from {low} to {high}, got {value}.")
        return value

    return check


def inside(trait, window):
    """A validator: `trait` must be a point inside the window that the trait named `window` holds."""

    @traitlets.validate(trait)
    def check(self, proposal):
        point, bounds = proposal["value"], getattr(self, window)
        if len(point) != len(bounds) or not all(
            low <= value <= high for value, (low, high) in zip(point, bounds, strict=True)
        ):
            raise InvalidState(f"{trait} must lie inside {bounds}, got {list(point)}.")
        return point

    return check


def choice(trait, options):
    """A validator: `trait` must be one of `options` (a sequence, or the name of a trait that holds one)."""

    @traitlets.validate(trait)
    def check(self, proposal):
        allowed = getattr(self, options) if isinstance(options, str) else options
        if proposal["value"] not in allowed:
            names = ", ".join(map(repr, allowed))
            raise InvalidState(f"{trait} must be one of {names}, got {proposal['value']!r}.")
        return proposal["value"]

    return check


def packed(values):
    """Little-endian float32 bytes of an array, for the browser."""
    return np.ascontiguousarray(values, dtype="<f4").tobytes()
