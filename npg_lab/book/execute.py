"""Run notebooks from top to bottom, each in a fresh kernel."""
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

AT_ONCE = 2
TIMEOUT = 300
KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def execute(paths: Sequence[Path]) -> list[NotebookNode]:
    """The notebooks at ``paths``, executed, with the state of their widgets.

    Raises
    ------
    RuntimeError
        If a cell fails or takes longer than five minutes; names the file, the cell (counted from 1) and the error.
    """
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(_execute, paths))


def _execute(path):
    notebook = nbformat.read(path, as_version=4)
    started = []
    client = NotebookClient(
        notebook, kernel_name=KERNELSPEC["name"], extra_arguments=["--log-level=ERROR"], timeout=TIMEOUT,
        resources={"metadata": {"path": str(path.parent)}}, store_widget_state=True, record_timing=False,
        coalesce_streams=True,
        on_cell_start=lambda cell, cell_index: started.append(cell_index + 1),
    )
    try:
        return client.execute()
    except CellExecutionError as error:
        problem = f"{error.ename}: {error.evalue}"
    except CellTimeoutError:
        problem = f"it took longer than {TIMEOUT} s"
    except DeadKernelError:
        problem = "the kernel died"
    raise RuntimeError(f"{path.name}, cell {started[-1] if started else 0}: {problem}")


def refresh(paths: Sequence[Path]) -> None:
    """Execute notebooks and store them in place, without anything that would differ at the next refresh.

    Text outputs and figures stay; widget views and states, timings and the details of the kernel go.
    """
    for path, notebook in zip(paths, execute(paths), strict=True):
        notebook.metadata = NotebookNode(kernelspec=KERNELSPEC, language_info={"name": "python"})
        for cell in notebook.cells:
            cell.metadata.pop("execution", None)
            if cell.cell_type == "code":
                cell.outputs = [output for output in cell.outputs if WIDGET_VIEW not in output.get("data", {})]
        nbformat.write(notebook, path)
