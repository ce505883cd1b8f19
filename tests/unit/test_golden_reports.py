"""
The reports of the previews that the real engine made.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicloud_ingress.files import items, mapping
from alicloud_ingress.previews.findings import FAIL_ON, Gate
from alicloud_ingress.previews.json_report import as_json, schema
from alicloud_ingress.previews.page import markdown
from alicloud_ingress.previews.preview import PreviewError, read_preview
from alicloud_ingress.previews.report import compose, finding_line, not_judged
from alicloud_ingress.previews.review import judge
from alicloud_ingress.previews.sarif import as_sarif
from alicloud_ingress.previews.waivers import WaiverError, read_waivers

GOLDEN = Path(__file__).parents[1] / "golden"
TODAY = dt.date(2026, 1, 1)
GATE = Gate(fail_on=frozenset(FAIL_ON))


@pytest.mark.parametrize("name", ["create", "change", "drift", "destroy"])
def test_a_report_equals_its_golden_file(name: str) -> None:
    """To the byte; the diff shows a change of words."""
    preview = read_preview((GOLDEN / f"{name}.preview.json").read_text())
    text = markdown(compose(judge(preview, Gate(), today=TODAY)))
    file = GOLDEN / f"{name}.report.md"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text)

    assert text == file.read_text(), "run `make golden`, and read the diff"


def test_each_finding_of_the_change_is_one_line() -> None:
    """
    Findings that stop the change and those that do not: the ssh rule behind the
    drop.
    """
    preview = read_preview((GOLDEN / "change.preview.json").read_text())
    found = [finding_line(f) for f in judge(preview, GATE, today=TODAY).failing]
    group, world = "sg-00000002", "0.0.0.0/0"
    ssh = f"tcp 22 of {group}"

    assert found == [
        f"world-open-any: ::/0 may reach tcp 3000-4000 of {group} (desktops)",
        f"world-open-any: not judged: {world} might reach {ssh} (from-another)",
        f"world-open-any: not judged: {world} might reach {ssh} (from-a-secret)",
        f"world-open-admin: ::/0 may reach tcp 3389 of {group} (desktops)",
        f"world-open-admin: not judged: {world} might reach {ssh} (from-another)",
        f"world-open-admin: not judged: {world} might reach {ssh} (from-a-secret)",
        "gap: the old rule is deleted before its replacement is created (metrics)",
    ]


def waivers_schema() -> dict[str, Any]:
    file = resources.files("alicloud_ingress") / "schemas" / "preview-waivers-1.json"
    return cast("dict[str, Any]", json.loads(file.read_text()))


@pytest.mark.parametrize("name", ["create", "change", "drift", "destroy"])
def test_a_json_report_is_valid_by_its_schema(name: str) -> None:
    """It has the same content as the report for people."""
    preview = read_preview((GOLDEN / f"{name}.preview.json").read_text())
    review = judge(preview, GATE, today=TODAY)
    document = json.loads(as_json(review, not_judged(review)))

    jsonschema.validate(document, schema())
    assert document["passes"] is not bool(review.failing)
    assert len(document["findings"]) == len(review.findings)
    assert [s["urn"] for s in document["steps"]] == [s.urn for s in preview.steps]


WAIVER = {"resource": "a", "reason": "b", "until": "2026-12-31"}
LIMITED = {**WAIVER, "group": "sg-1", "ports": [22, "8000/8010", "80-90"]}


@pytest.mark.parametrize(
    ("entries", "is_good"),
    [
        ("[]", True),
        (json.dumps([WAIVER, LIMITED]), True),
        ('[{"resource": "a", "reason": "b"}]', False),
        (json.dumps([{**WAIVER, "resource": " "}]), False),
        (json.dumps([{**WAIVER, "until": "20261231"}]), False),
        (json.dumps([{**WAIVER, "x": 1}]), False),
        (json.dumps([{**WAIVER, "group": ""}]), False),
        (json.dumps([WAIVER]).replace("}", ', "ports": []}'), False),
        (json.dumps([{**WAIVER, "ports": [True]}]), False),
        (json.dumps([{**WAIVER, "ports": [0]}]), False),
        ("{}", False),
    ],
)
def test_the_waivers_schema_and_reader_agree(entries: str, *, is_good: bool) -> None:
    """Each refuses what the other refuses."""
    try:
        jsonschema.validate(json.loads(entries), waivers_schema())
        by_schema = True
    except jsonschema.ValidationError:
        by_schema = False
    try:
        read_waivers(entries)
        by_reading = True
    except WaiverError:
        by_reading = False

    assert (by_schema, by_reading) == (is_good, is_good)


def test_sarif_has_one_result_per_finding() -> None:
    """
    At its line; a finding without one is at the project's file; a waived one is
    kept.
    """
    document = json.loads((GOLDEN / "change.preview.json").read_text())
    for step in document["steps"]:
        if step["urn"].endswith("::desktops"):
            step["newState"]["stackTrace"] = [
                {"sourcePosition": f"project:///{file}"}
                for file in (
                    ".venv/lib/site-packages/alicloud_ingress/resource.py#145",
                    "../elsewhere/rules.py#3",
                    "%2e%2e/elsewhere/rules.py#3",
                    "my%20pr%C3%B6gram%20%231/__main__.py#12,4",
                    "program/__main__.py#40",
                )
            ]
    preview = read_preview(json.dumps(document))
    waiver = '[{"resource": "metrics", "reason": "a test", "until": "2026-01-02"}]'
    gate = Gate(fail_on=frozenset(FAIL_ON), waivers=read_waivers(waiver))
    review = judge(preview, gate, today=TODAY)
    sarif = json.loads(as_sarif(review))
    (run,) = sarif["runs"]

    assert sarif["version"] == "2.1.0"
    assert len(run["results"]) == len(review.findings) > 0
    assert {r["ruleId"] for r in run["results"]} <= {
        rule["id"] for rule in run["tool"]["driver"]["rules"]
    }
    places = {
        result["message"]["text"].rsplit("(", 1)[-1]: (
            result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            result["locations"][0]["physicalLocation"]["region"]["startLine"],
        )
        for result in run["results"]
    }
    assert places["desktops)"] == ("my%20pr%C3%B6gram%20%231/__main__.py", 12)
    assert places["from-a-secret)"] == ("Pulumi.yaml", 1)
    waived = [r for r in run["results"] if "suppressions" in r]
    assert [r["suppressions"][0]["justification"] for r in waived] == ["a test"]
    assert [r["ruleId"] for r in waived] == ["gap"]
    prints = [r["partialFingerprints"]["finding/v1"] for r in run["results"]]
    assert len(set(prints)) == len(prints)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a document where another value can be put."""
    keys: Iterable[Any] = [*mapping(value)] or range(len(items(value)))
    for key in keys:
        yield value, key
        yield from places(value[key])


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["change", "drift"]), st.data())
def test_a_broken_preview_never_causes_a_crash(name: str, data: st.DataObject) -> None:
    """It is judged, or reported as unreadable."""
    document = json.loads((GOLDEN / f"{name}.preview.json").read_text())
    for _ in range(data.draw(st.integers(1, 4))):
        holder, key = data.draw(st.sampled_from(list(places(document))))
        holder[key] = data.draw(JSON)

    try:
        preview = read_preview(json.dumps(document))
    except PreviewError:
        return
    review = judge(preview, GATE, today=TODAY)
    assert markdown(compose(review))
    jsonschema.validate(json.loads(as_json(review, not_judged(review))), schema())
    assert as_sarif(review)


def test_the_readme_shows_a_real_report() -> None:
    """Its beginning, line by line."""
    readme = (GOLDEN.parents[1] / "README.md").read_text()
    shown = readme.split("<!-- tests/golden/change.report.md -->\n")[1]
    quoted = shown.split("<!-- end -->")[0].splitlines()

    report = (GOLDEN / "change.report.md").read_text().splitlines()[1:]
    assert [line.removeprefix(">").strip() for line in quoted] == report[: len(quoted)]
