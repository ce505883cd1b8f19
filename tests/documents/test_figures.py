"""
The figures in the README are those that `make bench` wrote down.
"""

from __future__ import annotations

import json

from benchmarks.readme import FIGURES, README, with_figures


def test_the_readme_shows_the_figures_that_are_kept() -> None:
    """They are made by the command, and not typed."""
    readme = README.read_text()

    assert with_figures(readme, json.loads(FIGURES.read_text())) == readme
