"""`jupyter_book.toml`, the one source of the book, as typed and validated dataclasses."""
import tomllib
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import get_args, get_origin

FILE = "jupyter_book.toml"
GENERATED = ("bibliography",)


@dataclass(frozen=True)
class Part:
    title: str
    chapters: tuple[str, ...]


@dataclass(frozen=True)
class Repository:
    url: str
    branch: str = "main"


@dataclass(frozen=True)
class Launch:
    binder: str = ""
    colab: str = ""


@dataclass(frozen=True)
class Config:
    title: str
    author: str
    copyright: str
    repository: Repository
    parts: tuple[Part, ...]
    source: str = "chapters"
    bibliography: tuple[str, ...] = ()
    launch: Launch = field(default_factory=Launch)
    theme: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Book:
    """The configuration together with the directory it was found in."""

    root: Path
    config: Config

    @property
    def source(self) -> Path:
        """Where the authors write."""
        return self.root / self.config.source

    @property
    def build(self) -> Path:
        """Where everything that is built goes."""
        return self.root / "_build"

    @property
    def staged(self) -> Path:
        """The executed copy of the sources, which both site builders read."""
        return self.build / "source"

    @property
    def chapters(self) -> tuple[str, ...]:
        """Every page but the home page, in reading order."""
        return tuple(chapter for part in self.config.parts for chapter in part.chapters)

    def page(self, name: str) -> Path:
        """The source file of a page.

        Raises
        ------
        ValueError
            If neither ``name.ipynb`` nor ``name.md`` exists.
        """
        for suffix in (".ipynb", ".md"):
            if (path := self.source / f"{name}{suffix}").exists():
                return path
        raise ValueError(f"{FILE}: the page {name!r} has no file {self.config.source}/{name}.ipynb or .md.")

    @property
    def pages(self) -> tuple[Path, ...]:
        """The source files of all pages that authors write, in reading order."""
        return tuple(self.page(name) for name in ("index", *self.chapters) if name not in GENERATED)

    @property
    def notebooks(self) -> tuple[Path, ...]:
        """Those pages that are notebooks."""
        return tuple(page for page in self.pages if page.suffix == ".ipynb")


def load(root: Path | str = ".") -> Book:
    """Read and validate ``root/jupyter_book.toml``.

    Raises
    ------
    ValueError
        In one sentence that names the key and what it takes, or the file of a chapter that is listed but missing.
    """
    root = Path(root).resolve()
    try:
        table = tomllib.loads((root / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"there is no {FILE} in {root}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{FILE} is not valid TOML: {error}.") from None
    book = Book(root, _read(Config, table, ""))
    _check_files(book)
    return book


def _check_files(book):
    twice = {name for name in book.chapters if book.chapters.count(name) > 1}
    if twice:
        raise ValueError(f"{FILE} lists {min(twice)!r} twice; every page takes one place.")
    for file in (*book.pages, *(book.source / name for name in book.config.bibliography)):
        if not file.exists():
            raise ValueError(f"{FILE}: the bibliography has no file {book.config.source}/{file.name}.")


def _read(kind, value, key):
    """``value`` as an instance of the annotation ``kind``; ``key`` is where it stands in the file."""
    if is_dataclass(kind):
        return _read_table(kind, value, key)
    if get_origin(kind) is tuple:
        item = get_args(kind)[0]
        _require(value, list, key, "a list of tables" if is_dataclass(item) else "a list of strings")
        return tuple(_read(item, each, f"{key}[{index}]") for index, each in enumerate(value))
    return _require(value, kind, key, {str: "a string", dict: "a table"}[kind])


def _read_table(kind, table, key):
    _require(table, dict, key, "a table")
    prefix = f"{key}." if key else ""
    known = {f.name: f for f in fields(kind)}
    for name in table:
        if name not in known:
            takes = f"{key or 'the file'} takes {', '.join(known)}"
            raise ValueError(f"{FILE}: unknown key {prefix + name!r}; {takes}.")
    for name, f in known.items():
        if name not in table and f.default is f.default_factory is MISSING:
            raise ValueError(f"{FILE}: the key {prefix + name!r} is missing.")
    return kind(**{name: _read(known[name].type, value, prefix + name) for name, value in table.items()})


def _require(value, kind, key, takes):
    if not isinstance(value, kind):
        raise ValueError(f"{FILE}: {key!r} takes {takes}, not {value!r}.")
    return value
