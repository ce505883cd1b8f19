"""
The regions in which a call for any group fails.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from alicloud_ingress.ecs.reactions import OF_EVERY_GROUP
from alicloud_ingress.errors import EcsError


class FailedRegions:
    """
    What ended the calls for a group, if it would end those for the next one, too:
    without it, each group would wait for its time limit.
    """

    def __init__(self) -> None:
        self._errors: dict[str, EcsError] = {}

    @contextmanager
    def calling(self, region: str, group_id: str) -> Generator[None]:
        """
        Call ECS for a group.

        Raises:
            EcsError: of a group before it, about this one; nothing is called then.
        """
        if error := self._errors.get(region):
            raise error.about(f"{group_id} in {region}")
        try:
            yield
        except OF_EVERY_GROUP as error:
            self._errors[region] = error
            raise
