"""
The dynamic providers of both resources: the engine's calls, with dicts in and out.

The state contains a pickled provider object, so the object must have no attributes.
What a process has to remember is in `running()`. The state refers to the subclasses in
`resource` by name.
"""

from __future__ import annotations

import os
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from alicloud_ingress.ecs import config
from alicloud_ingress.engine.checks import (
    duplicate_rules,
    exclusive_set_conflicts,
    location_problems,
)
from alicloud_ingress.engine.declarations import DECLARATION, Declaration
from alicloud_ingress.engine.failure import (
    PROVIDER_KEY,
    PartialFailureError,
    shown_as_message,
)
from alicloud_ingress.engine.logs import log_to_stderr
from alicloud_ingress.engine.properties import (
    ARGUMENTS,
    OWNER_MARK,
    PLACE,
    inputs_as_read,
    inputs_of,
    is_same,
    mark_of,
    outputs_of,
    replaced,
    rule_id_of,
    rule_of,
)
from alicloud_ingress.engine.rule_arguments import check_rule
from alicloud_ingress.engine.runtime import Location, running, warn
from alicloud_ingress.engine.set_arguments import checked_rules, settings_problems
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
from alicloud_ingress.engine.thread_pool import widen_own_pool
from alicloud_ingress.engine.unknowns import has_unknown, is_unknown, unknown_among
from alicloud_ingress.errors import Problem, RuleNotConfirmedError
from alicloud_ingress.reconcile.ownership import new_mark

if TYPE_CHECKING:
    from alicloud_ingress.reconcile.plan import Member
    from alicloud_ingress.rules.live import LiveRule


class _Provider(ResourceProvider):
    """
    What both providers share.
    """

    serialize_as_secret_always = False

    def configure(self, req: ConfigureRequest) -> None:
        """
        Use the stack's configuration in this process.
        """
        log_to_stderr(os.environ, sys.argv[1:])
        widen_own_pool()
        running().configure(
            {
                key: value
                for key in config.KEYS
                if (value := req.config.get(key)) is not None
            }
        )


class RuleProvider(_Provider):
    """
    Manages one inbound rule.
    """

    @shown_as_message
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """
        Find all problems that need no call to ECS, and fill in the region.
        """
        inputs = inputs_of(news)
        unknown = unknown_among(ARGUMENTS, inputs)
        declaration = Declaration.read(news.get(DECLARATION))
        secret = declaration.secrets if declaration else frozenset[str]()
        running().on_checked(declaration, is_new=not _olds)
        checked = check_rule(
            inputs,
            unknown=unknown,
            secret=secret,
            exists=bool(_olds),
            keeps_priority=_olds.get("priority") == inputs.get("priority"),
        )
        problems = [
            *checked.problems,
            *location_problems(running(), inputs, unknown, secret),
        ]
        for text in checked.warnings:
            warn(text)
        if declaration and not problems and not unknown & {*PLACE, "profile"}:
            problems += exclusive_set_conflicts(
                running().declarations, declaration, inputs, exclusive=False
            )
        if declaration and not problems and not unknown:
            problems += duplicate_rules(
                running().declarations,
                declaration,
                inputs,
                rule_of(inputs),
                "security_group_id",
            )
        running().has_checked(inputs, declaration, is_new=not _olds)
        return CheckResult(inputs, _failures(problems, secret))

    @shown_as_message
    def diff(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> DiffResult:
        """
        Compare the meaning of old and new arguments, not their spelling.
        """
        unknown = unknown_among(ARGUMENTS, _news)
        inputs, mark = inputs_of(_news), mark_of(_olds)
        own = [rule_id_of(_olds)]
        if not unknown and is_same(_olds, _news):
            needed = running().has_compared(inputs, mark, own, staying=own)
            return DiffResult(changes=needed)
        replaces = replaced(_olds, _news, unknown)
        kept = [] if replaces else own
        running().has_compared(inputs, mark, own, staying=kept, leaving=kept)
        return DiffResult(changes=None, replaces=replaces)

    @shown_as_message
    def create(self, props: dict[str, Any]) -> CreateResult:
        """
        Authorize the rule and find its ID.
        """
        from alicloud_ingress.reconcile.plan import NotTakenBackError

        place, rule = _location_of(props), rule_of(props)
        inputs = inputs_of(props)
        owner, secret = running().new_owner(inputs), running().secrets_of(inputs)
        lifecycle = running().lifecycle(place, owner, secret)
        account_id = lifecycle.account_id([rule])

        def created(live: LiveRule) -> tuple[str, dict[str, Any]]:
            pending = f"{place.group_id}/pending/{uuid.uuid4().hex[:12]}"
            outputs = outputs_of(props, live, account_id, owner.mark)
            return live.rule_id or pending, outputs

        try:
            with owner.acquiring(NotTakenBackError):
                live = lifecycle.create(rule, adopt=bool(props.get("adopt")))
        except NotTakenBackError as error:
            raise _partial_failure(error, *created(error.left[rule]), props) from error
        return CreateResult(*created(live))

    @shown_as_message
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """
        Read the rule by ID, or by all of its fields if no ID is known.
        """
        place = _location_of(props)
        props = {**props, "region": place.region}
        rule = rule_of(props)
        rule_id = rule_id_of(props) or (id_ if id_.startswith("sgr-") else "")
        account_id = str(props.get("account_id") or "")
        mark = mark_of(props)
        lifecycle = running().lifecycle(place, running().owner(mark))
        live = lifecycle.read(
            rule,
            rule_id,
            account_id,
            adopt=bool(props.get("adopt")),
            # The state of an import or a `get` does not have it: nothing was created.
            pending=not rule_id and "security_group_rule_id" in props,
        )
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
        outputs = outputs_of(inputs, live, account_id, mark)
        return ReadResult(live.rule_id or id_, outputs, inputs)

    @shown_as_message
    def update(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> UpdateResult:
        """
        Modify the rule in place, by ID.
        """
        from alicloud_ingress.reconcile.plan import NotTakenBackError

        rule, rule_id = rule_of(_news), rule_id_of(_olds)
        mark = mark_of(_olds) or new_mark()
        account_id = str(_olds.get("account_id") or "")
        try:
            secret = running().secrets_of(inputs_of(_news))
            owner = running().owner(mark)
            lifecycle = running().lifecycle(_location_of(_news), owner, secret)
            account_id = account_id or lifecycle.account_id([rule])
            adopt = bool(_news.get("adopt"))
            with owner.acquiring(NotTakenBackError):
                live = lifecycle.update(rule_of(_olds), rule, rule_id, adopt=adopt)
        except NotTakenBackError as error:
            outputs = outputs_of(_news, error.left[rule], account_id, mark)
            raise _partial_failure(error, _id, outputs, _news) from error
        finally:
            running().ownership.finish_change([rule_id])
        return UpdateResult(outputs_of(_news, live, account_id, mark))

    @shown_as_message
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """
        Revoke the rule, unless another resource of this run has taken it over.
        """
        owner = running().owner(mark_of(_props))
        running().lifecycle(_location_of(_props), owner).delete(
            rule_of(_props), rule_id_of(_props), str(_props.get("account_id") or "")
        )


class RuleSetProvider(_Provider):
    """
    Manages a set of inbound rules.
    """

    @shown_as_message
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """
        Check every rule, and give each a key that follows from its content.
        """
        inputs = set_inputs_of(news)
        declaration = Declaration.read(news.get(DECLARATION))
        secret = declaration.secrets if declaration else frozenset[str]()
        running().on_checked(declaration, is_new=not _olds)
        unknown = unknown_among(SET_ARGUMENTS, news)
        checked = checked_rules(
            inputs.get("rules", []),
            _olds,
            str(inputs.get("security_group_id") or ""),
            is_unknown=is_unknown,
            secret=secret,
        )
        inputs["rules"] = checked.rules
        problems = [
            *checked.problems,
            *settings_problems(inputs, is_unknown=is_unknown, secret=secret),
            *location_problems(running(), inputs, unknown, secret),
        ]
        if declaration and not problems and not unknown & {*PLACE, "profile"}:
            problems += exclusive_set_conflicts(
                running().declarations,
                declaration,
                inputs,
                exclusive=inputs.get("exclusive") is True,
            )
            for path, rule in checked.known.items():
                problems += duplicate_rules(
                    running().declarations, declaration, inputs, rule, path
                )
        for text in checked.warnings:
            warn(text)
        running().has_checked(inputs, declaration, is_new=not _olds)
        return CheckResult(inputs, _failures(problems, secret))

    @shown_as_message
    def diff(
        self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]
    ) -> DiffResult:
        """
        Compare the meaning of old and new rules; the engine shows which keys differ.
        """
        members, mark = members_of(_olds), mark_of(_olds)
        inputs = set_inputs_of(_news)
        every = [m.rule_id for m in members if m.rule_id or m.pending]
        if has_unknown(inputs):
            staying = every
        elif is_same_set(_olds, _news, ignores_rules=running().ignores_rules(inputs)):
            needed = running().has_compared(inputs, mark, every, staying=every)
            return DiffResult(changes=needed)
        else:
            wanted = set(rules_of(_news).values())
            staying = _ids_of(member for member in members if member.rule in wanted)
        replaces = [
            name
            for name in PLACE
            if is_unknown(_news.get(name)) or _olds.get(name) != _news.get(name)
        ]
        if replaces:
            running().has_compared(inputs, mark, every)
        else:
            leaving = set(every).difference(staying)
            running().has_compared(
                inputs, mark, every, staying=staying, leaving=leaving
            )
        inputs_differ = any(_olds.get(n) != _news.get(n) for n in SET_ARGUMENTS)
        return DiffResult(changes=None if inputs_differ else True, replaces=replaces)

    @shown_as_message
    def create(self, props: dict[str, Any]) -> CreateResult:
        """
        Authorize all rules, in calls of up to a hundred, and find their IDs.
        """
        from alicloud_ingress.reconcile.plan import NotTakenBackError

        place = _location_of(props)
        inputs = set_inputs_of(props)
        owner, secret = running().new_owner(inputs), running().secrets_of(inputs)
        lifecycle = running().set_lifecycle(place, owner, secret)
        rules = list(rules_of(props).values())
        account_id = lifecycle.account_id(rules)
        identity = f"{place.group_id}/set/{uuid.uuid4().hex[:12]}"
        try:
            with owner.acquiring(NotTakenBackError):
                ids = lifecycle.create(
                    rules,
                    adopt=bool(props.get("adopt")),
                    exclusive=bool(props.get("exclusive")),
                    keep=keep_of(props),
                )
        except NotTakenBackError as error:
            empty: dict[str, Any] = {**inputs, "rules": {}}
            outputs = set_outputs_of(empty, {}, account_id, owner.mark)
            outputs = outputs_with(outputs, props, error.left)
            raise _partial_failure(error, identity, outputs, props) from error
        outputs = set_outputs_of(props, ids, account_id, owner.mark)
        return CreateResult(identity, outputs)

    @shown_as_message
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """
        Read all rules; an exclusive set includes all other rules of the group.
        """
        place = _location_of(props)
        props = {**props, "region": place.region}
        account_id = str(props.get("account_id") or "")
        lifecycle = running().set_lifecycle(place, running().owner(mark_of(props)))
        seen = lifecycle.read(
            members_of(props),
            account_id,
            adopt=bool(props.get("adopt")),
            exclusive=bool(props.get("exclusive")),
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
        Authorize new rules, modify changed ones, then revoke the others.
        """
        from alicloud_ingress.reconcile.plan import (
            NotTakenBackError,
            UnfinishedUpdateError,
        )

        place, members = _location_of(_news), members_of(_olds)
        owner = running().owner(mark_of(_olds) or new_mark())
        secret = running().secrets_of(set_inputs_of(_news))
        lifecycle = running().set_lifecycle(place, owner, secret)
        account_id = str(_olds.get("account_id") or "")
        rules = list(rules_of(_news).values())
        ignores_rules = running().ignores_rules(set_inputs_of(_news))
        foreign = foreign_ids(members, rules) if ignores_rules else frozenset[str]()
        try:
            account_id = account_id or lifecycle.account_id(rules)
            with owner.acquiring(UnfinishedUpdateError, NotTakenBackError):
                ids = lifecycle.update(
                    rules,
                    members,
                    adopt=bool(_news.get("adopt")),
                    exclusive=bool(_news.get("exclusive")),
                    keep=keep_of(_news),
                )
        except UnfinishedUpdateError as error:
            wanted = set_outputs_of(_news, error.ids, account_id, owner.mark, foreign)
            outputs = unfinished_outputs_of(_olds, wanted, error.left)
            raise _partial_failure(error, _id, outputs, _news) from error
        except NotTakenBackError as error:
            known = {**_olds, "account_id": account_id, OWNER_MARK: owner.mark}
            outputs = outputs_with(known, _news, error.left)
            raise _partial_failure(error, _id, outputs, _news) from error
        finally:
            running().ownership.finish_change(_ids_of(members))
        return UpdateResult(set_outputs_of(_news, ids, account_id, owner.mark, foreign))

    @shown_as_message
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """
        Revoke the rules that the set declared.
        """
        owner = running().owner(mark_of(_props))
        running().set_lifecycle(_location_of(_props), owner).delete(
            members_of(_props), str(_props.get("account_id") or "")
        )


def _failures(
    problems: Sequence[Problem], secret: AbstractSet[str]
) -> list[CheckFailure]:
    """
    The problems in the form of the engine.

    The engine shows the value of the property that a failure names. So a failure names
    none if the property contains a secret.
    """
    holding = {path.split("[", 1)[0] for path in secret}
    return [
        CheckFailure(
            "" if p.argument in holding else p.argument, f"{p.argument}: {p.reason}"
        )
        for p in problems
    ]


def _partial_failure(
    error: Exception,
    id_: str,
    outputs: Mapping[str, Any],
    news: Mapping[str, Any],
) -> PartialFailureError:
    """
    The error by which the engine saves outputs though the operation has failed.

    Args:
        error: that ended the operation.
        id_: of the resource.
        outputs: for the state.
        news: what the engine passed to the operation.
    """
    host = {key: value for key, value in news.items() if key == PROVIDER_KEY}
    return PartialFailureError(str(error), id_, {**outputs, **host}, news)


def _ids_of(members: Iterable[Member]) -> list[str]:
    return [member.rule_id for member in members if member.rule_id]


def _location_of(properties: Mapping[str, Any]) -> Location:
    profile = str(properties.get("profile") or "")
    region = str(properties.get("region") or "")
    return Location(
        group_id=str(properties["security_group_id"]),
        region=region or running().connection("", profile).region,
        profile=profile,
    )
