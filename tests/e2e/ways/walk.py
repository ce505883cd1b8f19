"""
Runs the rows of the table: many in one stack where they take the same commands.

A command of the engine costs two seconds of a core, so rows with the same commands
share them. Each has its own groups, resources and expectations. Where a command does
not end as all of them expect, each row runs alone.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from alicloud_ingress.engine.properties import OWNER_MARK
from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.state import NUMBERS, State
from e2e.project import Outcome
from e2e.ways.scene import Before, Scene, placed_program
from e2e.ways.stack import Stack, new_stack
from e2e.ways.way import NAMING, ByHand, Expected, Run, Step, Walk

MOST = 30
"""
How many rows share a stack.
"""
PROVIDER_ID = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class Verdict:
    """What differs from what is expected of a row; empty if nothing does."""

    problems: list[str]
    report: str


@dataclass(frozen=True)
class Walker:
    """
    Runs rows once for all workers of a test run, and keeps the results.

    Args:
        walks: all rows.
        folder: shared by the workers.
        own: of this worker.
    """

    walks: Sequence[Walk]
    folder: Path
    own: Path

    def verdict(self, walk: Walk) -> Verdict:
        """The result of a row."""
        company = self._company_of(walk)
        name = "company " + _hashed(*(each.id for each in company))
        found = self._once(name, lambda: self._walked(company))
        return Verdict(**found[walk.id])

    @cached_property
    def _companies(self) -> dict[tuple[object, ...], list[Walk]]:
        companies: dict[tuple[object, ...], list[Walk]] = {}
        for walk in self.walks:
            companies.setdefault(walk.company, []).append(walk)
        return companies

    def _company_of(self, walk: Walk) -> list[Walk]:
        if os.environ.get("WAYS") == "alone":
            return [walk]
        company = self._companies[walk.company]
        first = company.index(walk) // MOST * MOST
        return company[first : first + MOST]

    def _walked(self, company: Sequence[Walk]) -> dict[str, Any]:
        scenes = self._run(company)
        alone = [scenes]
        if len(company) > 1 and not all(map(_ended_well, scenes)):
            alone = [self._run([walk]) for walk in company]
        return {
            scene.walk.id: asdict(_judged(scene)) for each in alone for scene in each
        }

    def _run(self, company: Sequence[Walk]) -> list[Scene]:
        """
        Run the commands of rows that share them, on a fake and a stack of their
        own.
        """
        befores = {walk.id: self._before(walk) for walk in company}
        fake = FakeEcs()
        groups = {g: v for b in befores.values() for g, v in b.ecs.items()}
        state = {**asdict(State()), "groups": groups}
        fake.load(json.dumps(state))
        names = sorted({d.stack for w in company for d in w.way.before + w.way.after})
        folder = self.own / _hashed(*(walk.id for walk in company), os.urandom(8).hex())
        with fake.serve() as url:
            stacks: dict[str, Stack] = {}
            for name in ["", *filter(None, names)]:
                stacks[name] = new_stack(
                    self.own / f"{folder.name}{name}", url, company[0].way.timeout
                )
                resources = [
                    entry
                    for before in befores.values()
                    for entry in before.resources.get(name, [])
                ]
                stacks[name].put([*self._made["root"], *resources] if resources else [])
            scenes = [Scene(walk, befores[walk.id], fake, stacks) for walk in company]
            self._walk_through(scenes, stacks)
        return scenes

    def _walk_through(self, scenes: Sequence[Scene], stacks: dict[str, Stack]) -> None:
        older = {name: stack.state for name, stack in stacks.items()}
        rests = {scene.walk.id: list(scene.walk.way.steps) for scene in scenes}
        for number, run in enumerate(scenes[0].walk.way.runs):
            for scene in scenes:
                _do_by_hand(scene, rests[scene.walk.id])
            done = _commanded(scenes, number, run, stacks, older)
            for scene in scenes:
                scene.dones.append(done)
        for scene in scenes:
            _do_by_hand(scene, rests[scene.walk.id])
            scene.found += scene.problems_at_the_end()

    def _before(self, walk: Walk) -> Before:
        """A copy of what a row starts from, with its own groups, rules and marks."""
        made = self._made["befores"][_start(walk)]
        text = json.dumps(made).replace(f"::{made['slug']}.", f"::{walk.slug}.")
        others = {
            old: f"{old.split('-')[0]}-{NUMBERS.take():08d}"
            for old in sorted(set(re.findall(r"\bsgr?-\d{8,}\b", text)))
        }
        text = re.sub(r"\bsgr?-\d{8,}\b", lambda found: others[found[0]], text)
        text = re.sub(
            rf'"{OWNER_MARK}": "[^"]*"',
            lambda _: f'"{OWNER_MARK}": "{uuid.uuid4().hex}"',
            text,
        )
        copied = json.loads(text)
        return Before(copied["groups"], copied["ecs"], copied["resources"])

    @cached_property
    def _made(self) -> dict[str, Any]:
        return self._once("before", self._make)

    def _make(self) -> dict[str, Any]:
        """Make all that rows start from by one `up` on the real engine."""
        starts = {_start(walk): walk for walk in self.walks}
        fake = FakeEcs()
        groups = {
            start: {"": fake.new_group(), "other": fake.new_group()} for start in starts
        }
        program = [
            each
            for start, walk in starts.items()
            for stack in ("", "other")
            for each in placed_program(walk, walk.way.before, groups[start], stack)
        ]
        with fake.serve() as url:
            stack = new_stack(self.own / "before", url, 120)
            stack.make(program)
        resources = stack.resources
        live = json.loads(fake.dump())["groups"]
        return {
            "root": [e for e in resources if e["type"].startswith("pulumi:")],
            "befores": {
                start: {
                    "slug": walk.slug,
                    "groups": groups[start],
                    "ecs": {g: live[g] for g in groups[start].values()},
                    "resources": _entries_by_stack(walk, resources),
                }
                for start, walk in starts.items()
            },
        }

    def _once(self, name: str, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Make something in one of the workers, while the others wait for it."""
        file = self.folder / f"{name}.json"
        with _locked(self.folder / f"{name}.lock"):
            if not file.exists():
                file.write_text(json.dumps(make()))
            made: dict[str, Any] = json.loads(file.read_text())
            return made


def _do_by_hand(scene: Scene, rest: list[Step]) -> None:
    """Do what comes before the next command, and remove it from the list."""
    while rest:
        step = rest.pop(0)
        if isinstance(step, ByHand):
            step.act(scene)
        elif isinstance(step, Expected):
            scene.found += scene.problems(step)
        else:
            return


def _commanded(
    scenes: Sequence[Scene],
    number: int,
    run: Run,
    stacks: dict[str, Stack],
    older: dict[str, dict[str, Any]],
) -> Outcome:
    """
    Run one command for all scenes.
    """
    where, _, command = run.command.rpartition(": ")
    stack, way = stacks[where], scenes[0].walk.way
    if command == "stack import":
        file = stack.folder / "older.json"
        file.write_text(json.dumps({"version": 3, "deployment": older[where]}))
        return stack.run(["stack", "import", "--file", str(file)], ())
    own = [scene.walk.way.runs[number].command.rpartition(": ")[2] for scene in scenes]
    if command.startswith("state taint "):
        return _tainted(scenes, own, stack)
    if command.startswith("state "):
        dones = [
            stack.run([*scene.arguments(each), "--yes"], ())
            for scene, each in zip(scenes, own, strict=True)
        ]
        return Outcome(all(d.ok for d in dones), "\n".join(d.text for d in dones))
    words = re.sub(rf" ({'|'.join(NAMING)}) \S+", "", command).split()
    for scene, each in zip(scenes, own, strict=True):
        for named in re.findall(rf"(?:{'|'.join(NAMING)}) \S+", each):
            words += scene.arguments(named)
    program = [each for scene in scenes for each in scene.placed(where)]
    return stack.run(_without_asking(words), program, way.via)


def _tainted(scenes: Sequence[Scene], own: Sequence[str], stack: Stack) -> Outcome:
    """Taint one resource by the command, and the others in the same way."""
    done = stack.run([*scenes[0].arguments(own[0]), "--yes"], ())
    tainted = {
        scene.arguments(each)[-1] for scene, each in zip(scenes, own, strict=True)
    }
    entries = stack.state["resources"]
    (by_command,) = [entry["urn"] for entry in entries if entry.get("taint")]
    assert by_command in tainted
    for entry in entries:
        if entry["urn"] in tainted:
            entry["taint"] = True
    stack.put(entries)
    return done


def _without_asking(words: list[str]) -> list[str]:
    if "--with-preview" in words:
        return [*(word for word in words if word != "--with-preview"), "--yes"]
    if words[0] == "preview" or "--preview-only" in words:
        return words
    return [*words, "--yes", "--skip-preview"]


def _ended_well(scene: Scene) -> bool:
    return all(
        run.exit == "either" or done.ok == (run.exit == "ok")
        for run, done in zip(scene.walk.way.runs, scene.dones, strict=True)
    )


def _judged(scene: Scene) -> Verdict:
    problems = list(scene.found)
    for run, done in zip(scene.walk.way.runs, scene.dones, strict=True):
        if run.exit != "either" and done.ok != (run.exit == "ok"):
            ended = "well" if done.ok else "badly"
            problems.append(f"`pulumi {run.command}` ended {ended}")
        said = scene.own_words(done) if run.is_shared else done.text
        problems += [
            f"`pulumi {run.command}` does not say {words!r}"
            for words in run.says
            if words not in said
        ]
    return Verdict(problems, scene.report() if problems else "")


def _start(walk: Walk) -> str:
    """What a row starts from: the same for all rows that start alike."""
    return f"{walk.kind}: {[d.as_kind(walk.kind) for d in walk.way.before]}"


def _entries_by_stack(
    walk: Walk, resources: Sequence[dict[str, Any]]
) -> dict[str, list[dict[str, Any]]]:
    stacks = {f"{walk.slug}.{d.name}": d.stack for d in walk.way.before}
    found: dict[str, list[dict[str, Any]]] = {}
    for entry in resources:
        name = entry["urn"].split("::")[-1]
        if name.startswith(f"{walk.slug}."):
            found.setdefault(stacks.get(name, ""), []).append(entry)
    return found


def _hashed(*words: str) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:16]


@contextmanager
def _locked(file: Path) -> Generator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
