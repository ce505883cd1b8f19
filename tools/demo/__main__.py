"""
Show the main job on the real Pulumi engine: the sample stack against the fake.

Each step tells what the engine did and by which calls. A step that calls what it
should not ends the demonstration with exit code 1.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
import threading
import warnings
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Protocol

import psutil
from pulumi import automation
from rich.console import Console
from rich.markup import escape
from tools.demo import words

from alicloud_ingress.testing import FakeCall, FakeEcs

ROOT = Path(__file__).parents[2]
LOOKS = {
    "DescribeSecurityGroupAttribute",
    "DescribeSecurityGroups",
    "GetCallerIdentity",
}
RULES = "pulumi-python:dynamic/alicloud-ingress:"
NEW_OFFICE = "198.51.100.0/24"

console = Console(highlight=False, soft_wrap=True)


class Command(Protocol):
    """
    An operation of a stack that tells its events.
    """

    def __call__(self, *, on_event: automation.OnEvent) -> object:
        """
        Run the operation.
        """


@dataclass
class Demonstration:
    """
    A stack, the fake that it talks to, and the number of the step.
    """

    stack: automation.Stack
    fake: FakeEcs
    group: str
    number: int = 0

    def step(
        self, title: str, typed: str, command: Command, *expected: str
    ) -> list[FakeCall]:
        """
        Run a command of the engine; tell what it did, and by which calls.

        Args:
            title: What the step is for.
            typed: What one would type in a shell.
            command: The operation that does the same.
            expected: The actions, other than looks, that it is to call.

        Returns:
            Its calls that change something.
        """
        self.number += 1
        console.print(f"[bold]{self.number}. {title}[/bold]")
        console.print(f"   [cyan]$ {typed}[/cyan]")
        events: list[automation.EngineEvent] = []
        with console.status("the engine is at work", spinner="line"):
            command(on_event=events.append)
        calls = list(self.fake.calls)
        self.fake.calls.clear()
        writes = [call for call in calls if call.action not in LOOKS]
        show_changes(events)
        show_calls(calls, writes)
        held = len(self.fake.rules(self.group))
        console.print(f"   [dim]the group now holds {held} rules[/dim]\n")
        if {call.action for call in writes} != set(expected):
            wanted = " and ".join(expected) or "no action"
            sys.exit(f"demo: step {self.number} was to call {wanted} to change rules")
        return writes


def show_changes(events: list[automation.EngineEvent]) -> None:
    """
    A line for each rule that changes, and one for each of its fields.
    """
    rules: set[str] = set()
    changed: set[str] = set()
    for event in events:
        told = event.res_outputs_event
        if told is None or not told.metadata.type.startswith(RULES):
            continue
        rules.add(told.metadata.urn)
        for line in words.change(told.metadata):
            changed.add(told.metadata.urn)
            console.print(f"   {line}")
    if unchanged := len(rules - changed):
        console.print(f"   {unchanged} rules are as they should be")


def show_calls(calls: list[FakeCall], writes: list[FakeCall]) -> None:
    """
    The calls that change something, one by one; those that look, counted.
    """
    console.print(f"   [dim]calls to the API:{'' if calls else ' none'}[/dim]")
    looks = Counter(call.action for call in calls if call.action in LOOKS)
    for action, times in looks.items():
        console.print(f"     [dim]{action}  x {times}[/dim]")
    for call in writes:
        for line in words.write(call):
            console.print(f"     {line}")


@contextmanager
def demonstration() -> Generator[Demonstration]:
    """
    The sample stack in a folder of its own, with a backend of its own.

    No process and no file of it is left, however it ends.
    """
    fake = FakeEcs()
    group, balancers = fake.new_group(), fake.new_group()
    with tempfile.TemporaryDirectory() as name, fake.serve() as url:
        folder = Path(name)
        (folder / "backend").mkdir()
        shutil.copy(ROOT / "Pulumi.yaml", folder)
        shutil.copytree(ROOT / "sample-stack", folder / "sample-stack")
        options = automation.LocalWorkspaceOptions(
            pulumi_home=str(folder / "home"),
            env_vars={
                "PULUMI_BACKEND_URL": (folder / "backend").as_uri(),
                "PULUMI_CONFIG_PASSPHRASE": "demo",
                "PULUMI_SKIP_UPDATE_CHECK": "1",
                "ALIBABA_CLOUD_ENDPOINT_ECS": url,
                "ALIBABA_CLOUD_ENDPOINT_STS": url,
                "ALIBABA_CLOUD_ACCESS_KEY_ID": "demo",
                "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "demo",
            },
        )
        try:
            stack = automation.create_stack("demo", work_dir=name, opts=options)
            for key, value in {
                "alicloud:region": "cn-hangzhou",
                "sample:securityGroupId": group,
                "sample:balancerGroupId": balancers,
            }.items():
                stack.set_config(key, automation.ConfigValue(value))
            yield Demonstration(stack, fake, group)
        finally:
            end_engine(folder / "home")


def end_engine(home: Path) -> None:
    """
    End what an interrupted step has left running: all that has this PULUMI_HOME.
    """
    while running := [
        process for process in psutil.process_iter() if of(process, home)
    ]:
        for process in running:
            with suppress(psutil.Error):
                process.terminate()
        for process in psutil.wait_procs(running, timeout=5)[1]:
            with suppress(psutil.Error):
                process.kill()


def of(process: psutil.Process, home: Path) -> bool:
    """
    Whether a process works for the engine whose home this is.
    """
    try:
        return process.environ().get("PULUMI_HOME") == str(home)
    except psutil.Error:
        return False


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    """
    Give up, without the words of threads that read from the engine till now.
    """
    threading.excepthook = lambda _: None
    warnings.simplefilter("ignore")
    raise KeyboardInterrupt


def show(demo: Demonstration) -> None:
    """
    Bring rules up, change one, repair drift, destroy all.
    """
    stack = demo.stack
    demo.step("What would be done?", "pulumi preview", stack.preview)
    demo.step("Bring the rules up", "pulumi up", stack.up, "AuthorizeSecurityGroup")
    demo.step("Again: there is nothing to do", "pulumi up", stack.up)

    stack.set_config("sample:office", automation.ConfigValue(NEW_OFFICE))
    demo.step(
        "The office moves: what would change?",
        f"pulumi config set sample:office {NEW_OFFICE} && pulumi preview",
        stack.preview,
    )
    modify = "ModifySecurityGroupRule"
    demo.step("Change it in place, with no gap", "pulumi up", stack.up, modify)

    open_ssh_to_all(demo)
    demo.step(
        "Somebody opens SSH to all in the console: it is found",
        "pulumi refresh --preview-only",
        stack.preview_refresh,
    )
    repair = partial(stack.up, refresh=True)
    demo.step("Put it right", "pulumi up --refresh", repair, modify)

    held = set(demo.fake.rules(demo.group))
    revoke = "RevokeSecurityGroup"
    calls = demo.step(
        "Destroy, each rule by its ID", "pulumi destroy", stack.destroy, revoke
    )
    told = [item for call in calls for item in call.parameters.items()]
    named = {value for name, value in told if name.startswith("SecurityGroupRuleId.")}
    by_attributes = [name for name, _ in told if name.startswith("Permissions.")]
    if demo.fake.rules(demo.group) or named != held or by_attributes:
        sys.exit("demo: rules are left, or were revoked by other than their IDs")
    console.print(
        f"[bold green]All {len(held)} rules are gone:[/bold green] each was revoked by "
        "its ID, none by its attributes."
    )


def open_ssh_to_all(demo: Demonstration) -> None:
    """
    Widen the office's rule behind the engine's back.
    """
    rules = demo.fake.groups[demo.group].rules
    for rule in rules.values():
        if rule.get("SourceCidrIp") == NEW_OFFICE:
            rule["SourceCidrIp"] = "0.0.0.0/0"


def main() -> None:
    """
    Show it, and fail in the engine's own words if it fails.
    """
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, interrupt)
    try:
        with demonstration() as demo:
            version = demo.stack.workspace.pulumi_version
            console.print(
                f"Inbound rules of a security group, on Pulumi {version} and a fake "
                "of the ECS API. No cloud account is touched.\n"
            )
            show(demo)
    except automation.CommandError as error:
        console.print(escape(str(error)))
        sys.exit("demo: the engine failed; its words are above")
    except KeyboardInterrupt:
        console.print("demo: interrupted; nothing of it is left")
        sys.exit(130)


if __name__ == "__main__":
    main()
