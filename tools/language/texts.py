"""
The prose of a file: all of a page, and docstrings, comments and strings of a module.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Text:
    """
    Text that a person reads, and the line of the file on which it begins.
    """

    line: int
    words: str


def texts_of_page(page: str) -> Iterator[Text]:
    """
    The whole page, as one text.
    """
    yield Text(1, page)


def texts_of_module(source: str) -> Iterator[Text]:
    """
    Each string and each block of comments of a Python module.

    Args:
        source: of the module.

    Raises:
        SyntaxError: the source is not valid Python.
    """
    yield from _strings(ast.parse(source))
    yield from _comments(source)


def _strings(node: ast.AST) -> Iterator[Text]:
    if isinstance(node, ast.JoinedStr):
        parts = [
            part.value
            if isinstance(part, ast.Constant) and isinstance(part.value, str)
            else "{}"
            for part in node.values
        ]
        yield Text(node.lineno, "".join(parts))
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from _strings(part.value)
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield Text(node.lineno, node.value)
    for child in ast.iter_child_nodes(node):
        yield from _strings(child)


def _comments(source: str) -> Iterator[Text]:
    """
    Comments on lines that follow each other are one text.
    """
    first, lines = 0, list[str]()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        line = token.start[0]
        if lines and line != first + len(lines):
            yield Text(first, "\n".join(lines))
            lines = []
        if not lines:
            first = line
        lines.append(token.string.lstrip("# "))
    if lines:
        yield Text(first, "\n".join(lines))
