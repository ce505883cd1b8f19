"""
Show the main job on the real Pulumi engine: the sample stack against the fake.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pulumi import automation
from rich.console import Console
from rich.table import Table

from alicloud_ingress.testing import FakeCall, FakeEcs

ROOT = Path(__file__).parents[1]
ADDRESSING = {"RegionId", "SecurityGroupId", "ClientToken", "Direction"}
console = Console()


@dataclass
class Demonstration:
    """
    A stack, the fake that it talks to, and the number of the step.
    """

    stack: automation.Stack
    fake: FakeEcs
    group: str
    number: int = 0

    @contextmanager
    def step(self, command: str, what: str) -> Iterator[Counter[str]]:
        """
        Announce a command; afterwards tell what it did, and by which calls.
        """
        self.number += 1
        console.rule(f"[bold]{self.number}. {what}", align="left")
        console.print(f"$ {command}", style="cyan")
        done: Counter[str] = Counter()
        yield done
        told = ", ".join(f"{count} {what}" for what, count in sorted(done.items()))
        console.print(f"The engine: {told or 'done'}.")
        console.print(f"The group now holds {len(self.fake.rules(self.group))} rules.")
        self.show_calls()

    def show_calls(self) -> None:
        """
        Print the calls that the fake has recorded since the last step.
        """
        calls = list(self.fake.calls)
        self.fake.calls.clear()
        if not calls:
            console.print("No call was made.\n", style="green")
            return
        table = Table("call", "times", "with", box=None, header_style="dim")
        counted = Counter((call.action, in_words(call)) for call in calls)
        for (action, parameters), times in counted.items():
            table.add_row(action, str(times), parameters)
        console.print(table)
        console.print()


def in_words(call: FakeCall) -> str:
    """
    What tells one call from another; not where it goes, nor how often.
    """
    return " ".join(
        f"{name.removeprefix('Permissions.1.')}={value}"
        for name, value in call.parameters.items()
        if name not in ADDRESSING
    )


@contextmanager
def demonstration() -> Iterator[Demonstration]:
    """
    The sample stack in a folder of its own, with a backend of its own.
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
        stack = automation.create_stack("demo", work_dir=name, opts=options)
        for key, value in {
            "alicloud:region": "cn-hangzhou",
            "sample:securityGroupId": group,
            "sample:balancerGroupId": balancers,
        }.items():
            stack.set_config(key, automation.ConfigValue(value))
        yield Demonstration(stack, fake, group)


def main() -> None:
    """
    Bring rules up, change one, repair drift, destroy all; fail if one is left.
    """
    with demonstration() as demo:
        stack = demo.stack
        with demo.step("pulumi preview", "Preview an empty group") as done:
            done.update(counts(stack.preview().change_summary))
        with demo.step("pulumi up", "Bring the rules up") as done:
            done.update(counts(stack.up().summary.resource_changes))
        with demo.step("pulumi up", "Again: nothing to do") as done:
            done.update(counts(stack.up().summary.resource_changes))

        office = automation.ConfigValue("198.51.100.0/24")
        stack.set_config("sample:office", office)
        with demo.step(
            "pulumi config set sample:office 198.51.100.0/24 && pulumi preview",
            "The office moves: preview",
        ) as done:
            done.update(counts(stack.preview().change_summary))
        with demo.step("pulumi up", "Change that rule in place, with no gap") as done:
            done.update(counts(stack.up().summary.resource_changes))

        open_ssh_to_all(demo)
        with demo.step(
            "pulumi up --refresh", "Somebody opened SSH in the console: find, repair"
        ) as done:
            done.update(counts(stack.up(refresh=True).summary.resource_changes))
        with demo.step("pulumi destroy", "Destroy, each rule by its ID") as done:
            done.update(counts(stack.destroy().summary.resource_changes))
        if demo.fake.rules(demo.group):
            raise SystemExit("rules are left in the group")
        console.print("All rules are gone, and the fake has proven it.", style="bold")


def counts(changes: object) -> Counter[str]:
    """
    How many resources the engine changed in which way.
    """
    if not isinstance(changes, dict):
        return Counter()
    return Counter(
        {getattr(what, "value", str(what)): count for what, count in changes.items()}
    )


def open_ssh_to_all(demo: Demonstration) -> None:
    """
    Widen the office's rule behind the engine's back.
    """
    rules = demo.fake.groups[demo.group].rules
    ssh = next(rule for rule in rules.values() if rule["Priority"] == 10)
    ssh["SourceCidrIp"] = "0.0.0.0/0"


if __name__ == "__main__":
    main()
