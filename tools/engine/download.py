"""
Download the engine with its official installer.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tools.engine.steps import step

INSTALL = """
import sys
from pulumi.automation import PulumiCommand
from semver import VersionInfo
try:
    PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))
except OSError as error:
    sys.exit(str(error))
"""
SECONDS = 300


def download(version: str, folder: Path) -> Path:
    """
    Download the released programs, and return their folder.

    Raises:
        StepFailedError: the download failed or took too long.
    """
    folder.mkdir()
    step(
        "[1/5] the official installer",
        [sys.executable, "-c", INSTALL, str(folder), version],
        cwd=folder,
        environment={**os.environ, "PULUMI_HOME": str(folder / "home")},
        at_most=SECONDS,
    )
    return folder / "bin"
