"""
What create, read, update and delete promise, whatever ECS answers.
"""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from alicloud_ingress.errors import (
    DuplicateRuleError,
    EcsError,
    NotTrustedError,
    RefusedForEnterpriseError,
    RuleExistsError,
    RuleIdNotValidError,
    RuleNotConfirmedError,
    RuleNotFoundError,
    UnreachableError,
    WrongAccountError,
)
from alicloud_ingress.reconcile.ownership import Owner, Ownership
from alicloud_ingress.reconcile.plan import Member
from alicloud_ingress.reconcile.rule_lifecycle import RuleLifecycle
from alicloud_ingress.reconcile.unfinished import (
    NotTakenBackError,
    UnfinishedUpdateError,
)
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule
from conftest import ATTEMPTS
from functional.memory_group import GROUP, NEIGHBOURS, SSH, MemoryGroup, silence


class CutOff(MemoryGroup):
    """A group whose account cannot be asked for."""

    def __init__(self, error: EcsError) -> None:
        super().__init__()
        self.error = error

    def account_id(self) -> str:
        """Fail."""
        raise self.error


@pytest.fixture
def api() -> MemoryGroup:
    """A group without rules."""
    return MemoryGroup()


@pytest.fixture
def warnings() -> list[str]:
    """The warnings that the lifecycle gave the user."""
    return []


@pytest.fixture
def ownership() -> Ownership:
    """Which rules other resources of the process hold; nothing waits for long."""
    return Ownership(timeout_s=0.05)


@pytest.fixture
def one(api: MemoryGroup, warnings: list[str], ownership: Ownership) -> RuleLifecycle:
    """The lifecycle of one rule."""
    return RuleLifecycle(
        api, api, "cn-hangzhou", warnings.append, Owner(ownership, "own")
    )


class TestCreate:
    """Creating a rule."""

    def test_create_returns_the_rule_id(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """One read before, one Authorize, one read after."""
        live = one.create(SSH)

        assert live.rule_id == "sgr-1"
        assert api.calls == ["describe", "authorize", "describe"]

    def test_create_reports_a_duplicate_and_sends_nothing(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The error has the ID of the existing rule."""
        there = api.add(SSH)

        with pytest.raises(RuleExistsError, match=there):
            one.create(SSH)

        assert api.calls == ["describe", "describe"]

    def test_a_duplicate_of_another_resource_is_reported_as_such(
        self, api: MemoryGroup, one: RuleLifecycle, ownership: Ownership
    ) -> None:
        """Adopt would not help, so the error does not advise it."""
        ownership.keep([api.add(SSH)], "another")

        with pytest.raises(RuleExistsError, match="another resource") as caught:
            one.create(SSH)

        assert "takes it over" not in str(caught.value)
        assert "authorize" not in api.calls

    def test_a_neighbour_is_not_a_duplicate(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """Rules that differ in one field can both exist."""
        for neighbour in NEIGHBOURS:
            api.add(neighbour)

        assert one.create(SSH).rule_id == "sgr-5"

    def test_adopt_takes_the_rule_over_and_sets_its_description(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The rule keeps its ID, and nothing is authorized."""
        there = api.add(SSH)

        live = one.create(replace(SSH, description="office"), adopt=True)

        assert live.rule_id == there
        assert api.calls == ["describe", "describe", f"modify {there}"]
        assert api.rules[there].description == "office"

    @pytest.mark.parametrize("kind", [UnreachableError, NotTrustedError])
    def test_a_rule_is_created_without_an_answer_of_sts(
        self, kind: type[EcsError], warnings: list[str]
    ) -> None:
        """The state is written without the account, with a warning."""
        cut = CutOff(kind("GetCallerIdentity", "NotSent", "no"))
        one = RuleLifecycle(cut, cut, "cn-hangzhou", warnings.append)

        assert one.account_id([SSH]) == ""
        assert one.create(SSH).rule_id

        assert "NotSent" in warnings[0]

    def test_create_sends_nothing_if_the_first_read_fails(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """Without a read the owner of the rule is unknown."""
        api.answers["describe"] = [EcsError("Describe", "Forbidden.RAM", "no")]

        with pytest.raises(EcsError, match=r"Forbidden\.RAM"):
            one.create(SSH)

        assert api.calls == ["describe"]

    def test_create_waits_for_a_rule_to_be_visible(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """Describe may lag behind Authorize."""
        api.hidden_looks = 4  # the first read, and three after Authorize

        assert one.create(SSH).rule_id == "sgr-1"

    def test_create_without_a_visible_rule_returns_no_id(
        self, api: MemoryGroup, one: RuleLifecycle, warnings: list[str]
    ) -> None:
        """ECS answered with success; a refresh fills in the ID."""
        api.hidden_looks = 100

        assert one.create(SSH).rule_id == ""
        assert "pulumi refresh" in warnings[0]

    def test_no_answer_after_the_effect_is_success(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The rule is visible now and was not before, so it is ours."""
        api.answers["authorize"] = [silence("authorize")]
        api.acts_in_silence = True

        assert one.create(SSH).rule_id == "sgr-1"
        assert api.calls.count("authorize") == 1

    def test_a_create_without_effect_is_sent_again(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """There was no answer, and a read does not show the rule."""
        api.answers["authorize"] = [silence("authorize"), silence("authorize")]

        assert one.create(SSH).rule_id == "sgr-1"
        assert api.calls.count("authorize") == 3

    def test_create_without_any_answer_revokes_once_and_fails(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """What may take effect late is revoked, and the error says so."""
        api.answers["authorize"] = [silence("authorize")] * ATTEMPTS

        with pytest.raises(
            RuleNotConfirmedError, match=r"NoAnswer.*was revoked in case"
        ):
            one.create(SSH)

        assert api.calls.count("authorize") == ATTEMPTS
        assert api.calls.count("revoke_by_attributes") == 1
        assert api.rules == {}

    def test_a_rule_that_may_exist_is_reported(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """
        It can be neither read nor revoked. The error says what may exist, and
        holds it for the state.
        """
        api.answers["authorize"] = [silence("authorize")] * ATTEMPTS
        api.answers["revoke_by_attributes"] = [silence("revoke")]

        with pytest.raises(
            NotTakenBackError, match=f"may exist.*{SSH.as_text}"
        ) as caught:
            one.create(SSH)

        assert caught.value.for_state == {SSH: LiveRule(SSH, "", "")}

    def test_a_refused_read_after_authorize_is_a_warning(
        self, api: MemoryGroup, one: RuleLifecycle, warnings: list[str]
    ) -> None:
        """The rule is made; only its ID is not known."""
        api.answers["describe"] = [None, EcsError("Describe", "Forbidden.RAM", "no")]

        assert one.create(SSH).rule_id == ""
        assert "Forbidden.RAM" in warnings[0]
        assert list(api.rules.values()) == [SSH]

    def test_a_rule_masked_by_ecs_is_recognized(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """Declared with host bits, it may be shown without."""
        api.masks = True

        live = one.create(replace(SSH, source_cidr_ip="10.1.2.3/8"))

        assert live.rule_id == "sgr-1"

    def test_a_rule_of_another_resource_is_not_adopted(
        self, api: MemoryGroup, one: RuleLifecycle, ownership: Ownership
    ) -> None:
        """One rule belongs to one resource."""
        ownership.keep([api.add(SSH)], "another")

        with pytest.raises(RuleExistsError, match="another resource of this") as caught:
            one.create(SSH, adopt=True)

        assert "if it is moving from the other, run `pulumi up` again" in str(
            caught.value
        )

    def test_a_failed_adoption_claims_no_rule(
        self, api: MemoryGroup, one: RuleLifecycle, ownership: Ownership
    ) -> None:
        """Its owner may still delete the rule."""
        api.add(SSH)
        api.answers["modify"] = [EcsError("Modify", "Forbidden.RAM", "no")]

        with (
            pytest.raises(EcsError, match=r"Forbidden\.RAM"),
            ownership.acquiring(one.owner.mark),
        ):
            one.create(replace(SSH, description="office"), adopt=True)

        assert not ownership.holds_any

    def test_an_error_names_the_rule_and_the_group(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The last line makes sense alone."""
        api.answers["authorize"] = [EcsError("Authorize", "Quota", "full", "R-1")]

        with pytest.raises(EcsError) as caught:
            one.create(SSH)

        last = str(caught.value).splitlines()[-1]
        for part in ("Authorize", "Quota", "R-1", "tcp 22/22 from 10.0.0.0/8", GROUP):
            assert part in last


class TestDelete:
    """Deleting a rule."""

    def test_delete_with_an_id_is_one_call(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """A 200 by ID proves the deletion."""
        there = api.add(SSH)

        one.delete(SSH, there, "1")

        assert api.calls == [f"revoke_by_id {there}"]
        assert api.rules == {}

    def test_delete_without_an_id_keeps_all_neighbours(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """All attributes are sent, and a read verifies it."""
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
    def test_a_refused_delete_by_attributes_continues_by_id(
        self, api: MemoryGroup, one: RuleLifecycle, answer: EcsError
    ) -> None:
        """A read shows the ID."""
        api.add(SSH)
        api.answers["revoke_by_attributes"] = [answer]

        one.delete(SSH, "", "1")

        assert api.rules == {}
        assert api.calls[-2:] == ["revoke_by_id sgr-1", "describe"]

    def test_a_missing_id_keeps_the_identical_rule(
        self, api: MemoryGroup, one: RuleLifecycle, warnings: list[str]
    ) -> None:
        """Another ID is another rule."""
        other = api.add(SSH)

        one.delete(SSH, "sgr-gone", "1")

        assert list(api.rules) == [other]
        assert other in warnings[0]

    def test_a_missing_id_is_accepted_without_a_read(
        self, api: MemoryGroup, one: RuleLifecycle, warnings: list[str]
    ) -> None:
        """A read would only show a duplicate; here it is refused."""
        api.answers["describe"] = [EcsError("Describe", "Forbidden.RAM", "no")]

        one.delete(SSH, "sgr-gone", "1")

        assert api.calls == ["revoke_by_id sgr-gone", "describe"]
        assert warnings == []

    def test_an_invalid_id_is_verified_by_a_read(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The code is the same for malformed and for deleted."""
        there = api.add(SSH)
        api.answers["revoke_by_id"] = [
            RuleIdNotValidError("Revoke", "InvalidParam.SecurityGroupRuleId", "no")
        ]

        with pytest.raises(RuleNotConfirmedError, match="still in"):
            one.delete(SSH, there, "1")

    def test_a_missing_group_is_accepted_in_its_account(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """All of its rules are deleted with it."""
        api.gone = True

        one.delete(SSH, "sgr-1", "1")

        assert api.calls == ["revoke_by_id sgr-1"]

    def test_a_dropped_rule_of_an_unknown_account_is_named(
        self, api: MemoryGroup, one: RuleLifecycle, warnings: list[str]
    ) -> None:
        """The group may be in another account, where the rule still exists."""
        api.gone = True

        one.delete(SSH, "sgr-1", "")

        assert "sgr-1" in warnings[0]
        assert SSH.as_text in warnings[0]

    def test_a_missing_group_is_an_error_in_another_account(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The error names both accounts."""
        api.gone, api.account = True, "2"

        with pytest.raises(WrongAccountError, match=r"account 1.*account 2"):
            one.delete(SSH, "sgr-1", "1")

    def test_a_rule_of_another_resource_is_not_revoked(
        self, api: MemoryGroup, one: RuleLifecycle, ownership: Ownership
    ) -> None:
        """A rename is a create of the new resource and a delete of the old one."""
        there = api.add(SSH)
        ownership.keep([there], "another")

        one.delete(SSH, there, "1")
        one.delete(SSH, "", "1")

        assert list(api.rules) == [there]
        assert [call for call in api.calls if call.startswith("revoke")] == []

    def test_a_delete_without_effect_is_sent_again(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """There was no answer, and a read still shows the rule."""
        api.add(SSH)
        api.answers["revoke_by_attributes"] = [silence("revoke")]

        one.delete(SSH, "", "1")

        assert api.rules == {}
        assert api.calls.count("revoke_by_attributes") == 2

    def test_a_delete_without_effect_continues_by_id(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """A 200 by attributes proves nothing."""
        api.add(SSH)
        api.deaf = True

        one.delete(SSH, "", "1")

        assert api.calls == [
            "revoke_by_attributes",
            "describe",
            "revoke_by_id sgr-1",
            "describe",
        ]
        assert api.rules == {}

    def test_delete_fails_if_both_revokes_have_no_effect(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """Two calls succeeded, and a read still shows the rule."""
        there = api.add(SSH)
        api.deaf = api.deaf_to_ids = True

        with pytest.raises(RuleNotConfirmedError, match=f"{there}.*still in"):
            one.delete(SSH, "", "1")

        assert list(api.rules) == [there]

    def test_a_rule_without_id_is_revoked_in_ecs_spelling(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """Old answers have no ID; the spelling of the read matches."""
        api.add(SSH)
        api.tells_ids, api.deaf = False, True

        with pytest.raises(RuleNotConfirmedError, match="without an ID"):
            one.delete(SSH, "", "1")

        assert api.calls.count("revoke_by_attributes") == 2

    def test_a_network_without_host_bits_is_not_revoked(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """It may belong to someone else: the user has to decide."""
        there = api.add(SSH)

        with pytest.raises(RuleNotConfirmedError, match=there):
            one.delete(replace(SSH, source_cidr_ip="10.1.2.3/8"), "", "1")

        assert list(api.rules) == [there]


class Broken(MemoryGroup):
    """A group whose rule is given up, and deleted by hand, before a read has a bug."""

    def __init__(self, ownership: Ownership) -> None:
        super().__init__()
        self._ownership = ownership

    def authorize(self, rule: IngressRule) -> None:
        """Let the other resource give its rule up."""
        super().authorize(rule)
        self._ownership.withdraw(["sgr-1"], "another")

    def revoke_by_id(self, rule_id: str) -> None:
        """Let somebody else delete the rule just before."""
        del self.rules[rule_id]
        super().revoke_by_id(rule_id)

    def read_after_writes(self) -> LiveGroup:
        """Fail once a rule was deleted by hand."""
        if "sgr-1" not in self.rules:
            raise RuntimeError("a bug")
        return super().read_after_writes()


class TestReadAndUpdate:
    """Reading a rule and changing it."""

    def test_a_rule_without_an_id_is_found_by_identity(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """A refresh fills in the ID."""
        for neighbour in NEIGHBOURS:
            api.add(neighbour)
        there = api.add(SSH)

        live = one.read(Member(SSH, ""), "1")

        assert live is not None
        assert live.rule_id == there

    def test_a_pending_rule_that_does_not_show_is_kept(
        self, api: MemoryGroup, one: RuleLifecycle, warnings: list[str]
    ) -> None:
        """It may be visible later, and then the state has to name it."""
        there = api.add(SSH)
        api.hidden_looks = 1

        kept = one.read(Member(SSH, "", pending=True), "1")

        assert kept == LiveRule(SSH, rule_id="", create_time="")
        assert SSH.as_text in warnings[0]
        found = one.read(Member(SSH, "", pending=True), "1")
        assert found
        assert found.rule_id == there

    def test_an_import_of_a_missing_rule_finds_nothing(
        self, one: RuleLifecycle
    ) -> None:
        """Nothing was created, so there is nothing to keep."""
        assert one.read(Member(SSH, ""), "1") is None

    def test_a_missing_id_is_a_deleted_rule_without_adopt(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """An identical rule is another rule, except with `adopt`."""
        api.add(SSH)

        assert one.read(Member(SSH, "sgr-gone"), "1") is None
        assert one.read(Member(SSH, "sgr-gone"), "1", adopt=True) is not None

    def test_an_update_is_by_id_and_in_place(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """No gap: neither Authorize nor Revoke is sent."""
        there = api.add(SSH)
        wider = replace(SSH, port_range="22/23")

        assert one.update(SSH, wider, there).rule_id == there
        assert api.rules[there] == wider
        assert api.calls == ["describe", f"modify {there}"]

    def test_an_emptied_description_becomes_a_dash(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """ECS does not accept an empty description."""
        there = api.add(replace(SSH, description="office"))

        one.update(SSH, SSH, there)

        assert api.rules[there].description == "-"

    def test_an_update_of_a_missing_rule_sends_nothing(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """It fails and says to refresh."""
        with pytest.raises(RuleNotConfirmedError, match="pulumi refresh"):
            one.update(SSH, replace(SSH, priority=5), "sgr-gone")

        assert set(api.calls) == {"describe"}

    def test_an_update_without_an_id_uses_the_old_identity(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """Neighbours of the old and of the new identity do not change."""
        for neighbour in NEIGHBOURS:
            api.add(neighbour)
        there = api.add(SSH)
        new = replace(SSH, priority=9)

        assert one.update(SSH, new, "").rule_id == there
        assert list(api.rules.values()) == [*NEIGHBOURS, new]

    def test_an_update_without_an_id_creates_what_does_not_show(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """The rule as it was is revoked, since it may be visible later."""
        new = replace(SSH, priority=9)
        api.add(SSH)
        api.hidden_looks = 3

        made = one.update(SSH, new, "")

        assert api.rules == {made.rule_id: new}

    def test_a_pending_rule_of_an_earlier_run_is_own(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """It shows only after the update has created it again."""
        there = api.add(SSH)
        api.hidden_looks = 3

        assert one.update(SSH, SSH, "").rule_id == there
        assert api.rules == {there: SSH}

    def test_an_update_that_changes_nothing_sends_nothing(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """Another profile for the same rule needs no call."""
        there = api.add(SSH)

        one.update(SSH, SSH, there)

        assert api.calls == ["describe"]

    def test_a_change_into_a_duplicate_advises_naming_by_content(
        self, api: MemoryGroup, one: RuleLifecycle, ownership: Ownership
    ) -> None:
        """Nothing changes, and the error has the duplicate's ID."""
        there, duplicate = api.add(SSH), api.add(NEIGHBOURS[0])
        api.answers["modify"] = [DuplicateRuleError("Modify", "RuleDuplicate", "no")]
        ownership.keep([duplicate], "another")

        with pytest.raises(
            RuleExistsError, match=f"{duplicate}.*name them by what they"
        ):
            one.update(SSH, NEIGHBOURS[0], there)

    def test_an_update_waits_for_a_duplicate_about_to_change(
        self, api: MemoryGroup, one: RuleLifecycle, ownership: Ownership
    ) -> None:
        """Its resource changes it in the same run."""
        there, duplicate = api.add(SSH), api.add(NEIGHBOURS[0])
        ownership.keep([duplicate], "another")
        ownership.begin_change([there])
        ownership.begin_change([duplicate])
        api.answers["modify"] = [DuplicateRuleError("Modify", "RuleDuplicate", "no")]

        def move_on() -> None:
            api.rules[duplicate] = replace(SSH, priority=99)
            ownership.finish_change([duplicate])

        threading.Timer(0.01, move_on).start()

        assert one.update(SSH, NEIGHBOURS[0], there).rule_id == there

    def test_an_update_that_fails_after_a_revoke_names_its_rule(
        self, ownership: Ownership
    ) -> None:
        """Another resource gave the old rule up; the state gets the new one."""
        group = Broken(ownership)
        old = group.add(SSH)
        ownership.keep([old], "another")
        one = RuleLifecycle(group, group, "r", print, Owner(ownership, "own"))

        with pytest.raises(UnfinishedUpdateError, match=r"1 are gone\.") as caught:
            one.update(SSH, NEIGHBOURS[0], old)

        assert caught.value.ids == {NEIGHBOURS[0]: "sgr-2"}
        assert group.rules.keys() == {"sgr-2"}

    def test_an_update_sends_the_owner_that_ecs_filled_in(
        self, api: MemoryGroup, one: RuleLifecycle
    ) -> None:
        """A non-empty field cannot be emptied."""
        grouped = replace(SSH, source_cidr_ip="", source_group_id="sg-9")
        there = api.add(replace(grouped, source_group_owner_id="42"))

        one.update(grouped, replace(grouped, priority=3), there)

        assert api.rules[there].source_group_owner_id == "42"
