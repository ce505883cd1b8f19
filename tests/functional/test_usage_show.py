"""
`usage show` as a user runs it, over a table and the account that it is about.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import Result

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.usage.formats import schema
from functional.accounts import account, run, tcp
from functional.watched_groups import LONG_AGO, add, table, watched_group
from usage_tables import DAY, FROM, Flow, Watched, written

HOSTILE = (
    '</code><img src=x onerror=alert(1)><script>document.title="hit"</script>'
    "| `b` {{ 7*7 }} \u202e"
)


@pytest.fixture
def fake() -> Iterator[FakeEcs]:
    """An account in process."""
    with account() as fake:
        yield fake


@pytest.fixture
def group(fake: FakeEcs) -> str:
    """A group with one interface, older than the period."""
    return watched_group(fake)


def show(group: str, *arguments: str) -> Result:
    """Show the use of a group's rules."""
    return run(
        "usage", "show", "--group", group, "--usage", "usage.parquet", *arguments
    )


def rules(group: str) -> dict[str, dict[str, Any]]:
    """What the JSON says, by rule."""
    done = show(group, "--format", "json")
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    jsonschema.validate(report, schema())
    return {rule["rule_id"]: rule for g in report["groups"] for rule in g["rules"]}


def test_each_rule_has_a_verdict_and_what_used_it(fake: FakeEcs, group: str) -> None:
    """In the form of the schema."""
    used = add(fake, group, tcp(443, "0.0.0.0/0"))
    unused = add(fake, group, tcp(8080))
    drop = add(fake, group, tcp(23, "0.0.0.0/0", Policy="drop"))
    table(
        fake,
        group,
        Flow(source="10.1.2.3", flows=3, bytes=500, last_seen=FROM + 9 * DAY),
        Flow(source="198.51.100.7", flows=1, bytes=10),
        Flow(port=23, source="203.0.113.9", action="REJECT", flows=4),
    )

    found = rules(group)

    assert {rule: found[rule]["verdict"] for rule in found} == {
        used: "used",
        unused: "unused",
        drop: "used",
    }
    assert found[used]["last_used"] == "2026-09-30T14:20:00Z"
    assert (found[used]["flows"], found[used]["bytes"]) == (4, 510)
    assert found[used]["ports"] == ["443/443"]
    assert [source["cidr"] for source in found[used]["sources"]] == [
        "10.1.2.3",
        "198.51.100.7",
    ]
    assert found[used]["proposal"] == {
        "sources": ["10.1.2.3/32", "198.51.100.7/32"],
        "ports": [],
    }
    assert found[drop]["flows"] == 4
    assert found[drop]["proposal"] is None
    assert found[unused]["last_used"] is None
    assert "42 days" in found[unused]["reasons"][0]


def test_protocols_without_ports_are_named(fake: FakeEcs, group: str) -> None:
    rule = {"IpProtocol": "all", "PortRange": "-1/-1", "SourceCidrIp": "10.0.0.0/8"}
    rule_id = add(fake, group, rule)
    table(fake, group, Flow(protocol=1, port=None), Flow(protocol=17, port=53))

    assert rules(group)[rule_id]["ports"] == ["icmp", "udp 53/53"]


def test_the_report_names_coverage_and_period(fake: FakeEcs, group: str) -> None:
    add(fake, group, tcp(443))
    table(fake, group)

    report = json.loads(show(group, "--format", "json").stdout)

    assert report["period"] == {
        "from": "2026-09-21T14:20:00Z",
        "to": "2026-11-02T14:20:00Z",
    }
    assert report["groups"][0]["coverage"] == {
        "interfaces": 1,
        "watched_share": 1.0,
        "skipped_windows": 0,
    }


def test_missing_logs_leave_rules_unjudged_with_exit_0(
    fake: FakeEcs, group: str
) -> None:
    rule_id = add(fake, group, tcp(443))
    table(fake, group, all_paths=False)

    found = rules(group)

    assert found[rule_id]["verdict"] == "not judged"
    assert "--all-paths" in show(group).stdout


def test_a_lower_least_coverage_is_named(fake: FakeEcs, group: str) -> None:
    rule_id = add(fake, group, tcp(443))
    vpc = fake.groups[group].vpc_id
    late = Watched(vpc_id=vpc, first_window=FROM + DAY, windows_nodata=41 * 144 - 48)
    written(Path("usage.parquet"), [], [late])

    assert rules(group)[rule_id]["verdict"] == "not judged"
    done = show(group, "--format", "json", "--min-coverage", "0.9")
    (rule,) = json.loads(done.stdout)["groups"][0]["rules"]
    assert rule["verdict"] == "unused"
    assert "--min-coverage 0.9" in rule["reasons"][0]


@pytest.mark.parametrize(
    "action", ["DescribeNetworkInterfaces", "DescribeSecurityGroups"]
)
def test_a_refused_call_is_reported_with_exit_3(
    fake: FakeEcs, group: str, action: str
) -> None:
    add(fake, group, tcp(443))
    table(fake, group)
    fake.fail_next(action, 403, "Forbidden.RAM")

    done = show(group)

    assert done.exit_code == 3
    assert action in done.stderr


def test_rules_of_another_group_that_cannot_be_read_are_3(
    fake: FakeEcs, group: str
) -> None:
    """What is known is shown; what they may have let in is possible use."""
    rule_id = add(fake, group, tcp(443))
    other = fake.new_group(vpc_id=fake.groups[group].vpc_id)
    fake.new_interface(other, id="eni-2", create_time=LONG_AGO)
    table(fake, group, Flow(interface_id="eni-2"))
    fake.calls.clear()

    def refuse(call: Any) -> None:
        if call.action == "DescribeNetworkInterfaces":
            fake.fail_next("DescribeSecurityGroupAttribute", 403, "Forbidden.RAM")

    fake.listeners.append(refuse)
    done = show(group, "--format", "json")

    assert done.exit_code == 3
    assert other in done.stderr
    (rule,) = json.loads(done.stdout)["groups"][0]["rules"]
    assert (rule["rule_id"], rule["verdict"]) == (rule_id, "possibly used")


def test_a_classic_group_is_not_judged(fake: FakeEcs, group: str) -> None:
    classic = fake.new_group(vpc_id="")
    rule_id = add(fake, classic, tcp(443))
    table(fake, group)

    found = rules(classic)[rule_id]

    assert found["verdict"] == "not judged"
    assert "classic network" in found["reasons"][0]


def test_members_of_a_source_group_use_its_rule(fake: FakeEcs, group: str) -> None:
    source = fake.new_group(vpc_id=fake.groups[group].vpc_id)
    fake.new_interface(
        source, id="eni-2", private_ips=["192.168.0.2"], create_time=LONG_AGO
    )
    rule_id = add(fake, group, tcp(443, source))
    table(fake, group, Flow(source="192.168.0.2"))

    assert rules(group)[rule_id]["verdict"] == "used"


def test_lists_are_resolved(fake: FakeEcs, group: str) -> None:
    prefixes = fake.new_prefix_list("10.0.0.0/8")
    empty = fake.new_prefix_list()
    one = add(fake, group, tcp(443, prefixes))
    other = add(fake, group, tcp(8080, empty))
    table(fake, group, Flow(), Flow(port=8081))

    found = rules(group)

    assert found[one]["verdict"] == "used"
    assert found[other]["verdict"] == "not judged"
    assert empty in found[other]["reasons"][0]


def test_interfaces_are_asked_for_by_vpc_to_the_last_page(
    fake: FakeEcs, group: str
) -> None:
    """Not by group: that filter leaves primary interfaces out."""
    for number in range(600):
        fake.new_interface(group, id=f"eni-many{number}", create_time=LONG_AGO)
    add(fake, group, tcp(443))
    table(fake, group)

    report = json.loads(show(group, "--format", "json").stdout)

    assert report["groups"][0]["coverage"]["interfaces"] == 601
    asked = [c for c in fake.calls if c.action == "DescribeNetworkInterfaces"]
    assert len(asked) == 2
    assert all("SecurityGroupId" not in call.parameters for call in asked)


def test_groups_of_one_vpc_are_read_once(fake: FakeEcs, group: str) -> None:
    other = fake.new_group(vpc_id=fake.groups[group].vpc_id)
    elsewhere = fake.new_group(vpc_id="vpc-elsewhere")
    for each in (group, other, elsewhere):
        add(fake, each, tcp(443))
    table(fake, group)

    done = show(group, "--group", other, "--group", elsewhere, "--format", "json")

    report = json.loads(done.stdout)
    assert [g["group_id"] for g in report["groups"]] == [group, other, elsewhere]
    asked = [c for c in fake.calls if c.action == "DescribeNetworkInterfaces"]
    assert len(asked) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["--usage", "missing.parquet", "--group", "sg-1"],
        ["--usage", "usage.parquet"],
        ["--usage", "usage.parquet", "--group", "web"],
        ["--usage", "usage.parquet", "--group", "sg-1", "--min-coverage", "0"],
        ["--usage", "usage.parquet", "--group", "sg-1", "--min-coverage", "1.1"],
        ["--usage", "usage.parquet", "--group", "sg-1", "--min-coverage", "nan"],
    ],
)
def test_wrong_use_is_2(fake: FakeEcs, group: str, arguments: list[str]) -> None:
    table(fake, group)
    assert run("usage", "show", *arguments).exit_code == 2
    assert fake.calls == []


def test_a_file_that_is_no_table_is_3(fake: FakeEcs, group: str) -> None:
    Path("usage.parquet").write_text("flow logs")
    done = show(group)
    assert done.exit_code == 3
    assert "usage.parquet" in done.stderr
    assert fake.calls == []


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_tables_tell_the_same(fake: FakeEcs, group: str, form: str) -> None:
    add(fake, group, tcp(443, "0.0.0.0/0"))
    add(fake, group, tcp(8080))
    table(fake, group, Flow())

    done = show(group, "--format", form)

    assert done.exit_code == 0
    assert "1 used, 1 unused" in done.stdout
    assert "sources 10.1.2.3/32" in done.stdout
    assert "1 interface, watched for at least 100 % of the period" in done.stdout


class _Page(HTMLParser):
    """What a page names, and what would make it ask for something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile_page(fake: FakeEcs, group: str) -> str:
    """A page about a rule whose description and group attack it."""
    fake.groups[group].name = HOSTILE
    add(fake, group, tcp(443, "0.0.0.0/0", Description=HOSTILE))
    add(fake, group, tcp(8080))
    table(
        fake,
        group,
        *(Flow(source=f"10.{n}.2.3") for n in range(9)),
        Flow(source="<script>", first_seen=FROM, last_seen=FROM + 20 * DAY),
    )
    done = show(group, "--format", "html")
    assert done.exit_code == 0, done.output
    return done.stdout


def test_the_page_stands_alone_and_no_text_acts_in_it(
    fake: FakeEcs, group: str
) -> None:
    """Descriptions are shown as they are, and nothing is loaded."""
    page = _Page(hostile_page(fake, group))

    assert not page.tags & {"script", "img", "link", "iframe", "object", "form", "base"}
    names = {name for name, _ in page.attributes}
    assert not names & {"src", "srcset", "action", "background", "style", "data"}
    assert not any(name.startswith("on") for name in names)
    links = [value for name, value in page.attributes if name in ("href", "xlink:href")]
    assert all(link and link.startswith("#") for link in links)
    assert '<script>document.title="hit"</script>' in page.text
    assert "{{ 7*7 }}" in page.text
    assert "\u202e" not in page.text
    assert "default-src 'none'" in str(page.attributes)


def test_the_page_has_one_row_per_rule_with_its_verdict(
    fake: FakeEcs, group: str
) -> None:
    text = hostile_page(fake, group)
    assert text.count('<th scope="row">') == 2
    assert "● used" in text
    assert "○ unused" in text
    assert "no flow seen on any day" in text
    assert "10 blocks" in text or "9 blocks" in text
