"""
Escapes texts from outside for Markdown, Mermaid diagrams and terminals, and loads the
package's templates.

Names, descriptions and values come from programs and from the cloud. A code span turns
off Markdown, HTML, mentions and links. Invisible characters, and characters that
control a terminal or the direction of the text, are written as escapes. An unknown name
in a template is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import jinja2


MAX_LENGTH = 300
"""
Characters of one text that are shown; the rest is cut.
"""
MAX_MESSAGE_LENGTH = 2_000
"""
The same of a message. One of ECS has its RequestId and the next step at the end.
"""

_INVISIBLE = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\uffa0"
    r"\U000e0100-\U000e01ef]"
)
"""
Characters without a shape that Python calls printable: fillers, and selectors of
variants.
"""


def plain(text: str, longest: int = MAX_LENGTH) -> str:
    r"""
    The text on one line, with characters that cannot be seen as `\x1b` or `\u202e`.
    """
    cut = text if len(text) <= longest else f"{text[:longest]}..."
    if cut.isprintable() and not _INVISIBLE.search(cut):
        return cut
    return "".join(
        c
        if c.isprintable() and not _INVISIBLE.match(c)
        else c.encode("unicode_escape").decode()
        for c in cut
    )


def code(text: str, longest: int = MAX_LENGTH) -> str:
    """
    The text as a Markdown code span. In a table, wrap it in `cell`.
    """
    shown = plain(text, longest) or " "
    if "`" not in shown:
        return f"`{shown}`"
    longest = max(len(run) for run in re.findall("`+", shown))
    fence = "`" * (longest + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def cell(text: str) -> str:
    """
    Markdown for one cell of a table. A bar, even an escaped one, would end the cell.
    """
    return text.replace("|", "\\x7c")


def markdown_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> Iterator[str]:
    """
    Lines of Markdown: a heading, and a table.

    Args:
        title: escaped here.
        columns: not escaped: constants only.
        rows: rows of cells, escaped here; an empty cell is kept empty.
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
    The text as the label of a Mermaid node, with special characters replaced.
    """
    return re.sub(r"[^\w .,:/-]", "_", plain(text), flags=re.ASCII)


def template(name: str, **filters: Callable[..., str]) -> jinja2.Template:
    """
    A template of the folder `templates`.

    Jinja escapes values for HTML only. For Python, the caller escapes each value before
    it renders, or passes a filter for it.

    Args:
        name: such as `import_set.py.j2` or `usage.html.j2`.
        filters: by their name in the template.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("alicloud_ingress"),
        undefined=jinja2.StrictUndefined,
        autoescape=name.endswith(".html.j2"),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(filters)
    return environment.get_template(name)
