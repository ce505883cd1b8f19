"""
`usage collect --sls`: the query runs in the stand-in of Simple Log Service.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result

from alicloud_ingress.usage.results import PAGE_ROWS
from functional.accounts import run
from usage.records import UNTIL, Record, answer, flow, quiet, rows, write_json
from usage.sls import SlsFault, SlsStandIn, cut, incomplete, page_of_a_proxy, throttled

OWN = flow(3, direction="out", srcaddr="10.0.0.5", srcport=50_000, dstaddr="192.0.2.7")
RECORDS = [
    flow(0),
    flow(0),
    flow(1, srcaddr="2001:DB8::9", dstaddr="2001:db8::5"),
    flow(1, protocol=1, srcport=0, dstport=0),
    flow(2, action="REJECT", dstport=22),
    OWN,
    answer(OWN),
    quiet(4),
    quiet(6, "SKIPDATA"),
    flow(7, eni__id="eni-2", packets="-"),
]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the environment, as for every other command."""
    monkeypatch.setenv("ALIBABA_CLOUD_REGION", "cn-hangzhou")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "AK")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "very-secret")


@contextmanager
def served(*records: Record, key: str = "AK") -> Generator[SlsStandIn]:
    """A logstore that commands find."""
    sls = SlsStandIn(records, access_key_id=key)
    with sls.serve() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIBABA_CLOUD_ENDPOINT_SLS", f"http://{address}")
        yield sls


def collect(out: Path, *words: str, place: str = "flow-project/flow") -> Result:
    return run(
        *("usage", "collect", "--sls", place, "--since", "3d", "--until", UNTIL),
        *("--out", str(out), *words),
    )


def test_sls_gives_the_table_that_files_give(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", RECORDS)
    by_files = run(
        *("usage", "collect", "--files", str(tmp_path / "a.json"), "--since", "3d"),
        *("--until", UNTIL, "--out", str(tmp_path / "files.parquet")),
    )

    with served(*RECORDS):
        by_sls = collect(tmp_path / "sls.parquet")

    assert (by_files.exit_code, by_sls.exit_code) == (3, 3), by_sls.output
    for name in ("{}.parquet", "{}.watched.parquet"):
        expected = rows(tmp_path / name.format("files"))
        assert expected
        assert rows(tmp_path / name.format("sls")) == expected


def test_a_long_result_comes_in_pages(tmp_path: Path) -> None:
    last = PAGE_ROWS + 7
    with served(*(flow(0, dstport=port) for port in range(1, last + 1))) as sls:
        result = collect(tmp_path / "usage.parquet")

    assert result.exit_code == 0
    ports = [row["port"] for row in rows(tmp_path / "usage.parquet")]
    assert ports == list(range(1, last + 1))
    limits = [call.query.rpartition("LIMIT ")[2] for call in sls.calls]
    assert limits[-2:] == [f"0, {PAGE_ROWS}", f"{PAGE_ROWS}, {PAGE_ROWS}"]


def test_a_window_that_arrives_late_is_not_watched(tmp_path: Path) -> None:
    """Its flow would be missing if it arrived after the flows were read."""
    with served(flow(0)) as sls:
        sls.arriving[1] = flow(5)
        result = collect(tmp_path / "usage.parquet")

    assert result.exit_code == 0
    (watched,) = rows(tmp_path / "usage.watched.parquet")
    assert watched["windows_ok"] == 1
    assert [row["flows"] for row in rows(tmp_path / "usage.parquet")] == [2]


def test_a_row_that_moves_between_pages_is_not_lost(tmp_path: Path) -> None:
    """Its opener is known since the first page: it is a row of that one now."""
    unknown = flow(0, dstport=1, tcp__flags=16)
    last = PAGE_ROWS + 7
    with served(unknown, *(flow(0, dstport=n) for n in range(2, last + 1))) as sls:
        sls.arriving[2] = unknown | {"tcp-flags": 2}
        result = collect(tmp_path / "usage.parquet")

    assert result.exit_code == 0
    ports = [row["port"] for row in rows(tmp_path / "usage.parquet")]
    assert ports == list(range(1, last + 1))


@pytest.mark.parametrize(
    "fault",
    [
        incomplete(6),
        throttled(2),
        throttled(code="ServerBusy"),
        cut(),
        page_of_a_proxy(),
    ],
    ids=["incomplete", "quota", "busy", "cut", "proxy"],
)
def test_what_passes_is_asked_again(tmp_path: Path, fault: SlsFault) -> None:
    with served(flow(0)) as sls:
        sls.inject(fault)
        result = collect(tmp_path / "usage.parquet")

    assert result.exit_code == 0, result.output
    assert [row["flows"] for row in rows(tmp_path / "usage.parquet")] == [1]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (incomplete(1000), "Dedicated SQL"),
        (throttled(1000), "read quota"),
    ],
)
def test_what_lasts_ends_without_a_table(
    tmp_path: Path, fault: SlsFault, words: str
) -> None:
    with served(flow(0)) as sls:
        sls.inject(fault)
        result = collect(tmp_path / "usage.parquet", "--timeout", "3")

    assert result.exit_code == 3
    assert words in result.output
    assert not (tmp_path / "usage.parquet").exists()


def test_refused_credentials_are_named_without_a_secret(tmp_path: Path) -> None:
    with served(flow(0), key="another") as sls:
        result = collect(tmp_path / "usage.parquet")

    assert result.exit_code == 3
    assert "log:GetLogStoreLogs" in result.output
    assert "very-secret" not in result.output
    assert len(sls.calls) == 1


def test_a_logstore_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with served(flow(0)):
        result = collect(tmp_path / "usage.parquet", place="flow-project/other")

    assert result.exit_code == 3
    assert "LogStoreNotExist" in result.output


def test_optional_fields_may_lack_an_index(tmp_path: Path) -> None:
    record = {k: v for k, v in flow(0).items() if k not in ("tcp-flags", "account-id")}
    with served(record):
        result = collect(tmp_path / "usage.parquet")

    assert result.exit_code == 0, result.output
    (row,) = rows(tmp_path / "usage.parquet")
    assert (row["opened"], row["account_id"]) == ("unknown", "")


def test_a_required_field_without_an_index_is_named(tmp_path: Path) -> None:
    with served({k: v for k, v in flow(0).items() if k != "direction"}):
        result = collect(tmp_path / "usage.parquet")

    assert result.exit_code == 3
    assert "direction" in result.output
    assert "index of the logstore" in result.output


def test_the_query_sent_equals_the_query_printed(tmp_path: Path) -> None:
    with served(flow(0)) as sls:
        collect(tmp_path / "usage.parquet")
    printed = run(
        *("usage", "sql", "--dialect", "sls", "--since", "3d", "--until", UNTIL)
    )

    assert " ".join(printed.stdout.split()).replace("( ", "(").replace(" )", ")") in (
        " ".join(sls.calls[-1].query.split()).replace("( ", "(").replace(" )", ")")
    )
