"""
Many rules at a time on the real engine.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from alicloud_ingress.testing.gateway import Reply
from e2e.project import Project

AT_ONCE = 10
BOUND_S = 8.0
"""
How long the first call waits for the last: less than the client waits for an answer.
"""


def test_the_host_handles_ten_rules_at_a_time(project: Project) -> None:
    """Ten groups are read, and none is answered before all have been asked for."""
    barrier = threading.Barrier(AT_ONCE)
    answer = project.fake.handle

    def together(
        url: str, headers: Mapping[str, str], body: str, method: str = "POST"
    ) -> Reply:
        looks = headers.get("x-acs-action") == "DescribeSecurityGroupAttribute"
        if looks and not done.is_set():
            with suppress(threading.BrokenBarrierError):
                barrier.wait(BOUND_S)
            done.set()
        return answer(url, headers, body, method)

    done = threading.Event()
    project.fake.handle = together  # type: ignore[method-assign]
    groups = [project.fake.new_group() for _ in range(AT_ONCE)]
    project.program(
        f"""
        for group in {groups}:
            rule("web-" + group, 443, security_group_id=group)
        """
    )
    project.up("--parallel", str(AT_ONCE))

    assert not barrier.broken
    assert all(len(project.fake.rules(group)) == 1 for group in groups)


def test_forty_rules_need_fewer_than_forty_calls(project: Project) -> None:
    """Reads and writes are shared; a refresh is one Describe."""
    project.program("for port in range(1, 41):\n    rule(f'port-{port}', port)")
    project.up("--parallel", "32")
    assert len(project.rules()) == 40
    made = Counter(call.action for call in project.calls())
    assert made["AuthorizeSecurityGroup"] < 40
    assert made["DescribeSecurityGroupAttribute"] < 80

    project.refresh()
    assert [call.action for call in project.calls()] == [
        "DescribeSecurityGroupAttribute"
    ]
    project.destroy("--parallel", "32")
    assert project.rules() == {}
    assert len(project.calls()) < 40
