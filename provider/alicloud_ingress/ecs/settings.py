"""
Settings of the stack's configuration and the environment, read with their types.

The engine passes objects and lists as JSON text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from alicloud_ingress.errors import ConfigurationError, quoted
from alicloud_ingress.files import as_object, as_objects, parsed

TIMEOUT_VARIABLE = "ALICLOUD_INGRESS_TIMEOUT"
MAX_DIGITS = 9
"""
How many digits a number may have: enough for 30 years in seconds.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """
    The sources of settings.

    Args:
        get: reads a key of the stack's configuration, such as `alicloud:region`.
        environ: the environment.
    """

    get: Callable[[str], str | None]
    environ: Mapping[str, str] = field(repr=False)

    def text(self, key: str) -> str:
        """
        The text of a key; "" if it is not set.
        """
        return self.get(key) or ""

    def variable(self, *names: str) -> str:
        """
        The first of these variables that is set; "" if none is.
        """
        return next((value for name in names if (value := self.environ.get(name))), "")

    def number(self, key: str, otherwise: int, variable: str = "") -> int:
        """
        A whole number above 0, of a key or otherwise of an environment variable.
        """
        name, text = key, self.text(key)
        if not text and variable:
            name, text = variable, self.variable(variable)
        if not text:
            return otherwise
        is_number = text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS
        if not is_number or int(text) == 0:
            raise ConfigurationError(
                f"{name} is {quoted(text)}; set a whole number above 0, with at most"
                f" {MAX_DIGITS} digits"
            )
        return int(text)

    def block(self, key: str, known: Sequence[str]) -> Mapping[str, str] | None:
        """
        An object with scalar values; None if it is not set.

        Raises:
            ConfigurationError: it is not such an object, or has a name that is not
                *known*. The value may hold a secret and is not shown.
        """
        text = self.text(key)
        if not text:
            return None
        blocks = self.blocks(key, f'{{"{known[0]}": "..."}}')
        if len(blocks) != 1:
            raise ConfigurationError(f"{key} has {len(blocks)} objects; set one")
        unknown = sorted(set(blocks[0]) - set(known))
        if unknown:
            raise ConfigurationError(
                f"{key} has {', '.join(unknown)}, which is not supported; use"
                f" {', '.join(known)}"
            )
        return blocks[0]

    def blocks(self, key: str, example: str) -> list[Mapping[str, str]]:
        """
        A list of such objects; also a single object.
        """
        text = self.text(key)
        if not text:
            return []
        try:
            value: object = parsed(text)
        except ValueError:
            value = None
        single = as_object(value)
        entries = as_objects(value) if single is None else [single]
        if entries is None:
            raise ConfigurationError(f"{key} is not JSON such as {example}")
        return [
            {name: str(each) for name, each in entry.items() if each is not None}
            for entry in entries
        ]
