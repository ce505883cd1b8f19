"""
One typed way to read settings: the stack's configuration and the environment.

The engine hands complex values over as JSON text; what leaves here is text, too,
but its shape has been looked at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from alicloud_ingress.errors import ConfigurationError

MAX_DIGITS = 9
"""
Digits of a setting: more than 30 years in seconds.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """
    Where settings are read from.

    Args:
        get: reads a key of the stack's configuration, such as `alicloud:region`.
        environ: the environment.
    """

    get: Callable[[str], str | None]
    environ: Mapping[str, str] = field(repr=False)

    def text(self, key: str) -> str:
        """
        The text of a key; "" where it is not set.
        """
        return self.get(key) or ""

    def variable(self, *names: str) -> str:
        """
        The first of these variables that is set; "" where none is.
        """
        return next((value for name in names if (value := self.environ.get(name))), "")

    def number(self, key: str, otherwise: int, variable: str = "") -> int:
        """
        A whole number above 0, of a key or else of a variable of the environment.
        """
        name, text = key, self.text(key)
        if not text and variable:
            name, text = variable, self.variable(variable)
        if not text:
            return otherwise
        few = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
        if not few or int(text) == 0:
            shown = repr(text[:40])
            raise ConfigurationError(
                f"{name} is {shown}; give a whole number above 0, of at most"
                f" {MAX_DIGITS} digits"
            )
        return int(text)

    def block(self, key: str, known: Sequence[str]) -> Mapping[str, str] | None:
        """
        An object of text and numbers; None where it is not set.

        Raises:
            ConfigurationError: not such an object, or with a name that is not
                *known*; the value may hold a secret and is not shown.
        """
        text = self.text(key)
        if not text:
            return None
        blocks = self.blocks(key, f'{{"{known[0]}": "..."}}')
        if len(blocks) != 1:
            raise ConfigurationError(f"{key} holds {len(blocks)} blocks; give one")
        unknown = sorted(set(blocks[0]) - set(known))
        if unknown:
            raise ConfigurationError(
                f"{key} has {', '.join(unknown)}, which is not supported; it may have"
                f" {', '.join(known)}"
            )
        return blocks[0]

    def blocks(self, key: str, example: str) -> list[Mapping[str, str]]:
        """
        A list of such objects, of which a single one may stand alone.
        """
        text = self.text(key)
        if not text:
            return []
        try:
            value: object = json.loads(text)
        except ValueError:
            value = None
        entries = cast("list[object]", value) if isinstance(value, list) else [value]
        if not all(isinstance(entry, dict) for entry in entries):
            raise ConfigurationError(f"{key} is not JSON such as {example}")
        return [
            {
                name: str(content)
                for name, content in cast("dict[str, object]", entry).items()
                if content is not None
            }
            for entry in entries
        ]
