"""The call after every theorem: what it shows, what it stores for the ledger and when it refuses."""
import json

import numpy as np
import pytest
import torch
from IPython.utils.capture import RichOutput

from npg_lab import verify as module
from npg_lab.verify import MIME, Verification, verify


@pytest.fixture
def shown(monkeypatch):
    displayed = []
    monkeypatch.setattr(module, "display", displayed.append)
    return displayed


def test_shows_the_largest_residual(shown):
    assert verify("thm-kl", np.array([[1e-14, -3.25e-13], [0, 2e-13]]), 1e-12) is None
    (verification,) = shown
    assert repr(verification) == "✓ thm-kl: largest residual 3.2e-13, tolerance 1e-12"
    assert (verification.label, verification.residual, verification.tolerance) == ("thm-kl", 3.25e-13, 1e-12)


def test_offers_the_ledger_entry_as_json(shown):
    verify("thm-kl", np.float64(1e-14), 1e-12)
    bundle = shown[0]._repr_mimebundle_()
    assert bundle["text/plain"] == repr(shown[0])
    entry = json.loads(json.dumps(bundle[MIME]))
    assert entry == {"label": "thm-kl", "residual": 1e-14, "tolerance": 1e-12}
    assert MIME == "application/vnd.npg-lab.verification+json"


def test_ipython_understands_the_bundle():
    assert RichOutput(data=Verification("a", 0.0, 1.0)._repr_mimebundle_()).data["text/plain"].startswith("✓ a")


def test_prints_outside_a_notebook(capsys):
    verify("thm-kl", 0.0, 1e-12)
    assert capsys.readouterr().out.strip() == "✓ thm-kl: largest residual 0.0e+00, tolerance 1e-12"


@pytest.mark.parametrize("residual", [1e-12, -1e-12, [0, 1e-12], torch.tensor([0.0, -1e-13])])
def test_the_tolerance_itself_passes(shown, residual):
    verify("thm-kl", residual, 1e-12)
    assert len(shown) == 1


@pytest.mark.parametrize("residual", [1.1e-12, -1.0, [0, 2.0], np.nan, [0, np.nan], np.inf, -np.inf])
def test_refuses_what_is_too_large_or_not_a_number(shown, residual):
    with pytest.raises(AssertionError, match=r"^thm-kl fails: largest residual \S+, tolerance 1e-12\.$"):
        verify("thm-kl", residual, 1e-12)
    assert shown == []
