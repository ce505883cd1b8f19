"""
Which comparison the engine asks for: the program's, or that of a refresh.

In a refresh the engine compares what was read with the old inputs, also of a resource
that it deletes a moment later. For the program it compares the state with what check
has just made. Only the second says that a resource stays. No call says which of the
two it is, so it is found out by the inputs.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from alicloud_ingress.engine.declarations import Declaration


@dataclass(slots=True)
class Checked:
    """
    A resource of the program, as this run has seen it so far.

    Args:
        declaration: who declares it; None where a program sends nothing of the kind.
        mark: the owner's mark in the state; "" while unknown.
        rule_ids: IDs of the rules that the state has for it, as the program's
            comparison has shown them.
        is_replaced: whether check asked for a new resource after that comparison.
    """

    declaration: Declaration | None
    mark: str = ""
    rule_ids: frozenset[str] = frozenset()
    is_replaced: bool = False


class CheckedResources:
    """
    The resources that check has seen in this process, by the inputs that it made.

    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_inputs: dict[object, Checked] = {}
        self._by_number: dict[tuple[str, int], Checked] = {}

    def add(
        self,
        inputs: Mapping[str, Any],
        declaration: Declaration | None,
        *,
        is_new: bool,
    ) -> Checked:
        """
        Remember what check has made.

        Args:
            inputs: that check returns.
            declaration: who declares the resource.
            is_new: whether check was given no old inputs, as for a replacement.
        """
        with self._lock:
            checked = Checked(declaration)
            if declaration:
                number = (declaration.run, declaration.number)
                checked = self._by_number.setdefault(number, checked)
            checked.is_replaced = is_new and bool(checked.rule_ids)
            self._by_inputs[_frozen(inputs)] = checked
            return checked

    def find(self, inputs: Mapping[str, Any]) -> Checked | None:
        """
        What was checked with these inputs; None if nothing was.
        """
        with self._lock:
            return self._by_inputs.get(_frozen(inputs))


def _frozen(value: object) -> object:
    """
    A value by which inputs can be found; 1 and 1.0 are the same.
    """
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, object]", value).items()
        return frozenset((name, _frozen(entry)) for name, entry in entries)
    if isinstance(value, list | tuple):
        return tuple(map(_frozen, cast("Iterable[object]", value)))
    return value
