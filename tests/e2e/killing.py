"""
Kills a run of the engine at a chosen call.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

import psutil

from alicloud_ingress.testing import FakeEcs
from alicloud_ingress.testing.faults import Fault
from e2e.project import Project
from forked_python import started_python

HOST = "pulumi-resource-pulumi-python"
QUIETLY = ("--yes", "--skip-preview", "--non-interactive")
IDLE_S = 0.3
MAX_S = 60.0


@dataclass(frozen=True)
class Kill:
    """
    Which process is killed, and when.

    Args:
        command: `up` or `destroy`.
        victim: `engine`, or `host`, the process in which the provider runs.
        action: the call that is held while its process dies.
        call: the first is 1.
        acted: whether ECS carries the held call out.
        parallel: rules at a time; 0 leaves it to the engine.
    """

    command: str
    victim: str
    action: str
    call: int
    acted: bool
    parallel: int = 1

    def __str__(self) -> str:
        """The name in the ID of a test."""
        when = "after" if self.acted else "before"
        return f"{self.victim} killed {when} {self.action} {self.call}, {self.command}"


@dataclass
class _Killing:
    """One run that is killed while it makes a call."""

    victim: str
    engine: psutil.Process
    orphans: list[psutil.Process] = field(default_factory=list[psutil.Process])
    struck: bool = False

    def __call__(self, _: FakeEcs) -> None:
        """Kill the one process by its ID; the others notice by themselves."""
        below = self.engine.children(recursive=True)
        hosts = [each for each in below if any(HOST in word for word in each.cmdline())]
        under_hosts = [each for host in hosts for each in host.children(recursive=True)]
        victims = [self.engine] if self.victim == "engine" else hosts + under_hosts
        self.orphans = [each for each in below if each not in victims]
        for each in victims:
            each.kill()
        self.struck = bool(victims)


def killed(
    project: Project, kill: Kill, *, seen: Callable[[], bool] = lambda: True
) -> None:
    """
    Run a command of the engine, and kill it at the call; all that it started ends.

    A host that outlives its engine ends what it has begun, as it would on a person's
    machine, where it then waits for ever. Here it is ended once it is quiet.

    Args:
        project: what is run.
        kill: when, and which process.
        seen: whether what outlives has done what the test waits for.
    """
    project.write_settings()
    parallel = ["--parallel", str(kill.parallel)] if kill.parallel else []
    path = f"{started_python()}:{project.environment['PATH']}"
    with subprocess.Popen(
        ["pulumi", kill.command, *QUIETLY, *parallel],
        cwd=project.folder,
        env={**project.environment, "PATH": path},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        killing = _Killing(kill.victim, psutil.Process(run.pid))
        project.fake.inject(
            Fault(
                action=kill.action,
                skip=kill.call - 1,
                edit=killing,
                drop=True,
                takes_effect=kill.acted,
            )
        )
        try:
            run.wait(MAX_S)
            _wait_until_quiet(lambda: len(project.fake.calls), seen)
        finally:
            for each in (killing.engine, *killing.orphans):
                with suppress(psutil.NoSuchProcess):
                    each.kill()
    psutil.wait_procs(killing.orphans, MAX_S)
    project.fake.forget_faults()
    assert killing.struck, f"never came so far: {kill}"


def _wait_until_quiet(calls: Callable[[], int], seen: Callable[[], bool]) -> None:
    give_up = time.monotonic() + MAX_S
    before = -1
    while (before != calls() or not seen()) and time.monotonic() < give_up:
        before = calls()
        time.sleep(IDLE_S)
