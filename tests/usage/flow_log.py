"""
What a VPC flow log says of traffic: records in the real format, and files of them.

The fields and their names are those of the documentation of flow logs. What its pages
leave open is a setting of `LogStyle`.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from usage.policy import ICMP, ICMPV6, TCP, address
from usage.topology import ACCOUNT, REGION, SimulatedInterface, World
from usage.traffic import ACK, FIN, PSH, RST, SYN, Seen

FIELDS = (
    "version",
    "vswitch-id",
    "vm-id",
    "vpc-id",
    "account-id",
    "eni-id",
    "region",
    "srcaddr",
    "srcport",
    "dstaddr",
    "dstport",
    "protocol",
    "direction",
    "packets",
    "bytes",
    "start",
    "end",
    "log-status",
    "action",
    "tcp-flags",
    "traffic_path",
    "srctype",
    "dsttype",
)
OPTIONAL = ("version", "vswitch-id", "vm-id", "traffic_path", "srctype", "dsttype")
NUMBERS = (
    "srcport",
    "dstport",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "tcp-flags",
)
FORMATS = ("jsonl", "jsonl.gz", "csv", "csv.gz", "parquet")
Record = Mapping[str, object]


@dataclass(frozen=True)
class LogStyle:
    """
    How a log is written.

    Args:
        format: the end of the files' names.
        flags: `only handshakes`: SYN, SYN+ACK, FIN and RST alone are recorded, as an
            ACK alone is not; `with PSH`: that of data too; `all`: every flag of every
            packet; `none`: there is no field `tcp-flags`.
        start_is_window: `start` and `end` are the bounds of the window, as in older
            logs; else the times of the first and the last packet.
        as_text: numbers are text.
        missing: optional fields that are left out.
        blank: what stands in fields of NODATA and SKIPDATA that say nothing.
        ipv6: how addresses are spelled.
        shuffled: fields come in another order in each file.
        tagged: SLS's own fields stand beside.
    """

    format: str = "jsonl"
    flags: str = "only handshakes"
    start_is_window: bool = False
    as_text: bool = False
    missing: frozenset[str] = frozenset()
    blank: str = "-"
    ipv6: str = "compressed"
    shuffled: bool = False
    tagged: bool = False

    @staticmethod
    def drawn(rng: random.Random, *, plain: bool) -> LogStyle:
        """
        One that can be had; a plain one makes all openers of TCP provable.
        """
        flags = rng.choice(["only handshakes", "only handshakes", "with PSH"])
        if not plain:
            flags = rng.choice([flags, flags, "all", "none"])
        return LogStyle(
            format=rng.choice(FORMATS),
            flags=flags,
            start_is_window=rng.random() < 0.3,
            as_text=rng.random() < 0.5,
            missing=frozenset(each for each in OPTIONAL if rng.random() < 0.2),
            blank=rng.choice(["-", "-", ""]),
            ipv6=rng.choice(["compressed", "compressed", "exploded", "upper"]),
            shuffled=rng.random() < 0.3,
            tagged=rng.random() < 0.3,
        )


def records_of(
    world: World, seen: Sequence[Seen], style: LogStyle, rng: random.Random
) -> list[dict[str, object]]:
    """
    The records of a whole period: traffic, and NODATA where there was none.
    """
    flows: dict[tuple[object, ...], list[Seen]] = {}
    for each in seen:
        packet = each.packet
        ported = packet.protocol not in (ICMP, ICMPV6)
        flows.setdefault(
            (
                each.interface,
                each.time // world.window_s,
                each.direction,
                packet.protocol,
                packet.source,
                packet.source_port if ported else 0,
                packet.destination,
                packet.destination_port if ported else 0,
                each.accepted,
            ),
            [],
        ).append(each)
    records = [_record(world, key, flow, style) for key, flow in flows.items()]
    busy = {(key[0], key[1]) for key in flows}
    for interface in world.interfaces:
        records += [
            empty_record(world, interface, window, "NODATA", style)
            for window in windows_of(world, interface)
            if (interface.number, window) not in busy
        ]
    rng.shuffle(records)
    return records


def windows_of(world: World, interface: SimulatedInterface) -> range:
    """
    The windows of the period in which an interface was there.
    """
    first = max(interface.created, world.start) // world.window_s
    last = (min(interface.gone or world.end, world.end) - 1) // world.window_s
    return range(first, last + 1)


def _record(
    world: World, key: tuple[object, ...], flow: Sequence[Seen], style: LogStyle
) -> dict[str, object]:
    packet, direction, accepted = flow[0].packet, flow[0].direction, flow[0].accepted
    interface = world.interfaces[flow[0].interface]
    window = flow[0].time // world.window_s
    first, last = min(each.time for each in flow), max(each.time for each in flow)
    if style.start_is_window:
        first, last = window * world.window_s, (window + 1) * world.window_s
    inner = packet.destination in interface.addresses
    return _written(
        {
            **_place(interface),
            "srcaddr": _spelled(packet.source, style),
            "srcport": key[5],
            "dstaddr": _spelled(packet.destination, style),
            "dstport": key[7],
            "protocol": packet.protocol,
            "direction": direction,
            "packets": len(flow),
            "bytes": sum(each.packet.size for each in flow),
            "start": first,
            "end": last,
            "log-status": "OK",
            "action": "ACCEPT" if accepted else "REJECT",
            "tcp-flags": _flags(flow, style),
            "traffic_path": 1 if inner else 8,
            "srctype": "vm",
            "dsttype": "vm",
        },
        style,
    )


def empty_record(
    world: World,
    interface: SimulatedInterface,
    window: int,
    status: str,
    style: LogStyle,
) -> dict[str, object]:
    """
    A record of a window without traffic, NODATA, or with records left out, SKIPDATA.
    """
    blank: dict[str, object] = dict.fromkeys(FIELDS, style.blank)
    return _written(
        {
            **blank,
            **_place(interface),
            "start": window * world.window_s,
            "end": (window + 1) * world.window_s,
            "log-status": status,
        },
        style,
    )


def _place(interface: SimulatedInterface) -> dict[str, object]:
    return {
        "version": 1,
        "vswitch-id": f"vsw-world{interface.vpc}",
        "vm-id": f"i-world{interface.number:04d}",
        "vpc-id": f"vpc-world{interface.vpc}",
        "account-id": ACCOUNT,
        "eni-id": interface.interface_id,
        "region": REGION,
    }


def _spelled(text: str, style: LogStyle) -> str:
    if ":" not in text:
        return text
    spelled = {
        "compressed": text,
        "exploded": address(text).exploded,
        "upper": text.upper(),
    }
    return spelled[style.ipv6]


def _flags(flow: Sequence[Seen], style: LogStyle) -> int:
    if flow[0].packet.protocol != TCP:
        return 0
    flags = 0
    for each in flow:
        flags |= _recorded(each.packet.flags, style)
    return flags


def _recorded(flags: int, style: LogStyle) -> int:
    """
    What a log keeps of the flags of one packet.
    """
    if style.flags == "all":
        return flags
    if flags & SYN:
        return flags & (SYN | ACK)
    kept = FIN | RST | (PSH if style.flags == "with PSH" else 0)
    return flags & kept


def _written(record: dict[str, object], style: LogStyle) -> dict[str, object]:
    left_out = {*style.missing, *(["tcp-flags"] if style.flags == "none" else [])}
    return {
        name: str(value) if style.as_text else value
        for name, value in record.items()
        if name not in left_out
    }


@dataclass
class LogFiles:
    """
    Writes records to files as a delivery to OSS lays them out: in folders by time.
    """

    folder: Path
    style: LogStyle
    rng: random.Random
    _written: int = field(default=0)

    @property
    def glob(self) -> str:
        """
        The pattern of the files, for `usage collect --files`.
        """
        return str(self.folder / "**" / f"*.{self.style.format}")

    def write(self, records: Sequence[Record], hour: int) -> Path:
        """
        Write one more file.
        """
        self._written += 1
        folder = self.folder / "flow-log" / f"2026/01/05/{hour:02d}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"part-{self._written:04d}.{self.style.format}"
        names = list(dict.fromkeys(name for record in records for name in record))
        if self.style.shuffled:
            self.rng.shuffle(names)
        ordered: list[Record] = [
            {name: record[name] for name in names if name in record}
            for record in records
        ]
        if self.style.tagged and not self.style.format.startswith("csv"):
            tags = {"__time__": 1_767_571_300, "__source__": "log_service"}
            ordered = [{**record, **tags} for record in ordered]
        if self.style.format == "parquet":
            _write_parquet(path, ordered)
        elif self.style.format.startswith("csv"):
            _write_bytes(path, _csv(names, ordered))
        else:
            lines = (json.dumps(record) + "\n" for record in ordered)
            _write_bytes(path, "".join(lines).encode())
        return path


def _csv(names: Sequence[str], records: Sequence[Record]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def _write_bytes(path: Path, content: bytes) -> None:
    if path.name.endswith(".gz"):
        content = gzip.compress(content, compresslevel=1, mtime=0)
    path.write_bytes(content)


def _write_parquet(path: Path, records: Sequence[Record]) -> None:
    """
    Numbers as BIGINT columns where all are numbers, else as text.
    """
    names = list(dict.fromkeys(name for record in records for name in record))
    numbers = {
        name
        for name in names
        if all(isinstance(record.get(name, 0), int) for record in records)
    }
    columns = ", ".join(
        f'"{name}" {"BIGINT" if name in numbers else "VARCHAR"}' for name in names
    )
    lines = path.with_suffix(".ndjson")
    lines.write_text("".join(json.dumps(record) + "\n" for record in records))
    kinds = {name: "BIGINT" if name in numbers else "VARCHAR" for name in names}
    with duckdb.connect(config={"threads": 1}) as database:
        database.execute(f"CREATE TABLE log ({columns})")
        database.execute(
            "INSERT INTO log SELECT * FROM read_json($1, format ="
            f" 'newline_delimited', columns = {kinds})",
            [str(lines)],
        )
        database.execute(f"COPY log TO '{path}' (FORMAT parquet)")
    lines.unlink()
