"""
A command line of the engine, as far as it determines the calls.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from itertools import pairwise

NAMING = ("--target", "--exclude", "--replace", "--target-replace")


@dataclass(frozen=True)
class Command:
    """
    A command of the engine, with names in place of URNs.

    Args:
        previewed: whether it runs a preview of its own first.
    """

    verb: str
    is_preview: bool = False
    previewed: bool = False
    refresh: bool = False
    run_program: bool = False
    continue_on_error: bool = False
    targets: frozenset[str] = frozenset()
    excluded: frozenset[str] = frozenset()
    replaced: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Command:
        """From a command line."""
        verb, *words = shlex.split(text)
        values = {
            option: frozenset(
                after for word, after in pairwise(words) if word == option
            )
            for option in NAMING
        }
        return cls(
            verb=verb,
            is_preview=verb == "preview" or "--preview-only" in words,
            previewed=verb in ("up", "refresh", "destroy")
            and not {"--skip-preview", "--preview-only"} & set(words),
            refresh="--refresh" in words or verb == "refresh",
            run_program="--run-program" in words,
            continue_on_error="--continue-on-error" in words,
            targets=values["--target"] | values["--target-replace"],
            excluded=values["--exclude"],
            replaced=values["--replace"] | values["--target-replace"],
        )

    def concerns(self, name: str) -> bool:
        """Whether the command works on this resource."""
        return name not in self.excluded and (not self.targets or name in self.targets)
