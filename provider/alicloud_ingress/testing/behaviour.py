"""
What the documentation of ECS leaves open, each question as a setting.

A provider is right only if it is right under both answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """
    How the fake acts where the documentation is silent or contradicts itself.

    Args:
        revoke_without_match_is_refused: a revoke by attributes that matches nothing
            is refused with `InvalidSecurityGroupRule.RuleNotExist`; else 200.
        unknown_rule_id: what an ID that is not there is answered with: 404
            `InvalidSecurityGroupRuleId.NotFound`, or 400
            `InvalidParam.SecurityGroupRuleId` as on pages since 2024-07-08.
        batches_are_atomic: one bad entry undoes the whole call; else those before
            it stay done.
        omitted_matches_any: a revoke that leaves out Priority or Policy matches
            every one; else the default alone.
        revoke_compares_description: a revoke that gives a Description matches only
            rules that have it.
        authorize_takes_over_description: authorizing a rule that exists changes its
            description to the one given.
        repeated_revoke_is_judged_anew: a revoke by ID that comes again with the same
            ClientToken finds the rule gone; else it is answered as the first time.
        address_equals_its_block: 1.2.3.4 and 1.2.3.4/32 are one rule, shown bare.
        host_bits_are_masked: 10.1.2.3/8 becomes 10.0.0.0/8; else it stays.
        priority_is_shown_as_text: `"1"`; else the number 1.
        omitted_fields_are_reset: a modify by ID sets omitted fields to their
            default; else they keep their value.
        protocol_numbers_are_named: number 6 is shown as TCP; else as 6.
        icmpv6_is_shown_as: the spelling of ICMPv6 in answers.
        port_range_of_a_list: what PortRange shows for a rule with a port list.
        enterprise_refuses: the fields that a rule of an enterprise group may not
            set; newer pages leave Priority out, another all three.
        longest_url: bytes of path and query beyond which the gateway answers 414
            with an HTML body.
    """

    revoke_without_match_is_refused: bool = False
    unknown_rule_id: Literal["not found", "not valid"] = "not found"
    batches_are_atomic: bool = True
    omitted_matches_any: bool = False
    revoke_compares_description: bool = False
    authorize_takes_over_description: bool = False
    repeated_revoke_is_judged_anew: bool = False
    address_equals_its_block: bool = True
    host_bits_are_masked: bool = False
    priority_is_shown_as_text: bool = False
    omitted_fields_are_reset: bool = False
    protocol_numbers_are_named: bool = True
    icmpv6_is_shown_as: str = "ICMPv6"
    port_range_of_a_list: str = ""
    enterprise_refuses: frozenset[str] = frozenset(
        {"Policy", "Priority", "SourceGroupId"}
    )
    longest_url: int = 16_384
