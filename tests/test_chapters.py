"""What every chapter has: its parts, exercises with right solutions, nothing that dies on the static page."""

import re
import tomllib
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "chapters").glob("[0-9][0-9]_*.ipynb"))
NOTEBOOKS = sorted((ROOT / "chapters").glob("*.ipynb"))
PARTS = ("**You will be able to", "Predict first", "## What people get wrong", "## Summary", "## Further reading")
EXERCISE = re.compile(r"^[`:]{3,}\{exercise\} .*?(●+○*) · \d+ minutes?\n:label: (ex-\S+)", re.M)


def cells(path, kind=None):
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if kind in (None, cell.cell_type)]


def tagged(path, tag):
    return [cell for cell in cells(path, "code") if tag in cell.metadata.get("tags", [])]


def text(cell):
    """What a cell shows as plain text."""
    data = [output.get("data", {}).get("text/plain", "") + output.get("text", "") for output in cell.outputs]
    return "\n".join(data)


def prose(path):
    return "\n\n".join(cell.source for cell in cells(path, "markdown"))


every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def test_every_chapter_of_the_book_is_there_and_no_other():
    book = tomllib.loads((ROOT / "jupyter_book.toml").read_text())
    listed = [name for part in book["parts"] for name in part["chapters"] if name[0].isdigit()]
    assert listed == [path.stem for path in CHAPTERS]


@every_chapter
def test_parts_of_a_chapter(path):
    words = prose(path)
    number = int(path.stem[:2])
    assert words.startswith(f"# {number}. ")
    for part in PARTS:
        assert part in words, part
    summary = words.split("## Summary")[1].split("\n## ")[0]
    assert 1 <= len(re.findall(r"^- ", summary, re.M)) <= 6


@every_chapter
def test_exercises_have_stub_check_hint_and_a_solution_that_is_right(path):
    exercises = EXERCISE.findall(prose(path))
    assert 3 <= len(exercises) <= 5
    assert all(len(dots) == 5 for dots, _ in exercises)
    stubs, checks, solutions = (tagged(path, tag) for tag in ("exercise", "check", "solution"))
    assert len(stubs) >= len(exercises)
    assert len(checks) == len(solutions) == len(exercises)
    assert all("..." in stub.source for stub in stubs)
    assert all(text(check).startswith("○ Not attempted") for check in checks)
    assert all(text(solution).strip().splitlines()[-1].startswith("✓ Right") for solution in solutions)
    assert all(solution.metadata.jupyter.source_hidden for solution in solutions)
    assert len(re.findall(r"\{dropdown\} Hint", prose(path))) >= len(exercises)


@every_chapter
def test_results_are_compared_and_theorems_verified(path):
    assert sum("# NBVAL_CHECK_OUTPUT" in cell.source for cell in cells(path, "code")) >= 5
    verify_cells = "\n".join(cell.source for cell in tagged(path, "verify"))
    verified = set(re.findall(r'verify\(\s*"(\S+?)"', verify_cells))
    stated = re.findall(r"\{prf:(?:theorem|proposition|lemma|corollary)\}.*\n:label: (\S+)", prose(path))
    assert stated
    assert set(stated) <= verified


@every_notebook
def test_only_widgets_that_live_on_the_static_page(path):
    sources = "\n".join(cell.source for cell in cells(path, "code"))
    assert not re.search(r"ipywidgets|interact\(|@interact|%matplotlib (widget|notebook)", sources)


@every_notebook
def test_ready_for_colab(path):
    repository = tomllib.loads((ROOT / "jupyter_book.toml").read_text())["repository"]["url"]
    [setup] = tagged(path, "colab")
    assert cells(path, "code")[0] == setup
    assert f"git+{repository}\n" in setup.source
    assert "enable_custom_widget_manager()" in setup.source


@every_notebook
def test_stored_outputs_are_clean(path):
    notebook = nbformat.read(path, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in cells(path, "code"):
        assert not any(output.output_type == "error" for output in cell.outputs)
        assert "execution" not in cell.metadata
        assert not re.search(r"\bat 0x[0-9a-f]+", text(cell))


@every_chapter
def test_every_figure_has_alternative_text(path):
    for cell in cells(path, "code"):
        if any("image/png" in output.get("data", {}) for output in cell.outputs):
            assert len(cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")) > 20, cell.source[:80]


def test_cell_ids_are_unique_in_the_book():
    ids = [cell.id for path in NOTEBOOKS for cell in cells(path)]
    assert len(ids) == len(set(ids))
