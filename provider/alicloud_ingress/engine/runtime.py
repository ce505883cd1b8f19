"""
What the resources share in one process of the dynamic host.

Provider objects are pickled into the state and so have no attributes. Modules that make
calls are imported only before the first call: programs and previews import this module
too, and make none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from alicloud_ingress.ecs import config
from alicloud_ingress.ecs.sharing import Once
from alicloud_ingress.engine.comparisons import CheckedResource, CheckedResources
from alicloud_ingress.engine.declarations import Declaration, Declarations
from alicloud_ingress.errors import InvalidRuleError, Problem
from alicloud_ingress.reconcile.ownership import (
    CLAIM_TIMEOUT_S,
    Owner,
    Ownership,
    new_mark,
)

if TYPE_CHECKING:
    from alicloud_ingress.ecs.client import EcsClient
    from alicloud_ingress.ecs.security_group import SecurityGroup
    from alicloud_ingress.ecs.shared_reads import WriteCounter
    from alicloud_ingress.reconcile.context import RuleContext
    from alicloud_ingress.reconcile.rule_lifecycle import RuleLifecycle
    from alicloud_ingress.reconcile.set_lifecycle import SetLifecycle

_Lifecycle = TypeVar("_Lifecycle", bound="RuleContext")
_log = logging.getLogger("alicloud_ingress")


def warn(text: str) -> None:
    """
    Show a warning to the user: the engine shows the stderr of the host.
    """
    _log.warning("%s", text)


@dataclass(frozen=True, slots=True)
class Location:
    """
    Where a rule is, and the profile whose credentials are used.
    """

    group_id: str
    region: str
    profile: str


class Process:
    """
    Configuration, clients, groups and ownership of one process; threads may share it.

    Args:
        claim_timeout_s: how long one resource waits for another.
    """

    def __init__(self, claim_timeout_s: float = CLAIM_TIMEOUT_S) -> None:
        self.ownership = Ownership(claim_timeout_s)
        self.checked = CheckedResources()
        self.declarations = Declarations()
        self._lock = threading.RLock()
        self._settings: dict[str, str] = {}
        self._connections: dict[tuple[str, str], config.Connection] = {}
        self._clients: dict[tuple[str, str], EcsClient] = {}
        self._groups: dict[Location, SecurityGroup] = {}
        self._writes: dict[tuple[str, str], WriteCounter] = {}
        self._accounts: dict[str, Once[str]] = {}
        self._is_warm = False

    def configure(self, settings: Mapping[str, str]) -> None:
        """
        Use the stack's configuration. Clients of another configuration are dropped.
        """
        with self._lock:
            if settings == self._settings:
                return
            self._settings = dict(settings)
            self._connections.clear()
            self._clients.clear()
            self._groups.clear()
            self._accounts.clear()

    def on_checked(self, declaration: Declaration | None, *, is_new: bool) -> None:
        """
        Record that a check has begun; others may follow.

        If the resource will be created, the HTTP client is imported in the background,
        while the engine works. A preview does not need it.
        """
        self.ownership.touch()
        if not is_new or declaration is None or not declaration.deploys:
            return
        with self._lock:
            is_first, self._is_warm = not self._is_warm, True
        if is_first:
            from alicloud_ingress.ecs.client import warm_up

            warm_up()

    def record_check(
        self,
        inputs: Mapping[str, Any],
        declaration: Declaration | None,
        olds: Mapping[str, Any],
    ) -> None:
        """
        Record the inputs that check returns. A resource that is replaced keeps no rule.
        """
        checked = self.checked.add(inputs, declaration, olds)
        if checked.is_replaced:
            self.ownership.withdraw(checked.rule_ids, checked.mark)

    def record_comparison(
        self,
        checked: CheckedResource | None,
        mark: str,
        rule_ids: Sequence[str],
        *,
        staying: Iterable[str] = (),
        leaving: Iterable[str] = (),
    ) -> bool:
        """
        Record the result of a diff. Nothing is recorded for the diff of a refresh.

        Args:
            checked: the resource of the program; None for the diff of a refresh.
            mark: the owner's mark in the state.
            rule_ids: of the rules that the state has for the resource; "" for each
                whose ID is not known.
            staying: IDs that the resource keeps, changed or not.
            leaving: IDs of rules that an update is going to change or revoke.

        Returns:
            Whether an update is needed though nothing differs: another resource holds a
            rule that this one would keep, so that it gets one of its own; or the ID
            of a rule is not known, so that it is found, or created again.
        """
        if checked is None:
            return False
        checked.mark, checked.rule_ids = mark, frozenset(filter(None, rule_ids))
        held = self.ownership.keep(staying, mark)
        self.ownership.begin_change(set(leaving).difference(held))
        return bool(held) or "" in rule_ids

    def owner(self, mark: str) -> Owner:
        """
        The owner with this mark; "" for a state that an older release wrote.
        """
        return Owner(self.ownership, mark)

    def new_owner(self, inputs: Mapping[str, Any]) -> Owner:
        """
        The owner for a resource that is created with these inputs.
        """
        checked = self.checked.made_with(inputs)
        mark = checked.new_mark
        if checked.declaration is None and not self.ownership.left_behind(mark):
            # Two resources may have become the same one by a policy.
            checked.new_mark = mark = new_mark()
        replaces = checked.rule_ids if checked.is_replaced else frozenset[str]()
        return Owner(self.ownership, mark, replaces)

    def updated_owner(self, mark: str, inputs: Mapping[str, Any]) -> Owner:
        """
        The owner for a resource that is updated to these inputs.

        Args:
            mark: of the state; without one, each attempt of the update has the same.
            inputs: the new ones.
        """
        return self.owner(mark) if mark else self.new_owner(inputs)

    def secrets_of(self, inputs: Mapping[str, Any]) -> frozenset[str]:
        """
        Paths of the secret values among inputs. Where a policy has changed them after
        check, those of all resources count.
        """
        checked = self.checked.find(inputs)
        declaration = checked.declaration if checked else None
        return declaration.secrets if declaration else self.checked.secrets

    def refuse_changed(
        self, inputs: Mapping[str, Any], problems: Callable[[], Sequence[Problem]]
    ) -> None:
        """
        Refuse inputs that a policy has changed after check, if they are not valid.

        Args:
            inputs: that the engine sends after check.
            problems: finds the errors in them.
        """
        checked = self.checked.find(inputs)
        if (checked is None or checked.is_changed) and (found := problems()):
            raise InvalidRuleError(
                *found, Problem("policy", "it has changed this resource after check")
            )

    def ignores_rules(self, inputs: Mapping[str, Any]) -> bool:
        """
        Whether the rules among a set's inputs may be those of the state.
        """
        checked = self.checked.find(inputs)
        return bool(checked and checked.ignores_rules)

    def connection(self, region: str, profile: str) -> config.Connection:
        """
        The endpoint and credentials for a region and a profile, worked out once.
        """
        key = (region, profile)
        with self._lock:
            if key not in self._connections:
                self._connections[key] = config.resolve(
                    self._settings.get, os.environ, region=region, profile=profile
                )
            return self._connections[key]

    def client(self, region: str, profile: str) -> EcsClient:
        """
        The shared client of a region and a profile.
        """
        from alicloud_ingress.ecs.client import EcsClient

        key = (region, profile)
        with self._lock:
            if key not in self._clients:
                account = self._accounts.setdefault(profile, Once())
                self._clients[key] = EcsClient(self.connection(*key), account)
            return self._clients[key]

    def group(self, place: Location) -> SecurityGroup:
        """
        The shared object of a group, through which its rules share reads and calls.
        """
        from alicloud_ingress.ecs.security_group import SecurityGroup
        from alicloud_ingress.ecs.shared_reads import WriteCounter

        with self._lock:
            if place not in self._groups:
                # Writes are counted by group, since two profiles may use the same one.
                where = (place.region, place.group_id)
                self._groups[place] = SecurityGroup(
                    self.client(place.region, place.profile),
                    place.group_id,
                    writes=self._writes.setdefault(where, WriteCounter()),
                )
            return self._groups[place]

    def lifecycle(
        self, place: Location, owner: Owner, secret: frozenset[str] = frozenset()
    ) -> RuleLifecycle:
        """
        The operations on one rule of a group.
        """
        from alicloud_ingress.reconcile.rule_lifecycle import RuleLifecycle

        return self._lifecycle(RuleLifecycle, place, owner, secret)

    def set_lifecycle(
        self, place: Location, owner: Owner, secret: frozenset[str] = frozenset()
    ) -> SetLifecycle:
        """
        The operations on a set of rules of a group.
        """
        from alicloud_ingress.reconcile.set_lifecycle import SetLifecycle

        return self._lifecycle(SetLifecycle, place, owner, secret)

    def _lifecycle(
        self,
        kind: type[_Lifecycle],
        place: Location,
        owner: Owner,
        secret: frozenset[str],
    ) -> _Lifecycle:
        return kind(
            group=self.group(place),
            account=_Account(
                self.client(place.region, place.profile), self.group(place)
            ),
            region=place.region,
            warn=warn,
            owner=owner,
            timeout_s=self.connection(place.region, place.profile).timeout_s,
            secret=secret,
        )


@dataclass(frozen=True, slots=True)
class _Account:
    client: EcsClient
    group: SecurityGroup

    def account_id(self) -> str:
        def on_ask() -> None:
            threading.Thread(target=self._read_ahead, daemon=True).start()

        # The caller reads the group next. That read begins while STS is asked.
        return self.client.account_id(on_ask)

    def _read_ahead(self) -> None:
        with contextlib.suppress(Exception):  # the caller's own read reports it
            self.group.read_after_writes()

    def group_exists(self, group_id: str) -> bool:
        return self.client.group_exists(group_id)


_running = Process()


def running() -> Process:
    """
    What the resources of this process share.
    """
    return _running


@contextlib.contextmanager
def running_as(process: Process) -> Generator[Process, None, None]:
    """
    Use another `Process` in all threads for a while, as a new host process would.

    The engine starts a host process for each operation. The tests run all operations in
    one process.
    """
    global _running  # noqa: PLW0603  what a process shares is the module's
    before, _running = _running, process
    try:
        yield process
    finally:
        _running = before
