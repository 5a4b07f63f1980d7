"""Every widget is one plain ES module, joined from files whose names do not clash."""
import re
from collections import Counter

import pytest

from npg_lab import widgets
from npg_lab.widgets.base import HERE, SHARED, module, style

NAMES = sorted(path.stem for path in HERE.glob("*.js") if path.name not in SHARED)
TOKEN = re.compile(
    r"""//.*|/\*[\s\S]*?\*/               # comments
    | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | `(?:\\.|[^`\\])*`
    | [A-Za-z_$][\w$]* | \S""", re.X)


def declared(source):
    """Names that a module declares at its top level, in order."""
    names, depth, declaring, wanted = [], 0, False, False
    for token in TOKEN.findall(source):
        depth += (token in "([{") - (token in ")]}")
        if depth:
            continue
        if wanted and re.match(r"[\w$]", token):
            names.append(token)
            wanted = False
        elif token in ("const", "let", "var", "function", "class"):
            declaring, wanted = token in ("const", "let", "var"), True
        elif token == "," and declaring:
            wanted = True
        elif token == ";":
            declaring = False
    return names


def source_of(file):
    return (HERE / file).read_text()


def test_parser_sees_what_is_declared_at_the_top():
    source = """
        // const no = 1;
        export const a = 1, b = (x, y) => { const inner = x; return [inner, `${y} ; const no`]; };
        let c = "const no = ','", d;
        export function f(no) { let inner = { no: 1 }; }
        class G { method() {} }
        export default { f };
    """
    assert declared(source) == ["a", "b", "c", "d", "f", "G"]


def test_every_class_has_its_module():
    sources = {getattr(widgets, name)._esm for name in widgets.__all__}
    assert sources == {module(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_module_stands_alone(name):
    source = module(name)
    assert re.findall(r"^[ \t]*(?:import|export)\b.*", source, re.M) == ["export default { render };"]
    assert "import(" not in source and "http://" not in source.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in source


@pytest.mark.parametrize("name", NAMES)
def test_top_level_names_are_unique(name):
    counts = Counter(declared(module(name)))
    assert {"render", "handle", "softmax"} <= set(counts)
    assert [name for name, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("file", [*SHARED, *(f"{name}.js" for name in NAMES)])
def test_imports_exist_and_are_used(file):
    source = source_of(file)
    for names, origin in re.findall(r'^import \{(.*)\} from "\./(.*)";$', source, re.M):
        wanted = [name.strip() for name in names.split(",")]
        exported = re.findall(r"^export (?:const|function) (\w+)", source_of(origin), re.M)
        assert [name for name in wanted if name not in exported] == []
        body = re.sub(r"^import .*\n", "", source, flags=re.M)
        assert [name for name in wanted if not re.search(rf"(?<![\w.]){name}\b", body)] == []


@pytest.mark.parametrize("file", [*SHARED, *(f"{name}.js" for name in NAMES)])
def test_nothing_is_declared_in_vain(file):
    source = source_of(file)
    exported = re.findall(r"^export (?:const|function) (\w+)", source, re.M)
    others = "".join(source_of(path.name) for path in HERE.glob("*.js") if path.name != file)
    for name in declared(source):
        everywhere = others if name in exported else ""
        assert len(re.findall(rf"(?<!\w){re.escape(name)}(?!\w)", source + everywhere)) > 1, name


@pytest.mark.parametrize("name", NAMES)
def test_style_sheet_touches_nothing_outside_the_widget(name):
    sheet = re.sub(r"/\*.*?\*/", "", style(name), flags=re.S)
    assert sheet.count("{") == sheet.count("}") and "url(" not in sheet
    selectors = re.findall(r"(?:^|[{}])\s*([^{}@]+?)\s*\{", sheet)
    assert len(selectors) > 30
    assert [one for group in selectors for one in re.split(r",(?![^(]*\))", group) if ".npg" not in one] == []
