"""Widgets in JupyterLab, with a kernel behind them."""
import ast

import numpy as np
import pytest
from pages import numbers_in, told
from playwright.sync_api import expect

PREPARE = "from npg_lab.widgets import *"
# for each widget: how it is made, one of its handles, the state that this shows, another state, and that in words
WIDGETS = {
    "KLExplorer": (
        "KLExplorer()", "P in the plane of mean and standard deviation",
        "w.p", "w.p = [1.5, 2.0]", "mean 1.5, standard deviation 2"),
    "SpaceExplorer": ("SpaceExplorer()", "parameters", "w.start", "w.start = [-1.0, 2.0]", "μ −1, σ 2"),
    "StepSizeExplorer": (
        "StepSizeExplorer(lambda t: -(t - 1)**2, lambda t: 2 - 2*t, step_size=0.3)", "start of the ascent",
        "[w.start]", "w.start = 4.5", "θ 4.5, J −12.25"),
    "FisherExplorer": (
        "FisherExplorer()", "the Gaussian",
        "[w.mean, w.std]", "w.mean, w.std = -1.0, 1.5", "mean −1, standard deviation 1.5"),
    "GradientFieldExplorer": (
        "GradientFieldExplorer()", "start of both ascents, on the natural field",
        "w.start", "w.start = [2.0, 2.0]", "μ 2, σ 2"),
    "SimplexExplorer": (
        "SimplexExplorer(start=(0.3, 0.3, 0.4))", "start of both ascents, on the vanilla simplex",
        "w.start[:1]", "w.start = [0.5, 0.25, 0.25]", "arm 1 0.5, arm 2 0.25, arm 3 0.25"),
    "VarianceExplorer": (
        "VarianceExplorer()", "mean of the policy",
        "[w.mean, w.std]", "w.mean, w.std = 0.5, 0.25", "mean 0.5, standard deviation 0.25"),
    "CompatibleExplorer": (
        "CompatibleExplorer()", "policy π",
        "w.probs", "w.probs = [0.5, 0.25, 0.25]", "0.5, 0.25, 0.25 for actions 1 to 3"),
    "CGExplorer": ("CGExplorer()", "start x₀", "w.start", "w.start = [1.0, -0.5]", "x₁ 1, x₂ −0.5"),
}


def said(handle):
    """The numbers in the state that a handle tells, without the numbers of arms."""
    return numbers_in(told(handle).replace("arm 1", ""))


def tells(handle, printed):
    """Whether a handle tells the state that Python printed, up to the digits that are shown."""
    state = ast.literal_eval(printed)
    return np.allclose(state, said(handle)[: len(state)], rtol=1e-3, atol=1e-3)


def test_chapter_with_every_widget(notebook):
    """The mouse tells Python, and Python tells the picture, in each widget of a long notebook."""
    cells = {}
    for name, (make, _, state, change, _) in WIDGETS.items():
        own = name.lower()
        cells[name] = [f"# {name}", f"{own} = {make}\n{own}", f"w = {own}\nprint({state})", f"w = {own}\n{change}"]
    chapter = notebook([PREPARE, *(cell for group in cells.values() for cell in group)])
    places = {name: 4 * k + 2 for k, name in enumerate(WIDGETS)}
    for index in (0, *places.values()):
        assert chapter.run(index) == ""
    for name, index in places.items():
        shown, (_, label, *_, words) = chapter.widget(index), WIDGETS[name]
        handle = shown.handle(label)
        before, (x, _) = said(handle), shown.position(handle)
        shown.drag(handle, -20, 12)
        assert shown.position(handle)[0] == pytest.approx(x - 20, abs=1)
        assert not np.allclose(said(handle), before)
        printed = chapter.poll(index + 1, lambda text, handle=handle: tells(handle, text))
        assert tells(handle, printed), (name, printed)
        assert chapter.run(index + 2) == ""
        expect(chapter.widget(index).handle(label)).to_have_attribute("aria-valuetext", words)


def test_arrow_keys_stay_with_the_widget(notebook):
    lesson = notebook([PREPARE, "w = GradientFieldExplorer(start=(0.0, 1.0))\nw", "print(w.start, w.step)"])
    lesson.run(0)
    lesson.run(1)
    shown = lesson.widget(1)
    handle, slider = shown.handle("start of both ascents, on the vanilla field"), shown.slider("steps")
    shown.drag(handle, 0, 0)  # a click in an output makes its cell the active one
    assert lesson.active_cell() == 1
    for key in ("ArrowDown", "ArrowUp", "ArrowUp", "ArrowRight", "Shift+ArrowRight"):
        shown.page.keyboard.press(key)
        expect(handle).to_be_focused()
        assert lesson.active_cell() == 1
    assert said(handle) == [pytest.approx(0.144, abs=0.001), pytest.approx(1.046, abs=0.001)]
    slider.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowLeft", "ArrowUp", "PageDown", "Home", "ArrowRight"):
        shown.page.keyboard.press(key)
        expect(slider).to_be_focused()
        assert lesson.active_cell() == 1
    printed = lesson.poll(2, lambda text: text.strip().endswith(" 1"))
    start, step = printed.strip().rsplit(" ", 1)
    assert ast.literal_eval(start) == pytest.approx([0.144, 1.046], abs=1e-3) and step == "1"


def test_a_busy_kernel_does_not_stop_dragging(notebook, lab):
    signal = lab[1] / "stop"
    lesson = notebook([
        PREPARE, "w = KLExplorer(p=(0, 1), q=(1, 1))\nw",
        f"import pathlib, time\nwhile not pathlib.Path({str(signal)!r}).exists(): time.sleep(0.02)",
        "print(w.p)",
    ])
    lesson.run(0)
    lesson.run(1)
    shown = lesson.widget(1)
    lesson.start(2)
    shown.page.wait_for_function(
        "jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status === 'busy'")
    shown = lesson.widget(1)
    handle, divergences = shown.handle("P in the plane of mean and standard deviation"), []
    for _ in range(4):
        shown.drag(handle, -15, 0)
        divergences.append(*shown.numbers("forward.value"))
    moved = -60 / shown.plot_size(handle)[0] * 8
    assert said(handle) == [pytest.approx(moved, abs=0.01), 1]
    assert divergences == sorted(divergences) and divergences[0] < divergences[-1]
    assert divergences[-1] == pytest.approx((1 - moved) ** 2 / 2, rel=0.01)
    assert lesson.status() == "busy"
    signal.touch()
    assert tells(handle, lesson.poll(3, lambda text: tells(handle, text)))


def test_two_views_of_one_widget_move_together_and_another_widget_stays(notebook):
    lesson = notebook([PREPARE, "w = FisherExplorer()\nw", "w", "FisherExplorer()"])
    for index in range(4):
        lesson.run(index)
    first = lesson.widget(1)
    first.drag(first.handle("the Gaussian"), 30, -20)
    moved = first.cells()
    assert lesson.widget(2).cells() == moved
    assert lesson.widget(3).cells() != moved


def test_running_a_cell_again_leaves_one_widget_that_works(notebook):
    lesson = notebook([PREPARE, "w = SpaceExplorer()\nw"])
    lesson.run(0)
    for _ in range(2):
        lesson.run(1)
    shown = lesson.widget(1)
    assert shown.root.count() == 1
    before = shown.cells()
    shown.drag(shown.handle("parameters"), 20, 20)
    assert shown.cells() != before


def test_dark_theme_of_the_lab(notebook):
    lesson = notebook([PREPARE, "GradientFieldExplorer()"])
    lesson.run(0)
    lesson.run(1)
    shown = lesson.widget(1)

    def inks(theme):
        shown.page.evaluate("theme => jupyterapp.commands.execute('apputils:change-theme', { theme })", theme)
        light = str(theme.endswith("Light")).lower()
        shown.page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")
        return [shown.root.locator(path).first.evaluate("e => getComputedStyle(e).stroke")
                for path in ("path.vanilla", "path.natural", "path.contour")]

    dark, light = inks("JupyterLab Dark"), inks("JupyterLab Light")
    assert light[:2] == ["rgb(213, 94, 0)", "rgb(0, 114, 178)"]
    assert all(one != other for one, other in zip(dark, light, strict=True))
