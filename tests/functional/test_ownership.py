"""
Which resource owns a rule: deleting a resource does not depend on the engine's
comparison of that resource.

The engine's calls in each way are those that the real engine makes. Where a test says
"refreshed", the resource was read, and then compared with its old inputs.
"""

from __future__ import annotations

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotDoneError
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from alicloud_ingress.engine.declarations import DECLARATION, Declaration
from alicloud_ingress.errors import EcsError, RuleExistsError
from alicloud_ingress.reconcile.ownership import Ownership, Release
from alicloud_ingress.resource import IngressRuleProvider, IngressRuleSetProvider
from alicloud_ingress.testing import FakeEcs, Fault
from engine.host import new_process
from functional.conftest import Front
from functional.memory_group import GROUP, SSH

REVOKE = "RevokeSecurityGroup"
Provider = IngressRuleProvider | IngressRuleSetProvider
Properties = dict[str, Any]
RULE: Properties = {
    "ip_protocol": "tcp",
    "port_range": 22.0,
    "source_cidr_ip": "10.0.0.0/8",
}
DECLARED = Declaration("r", 1, "web").written()
KINDS: dict[str, type[Provider]] = {
    "a rule": IngressRuleProvider,
    "a set": IngressRuleSetProvider,
}


@dataclass
class Resource:
    """A resource as the engine holds it, and the calls that the engine makes."""

    provider: Provider
    program: Properties
    inputs: Properties = field(default_factory=dict[str, Any])
    outputs: Properties = field(default_factory=dict[str, Any])
    id: str = ""

    def create(self) -> None:
        """Check without old inputs, and create."""
        self.inputs = self.provider.check({}, copy.deepcopy(self.program)).inputs
        made = self.provider.create(copy.deepcopy(self.inputs))
        self.id, self.outputs = str(made.id), dict(made.outs or {})

    def refresh(self) -> None:
        """Read, and compare what was read with the old inputs."""
        read = self.provider.read(self.id, copy.deepcopy(self.outputs))
        assert read.id
        self.id, self.outputs = str(read.id), dict(read.outs or {})
        self.provider.diff(self.id, self.outputs, copy.deepcopy(self.inputs))

    def compare(self, **change: object) -> Properties:
        """Check with the old inputs, and compare; the new inputs."""
        program = copy.deepcopy({**self.program, **change})
        inputs: Properties = self.provider.check(self.inputs, program).inputs
        self.provider.diff(self.id, self.outputs, copy.deepcopy(inputs))
        return inputs

    def update(self, **change: object) -> None:
        """Compare, and update."""
        inputs = self.compare(**change)
        done = self.provider.update(self.id, self.outputs, copy.deepcopy(inputs))
        self.inputs, self.outputs = inputs, dict(done.outs or {})

    def delete(self) -> None:
        """Delete it."""
        self.provider.delete(self.id, copy.deepcopy(self.outputs))

    def duplicate(self) -> Resource:
        """Another resource of the same rule, as in a state edited by hand."""
        outputs = {**self.outputs, "owner_mark": "another"}
        return replace(self, outputs=outputs)

    def without_id(self) -> Resource:
        """The same resource, whose rule no read has shown."""
        known: Properties = {"security_group_rule_id": "", "rule_ids": {}}
        ids = {name: known[name] for name in known if name in self.outputs}
        return replace(self, outputs={**self.outputs, **ids})

    def without_mark(self) -> Resource:
        """The same resource, as the release before marks wrote it."""
        outputs = {k: v for k, v in self.outputs.items() if k != "owner_mark"}
        return replace(self, outputs=outputs)


@dataclass
class Scene:
    """A group, and the kind of resource that a test is about."""

    front: Front
    kind: str
    group: str

    @property
    def fake(self) -> FakeEcs:
        """The fake of ECS."""
        return self.front.fake

    def resource(self, **change: object) -> Resource:
        """A resource of the program; the arguments change its rule."""
        provider = KINDS[self.kind]()
        adopt = {"adopt": change.pop("adopt")} if "adopt" in change else {}
        return Resource(provider, {**self.arguments(**change), **adopt})

    def arguments(self, **change: object) -> Properties:
        """What a program declares."""
        rule = {**RULE, **change}
        group = {"security_group_id": self.group}
        return (
            {**group, **rule} if self.kind == "a rule" else {**group, "rules": [rule]}
        )

    def deployed(self) -> Resource:
        """A resource that an earlier run has created."""
        made = self.resource()
        with new_process(self.front.settings, made.provider):
            made.create()
        self.fake.calls.clear()
        return made

    def live(self) -> list[str]:
        """The live ports."""
        return sorted(str(r["PortRange"]) for r in self.fake.rules(self.group).values())

    def revokes(self) -> int:
        """How many revokes were sent."""
        return sum(call.action == REVOKE for call in self.fake.calls)


@pytest.fixture(params=KINDS)
def scene(front: Front, request: pytest.FixtureRequest) -> Scene:
    """An empty group."""
    return Scene(front, request.param, front.fake.new_group())


def test_a_refreshed_resource_is_revoked_when_deleted(scene: Scene) -> None:
    """As `destroy --refresh` and `up --refresh` do, in one process."""
    leaving = scene.deployed()
    with new_process(scene.front.settings, leaving.provider):
        leaving.refresh()
        leaving.delete()

    assert scene.live() == []


def test_a_replacement_against_diff_revokes_the_old_rule(
    scene: Scene,
) -> None:
    """As `replace_on_changes` does: diff said "update"."""
    old = scene.deployed()
    new = scene.resource(port_range=23.0)
    with new_process(scene.front.settings, old.provider):
        old.compare(**scene.arguments(port_range=23.0))
        new.create()
        old.delete()

    assert scene.live() == ["23/23"]


@pytest.mark.parametrize("refreshed", [False, True], ids=["", "refreshed"])
def test_deleting_both_resources_of_one_rule_revokes_once(
    scene: Scene, *, refreshed: bool
) -> None:
    """In parallel, in either order."""
    first = scene.deployed()
    both = [first, first.duplicate()]
    start = threading.Barrier(2)

    def delete(resource: Resource) -> None:
        start.wait()
        resource.delete()

    with new_process(scene.front.settings, first.provider):
        for resource in both if refreshed else ():
            resource.refresh()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(delete, both))

    assert scene.live() == []
    assert scene.revokes() == 1


def test_a_second_delete_revokes_what_the_first_could_not(scene: Scene) -> None:
    """It does not take the failure of the other for a success."""
    first = scene.deployed()
    scene.fake.inject(Fault.refused(REVOKE, 403, "NoPermission"))
    with new_process(scene.front.settings, first.provider):
        with pytest.raises(EcsError, match="NoPermission"):
            first.delete()
        first.duplicate().delete()

    assert scene.live() == []


@pytest.mark.parametrize("change", [{"port_range": 23.0}, {"description": "new"}])
def test_an_update_changes_no_rule_that_another_adopted(
    scene: Scene, change: Properties
) -> None:
    """The state has no ID, so both find the rule by its fields."""
    old = scene.deployed().without_id()
    adopting = scene.resource(adopt=True)
    with new_process(scene.front.settings, old.provider):
        adopting.create()
        with suppress(RuleExistsError):
            old.update(**scene.arguments(**change))

    rules = scene.fake.rules(scene.group).values()
    assert ("22/22", "") in {(r["PortRange"], r["Description"]) for r in rules}


def test_a_rule_kept_by_another_resource_is_not_revoked(scene: Scene) -> None:
    """The program has one of the resources, and no longer the other."""
    staying = scene.deployed()
    leaving = staying.duplicate()
    with new_process(scene.front.settings, staying.provider):
        staying.refresh()
        leaving.refresh()
        staying.compare()
        leaving.delete()

    assert scene.live() == ["22/22"]
    assert scene.revokes() == 0


@pytest.mark.parametrize("refreshed", [False, True], ids=["", "refreshed"])
@pytest.mark.parametrize("marked", [False, True], ids=["no mark", "marked"])
def test_an_adopted_rule_survives_its_old_resources_deletion(
    scene: Scene, *, refreshed: bool, marked: bool
) -> None:
    """A rename with adopt, also of a resource of an older state."""
    old = scene.deployed() if marked else scene.deployed().without_mark()
    new = scene.resource(adopt=True)
    with new_process(scene.front.settings, old.provider):
        if refreshed:
            old.refresh()
        new.create()
        old.delete()

    assert scene.live() == ["22/22"]
    assert scene.revokes() == 0
    assert new.outputs["owner_mark"] != old.outputs.get("owner_mark")


def test_a_failed_adoption_does_not_stop_a_delete(scene: Scene) -> None:
    """With `--continue-on-error` the old resource is deleted all the same."""
    old = scene.deployed()
    new = scene.resource(adopt=True, description="renamed")
    scene.fake.inject(Fault.refused("ModifySecurityGroupRule", 403, "NoPermission"))
    with new_process(scene.front.settings, old.provider):
        with pytest.raises(EcsError, match="NoPermission"):
            new.create()
        old.delete()

    assert scene.live() == []


def test_a_forced_identical_replacement_says_what_helps(scene: Scene) -> None:
    """Nothing changes; an alias does not help, so it is not mentioned."""
    old = scene.deployed()
    old.program[DECLARATION] = DECLARED
    with new_process(scene.front.settings, old.provider):
        old.compare()
        with pytest.raises(RuleExistsError) as caught:
            replace(old).create()

    for way in ("delete_before_replace", "adopt=True", "pulumi state untaint"):
        assert way in str(caught.value)
    assert "alias" not in str(caught.value)
    assert scene.live() == ["22/22"]
    assert {call.action for call in scene.fake.calls} <= {
        "DescribeSecurityGroupAttribute",
        "GetCallerIdentity",
    }


def test_a_forced_replacement_with_adopt_keeps_the_rule(scene: Scene) -> None:
    """The same resource is created again, and the old one deleted."""
    old = scene.deployed()
    old.program |= {DECLARATION: DECLARED, "adopt": True}
    new = replace(old)
    with new_process(scene.front.settings, old.provider):
        old.compare()
        new.create()
        old.delete()

    assert scene.live() == ["22/22"]
    assert scene.revokes() == 0


def test_a_revoked_rule_is_not_taken_for_its_replacement(
    scene: Scene,
) -> None:
    """`delete_before_replace`, and reads that still show the old rule."""
    old = scene.deployed()
    (gone,) = scene.fake.rules(scene.group)
    new = scene.resource()
    scene.fake.inject(Fault(action=REVOKE, lag=3))
    with new_process(scene.front.settings, old.provider):
        old.delete()
        new.create()
        new.delete()

    assert scene.live() == []
    assert gone not in str(new.outputs)


def test_a_rule_revoked_before_a_wait_needs_no_wait() -> None:
    """Another resource has read it, and comes to wait only after the revoke."""
    ownership = Ownership(timeout_s=60)
    ownership.begin_change(["sgr-1"])
    assert ownership.begin_release(["sgr-1"], "own") == {"sgr-1": Release.REVOKE}
    ownership.end_release(["sgr-1"], revoked=True)

    assert ownership.wait_for_change("sgr-1")


def test_a_rule_others_made_meanwhile_is_not_claimed(
    scene: Scene,
) -> None:
    """
    It was made after the read. Authorizing it succeeds; its creation time shows that
    it existed before.
    """
    new = scene.resource()
    theirs: list[str] = []

    def somebody(fake: FakeEcs) -> None:
        then = datetime.now(timezone.utc)
        fake.now = lambda: then - timedelta(seconds=5)
        rule = {"IpProtocol": "tcp", "PortRange": "22/22"}
        theirs.append(fake.add_rule(scene.group, **rule, SourceCidrIp="10.0.0.0/8"))
        fake.now = lambda: then

    scene.fake.inject(Fault(action="AuthorizeSecurityGroup", edit=somebody))
    with (
        new_process(scene.front.settings, new.provider),
        pytest.raises(RuleExistsError) as caught,
    ):
        new.create()

    assert theirs[0] in str(caught.value)
    assert "adopt=True" in str(caught.value)
    assert list(scene.fake.rules(scene.group)) == theirs
    assert scene.revokes() == 0


def test_a_rule_others_made_meanwhile_can_be_adopted(
    scene: Scene,
) -> None:
    """With the same warning as for one that the read shows."""
    new = scene.resource(adopt=True)

    def somebody(fake: FakeEcs) -> None:
        then = datetime.now(timezone.utc)
        fake.now = lambda: then - timedelta(seconds=5)
        rule = {"IpProtocol": "tcp", "PortRange": "22/22"}
        fake.add_rule(scene.group, **rule, SourceCidrIp="10.0.0.0/8")
        fake.now = lambda: then

    scene.fake.inject(Fault(action="AuthorizeSecurityGroup", edit=somebody))
    with new_process(scene.front.settings, new.provider):
        new.create()
        new.delete()

    assert scene.live() == []


def test_create_works_when_the_account_cannot_be_read(
    scene: Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    """
    STS is another service; that it does not answer is reported, and costs one
    attempt.
    """
    new, other = scene.resource(), scene.resource(port_range=23.0)
    scene.fake.inject(Fault(action="GetCallerIdentity", drop=True, times=100))
    with new_process(scene.front.settings, new.provider):
        new.create()
        asked = [call.action for call in scene.fake.calls].count("GetCallerIdentity")
        other.create()

    assert scene.live() == ["22/22", "23/23"]
    assert new.outputs["account_id"] == ""
    assert "the account" in capfd.readouterr().err
    actions = [call.action for call in scene.fake.calls]
    assert actions.count("GetCallerIdentity") == asked


def test_read_and_update_keep_the_owners_mark(scene: Scene) -> None:
    """It distinguishes the resource from its own replacement."""
    resource = scene.deployed()
    mark = resource.outputs["owner_mark"]
    with new_process(scene.front.settings, resource.provider):
        resource.refresh()
        resource.update(**scene.arguments(port_range=23.0))

    assert resource.outputs["owner_mark"] == mark


def test_an_update_marks_a_resource_of_an_older_state(scene: Scene) -> None:
    """A refresh does not: it would show a change that is none."""
    resource = scene.deployed().without_mark()
    with new_process(scene.front.settings, resource.provider):
        resource.refresh()
        assert not resource.outputs["owner_mark"]
        resource.update(**scene.arguments(port_range=23.0))

    assert resource.outputs["owner_mark"]


def test_a_resource_without_a_mark_blocks_no_delete(
    scene: Scene,
) -> None:
    """The rule's owner is unknown, and a closed port is the safer mistake."""
    staying = scene.deployed().without_mark()
    leaving = staying.duplicate()
    with new_process(scene.front.settings, staying.provider):
        staying.compare()
        leaving.delete()

    assert scene.live() == []


def test_a_rule_is_authorized_after_its_revoke_by_attributes() -> None:
    """The revoke would delete the new rule, too, which has no ID yet."""
    ownership = Ownership()
    assert ownership.unseen.begin_revoking(GROUP, [SSH], "old") == {SSH}

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(ownership.unseen.begin_sending, GROUP, [SSH], "new")
        with pytest.raises(NotDoneError):
            sending.result(timeout=0.1)
        ownership.unseen.end_revoking(GROUP, [SSH], "old")
        sending.result(timeout=5)
