"""
The dynamic provider of one rule: the engine's calls, with dicts in and out.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import (
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    UpdateResult,
)

from alicloud_ingress.engine.arguments import check_rule
from alicloud_ingress.engine.checks import ResourceCheck
from alicloud_ingress.engine.declarations import DECLARATION
from alicloud_ingress.engine.failure import shown_as_message
from alicloud_ingress.engine.properties import (
    account_id_of,
    inputs_as_read,
    inputs_of,
    is_same,
    mark_of,
    outputs_of,
    replaced,
    rule_id_of,
    rule_of,
    update_time_of,
)
from alicloud_ingress.engine.provider import (
    Provider,
    location_of,
    partial_failure,
    result_of,
)
from alicloud_ingress.engine.runtime import running
from alicloud_ingress.engine.unknowns import unknown_among
from alicloud_ingress.errors import RuleNotConfirmedError
from alicloud_ingress.reconcile.unfinished import UnfinishedError

if TYPE_CHECKING:
    from alicloud_ingress.rules.live import LiveRule


class RuleProvider(Provider):
    """
    Manages one inbound rule.
    """

    @shown_as_message
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """
        Find all problems that need no call to ECS, and fill in the region.
        """
        inputs = inputs_of(news)
        check = ResourceCheck(running(), inputs, inputs_of(_olds), news)
        found = check_rule(
            inputs,
            unknown=check.unknown,
            secret=check.secret,
            exists=bool(_olds),
            keeps_priority=_olds.get("priority") == inputs.get("priority"),
        )
        check.problems += found.problems
        check.find_location_problems()
        is_whole = not check.problems and not check.unknown
        check.find_conflicts({"security_group_id": rule_of(inputs)} if is_whole else {})
        return result_of(check, found.warnings)

    @shown_as_message
    def diff(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> DiffResult:
        """
        Compare the meaning of old and new arguments, not their spelling.
        """
        inputs, mark = inputs_of(_news), mark_of(_olds)
        checked = running().checked.compared(inputs, inputs_of(_olds), mark)
        unknown = unknown_among(inputs)
        own = [rule_id_of(_olds)]
        if not unknown and is_same(_olds, _news):
            needed = running().record_comparison(checked, mark, own, staying=own)
            return DiffResult(changes=needed)
        replaces = replaced(_olds, _news, unknown)
        kept = [] if replaces else own
        running().record_comparison(checked, mark, own, staying=kept, leaving=kept)
        return DiffResult(changes=None, replaces=replaces)

    @shown_as_message
    def create(self, props: dict[str, Any]) -> CreateResult:
        """
        Authorize the rule and find its ID.
        """
        inputs = inputs_of(props)
        secret = running().secrets_of(inputs)
        _refuse_changed(inputs, secret)
        place, rule = location_of(props), rule_of(props)
        owner = running().new_owner(inputs)
        lifecycle = running().lifecycle(place, owner, secret)
        account_id = lifecycle.account_id([rule])

        def created(live: LiveRule) -> tuple[str, dict[str, Any]]:
            pending = f"{place.group_id}/pending/{uuid.uuid4().hex[:12]}"
            outputs = outputs_of(props, live, account_id, owner.mark)
            return live.rule_id or pending, outputs

        try:
            with owner.ownership.acquiring(owner.mark):
                live = lifecycle.create(rule, adopt=bool(props.get("adopt")))
        except UnfinishedError as error:
            raise partial_failure(
                error, *created(error.for_state[rule]), props
            ) from error
        return CreateResult(*created(live))

    @shown_as_message
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """
        Read the rule by ID, or by all of its fields if no ID is known.
        """
        from alicloud_ingress.reconcile.plan import Member

        place = location_of(props)
        props = {**props, "region": place.region}
        rule, mark = rule_of(props), mark_of(props)
        running().checked.begin_refresh(mark)
        # Only an import and a `get` go by the ID of the resource: it may be that of
        # another rule after an update that has made a new one.
        stated = props.get("security_group_rule_id")
        named = id_ if stated is None else str(stated)
        rule_id = named if named.startswith("sgr-") else ""
        account_id = account_id_of(props)
        lifecycle = running().lifecycle(place, running().owner(mark))
        member = Member(
            rule,
            rule_id,
            pending=stated == "",
            create_time=str(props.get("create_time") or ""),
            update_time=update_time_of(props),
        )
        live = lifecycle.read(member, account_id, adopt=bool(props.get("adopt")))
        if live is None and DECLARATION in props:
            # With DECLARATION, which check removes, this is a `get` of the program.
            # For an empty result the engine would report success.
            raise RuleNotConfirmedError(
                f"{id_} is not in {place.group_id} ({place.region}), so `get` has"
                " nothing to read; check the ID, the group and the region, with"
                f" `alicloud-ingress show --group {place.group_id}`."
            )
        if live is None:
            return ReadResult("", {})
        inputs = inputs_as_read(props, live.rule)
        account_id = account_id or lifecycle.account_id([rule])
        outputs = outputs_of(inputs, live, account_id, mark, member.update_time)
        return ReadResult(live.rule_id or id_, outputs, inputs)

    @shown_as_message
    def update(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> UpdateResult:
        """
        Modify the rule in place, by ID.
        """
        inputs = inputs_of(_news)
        secret = running().secrets_of(inputs)
        _refuse_changed(inputs, secret, exists=True)
        rule, rule_id = rule_of(_news), rule_id_of(_olds)
        owner = running().updated_owner(mark_of(_olds), inputs)
        account_id = account_id_of(_olds)

        def updated(live: LiveRule) -> dict[str, Any]:
            time = update_time_of(_olds)
            return outputs_of(_news, live, account_id, owner.mark, time)

        try:
            lifecycle = running().lifecycle(location_of(_news), owner, secret)
            account_id = account_id or lifecycle.account_id([rule])
            adopt = bool(_news.get("adopt"))
            with owner.ownership.acquiring(owner.mark):
                live = lifecycle.update(rule_of(_olds), rule, rule_id, adopt=adopt)
        except UnfinishedError as error:
            outputs = updated(error.for_state[rule])
            raise partial_failure(error, _id, outputs, _news) from error
        finally:
            running().ownership.finish_change([rule_id])
        return UpdateResult(updated(live))

    @shown_as_message
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """
        Revoke the rule, unless another resource of this run has taken it over.
        """
        owner = running().owner(mark_of(_props))
        running().lifecycle(location_of(_props), owner).delete(
            rule_of(_props), rule_id_of(_props), account_id_of(_props)
        )


def _refuse_changed(
    inputs: dict[str, Any], secret: frozenset[str], *, exists: bool = False
) -> None:
    running().refuse_changed(
        inputs,
        lambda: (
            check_rule(
                inputs,
                unknown=frozenset(),
                secret=secret,
                exists=exists,
                keeps_priority=exists,
            ).problems
        ),
    )
