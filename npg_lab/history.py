"""The table of a training run: one row an iteration, with a picture of itself."""

import csv

import numpy as np

from .plots import COLOURS
from .validation import one_of


class History:
    """Numbers of a training run, one row for each iteration.

    Columns that every agent fills: "steps" (environment steps so far), "episodes" (ended so far), "return"
    (mean of the episodes that ended in this iteration, nan if none did), "kl", "entropy", "value_loss", and
    "evaluation" if it was asked for. An agent adds its own.
    """

    def __init__(self, rows=()):
        self.rows = [dict(row) for row in rows]

    def __len__(self):
        return len(self.rows)

    @property
    def columns(self):
        """Names of the columns."""
        return list(self.rows[0]) if self.rows else []

    def __getitem__(self, column):
        """One column as an array; empty before the first iteration."""
        if self.rows:
            one_of("column", column, self.columns)
        return np.array([row[column] for row in self.rows])

    def append(self, row):
        """Add a row, a dict of numbers."""
        self.rows.append(dict(row))

    def save(self, path):
        """Write the table as CSV."""
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, self.columns)
            writer.writeheader()
            writer.writerows(self.rows)

    def plot(self, ax=None, x="steps", y="return"):
        """Draw column `y` against column `x`; returns the axes."""
        import matplotlib.pyplot as plt

        ax = plt.gca() if ax is None else ax
        known = np.isfinite(self[y])
        ax.plot(self[x][known], self[y][known], color=COLOURS["natural"])
        ax.set(xlabel=x, ylabel=y)
        return ax

    def __repr__(self):
        if not self.rows:
            return "History (no iterations)"
        last = ", ".join(f"{name} {_short(value)}" for name, value in self.rows[-1].items())
        return f"History ({len(self)} iterations; last: {last})"

    def _repr_html_(self):
        """The last ten rows as a table."""
        head = "".join(f"<th>{name}</th>" for name in self.columns)
        lines = ["".join(f"<td>{_short(value)}</td>" for value in row.values()) for row in self.rows[-10:]]
        body = "".join(f"<tr>{line}</tr>" for line in lines)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _short(value):
    """A number to four digits, a count whole."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


class LiveView:
    """A callback for `train` that draws the history while it grows.

    Parameters
    ----------
    y : str
        The column to draw.
    """

    def __init__(self, y="return"):
        self.y, self._handle = y, None

    def __call__(self, agent, history):
        """Draw the picture, or draw it again in the same place."""
        import matplotlib.pyplot as plt
        from IPython.display import display

        fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
        history.plot(ax, y=self.y)
        plt.close(fig)
        if self._handle is None:
            self._handle = display(fig, display_id=True)
        else:
            self._handle.update(fig)
