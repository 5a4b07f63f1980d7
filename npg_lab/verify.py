"""Every theorem of the course is followed by a cell that tests it; this is what the cell calls."""

import numpy as np
from IPython.display import display

MIME = "application/vnd.npg-lab.verification+json"


class Verification:
    """The outcome of one test: the theorem's label, the largest residual found and the tolerance."""

    def __init__(self, label, residual, tolerance):
        self.label, self.residual, self.tolerance = label, residual, tolerance

    def __repr__(self):
        return f"✓ {self.label}: largest residual {self.residual:.1e}, tolerance {self.tolerance:.0e}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {"text/plain": repr(self), MIME: vars(self)}


def verify(label, residual, tolerance):
    """Show that a theorem holds numerically and enter it in the ledger.

    Parameters
    ----------
    label : str
        Label of the theorem's directive, for instance "thm-kl-non-negative".
    residual : float or array
        How far the two sides of the statement are apart; the largest absolute entry counts.
    tolerance : float

    Raises
    ------
    AssertionError
        If the residual exceeds the tolerance or is not a number.
    """
    worst = float(np.max(np.abs(np.asarray(residual, dtype=float))))
    if not worst <= tolerance:
        raise AssertionError(f"{label} fails: largest residual {worst:.3e}, tolerance {tolerance:.0e}.")
    display(Verification(label, worst, float(tolerance)))
