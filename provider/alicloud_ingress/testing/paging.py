"""
Pages of a long answer, each with the token of the next one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from alicloud_ingress.testing.errors import not_valid

_Member = TypeVar("_Member")
_TOKEN = re.compile(r"AAAAA(\d{11})", re.ASCII)


def page_of(
    found: Sequence[_Member], token: str, size: int, code: str = "InvalidParamter"
) -> tuple[Sequence[_Member], str]:
    """
    One page, and the token of the next one; "" for the last.
    """
    start = 0
    if token:
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise not_valid(code, "NextToken")
        start = int(match[1])
    end = start + size
    return found[start:end], f"AAAAA{end:011d}" if end < len(found) else ""
