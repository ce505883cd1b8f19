"""
What the SDK brings along, and is not used, is not imported.
"""

from __future__ import annotations

import json
import subprocess
import sys

IMPORTED = """
import json, sys
from alicloud_ingress.ecs import sdk

sdk.import_sdk()
sdk.import_sdk()
print(json.dumps(sorted(sys.modules)))
"""
MODELS = "alibabacloud_ecs20140526.models"


def imported(program: str) -> list[str]:
    """The modules that a new process has imported."""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    )
    names: list[str] = json.loads(done.stdout)
    return names


def test_models_of_the_sdk_are_not_imported() -> None:
    """A thousand modules, which the second client of a process must not load either."""
    assert [name for name in imported(IMPORTED) if name.startswith(MODELS)] == [MODELS]
