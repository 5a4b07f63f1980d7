"""The fixture book, built once per session, and a web server for it."""
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from fixture_book import write_book

from npg_lab.book import config, site, stage


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The fixture book, staged."""
    book = config.load(write_book(tmp_path_factory.mktemp("book")))
    stage.stage(book)
    return book


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture(scope="session")
def built(book):
    """The directory of the built site."""
    return site.build(book)


@pytest.fixture(scope="session")
def address(built):
    """Address of a local server of the built site."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(built))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def strangers(context):
    """The addresses outside this machine that pages asked for; every such request is blocked."""
    asked = []

    def judge(route):
        local = route.request.url.startswith(("http://127.0.0.1:", "file:", "blob:", "data:"))
        asked.extend([] if local else [route.request.url])
        route.fallback() if local else route.abort()

    context.route("**/*", judge)
    return asked
