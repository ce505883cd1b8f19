"""
Checks the arguments of a rule and of a set, and makes the keys of the rules of a set.

A rule of a set with a value that is not known yet in a preview gets a preliminary key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, cast

from alicloud_ingress.engine.properties import inputs_of, rule_of
from alicloud_ingress.engine.set_properties import key_of, rules_of
from alicloud_ingress.engine.unknowns import is_unknown, unknown_among
from alicloud_ingress.errors import SECRET, Problem, quoted
from alicloud_ingress.rules.rule import ATTRIBUTES, IngressRule
from alicloud_ingress.rules.spelling import has_expired
from alicloud_ingress.rules.validation import LAST_PRIORITY, RULE_ARGUMENTS, problems_of

DIFFER = "remove one of the two, or set different priorities"
"""
The next step for two declarations of one rule.
"""
LISTS = ("keep_rule_ids", "keep_descriptions")
UNKNOWN_WORD = "[unknown]"


@dataclass(frozen=True, slots=True)
class RuleCheck:
    """
    The errors in a rule's arguments, and what the user should know besides.
    """

    problems: tuple[Problem, ...]
    warnings: tuple[str, ...] = ()


def check_rule(
    arguments: Mapping[str, Any],
    *,
    unknown: AbstractSet[str],
    secret: AbstractSet[str],
    exists: bool | None,
    keeps_priority: bool,
) -> RuleCheck:
    """
    Check the arguments of a rule.

    Args:
        arguments: of the rule, and `security_group_id`.
        unknown: names of arguments whose value is not known yet; they pass.
        secret: names of arguments whose value must not be shown.
        exists: whether the state has the rule; None if that is not known yet. A rule
            that exists may have expired; a new one may not.
        keeps_priority: whether the rule has the same priority in the state. ECS made
            rules with priority 110 until 2020. They can be imported and kept.
    """
    priority = arguments.get("priority")
    is_of_system = isinstance(priority, int | float) and priority > LAST_PRIORITY
    problems = tuple(
        problem
        for problem in problems_of(arguments, unknown=unknown, secret=secret)
        if not (keeps_priority and is_of_system and problem.argument == "priority")
    )
    expires_on = str(arguments.get("expires_on") or "")
    if exists is None or "expires_on" in unknown or not has_expired(expires_on):
        return RuleCheck(problems)
    hidden = "expires_on" in secret
    if not exists:
        reason = "is in the past; set a future date or remove the rule"
        found = Problem("expires_on", f"{quoted(expires_on, secret=hidden)} {reason}")
        return RuleCheck((*problems, found))
    if problems:
        return RuleCheck(problems)
    known = {name: v for name, v in arguments.items() if name not in unknown}
    warning = (
        f"the rule {rule_of(known).words(secret)} of"
        f" {arguments.get('security_group_id')} expired after"
        f" {SECRET if hidden else expires_on} (UTC) and is still in force; remove it,"
        " or set a later expires_on"
    )
    return RuleCheck((), (warning,))


def settings_problems(
    inputs: Mapping[str, Any], secret: AbstractSet[str]
) -> list[Problem]:
    """
    Find the errors in a set's arguments other than location and rules.
    """

    def refuse(name: str, why: str) -> None:
        hidden = any(path.split("[", 1)[0] == name for path in secret)
        value = quoted(known[name], secret=hidden)
        problems.append(Problem(name, f"{value} is not {why}"))

    known = {name: value for name, value in inputs.items() if not is_unknown(value)}
    problems: list[Problem] = []
    if not isinstance(known.get("exclusive", False), bool):
        refuse("exclusive", "True or False")
    for name in LISTS:
        given: object = known.get(name, [])
        entries = cast("list[object]", given) if isinstance(given, list) else [0]
        if not all(isinstance(entry, str) or is_unknown(entry) for entry in entries):
            refuse(name, "a list of strings")
    return problems


def checked_rules(
    given: object,
    olds: Mapping[str, Any] | None,
    group_id: str,
    secret: AbstractSet[str] = frozenset(),
) -> CheckedRules:
    """
    Check each rule of a set, and give it a key that follows from its content.

    Args:
        given: the program's list, or the object that an earlier check made of it.
        olds: the set's old inputs; empty for a new set, and None if they are not known:
            then a rule passes that only a state may have.
        group_id: the set's group; "" while unknown.
        secret: paths of secret values, such as `rules[2].description`.
    """
    old_keys = None if olds is None else frozenset(rules_of(olds))
    check = CheckedRules(old_keys, group_id, secret)
    if is_unknown(given):
        check.rules = given
        return check
    entries: Iterable[tuple[str | int, object]] = ()
    if isinstance(given, Mapping):
        entries = cast("Mapping[str, object]", given).items()
    elif isinstance(given, list | tuple):
        entries = enumerate(cast("Sequence[object]", given))
    else:
        kind = type(given).__name__
        check.refuse("rules", f"this is a {kind}; set a list of IngressRuleArgs")
    for index, entry in entries:
        check.add(f"rules[{index!r}]", entry)
    return check


@dataclass(slots=True)
class CheckedRules:
    """
    The rules of a set, as far as they are checked.

    Args:
        old_keys: of the rules in the state; None if they are not known.
        group_id: as for `checked_rules`.
        secret: likewise.
        rules: arguments by key; or the whole value, if it is unknown.
        known: the rules without an unknown argument, by path in the program.
        problems: the errors, by path.
        warnings: for the user.
    """

    old_keys: frozenset[str] | None
    group_id: str
    secret: AbstractSet[str]
    rules: Any = field(default_factory=dict[str, Any])
    known: dict[str, IngressRule] = field(default_factory=dict[str, IngressRule])
    problems: list[Problem] = field(default_factory=list[Problem])
    warnings: list[str] = field(default_factory=list[str])
    _paths: dict[IngressRule, str] = field(default_factory=dict[IngressRule, str])

    def add(self, path: str, entry: object) -> None:
        """
        Check one entry.
        """
        if is_unknown(entry):
            self._put(UNKNOWN_WORD, entry)
            return
        if not isinstance(entry, Mapping):
            kind = type(entry).__name__
            self.refuse(path, f"this is a {kind}; set an IngressRuleArgs")
            return
        given = cast("Mapping[str, Any]", entry)
        for name in sorted(set(given) - set(RULE_ARGUMENTS)):
            self.refuse(
                f"{path}.{name}",
                "this is not an argument of a rule of a set; use"
                f" {', '.join(RULE_ARGUMENTS)}",
            )
        arguments = inputs_of({n: given.get(n) for n in RULE_ARGUMENTS})
        unknown = unknown_among(arguments)
        secret = self._secret_in(path)
        if not self._is_valid(path, arguments, unknown, secret):
            return
        if unknown - ATTRIBUTES:
            self._put(_key_with_unknowns(arguments, unknown), arguments)
            return
        rule = rule_of(_without(arguments, unknown))
        if other := self._paths.get(rule.masked):
            words = rule.words(secret)
            self.refuse(path, f"{words} is the same rule as {other}; {DIFFER}")
            return
        self._paths[rule.masked] = path
        self.known[path] = rule
        self.rules[key_of(rule)] = arguments

    def refuse(self, path: str, reason: str) -> None:
        """
        Add an error.
        """
        self.problems.append(Problem(path, reason))

    def _secret_in(self, path: str) -> AbstractSet[str]:
        return {
            name
            for name in RULE_ARGUMENTS
            if self.secret & {"rules", path, f"{path}.{name}"}
        }

    def _is_valid(
        self,
        path: str,
        arguments: Mapping[str, Any],
        unknown: AbstractSet[str],
        secret: AbstractSet[str],
    ) -> bool:
        is_old = self._is_old(_without(arguments, unknown))
        found = check_rule(
            {**arguments, "security_group_id": self.group_id},
            unknown=unknown,
            secret=secret,
            exists=None if unknown - ATTRIBUTES else is_old,
            keeps_priority=is_old,
        )
        for problem in found.problems:
            self.refuse(f"{path}.{problem.argument}", problem.reason)
        self.warnings += found.warnings
        return not found.problems

    def _is_old(self, known: Mapping[str, Any]) -> bool:
        if self.old_keys is None:
            return True
        try:
            return key_of(rule_of(known)) in self.old_keys
        except ValueError:  # the priority is not a number
            return False

    def _put(self, key: str, value: object) -> None:
        """
        Keep a value under a preliminary key, which is unique.
        """
        number = 1
        name = key
        while name in self.rules:
            number += 1
            name = f"{key} #{number}"
        self.rules[name] = value


def _without(arguments: Mapping[str, Any], names: AbstractSet[str]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name not in names}


def _key_with_unknowns(arguments: Mapping[str, Any], unknown: AbstractSet[str]) -> str:
    """
    A preliminary key, in which a word stands for each unknown value.
    """
    known = {n: UNKNOWN_WORD if n in unknown else v for n, v in arguments.items()}
    if "priority" in unknown:
        del known["priority"]
    words = rule_of(known).as_text
    return f"{words} priority {UNKNOWN_WORD}" if "priority" in unknown else words
