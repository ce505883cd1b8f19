"""
The effects of a change, and which of them stop it.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from alicloud_ingress.previews.declared import RULE_SET
from alicloud_ingress.previews.findings import FAIL_ON, Gate, Review
from alicloud_ingress.previews.notation import SECRET_SIGNATURE
from alicloud_ingress.previews.page import LIMIT, markdown
from alicloud_ingress.previews.peer import PEER_RULE
from alicloud_ingress.previews.report import compose, finding_line
from alicloud_ingress.previews.review import judge
from alicloud_ingress.previews.sarif import as_sarif
from alicloud_ingress.previews.waivers import WaiverError, read_waivers
from alicloud_ingress.rendering.markup import code, plain
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from unit.test_preview import PEER_SSH, SSH, UNKNOWN, read, step

TODAY = dt.date(2026, 5, 1)
WORLD = {**SSH, "source_cidr_ip": "0.0.0.0/0"}
DROP = {**WORLD, "policy": "drop"}


def judged(
    *steps: dict[str, Any],
    fail_on: tuple[str, ...] = ("world-open-admin",),
    waivers: str = "[]",
    live: list[LiveRule] | None = None,
    same: int = 0,
) -> Review:
    gate = Gate(fail_on=frozenset(fail_on), waivers=read_waivers(waivers))
    looked = {"sg-1": LiveGroup("sg-1", "cn-hangzhou", "vpc-1", tuple(live or ()))}
    found = looked if live is not None else None
    return judge(
        read(*steps, changeSummary={"same": same}), gate, today=TODAY, live=found
    )


def lines(review: Review) -> list[str]:
    return [finding_line(finding) for finding in review.failing]


def live(rule_id: str, **arguments: object) -> LiveRule:
    given = {k: v for k, v in {**SSH, **arguments}.items() if k != "region"}
    del given["security_group_id"]
    return LiveRule(IngressRule.parse(given), rule_id, "2026-01-01T00:00:00Z")


def create(inputs: dict[str, Any], name: str = "ssh", **more: Any) -> dict[str, Any]:
    return step("create", name, new=inputs, **more)


MARK = "(a mark)"
SAME_DROP = step("same", "drop", old=DROP, new=DROP)


@pytest.mark.parametrize(
    "steps",
    [
        [create(WORLD)],
        [create({**WORLD, "port_range": "1/65535"})],
        [create({**WORLD, "ip_protocol": "all", "port_range": "-1/-1"})],
        [create({**WORLD, "ip_protocol": "ALL", "port_range": None})],
        [create({**PEER_SSH, "cidrIp": "0.0.0.0/0"}, kind=PEER_RULE)],
        [create({**PEER_SSH, "cidrIp": None, "ipv6CidrIp": "::/0"}, kind=PEER_RULE)],
        [step("update", old=SSH, new=WORLD)],
        [step("delete", "drop", old=DROP), step("same", old=WORLD, new=WORLD)],
        [create(WORLD), step("same", "drop", old=DROP, new={**DROP, "priority": 2})],
    ],
)
def test_ssh_from_the_internet_is_found(steps: list[dict[str, Any]]) -> None:
    """In every form."""
    assert lines(judged(*steps))


@pytest.mark.parametrize(
    "steps",
    [
        [create(SSH)],
        [create({**WORLD, "port_range": 443})],
        [create({**WORLD, "priority": 2}), SAME_DROP],
        [step("same", old=WORLD, new=WORLD)],
        [step("import", new=WORLD)],
        [step("delete", old=WORLD)],
        [create({**SSH, "port_range": UNKNOWN})],
        [create({**SSH, "description": UNKNOWN})],
    ],
)
def test_a_change_without_new_internet_exposure_passes(
    steps: list[dict[str, Any]],
) -> None:
    """A drop that wins blocks; what was open before is not new."""
    assert lines(judged(*steps)) == []


@pytest.mark.parametrize("mark", [UNKNOWN, "[secret]"])
@pytest.mark.parametrize(
    "steps",
    [
        [create({**SSH, "source_cidr_ip": MARK})],
        [create({**WORLD, "port_range": MARK})],
        [create({**WORLD, "ip_protocol": MARK})],
        [create({**WORLD, "priority": MARK})],
        [create({**WORLD, "policy": MARK})],
        [create({"security_group_id": "sg-1", "rules": MARK}, kind=RULE_SET)],
        [create({**PEER_SSH, "cidrIp": MARK}, kind=PEER_RULE)],
        [create({**PEER_SSH, "cidrIp": "0.0.0.0/0", "type": MARK}, kind=PEER_RULE)],
        [
            step("delete", "drop", old={**DROP, "source_cidr_ip": MARK}),
            step("same", old=WORLD, new=WORLD),
        ],
    ],
)
def test_unknown_values_are_not_judged_and_fail(
    steps: list[dict[str, Any]], mark: str
) -> None:
    """A source, a port, a policy, or a whole set."""
    found = lines(judged(*json.loads(json.dumps(steps).replace(MARK, mark))))

    assert found
    assert all("not judged" in line for line in found)


BELOW = {**WORLD, "priority": 2}
SET: dict[str, Any] = {"security_group_id": "sg-1", "rules": {}}


@pytest.mark.parametrize("mark", ["[secret]", {SECRET_SIGNATURE: "x"}])
@pytest.mark.parametrize(
    "hidden",
    [
        step("delete", "x", old={**WORLD, "policy": MARK}),
        step("delete", "x", old={**DROP, "priority": MARK}),
        step("delete", "x", old={**PEER_SSH, "policy": MARK}, kind=PEER_RULE),
        step("delete", "x", old={**SET, "rules": MARK}, kind=RULE_SET),
        step("update", "x", old={**SET, "rules": MARK}, new=SET, kind=RULE_SET),
        step("update", "x", old={**SET, "rules": {"a": MARK}}, new=SET, kind=RULE_SET),
    ],
)
@pytest.mark.parametrize("below", [True, False])
def test_a_removed_rule_with_a_secret_may_have_dropped(
    hidden: dict[str, Any], mark: object, *, below: bool
) -> None:
    """What is below it opens then, known or not."""
    text = json.dumps(hidden).replace(json.dumps(MARK), json.dumps(mark))
    others = [step("same", old=BELOW, new=BELOW)] if below else []

    found = lines(judged(json.loads(text), *others))

    assert found
    assert all("not judged" in line for line in found)


def test_a_finding_names_the_rules_that_open_its_ports() -> None:
    """Not a rule that opens a part of them only."""
    narrow = create(WORLD, "a narrow one")
    wide = create({**WORLD, "ip_protocol": "all", "port_range": "-1/-1"}, "wide")
    beside = create({**WORLD, "port_range": "23/30"}, "beside")
    any_port = ("world-open-any",)

    assert lines(judged(narrow, wide, fail_on=any_port)) == [
        "world-open-any: 0.0.0.0/0 may reach all protocols and ports of sg-1 (wide)"
    ]
    assert lines(judged(narrow, beside, fail_on=any_port)) == [
        "world-open-any: 0.0.0.0/0 may reach tcp 22 of sg-1 (a narrow one)",
        "world-open-any: 0.0.0.0/0 may reach tcp 23-30 of sg-1 (beside)",
    ]


def test_a_kept_rule_with_a_secret_opens_nothing() -> None:
    """Another field of it changes."""
    old = {**WORLD, "policy": "[secret]"}
    diff = {"description": {"kind": "update"}}
    kept = step("update", old=old, new={**old, "description": "x"}, detailedDiff=diff)

    assert lines(judged(kept, step("same", "below", old=BELOW, new=BELOW))) == []


@pytest.mark.parametrize("op", ["create", "update", "replace"])
@pytest.mark.parametrize("new", [None, {}])
def test_a_rule_without_a_new_state_is_not_judged(
    op: str, new: dict[str, Any] | None
) -> None:
    """It may be any rule."""
    (found,) = lines(judged(step(op, new=new)))[:1]

    assert "not judged" in found


def test_an_unknown_rule_passes_behind_a_full_drop() -> None:
    """The drop covers every value that it may have."""
    hidden = {**SSH, "source_cidr_ip": UNKNOWN, "priority": 5}

    assert lines(judged(create(hidden), SAME_DROP)) == []


def test_a_deleted_drop_is_not_judged_without_live_rules() -> None:
    """A rule outside the stack may be below it; only a read of the group shows that."""
    gone = step("delete", "drop", old=DROP)

    assert "not judged" in lines(judged(gone, same=3))[0]
    assert "not judged" in lines(judged(gone))[0]
    assert lines(judged(gone, live=[], same=3)) == []
    behind = live("sgr-1", source_cidr_ip="0.0.0.0/0", priority=7)
    assert lines(judged(gone, live=[behind], same=3)) == []
    held = live("sgr-2", source_cidr_ip="0.0.0.0/0", policy="drop")
    (found,) = lines(judged(gone, live=[held, behind], same=3))
    assert "not judged" not in found


def test_gaps_and_deletes_are_found_when_asked_for() -> None:
    """One line each, and none for a rule that is kept."""
    steps = [
        step("replace", "a", old=SSH, new=SSH, old_state={"pendingReplacement": True}),
        step("delete", "b", old=WORLD),
        step("delete", "c", old=WORLD, old_state={"retainOnDelete": True}),
    ]

    assert lines(judged(*steps, fail_on=("gap", "delete"))) == [
        "gap: the old rule is deleted before its replacement is created (a)",
        "delete: tcp 22/22 from 0.0.0.0/0 of sg-1 is deleted (b)",
    ]
    assert lines(judged(*steps)) == []


def test_a_rule_dropped_by_a_set_is_a_delete() -> None:
    """Although the resource is only updated."""
    rules = {"one": SSH, "other": WORLD}
    old = {"security_group_id": "sg-1", "rules": rules}
    new = {**old, "rules": {"one": SSH}}
    update = step("update", "office", old=old, new=new, kind=RULE_SET)

    assert lines(judged(update, fail_on=("delete",))) == [
        "delete: tcp 22/22 from 0.0.0.0/0 of sg-1 is deleted (office)"
    ]


@pytest.mark.parametrize("left", [{}, {"web": {**SSH, "port_range": "443/443"}}])
def test_the_only_rule_dropped_by_a_set_is_a_delete(left: dict[str, Any]) -> None:
    """
    A set creates one rule and revokes the other; it never changes one into another.
    """
    place = {"security_group_id": "sg-1"}
    update = step(
        "update",
        "office",
        old={**place, "rules": {"ssh": WORLD}},
        new={**place, "rules": left},
        kind=RULE_SET,
    )

    assert lines(judged(update, fail_on=("delete",))) == [
        "delete: tcp 22/22 from 0.0.0.0/0 of sg-1 is deleted (office)"
    ]


@pytest.mark.parametrize("left", [UNKNOWN, {"ssh": {**WORLD, "port_range": UNKNOWN}}])
def test_a_set_with_unknown_rules_is_not_judged_for_deletes(
    left: object,
) -> None:
    """The review fails all the same."""
    place = {"security_group_id": "sg-1"}
    update = step(
        "update",
        "office",
        old={**place, "rules": {"ssh": WORLD}},
        new={**place, "rules": left},
        kind=RULE_SET,
    )

    assert lines(judged(update, fail_on=("delete",))) == [
        "delete: not judged: tcp 22/22 from 0.0.0.0/0 of sg-1 is deleted (office)"
    ]


def test_a_waiver_is_valid_through_its_last_day() -> None:
    """For its resource, and no other."""
    waiver = '[{"resource": "ssh", "reason": "a test", "until": "2026-05-01"}]'
    ended = waiver.replace("05-01", "04-30")

    review = judged(create(WORLD), waivers=waiver)
    assert [finding.waived for finding in review.findings] == ["a test"]
    assert lines(review) == []
    assert lines(judged(create(WORLD), waivers=ended))
    assert lines(judged(create(WORLD, "other"), waivers=waiver))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        '[{"resource": "ssh"}]',
        '[{"resource": "ssh", "reason": " ", "until": "2026-12-31"}]',
        '[{"resource": "ssh", "reason": "x", "until": "soon"}]',
        '[{"resource": "ssh", "reason": "x", "until": "2026-12-31", "port": 22}]',
    ],
)
def test_a_waiver_without_reason_or_end_is_refused(text: str) -> None:
    """A file with one invalid waiver waives nothing."""
    with pytest.raises(WaiverError):
        read_waivers(text)


def test_live_rules_show_what_the_stack_does_not() -> None:
    """Unmanaged, expired, a duplicate that would make create fail, and how many."""
    mine = step(
        "same",
        "https",
        old={**SSH, "port_range": 443},
        new={**SSH, "port_range": 443},
        old_state={"outputs": {"security_group_rule_id": "sgr-1"}},
        new_state={"outputs": {"security_group_rule_id": "sgr-1"}},
    )
    rules = [
        live("sgr-1", port_range=443),
        live("sgr-2", description="by hand"),
        live("sgr-3", port_range=80, expires_on="2026-04-30"),
    ]
    review = judged(mine, create(SSH), live=rules, fail_on=("unmanaged",))
    text = markdown(compose(review))

    assert [line.split(": ")[0] for line in lines(review)] == ["unmanaged"] * 2
    assert "(sgr-2)" in lines(review)[0]
    assert "`ssh` would fail: `sgr-2`, which is an identical rule" in text
    assert "`sgr-3` of `sg-1` has expired; its last day was `2026-04-30`" in text
    assert "`sg-1` will have 3 inbound rules" in text


def test_a_second_create_of_a_rule_may_stop_the_run() -> None:
    """It fails, and the drop that would close the rule may never be created."""
    review = judged(
        create(WORLD, "one"), create(WORLD, "two"), create(DROP, "drop"), live=[]
    )

    assert [line.split(": ")[0] for line in lines(review)] == ["world-open-admin"]
    text = markdown(compose(review))
    assert "`two` would fail" in text
    assert "which another resource creates, too" in text


@pytest.mark.parametrize("group", ["sg-1", UNKNOWN])
def test_without_live_rules_a_second_create_may_stop_it(group: str) -> None:
    """Whether the group exists or not."""
    place = {"security_group_id": group}
    owner = "urn:pulumi:dev::web::alicloud:ecs/securityGroup:SecurityGroup::front"
    known = {"propertyDependencies": {"security_group_id": [owner]}}
    steps = [
        create({**rule, **place}, name, new_state=known)
        for name, rule in (("a", SSH), ("b", SSH), ("c", BELOW), ("d", DROP))
    ]

    (found,) = lines(judged(*steps))
    assert "not judged" in found
    assert lines(judged(*steps[1:])) == []


def test_a_drop_kept_through_a_stopped_run_still_drops() -> None:
    """No step changes it."""
    steps = [create(SSH, "a"), create(SSH, "b"), create(BELOW, "c")]

    assert lines(judged(*steps, SAME_DROP)) == []
    assert lines(judged(*steps, step("replace", "drop", old=DROP, new=DROP)))


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("adopt", [True, False])
@pytest.mark.parametrize("creates", [True, False])
def test_a_drop_that_moves_between_resources_may_be_lost(
    *, creates: bool, adopt: bool, known: bool
) -> None:
    """It is changed first, or the other resource finds that it exists and fails."""
    outputs = {"outputs": {"security_group_rule_id": "sgr-1"}}
    moved = {**DROP, "adopt": adopt}
    steps = [
        step("update", "from", old=DROP, new=SSH, old_state=outputs),
        step("same", "below", old=BELOW, new=BELOW),
        create(moved, "to")
        if creates
        else step("update", "to", old={**SSH, "priority": 9}, new=moved),
    ]
    group = [
        live("sgr-1", source_cidr_ip="0.0.0.0/0", policy="drop"),
        live("sgr-2", source_cidr_ip="0.0.0.0/0", priority=2),
        live("sgr-3", priority=9),
    ]

    found = lines(judged(*steps, live=group if known else None))
    assert found
    assert all("not judged" in line for line in found)


@pytest.mark.parametrize("known", [True, False])
def test_an_accept_that_moves_between_resources_opens_nothing(*, known: bool) -> None:
    """It may be missing afterwards, and nothing else."""
    outputs = {"outputs": {"security_group_rule_id": "sgr-1"}}
    steps = [
        step("update", "from", old=WORLD, new=SSH, old_state=outputs),
        create(WORLD, "to"),
    ]
    group = [live("sgr-1", source_cidr_ip="0.0.0.0/0")]

    assert lines(judged(*steps, live=group if known else None)) == []


def test_a_create_after_a_delete_is_not_called_a_failure() -> None:
    """Another resource deletes the rule first; whether in time is not known."""
    gone = {
        "outputs": {"security_group_rule_id": "sgr-1"},
        "pendingReplacement": True,
    }
    elsewhere = {**SSH, "security_group_id": "sg-2"}
    steps = [
        step("replace", "from", old=SSH, new=elsewhere, old_state=gone),
        create(SSH, "to"),
    ]

    text = markdown(compose(judged(*steps, live=[live("sgr-1")])))

    assert "would fail" not in text


def test_a_rule_deleted_by_an_earlier_run_was_not_open() -> None:
    """The state keeps it until its replacement is created or removed."""
    gone = step(
        "remove-pending-replace",
        "old",
        old=WORLD,
        old_state={"pendingReplacement": True},
    )

    (found,) = lines(judged(gone, create({**WORLD, "priority": 3})))
    assert "0.0.0.0/0 may reach tcp 22" in found
    assert lines(judged(gone, step("same", old=BELOW, new=BELOW))) == []


def test_a_rule_with_two_sources_is_not_judged() -> None:
    """Which of them counts is not known here."""
    rule = {**PEER_SSH, "ipv6CidrIp": "::/0"}

    assert "not judged" in lines(judged(create(rule, kind=PEER_RULE)))[0]


@pytest.mark.parametrize(
    ("kind", "state", "code"),
    [
        ("alicloud:index/securityGroupRule:SecurityGroupRule", {}, 1),
        ("alicloud:index/ecsPrefixList:EcsPrefixList", {}, 1),
        ("aws:ec2/securityGroupRule:SecurityGroupRule", {}, 0),
        ("my:web:SecurityGroupRules", {"custom": False}, 0),
    ],
)
def test_only_unknown_rules_of_this_cloud_are_unjudged(
    kind: str, state: dict[str, Any], code: int
) -> None:
    """Components have steps of their own. A waiver can name such a rule."""
    steps = [create({"a": 1}, kind=kind, new_state=state)]
    waiver = '[{"resource": "ssh", "reason": "seen", "until": "2026-05-01"}]'

    assert len(lines(judged(*steps))) == code
    assert lines(judged(*steps, waivers=waiver)) == []


def test_a_waiver_can_name_a_prefix_list() -> None:
    """It covers the list in the groups that the preview does not show."""
    kind = "alicloud:ecs/ecsPrefixList:EcsPrefixList"
    old, new = ({"entries": [{"cidr": b}]} for b in ("10.0.0.0/8", "0.0.0.0/0"))
    grows = step("update", "l", old=old, new=new, kind=kind, old_state={"id": "pl-1"})
    waiver = '[{"resource": "l", "reason": "seen", "until": "2026-05-01"}]'

    assert lines(judged(grows))
    assert lines(judged(grows, waivers=waiver)) == []


def test_hidden_rules_prevent_judging_unmanaged_ones() -> None:
    """Any of them may belong to the stack."""
    review = judged(
        create(SSH),
        live=[live("sgr-9", port_range=80)],
        fail_on=("unmanaged",),
        same=1,
    )

    assert "not judged" in lines(review)[0]


def test_rules_that_a_secret_set_may_have_are_not_unmanaged() -> None:
    """The report does not show what the set keeps secret either."""
    place = {"security_group_id": "sg-1", "region": "cn-hangzhou", "rules": "[secret]"}
    outputs = {"outputs": {**place, "rule_ids": "[secret]"}}
    keeps = step("same", "s", old=place, new=place, kind=RULE_SET, old_state=outputs)
    there = live("sgr-1", source_cidr_ip="192.0.2.7")

    review = judged(keeps, live=[there], fail_on=("unmanaged",))

    assert lines(review) == [
        "unmanaged: not judged: sg-1: the preview hides which rules s has"
    ]
    text = markdown(compose(review))
    assert "192.0.2.7" not in text
    assert (
        "| `same` | `s` | `rules is secret of sg-1` | `rules is secret of sg-1` |"
        in text
    )


def test_a_rule_deleted_with_another_than_its_group_is_kept() -> None:
    """The engine removes it from the state, and does not call the provider."""
    server = step("delete", "server", old={}, kind="alicloud:ecs/instance:Instance")
    ssh = step("delete", old=WORLD, old_state={"deletedWith": server["urn"]})
    review = judged(ssh, server, fail_on=("delete",))
    text = markdown(compose(review))

    assert "is kept in the group: retain_on_delete or deleted_with" in text
    assert "may no longer reach" not in text
    assert lines(review) == []


@pytest.mark.parametrize("op", ["same", "update", "delete"])
def test_a_report_on_live_rules_shows_no_secret_source(op: str) -> None:
    """Neither as an exception of what opens nor as what closes."""
    hidden = {**SSH, "source_cidr_ip": "[secret]"}
    state = {"id": "sgr-1", "outputs": {**hidden, "security_group_rule_id": "sgr-1"}}
    new = hidden if op != "delete" else None
    there = live("sgr-1", source_cidr_ip="192.0.2.7")

    review = judged(
        step(op, "office", old=hidden, new=new, old_state=state),
        create({**WORLD, "priority": 5}, "world"),
        live=[there],
    )

    assert lines(review)
    text = markdown(compose(review))
    assert "`0.0.0.0/0` may now reach `tcp 22` of `sg-1`" in text
    assert "192.0.2" not in text


def test_a_secret_of_a_kept_rule_is_explained() -> None:
    """A drop above it narrows; its policy may accept."""
    kept = {**WORLD, "policy": "[secret]", "priority": 5}
    narrowed = {**DROP, "source_cidr_ip": "10.0.0.0/8"}
    review = judged(
        step("same", "kept", old=kept, new=kept),
        step("update", "drop", old=DROP, new=narrowed),
        fail_on=(),
    )
    text = markdown(compose(review))

    assert "Some changes are not judged" in text
    assert "depends on values that are not known" in text


def test_a_live_rule_counts_before_and_after() -> None:
    """The internet had access already, by a rule made by hand."""
    there = live("sgr-1", source_cidr_ip="0.0.0.0/0")

    assert lines(judged(create({**WORLD, "priority": 3}), live=[there])) == []


HOSTILE = "``x`` @octocat #1 <img src=x> [a](http://b) | \\| \x1b[2J\u202e\n# title"


def test_text_from_others_is_escaped() -> None:
    """In each place where a name or a description appears."""
    inputs = {**WORLD, "description": HOSTILE, "security_group_id": HOSTILE}
    old = {**inputs, "description": "x"}
    review = judged(
        create(inputs, HOSTILE),
        step("update", f"{HOSTILE} 2", old=old, new=inputs),
        step("delete", f"{HOSTILE} 3", old=inputs),
        step(HOSTILE, "odd", old=inputs, new=inputs),
        fail_on=FAIL_ON[:4],
    )
    text = markdown(compose(review))
    outside = _outside_of_code(text)

    assert "octocat" in text
    for danger in ("octocat", "<img", "http", "\x1b", "\u202e", "# title"):
        assert danger not in outside
    assert not {"\x1b", "\u202e"} & set(text)
    assert all("\x1b" not in line and "\n" not in line for line in lines(review))


def _outside_of_code(text: str) -> str:
    """Markdown without its code spans and fenced blocks, read as GitHub reads them."""
    import re

    text = re.sub(r"```mermaid\n.*?\n```", "", text, flags=re.DOTALL)
    return re.sub(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", "", text)


def test_a_message_for_code_scanning_holds_no_link() -> None:
    """Nor does it hold characters that change its direction."""
    review = judged(create(WORLD, "[ssh](https://example.com/\u202e)"))
    (result,) = json.loads(as_sarif(review))["runs"][0]["results"]

    assert result["message"]["text"] == (
        r"0.0.0.0/0 may reach tcp 22 of sg-1"
        r" (\[ssh\](https://example.com/\\u202e))"
    )


def test_a_diagram_holds_no_control_characters() -> None:
    """Labels are plain."""
    inputs = {**WORLD, "security_group_id": 'x"]; click a "javascript:1"'}
    text = markdown(compose(judged(create(inputs))))
    picture = text.split("```mermaid")[1].split("```")[0]

    assert picture.count('"') == 2 * picture.count('["')
    assert ";" not in picture


def test_a_code_span_has_enough_backticks() -> None:
    """More than its text holds: nothing else ends it."""
    assert code("a`b``c") == "```a`b``c```"
    assert code("`a") == "`` `a ``"
    assert plain("a\x1bb\u202e") == "a\\x1bb\\u202e"
    assert plain("ssh\u3164") == "ssh\\u3164"


def many(count: int) -> list[dict[str, Any]]:
    return [
        create(
            {**SSH, "source_cidr_ip": f"10.{n // 250}.{n % 250}.0/24", "port_range": n},
            f"r{n}",
        )
        for n in range(1, count + 1)
    ]


def test_a_long_report_is_cut_by_section_and_says_so() -> None:
    """The headline and the beginning of every section are kept."""
    gone = step("delete", "gone", old={**SSH, "source_cidr_ip": "192.0.2.1"})
    text = markdown(compose(judged(*many(2000), create(WORLD, "open"), gone)))

    assert len(text) <= LIMIT
    assert "2001 to create" in text.splitlines()[1]
    assert "Newly open to the world" in text
    assert "- `gone`: `tcp 22/22 from 192.0.2.1 of sg-1`" in text
    assert (
        text.count("more lines left out: the limit of a comment is 65,000 characters")
        >= 2
    )
    assert text.rstrip().endswith("</details>")


def test_the_report_says_what_it_does_not_show() -> None:
    """Unchanged rules that the preview omits, and resources of other kinds."""
    bucket = create({}, "logs", kind="alicloud:oss/bucket:Bucket")
    text = markdown(compose(judged(create(SSH), bucket, same=2)))

    assert "All 1 resources; 2 unchanged are not shown; 1 of other kinds change" in text


def test_the_same_preview_gives_the_same_bytes() -> None:
    """In whatever order the engine wrote its steps."""
    steps = many(30)

    assert markdown(compose(judged(*steps))) == markdown(compose(judged(*steps[::-1])))


def test_too_complex_rules_make_the_report_incomplete() -> None:
    """The report says so; they are not taken for harmless."""
    steps = [
        create(
            {
                **SSH,
                "port_range": f"{n}/{n + 30000}",
                "source_cidr_ip": f"{n % 200}.0.0.0/{n % 7 + 1}",
                "source_port_range": f"{n}/{n + 20000}",
                "dest_cidr_ip": f"10.{n % 250}.0.0/{n % 14 + 2}",
            },
            f"r{n}",
        )
        for n in range(1, 1000)
    ]
    review = judged(*steps)

    assert review.problems
    assert "This report is incomplete" in markdown(compose(review))


def test_many_rules_of_the_same_packets_are_too_complex() -> None:
    """Each matches what a thousand others match, which takes too much memory."""
    wide = [
        create({**WORLD, "port_range": f"{n}/{n + 3000}"}, f"r{n}")
        for n in range(1, 1000)
    ]

    assert judged(*wide).problems == (
        "the rules of sg-1 overlap in too many ways to be judged",
    )


def test_a_refused_report_never_shows_a_hidden_secret() -> None:
    """The engine's marker for a ciphertext is not shown, only that it is secret."""
    signature = {"4dabf18193072939515e22adb298388d": "1b47", "ciphertext": "v1:abc"}
    text = markdown(compose(judged(create({**SSH, "source_cidr_ip": signature}))))

    assert "v1:abc" not in text
    assert "source_cidr_ip is secret" in text
    assert json.dumps(signature) not in text
