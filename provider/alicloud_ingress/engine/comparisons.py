"""
Which comparison the engine asks for: that of the program, or that of a refresh.

In a refresh, the engine compares what was read with the old inputs, also for a resource
that it deletes next. For the program, it compares the state with the inputs that check
made. Only the second means that a resource is kept. The engine does not say which of
the two it is, so this module finds it by the inputs. A policy can change them after
check: then it is known that the comparison of a refresh follows a read, and the old
inputs show which resource was checked.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from alicloud_ingress.engine.declarations import Declaration, fingerprint
from alicloud_ingress.engine.unknowns import has_unknown
from alicloud_ingress.reconcile.ownership import new_mark


@dataclass(slots=True)
class CheckedResource:
    """
    A resource of the program, as far as this run knows it.

    Args:
        declaration: of the resource; None if the program sends none.
        mark: the owner's mark in the state; "" while unknown.
        rule_ids: IDs of the rules that the state has for it; known after the
            comparison of the program.
        ignores_rules: whether the rules of a set are perhaps those of the state, which
            check gets by `ignore_changes`.
        is_changed: whether a policy has changed the inputs after check.
        is_replaced: whether the engine checked a new resource after that comparison.
        new_mark: the owner's mark of the resource that a create makes, the same for
            each attempt; without a declaration, the mark of the last attempt.
    """

    declaration: Declaration | None
    mark: str = ""
    rule_ids: frozenset[str] = frozenset()
    ignores_rules: bool = False
    is_changed: bool = False
    is_replaced: bool = False
    new_mark: str = field(default_factory=new_mark)


class CheckedResources:
    """
    The resources that check has seen in this process, by inputs; threads may share it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_inputs: dict[object, CheckedResource] = {}
        self._by_olds: dict[object, CheckedResource] = {}
        self._by_number: dict[tuple[str, int], CheckedResource] = {}
        self._refreshing: set[str] = set()

    def add(
        self,
        inputs: Mapping[str, Any],
        declaration: Declaration | None,
        olds: Mapping[str, Any],
    ) -> CheckedResource:
        """
        Record the inputs that check made.

        Args:
            inputs: that check returns.
            declaration: of the resource.
            olds: the old inputs; empty for a new resource, as for a replacement.
        """
        with self._lock:
            checked = CheckedResource(declaration)
            if declaration:
                number = (declaration.run, declaration.number)
                checked = self._by_number.setdefault(number, checked)
            checked.is_replaced = not olds and bool(checked.rule_ids)
            checked.ignores_rules = _ignores_rules(declaration, inputs)
            self._by_olds[_frozen(olds)] = checked
            self._by_inputs[_frozen(inputs)] = checked
            return checked

    def find(self, inputs: Mapping[str, Any]) -> CheckedResource | None:
        """
        The resource that was checked with these inputs, if any.
        """
        with self._lock:
            return self._by_inputs.get(_frozen(inputs))

    def begin_refresh(self, mark: str) -> None:
        """
        The resource with this owner's mark is read; the engine compares it next.
        """
        with self._lock:
            self._refreshing.add(mark)

    def compared(
        self, inputs: Mapping[str, Any], olds: Mapping[str, Any], mark: str
    ) -> CheckedResource | None:
        """
        The resource of the program that is compared; None in a refresh.

        Args:
            inputs: the new ones.
            olds: those of the state.
            mark: the owner's mark in the state.
        """
        if (found := self.find(inputs)) or has_unknown(inputs):
            return found
        with self._lock:
            if not mark or mark in self._refreshing:
                self._refreshing.discard(mark)
                return None
            changed = self._by_olds.get(_frozen(olds), CheckedResource(None))
            changed.is_changed = True
            return self._by_inputs.setdefault(_frozen(inputs), changed)

    def made_with(self, inputs: Mapping[str, Any]) -> CheckedResource:
        """
        The resource that a create or an update makes with these inputs.
        """
        with self._lock:
            changed = CheckedResource(None, is_changed=True)
            return self._by_inputs.setdefault(_frozen(inputs), changed)

    @property
    def secrets(self) -> frozenset[str]:
        """
        Paths of the secret values of all resources.
        """
        with self._lock:
            every = [checked.declaration for checked in self._by_number.values()]
        return frozenset(path for each in every if each for path in each.secrets)


def _ignores_rules(declaration: Declaration | None, inputs: Mapping[str, Any]) -> bool:
    """
    Whether a set has other rules than it declares. With `ignore_changes` of `*`, check
    gets no declaration either.
    """
    declared = declaration.rules if declaration else "of the state"
    return bool(declared) and declared != fingerprint(inputs.get("rules"))


def _frozen(value: object) -> object:
    """
    The inputs as a key of a dict; 1 and 1.0 are the same.
    """
    if isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, object]", value).items()
        return frozenset((name, _frozen(entry)) for name, entry in entries)
    if isinstance(value, list | tuple):
        return tuple(map(_frozen, cast("Iterable[object]", value)))
    return value
