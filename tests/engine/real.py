"""
Ways on the real engine: those with the same commands share a stack.

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
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path
from queue import Queue
from typing import Any

from pulumi import automation

from engine.calls import Made, doomed_in, hosts_of, without
from engine.program import declare
from engine.recorder import CLOUD, FAILING, PACE, Cloud
from engine.ways import Program, Step, Way
from forked_python import forked_python

TESTS = Path(__file__).parents[1]
SLOW = 0.2
QUIET = 4.0
TIMEOUT_S = 600
WORKERS = 2
PREFIX = re.compile(r"[wp]\d+\.")
TYPE = "pulumi-python:dynamic/recorded:{type}"
MAIN = """\
import json
from pathlib import Path
from engine.program import declare
from engine.ways import Declared
from forked_python import forked_python

programs = json.loads(Path("program.json").read_text())
declare({p: [Declared(**each) for each in wanted] for p, wanted in programs.items()})
"""
Recording = dict[str, Any]


Ways = Mapping[str, Way]
"""
Ways by the prefix of their resources.
"""


def apart(ways: Ways, number: int) -> list[Ways]:
    """
    The ways that may share a stack in the step of this number.

    A command that fails stops what else it has to do, so that those that fail at the
    same time are together.
    """
    groups: dict[tuple[object, ...], dict[str, Way]] = defaultdict(dict)
    for prefix, way in ways.items():
        if number < len(way.steps):
            step = way.steps[number]
            alone = way.name if way.alone else ""
            key = (way.inline, alone, step.command, _failing_phase(step))
            groups[key][prefix] = way
    return list(groups.values())


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
        """The folder of its things."""
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
            "PATH": f"{forked_python()}:{os.environ['PATH']}",
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
            PACE: json.dumps({**self.pace, FAILING: QUIET}),
        }

    def create(self) -> None:
        """Create it, empty."""
        for folder in ("cloud", "backend", "project"):
            (self.folder / folder).mkdir(parents=True)
        (self.folder / "project" / "__main__.py").write_text(MAIN)
        (self.folder / "project" / "Pulumi.yaml").write_text(
            "name: test\nruntime: python\n"
        )
        self.write({})
        self.run("stack init test")

    def write(self, programs: Mapping[str, Program]) -> None:
        """Write the program, in reverse order where it runs backwards."""
        if self.backwards:
            programs = {p: backwards(each) for p, each in programs.items()}
        text = json.dumps(
            {p: [asdict(d) for d in each] for p, each in programs.items()}
        )
        (self.folder / "project" / "program.json").write_text(text)

    def run(self, command: str) -> bool:
        """Run a command of the engine; whether it succeeded."""
        words = shlex.split(command)
        more = []
        if words[0] in ("up", "refresh", "destroy"):
            more = ["--yes"] if "--preview-only" not in words else []
        if words[0] in ("up", "refresh", "destroy", "preview"):
            more += ["--parallel", "200"]
        with (self.folder / "said.txt").open("a") as said:
            said.write(f"{command}\n")
            said.flush()
            done = subprocess.run(
                ["pulumi", *words, *more, "--non-interactive"],
                cwd=self.folder / "project",
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                timeout=TIMEOUT_S,
                check=False,
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

    def narrow_older(self, prefixes: Iterable[str]) -> None:
        """Leave in the exported state what is of these ways."""
        file = self.folder / "project" / "older.json"
        state = json.loads(file.read_text())
        deployment = state["deployment"]
        deployment["resources"] = [
            each
            for each in deployment["resources"]
            if not PREFIX.match(name_of(each))
            or name_of(each).startswith(tuple(prefixes))
        ]
        file.write_text(json.dumps(state))

    def resources(self) -> list[dict[str, Any]]:
        """What the state holds."""
        state: dict[str, Any] = json.loads(self.checkpoint.read_text())
        found: list[dict[str, Any]] = state["checkpoint"]["latest"].get("resources", [])
        return found

    def part(self, folder: Path, wanted: Mapping[str, str]) -> Stack:
        """
        A copy that holds the same under other prefixes.

        Args:
            folder: where it is made.
            wanted: the prefix here, by the prefix there.
        """
        shutil.copytree(
            self.folder,
            folder,
            ignore=shutil.ignore_patterns("home", "cloud", "said.txt"),
        )
        part = Stack(folder, self.pace, self.backwards)
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
        return part


def backwards(program: Program) -> Program:
    """The same resources in reverse order, as far as their dependencies allow."""
    needed = any(
        each.source or {"depends_on", "deleted_with"} & each.options.keys()
        for each in program
    )
    return program if needed else program[::-1]


def name_of(resource: Mapping[str, Any]) -> str:
    """The name at the end of a URN."""
    return str(resource["urn"]).rsplit("::", 1)[1]


@dataclass(frozen=True)
class Recorder:
    """Takes steps on several stacks at a time, each of which begins where one ended."""

    folder: Path
    pool: ThreadPoolExecutor
    running: Queue[Future[None]] = field(default_factory=Queue[Future[None]])
    numbers: Iterator[int] = field(default_factory=count)
    recordings: dict[str, list[Recording]] = field(
        default_factory=lambda: defaultdict(list[Recording])
    )

    def go_on(
        self, stack: Stack, known: Mapping[str, str], ways: Ways, step: int
    ) -> None:
        """
        Take this step of each way, and all that come after.

        Args:
            stack: what the step before has left.
            known: the prefixes in that stack, by the ways' own.
            ways: those that are left.
            step: its number.
        """
        for group in apart(ways, step):
            folder = self.folder / f"stack{next(self.numbers)}"
            wanted = {prefix: known[prefix] for prefix in group}
            self.running.put(
                self.pool.submit(self._take, stack, folder, wanted, group, step)
            )

    def _take(
        self,
        before: Stack,
        folder: Path,
        wanted: Mapping[str, str],
        ways: Ways,
        number: int,
    ) -> None:
        stack = before.part(folder, wanted)
        steps = {prefix: way.steps[number] for prefix, way in ways.items()}
        inline = next(iter(ways.values())).inline
        went_well = take(stack, steps, inline=inline)
        calls = stack.cloud.calls()
        resources = stack.resources()
        for prefix, way in ways.items():
            before_it = self.recordings[way.name]
            doomed = doomed_in(before_it[-1]["state"]) if before_it else set[str]()
            own = [
                Made.read(call, doomed, prefix)
                for call in calls
                if call["label"].startswith(prefix)
            ]
            self.recordings[way.name].append(
                {
                    "ok": went_well,
                    "hosts": hosts_of(own),
                    "state": state_of(resources, prefix),
                }
            )
        self.go_on(stack, {prefix: prefix for prefix in ways}, ways, number + 1)

    def finish(self) -> dict[str, list[Recording]]:
        """Wait for all, and return the recording of each way."""
        while not self.running.empty():
            self.running.get().result()
        return dict(self.recordings)


def record(
    ways: Iterable[Way],
    folder: Path,
    pace: Mapping[str, float],
    *,
    backwards: bool = False,
) -> dict[str, list[Recording]]:
    """The recording of each way, by its name."""
    ways = list(ways)
    first = Stack(folder / "first", pace, backwards)
    first.create()
    begun = {repr(way.before): way.before for way in ways}
    known = {text: f"p{i}." for i, text in enumerate(begun)}
    first.write({known[text]: before for text, before in begun.items()})
    assert first.run("up --skip-preview"), (first.folder / "said.txt").read_text()
    first.cloud.calls()
    with ThreadPoolExecutor(WORKERS) as pool:
        recorder = Recorder(folder, pool)
        own = {f"w{number}.": way for number, way in enumerate(ways)}
        recorder.go_on(
            first, {p: known[repr(w.before)] for p, w in own.items()}, own, 0
        )
        return recorder.finish()


def take(stack: Stack, steps: Mapping[str, Step], *, inline: bool) -> bool:
    """Run one step of the ways of a stack; whether it succeeded."""
    stack.write({prefix: step.program for prefix, step in steps.items()})
    stack.cloud.refuse(
        [
            f"{c.split()[0]} {p}{c.split()[1]}"
            for p, s in steps.items()
            for c in s.refused
        ]
    )
    for prefix, step in steps.items():
        for deed in step.by_hand:
            by_hand(stack.cloud, deed, prefix)
    command = next(iter(steps.values())).command
    if inline:
        programs = {prefix: step.program for prefix, step in steps.items()}
        return stack.run_inline(command, programs)
    if command == "stack export":
        return stack.run("stack export --file older.json")
    if command == "stack import":
        stack.narrow_older(steps)
        return stack.run("stack import --file older.json")
    if command.startswith("state"):
        return edit(stack, command, steps)
    return stack.run(with_urns(command, steps))


def edit(stack: Stack, command: str, prefixes: Iterable[str]) -> bool:
    """Change the state, for all at once where the command takes several."""
    urns = {prefix: urn_in_state(stack, prefix) for prefix in prefixes}
    if command.startswith(("state taint", "state untaint")):
        words = command.split()[:2]
        return stack.run(shlex.join([*words, *urns.values(), "--yes"]))
    commands = [
        command.format(a=shlex.quote(urn)).replace(" n ", f" {prefix}n ")
        for prefix, urn in urns.items()
    ]
    return all(stack.run(each) for each in commands)


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
    """Delete or change a thing outside the engine."""
    verb, identity = deed.split()
    if verb == "remove":
        cloud.remove(prefix + identity)
        return
    found = cloud.get(prefix + identity)
    assert found is not None
    cloud.put(prefix + identity, {**found, "value": 9.0})


MARKS = ("delete", "initErrors", "pendingReplacement", "protect", "taint")


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
        if not name.startswith("__") and name != "label"
    }
