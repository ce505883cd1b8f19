"""
The dynamic provider of a set of rules: the engine's calls, with dicts in and out.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import (
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    UpdateResult,
)

from alicloud_ingress.engine.arguments import checked_rules, settings_problems
from alicloud_ingress.engine.checks import ResourceCheck
from alicloud_ingress.engine.failure import shown_as_message
from alicloud_ingress.engine.properties import (
    OWNER_MARK,
    PLACE,
    account_id_of,
    mark_of,
)
from alicloud_ingress.engine.provider import (
    Provider,
    location_of,
    partial_failure,
    result_of,
)
from alicloud_ingress.engine.runtime import running
from alicloud_ingress.engine.set_properties import (
    SET_ARGUMENTS,
    foreign_ids,
    is_same_set,
    keep_of,
    members_of,
    outputs_with,
    rules_of,
    set_as_read,
    set_inputs_of,
    set_outputs_of,
    unfinished_outputs_of,
)
from alicloud_ingress.engine.unknowns import has_unknown, is_unknown
from alicloud_ingress.errors import Problem
from alicloud_ingress.reconcile.unfinished import (
    NotTakenBackError,
    UnfinishedError,
    UnfinishedUpdateError,
)


class RuleSetProvider(Provider):
    """
    Manages a set of inbound rules.
    """

    @shown_as_message
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """
        Check every rule, and give each a key that follows from its content.
        """
        inputs = set_inputs_of(news)
        check = ResourceCheck(running(), inputs, set_inputs_of(_olds), news)
        group_id = str(inputs.get("security_group_id") or "")
        found = checked_rules(inputs.get("rules", []), _olds, group_id, check.secret)
        inputs["rules"] = found.rules
        check.problems += [*found.problems, *settings_problems(inputs, check.secret)]
        check.find_location_problems()
        check.find_conflicts(found.known, exclusive=inputs.get("exclusive") is True)
        return result_of(check, found.warnings)

    @shown_as_message
    def diff(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> DiffResult:
        """
        Compare the meaning of old and new rules; the engine shows which keys differ.
        """
        members, mark = members_of(_olds), mark_of(_olds)
        inputs = set_inputs_of(_news)
        checked = running().checked.compared(inputs, set_inputs_of(_olds), mark)
        ignores_rules = bool(checked and checked.ignores_rules)
        every = [m.rule_id for m in members if m.rule_id or m.pending]
        if has_unknown(inputs):
            staying = every
        elif is_same_set(_olds, _news, ignores_rules=ignores_rules):
            needed = running().record_comparison(checked, mark, every, staying=every)
            return DiffResult(changes=needed)
        else:
            wanted = set(rules_of(_news).values())
            staying = [m.rule_id for m in members if m.rule_id and m.rule in wanted]
        replaces = [
            name
            for name in PLACE
            if is_unknown(_news.get(name)) or _olds.get(name) != _news.get(name)
        ]
        if replaces:
            running().record_comparison(checked, mark, every)
        else:
            leaving = set(every).difference(staying)
            running().record_comparison(
                checked, mark, every, staying=staying, leaving=leaving
            )
        inputs_differ = any(_olds.get(n) != _news.get(n) for n in SET_ARGUMENTS)
        return DiffResult(changes=None if inputs_differ else True, replaces=replaces)

    @shown_as_message
    def create(self, props: dict[str, Any]) -> CreateResult:
        """
        Authorize all rules, in calls of up to a hundred, and find their IDs.
        """
        place = location_of(props)
        inputs = set_inputs_of(props)
        secret = running().secrets_of(inputs)
        _refuse_changed(inputs, {}, secret)
        owner = running().new_owner(inputs)
        lifecycle = running().set_lifecycle(place, owner, secret)
        rules = list(rules_of(props).values())
        account_id = lifecycle.account_id(rules)
        identity = f"{place.group_id}/set/{uuid.uuid4().hex[:12]}"
        try:
            with owner.ownership.acquiring(owner.mark):
                ids = lifecycle.create(
                    rules, adopt=bool(props.get("adopt")), keep=keep_of(props)
                )
        except UnfinishedError as error:
            empty: dict[str, Any] = {**inputs, "rules": {}}
            outputs = set_outputs_of(empty, {}, account_id, owner.mark)
            outputs = outputs_with(outputs, props, error.ids)
            raise partial_failure(error, identity, outputs, props) from error
        outputs = set_outputs_of(props, ids, account_id, owner.mark)
        return CreateResult(identity, outputs)

    @shown_as_message
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """
        Read all rules; an exclusive set includes all other rules of the group.
        """
        place = location_of(props)
        props = {**props, "region": place.region}
        account_id = account_id_of(props)
        running().checked.begin_refresh(mark_of(props))
        lifecycle = running().set_lifecycle(place, running().owner(mark_of(props)))
        seen = lifecycle.read(
            members_of(props),
            account_id,
            adopt=bool(props.get("adopt")),
            keep=keep_of(props),
        )
        if seen is None:
            return ReadResult("", {})
        if not account_id:
            account_id = lifecycle.account_id([found.live.rule for found in seen])
        inputs, outputs = set_as_read(props, seen, account_id)
        return ReadResult(id_, outputs, inputs)

    @shown_as_message
    def update(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> UpdateResult:
        """
        Authorize new rules, modify those whose description or expiry differs, or that
        are adopted or were changed by hand, then revoke the others.
        """
        inputs = set_inputs_of(_news)
        secret = running().secrets_of(inputs)
        _refuse_changed(inputs, _olds, secret)
        members, rules = members_of(_olds), list(rules_of(_news).values())
        owner = running().updated_owner(mark_of(_olds), inputs)
        foreign = foreign_ids(members, rules) if running().ignores_rules(inputs) else ()
        account_id = account_id_of(_olds)
        try:
            lifecycle = running().set_lifecycle(location_of(_news), owner, secret)
            account_id = account_id or lifecycle.account_id(rules)
            with owner.ownership.acquiring(owner.mark):
                ids = lifecycle.update(
                    rules,
                    members,
                    adopt=bool(_news.get("adopt")),
                    keep=keep_of(_news),
                )
        except UnfinishedUpdateError as error:
            wanted = set_outputs_of(_news, error.ids, account_id, owner.mark, foreign)
            outputs = unfinished_outputs_of(_olds, wanted, error.to_revoke)
            raise partial_failure(error, _id, outputs, _news) from error
        except NotTakenBackError as error:
            known = {**_olds, "account_id": account_id, OWNER_MARK: owner.mark}
            outputs = outputs_with(known, _news, error.ids)
            raise partial_failure(error, _id, outputs, _news) from error
        finally:
            running().ownership.finish_change(m.rule_id for m in members if m.rule_id)
        return UpdateResult(set_outputs_of(_news, ids, account_id, owner.mark, foreign))

    @shown_as_message
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """
        Revoke the rules that the set declared.
        """
        owner = running().owner(mark_of(_props))
        running().set_lifecycle(location_of(_props), owner).delete(
            members_of(_props), account_id_of(_props)
        )


def _refuse_changed(
    inputs: dict[str, Any], olds: Mapping[str, Any], secret: frozenset[str]
) -> None:
    group_id = str(inputs.get("security_group_id") or "")

    def problems() -> list[Problem]:
        found = checked_rules(inputs.get("rules", []), olds, group_id, secret)
        return [*found.problems, *settings_problems(inputs, secret)]

    running().refuse_changed(inputs, problems)
