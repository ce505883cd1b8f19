"""
The present, as the files of this package write it.
"""

from __future__ import annotations

import datetime as dt


def now() -> dt.datetime:
    """
    Now, in UTC.
    """
    return dt.datetime.now(dt.timezone.utc)


def now_text() -> str:
    """
    Now as `2026-12-31T23:59:59Z`.
    """
    return now().strftime("%Y-%m-%dT%H:%M:%SZ")
