import json
import shutil
from dataclasses import replace

import pytest

from npg_lab.book import myst


@pytest.fixture
def copy(book, tmp_path):
    """A copy of the staged fixture book, free to be changed."""
    shutil.copytree(book.staged, tmp_path / "_build/source")
    return replace(book, root=tmp_path)


def test_myst_yml_lists_the_book(copy):
    project = json.loads(myst.write(copy).read_text())["project"]
    assert project["title"] == "A Tiny Book"
    assert project["bibliography"] == ["references.bib"]
    home, geometry, back = project["toc"]
    assert home == {"file": "index.md"}
    assert geometry == {"title": "Geometry", "children": [{"file": "01_score.ipynb"}, {"file": "02_step.ipynb"}]}
    assert back["children"][-1] == {"file": "bibliography.md"}


def test_jupyter_book_2_accepts_the_pages_without_an_installed_node(copy, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    myst.check(copy)
    assert json.loads((copy.staged / "myst.yml").read_text())["site"] == {"template": "book-theme"}
    theorem = json.loads((copy.staged / "_build/site/content/score.json").read_text())
    assert "thm-score-zero" in json.dumps(theorem)


def test_jupyter_book_2_refuses_broken_references_and_unknown_directives(copy):
    with (copy.staged / "index.md").open("a") as page:
        page.write("\nSee {prf:ref}`thm-nowhere`.\n\n```{nosuch}\nx\n```\n")
    with pytest.raises(RuntimeError) as caught:
        myst.check(copy)
    assert "Cross reference target was not found: thm-nowhere" in str(caught.value)
    assert "unknown directive: nosuch" in str(caught.value)
