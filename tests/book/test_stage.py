import nbformat
import pytest
from fixture_book import code, markdown, write_small_book

from npg_lab.book import config, execute, stage
from npg_lab.book.__main__ import main

WIDGET_STATE = "application/vnd.jupyter.widget-state+json"


def outputs(path):
    return [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]


def printed(path):
    return "".join(output.get("text", "") for output in outputs(path))


def test_staged_notebooks_are_executed_and_sources_untouched(book):
    assert "Right -2.0" in printed(book.staged / "01_score.ipynb")
    assert outputs(book.source / "01_score.ipynb") == []


def test_words_to_the_tests_are_not_shown_to_readers(book):
    sources = [cell.source for path in book.notebooks for cell in nbformat.read(path, 4).cells]
    staged = [cell.source for path in book.notebooks for cell in nbformat.read(book.staged / path.name, 4).cells]
    assert any("NBVAL_CHECK_OUTPUT" in source for source in sources)
    assert not any("NBVAL_CHECK_OUTPUT" in source for source in staged)


def test_widget_state_is_saved(book):
    notebook = nbformat.read(book.staged / "01_score.ipynb", 4)
    angles = [model["state"].get("angle") for model in notebook.metadata.widgets[WIDGET_STATE]["state"].values()]
    assert sorted(angle for angle in angles if angle is not None) == [20, 70]


def test_ledger_has_a_table_for_every_chapter(book):
    ledger = (book.staged / "ledger.md").read_text()
    assert stage.MARKER not in ledger
    assert "## 1. The score" in ledger
    assert "| {prf:ref}`thm-score-zero` | The score has mean zero | 1.2e-16 | 1e-12 |" in ledger
    assert "| {prf:ref}`thm-step` | The step | 2.5e-09 | 1e-08 |" in ledger
    assert "Errata" not in ledger


def test_bibliography_page_is_generated(book):
    assert "```{bibliography}" in (book.staged / "bibliography.md").read_text()


def test_pages_that_are_not_listed_stay_behind_and_assets_come_along(tmp_path):
    root = write_small_book(tmp_path / "book")
    (root / "chapters/draft.md").write_text("# Draft")
    (root / "chapters/table.csv").write_text("1,2")
    staged = stage.stage(config.load(root))
    assert (staged / "table.csv").exists()
    assert not (staged / "draft.md").exists()


def test_every_run_executes_afresh(tmp_path):
    root = write_small_book(tmp_path / "book", code("from helper import value\nprint(value)"))
    book = config.load(root)
    for value in ("first", "other"):
        (root / "chapters/helper.py").write_text(f"value = {value!r}")
        stage.stage(book)
        assert printed(book.staged / "01_small.ipynb") == f"{value}\n"


def test_failing_cell_is_named(tmp_path):
    root = write_small_book(tmp_path / "book", code("a = 1"), code("a / 0"))
    with pytest.raises(RuntimeError, match=r"^01_small.ipynb, cell 3: ZeroDivisionError: division by zero$"):
        stage.stage(config.load(root))


@pytest.mark.parametrize(("directive", "sentence"), [
    ("```{prf:theorem} Title\n:label: thm-bare\nx\n```", "the theorem thm-bare has no verification"),
    (":::{prf:lemma}\nx\n:::", r"the lemma \(without a label\) has no verification"),
])
def test_statement_without_verification_is_refused(tmp_path, directive, sentence):
    root = write_small_book(tmp_path / "book", markdown(directive))
    with pytest.raises(RuntimeError, match=f"^01_small.ipynb: {sentence}"):
        stage.stage(config.load(root))


def test_slow_cell_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(execute, "TIMEOUT", 1)
    root = write_small_book(tmp_path / "book", code("import time; time.sleep(60)"))
    with pytest.raises(RuntimeError, match=r"^01_small.ipynb, cell 2: it took longer than 1 s$"):
        stage.stage(config.load(root))


def test_command_line_reports_a_mistake_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^npg_lab.book: there is no jupyter_book.toml in"):
        main(["site"])


def test_refresh_stores_outputs_and_nothing_that_changes(tmp_path, monkeypatch):
    root = write_small_book(
        tmp_path / "book", code("import ipywidgets\nprint(1 + 1)"), code("ipywidgets.IntSlider()"),
        code("import matplotlib.pyplot as plt\n_ = plt.plot([1, 2])"))
    monkeypatch.chdir(root)
    path = root / "chapters/01_small.ipynb"
    main(["refresh"])
    first = path.read_bytes()
    main(["refresh", "--only", "01_small"])
    assert path.read_bytes() == first
    assert [output.output_type for output in outputs(path)] == ["stream", "display_data"]
    assert "image/png" in outputs(path)[1].data
    metadata = nbformat.read(path, 4).metadata
    assert metadata == {"kernelspec": execute.KERNELSPEC, "language_info": {"name": "python"}}
