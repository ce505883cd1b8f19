"""
Add many rules, or none: what a run that fails has added, it takes back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from alicloud_ingress.ecs.batches import MOST_ENTRIES
from alicloud_ingress.errors import (
    EcsError,
    NoAnswerError,
    RuleExistsError,
    RuleNotConfirmedError,
)
from alicloud_ingress.reactions import MAY_HAVE_ACTED, Call, Reaction, reaction
from alicloud_ingress.rule import IngressRule
from alicloud_ingress.rules.repetition import (
    NotShownError,
    until_answered,
    until_shown,
)
from alicloud_ingress.rules.site import ANOTHER_RESOURCE, Site
from alicloud_ingress.ruleset import Change, ids_by_rule
from alicloud_ingress.sets.rule_group import RuleGroup, named


@dataclass(slots=True)
class Additions:
    """
    What one run adds to a group for its set.

    Args:
        group: the group, with calls for many rules.
        site: where the group is, and what its rules are judged by.
        before: IDs of the rules that were there when the run began.
        sent: rules that may have been added.
        made: rules among them of which ECS has said so.
        claimed: IDs that the run holds for its set.
    """

    group: RuleGroup
    site: Site
    before: frozenset[str]
    sent: list[IngressRule] = field(default_factory=list[IngressRule])
    made: list[IngressRule] = field(default_factory=list[IngressRule])
    claimed: list[str] = field(default_factory=list[str])

    def authorize(self, rules: Sequence[IngressRule]) -> None:
        """
        Send the rules; where no answer comes, look, and send what does not show.
        """
        until_answered(self.site.timeout_s)(self._authorize_left, list(rules))

    def _authorize_left(self, left: list[IngressRule]) -> None:
        """
        Send what is left, taking out of it what has been added.
        """
        while left:
            part = left[:MOST_ENTRIES]
            try:
                self._authorize_part(part)
            except MAY_HAVE_ACTED:
                group = self.site.seen_after_silence()
                seen = frozenset(ids_by_rule(part, group) if group else ())
                left[:] = [rule for rule in left if rule not in seen]
                if not seen.issuperset(part):
                    raise
            else:
                del left[:MOST_ENTRIES]

    def _authorize_part(self, part: Sequence[IngressRule]) -> None:
        self.sent += part
        for rule, error in self.group.authorize_all(part):
            if error is not None:
                words = _which(rule, len(part), error)
                raise error.about(f"{words} in {self.site.where}") from error
            self.made.append(rule)

    def adopt(self, twins: Sequence[Change]) -> None:
        """
        Hold the twins, so that no other resource revokes what this one takes over.
        """
        for twin in twins:
            self._claim(self.site.claims.take, twin.live.rule_id, twin.wanted)

    def ids(self) -> dict[IngressRule, str]:
        """
        The IDs of the rules that were added, held against other resources.
        """
        ids = self._shown(list(dict.fromkeys(self.sent)))
        for rule, rule_id in ids.items():
            self._claim(self.site.claims.make, rule_id, rule)
        return ids

    def _claim(
        self, claim: Callable[[str], bool], rule_id: str, rule: IngressRule
    ) -> None:
        if not rule_id:
            return
        if not claim(rule_id):
            raise RuleExistsError(
                f"{rule_id} ({rule.in_words}) of {self.site.where} belongs to"
                f" {ANOTHER_RESOURCE}. One rule is one resource: remove it from one"
                " of the two; if it is moving from the other, run `pulumi up` again."
            )
        self.claimed.append(rule_id)

    def _shown(self, rules: Sequence[IngressRule]) -> dict[IngressRule, str]:
        """
        The IDs of new rules, "" where one does not show in time.
        """
        ids = dict.fromkeys(rules, "")
        if not rules:
            return ids
        try:
            until_shown(self.site.timeout_s)(self._look_for, ids)
        except NotShownError:
            hidden = named(rule.in_words for rule, id_ in ids.items() if not id_)
            self.site.warn(
                f"{hidden} in {self.site.where}: made, and not to be seen yet;"
                " `pulumi refresh` fills in what is missing"
            )
        except EcsError as error:
            self.site.warn(
                f"{len(rules)} rules were made in {self.site.where}, and their IDs"
                f" could not be read ({error.code}); `pulumi refresh` fills them in"
            )
        return ids

    def _look_for(self, ids: dict[IngressRule, str]) -> None:
        shown = ids_by_rule(ids, self.group.prove())
        ids.update(shown)
        if len(shown) < len(ids):
            raise NotShownError

    def take_back(self, error: Exception) -> None:
        """
        Remove by ID what a failed run has added, and name what may stay.

        Raises:
            RuleNotConfirmedError: something may stay, or come late.
        """
        for rule_id in self.claimed:
            self.site.claims.release(rule_id)
        if not self.sent:
            return
        try:
            hidden = self._hidden_after_taking_back()
            if not isinstance(error, EcsError) or isinstance(error, MAY_HAVE_ACTED):
                doubtful = hidden
            else:
                doubtful = [rule for rule in hidden if rule in self.made]
            for rule, refusal in self.group.revoke_all_by_attributes(doubtful):
                if refusal is not None:
                    raise refusal.about(rule.in_words)
        except EcsError as refusal:
            raise RuleNotConfirmedError(
                f"{error} What this run had added could not be taken back ({refusal}),"
                f" so these may exist in {self.site.where}: {_words(self.sent)}."
                " Look with `alicloud-ingress show`; `pulumi up` with adopt=True takes"
                " them over."
            ) from error
        if doubtful:
            raise RuleNotConfirmedError(
                f"{error} What this run had added was taken back, and what does not"
                f" show was revoked in case it comes late: {_words(doubtful)}. Run"
                " `pulumi up` again once ECS answers."
            ) from error

    def _hidden_after_taking_back(self) -> list[IngressRule]:
        """
        Revoke by ID all that the run has added and that shows.

        Returns:
            what was sent, and does not show.
        """
        ids = dict.fromkeys(self.made, "")
        with suppress(NotShownError):
            until_shown(self.site.timeout_s)(self._look_for, ids)
        ids |= ids_by_rule(self.sent, self.group.prove())
        ours = [
            id_
            for id_ in ids.values()
            if id_ and id_ not in self.before and not self.site.claims.holds(id_)
        ]
        for rule_id, error in self.group.revoke_all_by_id(ours):
            if error and reaction(Call.REVOKE_BY_ID, error) is not Reaction.DONE:
                raise error.about(rule_id)
        return [rule for rule in dict.fromkeys(self.sent) if not ids.get(rule)]


def _words(rules: Iterable[IngressRule]) -> str:
    return named(dict.fromkeys(rule.in_words for rule in rules))


def _which(rule: IngressRule, sent: int, error: EcsError) -> str:
    """
    The rule at fault, or all of the call where the error is not of one entry.
    """
    if isinstance(error, NoAnswerError) and sent > 1:
        return f"{rule.in_words} and {sent - 1} more"
    return rule.in_words
