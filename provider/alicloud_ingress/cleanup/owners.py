"""
Finds the owners of live rules in the states of Pulumi stacks, from files or through
`pulumi`.

A resource owns the rule whose ID it has in the state. If it has no ID yet, it owns the
rule with the same identity. The rule resource of pulumi-alicloud finds its rule by its
attributes, without source ports and destinations, so it owns every rule that matches.
The security group resource of pulumi-alicloud has no rules, so it owns none.

An entry of the state whose rule cannot be read, because it is secret, is a doubt. Rules
without an owner are not judged in any group that the entry may be about.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alicloud_ingress.ecs.waiting import waiting_for
from alicloud_ingress.errors import IngressError, one_line
from alicloud_ingress.files import (
    UnreadableError,
    as_objects,
    items,
    mapping,
    parsed,
    text_in,
)
from alicloud_ingress.previews.declared import (
    GROUP_ARGUMENT,
    RULE_SET,
    DeclaredRule,
    RuleResource,
    Statement,
    rules_of_set,
)
from alicloud_ingress.previews.notation import SECRET_SIGNATURE, inputs_of, name_of
from alicloud_ingress.previews.peer import PEER_RULE, as_the_peer_sees, rule_of_peer
from alicloud_ingress.rules.live import LiveGroup
from alicloud_ingress.rules.rule import IngressRule

NAMELESS = "a state without resources"
"""
What such a state is called: only the URNs of resources have the name of the stack.
"""
_STEP = (
    "run `pulumi refresh` to get the ID, or pass the state with its secrets through a"
    " pipe: `pulumi stack export --show-secrets | alicloud-ingress ... --state -`"
)


class StateError(IngressError):
    """
    A text is not an exported state, so owners of rules cannot be found.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """
    A rule that a resource owns.

    Args:
        owner: the resource and its stack, for people.
        group_id: "" if it cannot be read.
        rule_id: "" while it is not known; then `rule` identifies it.
        rule: None if the rule is identified by its ID alone.
        peer_urn: URN of the resource, if it is one of pulumi-alicloud.
    """

    owner: str
    group_id: str
    rule_id: str = ""
    rule: IngressRule | None = None
    peer_urn: str = ""

    @property
    def loosely(self) -> bool:
        """
        Whether source ports and destination are ignored, as by pulumi-alicloud.
        """
        return bool(self.peer_urn)

    def holds(self, group: LiveGroup) -> Iterator[int]:
        """
        The positions, in the group, of the rules that are this one.
        """
        for place, live in enumerate(group.rules):
            if self.rule_id and live.rule_id == self.rule_id:
                yield place
            elif self.rule is not None and self.group_id == group.group_id:
                ours, theirs = self.rule, live.rule
                if group.vpc_id or self.loosely:
                    ours, theirs = ours.in_vpc, theirs.in_vpc
                if self.loosely:
                    ours, theirs = as_the_peer_sees(ours), as_the_peer_sees(theirs)
                if ours.masked == theirs.masked:
                    yield place


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """
    An entry of a state whose rule cannot be read.

    Args:
        text: the resource, and what cannot be read, for people.
        group_id: its group; "" if that cannot be read either.
    """

    text: str
    group_id: str

    def is_about(self, group_id: str) -> bool:
        """
        Whether the entry may own a rule of this group.
        """
        return self.group_id in ("", group_id)


@dataclass(frozen=True, slots=True)
class GroupOwners:
    """
    The owners of the rules of one group.

    Args:
        owners: for each rule its owner, for people; "" for none.
        managed: whether the states own any rule of this group.
        doubts: why rules without an owner cannot be judged.
        peer_urns: for each rule the URN of its owner, if that is a resource of
            pulumi-alicloud; else "".
    """

    owners: tuple[str, ...]
    managed: bool
    doubts: tuple[str, ...]
    peer_urns: tuple[str, ...]


class Owners:
    """
    The rules that the states of some stacks own.
    """

    def __init__(
        self,
        stacks: Iterable[str] = (),
        claims: Iterable[Claim] = (),
        doubts: Iterable[Doubt] = (),
    ) -> None:
        self.stacks = tuple(stacks)
        self.doubts = tuple(doubts)
        self._nameless: dict[str, list[Claim]] = {}
        self._by_id: dict[str, Claim] = {}
        self._groups: set[str] = set()
        for claim in claims:
            self._groups.add(claim.group_id)
            known = self._by_id.get(claim.rule_id)
            if claim.rule_id and (known is None or known.peer_urn):
                self._by_id[claim.rule_id] = claim
            if claim.rule is not None:
                self._nameless.setdefault(claim.group_id, []).append(claim)

    @staticmethod
    def read(states: Iterable[str]) -> Owners:
        """
        Read the output of `pulumi stack export`, one text for each state.

        Raises:
            StateError: one of them is not such an output.
        """
        return _owners_of([_state(text) for text in states])

    @property
    def given(self) -> bool:
        """
        Whether any state was passed.
        """
        return bool(self.stacks)

    def of(self, group: LiveGroup) -> GroupOwners:
        """
        Find the owners of the rules of a group.
        """
        claims = [self._by_id.get(live.rule_id) for live in group.rules]
        managed = group.group_id in self._groups or any(claims)
        for claim in self._nameless.get(group.group_id, ()):
            for place in claim.holds(group):
                claims[place] = claims[place] or claim
        doubts = [doubt.text for doubt in self.doubts if doubt.is_about(group.group_id)]
        return GroupOwners(
            owners=tuple(claim.owner if claim else "" for claim in claims),
            managed=managed,
            doubts=tuple(doubts),
            peer_urns=tuple(claim.peer_urn if claim else "" for claim in claims),
        )


def _owners_of(states: Sequence[_State]) -> Owners:
    return Owners(
        stacks=[state.stack for state in states],
        claims=[claim for state in states for claim in state.claims],
        doubts=[doubt for state in states for doubt in state.doubts],
    )


def _state(text: str) -> _State:
    try:
        return _State(text)
    except RecursionError:
        raise StateError("it is nested too deeply") from None


class _State:
    def __init__(self, text: str) -> None:
        try:
            export = parsed(text)
        except ValueError as error:
            raise StateError(f"this is not valid JSON: {error}") from None
        deployment = mapping(mapping(export).get("deployment"))
        if not deployment:
            raise StateError("this is not the output of `pulumi stack export`")
        resources = as_objects(deployment.get("resources") or [])
        if resources is None or not all(
            isinstance(entry.get("type"), str) for entry in resources
        ):
            raise StateError("it has resources without a type, so it is damaged")
        self.claims: list[Claim] = []
        self.doubts: list[Doubt] = []
        self.stack = ""
        operations = map(mapping, items(deployment.get("pending_operations")))
        unfinished = [mapping(operation.get("resource")) for operation in operations]
        for entry in (*resources, *unfinished):
            urn = str(entry.get("urn") or "")
            self.stack = self.stack or urn.removeprefix("urn:pulumi:").split("::")[0]
            kind = str(entry.get("type"))
            # An external resource was read with `get`: it does not own the rule.
            if kind in GROUP_ARGUMENT and not entry.get("external"):
                self._add(kind, name_of(urn), _decrypted(entry))
        self.stack = self.stack or NAMELESS

    def _add(self, kind: str, name: str, entry: Mapping[str, Any]) -> None:
        owner = f"{name} of stack {self.stack}"
        declared = Statement(
            RuleResource(name, kind), entry, side="old", moved=None
        ).rules()
        if kind == RULE_SET:
            self._add_set(owner, declared, entry)
            return
        rule_id = next((each.rule_id for each in declared), "")
        peer_urn = str(entry.get("urn") or "") if kind == PEER_RULE else ""
        if peer_urn and (identified := rule_of_peer(str(entry.get("id")))):
            group_id, rule = identified
            self.claims.append(
                Claim(
                    owner=owner,
                    group_id=group_id,
                    rule_id=rule_id,
                    rule=rule,
                    peer_urn=peer_urn,
                )
            )
            return
        for each in declared:
            self._add_rule(owner, each, rule_id, peer_urn)

    def _add_rule(
        self, owner: str, declared: DeclaredRule, rule_id: str, peer_urn: str = ""
    ) -> None:
        is_found_by_rule = bool(peer_urn) or not rule_id
        group_id = declared.group if declared.known_group else ""
        by_rule = not declared.doubts and is_found_by_rule
        if rule_id or (by_rule and group_id):
            self.claims.append(
                Claim(
                    owner=owner,
                    group_id=group_id,
                    rule_id=rule_id,
                    rule=declared.rule if by_rule else None,
                    peer_urn=peer_urn,
                )
            )
        hidden = (
            declared.doubts if group_id else (*declared.doubts, "its group is secret")
        )
        if hidden and is_found_by_rule:
            self._doubt(owner, hidden, group_id)

    def _add_set(
        self, owner: str, declared: Sequence[DeclaredRule], entry: Mapping[str, Any]
    ) -> None:
        inputs = inputs_of(entry)
        ids = mapping(mapping(entry.get("outputs")).get("rule_ids"))
        known = (
            {} if SECRET_SIGNATURE in ids else {k: str(v or "") for k, v in ids.items()}
        )
        group_id = str(inputs.get(GROUP_ARGUMENT[RULE_SET]) or "")
        group_id = group_id if group_id.startswith("sg-") else ""
        self.claims += [
            Claim(owner=owner, group_id=group_id, rule_id=rule_id)
            for rule_id in known.values()
            if rule_id.startswith("sgr-")
        ]
        keys = list(mapping(rules_of_set(entry)))
        for place, each in enumerate(declared):
            key = keys[place] if len(keys) == len(declared) else each.rule.as_text
            rule_id = known.get(key, "")
            if not rule_id.startswith("sgr-"):
                self._add_rule(owner, each, "")

    def _doubt(self, owner: str, why: Sequence[str], group_id: str) -> None:
        text = f"{owner} has no rule ID, and {', '.join(why)}; {_STEP}"
        self.doubts.append(Doubt(text=text, group_id=group_id))


def _decrypted(value: Any) -> Any:
    """
    The value with plain secrets, if the export has them (`--show-secrets`).
    """
    if listed := items(value):
        return [_decrypted(each) for each in listed]
    entries = mapping(value)
    if not entries:
        return value
    if SECRET_SIGNATURE in entries and isinstance(entries.get("plaintext"), str):
        try:
            return json.loads(entries["plaintext"])
        except ValueError:
            return value
    return {name: _decrypted(each) for name, each in entries.items()}


TIMEOUT_S = 300


class EngineError(IngressError):
    """
    `pulumi` could not be run, or failed.
    """


def engine_output(*arguments: str) -> str:
    """
    Run `pulumi` in the current folder, and return its output.

    Raises:
        EngineError: it could not be run, or failed.
    """
    import subprocess

    command = ["pulumi", *arguments, "--non-interactive"]
    try:
        with waiting_for(" ".join(command[:-1]), TIMEOUT_S):
            done = subprocess.run(  # noqa: S603 - no shell
                command,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EngineError(f"{type(error).__name__}; is `pulumi` on PATH?") from None
    if done.returncode:
        raise EngineError(one_line(done.stderr))
    return done.stdout


def read_owners(
    files: Sequence[Path], stacks: Sequence[str]
) -> tuple[Owners, tuple[str, ...]]:
    """
    Read the owners of rules from states.

    Args:
        files: files written by `pulumi stack export`; `-` is standard input.
        stacks: names of stacks, exported with `pulumi` from the current folder.

    Returns:
        The owners, and the texts of the states.

    Raises:
        StateError: one of the states cannot be read.
    """
    texts = [_in_file(file) for file in files] + [_export(stack) for stack in stacks]
    states: list[_State] = []
    for name, text in zip([*map(str, files), *stacks], texts, strict=True):
        try:
            states.append(_state(text))
        except StateError as error:
            raise StateError(f"the state {name} cannot be read: {error}") from None
    return _owners_of(states), tuple(texts)


def _in_file(file: Path) -> str:
    try:
        return text_in(file)
    except UnreadableError as error:
        raise StateError(str(error)) from None


def _export(stack: str) -> str:
    try:
        return engine_output("stack", "export", "--stack", stack)
    except EngineError as error:
        raise StateError(
            f"the stack {stack} cannot be exported: {error}; alternatively, export it"
            " yourself, and pass --state"
        ) from None
