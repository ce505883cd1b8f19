"""
Charts as SVG, in the colours of the page that includes them.

A chart is part of the page and not a file of its own, so that it follows the reader's
choice of a light or a dark theme. `docs/_static/pages.css` has the colours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

WIDTH = 460
"""
Of all charts, in user units: narrow, so that text is legible on a telephone.
"""
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).with_name("templates")),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


@dataclass(frozen=True, slots=True)
class Part:
    """
    One coloured part of a bar.

    Args:
        seconds: its length.
        series: what it belongs to: an entry of the chart's series.
    """

    seconds: float
    series: str


@dataclass(frozen=True, slots=True)
class Bar:
    """
    One bar.

    Args:
        name: what is measured; "" for another bar under the same name.
        parts: from left to right.
        remark: text at the right end.
        target_s: where a mark is drawn; 0 for none.
    """

    name: str
    parts: tuple[Part, ...]
    remark: str
    target_s: float = 0.0

    @property
    def seconds(self) -> float:
        """
        The length of all parts.
        """
        return sum(part.seconds for part in self.parts)


@dataclass(frozen=True, slots=True)
class Line:
    """
    The points of one line, by growing x.
    """

    series: str
    points: tuple[tuple[float, float], ...]


def bar_chart(title: str, series: Sequence[str], bars: Sequence[Bar]) -> str:
    """
    Horizontal bars over one scale of seconds.

    Args:
        title: read aloud in place of the picture.
        series: in the order of the legend; the first is grey.
        bars: from top to bottom, at least one.
    """
    longest = max(max(bar.seconds, bar.target_s) for bar in bars)
    return _TEMPLATES.get_template("bars.svg.j2").render(
        title=title, series=list(series), bars=bars, longest=longest, width=WIDTH
    )


def line_chart(title: str, x_name: str, lines: Sequence[Line]) -> str:
    """
    Seconds over a number, on linear scales that begin at 0.

    Args:
        title: read aloud in place of the picture.
        x_name: what x counts.
        lines: at least one, each with a point.
    """
    points = [point for line in lines for point in line.points]
    top = _round_up(max(y for _, y in points))
    return _TEMPLATES.get_template("lines.svg.j2").render(
        title=title,
        x_name=x_name,
        series=[line.series for line in lines],
        lines=lines,
        right=max(x for x, _ in points),
        x_ticks=sorted({x for x, _ in points}),
        top=top,
        y_ticks=[top * part / 4 for part in range(5)],
        width=WIDTH,
    )


def _round_up(value: float) -> float:
    """
    The next number that four grid lines divide well.
    """
    steps = (4, 8, 12, 20, 40, 60, 80, 100, 120, 160, 200)
    return next((step for step in steps if step >= value), value)
