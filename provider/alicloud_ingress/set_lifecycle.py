"""
Create, read, update and delete a set of rules, with few calls.

Every promise for a single rule holds for each rule of a set. A set is done as a
whole or not at all: what a failed run has added it takes back, and what it cannot
take back it names.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

import stamina

from alicloud_ingress.answers import Call, Reaction, reaction
from alicloud_ingress.batches import MOST_ENTRIES, Outcome
from alicloud_ingress.errors import (
    EcsError,
    GroupNotFoundError,
    NoAnswerError,
    RuleExistsError,
    RuleNotConfirmedError,
)
from alicloud_ingress.lifecycle import SHOWN_WITHIN_S, Group, RuleLifecycle
from alicloud_ingress.live import LiveRule
from alicloud_ingress.rule import IngressRule
from alicloud_ingress.ruleset import (
    Change,
    Index,
    Keep,
    Member,
    Plan,
    Seen,
    ids_by_rule,
    planned,
    refreshed,
)

CHANGES_AT_ONCE = 8
"""
ModifySecurityGroupRule takes one rule a call.
"""
MOST_NAMED = 20
"""
Rules that a message names one by one.
"""


class RuleGroup(Group, Protocol):
    """
    The security group of the set.
    """

    def authorize_all(
        self, rules: Sequence[IngressRule]
    ) -> Iterator[Outcome[IngressRule]]:
        """Add rules, telling each one's outcome."""
        ...

    def revoke_all_by_id(self, rule_ids: Sequence[str]) -> Iterator[Outcome[str]]:
        """Remove rules by ID, telling each one's outcome."""
        ...

    def revoke_all_by_attributes(
        self, rules: Sequence[IngressRule]
    ) -> Iterator[Outcome[IngressRule]]:
        """Remove rules by all that names them, telling each one's outcome."""
        ...


class _NotShownError(Exception):
    """
    Some rule does not show yet.
    """


@dataclass(slots=True)
class _Added:
    """
    What a run has added so far, to be taken back if it fails.

    Args:
        before: IDs of the rules that were there when it began.
        sent: rules that may have been added.
        made: rules among them of which ECS has said so.
        claimed: IDs that the run holds for its set.
    """

    before: frozenset[str]
    sent: list[IngressRule] = field(default_factory=list[IngressRule])
    made: list[IngressRule] = field(default_factory=list[IngressRule])
    claimed: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class SetLifecycle:
    """
    What can be done with a set of rules of one group.

    Args:
        group: the group, with calls for many rules.
        one: what can be done with a single rule of it.
    """

    group: RuleGroup
    one: RuleLifecycle

    def create(
        self,
        wanted: Sequence[IngressRule],
        *,
        adopt: bool = False,
        exclusive: bool = False,
        keep: Keep | None = None,
    ) -> Mapping[IngressRule, str]:
        """
        Make the rules, and return their IDs ("" where one does not show in time).

        An exclusive set removes nothing here, since no preview has named it.

        Raises:
            RuleExistsError: some are there already, and are not adopted.
            RuleNotConfirmedError: some got no answer and never showed.
        """
        return self.update(
            wanted, (), adopt=adopt, exclusive=exclusive, keep=keep or Keep()
        )

    def read(
        self,
        members: Sequence[Member],
        account_id: str,
        *,
        adopt: bool = False,
        exclusive: bool = False,
        keep: Keep | None = None,
    ) -> tuple[Seen, ...] | None:
        """
        The set as it stands; None if the group is gone.
        """
        with self._speaking_of(f"a set of {len(members)} rules"):
            try:
                group = self.group.look()
            except GroupNotFoundError as error:
                self.one.believe_group_gone(error, account_id, ask_again=True)
                return None
        return refreshed(members, group, exclusive=exclusive, keep=keep, adopt=adopt)

    def update(
        self,
        wanted: Sequence[IngressRule],
        members: Sequence[Member],
        *,
        adopt: bool = False,
        exclusive: bool = False,
        keep: Keep | None = None,
    ) -> Mapping[IngressRule, str]:
        """
        Bring the set from what the state holds to what is wanted.

        Adds, changes, and only then removes. If anything fails, what was added is
        taken back.

        Returns:
            the ID of each wanted rule; "" where one does not show in time.
        """
        with self._speaking_of(f"a set of {len(wanted)} rules"):
            group = self.group.look()
        plan = planned(wanted, members, group, exclusive=exclusive, keep=keep)
        self._refuse_twins(plan.twins, adopt=adopt)
        added = _Added(frozenset(live.rule_id for live in group.rules))
        try:
            self._authorize(plan.authorize, added)
            known = self._ids(plan, added)
            self._change(plan)
            self._revoke(plan.revoke)
        except Exception as error:
            self._take_back(added, error)
            raise
        self._tell(plan)
        return known

    def delete(self, members: Sequence[Member], account_id: str) -> None:
        """
        Remove the rules that the set declared, by ID where known, all proven.

        Raises:
            RuleNotConfirmedError: some are still there.
        """
        try:
            self._revoke([member for member in members if member.declared])
        except GroupNotFoundError as error:
            self.one.believe_group_gone(error, account_id, ask_again=False)

    @contextmanager
    def _speaking_of(self, subject: str) -> Generator[None, None, None]:
        """
        Let an error of ECS say what it is about.
        """
        try:
            yield
        except EcsError as error:
            raise self._about(error, subject) from error

    def _about(self, error: EcsError, subject: str) -> EcsError:
        return error.about(f"{subject} in {self.one.where}")

    def _refuse_twins(self, twins: Sequence[Change], *, adopt: bool) -> None:
        """
        Let twins pass only where they are adopted and nobody else's.
        """
        held = [twin.live for twin in twins if self.one.claims.holds(twin.live.rule_id)]
        if held:
            raise RuleExistsError(
                f"AuthorizeSecurityGroup was not sent: {self.one.where} holds"
                f" {_named(_live_words(held))} for another resource of this stack. One"
                " rule is one resource: remove it from one of the two; if it is"
                " moving from the other, run `pulumi up` again once that is done."
            )
        if twins and not adopt:
            there = _named(_live_words(twin.live for twin in twins))
            raise RuleExistsError(
                f"AuthorizeSecurityGroup was not sent: {self.one.where} holds already"
                f" {there}. If the set was renamed, give it an alias"
                " (ResourceOptions(aliases=[...])); if a run was interrupted, or the"
                " rules are to be taken over as they are, set adopt=True."
            )

    def _authorize(self, rules: Sequence[IngressRule], added: _Added) -> None:
        """
        Send the rules; where no answer comes, look, and send what does not show.
        """
        left = list(rules)
        for attempt in stamina.retry_context(
            on=NoAnswerError, attempts=None, timeout=self.one.timeout_s, wait_max=10.0
        ):
            with attempt:
                while left:
                    part = left[:MOST_ENTRIES]
                    try:
                        self._authorize_part(part, added)
                    except NoAnswerError:
                        seen = self._seen_after_silence(part)
                        left = [rule for rule in left if rule not in seen]
                        if not seen.issuperset(part):
                            raise
                    else:
                        left = left[MOST_ENTRIES:]

    def _authorize_part(self, part: Sequence[IngressRule], added: _Added) -> None:
        added.sent += part
        for rule, error in self.group.authorize_all(part):
            if error is not None:
                raise self._about(error, _which(rule, len(part), error)) from error
            added.made.append(rule)

    def _seen_after_silence(self, rules: Sequence[IngressRule]) -> set[IngressRule]:
        try:
            return set(ids_by_rule(rules, self.group.prove()))
        except EcsError:
            return set()

    def _ids(self, plan: Plan, added: _Added) -> dict[IngressRule, str]:
        """
        The IDs of all wanted rules, held against other resources.
        """
        ids = {c.wanted: c.live.rule_id for c in (*plan.own, *plan.twins)}
        ids |= self._shown(plan.authorize)
        new = [*plan.authorize, *(twin.wanted for twin in plan.twins)]
        for rule in new:
            rule_id = ids[rule]
            if not rule_id:
                continue
            if not self.one.claims.take(rule_id):
                raise RuleExistsError(
                    f"{rule_id} ({rule.in_words}) of {self.one.where} belongs to"
                    " another resource of this stack. One rule is one resource:"
                    " remove it from one of the two."
                )
            added.claimed.append(rule_id)
        return ids

    def _shown(self, rules: Sequence[IngressRule]) -> dict[IngressRule, str]:
        """
        The IDs of new rules, "" where one does not show in time.
        """
        ids = dict.fromkeys(rules, "")
        if not rules:
            return ids
        try:
            self._look_for(ids)
        except _NotShownError:
            hidden = _named(rule.in_words for rule, id_ in ids.items() if not id_)
            self.one.warn(
                f"{hidden} in {self.one.where}: made, and not to be seen yet;"
                " `pulumi refresh` fills in what is missing"
            )
        except EcsError as error:
            self.one.warn(
                f"{len(rules)} rules were made in {self.one.where}, and their IDs could"
                f" not be read ({error.code}); `pulumi refresh` fills them in"
            )
        return ids

    def _look_for(self, ids: dict[IngressRule, str]) -> None:
        for attempt in stamina.retry_context(
            on=_NotShownError,
            attempts=None,
            timeout=min(SHOWN_WITHIN_S, self.one.timeout_s),
            wait_initial=0.1,
            wait_max=4.0,
            wait_jitter=0.1,
        ):
            with attempt:
                ids.update(ids_by_rule(ids, self.group.prove()))
                if not all(ids.values()):
                    raise _NotShownError

    def _change(self, plan: Plan) -> None:
        needed = [c for c in (*plan.own, *plan.twins) if c.is_needed]
        if not needed:
            return
        with ThreadPoolExecutor(min(CHANGES_AT_ONCE, len(needed))) as pool:
            list(pool.map(self._change_one, needed))

    def _change_one(self, change: Change) -> None:
        with self._speaking_of(f"{change.live.rule_id} ({change.wanted.in_words})"):
            self.one.send_change(change.live, change.wanted)

    def _revoke(self, members: Sequence[Member]) -> None:
        """
        Remove members: by ID if known, else by their whole quintuples, proven.
        """
        held = [m for m in members if self.one.claims.holds(m.rule_id)]
        for member in held:
            self.one.warn(
                f"{member.rule_id} now belongs to another resource of this stack"
                " and is not revoked"
            )
        ours = [member for member in members if member not in held]
        by_id = {member.rule_id: member.rule for member in ours if member.rule_id}
        left = self._left_by_revoking_ids(by_id)
        unknown = [member.rule for member in ours if not member.rule_id]
        left += self._left_by_revoking_attributes(unknown)
        if left:
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup left {_named(left)} in {self.one.where}; run"
                " `pulumi refresh`, then the same command again."
            )

    def _left_by_revoking_ids(self, rules: Mapping[str, IngressRule]) -> list[str]:
        """
        Revoke by ID; a 200 is proof, and what is gone never falls back.
        """
        gone: dict[str, EcsError] = {}
        doubtful: dict[str, EcsError] = {}
        for rule_id, error in self.group.revoke_all_by_id(list(rules)):
            if error is None:
                continue
            asked = reaction(Call.REVOKE_BY_ID, error)
            if asked is Reaction.DONE:
                gone[rule_id] = error
            elif asked is Reaction.LOOK:
                doubtful[rule_id] = error
            else:
                words = f"{rule_id} ({rules[rule_id].in_words})"
                raise self._about(error, words) from error
        index = Index(self.group.prove()) if doubtful else None
        left = [id_ for id_ in doubtful if index and index.by_id(id_)]
        self._name_twins_of({*gone, *doubtful}.difference(left), rules)
        return [
            f"{rule_id} ({rules[rule_id].in_words}; {doubtful[rule_id].code},"
            f" RequestId {doubtful[rule_id].request_id})"
            for rule_id in left
        ]

    def _name_twins_of(
        self, gone: Iterable[str], rules: Mapping[str, IngressRule]
    ) -> None:
        """
        Warn of rules that equal what is gone and are somebody else's.
        """
        ids = sorted(gone)
        if not ids:
            return
        try:
            index = Index(self.group.look())
        except EcsError:
            return
        for rule_id in ids:
            twin = index.identical_to(rules[rule_id])
            if twin and twin.rule_id not in rules and not self._is_held(twin):
                self.one.warn(
                    f"{rule_id} is gone already; {twin.rule_id} is an identical rule of"
                    f" {self.one.where}, was not made by this set, and is left alone"
                )

    def _left_by_revoking_attributes(self, rules: Sequence[IngressRule]) -> list[str]:
        """
        Revoke each by all that names it, and prove it: a 200 says nothing.

        What is still there is known by its ID then, and revoked by that.
        """
        free = self._not_held(rules)
        if not free:
            return []
        shown: Mapping[IngressRule, str] = {}
        for attempt in stamina.retry_context(
            on=NoAnswerError, attempts=None, timeout=self.one.timeout_s, wait_max=10.0
        ):
            with attempt:
                shown = self._shown_after_revoke(free)
        return self._left_by_revoking_ids({id_: rule for rule, id_ in shown.items()})

    def _not_held(self, rules: Sequence[IngressRule]) -> list[IngressRule]:
        """
        Those that no other resource of this process has taken over.
        """
        if not rules or not self.one.claims.any_held:
            return list(rules)
        index = Index(self.group.look())
        return [
            rule
            for rule in rules
            if not ((twin := index.identical_to(rule)) and self._is_held(twin))
        ]

    def _is_held(self, live: LiveRule) -> bool:
        return self.one.claims.holds(live.rule_id)

    def _shown_after_revoke(
        self, rules: Sequence[IngressRule]
    ) -> Mapping[IngressRule, str]:
        silence: NoAnswerError | None = None
        for rule, error in self.group.revoke_all_by_attributes(rules):
            if isinstance(error, NoAnswerError):
                silence = error
            elif error is not None and (
                reaction(Call.REVOKE_BY_ATTRIBUTES, error) is not Reaction.LOOK
            ):
                raise self._about(error, rule.in_words) from error
        index = Index(self.group.prove())
        shown = {
            rule: live.rule_id for rule in rules if (live := index.identical_to(rule))
        }
        if shown and silence:
            raise silence
        return shown

    def _take_back(self, added: _Added, error: Exception) -> None:
        """
        Remove by ID what a failed run has added, and name what may stay.

        Raises:
            RuleNotConfirmedError: something may stay, or come late.
        """
        for rule_id in added.claimed:
            self.one.claims.release(rule_id)
        if not added.sent:
            return
        try:
            hidden = self._hidden_after_taking_back(added)
            if not isinstance(error, EcsError) or isinstance(error, NoAnswerError):
                doubtful = hidden
            else:
                doubtful = [rule for rule in hidden if rule in added.made]
            for rule, refusal in self.group.revoke_all_by_attributes(doubtful):
                if refusal is not None:
                    raise self._about(refusal, rule.in_words)
        except EcsError as refusal:
            raise RuleNotConfirmedError(
                f"{error} What this run had added could not be taken back ({refusal}),"
                f" so these may exist in {self.one.where}: {_rule_words(added.sent)}."
                " Look with `alicloud-ingress show`; `pulumi up` with adopt=True takes"
                " them over."
            ) from error
        if doubtful:
            raise RuleNotConfirmedError(
                f"{error} What this run had added was taken back, and what does not"
                f" show was revoked in case it comes late: {_rule_words(doubtful)}. Run"
                " `pulumi up` again once ECS answers."
            ) from error

    def _hidden_after_taking_back(self, added: _Added) -> list[IngressRule]:
        """
        Revoke by ID all that the run has added and that shows.

        Returns:
            what was sent, and does not show.
        """
        ids = dict.fromkeys(added.made, "")
        with suppress(_NotShownError):
            self._look_for(ids)
        ids |= ids_by_rule(added.sent, self.group.prove())
        ours = [
            id_
            for id_ in ids.values()
            if id_ and id_ not in added.before and not self.one.claims.holds(id_)
        ]
        for rule_id, error in self.group.revoke_all_by_id(ours):
            if error and reaction(Call.REVOKE_BY_ID, error) is not Reaction.DONE:
                raise self._about(error, rule_id)
        return [rule for rule in dict.fromkeys(added.sent) if not ids.get(rule)]

    def _tell(self, plan: Plan) -> None:
        """
        Say what a person should know of a success.
        """
        if plan.twins:
            there = _named(_live_words(twin.live for twin in plan.twins))
            self.one.warn(f"{there}: there before, and adopted")
        if plan.kept:
            kept = _named(f"{m.rule_id} ({m.rule.in_words})" for m in plan.kept)
            self.one.warn(f"{kept}: left in {self.one.where}, as the set is to keep it")
        if plan.unseen:
            self.one.warn(
                f"{_named(_live_words(plan.unseen))}: in {self.one.where}, not in the"
                " exclusive set, and left alone, since no preview has named it;"
                " `pulumi refresh` and the next preview do"
            )


def _rule_words(rules: Iterable[IngressRule]) -> str:
    return _named(dict.fromkeys(rule.in_words for rule in rules))


def _which(rule: IngressRule, sent: int, error: EcsError) -> str:
    """
    The rule at fault, or all of the call where the error is not of one entry.
    """
    if isinstance(error, NoAnswerError) and sent > 1:
        return f"{rule.in_words} and {sent - 1} more"
    return rule.in_words


def _live_words(rules: Iterable[LiveRule]) -> Iterator[str]:
    return (f"{live.rule_id} ({live.rule.in_words})" for live in rules)


def _named(words: Iterable[str]) -> str:
    """
    The words as a list, cut where nobody reads on.
    """
    every = list(words)
    more = len(every) - MOST_NAMED
    return ", ".join(every[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
