"""
The functional tests on a real account, and what it answers, written down.

Nothing is run unless the environment names credentials, a region and a group; tests
work in that group alone, and remove only what they made.
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
    The variables that have to be set, and are not.
    """
    return [name for name in NEEDED if not environ.get(name)]


@click.command()
@click.option("--record", type=click.Path(path_type=Path), help="Folder for exchanges.")
def main(record: Path | None) -> None:
    """
    Run the tests that any account passes on the one that the environment names.
    """
    if unset := missing(os.environ):
        raise click.UsageError(
            f"set {', '.join(unset)}: tests run on no account, and in no group, that"
            " nobody has named. Name a group that carries no traffic"
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
