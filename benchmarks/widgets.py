"""Script time of every widget for each move of the pointer, measured in the browser while something is dragged.

Run as `python -m benchmarks.widgets` (or `make bench`). A move costs what its pointer events and the animation
frame after it run in JavaScript; layout and painting are the browser's own. The bar is one frame at 60 Hz.
"""
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright

from npg_lab import widgets
from npg_lab.problems import SoftmaxBandit
from tests.browsers import launch_options
from tests.widgets.pages import Shown, html_of

BAR = 1000 / 60  # milliseconds
MOVES = 100
COLUMNS = "{:38} {:>8} {:>8} {:>8}   {}"

WIDGETS = {
    "KLExplorer": widgets.KLExplorer,
    "KLExplorer, coins": lambda: widgets.KLExplorer(0.4, 0.5, "coin"),
    "SpaceExplorer": widgets.SpaceExplorer,
    "SpaceExplorer, softmax": lambda: widgets.SpaceExplorer(SoftmaxBandit([1, 0.9, 0], [[1, 0], [0, 1], [0, 0]])),
    "StepSizeExplorer": lambda: widgets.StepSizeExplorer(
        lambda t: np.exp(-0.5 * (t - 1) ** 2), lambda t: (1 - t) * np.exp(-0.5 * (t - 1) ** 2), steps=200,
        step_size=0.001),
    "FisherExplorer": widgets.FisherExplorer,
    "FisherExplorer, natural chart": lambda: widgets.FisherExplorer(chart="natural", kl=0.2),
    "GradientFieldExplorer": widgets.GradientFieldExplorer,
    "GradientFieldExplorer, 200 steps": lambda: widgets.GradientFieldExplorer(kl=1e-4, step=200),
    "GradientFieldExplorer, both fields": lambda: widgets.GradientFieldExplorer(ruler="(μ, σ²)"),
    "SimplexExplorer": lambda: widgets.SimplexExplorer(start=(0.3, 0.3, 0.4)),
    "VarianceExplorer": widgets.VarianceExplorer,
    "CompatibleExplorer": widgets.CompatibleExplorer,
    "CGExplorer": widgets.CGExplorer,
    "CGExplorer, damped": lambda: widgets.CGExplorer(condition=1000.0, spectrum="κ=1e5", damping=0.01, step=50),
    "SimplexExplorer, 10000 small steps": lambda: widgets.SimplexExplorer(
        start=(0.3, 0.3, 0.4), step_size=0.01, steps=10_000),
}

SLIDERS = {"GradientFieldExplorer, both fields": "damping λ"}  # dragged instead of the first handle

# times every pointer listener and every animation frame; `spent` is their sum since it was last set to zero
STOPWATCH = """(() => {
    window.spent = 0;
    const timed = run => function (...args) {
        const start = performance.now();
        try { return run.apply(this, args); } finally { spent += performance.now() - start; }
    };
    const { requestAnimationFrame } = window, { addEventListener } = EventTarget.prototype;
    window.nextFrame = () => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    window.requestAnimationFrame = run => requestAnimationFrame(timed(run));
    EventTarget.prototype.addEventListener = function (type, listener, options) {
        addEventListener.call(this, type, /^pointer|^input$/.test(type) ? timed(listener) : listener, options);
    };
})();"""


def script_times(page, slider):
    """Milliseconds of script for each move along a small figure of eight, of the first handle or of a slider."""
    shown = Shown(page.locator(".npg"))
    shown.root.wait_for()
    target = shown.slider(slider) if slider else shown.handles()[0].locator(".npg-knob")
    target.scroll_into_view_if_needed()
    box = target.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    times = []
    for turn in np.linspace(0, 4 * np.pi, MOVES):
        page.evaluate("nextFrame().then(() => { spent = 0; })")
        page.mouse.move(x + 40 * np.sin(turn), y + 30 * np.sin(2 * turn))
        times.append(page.evaluate("nextFrame().then(() => spent)"))
    page.mouse.up()
    return times


def main():
    """Print the median and the 95th percentile of each widget beside the bar."""
    print(COLUMNS.format("script per pointer move, ms", "p50", "p95", "bar", ""))
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(**launch_options())
        for name, make in WIDGETS.items():
            file = Path(folder, "widget.html")
            file.write_text(html_of(make()))
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.add_init_script(STOPWATCH)
            page.goto(file.as_uri())
            median, high = np.percentile(script_times(page, SLIDERS.get(name)), [50, 95])
            verdict = "ok" if high <= BAR else "over the bar"
            print(COLUMNS.format(name, f"{median:.1f}", f"{high:.1f}", f"{BAR:.1f}", verdict), flush=True)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
