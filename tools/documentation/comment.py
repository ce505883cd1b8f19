"""
The comment of a pull request, as a code host shows it.
"""

from __future__ import annotations

from markdown_it import MarkdownIt

SHOWN_UNTIL = "#### What closes"
"""
The heading at which the documentation's excerpt ends.
"""


def comment_as_shown(report: str) -> str:
    """
    The beginning of a report of `preview-report`, rendered to HTML.

    Args:
        report: in Markdown, with its first line, the mark by which the next run finds
            its comment.

    Raises:
        ValueError: the report lacks the heading at which the excerpt ends.
    """
    _, heading, _ = report.partition(SHOWN_UNTIL)
    if not heading:
        raise ValueError(f"the report has no heading {SHOWN_UNTIL!r}")
    excerpt = report.split("\n", 1)[1].partition(SHOWN_UNTIL)[0]
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(excerpt)
    return (
        '<section class="comment" aria-label="Comment in a pull request">\n'
        "<header><strong>github-actions</strong> commented</header>\n"
        f"<div>\n{body}</div>\n</section>\n"
    )
