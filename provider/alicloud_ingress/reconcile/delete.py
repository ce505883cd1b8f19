"""
Remove rules: by ID where it is known, else by all attributes and verified by a read.

What an answer to a revoke means is decided here, for one rule and for each rule of a
set, by the table in `ecs.reactions`. Before that, `ecs.client` retries the call, and
`ecs.batching` splits one with several rules, to find the one that ECS refuses.

- 200 to a revoke by ID shows that the rule is gone. 200 to a revoke by attributes shows
  nothing, since ECS gives it where no rule matches, too.
- "No such rule" for an ID means gone. The ID never falls back to the attributes: an
  identical rule under another ID is somebody else's, and is named in a warning.
- "Invalid ID" means gone or malformed: a read decides.
- "Group not found" is raised. A delete compares accounts then; an update fails.
- Any other refusal is raised, naming the rule. `Removals.gone` holds what is known not
  to exist by then, also what was revoked elsewhere, and `Removals.unclear` what may not
  exist.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from alicloud_ingress.ecs.reactions import (
    Reaction,
    Write,
    is_outcome_unknown,
    reaction,
)
from alicloud_ingress.errors import (
    EcsError,
    RuleNotConfirmedError,
    error_context,
    located,
)
from alicloud_ingress.reconcile.context import RuleContext, named
from alicloud_ingress.reconcile.ownership import Release
from alicloud_ingress.reconcile.plan import Member
from alicloud_ingress.reconcile.polling import read_until, until_answered
from alicloud_ingress.rules.live import LiveGroup, LiveRule
from alicloud_ingress.rules.rule import IngressRule


@dataclass(frozen=True, slots=True)
class Removals:
    """
    What one run removes from a group.

    Args:
        context: of the group.
        gone: filled with the rules that are gone, also where others revoked them.
        left_to_others: filled with the rules that another resource has.
        unclear: filled with the rules whose revoke has perhaps removed them.
        refused: filled with the rules that ECS does not revoke by their attributes.
        remaining: filled with the words of each rule that a read still shows after its
            revoke.
    """

    context: RuleContext
    gone: set[IngressRule] = field(default_factory=set[IngressRule])
    left_to_others: set[IngressRule] = field(default_factory=set[IngressRule])
    unclear: set[IngressRule] = field(default_factory=set[IngressRule])
    refused: set[IngressRule] = field(default_factory=set[IngressRule])
    remaining: list[str] = field(default_factory=list[str])

    def revoke(self, members: Sequence[Member]) -> None:
        """
        Remove members, except those that another resource has.

        Raises:
            RuleNotConfirmedError: some still exist.
            EcsError: of the rule that was refused.
        """
        hidden = [member.rule for member in members if not member.rule_id]
        with self._revoking_hidden(hidden):
            self._revoke(
                [m for m in members if m.rule_id or m.rule not in self.left_to_others]
            )

    def _revoke(self, members: Sequence[Member]) -> None:
        owner = self.context.owner
        ownership = owner.ownership
        ids: dict[Member, str] = self._ids_of(members)
        while ids:
            known = list(dict.fromkeys(filter(None, ids.values())))
            releases = ownership.begin_release(known, owner.mark)
            ours = {
                member: rule_id
                for member, rule_id in ids.items()
                if not rule_id or releases[rule_id] is Release.REVOKE
            }
            try:
                self._record(ids, releases)
                by_id = {m.rule_id: m.rule for m in ours if m.rule_id}
                self._warn_of_duplicates(self._revoke_by_id(by_id), by_id)
                self._revoke_by_attributes([m.rule for m in ours if not m.rule_id])
            finally:
                released = {id_: m.rule for m, id_ in ours.items() if id_}
                gone = {id_ for id_, rule in released.items() if rule in self.gone}
                ownership.end_release(gone, revoked=True)
                ownership.end_release(released.keys() - gone, revoked=False)
            ids = {
                member: rule_id
                for member, rule_id in ids.items()
                if releases.get(rule_id) is Release.IN_PROGRESS
            }
            ownership.wait_until_released(ids.values())
        if self.remaining:
            raise RuleNotConfirmedError(
                f"RevokeSecurityGroup did not remove {named(self.remaining)}: still in"
                f" {self.context.where}. Run `pulumi refresh`, then the same command"
                " again."
            )

    @contextmanager
    def _revoking_hidden(self, rules: Sequence[IngressRule]) -> Generator[None]:
        """
        Leave alone what another resource has created and no read has shown since. No
        other resource authorizes the others meanwhile.
        """
        owner, group_id = self.context.owner, self.context.group.group_id
        free = owner.ownership.unseen.begin_revoking(group_id, rules, owner.mark)
        try:
            for rule in rules:
                if rule not in free:
                    self.left_to_others.add(rule)
                    self.context.report_release(self.context.words(rule), Release.HELD)
            yield
        finally:
            owner.ownership.unseen.end_revoking(group_id, free, owner.mark)

    def _ids_of(self, members: Sequence[Member]) -> dict[Member, str]:
        """
        The ID by which other resources know each member; "" without one.
        """
        ids = {member: member.rule_id for member in members}
        if all(ids.values()) or not self.context.owner.ownership.holds_any:
            return ids
        with self._error_context(member.rule for member in members):
            read = self.context.group.read_after_writes()
        group = self.context.without_revoked(read)
        for member in members:
            if not member.rule_id and (live := group.matching(member.rule)):
                ids[member] = live.rule_id
        return ids

    def _record(self, ids: Mapping[Member, str], releases: dict[str, Release]) -> None:
        for rule_id, release in releases.items():
            self.context.report_release(rule_id, release)
        for member, rule_id in ids.items():
            if releases.get(rule_id) is Release.HELD:
                self.left_to_others.add(member.rule)
            elif releases.get(rule_id) is Release.REVOKED:
                self.gone.add(member.rule)

    def _revoke_by_id(self, rules: Mapping[str, IngressRule]) -> set[str]:
        """
        Revoke rules by ID, and return the IDs that were deleted before.
        """
        outcomes = dict(self.context.group.revoke_all_by_id(list(rules)))
        errors = {rule_id: error for rule_id, error in outcomes.items() if error}
        reactions = {i: reaction(Write.REVOKE_BY_ID, e) for i, e in errors.items()}
        gone_before = {i for i, r in reactions.items() if r is Reaction.ALREADY_DONE}
        revoked = outcomes.keys() - errors.keys()
        # What is gone is recorded before the group is read, which may fail.
        self.gone.update(rules[rule_id] for rule_id in revoked | gone_before)
        self.unclear.update(
            rules[i] for i, e in errors.items() if is_outcome_unknown(e)
        )
        if to_read := [i for i, r in reactions.items() if r is Reaction.READ_GROUP]:
            group = self._read([rules[rule_id] for rule_id in to_read])
            gone_before.update(i for i in to_read if group.by_id(i) is None)
            self.gone.update(rules[rule_id] for rule_id in gone_before)
        existing = rules.keys() - revoked - gone_before
        for rule_id, error in errors.items():
            words = f"{rule_id} ({self.context.words(rules[rule_id])}"
            if rule_id in existing and rule_id in to_read:
                quoted = error.quoted if isinstance(error, EcsError) else str(error)
                self.remaining.append(f"{words}; {quoted})")
            elif rule_id in existing:
                more = len(existing) - 1
                others = f" and {more} more" if more else ""
                about = f"{words}){others} in {self.context.where}"
                raise located(error, about) from error
        return gone_before

    def _warn_of_duplicates(
        self, gone: Iterable[str], rules: Mapping[str, IngressRule]
    ) -> None:
        ids = sorted(gone)
        if not ids:
            return
        try:
            group = self.context.group.read_after_writes()
        except EcsError:
            return
        for rule_id in ids:
            duplicate = group.identical_to(rules[rule_id])
            if (
                duplicate
                and duplicate.rule_id not in rules
                and not self.context.owner.ownership.knows(duplicate.rule_id)
            ):
                self.context.warn(
                    f"{rule_id} was deleted already. {duplicate.rule_id} is an"
                    f" identical rule of {self.context.where}, which this resource did"
                    " not create and leaves alone"
                )

    def _revoke_by_attributes(self, rules: Sequence[IngressRule]) -> None:
        """
        Revoke each rule by all that identifies it; one that a read still shows, by the
        ID that the read has shown.
        """
        if rules:
            send = until_answered(self.context.timeout_s)
            self._revoke_shown(rules, send(self._revoke_and_read, list(rules)))

    def _revoke_shown(
        self,
        rules: Sequence[IngressRule],
        group: LiveGroup,
        deleted: frozenset[str] = frozenset(),
    ) -> None:
        """
        Revoke what a read shows after the revoke by attributes.

        A late read may show an identical rule that was deleted before. If ECS has
        refused the revoke by attributes, the rule itself may exist: read on until it
        shows, or would have shown.

        Args:
            rules: that were revoked by attributes.
            group: as read since.
            deleted: IDs that an earlier read has shown, of rules that were deleted.
        """
        shown = {rule: live for rule in rules if (live := group.identical_to(rule))}
        by_id = {live.rule_id: rule for rule, live in shown.items() if live.rule_id}
        words = self.context.words
        for rule in rules:
            if rule in shown:
                continue
            if live := group.matching(rule):
                self.remaining.append(
                    f"{live.rule_id} ({words(live.rule)}, which is {words(rule)}"
                    " without host bits; if it is that rule, remove it in the console)"
                )
            else:
                self.gone.add(rule)
        before = self._revoke_by_id(by_id)
        missed = [by_id[i] for i in before if by_id[i] in self.refused]
        self.gone.difference_update(missed)
        self._verify_gone({i: r for i, r in by_id.items() if r in self.gone})
        self._revoke_as_spelled(
            {rule: live for rule, live in shown.items() if not live.rule_id}
        )
        if missed:
            deleted |= before
            group = self._read_until_shown(missed, missed, deleted)
            self._revoke_shown(missed, group, deleted)

    def _revoke_and_read(self, to_send: list[IngressRule]) -> LiveGroup:
        """
        Revoke by attributes, take out of the list what is gone, and read.

        Raises:
            NoAnswerError: the outcome of some is unknown. That they do not show does
                not prove that they are gone: perhaps no read has ever shown them.
        """
        unknown: dict[IngressRule, Exception] = {}
        without_effect: dict[IngressRule, Exception] = {}
        awaited: list[IngressRule] = []
        refused: Exception | None = None
        succeeded: list[IngressRule] = []
        for rule, error in self.context.group.revoke_all_by_attributes(to_send):
            if error is None:
                succeeded.append(rule)
                continue
            words = self.context.words(rule)
            about = located(error, f"{words} in {self.context.where}")
            if is_outcome_unknown(error):
                unknown[rule] = about
                continue
            meaning = reaction(Write.REVOKE_BY_ATTRIBUTES, error)
            if meaning is Reaction.FIND_ID:
                without_effect[rule] = about
            elif meaning is Reaction.READ_REPEATEDLY:
                awaited.append(rule)
            elif meaning is not Reaction.READ_GROUP:
                refused = refused or about
        # A success shows nothing before the read, which may fail.
        self.unclear.update((*unknown, *succeeded))
        self.refused.update((*without_effect, *awaited))
        self.refused.difference_update(succeeded)
        if refused and not succeeded:
            raise refused
        group = self._read_until_shown(to_send, awaited)
        self.gone.update(rule for rule in succeeded if not group.matching(rule))
        if refused:
            raise refused
        to_send[:] = [r for r in to_send if r in unknown or group.identical_to(r)]
        hidden = [e for r, e in without_effect.items() if not group.identical_to(r)]
        for error in (*unknown.values(), *hidden):
            raise error
        return group

    def _read_until_shown(
        self,
        rules: Sequence[IngressRule],
        awaited: Sequence[IngressRule],
        deleted: frozenset[str] = frozenset(),
    ) -> LiveGroup:
        """
        Read until all *awaited* show, as long as a read may lag behind a write. Rules
        with the IDs *deleted* do not count.
        """
        group = self._read(rules).without(deleted)

        def are_shown() -> bool:
            nonlocal group
            if not all(map(group.matching, awaited)):
                group = self._read(rules).without(deleted)
                return False
            return True

        read_until(are_shown, self.context.timeout_s)
        return group

    def _verify_gone(self, rules: Mapping[str, IngressRule]) -> None:
        """
        Read until none of these rules shows.

        A read has shown them after a success, so no further success is believed.
        """
        left = dict(rules)
        if not left:
            return

        def are_gone() -> bool:
            group = self._read(left.values())
            for rule_id in [id_ for id_ in left if group.by_id(id_) is None]:
                del left[rule_id]
            return not left

        if not read_until(are_gone, self.context.timeout_s):
            self.gone.difference_update(left.values())
            words = self.context.words
            self.remaining.extend(f"{i} ({words(rule)})" for i, rule in left.items())

    def _revoke_as_spelled(self, shown: Mapping[IngressRule, LiveRule]) -> None:
        if not shown:
            return
        words = self.context.words
        refused: Exception | None = None
        sent = {live.as_spelled or live.rule: rule for rule, live in shown.items()}
        for spelled, error in self.context.group.revoke_all_by_attributes(list(sent)):
            if error and is_outcome_unknown(error):
                self.unclear.add(sent[spelled])
            if error:
                about = f"{words(spelled)} in {self.context.where}"
                refused = refused or located(error, about)
        group = self._read(shown)
        still = [rule for rule in shown if group.identical_to(rule)]
        self.gone.update(shown.keys() - still)
        if refused:
            raise refused
        self.remaining.extend(
            f"{words(rule)} (without an ID; remove it in the console)" for rule in still
        )

    def _read(self, rules: Iterable[IngressRule]) -> LiveGroup:
        """
        The group without the rules of other resources. One of those may have become
        what a rule was that has just been revoked.
        """
        owner = self.context.owner
        with self._error_context(rules):
            group = self.context.group.read_now()
        return group.without(owner.ownership.rules_of_others(owner.mark))

    def _error_context(
        self, rules: Iterable[IngressRule]
    ) -> AbstractContextManager[None]:
        words = self.context.words_of_all(rules)
        return error_context(f"{words} in {self.context.where}")
