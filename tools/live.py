"""
Run the functional tests on a real account, and record its answers.

The environment must name credentials, a region and a group. The tests change only this
group, and delete only the rules that they created.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
GROUP = "ALICLOUD_INGRESS_LIVE_GROUP"
RECORD = "ALICLOUD_INGRESS_RECORD"
NEEDED = (
    "ALIBABA_CLOUD_ACCESS_KEY_ID",
    "ALIBABA_CLOUD_ACCESS_KEY_SECRET",
    "ALIBABA_CLOUD_REGION",
    GROUP,
)
TESTS = "tests/functional/test_any_account.py"


def missing(environ: Mapping[str, str]) -> list[str]:
    """
    The required variables that are not set.
    """
    return [name for name in NEEDED if not environ.get(name)]


@click.command()
@click.option(
    "--record",
    type=click.Path(path_type=Path),
    help="Folder for the recorded exchanges.",
)
def main(record: Path | None) -> None:
    """
    Run the tests that pass on any account on the account of the environment.
    """
    if unset := missing(os.environ):
        raise click.UsageError(
            f"set {', '.join(unset)}: the tests run only on the account and in the"
            " group that you name. Name a group without traffic"
        )
    environment = {**os.environ}
    if record:
        environment[RECORD] = str(record.absolute())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", TESTS, "-k", "real and account"],
        cwd=ROOT,
        env=environment,
        check=False,
    )
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
