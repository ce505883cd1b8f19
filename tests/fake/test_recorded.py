"""
What ECS has sent, or its documentation shows: the client reads it, and the fake answers
in the same form.

Each file says where it is from (`kind`, `source`, `date`), what was masked
(`redacted`), and what the source does not show (`added`). None is `recorded live`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest
import responses

from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.credentials import Credentials
from alicloud_ingress.errors import EcsError, NoAnswerError
from alicloud_ingress.testing import Behaviour
from fake.front import Front

KINDS = ("documentation", "public answer", "recorded live")
DESCRIBE = "DescribeSecurityGroupAttribute"
NEWER = {
    "PortRangeListId",
    "PortRangeListName",
    "SecurityGroupRuleId",
    "NextToken",
    "SnapshotPolicyId",
    "SnapshotPolicyIds",
}
"""
Fields that answers have gained since some were recorded.
"""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer, with their provenance."""

    name: str
    kind: str
    source: str
    date: str
    redacted: list[str]
    added: list[str]
    request: dict[str, Any]
    response: dict[str, Any]

    @property
    def body(self) -> str:
        """
        The body as it goes over the wire.
        """
        body = self.response["body"]
        return body if isinstance(body, str) else json.dumps(body)


def read(path: Path) -> Exchange:
    """A recorded file; a missing or an unknown field is an error."""
    return Exchange(path.stem, **json.loads(path.read_text(encoding="utf-8")))


FILES = sorted((Path(__file__).parents[1] / "recorded").glob("*.json"))
EXCHANGES = {exchange.name: exchange for exchange in map(read, FILES)}
DESCRIBED = [e for e in EXCHANGES.values() if e.request["action"] == DESCRIBE]
REVOKED = [e for e in EXCHANGES.values() if e.name.startswith("revoke")]


@pytest.mark.parametrize("exchange", EXCHANGES.values(), ids=EXCHANGES)
def test_each_recording_has_its_provenance(exchange: Exchange) -> None:
    assert exchange.kind in KINDS
    assert exchange.source
    assert exchange.date == "undated" or date.fromisoformat(exchange.date)
    assert exchange.request.keys() >= {"action", "version", "method", "parameters"}
    assert exchange.response.keys() == {"status", "headers", "body"}


@pytest.fixture
def client() -> EcsClient:
    """The provider's client, with a short timeout."""
    keys = Credentials("access_key", "AK", "secret")
    return EcsClient(Connection("cn-beijing", keys, timeout_s=0.1))


def replayed(exchange: Exchange) -> responses.RequestsMock:
    """Every call is answered with what was recorded."""
    mock = responses.RequestsMock()
    mock.add(
        responses.POST,
        "https://ecs.cn-beijing.aliyuncs.com/",
        body=exchange.body,
        status=exchange.response["status"],
        content_type=exchange.response["headers"]["content-type"],
    )
    return mock


@pytest.mark.parametrize("exchange", DESCRIBED, ids=lambda e: e.name)
def test_the_client_reads_a_recorded_describe(
    exchange: Exchange, client: EcsClient
) -> None:
    """Each inbound rule, and no outbound one."""
    recorded = exchange.response["body"]
    with replayed(exchange):
        group = client.describe(exchange.request["parameters"]["SecurityGroupId"])

    inbound = [
        rule
        for rule in recorded["Permissions"]["Permission"]
        if rule["Direction"] == "ingress"
    ]
    assert group.vpc_id == recorded["VpcId"]
    assert [
        (
            live.rule.source,
            live.rule.port_range,
            live.rule.priority,
            live.rule_id,
            live.create_time,
        )
        for live in group.rules
    ] == [
        (
            rule["SourceCidrIp"] or rule["SourceGroupId"],
            rule["PortRange"],
            int(rule["Priority"]),
            rule.get("SecurityGroupRuleId", ""),
            rule["CreateTime"],
        )
        for rule in inbound
    ]


@pytest.mark.parametrize("exchange", REVOKED, ids=lambda e: e.name)
def test_the_client_accepts_a_recorded_success(
    exchange: Exchange, client: EcsClient
) -> None:
    """It is a RequestId and nothing else."""
    with replayed(exchange):
        client.revoke_by_id("sg-bp67acfmxazb4p****", ["sgr-bpdfmk****"])


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("error-json", EcsError, "MissingParameter.CommandId"),
        ("error-json-with-recommendation", EcsError, "InvalidImageId.NotFound"),
        ("error-html-414", NoAnswerError, "NoAnswer"),
        ("error-xml", EcsError, "MissingParameter.CommandId"),
        ("success-xml", NoAnswerError, "NoAnswer"),
    ],
)
def test_the_client_distinguishes_refusals_from_missing_answers(
    client: EcsClient, name: str, kind: type[EcsError], code: str
) -> None:
    """What it cannot read is never a success."""
    with replayed(EXCHANGES[name]), pytest.raises(EcsError) as caught:
        client.revoke_by_id("sg-1", ["sgr-1"])

    assert type(caught.value) is kind
    assert caught.value.code == code


def shape(value: Any, path: str = "") -> dict[str, str]:
    """
    The JSON type of each value by the path to it.
    """
    shapes = {path: type(value).__name__}
    if isinstance(value, list):
        for number, member in enumerate(cast("list[object]", value)):
            shapes |= shape(member, f"{path}/{number}")
    if isinstance(value, dict):
        for name, field in cast("dict[str, object]", value).items():
            shapes |= shape(field, f"{path}/{name}")
    return shapes


def fields_beyond(recorded: Any, answered: Any) -> set[str]:
    """The names of fields that were not recorded, at any depth."""
    return {
        path.rpartition("/")[2] for path in shape(answered).keys() - shape(recorded)
    }


@pytest.mark.parametrize("exchange", DESCRIBED, ids=lambda e: e.name)
def test_the_fakes_describe_has_the_recorded_form(
    front: Front, exchange: Exchange
) -> None:
    """The same rule, added by the test: the same fields with the same types."""
    recorded = exchange.response["body"]
    (rule,) = recorded["Permissions"]["Permission"]
    as_text = isinstance(rule["Priority"], str)
    front.fake.behaviour = Behaviour(priority_is_shown_as_text=as_text)
    group = front.fake.new_group(name="demo")
    given = {name: str(value) for name, value in rule.items() if value}
    own = {"SecurityGroupRuleId"}
    front.fake.add_rule(group, **{n: v for n, v in given.items() if n not in own})

    answered = front.call(DESCRIBE, group).json()

    assert shape(recorded).items() <= shape(answered).items()
    (shown,) = answered["Permissions"]["Permission"]
    alike = rule.keys() - {"SecurityGroupRuleId"}
    assert {name: shown[name] for name in alike} == {name: rule[name] for name in alike}
    if "typed" not in exchange.name and "bare" not in exchange.name:
        assert fields_beyond(rule, shown) <= NEWER
    if exchange.added == ["the request"]:
        assert fields_beyond(recorded, answered) <= NEWER


@pytest.mark.parametrize("exchange", REVOKED, ids=lambda e: e.name)
def test_the_fake_accepts_the_recorded_revokes(
    front: Front, exchange: Exchange
) -> None:
    """Each sample of the page, unchanged, where the rules that it names exist."""
    fake = front.fake
    parameters: dict[str, str] = exchange.request["parameters"]
    group = fake.new_group()
    there = fake.groups.pop(group)
    fake.groups[parameters["SecurityGroupId"]] = there
    there.group_id = parameters["SecurityGroupId"]
    sources = {
        "Permissions.1.SourceGroupId": (fake.groups, fake.new_group()),
        "Permissions.1.SourcePrefixListId": (
            fake.state.prefix_lists,
            fake.new_prefix_list("10.0.0.0/8"),
        ),
    }
    for name, (where, made) in sources.items():
        if name in parameters:
            where[parameters[name]] = where.pop(made)  # type: ignore[index,attr-defined]  # pyright: ignore[reportArgumentType]
    fields = {
        name.removeprefix("Permissions.1."): value
        for name, value in parameters.items()
        if name.startswith("Permissions")
    }
    for number in range(1, 3):
        kept = fields or {"IpProtocol": "gre", "PortRange": "-1/-1"}
        named = {"SourceCidrIp": f"10.0.0.{number}"} if not fields else {}
        made = fake.add_rule(there.group_id, **{**kept, **named})
        if wanted := parameters.get(f"SecurityGroupRuleId.{number}"):
            there.rules[wanted] = there.rules.pop(made)

    answered = front.call(exchange.request["action"], **parameters)

    assert answered.status_code == exchange.response["status"]
    assert shape(answered.json()) == shape(exchange.response["body"])
    assert there.rules == {}


def test_the_fakes_refusal_has_the_recorded_form(front: Front) -> None:
    """With the recommendation that newer answers have."""
    answered = front.call("RevokeSecurityGroup", "sg-none").json()

    old = EXCHANGES["error-json"].response["body"]
    new = EXCHANGES["error-json-with-recommendation"].response["body"]
    assert shape(answered) == shape(new)
    assert fields_beyond(old, answered) == {"Recommend"}


def test_the_fakes_xml_has_the_recorded_form(front: Front) -> None:
    """The same elements in the same order."""
    group = front.fake.new_group()
    url = f"{front.url}/?Action=RevokeSecurityGroup&RegionId=cn-hangzhou"
    rule = "IpProtocol=gre&PortRange=-1/-1&SourceCidrIp=10.0.0.1"

    done = front.session.get(f"{url}&SecurityGroupId={group}&{rule}", timeout=10)
    refused = front.session.get(f"{url}&SecurityGroupId=sg-none", timeout=10)

    for answered, name in ((done, "success-xml"), (refused, "error-xml")):
        recorded = ElementTree.fromstring(EXCHANGES[name].body)  # noqa: S314
        root = ElementTree.fromstring(answered.text)  # noqa: S314
        assert root.tag == recorded.tag
        tags = [child.tag for child in root if child.tag != "Recommend"]
        assert tags == [child.tag for child in recorded]


def test_a_long_url_gets_the_recorded_page(front: Front) -> None:
    """HTML with the status in its title."""
    front.fake.behaviour = Behaviour(longest_url=10)
    recorded = EXCHANGES["error-html-414"]

    answered = front.call("DescribeSecurityGroups")

    assert answered.status_code == recorded.response["status"]
    assert (
        answered.headers["content-type"] == recorded.response["headers"]["content-type"]
    )
    assert "<title>414" in answered.text
    assert "<title>414" in recorded.body
