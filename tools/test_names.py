"""
Checks that no test's name has more than ten words: `python -m tools.test_names`.

A name is a statement of behaviour, and a long one is hard to read in a report. The
words after `test_` count.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

MAX_WORDS = 10
ROOT = Path(__file__).parent.parent
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def main() -> None:
    """
    Print each name that is too long; exit with 1 if there is one.
    """
    found = [
        f"{path.relative_to(ROOT)}:{line}: {name} has {words} words, the maximum is"
        f" {MAX_WORDS}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for line, name, words in too_long(path.read_text(encoding="utf-8"))
    ]
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    sys.exit(1 if found else 0)


def too_long(source: str) -> Iterator[tuple[int, str, int]]:
    """
    The tests of a module whose names are too long: line, name, number of words.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, FUNCTIONS) and node.name.startswith("test_"):
            words = len(node.name.split("_")) - 1
            if words > MAX_WORDS:
                yield node.lineno, node.name, words


if __name__ == "__main__":
    main()
