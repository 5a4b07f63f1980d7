"""`_build/source`: the sources of the book, executed, with the pages that are generated."""
import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from .config import Book
from .execute import execute

VERIFICATION = "application/vnd.npg-lab.verification+json"
MARKER = "<!-- ledger -->"
FOR_TESTS = "# NBVAL_CHECK_OUTPUT\n"  # a word to the tests that readers of the site need not see
STATEMENT = re.compile(r"^[`:]{3,}\{prf:(theorem|proposition|lemma|corollary)\} *(.*)\n(?::label: (\S+))?", re.M)
TITLE = re.compile(r"^# (.+)", re.M)


def stage(book: Book) -> Path:
    """Copy the sources to ``book.staged``, execute every notebook there and write the generated pages.

    Raises
    ------
    RuntimeError
        If a cell fails, or if a theorem, proposition, lemma or corollary has no verification.
    """
    shutil.rmtree(book.staged, ignore_errors=True)
    pages = set(book.pages)

    def left_out(folder, names):
        paths = [Path(folder, name) for name in names]
        return [path.name for path in paths
                if path.name.startswith(".") or (path.suffix in (".ipynb", ".md") and path not in pages)]

    shutil.copytree(book.source, book.staged, ignore=left_out)
    executed = dict(zip(book.notebooks, execute(book.notebooks), strict=True))
    for path, notebook in executed.items():
        _check_verified(path, notebook)
        for cell in notebook.cells:
            cell.source = cell.source.removeprefix(FOR_TESTS)
        nbformat.write(notebook, book.staged / path.name)
    (book.staged / "bibliography.md").write_text("# Bibliography\n\n```{bibliography}\n```\n", encoding="utf-8")
    _write_ledger(book, executed)
    return book.staged


def verifications(notebook: NotebookNode) -> Iterable[dict]:
    """The records ``{"label", "residual", "tolerance"}`` that an executed notebook's outputs carry."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if record := output.get("data", {}).get(VERIFICATION):
                yield record


def _check_verified(path, notebook):
    verified = {record["label"] for record in verifications(notebook)}
    for cell in notebook.cells:
        for kind, _, label in STATEMENT.findall(cell.source if cell.cell_type == "markdown" else ""):
            if label not in verified:
                raise RuntimeError(f"{path.name}: the {kind} {label or '(without a label)'} has no verification.")


def _write_ledger(book, executed):
    page = book.staged / "ledger.md"
    if page.exists():
        tables = map(_ledger_table, executed.values())
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(MARKER, "\n".join(filter(None, tables))), encoding="utf-8")


def _ledger_table(notebook):
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    names = {label: name.replace(r"\|", r"\Vert ") for _, name, label in STATEMENT.findall(text)}
    rows = [f"| {{prf:ref}}`{record['label']}` | {names.get(record['label'], '')} "
            f"| {record['residual']:.1e} | {record['tolerance']:.0e} |" for record in verifications(notebook)]
    heading = [f"## {TITLE.search(text)[1]}", "", "| theorem | what it says | residual | tolerance |",
               "|---|---|---:|---:|"]
    return "\n".join([*heading, *rows, ""]) if rows else ""
