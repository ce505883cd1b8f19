"""
Add rules, verify each by a read, and take back what a run that fails has added.

ECS answers 200 to an Authorize of a rule that exists, and no answer holds a rule ID.
Only a read shows what came of a call, which ID a rule has, and who made it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from alicloud_ingress.ecs.reactions import (
    Reaction,
    Write,
    is_outcome_unknown,
    reaction,
    settles_attempts_before,
)
from alicloud_ingress.errors import (
    EcsError,
    NoAnswerError,
    RuleExistsError,
    RuleNotConfirmedError,
    as_sentence,
    located,
)
from alicloud_ingress.reconcile.context import (
    ANOTHER_RESOURCE,
    EXCHANGE,
    RuleContext,
)
from alicloud_ingress.reconcile.delete import Removals
from alicloud_ingress.reconcile.plan import Change, Member
from alicloud_ingress.reconcile.polling import (
    SHOWN_AGAIN_WITHIN_S,
    Moment,
    read_until,
    until_answered,
)
from alicloud_ingress.reconcile.unfinished import not_taken_back
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule

WAYS_TO_REPLACE = (
    "set delete_before_replace=True in its ResourceOptions, or adopt=True, or undo a"
    " taint by `pulumi state untaint`."
)
FORCED_REPLACEMENT = f"To replace this resource by an identical one, {WAYS_TO_REPLACE}"
PERHAPS_REPLACED = (
    "If the engine is replacing this resource (`--replace`, `pulumi state taint`),"
    f" {WAYS_TO_REPLACE}"
)
"""
What helps where a rule that is to be created exists, and may be that of the resource
itself: the engine does not distinguish a replacement from a new resource.
"""


def exists_error(
    context: RuleContext, duplicates: Sequence[LiveRule]
) -> RuleExistsError:
    """
    The error for rules that are to be created and exist already, with what to do.
    """
    knows = context.owner.ownership.knows
    forced = any(live.rule_id in context.owner.replaces for live in duplicates)
    held = [live for live in duplicates if knows(live.rule_id)]
    if held and not forced:
        return held_error(context, held)
    exists = (
        f"AuthorizeSecurityGroup adds no rule that exists, and {context.where} has"
        f" {context.live_words(duplicates)}."
    )
    if forced:
        return RuleExistsError(f"{exists} {FORCED_REPLACEMENT}")
    hint = "" if context.is_set else " To manage it from here, import it by its ID."
    return RuleExistsError(
        f"{exists} {PERHAPS_REPLACED} If it was renamed, set an alias"
        f" (ResourceOptions(aliases=[...])).{hint} If an"
        " interrupted run created it, or it is to be taken over as it is, set"
        " adopt=True."
    )


def held_error(context: RuleContext, held: Sequence[LiveRule]) -> RuleExistsError:
    """
    The error for rules that another resource has, so that `adopt` does not help.
    """
    return RuleExistsError(
        f"{context.where} has {context.live_words(held)} already, for"
        f" {ANOTHER_RESOURCE}. One rule is one resource: remove one of the two, or let"
        " them differ in priority;"
        f" if it is moving from the other, run `pulumi up` again. {EXCHANGE}"
    )


@dataclass(slots=True)
class Additions:
    """
    What one run adds to a group.

    Args:
        context: of the group.
        before: IDs of the rules that existed when the run began.
        adopts: whether rules that somebody else made are to be taken over.
        in_state: the rules that the state has already and that no read has shown. They
            are the resource's: a run that fails revokes none of them.
        sent: rules that may have been added, and whether ECS has confirmed it.
        shown: those of them that a read has shown.
        own: those of them that the state has, by what they are to be.
        by_others: those of them that this run did not make, by what they are to be.
        is_read: whether the group was read after the last call.
        unread: why that read failed.
        asked: the rules that were to be sent.
        began: when the run began.
    """

    context: RuleContext
    before: frozenset[str]
    adopts: bool
    in_state: Mapping[IngressRule, Member]
    sent: dict[IngressRule, bool] = field(default_factory=dict[IngressRule, bool])
    shown: dict[IngressRule, LiveRule] = field(
        default_factory=dict[IngressRule, LiveRule]
    )
    own: dict[IngressRule, Change] = field(default_factory=dict[IngressRule, Change])
    by_others: dict[IngressRule, Change] = field(
        default_factory=dict[IngressRule, Change]
    )
    is_read: bool = False
    unread: EcsError | None = None
    asked: list[IngressRule] = field(default_factory=list[IngressRule])
    began: Moment = field(default_factory=Moment)

    def authorize(self, rules: Sequence[IngressRule]) -> None:
        """
        Send rules. Where the outcome is unknown, read, and send again what is missing.
        """
        owner, group_id = self.context.owner, self.context.group.group_id
        self.asked += rules
        owner.ownership.unseen.begin_sending(group_id, rules, owner.mark)
        until_answered(self.context.timeout_s)(self._authorize_missing, list(rules))

    def end(self, kept: Mapping[IngressRule, LiveRule]) -> None:
        """
        Let other resources revoke what this one has not kept.

        Args:
            kept: the rules that the resource has now, besides those of its state.
        """
        hidden = {rule for rule, live in kept.items() if not live.rule_id}
        hidden.update(
            rule
            for rule, member in self.in_state.items()
            if not member.rule_id and rule not in self.shown
        )
        owner, group_id = self.context.owner, self.context.group.group_id
        owner.ownership.unseen.end_sending(group_id, self.asked, owner.mark, hidden)

    def _authorize_missing(self, missing: list[IngressRule]) -> None:
        """
        Send what is missing, and take out of it what has been added.

        Raises:
            NoAnswerError: the outcome of some rules is unknown, and no read shows them.
            EcsError: of the rule that was refused.
        """
        while missing:
            unknown = self._send(missing)
            if unknown:
                self._read()
            missing[:] = [
                r for r in missing if not (self.sent.get(r) or r in self.shown)
            ]
            for rule, error in unknown.items():
                if rule not in self.shown:
                    raise self._error_about(rule, len(unknown), error) from error

    def _send(self, rules: Sequence[IngressRule]) -> Mapping[IngressRule, Exception]:
        """
        Send rules, and note which of them may have been added.

        Returns:
            those whose outcome is unknown, with the reason.
        """
        self.is_read, self.unread = False, None
        unknown_before = set(self.sent)
        self.sent |= dict.fromkeys(rules, False)
        outcomes = dict(self.context.group.authorize_all(rules))
        errors = {rule: error for rule, error in outcomes.items() if error}
        unknown = {r: e for r, e in errors.items() if is_outcome_unknown(e)}
        self.sent |= {rule: True for rule in outcomes if rule not in errors}
        # Most refusals do not show that the attempt before them had no effect.
        unknown_before -= {r for r, e in errors.items() if settles_attempts_before(e)}
        for rule in rules:
            if not (self.sent[rule] or rule in unknown or rule in unknown_before):
                del self.sent[rule]
        for rule, error in errors.items():
            if rule not in unknown:
                raise self._error_about(rule, 1, error) from error
        return unknown

    def _error_about(self, rule: IngressRule, sent: int, error: Exception) -> Exception:
        """
        The error, naming one rule, or all that were sent where no answer came.
        """
        of_all = isinstance(error, NoAnswerError) and sent > 1
        words = self.context.words(rule)
        words = f"{words} and {sent - 1} more" if of_all else words
        return located(error, f"{words} in {self.context.where}")

    def adopt(self, duplicates: Iterable[Change]) -> None:
        """
        Claim rules that existed before, so that no other resource revokes them.

        Raises:
            RuleExistsError: another resource has some of them.
        """
        owner = self.context.owner
        held = [
            change.live
            for change in duplicates
            if (rule_id := change.live.rule_id)
            and not owner.ownership.adopt(rule_id, owner.mark)
        ]
        if held:
            raise held_error(self.context, held)

    def claim(self) -> dict[IngressRule, LiveRule]:
        """
        Wait until the rules that were sent show, and claim them for this resource.

        Returns:
            the rules that this run has added; one that does not show in time has no ID.

        Raises:
            RuleExistsError: somebody else made some of them, and they are not adopted,
                or another resource has them.
        """
        self._warn_of_hidden()
        if self.by_others and not self.adopts:
            raise exists_error(self.context, [c.live for c in self.by_others.values()])
        self.adopt(self.by_others.values())
        ours = {r: live for r, live in self.shown.items() if r not in self.by_others}
        own_ids = {member.rule_id for member in self.in_state.values()}
        owner = self.context.owner
        held = {
            rule: Change(live, rule)
            for rule, live in ours.items()
            if live.rule_id
            and live.rule_id not in own_ids
            and not owner.ownership.record_created(live.rule_id, owner.mark)
        }
        if held:
            self.by_others |= held
            raise held_error(self.context, [change.live for change in held.values()])
        added = {
            rule: ours.get(rule) or LiveRule(rule, rule_id="", create_time="")
            for rule in self.sent
            if rule not in self.by_others and rule not in self.own
        }
        self.end(added | {r: change.live for r, change in self.own.items()})
        return added

    @property
    def _hidden(self) -> list[IngressRule]:
        """
        The rules that were added for certain, and that no read has shown.
        """
        return [r for r, made in self.sent.items() if made and r not in self.shown]

    def _warn_of_hidden(self) -> None:
        if self._hidden:
            self._read_until_shown(self._hidden)
        if hidden := self._hidden:
            unread = self.unread and f"its ID could not be read ({self.unread.code})"
            self.context.warn(
                f"Created in {self.context.where}, but"
                f" {unread or 'it does not show yet'}:"
                f" {self.context.words_of_all(hidden)}. The state has it without"
                " its ID, which the next `pulumi up` or `pulumi refresh` reads"
            )

    def _read_until_shown(self, rules: Sequence[IngressRule]) -> None:
        """
        Read until all these rules show, or a read fails.
        """

        def is_over() -> bool:
            self._read()
            return self.unread is not None or self.shown.keys() >= {*rules}

        read_until(is_over, self.context.timeout_s)

    def _read(self) -> None:
        """
        Read once, and note which rules show, and which of them this run did not make.
        """
        shared = self.context.group
        read_first = partial(shared.read_authorized, tuple(self.sent))
        read = shared.read_now if self.is_read else read_first
        self.is_read, self.unread = True, None
        try:
            group = self._without_contradiction(read())
        except EcsError as error:
            self.unread = error
            return
        for rule in self.sent:
            if live := group.matching(rule):
                self.shown[rule] = live
                change = Change(group.in_terms_of(rule, live), rule)
                member = self.in_state.get(rule)
                if member and member.rule_id in ("", live.rule_id):
                    self.own[rule] = replace(change, state=member.rule)
                elif live.rule_id in self.before or self.began.is_later_than(
                    live, group
                ):
                    self.by_others[rule] = change

    def _without_contradiction(self, group: LiveGroup) -> LiveGroup:
        """
        The group, read again while the read before contradicts it: one of the two is
        late.
        """
        group = self.context.without_revoked(group)
        found: dict[IngressRule, str] = {}

        def is_believed() -> bool:
            nonlocal group, found
            before, found = found, self._found_without_id(group)
            if found.items() - before.items() or any(
                self._contradicts(rule, group) for rule in self.sent
            ):
                group = self.context.without_revoked(self.context.group.read_now())
                return False
            return True

        read_until(is_believed, self.context.timeout_s, SHOWN_AGAIN_WITHIN_S)
        unsure = self._found_without_id(group).items() - found.items()
        return group.without([rule_id for _, rule_id in unsure])

    def _found_without_id(self, group: LiveGroup) -> dict[IngressRule, str]:
        """
        The IDs that a read shows of rules that the state has without one. A late read
        may show an identical rule that was deleted before.
        """
        return {
            rule: live.rule_id
            for rule, member in self.in_state.items()
            if not member.rule_id and (live := group.matching(rule))
        }

    def _contradicts(self, rule: IngressRule, group: LiveGroup) -> bool:
        """
        Whether the group has a rule that is older than this run and that the read
        before it lacked, so that it is perhaps deleted or changed. One whose ID was
        never known shows late.
        """
        live, member = group.matching(rule), self.in_state.get(rule)
        if live is None or (member and not member.rule_id):
            return False
        older = {member.rule_id, *self.before} if member else self.before
        return live.rule_id in older or self.began.is_later_than(live, group)

    def take_back(self, error: Exception) -> None:
        """
        Revoke what a run has added before it failed, and name what may be left.

        Args:
            error: why the run failed.

        Raises:
            NotTakenBackError: rules are left, or may be.
            RuleNotConfirmedError: a rule that ECS has not confirmed may appear late.
        """
        for rule, member in self.in_state.items():
            if rule in self.own or not member.rule_id:
                self.sent.pop(rule, None)
        if not self.sent:
            return
        try:
            left, reason = self._revoke_sent()
        except Exception as trouble:  # noqa: BLE001 - the rules exist, whatever it is
            left, reason = self._as_shown(self.sent), trouble
        self._raise_if_left(error, left, reason)
        if without_id := self._without_id:
            raise RuleNotConfirmedError(
                f"{as_sentence(error)} What this run had added was taken back, and what"
                " does not show was revoked in case it appears late:"
                f" {self.context.words_of_all(without_id)}. Run `pulumi up` again once"
                " ECS answers."
            ) from error

    def _revoke_sent(
        self,
    ) -> tuple[Mapping[IngressRule, LiveRule], Exception | None]:
        """
        Revoke all that was sent: by ID what shows. What does not show may appear late,
        so it is revoked once by its attributes, which proves nothing.

        Returns:
            the rules that are not proven to be gone, and why; not those that ECS has
            neither confirmed nor shown, where it has answered all of these calls.
        """
        if self._hidden or not self.is_read:
            self._read_until_shown(self._hidden)
        refusal: Exception | None = None
        awaited: list[IngressRule] = []
        without_id = self._without_id
        for rule, answer in self.context.group.revoke_all_by_attributes(without_id):
            meaning = answer and reaction(Write.REVOKE_BY_ATTRIBUTES, answer)
            if meaning is Reaction.READ_REPEATEDLY:
                awaited.append(rule)
            elif answer and meaning is not Reaction.READ_GROUP:
                refusal = located(answer, self.context.words(rule))
        if awaited:
            self._read_until_shown(awaited)
        left, reason = self._revoke_shown()
        reason, without_id = refusal or reason or self.unread, self._without_id
        if reason or any(self.sent[r] or r in self.shown for r in without_id):
            left |= self._as_shown(without_id)
        hidden = self.in_state.keys() & self.sent.keys() - self.shown.keys()
        return left | self._as_shown(hidden), reason

    @property
    def _without_id(self) -> list[IngressRule]:
        """
        The rules that this run may have added, and that no read shows with an ID. Those
        of the state that do not show are not among them: they may have existed before.
        """
        shown = {rule for rule, live in self.shown.items() if live.rule_id}
        known = shown | self.by_others.keys() | self.in_state.keys() - self.shown.keys()
        return [rule for rule in self.sent if rule not in known]

    def _as_shown(self, rules: Iterable[IngressRule]) -> dict[IngressRule, LiveRule]:
        """
        Rules that this run may have added, without an ID where no read shows one.
        """
        return {
            rule: self.shown.get(rule) or LiveRule(rule, rule_id="", create_time="")
            for rule in rules
            if rule not in self.by_others
        }

    def _raise_if_left(
        self, error: Exception, left: Mapping[IngressRule, LiveRule], reason: object
    ) -> None:
        """
        Name the rules that could not be taken back, and claim them.
        """
        owner = self.context.owner
        left = {
            rule: live
            for rule, live in left.items()
            if not live.rule_id
            or owner.ownership.record_created(live.rule_id, owner.mark)
        }
        if not left:
            return
        owner.ownership.leave_behind(left, owner.mark)
        words = self.context.words_with_ids(
            (r, live.rule_id) for r, live in left.items()
        )
        raise not_taken_back(
            error,
            "This run could not verify that what it had added is revoked"
            f" ({reason or 'it does not show yet'}), so these may exist in"
            f" {self.context.where}: {words}.",
            left,
        ) from error

    def _revoke_shown(self) -> tuple[dict[IngressRule, LiveRule], Exception | None]:
        """
        Revoke by ID what this run has added.

        Returns:
            the rules that are left, and why.
        """
        there_before = self.by_others.keys() | self.own.keys()
        ours = {
            rule: live
            for rule, live in self.shown.items()
            if live.rule_id and rule not in there_before
        }
        removals = Removals(self.context)
        reason: Exception | None = None
        try:
            removals.revoke([Member(rule, live.rule_id) for rule, live in ours.items()])
        except Exception as error:  # noqa: BLE001 - the rules exist, whatever it is
            reason = error
        done = removals.gone | removals.left_to_others
        return {rule: live for rule, live in ours.items() if rule not in done}, reason
