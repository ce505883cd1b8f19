"""
What a mutant is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """
    One promise taken back.

    Args:
        promise: what no longer holds.
        module: of the package.
        old: the source that keeps the promise, found there just once.
        new: what takes its place.
        tests: files of which one has to fail.
    """

    promise: str
    module: str
    old: str
    new: str
    tests: tuple[str, ...]
