"""
Ways on the real engine: those that take the same commands share a stack.

A stack's first program is deployed once for all; each group of ways then begins with
its part of that state.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi import automation

from engine.calls import Host, Made, hosts_of, without
from engine.program import declare
from engine.recorder import CLOUD, FAILING, PACE, Cloud
from engine.ways import Declared, Program, Step, Way

TESTS = Path(__file__).parents[1]
SLOW = 0.2
PREFIX = re.compile(r"[wp]\d+\.")
TYPE = "pulumi-python:dynamic/recorded:{type}"
MAIN = """\
import json
from pathlib import Path
from engine.program import declare
from engine.ways import Declared

programs = json.loads(Path("program.json").read_text())
declare({p: [Declared(**each) for each in wanted] for p, wanted in programs.items()})
"""
Recording = dict[str, Any]


@dataclass(frozen=True)
class Group:
    """
    Ways that take the same commands.

    Args:
        ways: by the prefix of their resources.
    """

    name: str
    ways: Mapping[str, Way]

    @property
    def inline(self) -> bool:
        """Whether the Automation API runs them."""
        return next(iter(self.ways.values())).inline

    def steps(self) -> list[dict[str, Step]]:
        """Each step of each way, by prefix."""
        count = len(next(iter(self.ways.values())).steps)
        return [
            {prefix: way.steps[i] for prefix, way in self.ways.items()}
            for i in range(count)
        ]


def grouped(ways: Iterable[Way]) -> list[Group]:
    """
    Ways that may share a stack: a command that fails stops what else it has to do, so
    that those that fail at the same time are together.
    """
    groups: dict[tuple[object, ...], dict[str, Way]] = defaultdict(dict)
    for number, way in enumerate(ways):
        key = (
            way.inline,
            *(step.command for step in way.steps),
            *(_failing_phase(step) for step in way.steps),
            way.name if way.alone else "",
        )
        groups[key][f"w{number}."] = way
    return [Group(f"group{i}", ways) for i, ways in enumerate(groups.values())]


def _failing_phase(step: Step) -> str:
    verbs = {call.split()[0] for call in step.refused}
    if verbs & {"check", "diff", "read"}:
        return step.refused[0]
    deletes_first = any("delete_before_replace" in d.options for d in step.program)
    if "delete" in verbs and not deletes_first:
        return "deleting"
    return "deploying" if verbs else ""


@dataclass(frozen=True)
class Stack:
    """One stack of the real engine in a folder of its own."""

    folder: Path
    pace: Mapping[str, float]
    backwards: bool = False

    @property
    def cloud(self) -> Cloud:
        """Where its things are."""
        return Cloud(self.folder / "cloud")

    @property
    def checkpoint(self) -> Path:
        """The file that holds its state."""
        return self.folder / "backend" / ".pulumi" / "stacks" / "test" / "test.json"

    @property
    def environment(self) -> dict[str, str]:
        """For the engine and all that it starts."""
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(TESTS),
            "PULUMI_HOME": str(self.folder / "home"),
            "PULUMI_BACKEND_URL": f"file://{self.folder / 'backend'}",
            "PULUMI_STACK": "test",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "1",
            "PULUMI_EXPERIMENTAL": "1",
            "PULUMI_SKIP_CHECKPOINTS": "1",
            "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "1",
            CLOUD: str(self.cloud.folder),
            PACE: json.dumps({**self.pace, FAILING: 4 * SLOW}),
        }

    def create(self) -> None:
        """Make it, with nothing in it."""
        for folder in ("cloud", "backend", "project"):
            (self.folder / folder).mkdir(parents=True)
        (self.folder / "project" / "__main__.py").write_text(MAIN)
        (self.folder / "project" / "Pulumi.yaml").write_text(
            "name: test\nruntime: python\n"
        )
        self.write({})
        self.run("stack init test")

    def write(self, programs: Mapping[str, Program]) -> None:
        """Write the program, the other way round where it is run backwards."""
        if self.backwards:
            programs = {p: backwards(each) for p, each in programs.items()}
        text = json.dumps({p: [asdict(d) for d in each] for p, each in programs.items()})
        (self.folder / "project" / "program.json").write_text(text)

    def run(self, command: str) -> bool:
        """Run a command of the engine; whether it went well."""
        words = shlex.split(command)
        more = []
        if words[0] in ("up", "refresh", "destroy"):
            more = ["--yes"] if "--preview-only" not in words else []
        if words[0] in ("up", "refresh", "destroy", "preview"):
            more += ["--parallel", "200"]
        done = subprocess.run(
            ["pulumi", *words, *more, "--non-interactive"],
            cwd=self.folder / "project",
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        (self.folder / "said.txt").open("a").write(
            f"{command}\n{done.stdout}{done.stderr}\n"
        )
        return done.returncode == 0

    def run_inline(self, command: str, programs: Mapping[str, Program]) -> bool:
        """Run a command by the Automation API, with the program as a function."""
        words = shlex.split(command)
        stack = automation.create_or_select_stack(
            "test",
            project_name="test",
            program=lambda: declare(dict(programs)),
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(self.folder / "project"), env_vars=self.environment
            ),
        )
        run: dict[str, Callable[..., object]] = {
            "up": stack.up,
            "preview": stack.preview,
            "refresh": stack.refresh,
            "destroy": stack.destroy,
        }
        more = {"refresh": True} if "--refresh" in words else {}
        run[words[0]](parallel=200, **more)
        return True

    def resources(self) -> list[dict[str, Any]]:
        """What the state holds."""
        state: dict[str, Any] = json.loads(self.checkpoint.read_text())
        found: list[dict[str, Any]] = state["checkpoint"]["latest"].get("resources", [])
        return found

    def part(self, folder: Path, wanted: Mapping[str, str]) -> None:
        """
        A copy that holds the same under other prefixes.

        Args:
            folder: where it is made.
            wanted: the prefix here, by the prefix there.
        """
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("home", "cloud", "said.txt"))
        part = Stack(folder, self.pace)
        part.cloud.folder.mkdir()
        state = json.loads(part.checkpoint.read_text())
        latest = state["checkpoint"]["latest"]
        held = latest["resources"]
        latest["resources"] = [r for r in held if not PREFIX.match(name_of(r))]
        for prefix, known in wanted.items():
            own = json.dumps([r for r in held if name_of(r).startswith(known)])
            latest["resources"] += json.loads(own.replace(known, prefix))
            for file in self.cloud.folder.glob(f"{known}*"):
                copy = part.cloud.folder / file.name.replace(known, prefix)
                copy.write_text(file.read_text().replace(known, prefix))
        part.checkpoint.write_text(json.dumps(state))


def backwards(program: Program) -> Program:
    """The same resources, the last one first where none needs another."""
    needed = any(
        each.source or {"depends_on", "deleted_with"} & each.options.keys()
        for each in program
    )
    return program if needed else program[::-1]


def name_of(resource: Mapping[str, Any]) -> str:
    """The name at the end of a URN."""
    return str(resource["urn"]).rsplit("::", 1)[1]


def record(
    ways: Sequence[Way],
    folder: Path,
    pace: Mapping[str, float],
    *,
    backwards: bool = False,
    threads: int = 2,
) -> dict[str, list[Recording]]:
    """The recording of each way, by its name."""
    groups = grouped(ways)
    first = Stack(folder / "first", pace={"": 0.0})
    first.create()
    begun = {repr(way.before): way.before for way in ways}
    known = {text: f"p{i}." for i, text in enumerate(begun)}
    first.write({known[text]: before for text, before in begun.items()})
    assert first.run("up --skip-preview"), (first.folder / "said.txt").read_text()
    first.cloud.calls()

    def of_group(group: Group) -> dict[str, list[Recording]]:
        wanted = {p: known[repr(way.before)] for p, way in group.ways.items()}
        first.part(folder / group.name, wanted)
        return of_ways(Stack(folder / group.name, pace, backwards), group)

    with ThreadPoolExecutor(threads) as pool:
        results = list(pool.map(of_group, groups))
    return {name: steps for result in results for name, steps in result.items()}


def of_ways(stack: Stack, group: Group) -> dict[str, list[Recording]]:
    """The recordings of a group, by name of the way."""
    recordings: dict[str, list[Recording]] = {w.name: [] for w in group.ways.values()}
    for steps in group.steps():
        went_well = take(stack, group, steps)
        calls = stack.cloud.calls()
        resources = stack.resources()
        for prefix, way in group.ways.items():
            own = [Made.read(c, prefix) for c in calls if c["label"].startswith(prefix)]
            recordings[way.name].append(
                {
                    "ok": went_well,
                    "hosts": hosts_of(own),
                    "state": state_of(resources, prefix),
                }
            )
    (stack.folder / "recorded.json").write_text(json.dumps(recordings))
    return recordings


def take(stack: Stack, group: Group, steps: Mapping[str, Step]) -> bool:
    """Run one step of all ways of a group."""
    stack.write({prefix: step.program for prefix, step in steps.items()})
    stack.cloud.refuse(
        [f"{c.split()[0]} {p}{c.split()[1]}" for p, s in steps.items() for c in s.refused]
    )
    for prefix, step in steps.items():
        for deed in step.by_hand:
            by_hand(stack.cloud, deed, prefix)
    command = next(iter(steps.values())).command
    if group.inline:
        programs = {prefix: step.program for prefix, step in steps.items()}
        return stack.run_inline(command, programs)
    if command == "stack export":
        return stack.run("stack export --file ../older.json")
    if command == "stack import":
        return stack.run("stack import --file ../older.json")
    if command.startswith("state"):
        urns = {p: urn_in_state(stack, p) for p in steps}
        if command.startswith(("state taint", "state untaint")):
            words = command.split()[:2]
            return stack.run(shlex.join([*words, *urns.values(), "--yes"]))
        return all(
            [
                stack.run(command.format(a=shlex.quote(urns[p])).replace(" n ", f" {p}n "))
                for p in steps
            ]
        )
    return stack.run(with_urns(command, steps))


def urn_in_state(stack: Stack, prefix: str) -> str:
    """The URN of the resource `a` of a way."""
    (urn,) = {r["urn"] for r in stack.resources() if name_of(r) == f"{prefix}a"}
    return str(urn)


def with_urns(command: str, steps: Mapping[str, Step]) -> str:
    """The command with an option for each way's resource."""
    words: list[str] = []
    for word in shlex.split(command):
        if word in ("{a}", "{b}"):
            option = words.pop()
            for prefix in steps:
                words += [option, urn(prefix + word.strip("{}"))]
        else:
            words.append(word)
    return shlex.join(words)


def urn(name: str) -> str:
    """The URN of a resource without a parent."""
    return f"urn:pulumi:test::test::{TYPE.format(type='Recorded')}::{name}"


def by_hand(cloud: Cloud, deed: str, prefix: str = "") -> None:
    """Another hand removes a thing or changes it."""
    verb, identity = deed.split()
    if verb == "remove":
        cloud.remove(prefix + identity)
        return
    found = cloud.get(prefix + identity)
    assert found is not None
    cloud.put(prefix + identity, {**found, "value": 9.0})


MARKS = ("delete", "pendingReplacement", "protect", "taint")


def state_of(resources: Iterable[Mapping[str, Any]], prefix: str) -> list[Any]:
    """What the state holds of a way: name, ID, inputs, outputs, marks."""
    own = [
        each
        for each in resources
        if each.get("custom") and name_of(each).startswith(prefix)
    ]
    return sorted(
        (
            [
                name_of(each).removeprefix(prefix),
                str(each["id"]).removeprefix(prefix),
                without(prefix, _plain(each.get("inputs", {}))),
                without(prefix, _plain(each.get("outputs", {}))),
                *(mark for mark in MARKS if each.get(mark)),
            ]
            for each in own
        ),
        key=lambda entry: (entry[0], entry[1]),
    )


def _plain(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: "secret" if isinstance(value, dict) else value
        for name, value in sorted(properties.items())
        if not name.startswith("__")
    }
