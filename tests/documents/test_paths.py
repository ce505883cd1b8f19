"""
The files, folders and functions that pages name exist.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from documents.blocks import ROOT

PACKAGE = ROOT / "provider" / "alicloud_ingress"
BASES = (ROOT, PACKAGE, PACKAGE.parent)
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
FLOW = ROOT / "docs" / "explanation" / "how-a-rule-gets-to-ecs.md"
_PATH = re.compile(r"`([\w./-]+/[\w.-]*|[\w-]+\.(?:py|toml|md|lock|yaml))`")
_ENTRY = re.compile(r"^( {4}| {6})(\S+/|\S+\.py) ", re.MULTILINE)
ELSEWHERE = {"sdk/v3"}
"""
Paths of other projects.
"""
MADE = {"site/", "dist/", "profiles/"}
"""
Folders that a make target creates.
"""


def exists(name: str) -> bool:
    """Whether a page may name it, from the root or from the package."""
    return name in MADE or any((base / name).exists() for base in BASES)


@pytest.mark.parametrize("page", [CONTRIBUTING, *DECISIONS], ids=lambda page: page.stem)
def test_the_paths_of_a_page_exist(page: Path) -> None:
    """Modules are named from the package, all else from the root."""
    names = set(_PATH.findall(page.read_text())) - ELSEWHERE

    assert {name for name in names if not exists(name)} == set()


def test_the_map_of_the_checkout_is_complete() -> None:
    """It has all modules and packages at the top, and nothing that is gone."""
    text = CONTRIBUTING.read_text()
    entries = [(len(indent), name) for indent, name in _ENTRY.findall(text)]
    inside = {name for indent, name in entries if indent == 6}
    outside = {name for indent, name in entries if indent == 4}

    here = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in PACKAGE.iterdir()
        if path.name not in {"__init__.py", "__pycache__", "py.typed"}
    }
    assert inside == here
    assert all((ROOT / name).is_dir() for name in outside)
    assert {"docs/", "tests/", "tools/"} <= outside


def test_every_decision_is_in_the_index_with_its_three_parts() -> None:
    """Context, decision, consequence, in this order."""
    index = next(page for page in DECISIONS if page.stem == "index")
    records = [page for page in DECISIONS if page != index]
    listed = re.findall(r"^([a-z0-9-]+)$", index.read_text(), re.MULTILINE)

    assert sorted(listed) == [page.stem for page in records]
    for page in records:
        headings = re.findall(r"^## (.*)$", page.read_text(), re.MULTILINE)
        assert headings == ["Context", "Decision", "Consequence"], page


def test_the_functions_on_the_way_to_ecs_exist() -> None:
    """The page names each as `module.name` or `module.Class.name`."""
    text = FLOW.read_text()
    names = re.findall(r"`((?:[a-z_]+\.)+(?:[A-Z]\w*\.)?\w+)\(\)`", text)

    assert len(names) > 20
    for name in names:
        assert found(name), name


def found(name: str) -> bool:
    """Whether a name of the package is a function, a method or a class."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            thing: object = importlib.import_module(
                ".".join(["alicloud_ingress", *parts[:length]])
            )
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            thing = getattr(thing, part, None)
        return callable(thing)
    return False
