"""
Reads the JSON of previews and waivers, and says what is wrong where it is not valid.
"""

from __future__ import annotations

import codecs
import json
from typing import Any

from alicloud_ingress.errors import IngressError
from alicloud_ingress.files import RepeatedKeyError, parsed

MAX_DEPTH = 100
"""
Maximum depth of nested objects and lists. The engine writes about ten levels.
"""

_ESCAPED_PAIRS = ("\\ud", "\\uD")
"""
How each half of a character beyond U+FFFF may be escaped. One alone is not valid.
"""
_NESTED = frozenset({dict, list})
_MARK = "\ufeff"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""
Byte order marks, which some shells write.
"""


class DocumentError(IngressError):
    """
    A file is not valid JSON.
    """


def decoded(content: str | bytes, *, of: str) -> object:
    """
    The JSON value in a file.

    Args:
        content: the file's content.
        of: what the file should contain, for messages.

    Raises:
        DocumentError: it is not valid JSON; the message says what it seems to be.
    """
    text = (content if isinstance(content, str) else _text(content, of)).lstrip(_MARK)
    if not text.strip():
        raise DocumentError(f"this is empty; it should be {of}")
    try:
        document: object = parsed(text, unique_keys=True)
    except RepeatedKeyError as error:
        raise DocumentError(
            f"this has the key {error.key!r} twice in one object; it should be {of}"
        ) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        if text.lstrip().startswith('{"sequence"'):
            raise DocumentError(
                "this is a stream of events, one a line; unset"
                f" PULUMI_ENABLE_STREAMING_JSON_PREVIEW to get {of}"
            ) from None
        raise DocumentError(
            f"this is not valid JSON ({where}); it should be {of}"
        ) from None
    except ValueError:
        raise _too_deep(of) from None
    if _is_too_deep(document):
        raise _too_deep(of)
    try:
        text.encode()
        if any(half in text for half in _ESCAPED_PAIRS):
            json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise DocumentError(
            f"this has a character that is not valid; it should be {of}"
        ) from None
    return document


def _too_deep(of: str) -> DocumentError:
    return DocumentError(
        f"this is nested too deeply or has too long a number; it should be {of}"
    )


def _text(content: bytes, of: str) -> str:
    encoding = next((e for mark, e in _MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise DocumentError(f"this is not text; it should be {of}") from None


def _is_too_deep(document: object) -> bool:
    level: list[Any] = [[document]]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for each in level
            for inner in (each.values() if type(each) is dict else each)  # pyright: ignore[reportUnknownVariableType]
            if type(inner) in _NESTED  # pyright: ignore[reportUnknownArgumentType]
        ]
        if not level:
            return False
    return True
