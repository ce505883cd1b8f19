"""
Composes the report for a pull request from a judged preview, section by section.

The most important comes first, and is cut last. The same review gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from alicloud_ingress.errors import some_of
from alicloud_ingress.exposure.internet import InternetOpening
from alicloud_ingress.exposure.reach import Reach
from alicloud_ingress.previews.declared import DeclaredRule
from alicloud_ingress.previews.findings import Finding, GroupReview, Review
from alicloud_ingress.previews.page import Report, Section
from alicloud_ingress.previews.steps import FieldChange, Step
from alicloud_ingress.rendering.markup import (
    MAX_MESSAGE_LENGTH,
    cell,
    code,
    label,
    plain,
)
from alicloud_ingress.rules.rule import IngressRule

MAX_ARROWS = 40
"""
Maximum arrows in a diagram; more are not readable.
"""

MAX_HEADLINE_PORTS = 5
"""
Maximum ports in the headline.
"""

RULE_LIMIT = 1_000
"""
Maximum rules of one network interface, inbound and outbound, over all of its groups.
"""

WITH_LIVE = "run preview-report with --live"
_VERBS = {
    "create": "to create",
    "import": "to import",
    "update": "to update",
    "replace": "to replace",
    "delete": "to delete",
}
_TABLE = ("| what | resource | before | after |", "|--|--|--|--|")
_KNOWN_SOURCES = {"group", "prefix list", "port list"}


def compose(review: Review) -> Report:
    """
    Compose the whole report; `page.markdown` cuts it.
    """
    sections = (
        _list(
            "This report is incomplete",
            [code(each, MAX_MESSAGE_LENGTH) for each in review.problems],
        ),
        _list("Fails the check", map(_finding, review.failing)),
        _list("Newly open to the world", _world(review)),
        _list("Not judged", _not_judged(review)),
        _list("What opens", _reaches(review, opens=True)),
        _list("What closes", _reaches(review, opens=False)),
        _list("Deleted", _deleted(review)),
        _list("Replaced with a gap", _gaps(review)),
        _list("Changed fields", _changed(review)),
        _list("Without effect", _without_effect(review)),
        _list("From the live groups", _live(review)),
        _list("Drift: changed outside of Pulumi", _drift(review)),
        _list("Waived", _waived(review)),
        _list("Waivers", map(code, review.remarks)),
        *_diagrams(review),
        _table(review),
    )
    return Report(
        marker=f"<!-- alicloud-ingress preview-report {_stack(review)} -->",
        headline=_headline(review),
        sections=tuple(section for section in sections if section.lines),
    )


def finding_line(finding: Finding) -> str:
    """
    A finding as one line for a terminal.
    """
    verdict = "" if finding.judged else " not judged:"
    names = ", ".join(finding.resources)
    through = f" ({names})" if names else ""
    return plain(f"{finding.kind}:{verdict} {finding.text}{through}")


def not_judged(review: Review) -> list[str]:
    """
    What is not judged, one sentence each, for a terminal or a program.
    """
    return list(_not_judged(review, plain))


def _stack(review: Review) -> str:
    safe = "".join(
        c if c.isalnum() or c in "/_." else "-" for c in review.preview.stack
    )
    while "--" in safe:
        safe = safe.replace("--", "-")
    return safe.strip("-") or "stack"


def _headline(review: Review) -> str:
    ops = Counter(step.op for step in review.preview.steps)
    gaps = sum(step.gap for step in review.preview.steps)
    counts = [f"{ops[op]} {verb}" for op, verb in _VERBS.items() if ops[op]]
    if gaps:
        counts.append(f"{gaps} of them with a gap")
    where = f" of {code(review.preview.stack)}" if review.preview.stack else ""
    changes = ", ".join(counts) or "no change"
    return f"**Ingress rules{where}: {changes}. {_verdict(review)}**"


def _verdict(review: Review) -> str:
    if review.problems:
        return "This report is incomplete."
    openings = _openings(review)
    if openings:
        ports = dict.fromkeys(opening.what for _, opening in openings)
        return f"Newly open to the world: {some_of(ports, MAX_HEADLINE_PORTS)}."
    if next(_not_judged(review), None) or any(f.opening for f in review.findings):
        return "Some changes are not judged."
    return "Nothing is newly open to the world."


def _list(title: str, lines: Iterable[str]) -> Section:
    return Section(title=title, lines=tuple(f"- {line}" for line in lines))


def _finding(finding: Finding) -> str:
    verdict = "" if finding.judged else " not judged:"
    names = ", ".join(map(code, finding.resources))
    through = f", {names}" if names else ""
    return f"{finding.kind}:{verdict} {code(finding.text)}{through}"


def _openings(review: Review) -> list[tuple[GroupReview, InternetOpening]]:
    return [
        (group, opening)
        for group in review.groups
        for opening in group.openings
        if opening.certain
    ]


def _world(review: Review) -> Iterator[str]:
    for group, opening in _openings(review):
        named = dict.fromkeys(
            name for rule in opening.rules for name in group.names.get(rule, ())
        )
        through = ", ".join(map(code, named)) or "a rule that is not in this stack"
        yield (
            f"{code(opening.world)} may now reach {code(opening.what)}"
            f" of {code(group.group)} through {through}"
        )


def _not_judged(review: Review, code: Callable[[str], str] = code) -> Iterator[str]:
    reported: set[IngressRule] = set()
    for step in review.preview.steps:
        existing = {declared.rule for declared in step.before}
        new = [s for s in step.after if s.rule not in existing]
        doubtful = [s for s in new if s.doubts] if step.after else _doubtful(step)
        if doubts := dict.fromkeys(doubt for s in doubtful for doubt in s.doubts):
            yield f"{code(step.name)}: {code(', '.join(doubts))}"
        reported |= {declared.rule for declared in doubtful}
    for group in review.groups:
        for opening in group.openings:
            if opening.certain or not reported.isdisjoint(opening.rules):
                continue
            yield (
                f"whether {code(opening.world)} may reach {code(opening.what)} of"
                f" {code(group.group)} {_depends_on(review, group, opening, code)}"
            )
    for urn in review.preview.unknown_rules:
        yield f"{code(urn)}: a rule of a type that is not known here"
    yield from map(code, review.preview.notes)
    for changed in review.preview.lists:
        if changed.changes:
            yield (
                f"{code(changed.name)}: groups that are not in this preview may use"
                f" {code(changed.list_id)}, whose address blocks change"
            )


def _depends_on(
    review: Review,
    group: GroupReview,
    opening: InternetOpening,
    code: Callable[[str], str],
) -> str:
    if not opening.rules:
        return (
            "depends on rules that are not in this stack: a drop rule is deleted that"
            f" may take precedence over them; {WITH_LIVE}"
        )
    rules = ", ".join(code(rule.as_text) for rule in opening.rules)
    if any(
        rule.source_prefix_list_id or rule.port_range_list_id for rule in opening.rules
    ):
        return f"depends on the contents of a list: {rules}"
    if any(
        declared.group == group.group
        for step in review.preview.steps
        for declared in _doubtful(step)
    ):
        return f"depends on values that are not known, of this or another rule: {rules}"
    if group.rules_afterwards is None:
        return f"depends on the other rules of the group: {rules}; {WITH_LIVE}"
    return (
        "depends on how far the run gets: a step will fail, or a drop rule is deleted"
        " before it is created again, or a rule may stay that a step deletes or"
        f" changes, or two resources declare one rule: {rules}"
    )


def _doubtful(step: Step) -> list[DeclaredRule]:
    """
    The rules of a resource that have a value which is not known, before and after.
    """
    return [declared for declared in (*step.before, *step.after) if declared.doubts]


def _reaches(review: Review, *, opens: bool) -> Iterator[str]:
    words = "may now reach" if opens else "may no longer reach"
    for group in review.groups:
        if group.change is None:
            continue
        for reach in group.change.opened if opens else group.change.closed:
            if _has_known_source(reach):
                yield (
                    f"{code(reach.who)} {words} {code(reach.what)}"
                    f" of {code(group.group)}"
                )


def _has_known_source(reach: Reach) -> bool:
    return all(unknown.kind in _KNOWN_SOURCES for unknown in reach.members)


def _deleted(review: Review) -> Iterator[str]:
    for step in review.preview.steps:
        if step.op != "delete":
            continue
        end = (
            " (the rule is kept in the group: retain_on_delete or deleted_with)"
            if step.fate == "retained"
            else ""
        )
        yield f"{code(step.name)}: {_rules(step.before)}{end}"


def _gaps(review: Review) -> Iterator[str]:
    for step in review.preview.steps:
        if step.gap:
            why = code(", ".join(dict.fromkeys(step.differences.reasons)) or "unknown")
            yield (
                f"{code(step.name)}: the old rule is deleted before the new one is"
                f" created (because of {why})"
            )


def _changed(review: Review) -> Iterator[str]:
    for step in review.preview.steps:
        for declared in step.before:
            if declared.is_unsure and step.op == "update":
                yield (
                    f"{code(step.name)}: {code(declared.rule.as_text)} has no ID yet,"
                    " so it is found, or created again"
                )
        for change in step.differences.changes:
            yield f"{code(step.name)}: {_change(change)}"


def _change(change: FieldChange) -> str:
    before, after = (code(v) if v else "unset" for v in (change.before, change.after))
    return f"{code(change.name)} {before} → {after}"


def _without_effect(review: Review) -> Iterator[str]:
    for group in review.groups:
        for rule, comes in group.idle:
            names = ", ".join(map(code, group.names.get(rule, ())))
            done = "added to" if comes else "removed from"
            yield (
                f"{code(rule.as_text)} is {done} {code(group.group)} ({names}):"
                " other rules decide first, so it has no effect"
            )


def _live(review: Review) -> Iterator[str]:
    for group in review.groups:
        if group.rules_afterwards is None:
            continue
        for refusal in group.refusals:
            yield (
                f"{code(refusal.step.name)} would fail: {code(refusal.rule)},"
                f" {refusal.why}, in {code(group.group)}"
            )
        for takeover in group.takeovers:
            yield (
                f"{code(takeover.step.name)} would take over"
                f" {code(takeover.rule_id)}, which is an identical rule, in"
                f" {code(group.group)}"
            )
        for live in group.expired:
            yield (
                f"{code(live.rule_id)} of {code(group.group)} has expired; its last day"
                f" was {code(live.rule.expires_on)}: {code(live.rule.as_text)}"
            )
        for live in group.unmanaged or ():
            remark = f", {code(live.rule.description)}" if live.rule.description else ""
            yield (
                f"{code(live.rule_id)} of {code(group.group)} is not in this stack:"
                f" {code(live.rule.as_text)}{remark}"
            )
        if group.unmanaged is None:
            yield (
                f"which rules of {code(group.group)} are not in this stack is unknown:"
                f" {code(group.why_hidden)}"
            )
        yield (
            f"{code(group.group)} will have {group.rules_afterwards} inbound rules;"
            f" the limit of a network interface is {RULE_LIMIT:,} over all its groups"
        )


def _drift(review: Review) -> Iterator[str]:
    for step in review.preview.steps:
        if step.differences.gone:
            yield f"{code(step.name)} no longer exists"
        for change in step.differences.drift:
            yield f"{code(step.name)}: {_change(change)}"


def _waived(review: Review) -> Iterator[str]:
    for finding in review.findings:
        if finding.waived:
            yield f"{_finding(finding)}: {code(finding.waived)}"


def _diagrams(review: Review) -> Iterator[Section]:
    """
    A diagram from sources through ports to groups: thick arrows for what opens, dotted
    ones for what closes.
    """
    arrows: dict[str, None] = {}
    nodes: dict[tuple[str, str], str] = {}
    for group in review.groups:
        if group.change is None:
            continue
        for found, arrow in (
            (group.change.opened, "==>"),
            (group.change.closed, "-.->"),
        ):
            for reach in filter(_has_known_source, found):
                ends = [("s", reach.who), ("p", reach.what), ("g", group.group)]
                if len(arrows) + 2 > MAX_ARROWS:
                    break
                who, what, whose = (
                    nodes.setdefault(end, f"{end[0]}{len(nodes)}") for end in ends
                )
                arrows[f"  {who} {arrow} {what}"] = None
                arrows[f"  {what} --> {whose}"] = None
    if arrows:
        drawn = [f'  {name}["{label(text)}"]' for (_, text), name in nodes.items()]
        yield Section(
            title="Diagram: what opens (thick) and closes (dotted)",
            lines=("\n".join(["```mermaid", "flowchart LR", *drawn, *arrows, "```"]),),
            folded=True,
        )


def _table(review: Review) -> Section:
    rows = [
        f"| {cell(code(step.op))}{' with a gap' if step.gap else ''}"
        f" | {cell(code(step.name))}"
        f" | {cell(_rules(step.before))} | {cell(_rules(step.after))} |"
        for step in review.preview.steps
    ]
    hidden = review.preview.hidden
    more = f"; {hidden} unchanged are not shown" if hidden else ""
    if review.preview.others:
        more += f"; {review.preview.others} of other kinds change"
    return Section(
        title=f"All {len(rows)} resources{more}",
        lines=(*_TABLE, *rows) if rows else (),
        head=len(_TABLE),
        folded=True,
    )


def _rules(declared: Iterable[DeclaredRule]) -> str:
    return ", ".join(code(_rule(each)) for each in declared) or "none"


def _rule(declared: DeclaredRule) -> str:
    remark = f" ({declared.rule.remark})" if declared.rule.remark else ""
    return f"{declared.as_text} of {declared.group}{remark}"
