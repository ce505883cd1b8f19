"""
Plans and reports of `stale`: what a release has written stays readable, and nothing
that is incomplete is taken for one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from alicloud_ingress import stale
from alicloud_ingress.files import items, mapping

GOLDEN = Path(__file__).parents[1] / "golden"
PLAN = GOLDEN / "stale-plan-1.json"
REPORT = GOLDEN / "stale-report-1.json"
READERS: dict[Path, Callable[[Path], object]] = {
    PLAN: stale.read_plan,
    REPORT: stale.read_report,
}


def test_a_plan_of_version_1_is_read_as_written(tmp_path: Path) -> None:
    """And its report belongs to it."""
    plan = stale.read_plan(PLAN)
    stale.write_plan(tmp_path / "plan.json", plan)

    ((group, finding),) = plan.stale
    assert (group.group_id, finding.rule_id) == ("sg-1", "sgr-1")
    assert finding.rule.ip_protocol == "TCP"
    assert finding.rule.remark == "办公室 expires=2026-01-31"
    assert [kept.kept for kept in group.kept] == ["on the keep list"]
    assert not plan.is_whole
    assert plan.digest == stale.read_report(REPORT).plan
    assert json.loads((tmp_path / "plan.json").read_bytes()) == json.loads(
        PLAN.read_bytes()
    )


def test_a_report_of_version_1_is_read_as_written(tmp_path: Path) -> None:
    report = stale.read_report(REPORT)
    stale.write_report(tmp_path / "report.json", report)

    (entry,) = report.entries
    assert (entry.status, entry.restored_as) == ("restored", "sgr-7")
    assert (tmp_path / "report.json").read_bytes() == REPORT.read_bytes()


@pytest.mark.parametrize("file", READERS, ids=lambda file: file.stem)
def test_a_document_is_valid_by_its_schema(file: Path) -> None:
    name = file.stem.removesuffix("-1")

    jsonschema.validate(json.loads(file.read_bytes()), stale.schema(name))


OPTIONAL = ("kept", "PortRange", "SourceCidrIp", "Policy", "NicType", "Description")


def fields_of(value: object, path: tuple[str | int, ...] = ()) -> Iterator[Any]:
    """
    The paths of all fields that a document needs.
    """
    for number, each in enumerate(items(value)):
        yield from fields_of(each, (*path, number))
    for name, each in mapping(value).items():
        if name not in OPTIONAL:
            yield (*path, name)
        yield from fields_of(each, (*path, name))


CASES = [
    pytest.param(file, path, id=".".join(map(str, (file.stem, *path))))
    for file in READERS
    for path in fields_of(json.loads(file.read_bytes()))
]


@pytest.mark.parametrize(("file", "path"), CASES)
@pytest.mark.parametrize("is_missing", [True, False])
def test_a_damaged_document_is_refused(
    tmp_path: Path, file: Path, path: tuple[str | int, ...], *, is_missing: bool
) -> None:
    """Each field in turn is missing, or holds something else."""
    document = json.loads(file.read_bytes())
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    if is_missing:
        del holder[path[-1]]
    else:
        holder[path[-1]] = {"": [None]}
    (tmp_path / "damaged.json").write_text(json.dumps(document))

    with pytest.raises(stale.DocumentError, match=r"damaged\.json is not a"):
        READERS[file](tmp_path / "damaged.json")


@pytest.mark.parametrize("file", READERS, ids=lambda file: file.stem)
def test_a_field_that_nobody_wrote_is_refused(tmp_path: Path, file: Path) -> None:
    """A misspelled one, say, that would have no effect."""
    document = {**json.loads(file.read_bytes()), "extra": 1}
    (tmp_path / "edited.json").write_text(json.dumps(document))

    with pytest.raises(stale.DocumentError, match="unknown field `extra`"):
        READERS[file](tmp_path / "edited.json")


def test_a_priority_that_is_not_a_number_is_refused(tmp_path: Path) -> None:
    text = PLAN.read_text(encoding="utf-8").replace(
        '"Priority": "10"', '"Priority": "x"'
    )
    (tmp_path / "edited.json").write_text(text, encoding="utf-8")

    with pytest.raises(stale.DocumentError, match=r"edited\.json is not a complete"):
        stale.read_plan(tmp_path / "edited.json")


def test_a_kept_rule_among_the_stale_ones_is_refused(tmp_path: Path) -> None:
    """A plan that was edited so would destroy a rule that a stack owns."""
    document = json.loads(PLAN.read_bytes())
    (group, *_) = [group for group in document["groups"] if group["kept"]]
    group["stale"] += group["kept"]
    group["kept"] = []
    (tmp_path / "edited.json").write_text(json.dumps(document))

    with pytest.raises(stale.DocumentError, match="among the stale ones"):
        stale.read_plan(tmp_path / "edited.json")
