"""Widgets on a static page, and in a JupyterLab of their own."""
import pytest
from pages import Shown, html_of


@pytest.fixture
def static_page(new_context, tmp_path):
    """Show a widget without a kernel: `static_page(widget, **context_options)` gives it as `Shown`.

    Requests that leave the page are refused; they and all complaints of the browser fail the test.
    """
    asked, complaints = [], []

    def judge(route):
        inner = route.request.url.startswith(("file:", "blob:", "data:"))
        asked.extend([] if inner else [route.request.url])
        route.continue_() if inner else route.abort()

    def show(widget, **options):
        context = new_context(**options)
        context.route("**/*", judge)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
        file = tmp_path / "widget.html"
        file.write_text(html_of(widget))
        page.goto(file.as_uri())
        shown = Shown(page.locator(".npg"))
        shown.root.wait_for()
        return shown

    yield show
    assert asked == []
    assert complaints == []
