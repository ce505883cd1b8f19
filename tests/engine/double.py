"""
A stack as the engine leads it, without the engine: the same calls, in the same order.

What the engine does at the same time is done at the same time here, on threads.
`calls.json` records which calls those are; `test_double.py` compares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from engine.command import Command
from engine.host import started
from engine.operation import Operation
from engine.state import Entry, Wanted

PARALLEL = 8
Program = Callable[[bool], Sequence[Wanted]]
"""
What a program declares; the argument says whether it runs for a preview.
"""


@dataclass
class Stack:
    """
    One stack: its settings, and its state.
    """

    settings: Mapping[str, str]
    entries: list[Entry] = field(default_factory=list[Entry])

    def run(self, command: str, program: Program) -> list[Exception]:
        """Run a command and return the errors of what failed."""
        parsed = Command.parse(command)
        if parsed.previewed:
            errors = self._operate(parsed, program, is_preview=True)
            if errors:
                return errors
        return self._operate(parsed, program, is_preview=parsed.is_preview)

    def taint(self, name: str) -> None:
        """Let the next deployment replace a resource."""
        self._mark(name, tainted=True)

    def untaint(self, name: str) -> None:
        """Undo `taint`."""
        self._mark(name, tainted=False)

    def unprotect(self, name: str) -> None:
        """Allow the deletion of a resource."""
        entry = self.entry(name)
        self._mark(name, options=replace(entry.options, protect=False))

    def rename(self, name: str, new: str) -> None:
        """Give a resource another name in the state."""
        entry = self.entry(name)
        self._mark(name, key=replace(entry.key, name=new))

    def forget(self, name: str) -> None:
        """Remove a resource from the state, and leave it alone otherwise."""
        self.entries = [e for e in self.entries if e.name != name]

    def entry(self, name: str) -> Entry:
        """The resource of that name."""
        (found,) = (e for e in self.entries if e.name == name and not e.doomed)
        return found

    def _mark(self, name: str, **fields: Any) -> None:
        old = self.entry(name)
        self.entries = [replace(e, **fields) if e is old else e for e in self.entries]

    def _operate(
        self, command: Command, program: Program, *, is_preview: bool
    ) -> list[Exception]:
        with started(self.settings) as host, ThreadPoolExecutor(PARALLEL) as pool:
            operation = Operation(host, pool, command, list(self.entries), is_preview)
            operation.run(program(is_preview))
        if not is_preview:
            self.entries = operation.entries
        return operation.errors
