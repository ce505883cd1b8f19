"""
Add many rules, or none: what a run that fails has added, it takes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from alicloud_ingress.ecs.reactions import OUTCOME_UNKNOWN, Call, Reaction, reaction
from alicloud_ingress.errors import (
    EcsError,
    NoAnswerError,
    RuleExistsError,
    RuleNotConfirmedError,
    as_sentence,
)
from alicloud_ingress.reconcile.context import ANOTHER_RESOURCE, RuleContext
from alicloud_ingress.reconcile.plan import Change, Index, ids_by_rule
from alicloud_ingress.reconcile.polling import (
    Moment,
    NotShownError,
    until_answered,
    until_shown,
)
from alicloud_ingress.reconcile.rule_group import RuleGroup, named
from alicloud_ingress.rules.rule import IngressRule


@dataclass(slots=True)
class Additions:
    """
    What one run adds to a group for its set.

    Args:
        group: the group, with calls for many rules.
        context: where the group is, and what its rules are judged by.
        before: IDs of the rules that were there when the run began.
        adopts: whether rules that existed before are to be taken over.
        sent: rules that may have been added, and whether ECS has said so.
        older: rules that somebody else made after `before` was read, by ID.
        began: when the run began.
    """

    group: RuleGroup
    context: RuleContext
    before: frozenset[str]
    adopts: bool = False
    sent: dict[IngressRule, bool] = field(default_factory=dict[IngressRule, bool])
    older: dict[str, IngressRule] = field(default_factory=dict[str, IngressRule])
    began: Moment = field(default_factory=Moment)

    def authorize(self, rules: Sequence[IngressRule]) -> None:
        """
        Send the rules; where no answer comes, look, and send what does not show.
        """
        until_answered(self.context.timeout_s)(self._authorize_left, list(rules))

    def _authorize_left(self, left: list[IngressRule]) -> None:
        """
        Send what is left, taking out of it what has been added.

        Raises:
            NoAnswerError: none came for some rules, and they do not show.
            EcsError: of the rule that was refused.
        """
        while left:
            unknown = self._send(left)
            group = self.context.read_after_unknown_outcome() if unknown else None
            seen = frozenset(ids_by_rule(unknown, group) if group else ())
            done = {rule for rule in left if self.sent.get(rule) or rule in seen}
            left[:] = [rule for rule in left if rule not in done]
            for rule, error in unknown.items():
                if rule not in seen:
                    raise self._told(rule, len(unknown), error) from error

    def _send(self, rules: Sequence[IngressRule]) -> Mapping[IngressRule, EcsError]:
        """
        Send rules, and note which of them may have been added.

        Returns:
            those of which it is open, with the reason.
        """
        open_before = frozenset(self.sent)
        self.sent |= dict.fromkeys(rules, False)
        outcomes = dict(self.group.authorize_all(rules))
        errors = {rule: error for rule, error in outcomes.items() if error}
        unknown = {r: e for r, e in errors.items() if isinstance(e, OUTCOME_UNKNOWN)}
        self.sent |= {rule: True for rule in outcomes if rule not in errors}
        for rule in rules:
            if not (self.sent[rule] or rule in unknown or rule in open_before):
                del self.sent[rule]
        for rule, error in errors.items():
            if rule not in unknown:
                raise self._told(rule, 1, error) from error
        return unknown

    def _told(self, rule: IngressRule, sent: int, error: EcsError) -> EcsError:
        """
        The error as one of a rule, or of all that were sent where no answer came.
        """
        of_all = isinstance(error, NoAnswerError) and sent > 1
        words = f"{rule.as_text} and {sent - 1} more" if of_all else rule.as_text
        return error.about(f"{words} in {self.context.where}")

    def adopt(self, duplicates: Sequence[Change]) -> None:
        """
        Hold the duplicates, so that no other resource revokes what this one takes over.
        """
        for duplicate in duplicates:
            self._acquire(
                self.context.owner.adopt, duplicate.live.rule_id, duplicate.wanted
            )

    def ids(self) -> dict[IngressRule, str]:
        """
        The IDs of the rules that were added, held against other resources.
        """
        ids = self._shown(list(self.sent))
        older = named(f"{id_} ({rule.as_text})" for id_, rule in self.older.items())
        if older and not self.adopts:
            raise RuleExistsError(
                f"AuthorizeSecurityGroup added not all rules: somebody has just made"
                f" {older} in {self.context.where}. Set adopt=True to take over what"
                " exists, or remove it from the set."
            )
        if older:
            self.context.warn(f"{older}: there before, and adopted")
        for rule, rule_id in ids.items():
            acquire = self.context.owner.record_created
            if rule_id in self.older:
                acquire = self.context.owner.adopt
            self._acquire(acquire, rule_id, rule)
        return ids

    def _acquire(
        self, acquire: Callable[[str], bool], rule_id: str, rule: IngressRule
    ) -> None:
        if rule_id and not acquire(rule_id):
            raise RuleExistsError(
                f"{rule_id} ({rule.as_text}) of {self.context.where} belongs to"
                f" {ANOTHER_RESOURCE}. One rule is one resource: remove it from one"
                " of the two; if it is moving from the other, run `pulumi up` again."
            )

    def _shown(self, rules: Sequence[IngressRule]) -> dict[IngressRule, str]:
        """
        The IDs of new rules, "" where one does not show in time.
        """
        ids = dict.fromkeys(rules, "")
        if not rules:
            return ids
        try:
            until_shown(self.context.timeout_s)(self._look_for, ids)
        except NotShownError:
            hidden = named(rule.as_text for rule, id_ in ids.items() if not id_)
            self.context.warn(
                f"{hidden} in {self.context.where}: made, and not to be seen yet;"
                " `pulumi refresh` fills in what is missing"
            )
        except EcsError as error:
            self.context.warn(
                f"{len(rules)} rules were made in {self.context.where}, and their IDs"
                f" could not be read ({error.code}); `pulumi refresh` fills them in"
            )
        return ids

    def _look_for(self, ids: dict[IngressRule, str]) -> None:
        group = self.context.read_now()
        index = Index(group)
        shown = {rule: live for rule in ids if (live := index.matching(rule))}
        for rule, live in shown.items():
            ids[rule] = live.rule_id
            if self.began.is_after(live, group):
                self.older[live.rule_id] = rule
        if len(shown) < len(ids):
            raise NotShownError

    def take_back(self, error: Exception) -> None:
        """
        Remove by ID what a failed run has added, and name what may stay.

        Raises:
            RuleNotConfirmedError: something may stay, or come late.
        """
        if not self.sent:
            return
        try:
            hidden = self._hidden_after_taking_back()
            for rule, refusal in self.group.revoke_all_by_attributes(hidden):
                if refusal is not None:
                    raise refusal.about(rule.as_text)
        except EcsError as refusal:
            raise RuleNotConfirmedError(
                f"{as_sentence(error)} What this run had added could not be taken back"
                f" ({refusal}), so these may exist in {self.context.where}:"
                f" {_words(self.sent)}. Look with `alicloud-ingress show`; `pulumi up`"
                " with adopt=True takes them over."
            ) from error
        if hidden:
            raise RuleNotConfirmedError(
                f"{as_sentence(error)} What this run had added was taken back, and what"
                f" does not show was revoked in case it comes late: {_words(hidden)}."
                " Run `pulumi up` again once ECS answers."
            ) from error

    def _hidden_after_taking_back(self) -> list[IngressRule]:
        """
        Revoke by ID all that the run has added and that shows.

        Returns:
            what was sent, and does not show.
        """
        ids = {rule: "" for rule, made in self.sent.items() if made}
        with suppress(NotShownError):
            until_shown(self.context.timeout_s)(self._look_for, ids)
        ids |= ids_by_rule(self.sent, self.context.read_now())
        ours = [
            id_
            for id_ in ids.values()
            if id_
            and id_ not in self.before
            and id_ not in self.older
            and not self.context.owner.is_anothers(id_)
        ]
        for rule_id, error in self.group.revoke_all_by_id(ours):
            if (
                error
                and reaction(Call.REVOKE_BY_ID, error) is not Reaction.ALREADY_DONE
            ):
                raise error.about(rule_id)
        return [rule for rule in self.sent if not ids.get(rule)]


def _words(rules: Iterable[IngressRule]) -> str:
    return named(rule.as_text for rule in rules)
