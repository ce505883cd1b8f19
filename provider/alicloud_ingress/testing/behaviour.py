"""
Settings for what the documentation of ECS leaves open.

A provider must work with every value of each setting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args, get_type_hints

from alicloud_ingress.testing.entries import FIELDS
from alicloud_ingress.testing.gateway import is_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """
    How the fake behaves where the documentation is missing or contradicts itself.

    Args:
        revoke_without_match_is_refused: a revoke by attributes that matches nothing
            is refused with `InvalidSecurityGroupRule.RuleNotExist`; else 200.
        unknown_rule_id: the error for an ID that no rule has: 404
            `InvalidSecurityGroupRuleId.NotFound`, or 400
            `InvalidParam.SecurityGroupRuleId` as on pages since 2024-07-08.
        batches_are_atomic: one invalid entry undoes the whole call; else the entries
            before it keep their effect.
        omitted_matches_any: a revoke without Priority or Policy matches every value;
            else only the default.
        revoke_compares_description: a revoke with a Description matches only rules
            that have the same one.
        authorize_takes_over_description: authorizing a rule that exists changes its
            description to the one given.
        repeated_revoke_is_judged_anew: a revoke by ID that is repeated with the same
            ClientToken does not find the rule; else it has the answer of the first.
        modify_without_change_is_refused: a modify by ID to what the rule is already is
            refused with `InvalidOperation.RuleDuplicate`; else 200.
        address_equals_its_block: 1.2.3.4 and 1.2.3.4/32 are one rule, shown as 1.2.3.4;
            else two, each shown as it was sent.
        host_bits_are_masked: 10.1.2.3/8 becomes 10.0.0.0/8; else it is unchanged.
        priority_is_shown_as_text: `"1"`; else the number 1.
        omitted_fields_are_reset: a modify by ID sets omitted fields to their
            default; else they keep their value.
        protocol_numbers_are_named: number 6 is shown as TCP; else as 6.
        icmpv6_is_shown_as: the spelling of ICMPv6 in answers.
        port_range_of_a_list: what PortRange shows for a rule with a port list.
        enterprise_refuses: the fields that a rule of an enterprise group may not set.
            Newer pages do not list Priority, and one page lists none of them.
        enterprise_allows_defaults: Policy accept and Priority 1, which are the
            defaults, may be set there nevertheless.
        unknown_nic_type_is_refused: a Describe with an unknown NicType is refused; else
            the NicType is ignored. `<nil>`, which the Terraform provider sends for each
            rule without `nic_type`, is always ignored.
        permissions_as_json: `Permissions` may be one JSON text, a list of objects,
            instead of `Permissions.N.*`.
        group_filter_misses_primary_interfaces: DescribeNetworkInterfaces with a
            SecurityGroupId shows only secondary interfaces, as its page says.
        longest_url: maximum number of bytes of path and query; the gateway answers 414
            with an HTML body to a longer one.
    """

    revoke_without_match_is_refused: bool = False
    unknown_rule_id: Literal["not found", "not valid"] = "not found"
    batches_are_atomic: bool = True
    omitted_matches_any: bool = False
    revoke_compares_description: bool = False
    authorize_takes_over_description: bool = False
    repeated_revoke_is_judged_anew: bool = False
    modify_without_change_is_refused: bool = False
    address_equals_its_block: bool = False
    host_bits_are_masked: bool = False
    priority_is_shown_as_text: bool = False
    omitted_fields_are_reset: bool = False
    protocol_numbers_are_named: bool = True
    icmpv6_is_shown_as: str = "ICMPv6"
    port_range_of_a_list: str = ""
    enterprise_refuses: frozenset[str] = frozenset(
        {"Policy", "Priority", "SourceGroupId"}
    )
    enterprise_allows_defaults: bool = True
    unknown_nic_type_is_refused: bool = True
    permissions_as_json: bool = False
    group_filter_misses_primary_interfaces: bool = True
    longest_url: int = 16_384

    def to_json(self) -> dict[str, object]:
        """
        The settings by name, a set as a sorted list.
        """
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {
            name: sorted(value) if name in _SETS else value
            for name, value in values.items()
        }

    def changed(self, settings: Mapping[str, object]) -> Behaviour:
        """
        A copy with some settings changed, in the form of `to_json`.

        Raises:
            ValueError: a name or a value is not valid; the message says which.
        """
        checked: dict[str, Any] = {n: _checked(n, v) for n, v in settings.items()}
        return replace(self, **checked)

    def changed_by_text(self, setting: str) -> Behaviour:
        """
        A copy with one setting changed: `NAME=VALUE`, a set as `A,B`.

        Raises:
            ValueError: the text does not have this form, or name or value is not valid.
        """
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"{setting!r} is not of the form NAME=VALUE")
        return self.changed({name: _read(_default(name), text)})


_HINTS: dict[str, Any] = get_type_hints(Behaviour)
_DEFAULTS = {entry.name: entry.default for entry in fields(Behaviour)}
_SETS = {name for name, each in _DEFAULTS.items() if isinstance(each, frozenset)}


def _default(name: str) -> object:
    if name not in _DEFAULTS:
        raise ValueError(f"there is no behaviour {name!r}, only {sorted(_DEFAULTS)}")
    return _DEFAULTS[name]


def _read(default: object, text: str) -> object:
    """
    The value of a text, by the type of the default. `_checked` refuses invalid values.
    """
    if isinstance(default, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(default, int):
        return int(text) if text.isdecimal() else text
    if isinstance(default, frozenset):
        return text.split(",") if text else []
    return text


def _checked(name: str, value: object) -> object:
    default = _default(name)
    if isinstance(default, frozenset):
        if not is_list(value) or not all(each in FIELDS for each in value):
            raise ValueError(f"{name} is a list of {', '.join(FIELDS)}, not {value!r}")
        return frozenset(value)
    if type(value) is not type(default):
        kind = {"bool": "true or false", "int": "a number"}.get(
            type(default).__name__, "text"
        )
        raise ValueError(f"{name} is {kind}, not {value!r}")
    choices = get_args(_HINTS[name])
    if choices and value not in choices:
        raise ValueError(f"{name} is one of {choices}, not {value!r}")
    return value
