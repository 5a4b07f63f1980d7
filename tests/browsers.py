"""Which browser the tests and the benchmarks drive."""
import os
import shutil

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]


def launch_options():
    """Arguments of Playwright's `launch`: an installed Chromium, or else the one that Playwright brings."""
    candidates = (os.environ.get("CHROMIUM"), "/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
    found = next((path for name in candidates if name and (path := shutil.which(name))), None)
    return {"args": FLAGS} | ({"executable_path": found} if found else {})
