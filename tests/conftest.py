"""
Hooks and fixtures of all suites: retries wait for nothing, fast tests run first, and a
summary counts each suite.
"""

from __future__ import annotations

import os
import signal
from collections import Counter, defaultdict
from collections.abc import Generator

import hypothesis as hypothesis  # noqa: PLC0414  its plugin would import it too late
import pytest
import stamina

ATTEMPTS = 6
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
WAYS = "e2e/ways/test_ways.py::test_live_rules_equal_the_program["
"""Prefixes of the tests that each are one row of the table of ways."""


def pytest_configure() -> None:
    """
    Let interrupts reach what the tests start: a shell that runs them in the background
    has ignored SIGINT, for all processes below it.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def no_waiting() -> Generator[None, None, None]:
    """Retries follow at once, and their number is bounded."""
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield


@pytest.fixture(autouse=True)
def unchanged_environment() -> Generator[None, None, None]:
    """No test leaves a variable to the next one, which might pass or fail by it."""
    before = {name: v for name, v in os.environ.items() if name.startswith("ALI")}
    yield
    after = {name: v for name, v in os.environ.items() if name.startswith("ALI")}
    assert after == before


def suite_of(nodeid: str) -> str:
    """The folder below `tests` that a test is in."""
    return nodeid.split("/")[1] if "/" in nodeid else nodeid


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """
    Run the tests of the engine last: the others fail sooner. Long ones come first, so
    that no worker has one left when the others are done.
    """
    items.sort(
        key=lambda item: (
            item.get_closest_marker("long") is None,
            suite_of(item.nodeid) == "e2e",
        )
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how many tests of each suite passed, failed and so on."""
    suites: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome in OUTCOMES:
        for report in terminalreporter.getreports(outcome):
            suites[suite_of(report.nodeid)][outcome] += 1
    terminalreporter.section("suites")
    for suite, counted in sorted(suites.items()):
        told = ", ".join(f"{count} {outcome}" for outcome, count in counted.items())
        terminalreporter.line(f"{suite}: {told}")
    ways = Counter(
        outcome
        for outcome in OUTCOMES
        for report in terminalreporter.getreports(outcome)
        if WAYS in report.nodeid
    )
    if ways:
        told = ", ".join(f"{count} {outcome}" for outcome, count in ways.items())
        terminalreporter.line(f"ways walked on the real engine: {told}")
