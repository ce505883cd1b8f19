"""
What holds for all tests.
"""

from __future__ import annotations

from collections.abc import Generator

import pytest
import stamina

ATTEMPTS = 6


@pytest.fixture(autouse=True)
def no_waiting() -> Generator[None, None, None]:
    """Whatever is repeated is repeated at once, and not for ever."""
    with stamina.set_testing(True, attempts=ATTEMPTS, cap=True):
        yield
