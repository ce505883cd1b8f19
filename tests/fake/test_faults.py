"""
Faults that a test orders, over both fronts.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import requests

from alicloud_ingress.testing import Edit, FakeEcs, Fault, RateLimit
from fake.front import SSH, Front, entry

AUTHORIZE = "AuthorizeSecurityGroup"
DESCRIBE = "DescribeSecurityGroupAttribute"
REVOKE = "RevokeSecurityGroup"


def test_an_ordered_error_has_no_effect_on_rules(front: Front) -> None:
    """It is answered as often as ordered, and no more."""
    group = front.fake.new_group()
    front.fake.fail_next(AUTHORIZE, 503, "ServiceUnavailable", times=2)

    answers = [front.authorize(group) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].json()["Code"] == "ServiceUnavailable"
    assert [call.code for call in front.fake.calls] == ["ServiceUnavailable"] * 2 + [""]
    assert len(front.fake.rules(group)) == 1


def test_a_fault_affects_only_its_action(front: Front) -> None:
    """It waits for a call of that action."""
    group = front.fake.new_group()
    front.fake.fail_next(REVOKE, 500, "InternalError")

    assert front.authorize(group).status_code == 200
    assert front.revoke(group).status_code == 500


def test_calls_can_pass_before_a_fault(front: Front) -> None:
    """The third of three calls fails."""
    group = front.fake.new_group()
    front.fake.inject(replace(Fault.refused(DESCRIBE, 500, "InternalError"), skip=2))

    codes = [front.code(DESCRIBE, group)[0] for _ in range(4)]

    assert codes == [200, 200, 500, 200]


def test_throttling_says_when_to_retry(front: Front) -> None:
    """In the header of the gateway."""
    front.fake.inject(Fault.throttled(DESCRIBE, retry_after=3))

    answer = front.call(DESCRIBE, front.fake.new_group())

    assert (answer.status_code, answer.json()["Code"]) == (400, "Throttling.User")
    assert answer.headers["x-acs-retry-after"] == "3"


@pytest.mark.parametrize("status", [502, 503, 414])
def test_a_proxy_error_page_has_no_effect(front: Front, status: int) -> None:
    """The answer is HTML, and the action is not executed."""
    group = front.fake.new_group()
    front.fake.inject(Fault.html(AUTHORIZE, status))

    answer = front.authorize(group)

    assert answer.status_code == status
    assert answer.text.startswith("<html>")
    assert front.fake.rules(group) == {}


@pytest.mark.parametrize(
    ("fault", "body"),
    [
        (Fault.empty(AUTHORIZE), ""),
        (Fault.truncated(AUTHORIZE, 10), '{"RequestI'),
        (Fault.shaped(AUTHORIZE, "null"), "null"),
    ],
    ids=["empty", "truncated", "null"],
)
def test_a_broken_body_can_follow_an_executed_action(
    front: Front, fault: Fault, body: str
) -> None:
    """The answer is unreadable, and the rule exists."""
    group = front.fake.new_group()
    front.fake.inject(fault)

    answer = front.authorize(group)

    assert (answer.status_code, answer.text) == (200, body)
    assert len(front.fake.rules(group)) == 1


@pytest.mark.parametrize("takes_effect", [False, True])
def test_a_connection_drops_before_or_after_the_effect(
    front: Front, *, takes_effect: bool
) -> None:
    """The caller cannot tell which."""
    group = front.fake.new_group()
    front.fake.inject(Fault.dropped(AUTHORIZE, takes_effect=takes_effect))

    with pytest.raises(requests.ConnectionError):
        front.authorize(group)

    assert len(front.fake.rules(group)) == takes_effect
    assert [call.status for call in front.fake.calls] == [0]
    assert front.authorize(group).status_code == 200


def test_a_slow_answer_exceeds_the_callers_timeout() -> None:
    """The caller does not learn what was done."""
    fake = FakeEcs()
    group = fake.new_group()
    fake.inject(Fault.slow(AUTHORIZE, 60))
    with fake.serve() as url, pytest.raises(requests.Timeout):
        requests.post(
            url,
            params={"RegionId": "cn-hangzhou", "SecurityGroupId": group, **entry()},
            headers={"x-acs-action": AUTHORIZE},
            timeout=0.5,
        )

    assert len(fake.rules(group)) == 1


def test_a_new_rule_is_visible_late(front: Front) -> None:
    """After the ordered number of Describes; the rest of the group is shown."""
    group = front.fake.new_group()
    there = front.fake.add_rule(group, **{**SSH, "PortRange": "1/1"})
    front.fake.inject(Fault.late(AUTHORIZE, describes=2))

    front.authorize(group)

    seen = [len(front.shown(group)) for _ in range(3)]
    assert seen == [1, 1, 2]
    assert there in front.fake.rules(group)


def test_all_pages_of_one_read_lag_alike(front: Front) -> None:
    """The new rule is on neither page; the next read has it."""
    group = front.fake.new_group()
    for number in range(1, 12):
        front.fake.add_rule(group, **{**SSH, "PortRange": f"{number}/{number}"})
    front.fake.inject(Fault.late(AUTHORIZE))
    front.authorize(group)

    def shown() -> int:
        first = front.call(DESCRIBE, group, MaxResults="10").json()
        token = first["NextToken"]
        second = front.shown(group, MaxResults="10", NextToken=token)
        return len(first["Permissions"]["Permission"]) + len(second)

    assert [shown(), shown()] == [11, 12]


def test_a_deleted_rule_is_shown_for_a_while(front: Front) -> None:
    """Describe still shows what Revoke has deleted."""
    group = front.fake.new_group()
    front.fake.add_rule(group, **SSH)
    front.fake.inject(Fault.late(REVOKE))

    front.revoke(group)

    assert [len(front.shown(group)) for _ in range(2)] == [1, 0]
    assert front.fake.rules(group) == {}


def test_a_change_is_visible_late(front: Front) -> None:
    """Describe shows the rule as it was."""
    group = front.fake.new_group()
    rule_id = front.fake.add_rule(group, **SSH)
    front.fake.inject(Fault.late("ModifySecurityGroupRule"))

    front.call(
        "ModifySecurityGroupRule", group, SecurityGroupRuleId=rule_id, Priority="7"
    )

    assert [front.shown(group)[0]["Priority"] for _ in range(2)] == [1, 7]


def test_an_edit_happens_just_before_a_call(front: Front) -> None:
    """Between two calls of the provider, as in the console."""
    group = front.fake.new_group()
    rule_id = front.fake.add_rule(group, **SSH)

    def take_away(fake: FakeEcs) -> None:
        del fake.groups[group].rules[rule_id]

    front.fake.inject(Fault.other_hand(REVOKE, take_away))

    assert len(front.shown(group)) == 1
    assert front.code(REVOKE, group, **{"SecurityGroupRuleId.1": rule_id}) == (
        404,
        "InvalidSecurityGroupRuleId.NotFound",
    )


def test_an_edit_adds_changes_and_deletes_rules(front: Front) -> None:
    """In the form that JSON can hold."""
    group = front.fake.new_group()
    changed = front.fake.add_rule(group, **SSH)
    removed = front.fake.add_rule(group, **{**SSH, "PortRange": "1/1"})

    Edit(group_id=group, fields={**SSH, "PortRange": "2/2"})(front.fake)
    Edit(group_id=group, rule_id=changed, fields={"Policy": "drop"})(front.fake)
    Edit(group_id=group, rule_id=removed)(front.fake)

    rules = front.fake.rules(group)
    assert (rules[changed]["Policy"], rules[changed]["Priority"]) == ("Drop", 1)
    assert sorted(str(rule["PortRange"]) for rule in rules.values()) == ["2/2", "22/22"]


def test_a_rate_limit_throttles_one_action() -> None:
    """First a burst, then the given rate; other actions are not limited."""
    seconds = 0.0
    fake = FakeEcs(clock=lambda: seconds)
    group = fake.new_group()
    fake.limit(RateLimit(action=DESCRIBE, per_second=2, burst=3, status=429))

    def status(action: str = DESCRIBE) -> int:
        query = f"/?Action={action}&RegionId=cn-hangzhou&SecurityGroupId={group}"
        return fake.handle(query, {}, "").status

    assert [status() for _ in range(4)] == [200, 200, 200, 429]
    assert status("DescribeSecurityGroups") == 200
    seconds = 0.5
    assert [status() for _ in range(2)] == [200, 429]


def test_pending_faults_can_be_removed(front: Front) -> None:
    """So that tests can share a fake."""
    front.fake.fail_next(DESCRIBE, 500, "InternalError")
    front.fake.limit(RateLimit(action=DESCRIBE, per_second=0.001, burst=0))

    front.fake.forget_faults()

    assert front.code(DESCRIBE, front.fake.new_group()) == (200, "")


def test_a_fault_can_wait_for_certain_parameters() -> None:
    """A Revoke by attributes fails, one by ID before it does not."""
    fake = FakeEcs()
    fault = Fault.refused("RevokeSecurityGroup", 400, "Chosen")
    fake.inject(replace(fault, having="Permissions."))

    by_id = fake.handle("/?Action=RevokeSecurityGroup&SecurityGroupRuleId.1=s", {}, "")
    by_attributes = fake.handle(
        "/?Action=RevokeSecurityGroup&Permissions.1.Policy=accept", {}, ""
    )

    assert "Chosen" not in by_id.body
    assert "Chosen" in by_attributes.body
