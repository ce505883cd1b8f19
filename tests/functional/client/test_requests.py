"""
Batches of entries, lists of groups and prefix lists, and the account of a write.
"""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from alicloud_ingress.ecs.batching import MAX_ENTRIES
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.errors import (
    NoAnswerError,
    WrongAccountError,
)
from functional.client.answers import SSH, connection
from functional.wire import Wire, reply


def test_a_duplicate_in_a_batch_is_sent_once(server: Wire, client: EcsClient) -> None:
    """ECS would refuse the whole batch."""
    duplicate = replace(SSH, description="another remark")
    client.authorize("sg-1", [SSH, duplicate])
    client.revoke_by_id("sg-1", ["sgr-1", "sgr-1"])

    rules, ids = server.requests
    assert not [name for name in rules.parameters if ".2." in name]
    assert "SecurityGroupRuleId.2" not in ids.parameters


@pytest.mark.parametrize("number", [0, MAX_ENTRIES + 1])
def test_a_batch_of_an_invalid_size_is_an_error(client: EcsClient, number: int) -> None:
    """The caller learns it before a call."""
    ids = [f"sgr-{n}" for n in range(number)]

    with pytest.raises(ValueError, match="one call takes 1 to 100"):
        client.revoke_by_id("sg-1", ids)


def test_groups_are_listed_to_the_last_page(server: Wire, client: EcsClient) -> None:
    """With what is known without reading their rules."""
    shown = {
        "SecurityGroupId": "sg-1",
        "SecurityGroupName": "web",
        "SecurityGroupType": "enterprise",
        "VpcId": "vpc-1",
        "ServiceManaged": True,
    }
    server.replies = [
        reply(SecurityGroups={"SecurityGroup": [shown]}, NextToken="t"),
        reply(SecurityGroups={"SecurityGroup": [{"SecurityGroupId": "sg-2"}]}),
    ]

    first, second = client.describe_groups()

    assert (first.name, first.group_type) == ("web", "enterprise")
    assert first.service_managed
    assert (second.group_id, second.group_type) == ("sg-2", "")
    assert server.requests[1].parameters["NextToken"] == "t"


def test_groups_are_read_100_at_a_time(server: Wire, client: EcsClient) -> None:
    """Each batch as the JSON that ECS expects."""
    server.replies = [reply(SecurityGroups={"SecurityGroup": []})]

    assert list(client.describe_groups([f"sg-{n}" for n in range(150)])) == []

    batches = [json.loads(r.parameters["SecurityGroupIds"]) for r in server.requests]
    assert [len(batch) for batch in batches] == [100, 50]


@pytest.mark.parametrize("groups", ["null", "[]", '{"SecurityGroup": [{}]}'])
def test_a_broken_list_is_never_no_groups(
    server: Wire, client: EcsClient, groups: str
) -> None:
    """A group would be taken for deleted."""
    server.replies = [reply(SecurityGroups=json.loads(groups))]

    with pytest.raises(NoAnswerError, match="BrokenAnswer"):
        client.group_exists("sg-1")


def test_existing_prefix_lists_are_reported(server: Wire, client: EcsClient) -> None:
    """Over all pages, and only those that were asked for."""
    server.replies = [
        reply(
            PrefixLists={"PrefixList": [{"PrefixListId": "pl-1"}]},
            NextToken="t",
        ),
        reply(
            PrefixLists={
                "PrefixList": [{"PrefixListId": "pl-2"}, {"PrefixListId": "pl-9"}]
            }
        ),
    ]

    found = client.existing_prefix_lists(["pl-1", "pl-2", "pl-3"])

    assert found == {"pl-1", "pl-2"}
    assert server.requests[0].parameters["PrefixListId.3"] == "pl-3"


def test_the_wrong_account_writes_nothing(server: Wire) -> None:
    """`alicloud:accountId` is compared before the first write."""
    server.replies = [reply(AccountId="13")]
    client = EcsClient(replace(connection(server), expected_account_id="42"))

    with pytest.raises(WrongAccountError, match=r"account 13.*expects 42"):
        client.authorize("sg-1", [SSH])

    assert [request.action for request in server.requests] == ["GetCallerIdentity"]
