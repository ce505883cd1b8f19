"""
`alicloud-ingress stale`: finds stale rules, destroys them, and restores them.
"""

from __future__ import annotations

import click

from alicloud_ingress.cli.stale_destroy import destroy
from alicloud_ingress.cli.stale_plan import plan
from alicloud_ingress.cli.stale_restore import restore


@click.group()
def stale() -> None:
    """
    Find stale rules, destroy them, and restore them.

    A rule is stale if no state owns it (unmanaged), if its last day is past (expired),
    if its source group or prefix list no longer exists (dangling), or if other rules
    make it needless (shadowed, duplicate).
    """


stale.add_command(plan)
stale.add_command(destroy)
stale.add_command(restore)
