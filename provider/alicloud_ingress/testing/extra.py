"""
The libraries of the extra `[testing]`, without which the rest of the package works.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def of_extra() -> Generator[None]:
    """
    Import a library of the extra.

    Raises:
        ModuleNotFoundError: saying how to install it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the fake needs the package {error.name}: run `pip install"
            " 'pulumi-alicloud-ingress[testing]'`",
            name=error.name,
        ) from None
