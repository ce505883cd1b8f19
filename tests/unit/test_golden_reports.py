"""
The reports of the previews that the real engine made.
"""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alicloud_ingress.previews.page import markdown
from alicloud_ingress.previews.preview import PreviewError, read_preview
from alicloud_ingress.previews.review import FAIL_ON, Gate, judge
from alicloud_ingress.previews.stated import items, mapping
from alicloud_ingress.report import compose, finding_line

GOLDEN = Path(__file__).parents[1] / "golden"
TODAY = dt.date(2026, 1, 1)
GATE = Gate(fail_on=frozenset(FAIL_ON))


@pytest.mark.parametrize("name", ["create", "change", "drift", "destroy"])
def test_a_report_is_what_it_was(name: str) -> None:
    """To the byte; a change of words is to be read in the diff."""
    preview = read_preview((GOLDEN / f"{name}.preview.json").read_text())
    text = markdown(compose(judge(preview, Gate(), today=TODAY)))
    file = GOLDEN / f"{name}.report.md"
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text)

    assert text == file.read_text(), "run `make golden`, and read the diff"


def test_each_finding_of_the_change_is_one_line() -> None:
    """What stops it, and what does not: the ssh rule behind the drop."""
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
        "gap: the old rule is deleted before its replacement comes (metrics)",
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Each place in a document where something else could stand."""
    keys: Iterable[Any] = [*mapping(value)] or range(len(items(value)))
    for key in keys:
        yield value, key
        yield from places(value[key])


@settings(deadline=None, max_examples=150)
@given(st.sampled_from(["change", "drift"]), st.data())
def test_a_broken_preview_never_ends_in_a_crash(name: str, data: st.DataObject) -> None:
    """It is judged, or it is said that it cannot be read."""
    document = json.loads((GOLDEN / f"{name}.preview.json").read_text())
    for _ in range(data.draw(st.integers(1, 4))):
        holder, key = data.draw(st.sampled_from(list(places(document))))
        holder[key] = data.draw(JSON)

    try:
        preview = read_preview(json.dumps(document))
    except PreviewError:
        return
    assert markdown(compose(judge(preview, GATE, today=TODAY)))


def test_the_readme_shows_a_report_that_is_so() -> None:
    """Its beginning, line by line."""
    readme = (GOLDEN.parents[1] / "README.md").read_text()
    shown = readme.split("<!-- tests/golden/change.report.md -->\n")[1]
    quoted = shown.split("<!-- end -->")[0].splitlines()

    report = (GOLDEN / "change.report.md").read_text().splitlines()[1:]
    assert [line.removeprefix(">").strip() for line in quoted] == report[: len(quoted)]
