"""
The clock of the fake: one for CreateTime, the header Date, and signatures.
"""

from __future__ import annotations

import socket
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import pytest
import requests

from alicloud_ingress.testing import FakeEcs, Fault, mock_ecs
from fake.front import Front

NOON = datetime(2031, 5, 6, 12, 0, 0, tzinfo=timezone.utc)
NOON_AS_A_DATE = "Tue, 06 May 2031 12:00:00 GMT"
DESCRIBE = "DescribeSecurityGroupAttribute"


def test_a_test_sets_the_clock_of_date_and_createtime(
    front: Front,
) -> None:
    front.fake.now = lambda: NOON
    group = front.fake.new_group()

    made = front.authorize(group)
    (rule,) = front.shown(group)

    assert made.headers["Date"] == NOON_AS_A_DATE
    assert rule["CreateTime"] == "2031-05-06T12:00:00Z"
    assert front.fake.groups[group].create_time == "2031-05-06T12:00:00Z"
    assert front.fake.calls[0].time == NOON.timestamp()


def test_the_clock_is_the_systems_unless_set(front: Front) -> None:
    before = datetime.now(timezone.utc).replace(microsecond=0)

    date = front.call(DESCRIBE, front.fake.new_group()).headers["Date"]

    assert before <= parsedate_to_datetime(date) <= datetime.now(timezone.utc)


def test_the_clock_is_an_argument_of_both_fronts() -> None:
    assert FakeEcs(now=lambda: NOON).http_date() == NOON_AS_A_DATE
    with mock_ecs(now=lambda: NOON) as fake:
        assert fake.http_date() == NOON_AS_A_DATE


def test_a_clock_of_another_time_zone_is_shown_in_utc(front: Front) -> None:
    beijing = timezone(timedelta(hours=8))
    front.fake.now = lambda: NOON.astimezone(beijing)
    group = front.fake.new_group()

    answer = front.call(DESCRIBE, group)

    assert answer.headers["Date"] == NOON_AS_A_DATE
    assert front.fake.groups[group].create_time == "2031-05-06T12:00:00Z"


@pytest.mark.parametrize(
    "fault",
    [
        Fault.refused(DESCRIBE, 403, "Forbidden.RAM"),
        Fault.html(DESCRIBE),
        Fault.empty(DESCRIBE),
        Fault.throttled(DESCRIBE, retry_after=1),
    ],
    ids=["refused", "page of a proxy", "empty", "throttled"],
)
def test_every_answer_has_a_date(front: Front, fault: Fault) -> None:
    front.fake.now = lambda: NOON
    front.fake.inject(fault)

    answer = front.call(DESCRIBE, front.fake.new_group())

    assert answer.headers["Date"] == NOON_AS_A_DATE


def test_the_refusal_of_a_long_address_has_a_date(front: Front) -> None:
    front.fake.now = lambda: NOON

    answer = front.call(DESCRIBE, Attribute="x" * 20_000)

    assert (answer.status_code, answer.headers["Date"]) == (414, NOON_AS_A_DATE)


def test_a_late_answer_has_the_date_of_its_sending(front: Front) -> None:
    times = iter(NOON + timedelta(seconds=second) for second in range(10))
    front.fake.now = lambda: next(times)
    front.fake.inject(Fault.slow("AuthorizeSecurityGroup", 0.01))
    group = front.fake.new_group()

    date = front.authorize(group).headers["Date"]

    (rule,) = front.fake.rules(group).values()
    made = datetime.strptime(f"{rule['CreateTime']}+0000", "%Y-%m-%dT%H:%M:%SZ%z")
    assert parsedate_to_datetime(date) > made


def test_answers_of_the_server_itself_have_one_date() -> None:
    with FakeEcs(now=lambda: NOON).serve(admin=True) as url:
        back_door = requests.get(f"{url}/_fake/calls", timeout=10)
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"nonsense\r\n\r\n")
            malformed = connection.recv(65536).decode()

    assert back_door.headers["Date"] == NOON_AS_A_DATE
    dates = [
        line for line in malformed.split("\r\n") if line.lower().startswith("date:")
    ]
    assert dates == [f"date: {NOON_AS_A_DATE}"]


def test_the_fakes_clock_decides_the_age_of_a_signature(front: Front) -> None:
    front.fake.add_key("AK", "secret")
    front.fake.now = lambda: NOON
    signed = {
        "AccessKeyId": "AK",
        "Signature": "any",
        "SignatureNonce": "1",
        "Timestamp": "2031-05-06T11:44:00Z",
    }

    too_old = front.code(DESCRIBE, **signed)
    fresh = front.code(DESCRIBE, **{**signed, "Timestamp": "2031-05-06T11:46:00Z"})

    assert too_old == (400, "InvalidTimeStamp.Expired")
    assert fresh == (400, "SignatureDoesNotMatch")
