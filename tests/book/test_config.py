import dataclasses

import pytest
from fixture_book import CONFIG, write_book

from npg_lab.book.config import load


@pytest.fixture
def root(tmp_path):
    return write_book(tmp_path / "book")


def test_reads_the_file(root):
    book = load(root)
    assert book.config.title == "A Tiny Book"
    assert book.config.repository.branch == "main"
    assert book.config.launch.colab == "https://colab.research.google.com"
    assert [part.title for part in book.config.parts] == ["Geometry", "Back matter"]
    assert book.chapters == ("01_score", "02_step", "glossary", "errata", "ledger", "bibliography")
    assert [path.name for path in book.notebooks] == ["01_score.ipynb", "02_step.ipynb", "errata.ipynb"]


def test_theme_options_are_passed_on_as_they_stand(root):
    (root / "jupyter_book.toml").write_text(CONFIG + "[theme]\nshow_toc_level = 2\n")
    assert load(root).config.theme == {"show_toc_level": 2}


def test_is_immutable(root):
    with pytest.raises(dataclasses.FrozenInstanceError):
        load(root).config.title = "Other"


@pytest.mark.parametrize(("old", "new", "sentence"), [
    ('title = "A Tiny Book"', "title = 3", "'title' takes a string, not 3."),
    ('title = "A Tiny Book"', "", "the key 'title' is missing."),
    ('["references.bib"]', '"references.bib"', "'bibliography' takes a list of strings, not 'references.bib'."),
    ('["01_score", "02_step"]', '["01_score", 2]', "'parts[0].chapters[1]' takes a string, not 2."),
    ('title = "Back matter"', "", "the key 'parts[1].title' is missing."),
    ('branch = "main"', 'brunch = "main"', "unknown key 'repository.brunch'; repository takes url, branch."),
    ("[launch]", "[lunch]", "unknown key 'lunch'; the file takes title, author,"),
    ('source = "chapters"', 'theme = "dark"', "'theme' takes a table, not 'dark'."),
    ('source = "chapters"', "source =", "is not valid TOML"),
    ('"02_step"', '"02_stop"', "the page '02_stop' has no file chapters/02_stop.ipynb or .md."),
    ('"02_step"', '"01_score"', "lists '01_score' twice"),
    ("references.bib", "missing.bib", "the bibliography has no file chapters/missing.bib."),
])
def test_malformed_file_is_told_in_one_sentence(root, old, new, sentence):
    assert old in CONFIG
    (root / "jupyter_book.toml").write_text(CONFIG.replace(old, new))
    with pytest.raises(ValueError) as caught:
        load(root)
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_and_missing_home_page(root):
    (root / "chapters/index.md").unlink()
    with pytest.raises(ValueError, match=r"the page 'index' has no file chapters/index.ipynb or .md"):
        load(root)
    (root / "jupyter_book.toml").unlink()
    with pytest.raises(ValueError, match=r"there is no jupyter_book.toml in"):
        load(root)
