"""
What takes long to import is imported by the first call, or not at all.
"""

from __future__ import annotations

import json
import subprocess
import sys

from functional.wire import Wire

MODULES = """
import json, sys, threading
from alicloud_ingress import resource
from alicloud_ingress.ecs import client
from alicloud_ingress.ecs.config import Connection
from alicloud_ingress.ecs.credentials import Credentials

{act}
print(json.dumps(sorted(sys.modules)))
"""
CALL = """
keys = Credentials("access_key", "AK", "a-secret", "a-token")
ecs = client.EcsClient(Connection("cn-hangzhou", keys, "{endpoint}", "http"))
ecs.revoke_by_id("sg-1", ["sgr-1"])
"""
WARM_UP = """
client.warm_up()
for thread in threading.enumerate():
    if thread.name == "import-transport":
        thread.join()
"""
SDK = ("alibabacloud", "darabonba", "Tea.", "aiohttp", "apscheduler", "cryptography")


RESOURCE = """
import json, sys
from alicloud_ingress import resource
print(json.dumps(sorted(sys.modules)))
"""
ONLY_FOR_CALLS = {
    f"alicloud_ingress.{name}"
    for name in ("ecs.credentials", "ecs.client", "reconcile.plan", "rules.live")
}


def imported(act: str) -> set[str]:
    """The modules that a new process has imported after what it does."""
    return modules_after(MODULES.format(act=act))


def modules_after(program: str) -> set[str]:
    """The modules that a new process has imported when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return set(json.loads(done.stdout))


def test_a_call_with_keys_imports_nothing_of_the_sdk(server: Wire) -> None:
    """Half a second of processor time, for each host process of the engine."""
    names = imported(CALL.format(endpoint=server.endpoint))

    assert len(server.requests) == 1
    assert [name for name in names if name.startswith(SDK)] == []


def test_the_http_client_is_imported_before_a_call_only() -> None:
    """By the call itself, or ahead of it; check and diff do not wait for it."""
    assert "requests" not in imported("")
    assert "requests" in imported(WARM_UP)


def test_a_preview_imports_nothing_that_only_calls_need() -> None:
    """Each class of data costs the time to compile its methods."""
    assert modules_after(RESOURCE) & ONLY_FOR_CALLS == set()
