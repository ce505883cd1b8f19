"""
A fake of the ECS API that keeps state, for tests without a cloud account.

It imports nothing of the provider, so that both cannot have the same bug.
"""

from alicloud_ingress.testing.backend import FakeCall
from alicloud_ingress.testing.behaviour import Behaviour
from alicloud_ingress.testing.fake import FakeEcs, mock_ecs
from alicloud_ingress.testing.faults import Edit, Fault, RateLimit
from alicloud_ingress.testing.server import ServedUrl

__all__ = [
    "Behaviour",
    "Edit",
    "FakeCall",
    "FakeEcs",
    "Fault",
    "RateLimit",
    "ServedUrl",
    "mock_ecs",
]
