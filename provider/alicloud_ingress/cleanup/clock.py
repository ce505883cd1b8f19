"""
The current time, and how plans and reports write it.
"""

from __future__ import annotations

import datetime as dt


def now() -> dt.datetime:
    """
    The current time in UTC.
    """
    return dt.datetime.now(dt.timezone.utc)


def now_text() -> str:
    """
    The current time as `2026-12-31T23:59:59Z`.
    """
    return now().strftime("%Y-%m-%dT%H:%M:%SZ")
