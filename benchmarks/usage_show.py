"""
Judging the rules of a large group by a large usage table.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.usage.engine import connect
from alicloud_ingress.usage.table import METADATA_KEY, Metadata, watched_path
from benchmarks.stack import served, timed_job

FLOWS = 5_000_000
RULES = 300
INTERFACES = 200
DAYS = 42
WINDOW_S = 600
START = 1_790_000_400
LONG_AGO = "2020-01-01T00:00:00Z"

# One row for each distinct flow: an interface, a source and a port.
_FLOWS = """
COPY (
    SELECT 'eni-' || (i % {interfaces}) AS interface_id, '{vpc}' AS vpc_id,
        '1234567890123456' AS account_id, 'in' AS opened,
        concat_ws('.', hash(i) % 223 + 1, hash(i + 1) % 256, hash(i) // 512 % 256,
                  i % 256) AS source,
        '172.16.' || (i % {interfaces} // 100) || '.' || (i % {interfaces} % 100 + 1)
            AS destination,
        6::INTEGER AS protocol, (hash(i + 2) % 1000 + 1)::INTEGER AS port,
        CASE WHEN i % 10 = 0 THEN 'REJECT' ELSE 'ACCEPT' END AS action,
        {start}::BIGINT + i * 17 % {seconds} AS first_seen,
        {start}::BIGINT + {seconds} AS last_seen,
        3::BIGINT AS flows, 100::BIGINT AS packets, 10000::BIGINT AS bytes
    FROM range({flows}) t(i)
) TO '{path}' (FORMAT parquet, KV_METADATA {metadata})
"""
_WATCHED = """
COPY (
    SELECT 'eni-' || i AS interface_id, '{vpc}' AS vpc_id,
        '1234567890123456' AS account_id, {windows}::BIGINT AS windows_ok,
        0::BIGINT AS windows_nodata, 0::BIGINT AS windows_skipped,
        {start}::BIGINT AS first_window, {last}::BIGINT AS last_window,
        {window}::INTEGER AS window_s, 0::BIGINT AS unreadable
    FROM range({interfaces}) t(i)
) TO '{path}' (FORMAT parquet, KV_METADATA {metadata})
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """
    One `usage show`, measured from outside.

    Args:
        seconds: of wall time.
        memory_mib: of the largest process.
    """

    flows: int
    rules: int
    seconds: float
    memory_mib: float


def judged(flows: int = FLOWS) -> Judged:
    """
    Show the use of 300 rules by a table of so many distinct flows.

    Raises:
        RuntimeError: with the command's words, if it fails.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: what is started from a large one counts as large.
        maker = [sys.executable, "-m", "benchmarks.usage_show", str(flows), name]
        made = subprocess.run(maker, check=True, capture_output=True, text=True)
        group = made.stdout.strip()
        with served(folder / "calls.jsonl", 0, folder / "state.json") as (url, _):
            arguments = [
                *("usage", "show", "--group", group, "--format", "json"),
                *("--usage", str(folder / "usage.parquet"), "--region", "cn-hangzhou"),
            ]
            used = timed_job(arguments, url, folder)
    return Judged(
        flows=flows,
        rules=RULES,
        seconds=round(used.seconds, 1),
        memory_mib=round(used.memory_mib),
    )


def as_text(measured: Judged) -> str:
    """
    The figures for people.
    """
    return (
        f"usage show, {measured.flows:,} distinct flows x {measured.rules} rules:"
        f" {measured.seconds:.1f} s, {measured.memory_mib:.0f} MiB"
    )


def _account() -> tuple[FakeEcs, str]:
    fake = FakeEcs()
    group = fake.new_group()
    fake.groups[group].most_rules = RULES
    drawn = random.Random(1)  # noqa: S311 - the same rules each time
    for number in range(RULES):
        first = number * 3 % 1_000 + 1
        source = drawn.choice(
            [
                "0.0.0.0/0",
                f"{drawn.randint(1, 223)}.0.0.0/8",
                f"{drawn.randint(1, 223)}.{drawn.randint(0, 255)}.0.0/16",
            ]
        )
        fake.add_rule(
            group,
            IpProtocol="tcp",
            PortRange=f"{first}/{first + drawn.choice([0, 0, 50])}",
            SourceCidrIp=source,
            Policy=drawn.choice(["accept"] * 5 + ["drop"]),
            Priority=str(drawn.randint(1, 100)),
            CreateTime=LONG_AGO,
        )
    for number in range(INTERFACES):
        fake.new_interface(
            group,
            id=f"eni-{number}",
            private_ips=[f"172.16.{number // 100}.{number % 100 + 1}"],
            create_time=LONG_AGO,
        )
    return fake, group


def _write(path: Path, vpc: str, flows: int) -> None:
    seconds = DAYS * 86_400
    metadata = Metadata(
        period_from=START,
        period_to=START + seconds,
        all_paths=True,
        files_unreadable=0,
        records_unreadable=0,
        made_at=START + seconds,
    )
    values = {
        "vpc": vpc,
        "flows": flows,
        "interfaces": INTERFACES,
        "start": START,
        "seconds": seconds,
        "windows": seconds // WINDOW_S,
        "last": START + seconds - WINDOW_S,
        "window": WINDOW_S,
        "metadata": f"{{'{METADATA_KEY}': '{metadata.as_text()}'}}",
    }
    with connect() as database:
        database.execute(_FLOWS.format(path=path, **values))
        database.execute(_WATCHED.format(path=watched_path(path), **values))


def _make(flows: int, folder: Path) -> str:
    fake, group = _account()
    _write(folder / "usage.parquet", fake.groups[group].vpc_id, flows)
    (folder / "state.json").write_text(fake.dump(), encoding="utf-8")
    return group


if __name__ == "__main__":
    if len(sys.argv) > 2:  # noqa: PLR2004 - flows and a folder
        sys.stdout.write(_make(int(sys.argv[1]), Path(sys.argv[2])))
    else:
        sys.stdout.write(f"{as_text(judged(int(*sys.argv[1:]) or FLOWS))}\n")
