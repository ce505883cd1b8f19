"""
What create, read, update and delete promise, whatever ECS answers.

An in-memory group stands in for the client here; the fake of the HTTP API has
its own tests, and the client runs against it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from alicloud_ingress.errors import (
    EcsError,
    GroupNotFoundError,
    NoAnswerError,
    RefusedForEnterpriseError,
    RuleExistsError,
    RuleIdNotValidError,
    RuleNotConfirmedError,
    RuleNotFoundError,
    WrongAccountError,
)
from alicloud_ingress.lifecycle import RuleLifecycle
from alicloud_ingress.live import LiveGroup, LiveRule
from alicloud_ingress.rule import IngressRule

GROUP = "sg-1"
SSH = IngressRule.parse(
    {"ip_protocol": "tcp", "port_range": 22, "source_cidr_ip": "10.0.0.0/8"}
)
NEIGHBOURS = [
    replace(SSH, priority=2),
    replace(SSH, policy="drop"),
    replace(SSH, source_port_range="1/1024"),
    replace(SSH, dest_cidr_ip="172.16.0.1"),
]


class MemoryGroup:
    """One group of rules that answers as ECS does, with answers set in advance."""

    def __init__(self) -> None:
        self.group_id = GROUP
        self.rules: dict[str, IngressRule] = {}
        self.calls: list[str] = []
        self.answers: dict[str, list[EcsError | None]] = {}
        self.acts_in_silence = False
        self.hidden_looks = 0
        self.account = "1"
        self.gone = False
        self.made = 0

    def add(self, rule: IngressRule) -> str:
        """Put a rule in, as somebody else would."""
        self.made += 1
        self.rules[f"sgr-{self.made}"] = rule
        return f"sgr-{self.made}"

    def _answer(self, call: str, act: Callable[[], None]) -> None:
        self.calls.append(call)
        if self.gone:
            raise GroupNotFoundError(call, "InvalidSecurityGroupId.NotFound", "no")
        queue = self.answers.get(call.split(maxsplit=1)[0], [])
        error = queue.pop(0) if queue else None
        if error is None or (isinstance(error, NoAnswerError) and self.acts_in_silence):
            act()
        if error is not None:
            raise error

    def look(self) -> LiveGroup:
        """The same, as nothing is shared here."""
        return self.prove()

    def prove(self) -> LiveGroup:
        """All rules, or none while they are hidden."""
        self._answer("describe", lambda: None)
        shown = self.rules if self.hidden_looks <= 0 else {}
        self.hidden_looks -= 1
        return LiveGroup(
            self.group_id,
            "cn-hangzhou",
            "vpc-1",
            tuple(LiveRule(rule, rule_id, "") for rule_id, rule in shown.items()),
        )

    def authorize(self, rule: IngressRule) -> None:
        """Make the rules; one that exists is a silent success."""

        def act() -> None:
            if rule not in self.rules.values():
                self.add(rule)

        self._answer("authorize", act)

    def revoke_by_id(self, rule_id: str) -> None:
        """Remove rules by ID."""

        def act() -> None:
            if self.rules.pop(rule_id, None) is None:
                raise RuleNotFoundError("Revoke", "RuleNotExist", "no")

        self._answer(f"revoke_by_id {rule_id}", act)

    def revoke_by_attributes(self, rule: IngressRule) -> None:
        """Remove what matches; nothing that does is a silent success."""

        def act() -> None:
            self.rules = {i: r for i, r in self.rules.items() if r != rule}

        self._answer("revoke_by_attributes", act)

    def modify(self, rule_id: str, rule: IngressRule) -> None:
        """Change a rule in place."""

        def act() -> None:
            if rule_id not in self.rules:
                raise RuleNotFoundError("Modify", "SecurityGroupRule.NotFound", "no")
            self.rules[rule_id] = rule

        self._answer(f"modify {rule_id}", act)

    def account_id(self) -> str:
        """The account of the credentials."""
        return self.account

    def group_exists(self, group_id: str) -> bool:
        """Whether DescribeSecurityGroups shows the group."""
        return not self.gone


@pytest.fixture
def api() -> MemoryGroup:
    """A group without rules."""
    return MemoryGroup()


@pytest.fixture
def warnings() -> list[str]:
    """What the lifecycle told the user."""
    return []


@pytest.fixture
def one(api: MemoryGroup, warnings: list[str]) -> RuleLifecycle:
    """The lifecycle of one rule, which does not wait in earnest."""
    return RuleLifecycle(api, api, "cn-hangzhou", warnings.append, lambda _: None)


def silence(action: str) -> NoAnswerError:
    """An answer that never came."""
    return NoAnswerError(action, "NoAnswer", "connection lost")


class TestCreate:
    """Making a rule."""

    def test_a_new_rule_comes_with_its_id(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """One look before, one Authorize, one look after."""
        live = one.create(SSH)

        assert live.rule_id == "sgr-1"
        assert api.calls == ["describe", "authorize", "describe"]

    def test_a_twin_is_named_and_nothing_is_sent(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The error holds the ID of the rule that was there before."""
        there = api.add(SSH)

        with pytest.raises(RuleExistsError, match=there):
            one.create(SSH)

        assert api.calls == ["describe"]

    def test_a_neighbour_is_no_twin(self, api: MemoryGroup, one: RuleLifecycle) -> None:
        """Rules that differ in one field stand side by side."""
        for neighbour in NEIGHBOURS:
            api.add(neighbour)

        assert one.create(SSH).rule_id == "sgr-5"

    def test_adopt_takes_over_and_brings_the_description(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The rule keeps its ID, and nothing is authorized."""
        there = api.add(SSH)

        live = one.create(replace(SSH, description="office"), adopt=True)

        assert live.rule_id == there
        assert api.calls == ["describe", f"modify {there}"]
        assert api.rules[there].description == "office"

    def test_a_first_look_refused_sends_nothing(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """Without a look nobody knows whose rule it would be."""
        api.answers["describe"] = [EcsError("Describe", "Forbidden.RAM", "no")]

        with pytest.raises(EcsError, match=r"Forbidden\.RAM"):
            one.create(SSH)

        assert api.calls == ["describe"]

    def test_a_rule_that_shows_late_is_waited_for(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """Describe may lag behind Authorize."""
        api.hidden_looks = 4

        assert one.create(SSH).rule_id == "sgr-1"

    def test_a_rule_that_never_shows_is_made_without_an_id(
        self, api: MemoryGroup, one: RuleLifecycle, warnings: list[str]
    ) -> None:
        """ECS said yes; a refresh fills in the ID."""
        api.hidden_looks = 100

        assert one.create(SSH).rule_id == ""
        assert "pulumi refresh" in warnings[0]

    def test_silence_after_the_effect_is_success(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The rule is seen now and was not before: ours."""
        api.answers["authorize"] = [silence("authorize")]
        api.acts_in_silence = True

        assert one.create(SSH).rule_id == "sgr-1"
        assert api.calls.count("authorize") == 1

    def test_silence_twice_revokes_once_and_fails(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """What may have come late is taken back."""
        api.answers["authorize"] = [silence("authorize"), silence("authorize")]

        with pytest.raises(RuleNotConfirmedError, match="no answer"):
            one.create(SSH)

        assert api.calls.count("revoke_by_attributes") == 1


class TestDelete:
    """Removing a rule."""

    def test_with_an_id_there_is_one_call(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """A 200 by ID is proof."""
        there = api.add(SSH)

        one.delete(SSH, there, "1")

        assert api.calls == [f"revoke_by_id {there}"]
        assert api.rules == {}

    def test_without_an_id_all_neighbours_survive(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The whole quintuple is sent, and a look proves it."""
        api.add(SSH)
        for neighbour in NEIGHBOURS:
            api.add(neighbour)

        one.delete(SSH, "", "1")

        assert list(api.rules.values()) == NEIGHBOURS
        assert api.calls == ["revoke_by_attributes", "describe"]

    @pytest.mark.parametrize(
        "answer",
        [
            RefusedForEnterpriseError("Revoke", "OperationDenied", "no"),
            RuleNotFoundError("Revoke", "RuleNotExist", "no"),
        ],
    )
    def test_a_refusal_by_attributes_goes_on_by_id(
        self, api: MemoryGroup, one: RuleLifecycle, answer: EcsError
    ) -> None:
        """The look tells the ID, and the ID is what counts."""
        api.add(SSH)
        api.answers["revoke_by_attributes"] = [answer]

        one.delete(SSH, "", "1")

        assert api.rules == {}
        assert api.calls[-2:] == ["revoke_by_id sgr-1", "describe"]

    def test_an_id_that_is_gone_leaves_the_identical_rule_alone(
        self, api: MemoryGroup, one: RuleLifecycle, warnings: list[str]
    ) -> None:
        """Another ID is somebody else's rule."""
        other = api.add(SSH)

        one.delete(SSH, "sgr-gone", "1")

        assert list(api.rules) == [other]
        assert other in warnings[0]

    def test_an_invalid_id_is_gone_only_after_a_look(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The code is the same for malformed and for gone."""
        there = api.add(SSH)
        api.answers["revoke_by_id"] = [
            RuleIdNotValidError("Revoke", "InvalidParam.SecurityGroupRuleId", "no")
        ]

        with pytest.raises(RuleNotConfirmedError, match="still in"):
            one.delete(SSH, there, "1")

    def test_a_gone_group_is_believed_in_the_right_account(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """All of its rules are gone with it."""
        api.gone = True

        one.delete(SSH, "sgr-1", "1")

        assert api.calls == ["revoke_by_id sgr-1"]

    def test_a_gone_group_is_an_error_in_another_account(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """Both accounts are named."""
        api.gone, api.account = True, "2"

        with pytest.raises(WrongAccountError, match=r"account 1.*account 2"):
            one.delete(SSH, "sgr-1", "1")


class TestReadAndUpdate:
    """Looking at a rule and changing it."""

    def test_a_rule_without_an_id_is_found_by_identity(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """A refresh fills the ID in."""
        for neighbour in NEIGHBOURS:
            api.add(neighbour)
        there = api.add(SSH)

        live = one.read(SSH, "", "1")

        assert live is not None
        assert live.rule_id == there

    def test_an_id_that_is_gone_is_gone_unless_adopted(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """An identical rule is another rule, but for `adopt`."""
        api.add(SSH)

        assert one.read(SSH, "sgr-gone", "1") is None
        assert one.read(SSH, "sgr-gone", "1", adopt=True) is not None

    def test_an_update_is_by_id_and_in_place(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """No gap: neither Authorize nor Revoke is sent."""
        there = api.add(SSH)
        wider = replace(SSH, port_range="22/23")

        assert one.update(SSH, wider, there) == there
        assert api.rules[there] == wider
        assert api.calls == ["describe", f"modify {there}"]

    def test_an_emptied_description_becomes_a_dash(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """ECS does not let a description be emptied."""
        there = api.add(replace(SSH, description="office"))

        one.update(SSH, SSH, there)

        assert api.rules[there].description == "-"

    def test_an_update_of_what_is_gone_sends_nothing(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """It fails and says to refresh."""
        with pytest.raises(RuleNotConfirmedError, match="pulumi refresh"):
            one.update(SSH, replace(SSH, priority=5), "sgr-gone")

        assert api.calls == ["describe"]
