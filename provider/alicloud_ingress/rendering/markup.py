"""
Makes text of others safe to print: in Markdown, in a picture, on a terminal.

Names, descriptions and values come from programs and from the cloud. In a code span
Markdown, HTML, mentions and links mean nothing; what is invisible, or would steer a
terminal or the order of letters, is written out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

MAX_LENGTH = 300
"""
Characters of one text that are shown.
"""


def plain(text: str, longest: int = MAX_LENGTH) -> str:
    r"""
    One line in which each character is seen: others as `\x1b` or `\u202e`.
    """
    cut = text if len(text) <= longest else f"{text[:longest]}..."
    if cut.isprintable():
        return cut
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut
    )


def code(text: str) -> str:
    """
    A Markdown code span of just this text, in a table too.
    """
    shown = plain(text) or " "
    if "`" not in shown:
        return f"`{shown}`"
    longest = max(len(run) for run in re.findall("`+", shown))
    fence = "`" * (longest + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def cell(text: str) -> str:
    """
    Markdown for one cell of a table, where a bar would end it, escaped or not.
    """
    return text.replace("|", "\\x7c")


def markdown_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> Iterator[str]:
    """
    Lines of Markdown: a heading, and a table of texts of others.

    Args:
        title: made safe here.
        columns: texts of ours only.
        rows: of cells, made safe here; an empty one stays empty.
    """
    yield f"## {code(title)}"
    yield ""
    yield f"| {' | '.join(columns)} |"
    yield f"|{'--|' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(cell(code(text)) if text else '' for text in row)} |"
    yield ""


def label(text: str) -> str:
    """
    A label of a Mermaid node, without anything that has a meaning there.
    """
    return re.sub(r"[^\w .,:/-]", "_", plain(text), flags=re.ASCII)
