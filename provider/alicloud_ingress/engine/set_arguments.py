"""
What is wrong with the arguments of a set of rules, and the keys of its rules.

A preview may not know all: what is unknown passes, under a key of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, cast

from alicloud_ingress.engine.properties import inputs_of, rule_of
from alicloud_ingress.engine.set_properties import key_of, rules_of
from alicloud_ingress.errors import Problem
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import has_expired
from alicloud_ingress.rules.validation import LAST_PRIORITY, RULE_ARGUMENTS, problems_of

LISTS = ("keep_rule_ids", "keep_descriptions")
UNKNOWN_WORD = "[unknown]"
_REMARKS = frozenset({"description", "expires_on"})


def settings_problems(
    inputs: Mapping[str, Any],
    *,
    is_unknown: Callable[[object], bool],
    secret: AbstractSet[str] = frozenset(),
) -> list[Problem]:
    """
    Tell what is wrong with the arguments of a set other than place and rules.
    """

    def shown(name: str) -> str:
        hidden = any(path.split("[", 1)[0] == name for path in secret)
        return "[secret]" if hidden else repr(known[name])

    known = {name: value for name, value in inputs.items() if not is_unknown(value)}
    problems: list[Problem] = []
    if not isinstance(known.get("exclusive", False), bool):
        problems.append(
            Problem("exclusive", f"{shown('exclusive')} is not True or False")
        )
    for name in LISTS:
        given: object = known.get(name, [])
        entries = cast("list[object]", given) if isinstance(given, list) else [0]
        if not all(isinstance(entry, str) or is_unknown(entry) for entry in entries):
            problems.append(Problem(name, f"{shown(name)} is not a list of texts"))
    return problems


@dataclass(frozen=True, slots=True)
class Checked:
    """
    What check makes of a set's rules.

    Args:
        rules: arguments by key; or what is unknown as a whole.
        known: the rules of which everything is known, by path in the program.
        problems: what is wrong, by path.
        warnings: what a person should know all the same.
    """

    rules: Any
    known: Mapping[str, IngressRule]
    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]


def checked_rules(
    given: object,
    olds: Mapping[str, Any],
    group_id: str,
    *,
    is_unknown: Callable[[object], bool],
    secret: AbstractSet[str] = frozenset(),
) -> Checked:
    """
    Check each rule of a set, and key it by what it says.

    Args:
        given: the program's list, or the object that check made of it before.
        olds: the set's old inputs; empty for a new set.
        group_id: the set's group; "" while unknown.
        is_unknown: tells a value that is not known yet.
        secret: paths of secret values, such as `rules[2].description`.
    """
    if is_unknown(given):
        return Checked(given, {}, (), ())
    entries: Iterable[tuple[str | int, object]]
    if isinstance(given, Mapping):
        entries = cast("Mapping[str, object]", given).items()
    elif isinstance(given, list | tuple):
        entries = enumerate(cast("Sequence[object]", given))
    else:
        kind = type(given).__name__
        reason = f"this is a {kind}; give a list of IngressRuleArgs"
        return Checked({}, {}, (Problem("rules", reason),), ())
    making = _Making(olds, group_id, is_unknown, secret)
    for place, entry in entries:
        making.add(f"rules[{place!r}]", entry)
    return Checked(
        making.rules, making.known, tuple(making.problems), tuple(making.warnings)
    )


class _Making:
    def __init__(
        self,
        olds: Mapping[str, Any],
        group_id: str,
        is_unknown: Callable[[object], bool],
        secret: AbstractSet[str],
    ) -> None:
        self.old_keys = frozenset(rules_of(olds))
        self.group_id = group_id
        self.is_unknown = is_unknown
        self.secret = secret
        self.rules: dict[str, Any] = {}
        self.known: dict[str, IngressRule] = {}
        self.paths: dict[IngressRule, str] = {}
        self.problems: list[Problem] = []
        self.warnings: list[str] = []

    def add(self, path: str, entry: object) -> None:
        """
        Take one entry of the list in.
        """
        if self.is_unknown(entry):
            self._put(UNKNOWN_WORD, entry)
            return
        if not isinstance(entry, Mapping):
            kind = type(entry).__name__
            self._problem(path, f"this is a {kind}; give an IngressRuleArgs")
            return
        given = cast("Mapping[str, Any]", entry)
        self._refuse_strangers(path, given)
        arguments = inputs_of({n: given.get(n) for n in RULE_ARGUMENTS})
        unknown = {n for n, value in arguments.items() if self.is_unknown(value)}
        problems = self._problems(path, arguments, unknown)
        if problems:
            self.problems += problems
            return
        if unknown - _REMARKS:
            self._put(_key_with_unknowns(arguments, unknown), arguments)
            return
        rule = rule_of({n: v for n, v in arguments.items() if n not in unknown})
        if other := self.paths.get(rule.masked):
            self._problem(
                path,
                f"{self._words(path, rule)} is {other} as well; remove one of the two,"
                " or let them differ in priority",
            )
            return
        self.paths[rule.masked] = path
        self.known[path] = rule
        self.rules[key_of(rule)] = arguments
        if "expires_on" not in unknown and has_expired(rule.expires_on):
            self._expired(path, rule)

    def _problem(self, path: str, reason: str) -> None:
        self.problems.append(Problem(path, reason))

    def _words(self, path: str, rule: IngressRule) -> str:
        """
        The rule in words, unless some of it is a secret.
        """
        hidden = any(
            p in ("rules", path) or p.startswith(f"{path}.") for p in self.secret
        )
        return "[secret]" if hidden else rule.as_text

    def _refuse_strangers(self, path: str, given: Mapping[str, Any]) -> None:
        for name in sorted(set(given) - set(RULE_ARGUMENTS)):
            self._problem(
                f"{path}.{name}",
                "this is no argument of a rule of a set; there are"
                f" {', '.join(RULE_ARGUMENTS)}",
            )

    def _problems(
        self, path: str, arguments: Mapping[str, Any], unknown: AbstractSet[str]
    ) -> list[Problem]:
        secret = {
            name
            for name in RULE_ARGUMENTS
            if self.secret & {"rules", path, f"{path}.{name}"}
        }
        found = problems_of(
            {**arguments, "security_group_id": self.group_id},
            unknown=unknown,
            secret=secret,
        )
        return [
            Problem(f"{path}.{problem.argument}", problem.reason)
            for problem in found
            if not (
                problem.argument == "priority" and self._is_of_the_system(arguments)
            )
        ]

    def _is_of_the_system(self, arguments: Mapping[str, Any]) -> bool:
        """
        Rules that the system made before 2020 have priority 110, and may be kept.
        """
        priority = arguments.get("priority")
        if not isinstance(priority, int | float) or priority <= LAST_PRIORITY:
            return False
        known = {n: v for n, v in arguments.items() if not self.is_unknown(v)}
        return key_of(rule_of(known)) in self.old_keys

    def _expired(self, path: str, rule: IngressRule) -> None:
        hidden = self.secret & {"rules", path, f"{path}.expires_on"}
        if key_of(rule) not in self.old_keys:
            shown = "[secret]" if hidden else repr(rule.expires_on)
            self._problem(
                f"{path}.expires_on",
                f"{shown} is over; give a day to come, or remove the rule",
            )
            return
        last_day = "[secret]" if hidden else rule.expires_on
        self.warnings.append(
            f"the rule {self._words(path, rule)} of {self.group_id} expired after"
            f" {last_day} (UTC) and is still in force; remove it, or give it"
            " another expires_on"
        )

    def _put(self, key: str, value: object) -> None:
        """
        Keep what cannot have its key yet under one of its own.
        """
        number = 1
        name = key
        while name in self.rules:
            number += 1
            name = f"{key} #{number}"
        self.rules[name] = value


def _key_with_unknowns(arguments: Mapping[str, Any], unknown: AbstractSet[str]) -> str:
    """
    The key as far as it can be told, for a preview.
    """
    told = {n: UNKNOWN_WORD if n in unknown else v for n, v in arguments.items()}
    if "priority" in unknown:
        del told["priority"]
    words = rule_of(told).as_text
    return f"{words} priority {UNKNOWN_WORD}" if "priority" in unknown else words
