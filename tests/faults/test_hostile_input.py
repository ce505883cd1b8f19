"""
Whatever a program, an outside change or the network sends: a clear error, never a
crash, and nothing that a terminal or a report would execute.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alicloud_ingress.ecs import responses
from alicloud_ingress.errors import (
    EcsError,
    IngressError,
    InvalidRuleError,
    NoAnswerError,
    Problem,
    RuleExistsError,
)
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.validation import RULE_ARGUMENTS, problems_of
from alicloud_ingress.testing.faults import Fault
from faults.stack import Stack
from faults.test_each_fault import AUTHORIZE, DESCRIBE, SSH, scene_of
from functional.conftest import Front

HOSTILE = (
    "\x1b[2J\x1b]0;owned\x07",
    "line one\nerror: line two",
    "\r\x08\x08\x00nul",
    "[click](https://example.com) ![](x) <script>alert(1)</script>",
    "| table | `code` |\n|--|--|",
    "\u202eright to left\u2028separated\u2029",
    "{permission} %s {0.__class__}",
    "x" * 512,
)
ACTED_ON = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters except the line feed."""

MAX_REASON = 500

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=40),
    st.sampled_from(HOSTILE),
    st.sampled_from(["tcp", "TCP", "443", "1/65535", "-1/-1", "10.0.0.0/8", "::/0"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    st.binary(max_size=4),
)
argument_sets = st.dictionaries(
    st.one_of(st.sampled_from(RULE_ARGUMENTS), st.text(max_size=5)), values
)
FAST = settings(max_examples=400, deadline=None)


@given(argument_sets, st.sets(st.sampled_from(RULE_ARGUMENTS)))
@FAST
def test_any_arguments_give_a_rule_or_problems(
    arguments: dict[str, object], some: set[str]
) -> None:
    """Each problem has an argument and a reason; none shows a secret's value."""
    assert all(isinstance(each, Problem) for each in problems_of(arguments))
    assert all(
        isinstance(each, Problem)
        for each in problems_of(arguments, unknown=some, secret=some)
    )
    found = problems_in(arguments)
    assert all(each.argument and each.reason for each in found)
    if not found:
        rule = IngressRule.parse(arguments)
        assert rule == rule.normal()
        assert IngressRule.from_permission(rule.to_permission()) == rule


def problems_in(arguments: dict[str, object]) -> tuple[Problem, ...]:
    """
    The problems that a program with these arguments gets; nothing else may be
    raised.
    """
    try:
        IngressRule.parse(arguments)
    except InvalidRuleError as error:
        return error.problems or (Problem("", ""),)
    return ()


GOOD = {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": "10.0.0.0/8"}


@pytest.mark.parametrize("name", RULE_ARGUMENTS)
@pytest.mark.parametrize("size", [10_000, 1_000_000])
def test_a_huge_argument_is_reported(name: str, size: int) -> None:
    """Whatever its length, and without delay."""
    for character in "9", "x", "/", ":", "\u0661":
        found = problems_in({**GOOD, name: character * size})

        assert found
        assert all(len(each.reason) < MAX_REASON for each in found)


@pytest.mark.parametrize("name", RULE_ARGUMENTS)
def test_a_number_too_long_to_print_is_reported(name: str) -> None:
    """Python itself refuses to write it."""
    assert problems_in({**GOOD, name: 10**5_000})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = (
    "IpProtocol",
    "PortRange",
    "Policy",
    "Priority",
    "SourceCidrIp",
    "Direction",
    "SecurityGroupRuleId",
    "Description",
    "SourceGroupOwnerAccount",
    "CreateTime",
    "NewField",
)
permissions = st.fixed_dictionaries({}, optional=dict.fromkeys(NAMES, json_values))


@given(
    st.fixed_dictionaries(
        {"RequestId": st.just("R"), "SecurityGroupId": st.just("sg-1")},
        optional={
            "Permissions": json_values
            | st.fixed_dictionaries(
                {"Permission": st.lists(permissions, max_size=3) | json_values}
            ),
            "SecurityGroups": json_values
            | st.fixed_dictionaries({"SecurityGroup": json_values}),
            "Unheard": json_values,
        },
    )
)
@FAST
def test_any_answer_is_read_or_is_an_error(answer: dict[str, Any]) -> None:
    """A broken one is never "no rules"."""
    try:
        found = responses.rules("Describe", answer, "sg-1")
    except NoAnswerError:
        pass
    else:
        told = answer["Permissions"]["Permission"]
        inbound = [e for e in told if e.get("Direction", "ingress") == "ingress"]
        assert len(found) == len(inbound)
    with suppress(NoAnswerError):
        responses.groups("Describe", answer)


def test_unknown_fields_in_answers_are_ignored(front: Front) -> None:
    """ECS adds fields from time to time, around the rules and within."""
    scene = scene_of(front, 1)
    scene.settle()
    rules = front.fake.rules(scene.watch.group)
    answer: dict[str, object] = {
        "RequestId": "R-1",
        "SecurityGroupId": scene.watch.group,
        "VpcId": "vpc-1",
        "Unheard": {"Of": [1, None]},
        "Permissions": {
            "Permission": [{**r, "New": {"Field": ""}} for r in rules.values()],
            "Total": 7,
        },
    }
    before = dict(scene.stack.state)
    front.fake.inject(Fault.shaped(DESCRIBE, json.dumps(answer)))

    assert scene.stack.refresh() == []
    assert scene.stack.state == before


def test_a_huge_answer_is_read_completely(front: Front) -> None:
    """Thousands of rules, one of them ours."""
    scene = scene_of(front, 1)
    front.fake.groups[scene.watch.group].most_rules = 5_000
    for number in range(2_500):
        front.fake.add_rule(
            scene.watch.group,
            **{**SSH, "PortRange": f"{number + 1000}/{number + 1000}"},
            Description="d" * 512,
        )
    assert scene.stack.up(scene.program) == []

    assert scene.stack.refresh() == []
    assert scene.stack.state.keys() == scene.program.keys()


@pytest.mark.parametrize("text", HOSTILE)
def test_a_message_of_ecs_is_harmless_in_errors(front: Front, text: str) -> None:
    """A message of the service is text from outside."""
    scene = scene_of(front, 1)
    front.fake.inject(Fault.refused(AUTHORIZE, 400, "Unheard.Of", text))

    (error,) = scene.stack.up(scene.program)

    assert isinstance(error, EcsError)
    assert not ACTED_ON.search(str(error))
    assert len(str(error).splitlines()) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_a_description_is_harmless_in_errors_and_warnings(
    front: Front, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Ours and those of others: refused, adopted, changed, revoked."""
    scene = scene_of(front, 1)
    program = scene.change(description=text.replace("\x00", ""))
    rule_id = front.fake.add_rule(scene.watch.group, **SSH, Description=text)

    (error,) = scene.stack.up(program)
    adopting = {name: {**args, "adopt": True} for name, args in program.items()}
    assert scene.stack.up(adopting) == []
    assert scene.stack.refresh() == []
    del front.fake.groups[scene.watch.group].rules[rule_id]
    front.fake.add_rule(scene.watch.group, **SSH, Description=text)
    assert scene.stack.destroy() == []

    assert isinstance(error, RuleExistsError)
    told = capfd.readouterr().err
    assert rule_id in told
    for words in (str(error), told):
        assert not ACTED_ON.search(words)
        assert "https://example.com" not in words
        assert "line two" not in words


identities = st.dictionaries(
    st.sampled_from(["SourceCidrIp", "IpProtocol", "PortRange", "SourceGroupId"]),
    st.sampled_from(HOSTILE),
    min_size=1,
)


@given(strange=identities)
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_a_rule_in_any_spelling_is_tolerated(
    front: Front, strange: dict[str, str]
) -> None:
    """Describe may show rules that no call can make."""
    scene = scene_of(front, 1)
    rule_id = front.fake.add_rule(scene.watch.group, **{**SSH, "Priority": "9"})
    front.fake.groups[scene.watch.group].rules[rule_id].update(strange)
    scene.watch.foreign[rule_id] = scene.watch.rules()[rule_id]

    for program in (scene.program, {}):
        errors = scene.stack.up(program)
        scene.watch.assert_nothing_foreign_is_touched()
        assert all(isinstance(error, IngressError) for error in errors)
        assert not any(ACTED_ON.search(str(error)) for error in errors)
    assert Stack(front.settings).destroy() == []
