"""
Reads a file that should be JSON, and says in words where it is not.
"""

from __future__ import annotations

import codecs
import json

from alicloud_ingress.errors import IngressError

DEEPEST = 100
"""
Objects and lists within one another; the engine writes some ten.
"""

_MARK = "\ufeff"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""
How a file begins that some shells write.
"""


class DocumentError(IngressError):
    """
    A file holds no JSON that can be read.
    """


def decoded(content: str | bytes, *, of: str) -> object:
    """
    The JSON value in a file.

    Args:
        content: of the file.
        of: what it should hold, for messages.

    Raises:
        DocumentError: it holds none, saying what it seems to be.
    """
    text = (content if isinstance(content, str) else _text(content, of)).lstrip(_MARK)
    if not text.strip():
        raise DocumentError(f"this is empty, and should be {of}")
    try:
        document: object = json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        if text.lstrip().startswith('{"sequence"'):
            raise DocumentError(
                "this is a stream of events, one a line: unset"
                f" PULUMI_ENABLE_STREAMING_JSON_PREVIEW to have {of}"
            ) from None
        raise DocumentError(f"this is not JSON ({where}), and should be {of}") from None
    except (ValueError, RecursionError):
        raise _endless(of) from None
    if _is_too_deep(document):
        raise _endless(of)
    return document


def _endless(of: str) -> DocumentError:
    return DocumentError(f"this goes on without end, and should be {of}")


def _text(content: bytes, of: str) -> str:
    encoding = next((e for mark, e in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise DocumentError(f"this is not text, and should be {of}") from None


def _is_too_deep(document: object) -> bool:
    level = [document]
    for _ in range(DEEPEST):
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)  # pyright: ignore[reportUnknownVariableType]
        ]
        if not level:
            return False
    return True
