"""
Show how unused rules are found, destroyed and put back: on simulated flow logs.

It needs no account and no engine. The fake of ECS is served, the logs of a small VPC
are written as a flow log writes them, and each command runs as one would type it. A
step that ends otherwise than it should ends the demonstration with exit code 1.

    python -m tools.demo.usage [FOLDER]

With a folder, the logs, the table, the page and the plan are kept there.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from alicloud_ingress.testing import FakeEcs

WINDOW_S = 600
DAYS = 42
SYN, SYN_ACK, FIN = 2, 18, 1
OFFICE = ("203.0.113.10", "203.0.113.11", "203.0.113.77")
LONG_AGO = "2024-05-01T09:00:00Z"
FILES = "logs/*.jsonl.gz"
RUN = "from alicloud_ingress.cli.main import main; main()"

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Connection:
    """
    A TCP connection that comes back at some hour of some days.

    Args:
        interface: that it comes to.
        days: on which it is seen, counted from the first.
    """

    interface: str
    source: str
    destination: str
    port: int
    days: range
    action: str = "ACCEPT"


class Logs:
    """
    The flow log of a VPC: traffic, and a NODATA record for each window without any.

    Args:
        start: Unix seconds, a multiple of the window.
        vpc: ID of the VPC.
        interfaces: their IDs and addresses.
    """

    def __init__(self, start: int, vpc: str, interfaces: dict[str, str]) -> None:
        self._start = start
        self._vpc = vpc
        self._interfaces = interfaces

    def write(self, folder: Path, connections: Iterable[Connection]) -> int:
        """
        Write one file a day; the number of records.
        """
        folder.mkdir(parents=True, exist_ok=True)
        of_day: dict[int, list[dict[str, object]]] = {}
        for connection in connections:
            for day in connection.days:
                of_day.setdefault(day, []).extend(self._flow(connection, day))
        count = 0
        for day in range(DAYS):
            records = [*of_day.get(day, ()), *self._quiet(day, of_day.get(day, ()))]
            with gzip.open(folder / f"{day:02}.jsonl.gz", "wt") as file:
                file.writelines(f"{json.dumps(record)}\n" for record in records)
            count += len(records)
        return count

    def _flow(self, connection: Connection, day: int) -> Iterator[dict[str, object]]:
        """
        What came in; and what went out, where it was let in.
        """
        at = self._start + day * 86_400 + 9 * 3_600 + connection.port % 3_000
        window = at // WINDOW_S * WINDOW_S
        ends = (
            connection.source,
            40_000 + day,
            connection.destination,
            connection.port,
        )
        accepted = connection.action == "ACCEPT"
        flags = SYN | FIN if accepted else SYN
        yield self._record(connection, window, "in", ends, flags)
        if accepted:
            answer = (ends[2], ends[3], ends[0], ends[1])
            yield self._record(connection, window, "out", answer, SYN_ACK | FIN)

    def _record(
        self,
        connection: Connection,
        window: int,
        direction: str,
        ends: tuple[str, int, str, int],
        flags: int,
    ) -> dict[str, object]:
        return {
            **self._common(connection.interface, window),
            "srcaddr": ends[0],
            "srcport": ends[1],
            "dstaddr": ends[2],
            "dstport": ends[3],
            "protocol": 6,
            "direction": direction,
            "packets": 12,
            "bytes": 4_800,
            "log-status": "OK",
            "action": connection.action,
            "tcp-flags": flags,
        }

    def _quiet(
        self, day: int, seen: Iterable[dict[str, object]]
    ) -> Iterator[dict[str, object]]:
        busy = {(record["eni-id"], record["start"]) for record in seen}
        first = self._start + day * 86_400
        for window in range(first, first + 86_400, WINDOW_S):
            for interface in self._interfaces:
                if (interface, window) not in busy:
                    yield {**self._common(interface, window), "log-status": "NODATA"}

    def _common(self, interface: str, window: int) -> dict[str, object]:
        return {
            "version": "1",
            "vpc-id": self._vpc,
            "account-id": "1234567890123456",
            "eni-id": interface,
            "start": window,
            "end": window + WINDOW_S,
        }


class Demonstration:
    """
    A folder in which commands run, and the fake that they talk to.
    """

    def __init__(self, folder: Path, fake: FakeEcs, url: str) -> None:
        self._folder = folder
        self._fake = fake
        self._number = 0
        self._environment = {
            **os.environ,
            "ALIBABA_CLOUD_REGION": "cn-hangzhou",
            "ALIBABA_CLOUD_ACCESS_KEY_ID": "AK",
            "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "made-up",
            "ALIBABA_CLOUD_ENDPOINT_ECS": url,
        }

    def step(
        self, title: str, *arguments: str, exits_with: int = 0, into: str = ""
    ) -> None:
        """
        Run a command and show what it prints.

        Args:
            title: what the step is for.
            arguments: of the command.
            exits_with: what the exit code has to be.
            into: a file for what the command prints; "" shows it.
        """
        self._number += 1
        console.print(f"[bold]{self._number}. {title}[/bold]")
        typed = " ".join(
            ["alicloud-ingress", *arguments, *([">", into] if into else [])]
        )
        console.print(f"   [cyan]$ {typed}[/cyan]", markup=True)
        done = subprocess.run(
            [sys.executable, "-c", RUN, *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if into:
            (self._folder / into).write_text(done.stdout, encoding="utf-8")
        shown = done.stderr if into else done.stdout + done.stderr
        for line in shown.splitlines():
            console.print(f"   {line}", markup=False)
        console.print()
        if done.returncode != exits_with:
            sys.exit(
                f"demo: step {self._number} ended with {done.returncode}, not"
                f" {exits_with}"
            )

    def expect(self, group: str, count: int) -> None:
        """
        End the demonstration where a group does not hold so many rules.
        """
        held = len(self._fake.rules(group))
        console.print(f"   [dim]the group now holds {held} rules[/dim]\n")
        if held != count:
            sys.exit(f"demo: the group was to hold {count} rules, and holds {held}")


def scene(fake: FakeEcs) -> tuple[str, dict[str, str]]:
    """
    A group with two interfaces and five rules; its ID, and their addresses.
    """
    group = fake.new_group(name="web")
    addresses = {"eni-web1": "172.16.0.11", "eni-web2": "172.16.0.12"}
    for interface, address in addresses.items():
        fake.new_interface(
            group, id=interface, private_ips=[address], create_time=LONG_AGO
        )
    for ports, source, description, more in (
        ("443/443", "0.0.0.0/0", "shop", {}),
        ("22/22", "0.0.0.0/0", "administration", {}),
        ("8080/8080", "10.0.0.0/8", "old admin page", {}),
        ("3306/3306", "10.20.0.0/16", "report job of last year", {}),
        ("23/23", "0.0.0.0/0", "no telnet", {"Policy": "drop"}),
    ):
        rule = {"IpProtocol": "tcp", "PortRange": ports, "SourceCidrIp": source, **more}
        fake.add_rule(group, **rule, Description=description, CreateTime=LONG_AGO)
    return group, addresses


def traffic(addresses: dict[str, str]) -> Iterator[Connection]:
    """
    What used the rules: visitors, the office, and somebody who tried telnet.
    """
    for interface, address in addresses.items():
        for n in range(1, 30):
            visitor = f"{n * 7 + 1}.{n * 31 % 250}.{n * 13 % 250}.{n}"
            yield Connection(interface, visitor, address, 443, range(n % 5, DAYS, 5))
    for n, source in enumerate(OFFICE):
        admin = addresses["eni-web1"]
        yield Connection("eni-web1", source, admin, 22, range(n, 30, 7))
    knock = Connection(
        "eni-web2",
        "192.0.2.66",
        addresses["eni-web2"],
        23,
        range(3, DAYS, 11),
        "REJECT",
    )
    yield knock


def main() -> None:
    """
    Run each step.
    """
    with tempfile.TemporaryDirectory(prefix="alicloud-ingress-demo-") as temporary:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else temporary).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        fake = FakeEcs()
        group, addresses = scene(fake)
        vpc = fake.groups[group].vpc_id
        now = int(dt.datetime.now(dt.timezone.utc).timestamp())
        end = now // 86_400 * 86_400
        logs = Logs(end - DAYS * 86_400, vpc, addresses)
        count = logs.write(folder / "logs", traffic(addresses))
        console.print(
            f"{count} records of a VPC flow log, {DAYS} days of two interfaces, are in"
            f" {folder / 'logs'}\n"
        )
        until = dt.datetime.fromtimestamp(end, tz=dt.timezone.utc)
        with fake.serve() as url:
            _steps(Demonstration(folder, fake, url), group, f"{until:%Y-%m-%d}")
        if len(sys.argv) > 1:
            console.print(f"the page is {folder / 'usage.html'}")


def _steps(demonstration: Demonstration, group: str, until: str) -> None:
    step = demonstration.step
    usage = ("--usage", "usage.parquet")
    step(
        "The logs become a small table",
        *("usage", "collect", "--files", FILES, "--since", f"{DAYS}d"),
        *("--until", until, "--all-paths", "--out", "usage.parquet"),
    )
    step(
        "Each rule: who used it, and what would do",
        "usage",
        "show",
        "--group",
        group,
        *usage,
    )
    step(
        "The same as a page for a review",
        *("usage", "show", "--group", group, *usage, "--format", "html"),
        into="usage.html",
    )
    step(
        "Unused rules become a plan",
        *("stale", "plan", "--group", group, *usage, "--out", "plan.json"),
        exits_with=1,
    )
    step(
        "The plan is carried out",
        *("stale", "destroy", "plan.json", "--reason", "unused", "--yes"),
        *("--report", "report.json"),
    )
    demonstration.expect(group, 3)
    step("And taken back", "stale", "restore", "report.json")
    demonstration.expect(group, 5)


if __name__ == "__main__":
    main()
