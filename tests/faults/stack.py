"""
A stack as the engine leads it: a state, a program, and a host for each operation.

It keeps to what the real engine does with a dynamic provider: check and diff before
anything else, creates and updates at once on threads, deletes last and only where
nothing failed; a failed create leaves nothing in the state, a failed update the old
entry, a replaced rule waits in the state for its removal. The real engine has its
own tests, in e2e.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pulumi.dynamic import Config, ConfigureRequest, ResourceProvider

from alicloud_ingress.host.process import Process, running_as
from alicloud_ingress.resource import IngressRuleProvider

THREADS = 4
Properties = dict[str, Any]


P = TypeVar("P", bound=ResourceProvider)


@contextmanager
def new_process(settings: Mapping[str, str], provider: P) -> Generator[P]:
    """
    A provider in a process that remembers nothing, where nobody waits in earnest.
    """
    process = Process(patience_s=0.01)
    with running_as(process):
        provider.configure(ConfigureRequest(Config(dict(settings), "test")))
        yield provider


def new_host(
    settings: Mapping[str, str],
) -> AbstractContextManager[IngressRuleProvider]:
    """
    The provider of single rules in a new process.
    """
    return new_process(settings, IngressRuleProvider())


@dataclass(frozen=True)
class Entry:
    """A resource in the state."""

    id: str
    outputs: Properties

    @property
    def rule_id(self) -> str:
        """`sgr-...`, or "" while unknown."""
        return str(self.outputs["security_group_rule_id"])


@dataclass
class Stack:
    """
    One stack.

    Attributes:
        state: what the engine knows, by the name of the resource.
        doomed: what was replaced and has still to be removed.
    """

    settings: Mapping[str, str]
    state: dict[str, Entry] = field(default_factory=dict[str, Entry])
    doomed: list[Entry] = field(default_factory=list[Entry])

    @property
    def entries(self) -> list[Entry]:
        """All that the state holds."""
        return [*self.state.values(), *self.doomed]

    def up(self, program: Mapping[str, Properties]) -> list[Exception]:
        """
        Make the state what the program says; the errors of what failed.
        """
        with new_host(self.settings) as host:
            steps = [self._step(host, name, args) for name, args in program.items()]
            errors = _at_once(steps)
            if errors:
                return errors
            gone = [name for name in self.state if name not in program]
            return _at_once([self._removal(host, name) for name in gone]) + _at_once(
                [self._clearance(host, entry) for entry in self.doomed]
            )

    def refresh(self) -> list[Exception]:
        """
        Read all that is in the state; what is gone leaves it.
        """
        with new_host(self.settings) as host:
            return _at_once([self._reading(host, name) for name in self.state])

    def destroy(self) -> list[Exception]:
        """
        Remove all that is in the state.
        """
        return self.up({})

    def _step(
        self, host: IngressRuleProvider, name: str, arguments: Properties
    ) -> Callable[[], None]:
        old = self.state.get(name)
        checked = host.check(old.outputs if old else {}, dict(arguments))
        assert checked.failures == []
        inputs = dict(checked.inputs)
        if old is None:
            return self._creation(host, name, inputs)
        change = host.diff(old.id, dict(old.outputs), dict(inputs))
        if change.changes is False:
            return lambda: None
        if change.replaces:
            return self._creation(host, name, inputs)

        def update() -> None:
            outputs = host.update(old.id, dict(old.outputs), dict(inputs)).outs
            assert outputs is not None
            self.state[name] = Entry(old.id, dict(outputs))

        return update

    def _creation(
        self, host: IngressRuleProvider, name: str, inputs: Properties
    ) -> Callable[[], None]:
        def create() -> None:
            made = host.create(dict(inputs))
            assert made.outs is not None
            if name in self.state:
                self.doomed.append(self.state[name])
            self.state[name] = Entry(str(made.id), dict(made.outs))

        return create

    def _reading(self, host: IngressRuleProvider, name: str) -> Callable[[], None]:
        def read() -> None:
            entry = self.state[name]
            found = host.read(entry.id, dict(entry.outputs))
            if found.id:
                self.state[name] = Entry(str(found.id), dict(found.outs or {}))
            else:
                del self.state[name]

        return read

    def _removal(self, host: IngressRuleProvider, name: str) -> Callable[[], None]:
        def remove() -> None:
            entry = self.state[name]
            host.delete(entry.id, dict(entry.outputs))
            del self.state[name]

        return remove

    def _clearance(self, host: IngressRuleProvider, entry: Entry) -> Callable[[], None]:
        def remove() -> None:
            host.delete(entry.id, dict(entry.outputs))
            self.doomed.remove(entry)

        return remove


def _at_once(steps: Iterable[Callable[[], None]]) -> list[Exception]:
    """
    Do all on threads, as the host does; the errors of those that failed.
    """
    with ThreadPoolExecutor(THREADS) as pool:
        running = [pool.submit(step) for step in steps]
    failures = [each.exception() for each in running]
    return [error for error in failures if isinstance(error, Exception)]
