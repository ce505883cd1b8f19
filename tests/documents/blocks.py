"""
The fenced blocks of README.md and docs/, with what their pages say of them.

A comment just before a block, unseen by readers, may say:
`<!-- not run: REASON -->`, `<!-- file: NAME -->` (the block is that file's content),
or `<!-- exits with N -->`.
"""

from __future__ import annotations

import re
import textwrap
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted(p for p in (ROOT / "docs").rglob("*.md") if p.parent.name != "generated"),
]
SHOWN = ("text", "mermaid", "markdown", "{toctree}", "{include}", "{eval-rst}", "{raw}")
"""
Languages of blocks that cannot be run; Sphinx runs its directives.
"""
_BLOCK = re.compile(
    r"(?:^[ ]*<!-- (?P<mark>[^\n]*) -->\n)?"
    r"^(?P<indent>[ ]*)```(?P<language>[^\n]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """
    One fenced block.

    Args:
        line: of the page, at which it begins.
        not_run: why it is not; "" if it is.
        file: whose content it is; "" if it is none.
        exits_with: the code that a shell block ends with.
    """

    page: Path
    line: int
    language: str
    text: str
    not_run: str = ""
    file: str = ""
    exits_with: int = 0

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """All blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found: list[Block] = []
    for match in _BLOCK.finditer(text):
        kind, _, value = (match["mark"] or "").partition(": ")
        exits = re.fullmatch(r"exits with (\d+)", match["mark"] or "")
        found.append(
            Block(
                page=page,
                line=text[: match.start("language")].count("\n") + 1,
                language=match["language"].split(" ")[0],
                text=textwrap.dedent(match["text"]),
                not_run=value if kind == "not run" else "",
                file=value if kind == "file" else "",
                exits_with=int(exits[1]) if exits else 0,
            )
        )
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
