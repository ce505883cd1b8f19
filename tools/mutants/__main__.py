"""
Break each promise once, in a copy, and verify that a test fails.

A test suite that passes with a broken promise is worthless. So each mutant of
`promises` breaks one promise: its old text must be in the source exactly once, and one
of its tests must fail. A mutant that survives makes the run fail.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
from tools.mutants.mutant import Mutant
from tools.mutants.promises import MUTANTS

ROOT = Path(__file__).parents[2]
COPIED = ("provider", "tests", "pyproject.toml")
AT_A_TIME = 2
TESTS_FAILED = 1


def copied(folder: Path) -> Path:
    """
    Copy the parts of the checkout that the tests need to a folder.
    """
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder / name)
    return folder


def mutate(tree: Path, mutant: Mutant) -> None:
    """
    Apply a mutant to a copy.

    Raises:
        LookupError: the old text is not in the source exactly once.
    """
    file = tree / "provider" / "alicloud_ingress" / mutant.module
    source = file.read_text(encoding="utf-8")
    if source.count(mutant.old) != 1:
        raise LookupError(
            f"{mutant.module} holds {mutant.old!r} {source.count(mutant.old)} times,"
            f" not once: update the mutant {mutant.promise!r}"
        )
    file.write_text(source.replace(mutant.old, mutant.new), encoding="utf-8")


def run_tests(tree: Path, tests: tuple[str, ...]) -> tuple[int, str]:
    """
    Run tests with a copy; return the exit code of pytest and its last output.

    Assertions are plain: pytest can take minutes to compare two sets of many rules.
    """
    done = subprocess.run(
        [
            sys.executable,
            *("-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"),
            *("--tb=line", "--assert=plain"),
            *tests,
        ],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree / "provider")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    return done.returncode, failed[0] if failed else done.stdout[-500:]


def is_caught(mutant: Mutant) -> bool:
    """
    Try one mutant, and print the result.
    """
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = copied(Path(folder))
        mutate(tree, mutant)
        code, words = run_tests(tree, mutant.tests)
    caught = code == TESTS_FAILED and words.startswith("FAILED ")
    verdict = "caught  " if caught else "SURVIVED"
    test = words.removeprefix("FAILED ").split(" - ")[0].rpartition("::")[2]
    print(f"{verdict}  {mutant.promise}\n          {test if caught else words}")
    return caught


@click.command()
@click.argument("words", nargs=-1)
def main(words: tuple[str, ...]) -> None:
    """
    Verify first that the tests pass, then that each mutant makes them fail.

    WORDS: try only the mutants whose promise has one of them.
    """
    began = time.monotonic()
    mutants = [m for m in MUTANTS if not words or any(w in m.promise for w in words)]
    for mutant in mutants:
        with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
            module = Path("provider", "alicloud_ingress", mutant.module)
            (Path(folder) / module).parent.mkdir(parents=True)
            shutil.copy(ROOT / module, Path(folder) / module)
            mutate(Path(folder), mutant)
    needed = tuple(dict.fromkeys(test for each in mutants for test in each.tests))
    if not needed:
        raise click.ClickException(f"no promise has one of {', '.join(words)}")
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        code, failure = run_tests(copied(Path(folder)), (*needed, "-n2"))
    if code != 0:
        raise click.ClickException(f"the tests fail without any mutant: {failure}")
    with ThreadPoolExecutor(AT_A_TIME) as pool:
        caught = list(pool.map(is_caught, mutants))
    seconds = time.monotonic() - began
    click.echo(f"{sum(caught)} of {len(caught)} mutants caught in {seconds:.0f} s")
    sys.exit(0 if all(caught) else 1)


if __name__ == "__main__":
    main()
