"""`_build/source`: the sources of the book, executed, with the pages that are generated."""
import shutil
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from .config import Book
from .execute import execute

VERIFICATION = "application/vnd.npg-lab.verification+json"
MARKER = "<!-- ledger -->"


def stage(book: Book) -> Path:
    """Copy the sources to ``book.staged``, execute every notebook there and write the generated pages."""
    shutil.rmtree(book.staged, ignore_errors=True)
    pages = set(book.pages)

    def left_out(folder, names):
        paths = [Path(folder, name) for name in names]
        return [path.name for path in paths
                if path.name.startswith(".") or (path.suffix in (".ipynb", ".md") and path not in pages)]

    shutil.copytree(book.source, book.staged, ignore=left_out)
    executed = dict(zip(book.notebooks, execute(book.notebooks), strict=True))
    for path, notebook in executed.items():
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


def _write_ledger(book, executed):
    page = book.staged / "ledger.md"
    if page.exists():
        tables = map(_ledger_table, executed.values())
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(MARKER, "\n".join(filter(None, tables))), encoding="utf-8")


def _ledger_table(notebook):
    rows = [f"| {{prf:ref}}`{record['label']}` | {record['residual']:.1e} | {record['tolerance']:.0e} |"
            for record in verifications(notebook)]
    heading = [f"## {_title(notebook)}", "", "| theorem | residual | tolerance |", "|---|---:|---:|"]
    return "\n".join([*heading, *rows, ""]) if rows else ""


def _title(notebook):
    return next(cell.source for cell in notebook.cells).partition("\n")[0].removeprefix("# ")
