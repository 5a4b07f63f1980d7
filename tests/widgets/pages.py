"""Widgets on a page without a kernel, and the ways a reader handles them."""
import json
import re
from importlib import resources

import numpy as np
from ipywidgets.embed import dependency_state

HOST = resources.files("npg_lab").joinpath("book/static/widgets.js").read_text()
STYLE = """
    html { --pst-color-text-base: #323232; --pst-color-background: #ffffff; }
    html[data-theme=dark] { --pst-color-text-base: #ced6dd; --pst-color-background: #14181e; }
    body { margin: 16px; background: var(--pst-color-background); }
"""

NUMBER = r"-?[0-9.]+"
NEXT_FRAME = "await new Promise(requestAnimationFrame);"
CELLS = """root => Object.fromEntries(
    [...root.querySelectorAll("[data-key]")].map(e => [e.dataset.key, e.textContent]))"""
CENTRE = """const { x, y, width, height } = node.querySelector(".npg-knob").getBoundingClientRect();
    return [x + width / 2, y + height / 2];"""


def html_of(widget):
    """A page that draws `widget` from its saved state with the script of the web site, and with nothing else.

    Keys are sorted, as Jupyter does when it saves a notebook.
    """
    saved = {"version_major": 2, "version_minor": 0, "state": dependency_state([widget], drop_defaults=False)}
    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    escaped = json.dumps(saved, sort_keys=True).replace("</", "<\\/")
    return f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>Widget</title>
        <meta name="viewport" content="width=device-width"><style>{STYLE}</style><body>
        <script type="application/vnd.jupyter.widget-state+json">{escaped}</script>
        <script type="application/vnd.jupyter.widget-view+json">{json.dumps(view)}</script>
        <script>{HOST}</script></body></html>"""


def number(text):
    """The number or the list of numbers that a read-out shows."""
    plain = text.replace("−", "-").replace("∞", "inf").replace("–", "nan")
    values = [float(part) for part in plain.split(", ")]
    return values if len(values) > 1 else values[0]


def told(control):
    """What a handle or slider tells a screen reader, once the picture shows the present state."""
    return control.evaluate(f'async node => {{ {NEXT_FRAME} return node.getAttribute("aria-valuetext"); }}')


def numbers_in(words):
    """All numbers in a sentence."""
    return [float(found) for found in re.findall(r"-?\d[\d.]*", words.replace("−", "-"))]


def shows(static_page, make, states):
    """Pairs of a state and the read-outs of the widget in it; its own preset buttons bring it there."""
    named = {f"state {k}": state for k, state in enumerate(states)}
    shown = static_page(make(presets=named))
    seen = shown.root.evaluate(f"""async (root, names) => {{
        const seen = [], buttons = [...root.querySelectorAll("button")];
        for (const name of names) {{
            buttons.find(button => button.textContent === name).click();
            {NEXT_FRAME}
            seen.push(({CELLS})(root));
        }}
        return seen;
    }}""", list(named))
    return zip(states, seen, strict=True)


def agrees(cells, key, expected, near_zero=0.0):
    """Assert that a read-out is right to 1%, or to `near_zero` where that is more."""
    value, allowed = np.array(number(cells[key])), np.maximum(0.01 * np.abs(expected), near_zero)
    right = (value == expected) | (np.abs(value - np.nan_to_num(expected, posinf=np.nan)) <= allowed)
    assert np.all(right), f"{key} shows {value}, should be {expected}"


def log_uniform(rng, low, high):
    """A random number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


class Shown:
    """A widget on a page: `root` is a locator of its outermost element, `presets` the names of its presets."""

    def __init__(self, root, presets=()):
        self.root, self.page, self.presets = root, root.page, presets

    def handle(self, label):
        """The point of that label that can be dragged."""
        return self.root.locator(f'.npg-handle[aria-label="{label}"]')

    def handles(self):
        """All points that can be dragged."""
        return self.root.locator(".npg-handle").all()

    def slider(self, label):
        """The native slider of that label."""
        return self.root.locator(f'input[aria-label="{label}"]')

    def value(self, label):
        """The number that the slider of that label tells."""
        return number(told(self.slider(label)))

    def select(self, label):
        """The native list of choices of that label."""
        return self.root.locator(f'select[aria-label="{label}"]')

    def press_button(self, name):
        """Press the button of that name."""
        self.root.get_by_role("button", name=name, exact=True).click()

    def panel(self, title):
        """The picture of that title."""
        return self.root.locator(f'svg[aria-label="{title}"]')

    def settle(self):
        """Wait until the picture shows the present state."""
        self._drawn("root => null")

    def cells(self):
        """Text of every read-out by its key."""
        return self._drawn(CELLS)

    def numbers(self, *keys):
        """The read-outs of these keys as numbers."""
        cells = self.cells()
        return [number(cells[key]) for key in keys]

    def paths(self, selector="svg path"):
        """Outlines of the drawn curves."""
        return self._drawn(f"root => [...root.querySelectorAll({selector!r})].map(e => e.getAttribute('d'))")

    def spoken(self):
        """What each handle says of itself, in words."""
        return self._drawn("root => [...root.querySelectorAll('.npg-handle')].map(e => e.ariaValueText)")

    def _drawn(self, function):
        return self.root.evaluate(f"async root => {{ {NEXT_FRAME} return ({function})(root); }}")

    def position(self, handle):
        """Where a handle is on the screen."""
        return handle.evaluate(f"async node => {{ {NEXT_FRAME} {CENTRE} }}")

    def plot_size(self, handle):
        """Width and height on the screen of the plotting area in which a handle lives."""
        return handle.evaluate("""node => {
            const svg = node.ownerSVGElement, zoom = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
            const area = svg.querySelector("clipPath rect");
            return [area.width.baseVal.value * zoom, area.height.baseVal.value * zoom];
        }""")

    def curves(self, title, selector, x, y):
        """The polylines of a path in the panel of that title, in data of the ranges x and y: arrays (n, 2)."""
        left, top, width, height, outline = self.panel(title).evaluate(f"""async (svg, selector) => {{
            {NEXT_FRAME}
            const area = svg.querySelector("clipPath rect"), sizes = ["x", "y", "width", "height"];
            return [...sizes.map(name => area[name].baseVal.value), svg.querySelector(selector).getAttribute("d")];
        }}""", selector)
        corner, size = np.array([left, top + height]), np.array([width, -height])
        low, high = np.transpose([x, y])
        pieces = [np.array(re.findall(NUMBER, piece), dtype=float) for piece in outline.split("M")[1:]]
        return [low + (piece.reshape(-1, 2) - corner) / size * (high - low) for piece in pieces]

    def drag(self, handle, dx, dy, steps=4):
        """Drag with the mouse by (dx, dy) pixels, from the centre of the handle."""
        handle.scroll_into_view_if_needed()
        x, y = self.position(handle)
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx, y + dy, steps=steps)
        self.page.mouse.up()
        self.settle()

    def touch_drag(self, handle, dx, dy, steps=4):
        """Drag with a finger."""
        handle.scroll_into_view_if_needed()
        x, y = self.position(handle)
        device = self.page.context.new_cdp_session(self.page)

        def touch(kind, *points):
            device.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": list(points)})

        touch("touchStart", {"x": x, "y": y})
        for k in range(1, steps + 1):
            touch("touchMove", {"x": x + dx * k / steps, "y": y + dy * k / steps})
        touch("touchEnd")
        self.settle()
