"""
The safe side of `usage`, sentence by sentence, and the edit that takes it back.
"""

from __future__ import annotations

from tools.mutants.mutant import Mutant

VERDICTS = "tests/unit/test_verdicts.py"
ATTRIBUTION = "tests/unit/test_attribution.py"
SHOW = "tests/functional/test_usage_show.py"
COLLECT = "tests/usage/test_collect.py"
RESULT = "tests/usage/test_collect_result.py"
COLLECT_SLS = "tests/usage/test_collect_sls.py"
STALE = "tests/functional/test_stale_usage.py"

USAGE = (
    Mutant(
        "ECS never forgets a session",
        "usage/query.py",
        "IDLE_S = 910",
        "IDLE_S = 9_100_000",
        (COLLECT,),
    ),
    Mutant(
        "times of windows are those of packets",
        "usage/query.py",
        "CASE WHEN h.exact = 1 THEN a.seen_from ELSE a.seen_to END",
        "a.seen_from",
        (COLLECT,),
    ),
    Mutant(
        "a number stands for one text only",
        "usage/embedded.py",
        "if counts[0][0] == counts[0][1]:",
        "if counts:",
        (COLLECT,),
    ),
    Mutant(
        "a first look finds no record that cannot be read",
        "usage/embedded.py",
        "records.judged if doubtful else records.judged_by_status",
        "records.judged_by_status",
        (COLLECT,),
    ),
    Mutant(
        "copies of a record are seen",
        "usage/query.py",
        "({IS_CUT}) OR flows <> BIT_COUNT(evidence // {1 << _FLAG_BITS}) AS again",
        "({IS_CUT}) AS again",
        (COLLECT,),
    ),
    Mutant(
        "a start long before its end is believed",
        "usage/records.py",
        "LONGEST_S = 3_600",
        "LONGEST_S = 1 << 40",
        (COLLECT,),
    ),
    Mutant(
        "a flow that ends a second late hides windows",
        "usage/records.py",
        "i.flow_s, 0) <= 90 THEN 60",
        "i.flow_s, 0) <= 60 THEN 60",
        (COLLECT,),
    ),
    Mutant(
        "pages of SLS may repeat rows",
        "usage/results.py",
        "len(rows) != total or _repeats(rows, part)",
        "len(rows) != total",
        (COLLECT_SLS,),
    ),
    Mutant(
        "SLS says what was watched after its flows",
        "usage/results.py",
        '(("watched", WATCHED_COLUMNS), ("flows", FLOW_COLUMNS))',
        '(("flows", FLOW_COLUMNS), ("watched", WATCHED_COLUMNS))',
        (COLLECT_SLS,),
    ),
    Mutant(
        "a result may be of another period",
        "usage/results.py",
        "NOT BETWEEN {period.from_s} AND {period.to_s - 1}",
        "< 0",
        (RESULT,),
    ),
    Mutant(
        "flows of interfaces that are gone are left out",
        "usage/attribution.py",
        "WHERE NOT whole OR (accepted AND NOT lets_in AND side <> 'inner')",
        "WHERE whole AND (accepted AND NOT lets_in AND side <> 'inner')",
        (VERDICTS,),
    ),
    Mutant(
        "flows that today's rules refuse are left out",
        "usage/attribution.py",
        "WHERE NOT whole OR (accepted AND NOT lets_in AND side <> 'inner')",
        "WHERE NOT whole",
        (ATTRIBUTION,),
    ),
    Mutant(
        "flows whose opener is not known are left out",
        "usage/attribution.py",
        "WHERE opened <> 'out'",
        "WHERE opened = 'in'",
        (VERDICTS,),
    ),
    Mutant(
        "gone interfaces without a VPC are left out",
        "usage/attribution.py",
        "(vpc_id IN ({vpc}, '')",
        "(vpc_id = {vpc}",
        (ATTRIBUTION,),
    ),
    Mutant(
        "an address without an interface now never belonged to a member",
        "usage/attribution.py",
        "       OR c.holder = -1 OR NOT c.holder_sure OR m.profile IS NOT NULL)",
        "       OR m.profile IS NOT NULL)",
        (ATTRIBUTION,),
    ),
    Mutant(
        "a list or a group held in the period what it holds now",
        "usage/attribution.py",
        'boxes="earlier_boxes"',
        'boxes="boxes"',
        (ATTRIBUTION,),
    ),
    Mutant(
        "a flow of a gone interface is of no list that was changed",
        "usage/attribution.py",
        "AND (d.whole OR d.class NOT IN",
        "AND (d.whole AND d.class NOT IN",
        (ATTRIBUTION,),
    ),
    Mutant(
        "a rule made during a flow did not decide it",
        "usage/attribution.py",
        "AND r.possible_from <= c.last_moment",
        "AND r.sure_from <= c.first_moment",
        (ATTRIBUTION,),
    ),
    Mutant(
        "a rule with source ports matches every source port",
        "usage/encoding.py",
        "sure and whole, source_group",
        "sure, source_group",
        (ATTRIBUTION,),
    ),
    Mutant(
        "rules below one that matches in doubt are used for certain",
        "usage/attribution.py",
        "WHEN d.in_doubt THEN {BELOW}",
        "WHEN false THEN {BELOW}",
        (ATTRIBUTION,),
    ),
    Mutant(
        "traffic between members of a group is use of a rule",
        "usage/attribution.py",
        "WHEN d.side <> 'outer' THEN {INNER}",
        "WHEN false THEN {INNER}",
        (ATTRIBUTION,),
    ),
    Mutant(
        "a drop without hits is unused",
        "usage/judging.py",
        'if live.rule.policy != "accept":',
        'if live.rule.policy == "":',
        (VERDICTS,),
    ),
    Mutant(
        "a rule younger than the period is judged",
        "usage/judging.py",
        "elif surely > period.start:",
        "elif surely > period.end:",
        (VERDICTS,),
    ),
    Mutant(
        "a rule whose list is not known is judged",
        "usage/judging.py",
        """yield f"the {each.kind.replace('_', ' ')} {each.name}".rstrip()""",
        "continue",
        (VERDICTS,),
    ),
    Mutant(
        "a list that is empty now held nothing in the period",
        "usage/facts.py",
        "for list_id, entries in found.items() if entries}",
        "for list_id, entries in found.items()}",
        (SHOW,),
    ),
    Mutant(
        "skipped windows prove something",
        "usage/facts.py",
        "if each.windows_skipped]:",
        "if each.windows_skipped < 0]:",
        (VERDICTS,),
    ),
    Mutant(
        "a log of rejected flows alone proves something",
        "usage/facts.py",
        'if shown == {"REJECT"}:',
        'if shown == {"DROP"}:',
        (VERDICTS,),
    ),
    Mutant(
        "a log of IPv4 alone proves something of IPv6",
        "usage/facts.py",
        "if any(each.has_ipv6 for each in self._logged_of(facts)):",
        "if facts:",
        (VERDICTS,),
    ),
    Mutant(
        "an empty group never had an IPv6 address",
        "usage/facts.py",
        'if members and not any(":" in text for text in addresses):',
        'if not any(":" in text for text in addresses):',
        (VERDICTS,),
    ),
    Mutant(
        "unreadable records hide nothing",
        "usage/facts.py",
        "if metadata.records_unreadable:",
        "if metadata.records_unreadable < 0:",
        (VERDICTS,),
    ),
    Mutant(
        "unreadable files hide nothing",
        "usage/facts.py",
        "if metadata.files_unreadable:",
        "if metadata.files_unreadable < 0:",
        (VERDICTS,),
    ),
    Mutant(
        "a log of some paths proves something about all",
        "usage/facts.py",
        "if not metadata.all_paths:",
        "if not metadata.schema:",
        (VERDICTS,),
    ),
    Mutant(
        "a table shorter than the period proves something",
        "usage/facts.py",
        "if period.start < metadata.period_from or period.end > metadata.period_to:",
        "if period.end > metadata.period_to:",
        (VERDICTS,),
    ),
    Mutant(
        "windows that are missing at the edges are not needed",
        "usage/facts.py",
        "if share < self._period.min_coverage and each not in late",
        "if share < 0 and each not in late",
        (VERDICTS,),
    ),
    Mutant(
        "a group without interfaces is judged by no log",
        "usage/facts.py",
        "*(self._empty_problems(facts) if not members else ()),",
        "",
        (VERDICTS,),
    ),
    Mutant(
        "what is not judged is planned",
        "cleanup/scan.py",
        'if judged.verdict == "unused"',
        'if judged.verdict in ("unused", "not judged")',
        (STALE,),
    ),
    Mutant(
        "what is possibly used is planned",
        "cleanup/scan.py",
        'if judged.verdict == "unused"',
        'if judged.verdict in ("unused", "possibly used")',
        (STALE,),
    ),
    Mutant(
        "text of others means something in the page",
        "rendering/markup.py",
        'autoescape=name.endswith(".html.j2")',
        "autoescape=False",
        (SHOW,),
    ),
    Mutant(
        "a table is written through a link",
        "files.py",
        "temporary.replace(path)",
        "temporary.replace(path.resolve())",
        (COLLECT,),
    ),
    Mutant(
        "a query that ends with an interrupted process aborts it",
        "cli/failure.py",
        "if any(thread.daemon for thread in threading.enumerate()):",
        "if False:",
        (STALE,),
    ),
    Mutant(
        "a path with brackets reads the coverage of another table",
        "usage/facts.py",
        "database.read_parquet(escaped(str(table.watched)))",
        "database.read_parquet(str(table.watched))",
        (VERDICTS,),
    ),
)
"""
See `promises.MUTANTS`.
"""
