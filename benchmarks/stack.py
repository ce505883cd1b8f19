"""
A stack of many rules on the real engine and a served fake, whose commands are timed.
"""

from __future__ import annotations

import compileall
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from alicloud_ingress.testing import FakeEcs

ROOT = Path(__file__).parents[1]
OBSERVED = ROOT / "benchmarks" / "observed"
PROCESSES: tuple[str, ...] = ("program", "host", "engine", "fake")
"""
What processor time is counted for: the program of the stack, the host of the provider,
the engine with its language host and all else, and the fake.
"""
ROUND_TRIPS = {"up": 2, "destroy": 1}
"""
Calls for one rule, one after the other: Authorize and the read of its ID; Revoke.
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """
    One command, measured from outside.

    Args:
        seconds: wall time from start to exit.
        memory_mib: memory of the largest process, the engine included.
        calls: the number of calls of ECS and STS, by action.
        first_call_s: seconds from the start to the first answer; 0 without an answer.
        last_call_s: seconds from the start to the last answer.
        cpu_s: seconds of processor time, by process of `PROCESSES`.
    """

    seconds: float
    memory_mib: float
    calls: Counter[str]
    first_call_s: float
    last_call_s: float
    cpu_s: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Workload:
    """
    What is deployed.

    Args:
        kind: `single` rules, a rule `set` for each group, or the `floor`.
        latency_ms: the duration of each call of ECS, in milliseconds.
        parallel: the value of `-p`; 0 for the default of the engine.
    """

    kind: str
    count: int
    groups: int = 1
    latency_ms: int = 0
    parallel: int = 0

    def waiting_s(self, command: str) -> float:
        """
        Seconds for which any provider must wait for ECS with single rules.

        Rounds of `-p` rules follow each other. It is 0 where `-p` is not set.
        """
        if self.kind != "single" or not self.parallel:
            return 0.0
        rounds = math.ceil(self.count / self.parallel)
        return rounds * ROUND_TRIPS.get(command, 0) * self.latency_ms / 1000


@dataclass(frozen=True, slots=True)
class Usage:
    """
    What a command has used, with the processes that it started and waited for.

    Args:
        seconds: wall time.
        memory_mib: memory of its largest process.
        cpu_s: seconds of processor time.
    """

    seconds: float
    memory_mib: float
    cpu_s: float


def timed(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    well: Collection[int] = (0,),
) -> Usage:
    """
    Run a command, and measure it with all its processes.

    Args:
        command: with its arguments.
        environment: the whole environment of the command.
        folder: the working directory.
        well: exit codes of success.

    Raises:
        RuntimeError: the command failed; the message is its output.
    """
    with tempfile.TemporaryFile("w+") as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in well:
            output.seek(0)
            raise RuntimeError(f"{' '.join(command)} failed:\n{output.read()}")
    cpu_s = usage.ru_utime + usage.ru_stime
    return Usage(seconds, usage.ru_maxrss / 1024, cpu_s)


def timed_job(
    arguments: Sequence[str], url: str, folder: Path, well: Collection[int] = (0,)
) -> Usage:
    """
    As `timed`, for `alicloud-ingress` with these arguments and the fake at this URL.
    """
    command = [str(Path(sys.executable).parent / "alicloud-ingress"), *arguments]
    environment = {
        **os.environ,
        "ALIBABA_CLOUD_ENDPOINT_ECS": url,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "bench",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "bench",
    }
    return timed(command, environment, folder, well)


class Stack:
    """
    A project with its own backend and home, and a fake in another process.
    """

    def __init__(
        self,
        folder: Path,
        workload: Workload,
        environment: Mapping[str, str],
        calls: Path,
        fake: psutil.Process,
    ) -> None:
        self._folder = folder
        self._workload = workload
        self._environment = environment
        self._calls = calls
        self._fake = fake

    def run(self, command: str) -> Sample:
        """
        Run `up`, `refresh`, `preview` or `destroy`, and measure it.

        Raises:
            RuntimeError: the command failed; the message is its output.
        """
        self._calls.write_text("")
        fake_s, began = _cpu_s(self._fake), time.time()
        with tempfile.TemporaryDirectory() as name:
            processes = Path(name)
            environment = {**self._environment, "BENCH_PROCESSES": name}
            usage = timed(self._arguments(command), environment, self._folder)
            cpu_s = dict.fromkeys(PROCESSES, 0.0)
            for file in processes.iterdir():
                used = json.loads(file.read_text())
                cpu_s[used["role"]] += used["seconds"]
            cpu_s["engine"] = usage.cpu_s - sum(cpu_s.values())
            cpu_s["fake"] = _cpu_s(self._fake) - fake_s
        calls = [json.loads(line) for line in self._calls.read_text().splitlines()]
        answered = [call["time"] - began for call in calls] or [0.0]
        return Sample(
            seconds=usage.seconds,
            memory_mib=usage.memory_mib,
            calls=Counter(call["action"] for call in calls),
            first_call_s=min(answered),
            last_call_s=max(answered),
            cpu_s=cpu_s,
        )

    def profile(self, command: str, out: Path) -> None:
        """
        Run a command as `run`, and draw where its Python processes spend their time.

        Args:
            command: as for `run`.
            out: the flame graph, an SVG.
        """
        # py-spy looks for processes of Python below one that is such a process.
        start = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"
        recorder = [
            *(str(Path(sys.executable).parent / "py-spy"), "record"),
            *("--subprocesses", "--nonblocking", "--rate", "250"),
            *("--output", str(out)),
            *("--", sys.executable, "-c", start),
        ]
        timed([*recorder, *self._arguments(command)], self._environment, self._folder)

    def _arguments(self, command: str) -> list[str]:
        arguments = ["pulumi", command, "--non-interactive", "--stack", "bench"]
        if command != "preview":
            arguments += ["--yes", "--skip-preview"]
        if self._workload.parallel:
            arguments += ["--parallel", str(self._workload.parallel)]
        return arguments


@contextmanager
def deployed(workload: Workload) -> Generator[Stack, None, None]:
    """
    A stack that is ready for its first `up`.

    The provider is compiled, as an installed one is: with PYTHONDONTWRITEBYTECODE, each
    process would compile it again.
    """
    for sources in (ROOT / "provider", ROOT / "benchmarks"):
        compileall.compile_dir(sources, quiet=1)
    # A shell that runs the bench in the background ignores SIGINT for all below it. The
    # engine ends its language host by SIGINT, and waits five seconds for it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        calls = folder / "calls.jsonl"
        with served(calls, workload.latency_ms) as (url, fake):
            groups = new_groups(url, workload.groups)
            calls.write_text("")
            environment = engine_environment(folder, url)
            _write_project(folder, workload, groups)
            subprocess.run(
                ["pulumi", "stack", "init", "bench", "--non-interactive"],
                cwd=folder,
                env=environment,
                check=True,
                capture_output=True,
            )
            yield Stack(folder, workload, environment, calls, fake)


@contextmanager
def served(
    calls: Path, latency_ms: int, state: Path | None = None
) -> Generator[tuple[str, psutil.Process], None, None]:
    """
    Serve the fake in another process, so that it does not slow down the provider.

    Yields:
        its URL and its process.
    """
    command = [
        str(Path(sys.executable).parent / "alicloud-ingress"),
        "fake",
        "--admin",
        "--calls",
        str(calls),
        "--latency-ms",
        str(latency_ms),
        *(("--state", str(state)) if state else ()),
    ]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None:
            raise RuntimeError("the fake has no stdout")
        first = process.stdout.readline()
        url = first.removeprefix("listening on ").strip()
        yield url, psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def new_groups(url: str, count: int) -> list[str]:
    """
    Create groups without rules, through the admin path of the fake.
    """
    fake = FakeEcs()
    groups = [fake.new_group() for _ in range(count)]
    request = urllib.request.Request(
        f"{url}/_fake/state", data=fake.dump().encode(), method="PUT"
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        answer.read()
    return groups


def engine_environment(folder: Path, url: str) -> dict[str, str]:
    """
    An environment in which the engine finds this checkout and the fake.
    """
    (folder / "backend").mkdir(exist_ok=True)
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(OBSERVED), str(ROOT))),
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": (folder / "backend").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "bench",
        "PULUMI_SKIP_UPDATE_CHECK": "1",
        "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS": "1",
        "ALIBABA_CLOUD_ENDPOINT_ECS": url,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": "bench",
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "bench",
    }


def _write_project(folder: Path, workload: Workload, groups: list[str]) -> None:
    (folder / "Pulumi.yaml").write_text(
        f"name: bench\nruntime: python\nmain: {ROOT / 'benchmarks' / 'programs'}\n"
    )
    config = {
        "alicloud:region": "cn-hangzhou",
        "bench:kind": workload.kind,
        "bench:count": workload.count,
        "bench:groups": json.dumps(groups),
    }
    (folder / "Pulumi.bench.yaml").write_text(json.dumps({"config": config}))
