"""Wrong answers to the exercises on parameter space and policy space that are not in their catalogues."""

import numpy as np
import pytest

from npg_lab.checks import spaces

WRONG = [
    ("hidden_gain", lambda before, after, step: 0.4, "wrong value"),
    ("hidden_gain", lambda before, after, step: (np.log(1 - after) - np.log(1 - before)) / step, "wrong value"),
    ("hidden_gain", lambda before, after, step: step / np.log(after * (1 - before) / before / (1 - after)),
     "wrong value"),
    ("hidden_gain", lambda before, after, step: np.array([before, after]) / step, "wrong shape"),
    ("hidden_gain", lambda before, after: after - before, "wrong type"),
    ("affordable_step", lambda std, kl: kl / std, "wrong value"),
    ("affordable_step", lambda std, kl: np.sqrt(2 * kl), "wrong value"),
    ("affordable_step", lambda std, kl: -std * np.sqrt(2 * kl), "wrong value"),
    ("affordable_step", lambda std, kl: (-std * np.sqrt(2 * kl), std * np.sqrt(2 * kl)), "wrong shape"),
    ("affordable_step", lambda std, kl: "a little", "wrong type"),
    ("largest_step_size", lambda k, discount: 0.0114, "wrong value"),
    ("largest_step_size", lambda k, discount: -1 - discount**-0.5, "wrong value"),
    ("largest_step_size", lambda k, discount: 1 / 5.73, "wrong value"),
    ("largest_step_size", lambda k, discount: [k, discount], "wrong shape"),
    ("largest_step_size", lambda k, discount: complex(k, discount), "wrong type"),
    ("units_for", lambda gradient, direction: np.ones_like(gradient), "wrong value"),
    ("units_for", lambda gradient, direction: -np.sqrt(gradient / direction), "wrong value"),
    ("units_for", lambda gradient, direction: (gradient / direction) ** 0.25, "wrong value"),
    ("units_for", lambda gradient, direction: np.diag(np.sqrt(gradient / direction)), "wrong shape"),
    ("units_for", lambda gradient, direction: gradient @ direction, "wrong shape"),
    ("units_for", lambda gradient, direction: gradient.units, "wrong type"),
]


@pytest.mark.parametrize(("name", "candidate", "status"), WRONG)
def test_wrong_answer_is_rejected(name, candidate, status):
    assert getattr(spaces, name)(candidate).status == status


def test_units_turn_the_vanilla_step_into_the_wanted_direction():
    gradient, direction = np.array([3.0, -1.0]), np.array([1.0, -4.0])
    units = spaces.units_for.reference(gradient, direction)
    np.testing.assert_allclose(gradient / units / units, direction)


@pytest.mark.parametrize(("k", "discount"), [(0.0, 0.9), (-0.3, 0.6), (-1.5, 0.95)])
def test_largest_step_size_lands_on_the_edge(k, discount):
    def objective(k):
        return -(1 + k**2) / (1 - discount * (1 + k) ** 2)

    slope = (objective(k + 1e-6) - objective(k - 1e-6)) / 2e-6
    arrival = k + spaces.largest_step_size.reference(k, discount) * slope
    assert discount * (1 + arrival) ** 2 == pytest.approx(1, abs=1e-6)
