"""The static widget host, on pages written by hand."""
import json

import pytest

from npg_lab.book.site import STATIC

VIEW = "application/vnd.jupyter.widget-view+json"
STATE = "application/vnd.jupyter.widget-state+json"


@pytest.fixture
def show(page):
    """Open a page with one view of each of the models ``{"state": …, "buffers": …}``; return the page."""
    def show(*models, views=None):
        saved = {str(key): {"model_module": "anywidget", "model_name": "AnyModel"} | model
                 for key, model in enumerate(models)}
        ids = views or saved
        scripts = "".join(f'<script type="{VIEW}">{json.dumps({"model_id": key})}</script>' for key in ids)
        state = json.dumps({"version_major": 2, "state": saved})
        page.set_content(f"<body>{scripts}<script type='{STATE}'>{state}</script>"
                         f"<script>{(STATIC / 'widgets.js').read_text()}</script>", wait_until="load")
        page.wait_for_function(f"document.querySelectorAll('body > div').length === {len(ids)}")
        page.wait_for_function("[...document.querySelectorAll('body > div')].every(el => el.textContent)")
        return page
    return show


def model(render, **state):
    return {"state": {"_esm": f"export default {{ render({{ model, el, signal }}) {{ {render} }} }}", **state}}


def texts(page):
    return page.locator("body > div").all_inner_texts()


def test_change_events_carry_the_model_and_the_value(show):
    page = show(model("""
        const log = [];
        model.on("change:a change:b", (source, value) => log.push(`${source === model} ${value}`));
        model.on("change", () => log.push(`then ${model.get("a")} ${model.get("b")}`));
        model.set({ a: 2, b: 3 });
        model.save_changes();
        el.textContent = log.join("; ");
        """, a=1, b=1))
    assert texts(page) == ["true 2; true 3; then 2 3"]


def test_setting_an_equal_value_is_not_a_change(show):
    page = show(model("""
        let changes = 0;
        model.on("change", () => changes++);
        model.set("path", [[0, 1], [2, 3]]);
        model.set("path", [[0, 1], [2, 4]]);
        el.textContent = `${changes} change`;
        """, path=[[0, 1], [2, 3]]))
    assert texts(page) == ["1 change"]


def test_off_removes_one_listener_or_all(show):
    page = show(model("""
        const log = [], one = () => log.push("one"), two = () => log.push("two");
        model.on("change:a", one); model.on("change:a", two); model.on("change", two);
        model.off("change:a", one); model.set("a", 1);
        model.off("change:a"); model.set("a", 2);
        model.off(); model.set("a", 3);
        el.textContent = log.join(" ");
        """, a=0))
    assert texts(page) == ["two two two"]


def test_messages_go_nowhere(show):
    page = show(model("""
        model.on("msg:custom", () => { el.textContent = "a message"; });
        model.send({ hello: 1 });
        el.textContent = "no message";
        """))
    assert texts(page) == ["no message"]


def test_buffers_arrive_as_data_views(show):
    buffers = [{"path": ["table", "x"], "encoding": "base64", "data": "AAAAAAAA+D8="}]
    page = show(model("el.textContent = model.get('table').x.getFloat64(0, true);", table={"x": None})
                | {"buffers": buffers})
    assert texts(page) == ["1.5"]


def test_default_export_may_be_a_function_and_initialize_runs_once(show):
    esm = """export default async () => ({
        initialize({ model }) { model.set("count", model.get("count") + 1); },
        render({ model, el }) { el.textContent = `initialized ${model.get("count")}`; } })"""
    assert texts(show({"state": {"_esm": esm, "count": 0}}, views=["0", "0"])) == ["initialized 1"] * 2


def test_style_of_a_class_is_added_once(show):
    widget = model("el.textContent = 'x'", _css="div { color: rgb(1, 2, 3); }")
    page = show(widget, widget)
    assert page.locator("style").count() == 1
    assert page.locator("div").first.evaluate("el => getComputedStyle(el).color") == "rgb(1, 2, 3)"


def test_one_bad_widget_does_not_stop_the_others(show):
    page = show(
        model("throw new Error('no canvas.');"),
        {"state": {"_esm": "export default {"}},
        {"model_module": "@jupyter-widgets/controls", "state": {}},
        model("el.textContent = 'alive'"),
        views=["0", "1", "2", "lost", "3"],
    )
    canvas, syntax, controls, lost, alive = texts(page)
    assert canvas == "This widget cannot be shown: no canvas."
    assert syntax.startswith("This widget cannot be shown: ")
    assert controls == "This widget cannot be shown: it works only in a running notebook."
    assert lost == "This widget cannot be shown: its state was not saved in this page."
    assert alive == "alive"


def test_cleanup_runs_when_the_page_goes(show):
    page = show(model("""
        el.textContent = "here";
        signal.addEventListener("abort", () => { el.textContent += " aborted"; });
        return () => { el.textContent += " gone"; };
        """))
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))")
    assert texts(page) == ["here"]
    page.evaluate("dispatchEvent(new PageTransitionEvent('pagehide'))")
    assert texts(page) == ["here aborted gone"]
