"""
Rules that no read has shown when they were created: the state has them without an ID.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import count, cycle

import pytest

from alicloud_ingress.engine.runtime import Process, running_as
from alicloud_ingress.testing import Fault
from alicloud_ingress.testing.spelling import Rule
from alicloud_ingress.testing.state import Lag
from conftest import ATTEMPTS
from engine.host import Properties
from engine.ways import DESTROY, REFRESH, UP
from faults.stack import RULES, Stack
from functional.conftest import Front

AUTHORIZE, REVOKE = "AuthorizeSecurityGroup", "RevokeSecurityGroup"
DESCRIBE, MODIFY = "DescribeSecurityGroupAttribute", "ModifySecurityGroupRule"
FIELDS = {"ip_protocol": "tcp", "source_cidr_ip": "10.0.0.0/8"}
LONG_AGO = "2020-01-01T00:00:00Z"


class Late:
    """A stack, a rule or a set of which was created and does not show."""

    def __init__(self, front: Front, kind: str) -> None:
        self.fake, self.kind = front.fake, kind
        self.group = front.fake.new_group()
        self.stack = Stack({**front.settings, "alicloud-ingress:timeout": "1"})
        self.fake.inject(Fault.late(AUTHORIZE, 1000))
        assert self.stack.run(UP, self.program(22)) == []
        (self.rule_id,) = self.fake.rules(self.group)
        self.fake.groups[self.group].rules[self.rule_id]["CreateTime"] = LONG_AGO

    def program(self, *ports: int) -> dict[str, Properties]:
        """A set of these ports, or a rule of the only one."""
        place = {"security_group_id": self.group}
        if self.kind != "rule":
            rules = [{**FIELDS, "port_range": port} for port in ports]
            exclusive = self.kind == "exclusive set"
            return {"s": {**place, "rules": rules, "exclusive": exclusive}}
        (port,) = ports
        return {"s": {**place, **FIELDS, "port_range": port}}

    def show_after(self, describes: int) -> None:
        """Show the rule after some more reads."""
        self.fake.groups[self.group].lags[self.rule_id].describes = describes

    def show_twice_without_id(self, rule_id: str) -> None:
        """Let the next two reads show this rule only, without its ID."""
        rule = {**self.fake.rules(self.group)[rule_id], "SecurityGroupRuleId": ""}
        answer = {
            "RequestId": "R",
            "SecurityGroupId": self.group,
            "VpcId": "vpc-1",
            "Permissions": {"Permission": [rule]},
        }
        shown = Fault.shaped(DESCRIBE, json.dumps(answer))
        self.fake.inject(replace(shown, times=2))

    def show_a_deleted_one(self, after: int) -> None:
        """Let one read show an identical rule that was deleted before."""
        group = self.fake.groups[self.group]
        deleted = {**group.rules[self.rule_id], "CreateTime": LONG_AGO}

        def act(_: object) -> None:
            group.lags["sgr-deleted"] = Lag(deleted, 1)
            group.lags.setdefault(self.rule_id, Lag(None, 1))

        self.fake.inject(replace(Fault.other_hand(DESCRIBE, act), skip=after))

    def show_in_turn(self, turn: str) -> None:
        """Let reads show a deleted rule (D), the own one (O) or none (-), in turn."""
        group = self.fake.groups[self.group]
        deleted = {**group.rules[self.rule_id], "CreateTime": LONG_AGO}
        turns = cycle(turn)

        def act(_: object) -> None:
            group.lags.clear()
            shown = next(turns)
            if shown != "O":
                group.lags[self.rule_id] = Lag(None, 1)
            if shown == "D":
                group.lags["sgr-deleted"] = Lag(deleted, 1)

        self.fake.inject(replace(Fault.other_hand(DESCRIBE, act), times=1_000))

    def ids(self) -> set[str]:
        """The rule IDs in the state."""
        (entry,) = self.stack.entries
        return entry.rule_ids


@pytest.fixture(params=["rule", "set"])
def late(front: Front, request: pytest.FixtureRequest) -> Late:
    return Late(front, request.param)


def test_a_rule_that_shows_during_the_next_run_is_kept(late: Late) -> None:
    """The next run sends it again, and it is older than that run."""
    assert late.ids() == {""}
    late.show_after(3)

    assert late.stack.run(UP, late.program(22)) == []

    assert set(late.fake.rules(late.group)) == {late.rule_id} == late.ids()


def test_a_rule_that_never_shows_stays_in_the_state(late: Late) -> None:
    """Each run ends well, and the last one deletes it."""
    for _ in range(2):
        assert late.stack.refresh() == []
        assert late.stack.run(UP, late.program(22)) == []
        assert late.ids() == {""}

    assert late.stack.destroy() == []
    assert late.fake.rules(late.group) == {}


@pytest.mark.parametrize("reads", [0, 1, 2])
def test_one_late_read_gives_no_hidden_rule_its_id(late: Late, reads: int) -> None:
    """It shows a deleted rule. Then no state would have the hidden one."""
    late.show_a_deleted_one(after=reads)

    assert late.stack.run(UP, late.program(22)) == []

    late.show_after(0)
    assert late.stack.run(UP, late.program(22)) == []
    assert late.ids() == {late.rule_id}
    assert late.stack.destroy() == []
    assert late.fake.rules(late.group) == {}


@pytest.mark.parametrize("command", [UP, f"{UP} --refresh", REFRESH])
@pytest.mark.parametrize("turn", ["DO", "OD", "D-O", "DO-", "D--", "-DO"])
def test_reads_that_disagree_give_no_rule_an_id(
    late: Late, turn: str, command: str
) -> None:
    """No two of them in a row show the deleted rule, however many there are."""
    late.show_in_turn(turn)

    assert late.stack.run(command, late.program(22)) == []

    assert late.ids() <= {"", late.rule_id}
    late.fake.forget_faults()
    late.show_in_turn("O")
    assert late.stack.destroy() == []
    assert late.fake.rules(late.group) == {}


@pytest.mark.parametrize("command", [DESTROY, f"{DESTROY} --refresh"])
@pytest.mark.parametrize(
    "code", ["InvalidGroupParameter.OperationDenied", "InvalidSourceGroupId.NotFound"]
)
@pytest.mark.parametrize("reads", [0, 1, 2])
def test_one_late_read_ends_no_destroy_of_a_hidden_rule(
    late: Late, code: str, command: str, reads: int
) -> None:
    """ECS refuses its attributes, and a read shows the ID of a deleted rule."""
    refused = Fault.refused(REVOKE, 400, code)
    late.fake.inject(replace(refused, having="Permissions.", times=1_000))
    late.show_after(0)
    late.show_a_deleted_one(after=reads)

    assert late.stack.run(command, {}) == []

    assert late.fake.rules(late.group) == {}


@pytest.mark.parametrize("late", ["set"], indirect=True)
def test_a_failed_update_keeps_the_rule_that_it_found(late: Late) -> None:
    """It takes back what it has added, and not what the state has."""
    assert late.stack.run(UP, late.program(22, 80)) == []
    late.show_after(4)
    late.fake.inject(Fault.refused(REVOKE, 403, "Forbidden.RAM"))

    assert len(late.stack.run(UP, late.program(22, 443))) == 1

    assert late.rule_id in late.fake.rules(late.group)
    late.fake.forget_faults()
    assert late.stack.run(UP, late.program(22, 443)) == []
    assert set(late.fake.rules(late.group)) == late.ids()


def test_a_renamed_rule_that_never_shows_is_not_revoked(late: Late) -> None:
    """The new resource has it, so that the delete of the old one leaves it alone."""
    (args,) = late.program(22).values()

    assert late.stack.run(UP, {"renamed": args}) == []

    assert set(late.fake.rules(late.group)) == {late.rule_id}
    late.show_after(0)
    assert late.stack.run(UP, {"renamed": args}) == []
    assert late.ids() == {late.rule_id}
    assert late.stack.destroy() == []
    assert late.fake.rules(late.group) == {}


@pytest.mark.parametrize("late", ["rule"], indirect=True)
def test_a_rule_moves_though_it_never_shows(late: Late) -> None:
    """Its old resource is deleted while the new one authorizes it, and leaves it."""
    (args,) = late.program(22).values()
    inputs = {**args, "region": "cn-hangzhou"}
    (old,) = late.stack.entries
    with running_as(Process()) as process, ThreadPoolExecutor() as pool:
        process.configure({**late.stack.settings})
        deleted: list[Future[None]] = []

        def delete(_: object) -> None:
            deleted.append(pool.submit(RULES.delete, old.id, dict(old.outputs)))

        late.fake.inject(Fault.other_hand(AUTHORIZE, delete))
        new = RULES.create(inputs)
        deleted[0].result()

    assert late.rule_id in late.fake.groups[late.group].rules
    assert (new.outs or {})["security_group_rule_id"] == ""


@pytest.mark.parametrize("late", ["exclusive set"], indirect=True)
def test_a_foreign_rule_without_an_id_hides_no_declared_one(late: Late) -> None:
    """A destroy revokes what the set declared, and nothing else."""
    foreign = late.fake.add_rule(
        late.group, IpProtocol="tcp", PortRange="9/9", SourceCidrIp="10.0.0.0/8"
    )
    late.show_twice_without_id(foreign)
    assert late.stack.refresh() == []
    assert late.ids() == {""}
    late.show_after(0)

    assert late.stack.destroy() == []

    assert set(late.fake.rules(late.group)) == {foreign}


@pytest.mark.parametrize("late", ["exclusive set"], indirect=True)
def test_an_unknown_id_in_an_old_state_is_not_foreign(late: Late) -> None:
    """Older releases wrote it for a foreign rule without an ID."""
    (entry,) = late.stack.entries
    entry.outputs["foreign_rule_ids"] = [""]
    late.show_after(0)

    assert late.stack.destroy() == []

    assert late.fake.rules(late.group) == {}


class Lagging:
    """A rule, or a set of two, that shows; some later reads may lack a part of it."""

    def __init__(self, front: Front, kind: str) -> None:
        self.fake = front.fake
        self.group = front.fake.new_group()
        self.stack = Stack({**front.settings, "alicloud-ingress:timeout": "5"})
        place = {"security_group_id": self.group}
        first, second = ({**FIELDS, "port_range": port} for port in (22, 23))
        more = first if kind == "rule" else {"rules": [first, second]}
        self.program: Properties = {**place, **more}
        assert self.stack.run(UP, {"s": self.program}) == []
        self.rule_ids = list(self.fake.rules(self.group))
        (entry,) = self.stack.entries
        assert entry.rule_ids == set(self.rule_ids)

    def hide(self, rule_id: str, describes: int = 1) -> None:
        """Let the next reads lack a rule."""
        self.fake.groups[self.group].lags[rule_id] = Lag(None, describes)

    def show_once(self, rules: Mapping[str, Rule]) -> None:
        """Let the next read show what the group has had before."""
        group = self.fake.groups[self.group]
        for rule_id in rules.keys() | group.rules.keys():
            group.lags[rule_id] = Lag(rules.get(rule_id), 1)

    def show_again(self, deleted: Mapping[str, Rule]) -> None:
        """Let the second read show deleted rules, and none that was added since."""
        group = self.fake.groups[self.group]
        kept = set(group.rules)

        def act(_: object) -> None:
            group.lags.update({i: Lag(None, 1) for i in group.rules.keys() - kept})
            group.lags.update({i: Lag(rule, 1) for i, rule in deleted.items()})

        self.fake.inject(replace(Fault.other_hand(DESCRIBE, act), skip=1))

    def age(self) -> None:
        """Let the state have a creation that is long ago."""
        (entry,) = self.stack.entries
        if "create_time" in entry.outputs:
            entry.outputs["create_time"] = LONG_AGO

    def up(
        self, *ports: int, command: str = UP, exclusive: bool = False, **more: object
    ) -> list[Exception]:
        """Deploy a set of these ports."""
        rules = [{**FIELDS, "port_range": port, **more} for port in ports]
        place = {"security_group_id": self.group, "exclusive": exclusive}
        return self.stack.run(command, {"s": {**place, "rules": rules}})

    def refresh(self) -> int:
        """Refresh, and count the reads."""
        self.fake.calls.clear()
        assert self.stack.refresh() == []
        return [call.action for call in self.fake.calls].count(DESCRIBE)

    def assert_destroyed(self) -> None:
        """A destroy revokes all that was created."""
        assert self.stack.destroy() == []
        assert self.fake.rules(self.group) == {}


def changed(program: Properties, field: str, value: str) -> Properties:
    """The program with another value of a field in each rule."""
    if "rules" not in program:
        return {**program, field: value}
    return {**program, "rules": [{**r, field: value} for r in program["rules"]]}


@pytest.fixture(params=["rule", "set"])
def lagging(front: Front, request: pytest.FixtureRequest) -> Lagging:
    return Lagging(front, request.param)


@pytest.mark.parametrize("lagging", ["set"], indirect=True)
def test_an_update_keeps_a_rule_that_a_read_lacks(lagging: Lagging) -> None:
    """It is sent again, shows under its ID, and gets its new description."""
    (rule_id, _) = lagging.rule_ids
    lagging.fake.groups[lagging.group].rules[rule_id]["CreateTime"] = LONG_AGO
    lagging.hide(rule_id)

    assert lagging.up(22, 23, 24, description="new") == []

    live = lagging.fake.rules(lagging.group)
    assert set(lagging.rule_ids) < set(live) == lagging.stack.entries[0].rule_ids
    assert {rule["Description"] for rule in live.values()} == {"new"}


@pytest.mark.parametrize("describes", [1, 1_000])
@pytest.mark.parametrize("lagging", ["set"], indirect=True)
def test_a_failed_update_spares_a_rule_that_reads_lack(
    lagging: Lagging, describes: int
) -> None:
    """It takes back what it has added; the rule of the state is none of that."""
    (rule_id, _) = lagging.rule_ids
    lagging.hide(rule_id, describes)
    lagging.fake.inject(Fault.refused(REVOKE, 403, "Forbidden.RAM"))

    assert len(lagging.up(22, 24)) == 1

    assert set(lagging.fake.groups[lagging.group].rules) == set(lagging.rule_ids)
    lagging.fake.groups[lagging.group].lags.clear()
    assert lagging.up(22, 24) == []
    live = lagging.fake.rules(lagging.group)
    assert rule_id in live
    assert set(live) == lagging.stack.entries[0].rule_ids
    lagging.assert_destroyed()


def test_one_late_read_drops_no_rule_from_the_state(lagging: Lagging) -> None:
    """A refresh reads again before it believes that a rule is gone."""
    lagging.age()
    lagging.hide(lagging.rule_ids[0])

    assert lagging.refresh() == 2

    assert lagging.refresh() == 1
    lagging.assert_destroyed()


@pytest.mark.parametrize("lagging", ["rule"], indirect=True)
def test_one_late_read_hides_no_change_from_the_state(lagging: Lagging) -> None:
    """The program before the change would find nothing to do, and leave the port."""
    old = {"security_group_id": lagging.group, **FIELDS, "port_range": 22}
    lagging.fake.inject(Fault.late(MODIFY))
    new = {**old, "source_cidr_ip": "0.0.0.0/0"}
    assert lagging.stack.run(UP, {"s": new}) == []
    lagging.refresh()

    assert lagging.stack.run(UP, {"s": old}) == []

    (rule,) = lagging.fake.rules(lagging.group).values()
    assert rule["SourceCidrIp"] == "10.0.0.0/8"


@pytest.mark.parametrize("field", ["description", "source_cidr_ip"])
def test_one_late_read_stops_no_update_that_goes_back(
    lagging: Lagging, field: str
) -> None:
    """It shows what is wanted, though the state does not."""
    values = {"description": "new", "source_cidr_ip": "0.0.0.0/0"}
    old = lagging.program
    before = lagging.fake.rules(lagging.group)
    assert lagging.stack.run(UP, {"s": changed(old, field, values[field])}) == []
    lagging.show_once(before)

    assert lagging.stack.run(UP, {"s": old}) == []

    live = lagging.fake.rules(lagging.group)
    assert {rule["SourceCidrIp"] for rule in live.values()} == {"10.0.0.0/8"}
    assert {str(rule["Description"]) for rule in live.values()} <= {"", "-"}
    (entry,) = lagging.stack.entries
    assert entry.rule_ids == set(live)


@pytest.mark.parametrize("adopt", [False, True])
def test_a_late_read_shows_no_rule_in_the_way(lagging: Lagging, *, adopt: bool) -> None:
    """A run before has revoked it: it is neither in the way nor to be adopted."""
    old = lagging.program
    before = lagging.fake.rules(lagging.group)
    lagging.assert_destroyed()
    lagging.show_once(before)

    assert lagging.stack.run(UP, {"s": {**old, "adopt": adopt}}) == []

    (entry,) = lagging.stack.entries
    assert entry.rule_ids == set(lagging.fake.rules(lagging.group))


@pytest.mark.parametrize("adopt", [False, True])
def test_a_late_read_after_a_create_claims_no_revoked_rule(
    lagging: Lagging, *, adopt: bool
) -> None:
    """It shows an identical rule that a run before has revoked, in place of the new."""
    old = lagging.program
    for rule in lagging.fake.groups[lagging.group].rules.values():
        rule["CreateTime"] = LONG_AGO
    before = lagging.fake.rules(lagging.group)
    lagging.assert_destroyed()
    lagging.fake.inject(Fault.other_hand(DESCRIBE, lambda _: None))
    lagging.fake.inject(Fault.other_hand(DESCRIBE, lambda _: lagging.show_once(before)))

    assert lagging.stack.run(UP, {"s": {**old, "adopt": adopt}}) == []

    (entry,) = lagging.stack.entries
    assert entry.rule_ids == set(lagging.fake.rules(lagging.group))


def test_a_late_read_adopts_no_rule_that_was_revoked(lagging: Lagging) -> None:
    """A refresh may adopt a rule only if it exists."""
    program = {**lagging.program, "adopt": True}
    before = lagging.fake.rules(lagging.group)
    lagging.assert_destroyed()
    assert lagging.stack.run(UP, {"s": program}) == []
    lagging.show_once(before)

    lagging.refresh()

    (entry,) = lagging.stack.entries
    assert entry.rule_ids == set(lagging.fake.rules(lagging.group))


@pytest.mark.parametrize("field", ["description", "source_cidr_ip"])
@pytest.mark.parametrize("lagging", ["rule"], indirect=True)
def test_late_reads_stop_no_update_that_goes_back(lagging: Lagging, field: str) -> None:
    """They show what is wanted for as long as the update takes."""
    values = {"description": "new", "source_cidr_ip": "0.0.0.0/0"}
    old = lagging.program
    lagging.fake.inject(Fault.late(MODIFY, 1_000))
    assert lagging.stack.run(UP, {"s": changed(old, field, values[field])}) == []

    assert lagging.stack.run(UP, {"s": old}) == []

    rule = lagging.fake.groups[lagging.group].rules[lagging.rule_ids[0]]
    assert rule["SourceCidrIp"] == "10.0.0.0/8"
    assert str(rule["Description"]).removeprefix("-") == ""


@pytest.mark.parametrize("reads", [1, 4])
@pytest.mark.parametrize("lagging", ["rule"], indirect=True)
def test_a_refresh_just_after_an_update_waits_for_it(
    lagging: Lagging, reads: int
) -> None:
    """Otherwise the state has the source of before, and a program that goes back."""
    lagging.fake.inject(Fault.late(MODIFY, reads))
    old = lagging.program
    new = changed(old, "source_cidr_ip", "0.0.0.0/0")
    assert lagging.stack.run(UP, {"s": new}) == []

    lagging.refresh()

    assert lagging.stack.run(UP, {"s": old}) == []
    (rule,) = lagging.fake.rules(lagging.group).values()
    assert rule["SourceCidrIp"] == "10.0.0.0/8"


@pytest.mark.parametrize("reads", [0, 4])
@pytest.mark.parametrize("lagging", ["rule"], indirect=True)
def test_late_reads_hide_no_refusal_of_a_change(lagging: Lagging, reads: int) -> None:
    """They show the rule as it is to be, and the one in the way after some reads."""
    lagging.fake.inject(Fault.late(MODIFY, 1_000))
    old = lagging.program
    assert lagging.stack.run(UP, {"s": changed(old, "port_range", "23")}) == []
    in_the_way = lagging.fake.add_rule(
        lagging.group, IpProtocol="tcp", PortRange="22/22", SourceCidrIp="10.0.0.0/8"
    )
    lagging.fake.groups[lagging.group].lags[in_the_way] = Lag(None, reads)

    (failure,) = lagging.stack.run(UP, {"s": old})

    assert in_the_way in str(failure)


@pytest.mark.parametrize("reads", [4, 1_000])
@pytest.mark.parametrize("lagging", ["rule"], indirect=True)
def test_late_reads_prove_no_change_without_an_answer(
    lagging: Lagging, reads: int
) -> None:
    """At first they show what the rule was before, which is what it is to be again."""
    lagging.fake.inject(Fault.late(MODIFY, reads))
    old = lagging.program
    new = changed(old, "source_cidr_ip", "0.0.0.0/0")
    assert lagging.stack.run(UP, {"s": new}) == []
    lagging.fake.inject(*[Fault.dropped(MODIFY, takes_effect=False)] * 50)

    assert len(lagging.stack.run(UP, {"s": old})) == 1

    lagging.fake.forget_faults()
    lagging.fake.groups[lagging.group].lags.clear()
    assert lagging.stack.run(UP, {"s": old}) == []
    rule = lagging.fake.rules(lagging.group)[lagging.rule_ids[0]]
    assert rule["SourceCidrIp"] == "10.0.0.0/8"


@pytest.mark.parametrize("lagging", ["set"], indirect=True)
def test_late_reads_stop_no_description_of_a_set(lagging: Lagging) -> None:
    """They show the one that is wanted, and the state has another."""
    assert lagging.up(22, 23, description="old") == []
    for _ in lagging.rule_ids:
        lagging.fake.inject(Fault.late(MODIFY, 1_000))
    assert lagging.up(22, 23, description="new") == []

    assert lagging.up(22, 23, description="old") == []

    live = lagging.fake.groups[lagging.group].rules
    assert {live[i]["Description"] for i in lagging.rule_ids} == {"old"}


@pytest.mark.parametrize("adopt", [False, True])
def test_a_create_keeps_no_deleted_rule_that_shows_again(
    lagging: Lagging, *, adopt: bool
) -> None:
    """The read after the Authorize is late: it shows the rules before the deletion."""
    group = lagging.fake.groups[lagging.group]
    deleted = {i: {**r, "CreateTime": LONG_AGO} for i, r in group.rules.items()}
    assert lagging.stack.destroy() == []
    lagging.show_again(deleted)

    assert lagging.stack.up({"s": {**lagging.program, "adopt": adopt}}) == []

    (entry,) = lagging.stack.entries
    assert entry.rule_ids == set(lagging.fake.rules(lagging.group))
    lagging.assert_destroyed()


@pytest.mark.parametrize("adopt", [False, True])
def test_a_failed_read_again_claims_no_deleted_rule(
    lagging: Lagging, *, adopt: bool
) -> None:
    """Which of the rules exists is not known, so the state has no ID of either."""
    group = lagging.fake.groups[lagging.group]
    deleted = {i: {**r, "CreateTime": LONG_AGO} for i, r in group.rules.items()}
    assert lagging.stack.destroy() == []
    lagging.show_again(deleted)
    refused = Fault.refused(DESCRIBE, 403, "Forbidden.RAM")
    lagging.fake.inject(replace(refused, skip=1))

    program = {"s": {**lagging.program, "adopt": adopt}}
    assert lagging.stack.run(UP, program) == []

    (entry,) = lagging.stack.entries
    assert entry.rule_ids == {""}
    assert lagging.stack.run(UP, program) == []
    lagging.assert_destroyed()


@pytest.mark.parametrize("lagging", ["rule"], indirect=True)
def test_a_create_beside_a_change_that_shows_late_ends_well(lagging: Lagging) -> None:
    """The read after the Authorize shows what the other rule was."""
    (rule_id,) = lagging.rule_ids
    group = lagging.fake.groups[lagging.group]
    was = dict(group.rules[rule_id])
    late = Fault.other_hand(
        AUTHORIZE, lambda _: group.lags.update({rule_id: Lag(was, 1)})
    )
    lagging.fake.inject(late)
    place = {"security_group_id": lagging.group, **FIELDS}

    moved = {"s": {**place, "port_range": 23}, "t": {**place, "port_range": 22}}
    assert lagging.stack.up(moved) == []

    held = {i for entry in lagging.stack.entries for i in entry.rule_ids}
    assert held == set(lagging.fake.rules(lagging.group))


@pytest.mark.parametrize("lagging", ["set"], indirect=True)
def test_an_update_keeps_no_deleted_rule_that_shows_again(lagging: Lagging) -> None:
    """It was removed by hand, so that the update has added it again."""
    (rule_id, _) = lagging.rule_ids
    rules = lagging.fake.groups[lagging.group].rules
    lagging.show_again({rule_id: rules.pop(rule_id)})

    assert lagging.up(22, 24) == []

    (entry,) = lagging.stack.entries
    assert entry.rule_ids == set(lagging.fake.rules(lagging.group))
    lagging.assert_destroyed()


@pytest.mark.parametrize("lagging", ["set"], indirect=True)
def test_a_failed_update_revokes_no_rule_that_shows_again(lagging: Lagging) -> None:
    """The first read lacks a rule of the state, and a new one is refused."""
    lagging.hide(lagging.rule_ids[0])
    refused = Fault.refused(AUTHORIZE, 403, "Forbidden.RAM")
    lagging.fake.inject(replace(refused, times=2))

    assert len(lagging.up(22, 23, 24)) == 1

    assert set(lagging.fake.rules(lagging.group)) == set(lagging.rule_ids)
    (entry,) = lagging.stack.entries
    assert entry.rule_ids == set(lagging.rule_ids)


@pytest.mark.parametrize("lagging", ["rule"], indirect=True)
def test_a_rule_changed_by_hand_that_one_read_lacks_stays(lagging: Lagging) -> None:
    """That the read before shows a change does not confirm a deletion."""
    lagging.age()
    (rule_id,) = lagging.rule_ids
    lagging.fake.groups[lagging.group].rules[rule_id]["Description"] = "by hand"

    def hide(_: object) -> None:
        lagging.hide(rule_id)

    lagging.fake.inject(Fault.other_hand(DESCRIBE, lambda _: None))
    lagging.fake.inject(Fault.other_hand(DESCRIBE, hide))

    lagging.refresh()

    assert [entry.rule_ids for entry in lagging.stack.entries] == [{rule_id}]
    lagging.assert_destroyed()


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("lagging", ["set"], indirect=True)
def test_no_single_read_of_a_set_brings_a_value_back(
    lagging: Lagging, first: int
) -> None:
    """Reads go on while a rule is missing, and each second one is late."""
    removed, changed = lagging.rule_ids
    live = lagging.fake.groups[lagging.group].rules
    assert lagging.up(22, 23, description="new") == []
    reads = count(first)

    def alternate(_: object) -> None:
        live[changed]["Description"] = "late" if next(reads) % 2 else "new"

    del live[removed]
    for _ in range(60):
        lagging.fake.inject(Fault.other_hand(DESCRIBE, alternate))

    lagging.refresh()

    (entry,) = lagging.stack.entries
    assert "late" not in str(entry.outputs)


@pytest.mark.parametrize("lagging", ["set"], indirect=True)
def test_one_late_read_gives_an_exclusive_set_no_rule(lagging: Lagging) -> None:
    """It shows a deleted rule of someone else, which the program then declares."""
    assert lagging.up(22, 23, exclusive=True) == []
    group = lagging.fake.groups[lagging.group]
    other = {"IpProtocol": "tcp", "PortRange": "24/24", "SourceCidrIp": "10.0.0.0/8"}
    rule_id = lagging.fake.add_rule(lagging.group, **other)
    group.lags[rule_id] = Lag({**group.rules.pop(rule_id), "CreateTime": LONG_AGO}, 1)

    assert lagging.up(22, 23, 24, command=f"{UP} --refresh", exclusive=True) == []

    (entry,) = lagging.stack.entries
    assert len(lagging.fake.rules(lagging.group)) == len([22, 23, 24])
    assert entry.rule_ids == set(lagging.fake.rules(lagging.group))


@pytest.mark.parametrize("lagging", ["set"], indirect=True)
def test_reads_that_each_lack_another_rule_drop_none(lagging: Lagging) -> None:
    """A rule is gone once two reads in a row lack it."""
    for rule_id in lagging.rule_ids:

        def hide(_: object, rule_id: str = rule_id) -> None:
            lagging.hide(rule_id)

        lagging.fake.inject(Fault.other_hand(DESCRIBE, hide))

    assert lagging.refresh() == 3

    lagging.assert_destroyed()


def test_a_refresh_waits_for_a_rule_just_created(lagging: Lagging) -> None:
    """As the create did: a read may show it and the next ones not."""
    lagging.hide(lagging.rule_ids[0], 3)

    lagging.refresh()

    lagging.assert_destroyed()


@pytest.mark.parametrize(
    "code",
    [
        "Forbidden.RAM",
        "InvalidSecurityGroupRuleId.NotFound",
        "InvalidParam.SecurityGroupRuleId",
    ],
)
@pytest.mark.parametrize("lagging", ["set"], indirect=True)
def test_a_late_read_after_a_refusal_deletes_no_rule(
    lagging: Lagging, code: str
) -> None:
    """Of a call that was refused because of one rule, the others are sent again."""
    lagging.hide(lagging.rule_ids[0])
    lagging.fake.inject(Fault.refused(REVOKE, 403, code))

    lagging.assert_destroyed()


def test_a_rule_removed_by_hand_is_dropped(lagging: Lagging) -> None:
    """At once if it was created long ago; the state of a set does not have that."""
    lagging.age()
    del lagging.fake.groups[lagging.group].rules[lagging.rule_ids[0]]

    is_set = len(lagging.rule_ids) == 2

    assert lagging.refresh() == (1 + ATTEMPTS if is_set else 2)

    assert len(lagging.stack.entries) == len(lagging.rule_ids) - 1
    lagging.assert_destroyed()
