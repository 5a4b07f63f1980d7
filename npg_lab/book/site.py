"""The web site: Sphinx, MyST-NB and the book theme on the staged sources."""
import importlib.metadata
import re
import shutil
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment.collectors.toctree import TocTreeCollector

from .config import Book

STATIC = Path(__file__).parent / "static"
GLOSSARY = re.compile(r"^```\{glossary\}.*?^```", re.M | re.S)
PUNCTUATION = re.compile(r"[-.,;:!?)\]’”]+")


def build(book: Book) -> Path:
    """Build the site from ``book.staged`` and return its directory.

    Raises
    ------
    RuntimeError
        If Sphinx reports a warning or an error (it prints them).
    """
    site = book.build / "book"
    app = Sphinx(book.staged, None, site, book.build / "doctrees", "html", confoverrides=_configuration(book),
                 status=None, freshenv=True, warningiserror=True)

    def read(app, name, text):
        text[0] = _for_sphinx(book, name, text[0])

    app.connect("source-read", read)
    app.connect("env-get-updated", _number_by_chapter, priority=900)
    app.connect("doctree-resolved", _keep_punctuation)
    app.build()
    if app.statuscode:
        raise RuntimeError("the site was not built: Sphinx reported the warnings above.")
    _copy_mathjax(site / "_static/mathjax")
    for notebook in book.notebooks:
        shutil.copy(notebook, site / "_sources")
    return site


def _configuration(book):
    config = book.config
    extensions = """myst_nb sphinx_design sphinx_copybutton sphinx_togglebutton sphinx_proof sphinx_exercise
        sphinxcontrib.bibtex sphinx.ext.mathjax"""
    theme = dict(
        repository_url=config.repository.url, repository_branch=config.repository.branch,
        path_to_docs=config.source, use_repository_button=True, navbar_persistent=[],
        logo=dict(text=config.title),
        launch_buttons=dict(notebook_interface="jupyterlab", binderhub_url=config.launch.binder,
                            colab_url=config.launch.colab),
    )
    return dict(
        project=config.title, html_title=config.title, author=config.author, copyright=config.copyright,
        extensions=extensions.split(), bibtex_bibfiles=list(config.bibliography),
        exclude_patterns=["_build"], numfig=True, suppress_warnings=["mystnb.unknown_mime_type"],
        myst_enable_extensions=["amsmath", "colon_fence", "deflist", "dollarmath"], myst_dmath_double_inline=True,
        nb_execution_mode="off", nb_ipywidgets_js={"widgets.js": {}},
        mathjax_path="mathjax/tex-svg.js",
        html_theme="sphinx_book_theme", html_theme_options=theme | config.theme,
        html_static_path=[str(STATIC)], html_css_files=["book.css"],
        html_logo=str(STATIC / "logo.svg"), html_favicon=str(STATIC / "logo.svg"),
    )


def _for_sphinx(book, name, text):
    """The text of a page with what Sphinx wants in its own way: contents, glossary entries, all references."""
    if name == "index":
        return text + "".join(map(_toctree, book.config.parts))
    if name == "bibliography":
        return text.replace("{bibliography}\n", "{bibliography}\n:all:\n")
    return GLOSSARY.sub(lambda block: re.sub("^: ", "  ", block[0], flags=re.M), text)


def _toctree(part):
    return "\n".join(["", "```{toctree}", ":hidden:", f":caption: {part.title}", "", *part.chapters, "```", ""])


def _number_by_chapter(app, env):
    """Number theorems, equations and figures 3.1, 3.2, … in the page ``03_….ipynb``."""
    chapters = {name: re.match(r"\d+", name) for name in env.found_docs}
    env.toc_secnumbers = {name: {"": (int(number[0]),)} for name, number in chapters.items() if number}
    TocTreeCollector().assign_figure_numbers(env)
    env.toc_secnumbers = {}
    return []


def _keep_punctuation(app, doctree, name):
    """Keep a formula and the punctuation after it on one line; browsers would break between them."""
    for formula in list(doctree.findall(nodes.math)):
        after = formula.next_node(descend=False, siblings=True)
        if isinstance(after, nodes.Text) and (found := PUNCTUATION.match(after)):
            siblings = after.parent  # equal texts may stand beside each other, so look this one up by identity
            position = next(i for i, child in enumerate(siblings) if child is after)
            siblings[position] = nodes.Text(after[found.end():])
            pair = formula.deepcopy(), nodes.Text(found[0])
            formula.replace_self(nodes.inline("", "", *pair, classes=["together"]))


def _copy_mathjax(target):
    package = importlib.metadata.distribution("django-static-mathjax")
    source = Path(package.locate_file("mathjax/static/mathjax/es5"))
    for folder in ("input/tex/extensions", "a11y", "sre"):
        shutil.copytree(source / folder, target / folder, dirs_exist_ok=True)
    shutil.copy(source / "tex-svg.js", target)
