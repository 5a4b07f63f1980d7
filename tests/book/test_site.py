import re
import shutil
from dataclasses import replace

import nbformat
import pytest
from docutils import nodes

from npg_lab.book import site

pytestmark = pytest.mark.filterwarnings("ignore::sphinx.deprecation.RemovedInSphinx11Warning")
PAGES = ["index", "01_score", "02_step", "glossary", "errata", "ledger", "bibliography", "search", "genindex"]
TYPESET = "document.querySelectorAll('mjx-container svg').length >= document.querySelectorAll('.math').length"


@pytest.fixture
def score(page, strangers, address):
    """The first chapter, open in the browser, with its maths typeset."""
    page.goto(f"{address}/01_score.html")
    page.wait_for_function(f"window.MathJax?.startup?.promise && {TYPESET}")
    return page


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_fetched_from_outside_and_nothing_is_missing(page, strangers, address, name):
    missing, errors = [], []
    page.on("response", lambda response: missing.append(response.url) if response.status >= 400 else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(f"{address}/{name}.html")
    page.wait_for_function(TYPESET)
    page.wait_for_load_state("networkidle")
    assert (strangers, missing, errors) == ([], [], [])


def test_page_names_no_foreign_script(built):
    html = (built / "01_score.html").read_text()
    scripts = re.findall(r'<(?:script|link)[^>]+(?:src|href)="([^"]+)"', html)
    assert "_static/mathjax/tex-svg.js" in scripts
    assert [address for address in scripts if address.startswith(("http", "//"))] == []
    assert "require.js" not in html


def test_maths_is_typeset(score):
    assert score.locator("mjx-container[display=true] svg").count() >= 3
    assert score.locator("mjx-merror, [data-mjx-error]").count() == 0
    assert r"\(" not in score.locator("article").inner_text()


def test_punctuation_stays_with_its_formula(built):
    together = re.findall(r'<span class="together"><span class="math[^>]*>(.*?)</span>(.*?)</span>',
                          (built / "01_score.html").read_text())
    assert (r"\(\int p_\theta = 1\)", ".") in together


def test_only_the_punctuation_behind_the_formula_moves():
    parts = nodes.emphasis(text="a"), nodes.Text("."), nodes.math(text="J"), nodes.Text(".")
    paragraph = nodes.paragraph("", "", *parts)
    site._keep_punctuation(None, paragraph, "page")
    assert paragraph.astext() == "a.J."
    assert [child.astext() for child in paragraph] == ["a", ".", "J.", ""]


def test_widget_starts_from_the_saved_state(score):
    dials = score.locator("output")
    assert dials.all_inner_texts() == ["21", "21", "71"]
    assert score.locator("i:has-text('1.5 2.5')").count() == 2


def test_dragging_a_widget_moves_every_view_of_its_model(score):
    track = score.locator("input[type=range]").first
    track.scroll_into_view_if_needed()
    box = track.bounding_box()
    middle = box["y"] + box["height"] / 2
    score.mouse.move(box["x"] + 0.21 * box["width"], middle)
    score.mouse.down()
    score.mouse.move(box["x"] + 0.9 * box["width"], middle, steps=4)
    score.mouse.up()
    first, second, other = map(int, score.locator("output").all_inner_texts())
    assert first == second > 80
    assert other == 71


def test_clicking_a_widget(score):
    score.get_by_role("button", name="Up").nth(2).click()
    assert score.locator("output").all_inner_texts() == ["21", "21", "72"]


def test_broken_widget_says_so_in_its_place(score):
    assert score.locator(".widget-error").all_inner_texts() == ["This widget cannot be shown: no canvas"]


def test_page_works_from_a_file(page, strangers, built):
    page.goto((built / "01_score.html").as_uri())
    page.wait_for_function(TYPESET)
    page.get_by_role("button", name="Up").first.click()
    assert page.locator("output").all_inner_texts() == ["22", "22", "71"]
    assert strangers == []


def test_statements_and_equations_are_numbered_by_chapter(score, address):
    text = score.locator("article").inner_text()
    for title in ("Definition 1.1 (Score)", "Theorem 1.1 (The score has mean zero)", "Exercise 1.1 (Write"):
        assert title in " ".join(text.split())
    assert score.locator("a[href='02_step.html#thm-step']").first.inner_text() == "Theorem 2.1"
    assert score.locator("a.reference[href='#equation-eq-fisher']").first.inner_text() == "(1.1)"
    score.goto(f"{address}/02_step.html")
    assert score.locator("#thm-step .caption-number").inner_text().strip() == "Theorem 2.1"


def test_citations_and_terms_resolve(score):
    citation = score.locator("a[href^='bibliography.html#']").first
    assert citation.inner_text() == "Kak01"
    assert score.locator("a[href='glossary.html#term-Fisher-information']").inner_text() == "Fisher information"
    citation.click()
    entry = score.locator(score.evaluate("location.hash"))
    assert "A natural policy gradient" in entry.inner_text()
    assert "Never cited" in score.locator("article").inner_text()


def test_ledger_links_every_theorem(page, strangers, address):
    page.goto(f"{address}/ledger.html")
    rows = [row.inner_text().split("\t") for row in page.locator("tbody tr").all()]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["Theorem 1.1", "The score has mean zero", "1.2e-16", "1e-12"],
        ["Proposition 1.1", "", "0.0e+00", "1e-08"],
        ["Theorem 2.1", "The step", "2.5e-09", "1e-08"],
    ]
    page.locator("tbody a").last.click()
    assert page.url.endswith("02_step.html#thm-step")


def test_solution_and_hint_are_folded(score):
    solution = score.locator(".tag_solution")
    assert not solution.locator("pre").first.is_visible()
    solution.locator("summary").click()
    assert solution.get_by_text("Right -2.0").is_visible()
    hint = score.get_by_text("Differentiate the log.")
    assert not hint.is_visible()
    score.locator("summary", has_text="Hint").click()
    assert hint.is_visible()
    assert not score.get_by_text("It is").is_visible()


def test_search_finds_a_page(page, strangers, address):
    page.goto(f"{address}/index.html")
    page.locator(".search-button-field, .search-button__button").first.click()
    page.locator("input[type=search]:visible").fill("ellipses")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li")
    assert "2. The step" in page.locator("#search-results").inner_text()
    assert strangers == []


def test_dark_theme(score):
    background = "element => getComputedStyle(element).backgroundColor"
    light = score.locator("body").evaluate(background)
    score.get_by_label("Color mode").click()
    score.get_by_role("button", name="Dark").click()
    assert score.locator("html").get_attribute("data-theme") == "dark"
    assert score.locator("body").evaluate(background) != light
    assert score.locator(".cell_output img").first.evaluate(background) == "rgb(255, 255, 255)"
    widget = score.locator(".cell_output", has=score.locator("output")).first
    assert widget.evaluate(background) == "rgba(0, 0, 0, 0)"


def test_buttons_lead_to_the_clean_notebook_binder_and_colab(score, book, tmp_path):
    with score.expect_download() as download:
        score.locator("a[href='_sources/01_score.ipynb']").evaluate("link => link.click()")
    download.value.save_as(tmp_path / "score.ipynb")
    assert nbformat.read(tmp_path / "score.ipynb", 4) == nbformat.read(book.source / "01_score.ipynb", 4)
    links = score.locator(".dropdown-launch-buttons a").evaluate_all("all => all.map(link => link.href)")
    assert links == [
        "https://mybinder.org/v2/gh/npg-lab/npg-lab/main?urlpath=lab/tree/chapters/01_score.ipynb",
        "https://colab.research.google.com/github/npg-lab/npg-lab/blob/main/chapters/01_score.ipynb",
    ]


@pytest.mark.parametrize("name", PAGES)
def test_phone_does_not_scroll_sideways(page, strangers, address, name):
    page.set_viewport_size({"width": 375, "height": 800})
    page.goto(f"{address}/{name}.html")
    page.wait_for_function(TYPESET)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375


def test_print_keeps_text_and_widgets_and_drops_the_navigation(score):
    score.emulate_media(media="print")
    assert score.locator("output").first.is_visible()
    assert not score.locator(".bd-sidebar-primary").is_visible()
    assert len(score.pdf()) > 10_000


def test_warning_is_an_error(book, tmp_path):
    shutil.copytree(book.staged, tmp_path / "_build/source")
    shutil.copytree(book.source, tmp_path / "chapters")
    with (tmp_path / "_build/source/index.md").open("a") as page:
        page.write("\nSee {cite}`nobody1900`.\n")
    with pytest.raises(RuntimeError, match="Sphinx"):
        site.build(replace(book, root=tmp_path))
