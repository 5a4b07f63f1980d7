r"""Discounted sums along a Markov chain: solve :math:`(I - \gamma P)x = b`, dense or sparse."""

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph, linalg

ROUNDING = 1e-13  # backward error at which an iterative solution is accepted


def discounted_sum(chain, discount, source):
    r""":math:`\sum_t \gamma^t P^t b` for a dense chain.

    Parameters
    ----------
    chain : array (..., S, S)
        :math:`P`, or its transpose to push a distribution forward.
    discount : float
    source : array (..., S)
    """
    return np.linalg.solve(np.eye(chain.shape[-1]) - discount * chain, source[..., None])[..., 0]


def sparse_discounted_sum(chain, discount, source, narrow):
    r""":math:`\sum_t \gamma^t P^t b` for a sparse chain (S, S) and a source (S,).

    A narrow graph (see `is_narrow`) is cheap to eliminate but slow to mix; a wide one fills up in elimination
    but mixes fast, so that Krylov iterations end soon.
    """
    system = (sparse.eye_array(len(source)) - discount * chain).tocsr()
    solution = None
    for _ in range(0 if narrow else 5):
        solution, _ = linalg.gmres(system, source, x0=solution, rtol=ROUNDING, restart=60, maxiter=4)
        residual = np.linalg.norm(source - system @ solution)
        if residual <= ROUNDING * (np.linalg.norm(source) + np.linalg.norm(solution)):
            return solution
    return linalg.splu(system.tocsc()).solve(source)


def is_narrow(edges):
    r"""Whether the nodes of a sparse graph (S, S) can be numbered with neighbours :math:`5\sqrt S` apart.

    Those of a map can; those of a random graph cannot.
    """
    graph = sparse.csr_array(edges + edges.T)
    place = np.argsort(csgraph.reverse_cuthill_mckee(graph, symmetric_mode=True))
    rows, columns = graph.nonzero()
    return int(np.abs(place[rows] - place[columns]).max(initial=0)) <= 5 * np.sqrt(graph.shape[0])


def reachable(edges, sources):
    """Which nodes a walk can reach: `edges` sparse (S, S), `sources` booleans (S,); returns booleans (S,)."""
    states = len(sources)
    gate = sparse.csr_array(sources[None, :].astype(float))  # one more node, which leads to every source
    graph = sparse.block_array([[edges, None], [gate, sparse.csr_array((1, 1))]], format="csr")
    found = csgraph.breadth_first_order(graph, states, return_predecessors=False)
    return np.isin(np.arange(states), found)
