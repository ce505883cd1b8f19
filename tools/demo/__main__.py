"""
Show the main job on the real Pulumi engine: the sample stack with the fake.

Each step shows what the engine did and its calls. A step with unexpected calls ends the
demonstration with exit code 1.
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
READS = {
    "DescribeSecurityGroupAttribute",
    "DescribeSecurityGroups",
    "GetCallerIdentity",
}
RULES = "pulumi-python:dynamic/alicloud-ingress:"
NEW_OFFICE = "198.51.100.0/24"

console = Console(highlight=False, soft_wrap=True)


class Command(Protocol):
    """
    An operation of a stack that reports its events.
    """

    def __call__(self, *, on_event: automation.OnEvent) -> object:
        """
        Run the operation.
        """


@dataclass
class Demonstration:
    """
    A stack, the fake that it calls, and the number of the step.
    """

    stack: automation.Stack
    fake: FakeEcs
    group: str
    number: int = 0

    def step(
        self, title: str, typed: str, command: Command, *expected: str
    ) -> list[FakeCall]:
        """
        Run a command of the engine, and show what it did and its calls.

        Args:
            title: the purpose of the step.
            typed: the same command in a shell.
            command: the operation.
            expected: the actions that it must call, apart from reads.

        Returns:
            its calls that change something.
        """
        self.number += 1
        console.print(f"[bold]{self.number}. {title}[/bold]")
        console.print(f"   [cyan]$ {typed}[/cyan]")
        events: list[automation.EngineEvent] = []
        with console.status("the engine is running", spinner="line"):
            command(on_event=events.append)
        calls = list(self.fake.calls)
        self.fake.calls.clear()
        writes = [call for call in calls if call.action not in READS]
        show_changes(events)
        show_calls(calls, writes)
        held = len(self.fake.rules(self.group))
        console.print(f"   [dim]the group now has {held} rules[/dim]\n")
        if {call.action for call in writes} != set(expected):
            wanted = " and ".join(expected) or "no action"
            sys.exit(
                f"demo: step {self.number} should have called {wanted} to change rules"
            )
        return writes


def show_changes(events: list[automation.EngineEvent]) -> None:
    """
    Print a line for each rule that changes, and one for each of its fields.
    """
    rules: set[str] = set()
    changed: set[str] = set()
    for event in events:
        step = event.res_outputs_event
        if step is None or not step.metadata.type.startswith(RULES):
            continue
        rules.add(step.metadata.urn)
        for line in words.change(step.metadata):
            changed.add(step.metadata.urn)
            console.print(f"   {line}")
    if unchanged := len(rules - changed):
        console.print(f"   {unchanged} rules are unchanged")


def show_calls(calls: list[FakeCall], writes: list[FakeCall]) -> None:
    """
    Print each call that changes something, and the number of reads.
    """
    console.print(f"   [dim]calls to the API:{'' if calls else ' none'}[/dim]")
    reads = Counter(call.action for call in calls if call.action in READS)
    for action, times in reads.items():
        console.print(f"     [dim]{action}  x {times}[/dim]")
    for call in writes:
        for line in words.write(call):
            console.print(f"     {line}")


@contextmanager
def demonstration() -> Generator[Demonstration]:
    """
    The sample stack, in a temporary folder with its own backend.

    At the end all its processes and files are removed.
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
    End the processes of an interrupted step: those with this PULUMI_HOME.
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
    Whether a process belongs to the engine with this home.
    """
    try:
        return process.environ().get("PULUMI_HOME") == str(home)
    except psutil.Error:
        return False


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    """
    Stop, without messages of the threads that read from the engine.
    """
    threading.excepthook = lambda _: None
    warnings.simplefilter("ignore")
    raise KeyboardInterrupt


def show(demo: Demonstration) -> None:
    """
    Deploy rules, change one, repair drift, destroy all.
    """
    stack = demo.stack
    demo.step("What would change?", "pulumi preview", stack.preview)
    demo.step("Deploy the rules", "pulumi up", stack.up, "AuthorizeSecurityGroup")
    demo.step("Again: no change", "pulumi up", stack.up)

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
        "Someone opens SSH to all in the console: refresh finds it",
        "pulumi refresh --preview-only",
        stack.preview_refresh,
    )
    repair = partial(stack.up, refresh=True)
    demo.step("Repair it", "pulumi up --refresh", repair, modify)

    held = set(demo.fake.rules(demo.group))
    revoke = "RevokeSecurityGroup"
    calls = demo.step(
        "Destroy, each rule by its ID", "pulumi destroy", stack.destroy, revoke
    )
    sent = [item for call in calls for item in call.parameters.items()]
    named = {value for name, value in sent if name.startswith("SecurityGroupRuleId.")}
    by_attributes = [name for name, _ in sent if name.startswith("Permissions.")]
    if demo.fake.rules(demo.group) or named != held or by_attributes:
        sys.exit("demo: rules still exist, or were not revoked by their IDs")
    console.print(
        f"[bold green]All {len(held)} rules are deleted:[/bold green] each was revoked "
        "by its ID, none by its attributes."
    )


def open_ssh_to_all(demo: Demonstration) -> None:
    """
    Widen the rule of the office outside of the engine.
    """
    rules = demo.fake.groups[demo.group].rules
    for rule in rules.values():
        if rule.get("SourceCidrIp") == NEW_OFFICE:
            rule["SourceCidrIp"] = "0.0.0.0/0"


def main() -> None:
    """
    Show it. If the engine fails, show its message.
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
        sys.exit("demo: the engine failed; its message is above")
    except KeyboardInterrupt:
        console.print("demo: interrupted; its processes and files are removed")
        sys.exit(130)


if __name__ == "__main__":
    main()
