"""
`usage collect` over files: what is read, what is counted, and what is named.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cramjam
import duckdb
import pytest
from click.testing import Result

from alicloud_ingress import usage
from alicloud_ingress.errors import IngressError
from alicloud_ingress.usage.embedded import EmbeddedQuery
from alicloud_ingress.usage.table import Period
from functional.accounts import run
from usage.records import (
    FROM,
    UNTIL,
    Record,
    answer,
    flow,
    quiet,
    rows,
    write_json,
)

Collect = Callable[..., Result]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Where the table is written."""
    return tmp_path / "usage.parquet"


@pytest.fixture
def collect(table: Path) -> Collect:
    """`usage collect` over a period of three days around the records."""

    def call(*files: object, all_paths: bool = True) -> Result:
        return run(
            *("usage", "collect", "--since", "3d", "--until", UNTIL),
            *(word for file in files for word in ("--files", str(file))),
            *(["--all-paths"] if all_paths else []),
            *("--out", str(table)),
        )

    return call


def watched(table: Path) -> list[dict[str, Any]]:
    return rows(table.with_name("usage.watched.parquet"))


def opened(table: Path) -> dict[object, str]:
    return {row["source"]: row["opened"] for row in rows(table)}


# What a table holds


def test_an_inbound_flow_becomes_a_row(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    file = write_json(tmp_path / "a.json", [flow(0), flow(9, bytes=5)])

    assert collect(file).exit_code == 0
    assert rows(table) == [
        {
            "interface_id": "eni-1",
            "vpc_id": "vpc-1",
            "account_id": "1234567890123456",
            "opened": "in",
            "source": "203.0.113.9",
            "destination": "10.0.0.5",
            "protocol": 6,
            "port": 443,
            "action": "ACCEPT",
            "first_seen": FROM,
            "last_seen": FROM + 9 * 60 + 50,
            "flows": 2,
            "packets": 20,
            "bytes": 1005,
        }
    ]


def test_equal_records_count_once(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "a.json", [flow(0), flow(1), flow(0)])
    write_json(tmp_path / "b.json.gz", [flow(0), flow(0, bytes=7)])

    assert collect(tmp_path / "*.json*").exit_code == 0
    assert [(row["flows"], row["bytes"]) for row in rows(table)] == [(3, 2007)]


def test_records_outside_the_period_are_left_out(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "a.json", [flow(-9_000), flow(0), flow(9_000)])

    assert collect(tmp_path / "a.json").exit_code == 0
    assert [row["flows"] for row in rows(table)] == [1]


def test_an_outbound_flow_is_no_row(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "a.json", [flow(0, direction="out")])

    assert collect(tmp_path / "a.json").exit_code == 0
    assert rows(table) == []
    assert [row["windows_ok"] for row in watched(table)] == [1]


def test_a_protocol_without_ports_has_none(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    icmp = flow(0, protocol=1, srcport=8, dstport=0)
    write_json(tmp_path / "a.json", [icmp])

    assert collect(tmp_path / "a.json").exit_code == 0
    assert [(row["protocol"], row["port"]) for row in rows(table)] == [(1, None)]


# Who opened a connection

OWN = flow(0, direction="out", srcaddr="10.0.0.5", srcport=50_000, dstaddr="192.0.2.7")
INBOUND = flow(0, srcaddr="192.0.2.7")


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([INBOUND], "in", id="syn comes in"),
        pytest.param([INBOUND, answer(INBOUND)], "in", id="syn comes in, answered"),
        pytest.param([OWN, answer(OWN)], "out", id="syn goes out, answered"),
        pytest.param(
            [
                OWN,
                answer(OWN),
                answer(OWN, start=FROM + 600, end=FROM + 601, tcp__flags=8),
            ],
            "out",
            id="and data of a later window",
        ),
        pytest.param([answer(OWN)], "unknown", id="an answer without its question"),
        pytest.param(
            [OWN | {"tcp-flags": 18}, answer(OWN)], "unknown", id="ack is recorded"
        ),
        pytest.param(
            [
                OWN,
                answer(OWN),
                answer(OWN, tcp__flags=2, start=FROM + 60, end=FROM + 61),
            ],
            "in",
            id="a syn comes in on the same ports",
        ),
        pytest.param(
            [OWN | {"start": FROM + 90, "end": FROM + 95}, answer(OWN)],
            "unknown",
            id="data came before the syn went out",
        ),
        pytest.param(
            [OWN | {"action": "REJECT"}, answer(OWN)], "unknown", id="syn was rejected"
        ),
        pytest.param(
            [OWN | {"srcport": 50_001}, answer(OWN)], "unknown", id="another port"
        ),
        pytest.param(
            [OWN | {"eni-id": "eni-2"}, answer(OWN)], "unknown", id="another interface"
        ),
        pytest.param(
            [OWN | {"tcp-flags": "-"}, answer(OWN, tcp__flags="-")],
            "unknown",
            id="without flags",
        ),
        pytest.param(
            [OWN | {"protocol": 17}, answer(OWN, protocol=17)],
            "unknown",
            id="udp with a way out",
        ),
        pytest.param([INBOUND | {"protocol": 17}], "in", id="udp without a way out"),
    ],
)
def test_the_opener_is_stated_on_proof_only(
    collect: Collect,
    table: Path,
    tmp_path: Path,
    records: list[Record],
    expected: str,
) -> None:
    write_json(tmp_path / "a.json", records)

    assert collect(tmp_path / "a.json").exit_code == 0
    assert opened(table) == {"192.0.2.7": expected}


def test_answers_to_own_connections_share_a_row(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    """Their ports are random, and no rule is about them."""
    own = [OWN | {"srcport": port} for port in range(50_000, 50_100)]
    write_json(tmp_path / "a.json", [r for out in own for r in (out, answer(out))])

    assert collect(tmp_path / "a.json").exit_code == 0
    assert [(r["opened"], r["port"], r["flows"]) for r in rows(table)] == [
        ("out", None, 100)
    ]


def seen(
    record: Record, first: int, last: int | None = None, **changes: object
) -> Record:
    """A record with other seconds, counted from a full ten minutes."""
    return record | {
        "start": FROM + first,
        "end": FROM + (first if last is None else last),
        **{name.replace("__", "-"): value for name, value in changes.items()},
    }


SYN_OUT, SYN_ACK_IN = seen(OWN, 1), seen(answer(OWN), 1)
DATA_IN, DATA_OUT = answer(OWN, tcp__flags=8), OWN | {"tcp-flags": 8}
IN_A_WINDOW = [seen(OWN, 0, 600), seen(answer(OWN), 0, 600)]


def collected(
    collect: Collect, folder: Path, table: Path, records: Sequence[Record]
) -> Sequence[Mapping[str, Any]]:
    """The rows of the table of one log with these records."""
    write_json(folder / "a.json", records)
    assert collect(folder / "a.json").exit_code == 0
    return rows(table)


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        pytest.param([seen(DATA_IN, 911)], {"out"}, id="data within the timeout"),
        pytest.param([seen(DATA_IN, 912)], {"out", "unknown"}, id="data after it"),
        pytest.param(
            [seen(DATA_OUT, 700, 1200), seen(DATA_IN, 1610)],
            {"out"},
            id="data of the interface in between",
        ),
        pytest.param(
            [seen(DATA_IN, 700, 1200), seen(DATA_IN, 1611)],
            {"out", "unknown"},
            id="the end of a record proves no packet",
        ),
        pytest.param(
            [seen(DATA_IN, 600 * n + 7, 600 * n + 600) for n in range(1, 20)],
            {"out"},
            id="a long connection that is never idle",
        ),
        pytest.param(
            [seen(SYN_OUT, 5000), seen(SYN_ACK_IN, 5000)], {"out"}, id="a new opening"
        ),
        pytest.param(
            [seen(DATA_IN, 4900), seen(SYN_OUT, 5000), seen(SYN_ACK_IN, 5000)],
            {"out", "unknown"},
            id="data before the new opening",
        ),
        pytest.param(
            [seen(DATA_IN, 4900), seen(SYN_OUT, 6000), seen(SYN_ACK_IN, 6000)],
            {"out", "unknown"},
            id="data long before the new opening",
        ),
        pytest.param(
            [seen(INBOUND, 5000, srcport=443, dstport=50_000)],
            {"out", "in"},
            id="the other end opens it the second time",
        ),
    ],
)
def test_a_connection_idle_too_long_needs_a_new_proof(
    collect: Collect,
    table: Path,
    tmp_path: Path,
    records: list[Record],
    expected: set[str],
) -> None:
    made = collected(collect, tmp_path, table, [SYN_OUT, SYN_ACK_IN, *records])

    assert {row["opened"] for row in made} == expected
    inbound = [each for each in records if each["direction"] == "in"]
    assert sum(row["flows"] for row in made) == len(inbound) + 1


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (IN_A_WINDOW, {"out"}),
        ([*IN_A_WINDOW, seen(DATA_IN, 600, 1200)], {"out", "unknown"}),
        ([*IN_A_WINDOW, seen(DATA_IN, 600, 900)], {"out"}),
        ([*IN_A_WINDOW, seen(DATA_IN, 900, 1200)], {"out", "unknown"}),
        ([seen(OWN, 0, 600), seen(answer(OWN), 600, 1200)], {"unknown"}),
    ],
)
def test_times_of_windows_leave_room_for_a_silence(
    collect: Collect,
    table: Path,
    tmp_path: Path,
    records: list[Record],
    expected: set[str],
) -> None:
    """In older logs `start` and `end` are the bounds of the window."""
    made = collected(collect, tmp_path, table, records)

    assert {row["opened"] for row in made} == expected


@pytest.mark.parametrize("seed", range(3))
def test_records_of_one_second_are_of_one_session(
    collect: Collect, table: Path, tmp_path: Path, seed: int
) -> None:
    """The engine may read the two in any order, and in another one at each step."""
    draw = random.Random(seed)  # noqa: S311 - the same records each time
    records = [
        record | {"eni-id": f"eni-{n}"}
        for n in range(300)
        for record in (
            *(SYN_OUT, SYN_ACK_IN),
            *(
                seen(data, 1 + 1211 * silence)
                for silence in range(1, 2 + draw.randrange(2))
                for data in (DATA_IN, DATA_OUT)
            ),
        )
    ]
    draw.shuffle(records)

    made = collected(collect, tmp_path, table, records)

    proven = [row["last_seen"] for row in made if row["opened"] == "out"]
    assert proven == 300 * [SYN_ACK_IN["end"]]


# What was watched


def test_windows_are_counted_once_by_what_they_prove(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    records = [
        *(flow(0, dstport=port) for port in range(1, 50)),
        quiet(1),
        quiet(1),
        quiet(2, "SKIPDATA"),
        flow(2),
        quiet(5),
    ]
    write_json(tmp_path / "a.json", records)

    assert collect(tmp_path / "a.json").exit_code == 0
    assert watched(table) == [
        {
            "interface_id": "eni-1",
            "vpc_id": "vpc-1",
            "account_id": "1234567890123456",
            "windows_ok": 1,
            "windows_nodata": 2,
            "windows_skipped": 3,
            "first_window": FROM,
            "last_window": FROM + 300,
            "window_s": 60,
            "unreadable": 0,
        }
    ]


@pytest.mark.parametrize("window_s", [60, 300, 600])
def test_the_length_of_a_window_is_that_of_quiet_ones(
    collect: Collect, table: Path, tmp_path: Path, window_s: int
) -> None:
    minutes = window_s // 60
    records = [
        quiet(0) | {"end": FROM + window_s - 1},
        flow(minutes),
        flow(2 * minutes - 1, srcport=1),
        quiet(2 * minutes) | {"end": FROM + 3 * window_s},
    ]
    write_json(tmp_path / "a.json", records)

    assert collect(tmp_path / "a.json").exit_code == 0
    (row,) = watched(table)
    assert row["window_s"] == window_s
    # Both flows are in one window, unless windows are a minute long.
    assert (row["windows_ok"], row["windows_nodata"], row["windows_skipped"]) == (
        1,
        2,
        0,
    )


@pytest.mark.parametrize(
    ("lasted", "window_s"), [(0, 60), (61, 60), (90, 60), (91, 300), (301, 300)]
)
def test_without_quiet_windows_flows_show_their_length(
    collect: Collect, table: Path, tmp_path: Path, lasted: int, window_s: int
) -> None:
    """A flow that ends a second late does not hide the windows that are missing."""
    late = flow(0) | {"end": FROM + lasted}
    write_json(tmp_path / "a.json", [late, flow(4), flow(9)])

    assert collect(tmp_path / "a.json").exit_code == 0
    (row,) = watched(table)
    missing = {60: 7, 300: 0}[window_s]
    assert (row["window_s"], row["windows_skipped"]) == (window_s, missing)


def test_a_busy_interface_has_the_windows_of_its_vpc(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    quiet_one = quiet(0, eni__id="eni-2") | {"end": FROM + 600}
    write_json(tmp_path / "a.json", [flow(0), flow(10), quiet_one])

    assert collect(tmp_path / "a.json").exit_code == 0
    assert [
        (r["interface_id"], r["window_s"], r["windows_ok"]) for r in watched(table)
    ] == [
        ("eni-1", 600, 2),
        ("eni-2", 600, 0),
    ]


# What can be read

FORMS: Mapping[str, str] = {
    "plain.json": "(FORMAT json)",
    "lines.json.gz": "(FORMAT json, COMPRESSION gzip)",
    "lines.zst": "(FORMAT json, COMPRESSION zstd)",
    "a.csv": "(FORMAT csv, HEADER)",
    "tabs.csv.gz": "(FORMAT csv, HEADER, DELIMITER '\t', COMPRESSION gzip)",
    "a.parquet": "(FORMAT parquet, COMPRESSION snappy)",
    "zstd.parquet": "(FORMAT parquet, COMPRESSION zstd)",
    "no-suffix": "(FORMAT parquet, COMPRESSION gzip)",
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(
    ("as_text", "separator"), [(False, "-"), (True, "_")], ids=["numbers", "text"]
)
def test_a_log_is_read_in_each_form(
    collect: Collect,
    table: Path,
    tmp_path: Path,
    name: str,
    as_text: bool,  # noqa: FBT001
    separator: str,
) -> None:
    source = write_json(tmp_path / "source", [flow(0), flow(1), quiet(2)])
    kind = "VARCHAR" if as_text else "BIGINT"
    numbers = {"srcport", "dstport", "protocol", "packets", "bytes", "start", "end"}
    # Reversed order: the position of a field means nothing.
    columns = ", ".join(
        f'TRY_CAST("{field}" AS {kind if field in numbers else "VARCHAR"})'
        f' AS "{field.replace("-", separator)}"'
        for field in reversed(flow())
    )
    with duckdb.connect() as database:
        database.execute(
            f"COPY (SELECT {columns} FROM read_json('{source}')) TO"
            f" '{tmp_path / name}' {FORMS[name]}"
        )

    result = collect(tmp_path / name)

    assert result.exit_code == 0, result.output
    assert [(row["port"], row["flows"]) for row in rows(table)] == [(443, 2)]
    assert [row["windows_nodata"] for row in watched(table)] == [1]


def spelt(record: Record, spelling: Callable[[str], str]) -> Record:
    return {spelling(name): value for name, value in record.items()}


def upper_with_underscores(name: str) -> str:
    return name.upper().replace("-", "_")


def with_a_space(name: str) -> str:
    return f" {name}"


def some_upper(name: str) -> str:
    return name.upper() if name.startswith("s") else name


@pytest.mark.parametrize(
    "spelling",
    [str.upper, str.title, upper_with_underscores, with_a_space, some_upper],
)
@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
def test_names_of_fields_are_read_in_each_spelling(
    collect: Collect,
    table: Path,
    tmp_path: Path,
    form: str,
    spelling: Callable[[str], str],
) -> None:
    records = [spelt(record, spelling) for record in (flow(0), flow(1), quiet(2))]
    source = write_json(tmp_path / "source", records)
    with duckdb.connect() as database:
        database.execute(
            f"COPY (FROM read_json('{source}')) TO '{tmp_path / f'a.{form}'}'"
            f" (FORMAT {form})"
        )

    result = collect(tmp_path / f"a.{form}")

    assert result.exit_code == 0, result.output
    assert [(row["port"], row["flows"]) for row in rows(table)] == [(443, 2)]
    assert [row["windows_nodata"] for row in watched(table)] == [1]


def test_a_record_of_json_in_another_spelling_is_never_dropped(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    """The first record says how a file is spelt; others may differ."""
    other = spelt(flow(1), str.upper)
    write_json(tmp_path / "usual-first.json", [flow(0), other])
    write_json(tmp_path / "other-first.json", [other, flow(2), {"a": 1}])

    assert collect(tmp_path / "*.json").exit_code == 3
    assert usage.open_table(table).metadata.records_unreadable == 2
    assert [row["flows"] for row in rows(table)] == [3]


@pytest.mark.parametrize("framed", [False, True])
def test_snappy_is_read_raw_and_framed(
    collect: Collect,
    table: Path,
    tmp_path: Path,
    framed: bool,  # noqa: FBT001
) -> None:
    text = write_json(tmp_path / "source", [flow(0)]).read_bytes()
    packed = (
        cramjam.snappy.compress(text) if framed else cramjam.snappy.compress_raw(text)
    )
    (tmp_path / "a.snappy").write_bytes(bytes(packed))

    assert collect(tmp_path / "a.snappy").exit_code == 0
    assert [row["flows"] for row in rows(table)] == [1]


def test_a_folder_is_read_with_its_folders(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    for hour in ("00", "01"):
        place = tmp_path / "logs" / "[2026]" / hour
        place.mkdir(parents=True)
        write_json(place / "a.json", [flow(int(hour))])

    assert collect(tmp_path / "logs").exit_code == 0
    assert [row["flows"] for row in rows(table)] == [2]


@pytest.mark.parametrize(
    "name", ["_SUCCESS", ".a.json.crc", "_started_123", "_committed_123", ".DS_Store"]
)
@pytest.mark.parametrize("pattern", ["", "*", "**"])
def test_what_jobs_write_beside_their_data_is_no_log(
    collect: Collect, table: Path, tmp_path: Path, name: str, pattern: str
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    write_json(logs / "a.json", [flow(0)])
    (logs / name).write_bytes(b"")

    assert collect(logs / pattern).exit_code == 0
    assert [row["flows"] for row in rows(table)] == [1]
    assert collect(logs / name).exit_code == 2


@pytest.mark.parametrize(
    ("content", "code"), [(b"", 0), (b"\n", 3), (b"\xff\xfe", 3), (None, 3)]
)
def test_only_a_whole_compressed_file_of_nothing_is_empty(
    collect: Collect, table: Path, tmp_path: Path, content: bytes | None, code: int
) -> None:
    """Spark writes one for a partition without records."""
    good = write_json(tmp_path / "a.json.gz", [flow(0)])
    packed = gzip.compress(content or b"")
    (tmp_path / "b.gz").write_bytes(packed if content is not None else packed[:-1])

    assert collect(good, tmp_path / "b.gz").exit_code == code
    assert [row["flows"] for row in rows(table)] == [1]


@pytest.mark.parametrize("place", [".b.json.gz.XyZ123", ".hidden/b.json", "_b.json"])
def test_a_hidden_file_of_a_folder_is_read(
    collect: Collect, tmp_path: Path, place: str
) -> None:
    """It may be what an interrupted copy left, so that records are missing."""
    logs = tmp_path / "logs"
    file = logs / place
    file.parent.mkdir(parents=True)
    write_json(logs / "a.json", [flow(0)])
    file.write_bytes(gzip.compress(b"{}" * 999)[:20])

    result = collect(logs)

    assert result.exit_code == 3
    assert str(file) in result.output


@pytest.mark.parametrize("pattern", ["", "*.json", "b.json"])
def test_a_link_without_a_target_is_not_left_out(
    collect: Collect, tmp_path: Path, pattern: str
) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    good = write_json(tmp_path / "a.json", [flow(0)])
    (logs / "b.json").symlink_to(tmp_path / "gone.json")

    result = collect(good, logs / pattern)

    assert result.exit_code == 3
    assert str(logs / "b.json") in result.output


def test_folders_that_link_to_each_other_are_read_once(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    (logs / "day").mkdir(parents=True)
    write_json(logs / "day" / "a.json", [flow(0)])
    (logs / "day" / "again").symlink_to(logs)
    os.mkfifo(logs / "pipe")

    assert collect(logs).exit_code == 0
    assert [row["flows"] for row in rows(table)] == [1]


AS_NOBODY = """
import os, sys
from alicloud_ingress.usage.engine import connect
from alicloud_ingress.usage.log_paths import found
connection = connect()
if os.getuid() == 0:
    os.setuid(65534)
print(*found(connection, sys.argv[1:]))
"""


@pytest.mark.parametrize("pattern", ["", "*", "*/*.json", "**", "**/*.json", "*/a.*"])
@pytest.mark.parametrize("mode", [0, 0o444])
def test_a_folder_that_cannot_be_listed_is_not_left_out(
    pattern: str, mode: int
) -> None:
    """`glob` skips it; the log may be in several, one for each shard."""
    with tempfile.TemporaryDirectory() as place:
        logs = Path(place)
        logs.chmod(0o755)
        for shard in ("0", "1"):
            (logs / shard).mkdir()
            write_json(logs / shard / "a.json", [flow(0)])
        (logs / "1").chmod(mode)

        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(logs / pattern)],
            capture_output=True,
            text=True,
            check=False,
        )

        assert done.returncode == 0, done.stderr
        (logs / "1").chmod(0o755)
        read, *not_read = done.stdout.split()
        assert read == str(logs / "0" / "a.json")
        assert not_read
        assert {*not_read} <= {str(logs / "1"), str(logs / "1" / "a.json")}


def test_parquet_of_texts_without_an_encoding_is_read(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    """As Hive and Impala write it."""
    source = write_json(tmp_path / "source", [flow(0), quiet(1)])
    columns = ", ".join(
        f'CAST("{name}" AS VARCHAR)::BLOB AS "{name}"' for name in flow()
    )
    duckdb.execute(
        f"COPY (SELECT {columns} FROM read_json('{source}'))"
        f" TO '{tmp_path / 'a.parquet'}' (FORMAT parquet)"
    )

    assert collect(tmp_path / "a.parquet").exit_code == 0
    assert [row["flows"] for row in rows(table)] == [1]


def test_parquet_files_of_several_types_are_one_log(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    with duckdb.connect() as database:
        for minute, kind in enumerate(("BIGINT", "VARCHAR", "TIMESTAMP")):
            source = write_json(tmp_path / "source", [flow(minute)])
            start = (
                "make_timestamp(start * 1000000)"
                if kind == "TIMESTAMP"
                else (f"CAST(start AS {kind})")
            )
            database.execute(
                f"COPY (SELECT * REPLACE ({start} AS start) FROM read_json('{source}'))"
                f" TO '{tmp_path / kind}.parquet' (FORMAT parquet)"
            )

    assert collect(tmp_path / "*.parquet").exit_code == 0
    assert [row["flows"] for row in rows(table)] == [3]


@pytest.mark.parametrize("name", ["dstport", "start"])
def test_a_parquet_column_of_booleans_holds_no_numbers(
    collect: Collect, table: Path, tmp_path: Path, name: str
) -> None:
    good = write_json(tmp_path / "good.json", [flow(1)])
    source = write_json(tmp_path / "source", [flow(0)])
    duckdb.execute(
        f"COPY (SELECT * REPLACE (true AS {name}) FROM read_json('{source}'))"
        f" TO '{tmp_path / 'a.parquet'}' (FORMAT parquet)"
    )

    assert collect(good, tmp_path / "a.parquet").exit_code == 3
    assert usage.open_table(table).metadata.records_unreadable == 1
    assert [row["flows"] for row in rows(table)] == [1]


# What cannot be read

BROKEN: Mapping[str, Mapping[str, object]] = {
    "no interface": {"eni-id": None},
    "a dash for the interface": {"eni-id": "-"},
    "no start": {"start": None},
    "a start in words": {"start": "yesterday"},
    "a start in milliseconds": {"start": FROM * 1000},
    "an end before the start": {"end": FROM - 1},
    "no end": {"end": None},
    "an unknown status": {"log-status": "MAYBE"},
    "no status": {"log-status": None},
    "an unknown direction": {"direction": "sideways"},
    "no action": {"action": None},
    "a protocol by name": {"protocol": "tcp"},
    "a protocol out of range": {"protocol": 256},
    "no port": {"dstport": "-"},
    "a port out of range": {"dstport": 65_536},
    "no source": {"srcaddr": "-"},
    "a source that is not an address": {"srcaddr": "office"},
    "a source that is too long": {"srcaddr": "f." * 23},
    "a source that is too short": {"srcaddr": ":"},
    "no destination": {"dstaddr": None},
    "no packets": {"packets": "-"},
    "negative bytes": {"bytes": -1},
    "more packets than a window holds": {"packets": 1 << 62},
    "more bytes than a window holds": {"bytes": 1 << 62},
    "no data to before all times": {"log-status": "NODATA", "end": -(1 << 63)},
    "left out to before the start": {"log-status": "SKIPDATA", "end": FROM - 1},
    "a port that is true": {"dstport": True},
    "a start that is true": {"start": True},
    "an end beyond all times": {"end": 1 << 40},
    "a start before all logs": {"start": 0},
    "a start after the period and its end": {"start": FROM + (1 << 30)},
    "an end long after the period": {"end": FROM + 90 * 86_400},
    "no data for longer than a window": {"log-status": "NODATA", "end": FROM + 7_200},
}


@pytest.mark.parametrize("changes", BROKEN.values(), ids=list(BROKEN))
def test_a_broken_record_is_counted_and_others_are_read(
    collect: Collect, table: Path, tmp_path: Path, changes: Mapping[str, object]
) -> None:
    broken = {name: v for name, v in {**flow(0), **changes}.items() if v is not None}
    write_json(tmp_path / "a.json", [flow(1), broken])

    result = collect(tmp_path / "a.json")

    assert result.exit_code == 3
    assert "1 records" in result.output
    assert usage.open_table(table).metadata.records_unreadable == 1
    assert sum(row["unreadable"] for row in watched(table)) == 1
    assert [row["flows"] for row in rows(table)] == [1]


@pytest.mark.parametrize(
    "line",
    [
        b"no json",
        b'{"eni-id": "eni-1"',
        b"[1, 2]",
        b'"text"',
        b"null",
        b'{"a": "\xff"}',
    ],
)
@pytest.mark.parametrize("spelling", [str.lower, str.upper])
def test_a_broken_line_of_json_is_counted(
    collect: Collect,
    table: Path,
    tmp_path: Path,
    line: bytes,
    spelling: Callable[[str], str],
) -> None:
    file = write_json(tmp_path / "a.json", [spelt(flow(n), spelling) for n in (0, 1)])
    file.write_bytes(file.read_bytes() + line + b"\n")

    assert collect(file).exit_code == 3
    assert usage.open_table(table).metadata.records_unreadable == 1
    assert [row["flows"] for row in rows(table)] == [2]


def test_a_broken_line_of_csv_is_counted(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    names = list(flow())
    good = ",".join(str(value) for value in flow().values())
    lines = [",".join(names), good, f"{good},one,too,many", good[: len(good) // 2]]
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")

    assert collect(tmp_path / "a.csv").exit_code == 3
    assert usage.open_table(table).metadata.records_unreadable == 2
    assert [row["flows"] for row in rows(table)] == [1]


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize(
    "broken",
    [
        ['x,"eni-1,vpc-1,12345'],
        ['"x,eni-1,vpc-1', "{good}", "{good}"],
        ['{good},"n', "{good},n", '{good},"'],
        ["{good},n", '{good},"n'],
    ],
    ids=["cut at the end", "open to the end", "open over lines", "cut in a note"],
)
def test_a_quote_that_stays_open_hides_no_line(
    collect: Collect, table: Path, tmp_path: Path, broken: list[str], name: str
) -> None:
    values = [str(value) for value in flow().values()]
    good = ",".join(values)
    lines = [",".join([*flow(), "note"]), f"{good},n", *broken]
    text = "\n".join(lines).replace("{good}", good)
    content = text.encode()
    (tmp_path / name).write_bytes(
        gzip.compress(content) if name.endswith(".gz") else content
    )
    write_json(tmp_path / "b.json", [flow(1)])

    result = collect(tmp_path / "a.csv*", tmp_path / "b.json")

    assert result.exit_code == 3
    metadata = usage.open_table(table).metadata
    assert metadata.records_unreadable + metadata.files_unreadable == 1


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("last", ["start", "dstport", "tcp-flags", "note"])
def test_a_cut_line_of_csv_is_no_other_record(
    collect: Collect,
    table: Path,
    tmp_path: Path,
    last: str,
    compressed: bool,  # noqa: FBT001
) -> None:
    """Port 44 is not 443, and a start of 17 is not of another year."""
    record = flow(1) | {"note": "-"}
    names = [*(name for name in record if name not in (last, "note")), last, "note"]
    names = list(dict.fromkeys(names))
    good = ",".join(str(record[name]) for name in names)
    good_file = write_json(tmp_path / "good.json", [flow(0)])
    cut = good.removesuffix(",-")[:-1]
    content = f"{','.join(names)}\n{good}\n{cut}".encode()
    file = tmp_path / ("a.csv.gz" if compressed else "a.csv")
    file.write_bytes(gzip.compress(content) if compressed else content)

    assert collect(good_file, file).exit_code == 3
    metadata = usage.open_table(table).metadata
    assert metadata.records_unreadable + metadata.files_unreadable == 1
    assert {row["port"] for row in rows(table)} == {443}


def test_csv_without_a_last_line_end_may_be_cut(
    collect: Collect, tmp_path: Path
) -> None:
    good = write_json(tmp_path / "good.json", [flow(0)])
    file = tmp_path / "a.csv"
    names, values = ",".join(flow()), ",".join(str(v) for v in flow(1).values())
    file.write_text(f"{names}\n{values}", encoding="utf-8")

    result = collect(good, file)

    assert result.exit_code == 3
    assert f"{file}: its last line has no end" in " ".join(result.output.split())
    file.write_text(f"{names}\n{values}\n", encoding="utf-8")
    assert collect(good, file).exit_code == 0


def test_a_record_without_an_end_is_of_no_other_period(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    broken = flow(0, start=17)
    del broken["end"]
    write_json(tmp_path / "a.json", [flow(1), broken, quiet(-99_999) | {"end": "-"}])

    assert collect(tmp_path / "a.json").exit_code == 3
    assert usage.open_table(table).metadata.records_unreadable == 1


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size * 2 // 3])


def noise_inside(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[4:400] = os.urandom(396)
    file.write_bytes(bytes(data))


DAMAGE: Mapping[str, tuple[str, Callable[[Path], object]]] = {
    "gzip that is cut": ("bad.json.gz", cut_short),
    "zstd that is cut": ("bad.json.zst", cut_short),
    "Parquet that is cut": ("bad.parquet", cut_short),
    "Parquet with noise inside": ("bad.parquet", noise_inside),
    "an empty file": ("bad.json", lambda file: file.write_bytes(b"")),
    "other JSON": ("bad.json", lambda file: file.write_text('{"name": "x"}\n')),
    "a JSON array": ("bad.json", lambda file: file.write_text("[\n{}\n]\n")),
    "text": ("bad.csv", lambda file: file.write_text("to whom it may concern\n")),
    "ORC": ("bad.orc", lambda file: file.write_bytes(b"ORC\x00\x00")),
    "snappy that is none": ("bad.snappy", lambda file: file.write_bytes(b"\xff" * 99)),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_file_is_reported_and_the_others_are_read(
    collect: Collect, table: Path, tmp_path: Path, name: str
) -> None:
    file_name, damage = DAMAGE[name]
    logs = tmp_path / "logs"
    logs.mkdir()
    write_json(logs / "good.json", [flow(0)])
    with duckdb.connect() as database:
        database.execute(
            f"COPY (SELECT j.*, hash(i) AS noise"
            f" FROM read_json('{logs / 'good.json'}') AS j, range(5000) AS t(i))"
            f" TO '{logs / 'good.parquet'}' (FORMAT parquet)"
        )
    bad = logs / file_name
    if bad.suffix == ".parquet":
        bad.write_bytes((logs / "good.parquet").read_bytes())
    elif bad.suffix in (".gz", ".zst"):
        write_json(bad, (flow(0, srcport=port) for port in range(1, 5000)))
    damage(bad)

    result = collect(logs)

    assert result.exit_code == 3
    assert str(bad) in result.output
    assert usage.open_table(table).metadata.files_unreadable == 1
    assert [row["flows"] for row in rows(table)] == [1]


def test_no_table_is_written_where_no_file_can_be_read(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.txt").write_text("none\n")

    result = collect(tmp_path / "a.txt")

    assert result.exit_code == 3
    assert str(tmp_path / "a.txt") in result.output
    assert "\\n" not in result.output
    assert not table.exists()


def test_a_glob_without_a_match_is_a_mistake(collect: Collect, tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [flow(0)])

    result = collect(tmp_path / "a.json", tmp_path / "*.parquet")

    assert result.exit_code == 2
    assert "*.parquet" in result.output


def test_an_existing_table_is_replaced_and_not_read(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "a.json", [flow(0)])

    assert [collect(tmp_path).exit_code for _ in range(2)] == [0, 0]
    assert [row["flows"] for row in rows(table)] == [1]


FILES_OF_4_KIB = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
signal.signal(signal.SIGXFSZ, getattr(signal, sys.argv.pop(1)))
from alicloud_ingress.cli.main import main
main()
"""


@pytest.mark.parametrize(
    ("at_the_limit", "code"), [("SIG_IGN", 3), ("SIG_DFL", -signal.SIGXFSZ)]
)
def test_a_table_that_cannot_be_written_whole_is_none(
    collect: Collect, table: Path, tmp_path: Path, at_the_limit: str, code: int
) -> None:
    """As on a full disk, and where the process is killed while it writes."""
    collect(write_json(tmp_path / "small.json", [flow(0)]))
    beside = table.with_name("usage.watched.parquet")
    older = table.read_bytes(), beside.read_bytes()
    source = write_json(tmp_path / "log", (flow(0, dstport=n) for n in range(30_000)))
    log = tmp_path / "log.parquet"
    with duckdb.connect() as database:
        database.execute(f"COPY (FROM read_json('{source}')) TO '{log}'")
    source.unlink()

    done = subprocess.run(
        [
            *(sys.executable, "-c", FILES_OF_4_KIB, at_the_limit),
            *("usage", "collect", "--files", str(log)),
            *("--since", "3d", "--until", UNTIL, "--out", str(table)),
        ],
        check=False,
        stderr=subprocess.PIPE,
        text=True,
        # What measures coverage writes a file at the end, too.
        env={n: v for n, v in os.environ.items() if n != "COVERAGE_PROCESS_CONFIG"},
    )

    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    if code == 3:
        assert f"{table}: it cannot be written" in done.stderr
    assert older == (table.read_bytes(), beside.read_bytes())
    again = collect(tmp_path)
    assert again.exit_code == 0, again.output


@pytest.mark.parametrize("name", ["usage.parquet", "usage.watched.parquet"])
def test_a_link_in_place_of_a_table_is_replaced(
    collect: Collect, table: Path, tmp_path: Path, name: str
) -> None:
    """The command names no other file than the two of the table."""
    target = tmp_path / "other"
    target.write_text("content")
    (tmp_path / name).symlink_to(target)

    assert collect(write_json(tmp_path / "a.json", [flow(0)])).exit_code == 0

    assert target.read_text() == "content"
    assert len(rows(table)) == len(watched(table)) == 1


@pytest.mark.parametrize("name", ["log.json", "log.csv", "log.snappy"])
def test_a_full_temporary_folder_damages_no_log(
    collect: Collect, table: Path, tmp_path: Path, name: str
) -> None:
    """The log is whole, so no table is better than one without it."""
    small = write_json(tmp_path / "small.json", [flow(0)])
    collect(small)
    older = table.read_bytes()
    log = write_json(
        tmp_path / "log.json", (flow(0, dstport=port) for port in range(30_000))
    )
    if name == "log.csv":
        with duckdb.connect() as database:
            database.execute(f"COPY (FROM read_json('{log}')) TO '{tmp_path / name}'")
    elif name == "log.snappy":
        packed = cramjam.snappy.compress_raw(log.read_bytes())
        (tmp_path / name).write_bytes(bytes(packed))

    done = subprocess.run(
        [
            *(sys.executable, "-c", FILES_OF_4_KIB, "SIG_IGN"),
            *("usage", "collect", "--files", str(small), "--files"),
            *(str(tmp_path / name), "--since", "3d", "--until", UNTIL),
            *("--out", str(table)),
        ],
        check=False,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )

    assert done.returncode == 3, done.stderr
    assert "damaged" not in done.stderr
    assert "not read" not in done.stderr
    assert "TMPDIR" in done.stderr
    assert str(tmp_path / "alicloud-ingress-usage-") in done.stderr
    assert table.read_bytes() == older


def test_too_little_memory_damages_no_log(table: Path, tmp_path: Path) -> None:
    log = write_json(tmp_path / "log.json", (flow(0, dstport=n) for n in range(9_000)))
    period = Period(FROM - 600, FROM + 600)

    with pytest.raises(usage.NoRoomError, match="TMPDIR"):
        usage.collect_files([str(log)], table, period, memory_mb=1)

    assert not table.exists()


def test_an_interrupted_run_leaves_the_older_table(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "small.json", [flow(0)])
    collect(tmp_path / "small.json")
    beside = table.with_name("usage.watched.parquet")
    older = table.read_bytes(), beside.read_bytes()
    lines = "".join(json.dumps(flow(0, srcport=port)) + "\n" for port in range(5_000))
    (tmp_path / "large.json").write_text(lines * 80)
    work = tmp_path / "work"
    work.mkdir()

    running = subprocess.Popen(
        [
            str(Path(sys.executable).with_name("alicloud-ingress")),
            *("usage", "collect", "--files", str(tmp_path / "large.json")),
            *("--since", "9d", "--until", UNTIL, "--out", str(table)),
        ],
        env={**os.environ, "TMPDIR": str(work)},
        stderr=subprocess.PIPE,
        text=True,
    )
    while running.poll() is None and not list(work.glob("*/parsed/*")):
        time.sleep(0.02)
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=60)

    assert running.returncode == 130, said
    assert (table.read_bytes(), beside.read_bytes()) == older
    assert not list(work.iterdir())
    assert not list(tmp_path.glob(".usage*"))


# The numbers that stand for texts


@pytest.mark.parametrize("code", ["hash({0})", "length({0})"])
def test_texts_of_one_number_are_not_taken_for_one(tmp_path: Path, code: str) -> None:
    flows = {"192.0.2.7": 2, "192.0.2.8": 1, "2001:db8::1": 1}
    records = [flow(n, srcaddr=each) for each in flows for n in range(flows[each])]
    write_json(tmp_path / "a.json", [*records, *records])
    work = tmp_path / "work"
    work.mkdir()
    query = EmbeddedQuery(work, codes=[code])

    query.read([str(tmp_path / "a.json")], Period(FROM - 600, FROM + 600))

    found = query.connection.execute("SELECT source, destination, flows FROM flows")
    own = flow(0)["dstaddr"]
    assert sorted(found.fetchall()) == [(s, own, n) for s, n in flows.items()]
    query.close()


# The options


def test_all_paths_is_kept_in_the_table(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "a.json", [flow(0)])

    for stated in (True, False):
        result = collect(tmp_path / "a.json", all_paths=stated)
        assert result.exit_code == 0
        assert usage.open_table(table).metadata.all_paths is stated
        assert ("--all-paths" in result.output) is not stated


def test_the_last_two_hours_are_left_out_without_an_end(
    table: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "a.json", [flow(0)])
    began = time.time()

    result = run(
        *("usage", "collect", "--files", str(tmp_path / "a.json"), "--since", "7d"),
        *("--out", str(table)),
    )

    assert result.exit_code == 0
    metadata = usage.open_table(table).metadata
    assert began - 7200 - 600 <= metadata.period_to <= time.time() - 7200
    assert metadata.period_to - metadata.period_from == 7 * 86_400


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--files", "a", "--sls", "p/l"],
        ["--sls", "project"],
        ["--sls", "a/b/c"],
        ["--files", "a", "--since", "six weeks"],
        ["--files", "a", "--until", "now"],
        ["--files", "a", "--until", "2999-01-01"],
        ["--files", "a", "--until", "0001-01-01"],
        ["--files", "a", "--since", "0d"],
    ],
)
def test_mistakes_in_the_options(table: Path, words: list[str]) -> None:
    assert run("usage", "collect", *words, "--out", str(table)).exit_code == 2


def test_oss_says_what_it_needs(
    collect: Collect, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No key reaches the message; where httpfs is installed, the bucket is missing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "very-secret")
    monkeypatch.setenv("ALIBABA_CLOUD_REGION", "cn-hangzhou")
    monkeypatch.setenv("ALIBABA_CLOUD_ENDPOINT_OSS", "http://127.0.0.1:9")

    result = collect("oss://bucket/logs")

    assert result.exit_code == 3
    assert "httpfs" in result.output
    assert "ossutil" in result.output
    assert "very-secret" not in result.output


# The table when it is read


def test_a_table_knows_its_period(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "a.json", [flow(0)])
    collect(tmp_path / "a.json")

    opened_table = usage.open_table(table)

    assert opened_table.watched == tmp_path / "usage.watched.parquet"
    assert (
        opened_table.metadata.period_to - opened_table.metadata.period_from
        == 3 * 86_400
    )
    assert usage.time_text(opened_table.metadata.period_to) == UNTIL


def test_parts_of_two_runs_are_no_table(
    collect: Collect, table: Path, tmp_path: Path
) -> None:
    write_json(tmp_path / "a.json", [flow(0)])
    collect(tmp_path / "a.json", all_paths=False)
    older = table.read_bytes()
    collect(tmp_path / "a.json")
    table.write_bytes(older)

    with pytest.raises(usage.TableError, match="not written together"):
        usage.open_table(table)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("SELECT 1 AS a", "metadata are missing"),
        (None, "cannot be read as Parquet"),
    ],
)
def test_another_file_is_no_table(table: Path, content: str | None, words: str) -> None:
    if content is None:
        table.write_text("text")
    else:
        with duckdb.connect() as database:
            database.execute(f"COPY ({content}) TO '{table}' (FORMAT parquet)")

    with pytest.raises(usage.TableError, match=words):
        usage.open_table(table)


def test_metadata_are_json(collect: Collect, table: Path, tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [flow(0)])
    collect(tmp_path / "a.json")

    with duckdb.connect() as database:
        pairs = database.execute(
            "SELECT key, value FROM parquet_kv_metadata(?)", [str(table)]
        ).fetchall()

    found = {key.decode(): json.loads(value) for key, value in pairs}
    assert found["alicloud_ingress.usage"]["schema"] == "usage-table-1"


def test_a_query_that_fails_blames_neither_files_nor_space(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", [flow(0)])
    work = tmp_path / "work"
    work.mkdir()
    query = EmbeddedQuery(work, codes=["unheard_of({0})"])

    with pytest.raises(IngressError, match=r"unheard_of.*is a bug"):
        query.read([str(tmp_path / "a.json")], Period(FROM - 600, FROM + 600))

    assert query.problems == []
    query.close()
