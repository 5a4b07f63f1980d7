"""Command line of the book: `python -m npg_lab.book site myst` builds, `… refresh` stores fresh outputs."""
import argparse
import sys

from . import execute, myst, site, stage
from .config import load


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m npg_lab.book", description=__doc__)
    parser.add_argument("actions", nargs="+", choices=["site", "myst", "refresh"], metavar="action",
                        help="site: build the web site; myst: check the pages with Jupyter Book 2; "
                             "refresh: execute the chapters in place")
    parser.add_argument("--only", nargs="+", metavar="chapter", help="chapters to refresh (all)")
    options = parser.parse_args(arguments)
    try:
        run(options.actions, options.only)
    except (ValueError, RuntimeError) as error:
        sys.exit(f"npg_lab.book: {error}")


def run(actions: list[str], only: list[str] | None = None) -> None:
    """Do the actions; the chapters are executed once for ``site`` and ``myst`` together."""
    book = load()
    if "refresh" in actions:
        execute.refresh([book.page(name) for name in only] if only else book.notebooks)
    if {"site", "myst"} & set(actions):
        stage.stage(book)
    if "site" in actions:
        print(f"The site is in {site.build(book)}.")
    if "myst" in actions:
        myst.check(book)
        print(f"Jupyter Book 2 accepts the pages in {book.staged}: run `jupyter-book start` there.")


if __name__ == "__main__":
    main()
