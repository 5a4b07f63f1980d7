"""Widgets on a static page, and in a JupyterLab of their own."""
import re
from contextlib import contextmanager

import numpy as np
import pytest
from examples import EXAMPLES
from labs import Notebook, server
from pages import Shown, html_of


@contextmanager
def watched(browser, folder, options):
    """A function that shows a widget without a kernel, as `Shown`.

    Requests that leave the page are refused; they and all complaints of the browser fail the test.
    """
    asked, complaints, contexts = [], [], []

    def judge(route):
        inner = route.request.url.startswith(("file:", "blob:", "data:"))
        asked.extend([] if inner else [route.request.url])
        route.continue_() if inner else route.abort()

    def show(widget, **more):
        contexts.append(browser.new_context(**options, **more))
        contexts[-1].route("**/*", judge)
        page = contexts[-1].new_page()
        page.set_default_timeout(15_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type in ("error", "warning") and complaints.append(said.text))
        file = folder / "widget.html"
        file.write_text(html_of(widget))
        page.goto(file.as_uri())
        shown = Shown(page.locator(".npg"), list(widget.presets))
        shown.root.wait_for()
        return shown

    yield show
    for context in contexts:
        context.close()
    assert asked == []
    assert complaints == []


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def static_page(browser, browser_context_args, tmp_path):
    """`static_page(widget, **context_options)` shows a widget on a page without a kernel, see `watched`."""
    with watched(browser, tmp_path, browser_context_args) as show:
        yield show


@pytest.fixture(scope="module", params=EXAMPLES)
def example(request, browser, browser_context_args, tmp_path_factory):
    """Each of the examples, on one page (with mouse and touch) for all tests of a module."""
    with watched(browser, tmp_path_factory.mktemp("example"), browser_context_args) as show:
        yield show(EXAMPLES[request.param](), has_touch=True)


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """Address and folder of a JupyterLab of our own; it ends with the tests."""
    with server(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(scope="module")
def lab_page(browser, browser_context_args, lab):
    """A browser page with JupyterLab in it; nothing outside this machine is asked for."""
    address, _ = lab
    context, asked, complaints = browser.new_context(**browser_context_args), [], []

    def refuse(route):
        asked.append(route.request.url)
        route.abort()

    context.route(re.compile(r"^https?://(?!127\.0\.0\.1:)"), refuse)
    page = context.new_page()
    page.set_default_timeout(60_000)
    # modules of widgets come from blobs; an error elsewhere is JupyterLab's own
    page.on("pageerror", lambda error: "blob:" in error.stack and complaints.append(error.stack))
    page.goto(f"{address}/lab")
    page.wait_for_function("window.jupyterapp?.restored.then(() => true)")
    yield page
    context.close()
    assert asked == []
    assert complaints == []


@pytest.fixture
def notebook(lab_page, lab, request):
    """`notebook([source, ...])` opens a notebook with those cells and a kernel of its own, as `Notebook`."""
    opened = []

    def open_(sources):
        opened.append(Notebook(lab_page, lab[1], f"{request.node.originalname}.ipynb", sources))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()
