"""The files around the package agree with each other."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import npg_lab

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA_NAMES = {"pytorch-cpu": "torch"}
EXTRAS = dict(PROJECT["optional-dependencies"])
PEERS = EXTRAS.pop("bench")  # they have an environment of their own


def requirement(line):
    name, bound = re.fullmatch(r"([\w.-]+)\s*(.*)", line).groups()
    return CONDA_NAMES.get(name, name), bound


def declared():
    return {requirement(line) for group in (PROJECT["dependencies"], *EXTRAS.values()) for line in group}


def pins(file):
    lines = (ROOT / file).read_text().lower().replace("_", "-").split()
    return dict(line.split("==") for line in lines)


def test_environment_yml_asks_for_what_pyproject_asks_for():
    entries = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    from_pip = next(entry for entry in entries if isinstance(entry, dict))["pip"]
    conda = {requirement(entry) for entry in entries if isinstance(entry, str)}
    pip = {requirement(entry) for entry in from_pip if not entry.startswith("--")}
    assert "--editable ." in from_pip
    assert ("python", PROJECT["requires-python"]) in conda
    assert (conda | pip) - {("python", PROJECT["requires-python"]), ("pip", "")} == declared()


def test_every_dependency_is_pinned_and_torch_is_the_tested_build():
    pinned = pins("constraints.txt")
    assert {name.replace("_", "-") for name, _ in declared()} <= pinned.keys()
    assert pinned["torch"] == "2.13.0"


def test_the_peers_of_the_benchmarks_run_beside_the_same_versions():
    course, bench = pins("constraints.txt"), pins("benchmarks/constraints.txt")
    assert {requirement(line)[0] for line in PEERS} <= bench.keys()
    assert {name for name in course.keys() & bench.keys() if course[name] != bench[name]} == {"filelock"}


@pytest.mark.parametrize("command", ["make lab", "make test", "make book"])
def test_the_commands_of_the_readme_are_targets_of_the_makefile(command):
    assert command in (ROOT / "README.md").read_text()
    assert re.search(rf"^{command.split()[1]}:", (ROOT / "Makefile").read_text(), re.M)


def test_the_versions_agree():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert npg_lab.__version__ == PROJECT["version"] == citation["version"]


def test_importing_the_package_is_light():
    code = "import sys, npg_lab; print({'torch', 'gymnasium', 'matplotlib', 'anywidget'} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"
