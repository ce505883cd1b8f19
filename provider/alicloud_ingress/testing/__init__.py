"""
A stateful fake of the ECS API, for tests with no cloud account.

It imports nothing of the provider, so that no bug can be shared.
"""

from alicloud_ingress.testing.fake import FakeCall, FakeEcs
from alicloud_ingress.testing.in_process import mock_ecs

__all__ = ["FakeCall", "FakeEcs", "mock_ecs"]
