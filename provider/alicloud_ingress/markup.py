"""
Makes text of others safe to print: in Markdown, in a picture, on a terminal.

Names, descriptions and values come from programs and from the cloud. In a code span
Markdown, HTML, mentions and links mean nothing; what is invisible, or would steer a
terminal or the order of letters, is written out.
"""

from __future__ import annotations

import re

LONGEST = 300
"""
Characters of one text that are shown.
"""


def plain(text: str) -> str:
    r"""
    One line in which each character is seen: others as `\x1b` or `\u202e`.
    """
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
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


def label(text: str) -> str:
    """
    A label of a Mermaid node, without anything that has a meaning there.
    """
    return re.sub(r"[^\w .,:/-]", "_", plain(text), flags=re.ASCII)
