"""
A stack on the real engine, whose state is read and written as a file.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import grpc
import yaml
from pulumi import automation
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2_grpc

from e2e import policy_plugin
from e2e.project import Outcome, engine_environment, ran
from e2e.ways.program import declare
from e2e.ways.way import Via

TESTS = Path(__file__).parents[2]
PROJECT = "ways"
PROGRAM = f"""\
import json, sys
sys.path.insert(0, {str(TESTS)!r})
from e2e.ways.program import declare
with open("declared.json") as file:
    declare(json.load(file))
"""
EXPERIMENTAL = {"PULUMI_EXPERIMENTAL": "1"}
"""
Without it the engine takes no plans, and writes its state after each step.
"""
Placed = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Stack:
    """A stack with a backend of its own."""

    folder: Path
    environment: Mapping[str, str]
    _shown: dict[str, list[dict[str, Any]]] = field(
        default_factory=dict[str, list[dict[str, Any]]]
    )

    @property
    def _file(self) -> Path:
        return self.folder / f"backend/.pulumi/stacks/{PROJECT}/test.json"

    @property
    def state(self) -> dict[str, Any]:
        """The state of the stack."""
        latest: dict[str, Any] = json.loads(self._file.read_text())["checkpoint"][
            "latest"
        ]
        return latest

    def put(self, resources: Sequence[Mapping[str, Any]]) -> None:
        """Give the engine other resources."""
        checkpoint = json.loads(self._file.read_text())
        checkpoint["checkpoint"]["latest"]["resources"] = list(resources)
        self._file.write_text(json.dumps(checkpoint))

    @property
    def resources(self) -> list[dict[str, Any]]:
        """The entries of the state; secrets are decrypted."""
        text = self._file.read_text()
        if text not in self._shown:
            self._shown.clear()
            state = json.loads(text)["checkpoint"]["latest"]
            if "ciphertext" in text:
                shown = self.pulumi("stack", "export", "--show-secrets")
                state = json.loads(shown.text)["deployment"]
            self._shown[text] = state.get("resources", [])
        return self._shown[text]

    def run(
        self, arguments: Sequence[str], program: Placed, via: Via = "command line"
    ) -> Outcome:
        """
        Run a command of the engine on a program.
        """
        if arguments[0] in ("state", "stack"):
            return self.pulumi(*arguments)
        policy_plugin.write_pack(self.folder / "project", _remedies(program))
        if via == "automation":
            return self._automated(arguments, program)
        if via == "language host":
            declared = self.folder / "project" / "program" / "declared.json"
            declared.write_text(json.dumps(program))
            return self.pulumi(*arguments)
        with _served(lambda: declare(program)) as address:
            return self.pulumi(*arguments, f"--client={address}")

    def make(self, program: Placed) -> None:
        """Deploy a program that others start from, and write the state only once."""
        quick = {**EXPERIMENTAL, "PULUMI_SKIP_CHECKPOINTS": "true"}
        stack = Stack(self.folder, {**self.environment, **quick})
        done = stack.run(["up", "--yes", "--skip-preview", "-p", "32"], program)
        assert done.ok, done.text

    def export(self, file: Path) -> None:
        """
        Write the state as `pulumi stack export` does.
        """
        file.write_text(json.dumps({"version": 3, "deployment": self.state}))

    def pulumi(self, *arguments: str) -> Outcome:
        """
        Run the command line.
        """
        experimental = any(a.startswith(("--plan", "--save-plan")) for a in arguments)
        return ran(
            ["pulumi", *arguments, "--stack=test", "--non-interactive"],
            self.folder / "project",
            {**self.environment, **(EXPERIMENTAL if experimental else {})},
        )

    def _automated(self, arguments: Sequence[str], program: Placed) -> Outcome:
        """Run it by the Automation API, with an inline program."""
        command, *flags = (a for a in arguments if a not in ("--yes", "--skip-preview"))
        stack = automation.select_stack(
            "test",
            project_name=PROJECT,
            program=lambda: declare(program),
            opts=automation.LocalWorkspaceOptions(
                work_dir=str(self.folder / "project"), env_vars=dict(self.environment)
            ),
        )
        options = {_option(flag): True for flag in flags}
        try:
            result = getattr(stack, command)(**options)
        except automation.CommandError as error:
            return Outcome(ok=False, text=str(error))
        return Outcome(ok=True, text=result.stdout + result.stderr)


def new_stack(folder: Path, url: str, timeout: int) -> Stack:
    """
    Make an empty stack, configured for a fake; the first one of a folder costs a run.

    Args:
        folder: to make it in; what stands beside it is shared by all stacks.
        url: of the fake.
        timeout: seconds that a call may take, with all that is repeated.
    """
    assert shutil.which("pulumi"), "the engine is missing: run `make test`"
    template = folder.parent / "template"
    if not template.exists():
        _make(template)
    shutil.copytree(template, folder)
    settings = folder / "project" / "Pulumi.test.yaml"
    config = yaml.safe_load(settings.read_text())
    config["config"] = {
        "alicloud:region": "cn-hangzhou",
        "alicloud-ingress:timeout": str(timeout),
    }
    settings.write_text(yaml.safe_dump(config))
    return Stack(folder, _environment(folder, url))


def _make(folder: Path) -> None:
    (folder / "backend").mkdir(parents=True)
    policy_plugin.installed(folder.parent / "policy plugin")
    project = folder / "project"
    (project / "program").mkdir(parents=True)
    (project / "program" / "__main__.py").write_text(PROGRAM)
    (project / "Pulumi.yaml").write_text(
        f"name: {PROJECT}\nruntime: python\nmain: program\n"
    )
    done = Stack(folder, _environment(folder, "")).pulumi("stack", "init")
    assert done.ok, done.text


def _environment(folder: Path, url: str) -> dict[str, str]:
    engine = engine_environment(folder, url)
    shared = {
        "PULUMI_HOME": str(folder.parent / "home"),
        "PATH": f"{folder.parent / 'policy plugin'}:{engine['PATH']}",
    }
    return {**engine, **shared}


def _remedies(program: Placed) -> dict[str, Any]:
    """What a policy changes, by the name of the resource."""
    remedies = {each["name"]: each["options"].get("remedied") for each in program}
    return {name: remedy for name, remedy in remedies.items() if remedy}


def plain(value: Any) -> Any:
    """An entry of a state, with the plain value in place of each secret."""
    if isinstance(value, list):
        entries = cast("list[object]", value)
        return [plain(each) for each in entries]
    if isinstance(value, dict):
        given = cast("dict[str, Any]", value)
        if "plaintext" in given:
            return json.loads(given["plaintext"])
        return {name: plain(each) for name, each in given.items()}
    return value


def _option(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")


@contextmanager
def _served(program: Callable[[], None]) -> Generator[str]:
    """
    Serve a program to the engine from this process, as the Automation API does.

    The process that the command line starts for it takes as long as the rest of a
    command.
    """
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(
        LanguageServer(program), server
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(grace=None).wait()
