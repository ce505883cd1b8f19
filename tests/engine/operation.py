"""
One run of the engine: its calls, their order, and which are made at the same time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from typing import Any

from pulumi.output import Unknown

from engine.command import Command
from engine.host import Host, Properties, T, UnfinishedError, over_the_wire
from engine.state import Entry, Key, Wanted

UNKNOWN: Any = Unknown()  # type: ignore[no-untyped-call]


class RefusedError(Exception):
    """The engine's own error where it cannot continue."""


def _refuse_if_protected(resource: Wanted | Entry) -> None:
    if resource.options.protect:
        raise RefusedError(f"{resource.name} is protected")


class UnknownTargetError(RefusedError):
    """A command names a resource that does not exist."""


class Operation:
    """
    One run of a command, by one host.

    The engine generates the steps of one resource after the other, which is where it
    calls check and diff, and carries them out meanwhile.
    """

    def __init__(
        self,
        host: Host,
        pool: ThreadPoolExecutor,
        command: Command,
        entries: list[Entry],
        is_preview: bool,  # noqa: FBT001
    ) -> None:
        self.entries = entries
        self.errors: list[Exception] = []
        self._host = host
        self._pool = pool
        self._command = command
        self._is_preview = is_preview
        self._lock = threading.Lock()
        self._running: dict[Future[None], partial[None]] = {}
        self._failed: set[str] = set()
        self._registered: dict[str, Any] = {}
        self._seen: set[Key] = set()
        self._recreated: set[Key] = set()
        self._is_stuck = False

    def run(self, program: Sequence[Wanted]) -> None:
        """Do what the command says."""
        command = self._command
        if command.refresh and (command.verb == "destroy" or not command.run_program):
            self._at_once(
                [
                    partial(self._refresh, entry)
                    for entry in self.entries
                    if command.concerns(entry.name) and not entry.deleted
                ]
            )
            if self.errors:
                return
        self._find_named({wanted.name for wanted in program})
        if self.errors:
            return
        if command.verb == "destroy":
            self._delete(self.entries)
        elif command.verb != "refresh" or command.run_program:
            self._lead(program)
        if command.verb == "refresh" and command.run_program and self._may_go_on:
            self._at_once(
                [
                    partial(self._refresh, entry)
                    for entry in self.entries
                    if entry.key not in self._seen and command.concerns(entry.name)
                ]
            )
        leads = command.verb in ("up", "preview")
        if leads and self._may_go_on and not self._is_stuck:
            self._delete(
                [e for e in self.entries if e.doomed or e.key not in self._seen]
            )

    def _find_named(self, declared: set[str]) -> None:
        """Check that what a command names exists once all is read."""
        command = self._command
        if command.verb == "refresh":
            return
        known = {entry.name for entry in self.entries}
        targets = command.targets - (set() if command.verb == "destroy" else declared)
        for name in sorted((targets | command.replaced) - known):
            self.errors.append(UnknownTargetError(f"{name} is not in the stack"))

    @property
    def _may_go_on(self) -> bool:
        return not self.errors or self._command.continue_on_error

    # ---- what a program does

    def _lead(self, program: Sequence[Wanted]) -> None:
        waiting = list(program)
        while self._may_go_on:
            ready = [w for w in waiting if w.needs <= self._registered.keys()]
            if self._settle_finished() or (not ready and self._running):
                self._await_one()
            elif ready:
                waiting.remove(ready[0])
                self._register(ready[0])
            else:
                break
        while self._running:
            self._await_one()

    def _settle_finished(self) -> bool:
        return any(future.done() for future in self._running)

    def _await_one(self) -> None:
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        for future in done:
            then = self._running.pop(future)
            error = future.exception()
            if isinstance(error, Exception):
                self.errors.append(error)
                self._note_failed(then.args[0])
            elif error is not None:
                raise error
            elif self._may_go_on:
                then()

    def _register(self, wanted: Wanted) -> None:
        old = self._old_of(wanted)
        self._seen.add(wanted.key)
        if old is None and not self._command.concerns(wanted.name):
            return
        if old is None:
            self._generate(wanted)
            return
        self._seen.add(old.key)
        if not self._command.concerns(wanted.name):
            self._registered[wanted.name] = old.id
        elif (
            self._command.run_program
            and self._command.refresh
            and wanted.key not in self._recreated
        ):
            read = partial(self._refresh, replace(old, tainted=False))
            self._put(old, replace(old, tainted=False))  # the engine drops it here
            self._running[self._pool.submit(read)] = partial(self._generate, wanted)
        else:
            self._generate(wanted)

    def _old_of(self, wanted: Wanted) -> Entry | None:
        known = {e.key: e for e in self.entries if not e.doomed}
        keys = (wanted.key, *wanted.options.aliases)
        return next((known[key] for key in keys if key in known), None)

    def _generate(self, wanted: Wanted) -> None:
        old = self._old_of(wanted)
        if self._command.verb == "refresh":
            self._registered[wanted.name] = old.id if old else UNKNOWN
            return
        try:
            step = self._step(wanted, old)
        except Exception as error:  # noqa: BLE001  whatever the engine would show
            self.errors.append(error)
            self._is_stuck = True
            return
        if self._is_preview:
            stays = old is not None and step.func in (self._keep, self._update)
            self._registered[wanted.name] = old.id if old and stays else UNKNOWN
            return
        if wanted.needs & self._failed:
            self._note_failed(wanted)
            return
        self._running[self._pool.submit(step)] = partial(self._note_made, wanted)

    def _note_failed(self, wanted: Wanted) -> None:
        old = self._old_of(wanted)
        self._failed.add(wanted.name)
        self._registered[wanted.name] = old.id if old else UNKNOWN

    def _note_made(self, wanted: Wanted) -> None:
        made = self._old_of(wanted)
        assert made is not None
        self._registered[wanted.name] = made.id

    def _step(self, wanted: Wanted, old: Entry | None) -> partial[None]:
        inputs = self._inputs(wanted, old)
        forced = old is not None and (
            wanted.name in self._command.replaced
            or old.tainted
            or old.key in self._recreated
        )
        olds = {} if old is None or forced else old.inputs
        news = self._check(wanted, olds, inputs)
        if old is None:
            return partial(self._create, wanted, news, None)
        if not forced:
            changed, replaces = self._diff(wanted, old, news)
            if not (changed or old.unfinished or old.deleted):
                return partial(self._keep, wanted, old, news)
            if not (replaces or old.deleted):
                return partial(self._update, wanted, old, news)
            _refuse_if_protected(wanted)
            news = self._check(wanted, {}, inputs)
        _refuse_if_protected(wanted)
        first = wanted.options.delete_before_replace or old.key in self._recreated
        if first and old.deleted:
            return partial(self._create, wanted, news, None, old)
        if wanted.options.delete_before_replace:
            dependents = self._dependents(old)
            self._recreated |= {each.key for each in dependents}
            return partial(self._replace_deleted_first, wanted, old, news, dependents)
        return partial(self._create, wanted, news, old)

    def _inputs(self, wanted: Wanted, old: Entry | None) -> Properties:
        inputs = dict(wanted.properties)
        for name, source in wanted.sources.items():
            inputs[name] = self._registered[source]
        if old is not None:
            for name in wanted.options.ignore_changes:
                inputs[name] = old.inputs.get(name)
        return over_the_wire(inputs)

    def _dependents(self, old: Entry) -> list[Entry]:
        """Those that are replaced, too, once the ID that they use is not known."""
        found: list[Entry] = []
        for entry in self.entries:
            using = [n for n, key in entry.sources.items() if key == old.key]
            if not using or entry.doomed:
                continue
            news = {**entry.inputs, **dict.fromkeys(using, UNKNOWN)}
            _, replaces = self._diff(entry, entry, news)
            if replaces:
                found += [*self._dependents(entry), entry]
        return found

    # ---- calls

    def _check(
        self, wanted: Wanted, olds: Properties, inputs: Properties
    ) -> Properties:
        checked = self._host.serve(
            wanted.provider,
            lambda: wanted.provider.check(over_the_wire(olds), dict(inputs)),
        )
        if checked.failures:
            raise RefusedError(
                "; ".join(f"{f.property}: {f.reason}" for f in checked.failures)
            )
        return over_the_wire(wanted.options.remedy(checked.inputs))

    def _diff(
        self, wanted: Wanted | Entry, old: Entry, news: Properties
    ) -> tuple[bool, bool]:
        """Whether there is a change, and whether it is a replacement."""
        found = self._host.serve(
            wanted.provider,
            lambda: wanted.provider.diff(
                old.id, over_the_wire(old.outputs), over_the_wire(news)
            ),
        )
        names = old.inputs.keys() | news.keys()
        differing = {n for n in names if old.inputs.get(n) != news.get(n)}
        changed = bool(differing) if found.changes is None else found.changes
        on = set(wanted.options.replace_on_changes)
        forced = changed and differing and ("*" in on or differing & on)
        return changed, bool(found.replaces or forced)

    def _create(
        self,
        wanted: Wanted,
        news: Properties,
        old: Entry | None,
        gone: Entry | None = None,
    ) -> None:
        """
        Create a resource; where it fails in part, the state has the new one, too.

        Args:
            old: what it replaces, and what is deleted later.
            gone: what it replaces, and what was deleted before.
        """
        failure: Exception | None = None
        try:
            made = self._change(
                wanted, lambda: wanted.provider.create(over_the_wire(news))
            )
            entry = self._entry(wanted, str(made.id), news, made.outs or {})
        except UnfinishedError as error:
            entry = self._entry(wanted, error.id, news, error.outputs)
            entry, failure = replace(entry, unfinished=True), error.told
        with self._lock:
            if old is not None:
                self.entries.remove(old)
                self.entries.append(replace(old, doomed=True, deleted=False))
            if gone is not None:
                self.entries.remove(gone)
            self.entries.append(entry)
        if failure is not None:
            raise failure

    def _replace_deleted_first(
        self, wanted: Wanted, old: Entry, news: Properties, dependents: Sequence[Entry]
    ) -> None:
        for entry in dependents:
            self._delete_first(entry)
        self._create(wanted, news, None, self._delete_first(old))

    def _delete_first(self, entry: Entry) -> Entry:
        self._call_delete(entry)
        gone = replace(entry, deleted=True, tainted=False)
        self._put(entry, gone)
        return gone

    def _keep(self, wanted: Wanted, old: Entry, news: Properties) -> None:
        self._put(old, self._entry(wanted, old.id, news, old.outputs))

    def _update(self, wanted: Wanted, old: Entry, news: Properties) -> None:
        try:
            made = self._change(
                wanted,
                lambda: wanted.provider.update(
                    old.id, over_the_wire(old.outputs), over_the_wire(news)
                ),
            )
        except UnfinishedError as error:
            entry = self._entry(wanted, error.id, old.inputs, error.outputs)
            self._put(old, replace(entry, unfinished=True))
            raise error.told from None
        self._put(old, self._entry(wanted, old.id, news, made.outs or {}))

    def _entry(
        self, wanted: Wanted, identity: str, news: Properties, outputs: Properties
    ) -> Entry:
        keys = {e.name: e.key for e in self.entries}
        return Entry(
            wanted.key,
            wanted.provider,
            identity,
            news,
            over_the_wire(outputs),
            wanted.options,
            depends_on=tuple(keys[name] for name in wanted.needs),
            sources={n: keys[source] for n, source in wanted.sources.items()},
        )

    def _refresh(self, entry: Entry) -> None:
        found = self._host.serve(
            entry.provider,
            lambda: entry.provider.read(entry.id, over_the_wire(entry.outputs)),
        )
        if not found.id:
            self._put(entry, None)
            return
        inputs = over_the_wire(entry.inputs if found.inputs is None else found.inputs)
        fresh = replace(
            entry,
            id=found.id,
            inputs=inputs,
            outputs=over_the_wire(found.outs or {}),
            unfinished=False,
        )
        self._diff(entry, fresh, entry.inputs)
        self._put(entry, fresh)

    def _put(self, old: Entry, new: Entry | None) -> None:
        with self._lock:
            self.entries.remove(old)
            if new is not None:
                self.entries.append(new)

    def _call_delete(self, entry: Entry) -> None:
        if not (entry.deleted or entry.options.retain_on_delete):
            self._change(
                entry,
                lambda: entry.provider.delete(entry.id, over_the_wire(entry.outputs)),
            )

    def _change(self, of: Wanted | Entry, call: Callable[[], T]) -> T:
        """Make a call, again for as long as a hook of the program says so."""
        while True:
            try:
                return self._host.serve(of.provider, call)
            except Exception:  # whatever it is, only the last one counts
                if not of.options.on_error():
                    raise

    # ---- what leaves

    def _delete(self, entries: Iterable[Entry]) -> None:
        leaving = [e for e in entries if self._command.concerns(e.name)]
        if self._is_preview:
            return
        names = {e.name for e in leaving}
        while leaving and self._may_go_on:
            needed = {key for e in leaving for key in e.depends_on}
            layer = [e for e in leaving if e.key not in needed]
            self._at_once([partial(self._remove, entry, names) for entry in layer])
            held = {key for e in layer if e in self.entries for key in e.depends_on}
            leaving = [e for e in leaving if e not in layer and e.key not in held]

    def _remove(self, entry: Entry, names: set[str]) -> None:
        _refuse_if_protected(entry)
        if entry.options.deleted_with not in names:
            self._call_delete(entry)
        self._put(entry, None)

    def _at_once(self, work: Sequence[Callable[[], None]]) -> None:
        running = [self._pool.submit(each) for each in work]
        wait(running)
        for future in running:
            error = future.exception()
            if isinstance(error, Exception):
                self.errors.append(error)
            elif error is not None:
                raise error
