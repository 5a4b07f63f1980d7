"""The site builder: `jupyter_book.toml` and `chapters/` in, a web site (Sphinx) and a Jupyter Book 2 project out.

``config`` reads the file, ``execute`` runs notebooks, ``stage`` prepares the pages, ``site`` and ``myst`` build
from these, and ``python -m npg_lab.book`` calls them. ``static/widgets.js`` draws the widgets of the site.
"""
