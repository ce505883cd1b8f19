"""
The figures in the README are those that `make bench` wrote.
"""

from __future__ import annotations

import json

from benchmarks.readme import FIGURES, README, with_figures


def test_the_readme_shows_the_measured_figures() -> None:
    """The figures come from the benchmark's file and are not typed by hand."""
    readme = README.read_text()

    assert with_figures(readme, json.loads(FIGURES.read_text())) == readme
