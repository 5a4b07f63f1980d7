"""Ready-made finite problems: grid worlds and random (Garnet) MDPs."""

import numpy as np
from scipy.sparse import csr_array

from ..validation import finite
from .mdp import TabularMDP

MOVES = np.array([[-1, 0], [0, 1], [1, 0], [0, -1]])
SYMBOLS = ".#SGX"
ROOMS = (
    "S..#...",
    "...#...",
    ".......",
    "...#.X.",
    "...#..G",
)


class GridWorld(TabularMDP):
    """A `TabularMDP` whose states are cells of a map; build it with `grid_world`.

    Attributes
    ----------
    layout : tuple of str
    cells : array of int (S, 2)
        Row and column of each state.
    arrows : str
        One arrow for each action.
    """

    arrows = "↑→↓←"

    def __init__(self, layout, cells, *mdp):
        super().__init__(*mdp)
        self.layout, self.cells = layout, cells

    def on_map(self, values):
        """Numbers of the states (..., S) laid out on the map (..., rows, columns), NaN on walls."""
        values = np.asarray(values)
        picture = np.full((*values.shape[:-1], len(self.layout), len(self.layout[0])), np.nan)
        picture[..., self.cells[:, 0], self.cells[:, 1]] = values
        return picture


def grid_world(layout=ROOMS, discount=0.95, slip=0.0, step_reward=0.0, sparse=False):
    """Walk on a map with the actions up, right, down and left; a move into a wall stays where it is.

    Entering a goal pays 1 and entering a trap −1; both end the walk, which then stays there at no reward.

    Parameters
    ----------
    layout : sequence of str
        One string for each row: "." free, "#" wall, "S" start, "G" goal, "X" trap. The walk begins in one of
        the S cells, or in any free cell if there is none.
    discount : float
    slip : float
        Probability of moving to the side of the chosen direction, half of it to each side.
    step_reward : float
        Reward of every move, a negative one to make haste.
    sparse : bool
        Whether the transitions are kept as a sparse matrix, for large maps.

    Returns
    -------
    GridWorld
    """
    marks = _marks(layout)
    slip = float(finite("slip", slip))
    if not 0 <= slip <= 1:
        raise ValueError(f"slip must lie in [0, 1], got {slip:g}.")
    cells = np.argwhere(marks != "#")
    symbol = marks[tuple(cells.T)]
    ends = np.isin(symbol, ["G", "X"])
    neighbour = _neighbours(marks, cells, ends)
    transitions = (1 - slip) * _moves(neighbour) + slip / 2 * (
        _moves(np.roll(neighbour, 1, axis=1)) + _moves(np.roll(neighbour, -1, axis=1))
    )
    bonus = np.select([symbol == "G", symbol == "X"], [1.0, -1.0], 0.0)
    rewards = (float(finite("step_reward", step_reward)) + transitions @ bonus).reshape(len(cells), 4)
    start = (symbol == "S") if np.any(symbol == "S") else (symbol == ".")
    if not np.any(start):
        raise ValueError("layout must have a free cell '.' or a start 'S', got none.")
    return GridWorld(
        tuple(layout), cells,
        transitions if sparse else transitions.toarray().reshape(len(cells), 4, len(cells)),
        np.where(ends[:, None], 0.0, rewards), discount, start / start.sum(),
    )


def garnet(states, actions, branching, rng, discount=0.9, sparse=False):
    """A random MDP: every state and action leads to `branching` different random states.

    The probabilities are uniform on the simplex, the rewards uniform on [0, 1], the first state uniform.

    Parameters
    ----------
    states, actions, branching : int
        At least 1, and `branching` at most `states`.
    rng : numpy.random.Generator
    discount : float
    sparse : bool
        Whether the transitions are kept as a sparse matrix, for large problems.

    Source: Archibald, McKinnon and Thomas, *On the generation of Markov decision processes* (1995).
    """
    if min(states, actions, branching) < 1 or branching > states:
        raise ValueError(
            f"garnet takes at least one state and action and a branching from 1 to states, "
            f"got states = {states}, actions = {actions}, branching = {branching}."
        )
    pairs = states * actions
    successors = np.array([rng.choice(states, branching, replace=False) for _ in range(pairs)])
    probs = rng.dirichlet(np.ones(branching), size=pairs)
    transitions = _sparse_rows(successors, probs, states)
    return TabularMDP(
        transitions if sparse else transitions.toarray().reshape(states, actions, states),
        rng.random((states, actions)), discount, np.ones(states) / states,
    )


def _marks(layout):
    rows = list(layout)
    if not rows or not all(isinstance(row, str) and row and len(row) == len(rows[0]) for row in rows):
        raise ValueError(f"layout must be strings of equal length, one for each row, got {layout!r}.")
    unknown = sorted(set("".join(rows)) - set(SYMBOLS))
    if unknown:
        raise ValueError(f"layout must be made of {' '.join(SYMBOLS)}, got {' '.join(unknown)}.")
    return np.array([list(row) for row in rows])


def _neighbours(marks, cells, ends):
    """State reached from each state by each move, shape (S, 4)."""
    number = np.full(np.add(marks.shape, 2), -1)  # a frame of walls round the map
    number[tuple(cells.T + 1)] = np.arange(len(cells))
    row, column = np.moveaxis(cells[:, None] + 1 + MOVES, -1, 0)
    reached = number[row, column]
    here = np.arange(len(cells))[:, None]
    return np.where((reached < 0) | ends[:, None], here, reached)


def _moves(neighbour):
    return _sparse_rows(neighbour.reshape(-1, 1), np.ones((neighbour.size, 1)), len(neighbour))


def _sparse_rows(columns, values, width):
    rows, entries = columns.shape
    pointers = np.arange(0, rows * entries + 1, entries)
    return csr_array((values.ravel(), columns.ravel(), pointers), shape=(rows, width))
