"""A private JupyterLab, and notebooks in it that are run cell by cell."""
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import nbformat
from pages import Shown

KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
PANEL = ".jp-NotebookPanel:not(.lm-mod-hidden)"


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextmanager
def server(root):
    """A JupyterLab that serves the folder `root`, with settings of its own; yields its address."""
    private = {name: str(root / name.lower()) for name in (
        "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")}
    port, files = free_port(), root / "files"
    files.mkdir()
    options = {
        "ServerApp.ip": "127.0.0.1", "ServerApp.port": port, "ServerApp.port_retries": 0,
        "ServerApp.root_dir": files, "IdentityProvider.token": "", "ServerApp.disable_check_xsrf": True,
        "LabApp.expose_app_in_browser": True, "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
        "LabApp.news_url": None, "LabApp.workspaces_dir": root / "workspaces",
        "LabApp.user_settings_dir": root / "settings",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    with (root / "log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", *arguments],
            env={**os.environ, **private}, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(process, f"http://127.0.0.1:{port}/api", root / "log")
        yield f"http://127.0.0.1:{port}", files
    finally:
        process.terminate()
        process.wait(30)


def wait_for(process, address, log):
    """Wait until the server answers; RuntimeError with its log when it ends before that."""
    while process.poll() is None:
        try:
            return urllib.request.urlopen(address, timeout=5)
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(log.read_text())


class Notebook:
    """A notebook that is open in JupyterLab, in the front."""

    def __init__(self, page, files, name, sources):
        """Write and open a notebook; sources that begin with # are Markdown, the others code."""
        notebook = nbformat.v4.new_notebook(metadata=KERNEL, cells=[
            (nbformat.v4.new_markdown_cell if text.startswith("#") else nbformat.v4.new_code_cell)(text)
            for text in sources])
        nbformat.write(notebook, files / name)
        self.page = page
        page.evaluate("""async path => {
            const panel = await jupyterapp.commands.execute("docmanager:open", { path });
            await panel.context.ready;
            await panel.context.sessionContext.ready;
            await panel.context.sessionContext.session.kernel.info;
        }""", name)
        page.wait_for_function(f"jupyterapp.shell.currentWidget.content.widgets?.length === {len(sources)}")
        page.evaluate("""() => {
            jupyterapp.shell.currentWidget.content.widgets.forEach((cell, i) => { cell.node.dataset.cell = i; });
        }""")

    def start(self, index):
        """Run a cell by its index, without waiting for its end."""
        self.page.evaluate("""index => {
            jupyterapp.shell.currentWidget.content.activeCellIndex = index;
            jupyterapp.commands.execute("notebook:run-cell");
        }""", index)

    def run(self, index):
        """Run a cell by its index; the text that it prints."""
        return self.page.evaluate("""async index => {
            const notebook = jupyterapp.shell.currentWidget.content;
            notebook.activeCellIndex = index;
            await jupyterapp.commands.execute("notebook:run-cell");
            const outputs = notebook.widgets[index].model.outputs?.toJSON() ?? [];
            return outputs.map(output => [output.text ?? output.traceback ?? []].flat().join("")).join("");
        }""", index)

    def poll(self, index, wanted):
        """Run a cell until what it prints is as wanted: the last value of a drag arrives late."""
        printed = self.run(index)
        for _ in range(50):
            if wanted(printed):
                break
            self.page.wait_for_timeout(100)
            printed = self.run(index)
        return printed

    def widget(self, index):
        """The widget below a cell, scrolled into view."""
        self.page.evaluate("index => jupyterapp.shell.currentWidget.content.scrollToItem(index, 'start')", index)
        shown = Shown(self.page.locator(f"{PANEL} [data-cell='{index}'] .npg"))
        shown.root.wait_for()
        return shown

    def active_cell(self):
        return self.page.evaluate("jupyterapp.shell.currentWidget.content.activeCellIndex")

    def status(self):
        return self.page.evaluate("jupyterapp.shell.currentWidget.context.sessionContext.session.kernel.status")

    def close(self):
        self.page.evaluate("""async () => {
            const panel = jupyterapp.shell.currentWidget;
            await panel.context.save();
            await panel.context.sessionContext.shutdown();
            panel.dispose();
        }""")
