"""
Keeps the state of a release: `make state VERSION=0.1.0`, once a release.

It runs only when named, so that no test run writes into the checkout.
"""

from __future__ import annotations

import os
from pathlib import Path

from e2e.project import Project


def test_the_sample_stack_is_kept(project: Project) -> None:
    """Keeps the state with the fake's content, for the tests of later releases."""
    project.sample()
    project.settings["sample:securityGroupId"] = project.group
    project.settings["sample:balancerGroupId"] = project.fake.new_group()
    project.up()

    project.keep(Path(__file__).parent / "states" / os.environ["VERSION"])
