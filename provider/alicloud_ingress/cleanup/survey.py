"""
The groups of one or more regions, read and judged one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from alicloud_ingress.cleanup.clock import now
from alicloud_ingress.cleanup.findings import GroupFindings, Question
from alicloud_ingress.cleanup.owners import Owners
from alicloud_ingress.cleanup.rate_limiter import RateLimiter
from alicloud_ingress.cleanup.scan import CALLS_PER_S, Scanner, in_parallel
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.ecs.group_listing import ListedGroup
from alicloud_ingress.errors import EcsError
from alicloud_ingress.usage.judging import UsageJudge, VpcReader


@dataclass(slots=True, kw_only=True)
class Survey:
    """
    Reads and judges the groups of one or more regions.

    Args:
        connections: clients by region.
        regions: names of regions; none for the configured one.
        groups: IDs of groups; none for all groups of the regions.
        owners: owners from the states that were passed.
        question: the criteria.
        known: region and ID of groups that are judged already.
        usage: judges which rules are unused; None if no table is passed.

    Attributes:
        left_alone: groups that are skipped because a cloud service manages them; filled
            by `findings`.
        not_judged: regions and groups that could not be read; filled by `findings`.
        notes: groups whose use the logs do not prove; filled by `findings`.
    """

    connections: Connections
    regions: Sequence[str] = ()
    groups: Sequence[str] = ()
    owners: Owners = field(default_factory=Owners)
    question: Question = field(default_factory=lambda: Question(now=now()))
    known: Iterable[tuple[str, str]] = ()
    usage: UsageJudge | None = None
    left_alone: list[str] = field(default_factory=list[str])
    not_judged: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])

    def account_id(self) -> str:
        """
        The account of the groups; "" if STS refuses to return it.
        """
        return self.connections.client(self._regions()[0]).account_id()

    def findings(self) -> Iterator[GroupFindings]:
        """
        Judge group by group, in order. Memory holds only the groups being read.
        """
        rate_limiter = RateLimiter(CALLS_PER_S)
        scanners = {
            region: Scanner(
                self.connections.client(region),
                region,
                self.owners,
                self.question,
                rate_limiter,
                self._reader(region),
            )
            for region in self._regions()
        }
        yield from in_parallel(
            lambda place: scanners[place[0]].findings(place[1]),
            self._places(rate_limiter),
        )
        self.not_judged += [doubt.text for doubt in self.owners.doubts]
        for scanner in scanners.values():
            self.notes += sorted(scanner.notes)

    def _reader(self, region: str) -> VpcReader | None:
        if self.usage is None:
            return None
        client = self.connections.client(region)
        return VpcReader(self.usage, client, region, self.groups)

    def _regions(self) -> tuple[str, ...]:
        return tuple(self.regions) or (self.connections.region(),)

    def _places(self, rate_limiter: RateLimiter) -> Iterator[tuple[str, ListedGroup]]:
        known = frozenset(self.known)
        missing = set(self.groups)
        for region in self._regions():
            client = self.connections.client(region)
            try:
                rate_limiter.wait()
                for listed in client.describe_groups(self.groups):
                    missing.discard(listed.group_id)
                    if listed.service_managed:
                        self.left_alone.append(listed.group_id)
                    elif (region, listed.group_id) not in known:
                        yield region, listed
            except EcsError as error:
                missing.clear()
                self.not_judged.append(str(error))
        regions = ", ".join(self._regions())
        self.not_judged += [
            f"there is no group {group_id} in {regions}; check its ID, --region and the"
            " account"
            for group_id in sorted(missing)
        ]
