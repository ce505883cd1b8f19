"""
What all suites share: they are run fast ones first, and counted one by one.
"""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")


def suite_of(nodeid: str) -> str:
    """The folder below `tests` that a test is in."""
    return nodeid.split("/")[1]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the engine's tests come last: the others fail sooner."""
    items.sort(key=lambda item: suite_of(item.nodeid) == "e2e")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell how each suite went."""
    suites: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in OUTCOMES:
        for report in terminalreporter.getreports(outcome):
            suites[suite_of(report.nodeid)][outcome] += 1
    terminalreporter.section("suites")
    for suite, counted in sorted(suites.items()):
        told = ", ".join(f"{count} {outcome}" for outcome, count in counted.items())
        terminalreporter.line(f"{suite}: {told}")
