"""
The stand-in of SLS, called by the SDK of PyPI.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress

import pytest
import requests
from aliyun.log import LogClient, LogException

from usage.sls import SlsStandIn, cut, incomplete, page_of_a_proxy, throttled

ENDPOINT = "http://cn-hangzhou.log.aliyuncs.com"
RECORDS = [
    {"eni-id": "eni-1", "dstport": "443", "start": "1000", "packets": "3"},
    {"eni-id": "eni-1", "dstport": "22", "start": "1060", "packets": "1"},
    {"eni-id": "eni-2", "dstport": "443", "start": "2000"},
]
BY_INTERFACE = (
    '* | SELECT "eni-id" AS eni, count(*) AS n, sum(try_cast(packets AS bigint)) AS'
    ' packets FROM log GROUP BY "eni-id" ORDER BY eni'
)


@pytest.fixture
def sls() -> SlsStandIn:
    """A logstore of three records."""
    return SlsStandIn(RECORDS)


@contextmanager
def called(sls: SlsStandIn, key: str = "AK") -> Generator[LogClient]:
    """A client of the SDK whose requests reach the stand-in, as its proxy."""
    with sls.serve() as address, pytest.MonkeyPatch.context() as patch:
        for name in ("HTTP_PROXY", "http_proxy"):
            patch.setenv(name, f"http://{address}")
        yield LogClient(ENDPOINT, key, "secret")


@pytest.fixture(params=["v3", "v1"])
def client(sls: SlsStandIn, request: pytest.FixtureRequest) -> Generator[LogClient]:
    """The SDK in both of its forms."""
    with called(sls) as client:
        vars(client)["_get_logs_v2_enabled"] = request.param == "v3"
        yield client


def asked(
    client: LogClient, query: str, since: int = 0, until: int = 9999
) -> list[dict[str, str]]:
    """The rows of a query."""
    answer = client.get_log("flow-project", "flow", since, until, query=query)
    assert answer.is_completed()
    return [row.get_contents() for row in answer.get_logs()]


def test_the_sql_of_presto_is_run_over_the_records(client: LogClient) -> None:
    """Values come as text; a NULL is the text null."""
    assert asked(client, BY_INTERFACE) == [
        {"eni": "eni-1", "n": "2", "packets": "4"},
        {"eni": "eni-2", "n": "1", "packets": "null"},
    ]


def test_the_period_takes_the_beginning_and_leaves_the_end(client: LogClient) -> None:
    rows = asked(client, "* | SELECT count(*) AS n", since=1000, until=2000)

    assert rows == [{"n": "2"}]


def test_functions_of_presto_are_translated(client: LogClient) -> None:
    sql = (
        "* | SELECT bitwise_or_agg(try_cast(dstport AS bigint)) AS flags,"
        " max_by(dstport, try_cast(start AS bigint)) AS last,"
        " element_at(split(\"eni-id\", '-'), 2) AS name FROM log"
        ' WHERE regexp_like("eni-id", \'1$\') GROUP BY "eni-id"'
    )

    assert asked(client, sql) == [{"flags": "447", "last": "22", "name": "1"}]


def test_without_limit_an_answer_has_a_hundred_rows() -> None:
    sls = SlsStandIn([{"n": str(n), "start": "1"} for n in range(250)])
    with called(sls) as client:
        unlimited = asked(client, "* | SELECT n FROM log")
        page = asked(
            client, "* | SELECT n FROM log ORDER BY cast(n AS bigint) LIMIT 240, 100"
        )

    assert len(unlimited) == 100
    assert [row["n"] for row in page] == [str(n) for n in range(240, 250)]


def test_records_themselves_come_without_sql(client: LogClient) -> None:
    assert asked(client, "*", until=1001) == [
        {"eni-id": "eni-1", "dstport": "443", "start": "1000", "packets": "3"}
    ]


def test_an_incomplete_answer_is_asked_again(
    sls: SlsStandIn, client: LogClient
) -> None:
    """The SDK asks five times; a reader that stops there has half of the rows."""
    sls.inject(incomplete(2))

    rows = asked(client, BY_INTERFACE)

    assert len(rows) == 2
    assert [call.progress for call in sls.calls] == [
        "Incomplete",
        "Incomplete",
        "Complete",
    ]


def test_the_fake_answers_incompletely_as_often_as_injected(
    sls: SlsStandIn,
) -> None:
    sls.inject(incomplete(5))
    with called(sls) as client:
        answer = client.get_log("flow-project", "flow", 0, 9999, query=BY_INTERFACE)

    assert not answer.is_completed()
    assert len(answer.get_logs()) == 1


@pytest.mark.parametrize(
    ("project", "logstore", "query", "code"),
    [
        ("other", "flow", "*", "ProjectNotExist"),
        ("flow-project", "other", "*", "LogStoreNotExist"),
        ("flow-project", "flow", "* | SELECT FROM WHERE", "ParameterInvalid"),
        ("flow-project", "flow", "* | SELECT nothing FROM log", "ParameterInvalid"),
        ("flow-project", "flow", "* | DROP TABLE log", "ParameterInvalid"),
        ("flow-project", "flow", "error | SELECT 1", "ParameterInvalid"),
        (
            "flow-project",
            "flow",
            "* | SELECT start FROM log LIMIT 1000001",
            "ParameterInvalid",
        ),
    ],
)
def test_refusals_of_get_logs(
    client: LogClient, project: str, logstore: str, query: str, code: str
) -> None:
    with pytest.raises(LogException) as caught:
        client.get_log(project, logstore, 0, 9999, query=query)

    assert caught.value.get_error_code() == code


def test_a_throttled_call_is_refused_with_the_codes_of_sls(
    sls: SlsStandIn, client: LogClient
) -> None:
    sls.inject(throttled())

    with pytest.raises(LogException) as caught:
        asked(client, BY_INTERFACE)

    assert caught.value.get_error_code() == "ReadQuotaExceed"
    assert caught.value.get_resp_status() == 403
    assert len(asked(client, BY_INTERFACE)) == 2


def test_a_busy_server_is_asked_again_by_the_sdk(
    sls: SlsStandIn, client: LogClient
) -> None:
    sls.inject(throttled(code="ServerBusy"))

    assert len(asked(client, BY_INTERFACE)) == 2
    assert [call.code for call in sls.calls] == ["ServerBusy", ""]


def test_a_cut_connection_leaves_a_call_unanswered(
    sls: SlsStandIn, client: LogClient
) -> None:
    """Whether the SDK asks again depends on the words of the failure."""
    sls.inject(cut())

    with suppress(LogException):
        asked(client, BY_INTERFACE)

    assert sls.calls[0].status == 0
    assert len(asked(client, BY_INTERFACE)) == 2


def test_a_page_of_a_proxy_is_a_bad_response(
    sls: SlsStandIn, client: LogClient
) -> None:
    sls.inject(page_of_a_proxy(status=403))

    with pytest.raises(LogException) as caught:
        asked(client, BY_INTERFACE)

    assert caught.value.get_error_code() == "BadResponse"
    assert len(asked(client, BY_INTERFACE)) == 2


def test_another_key_is_not_let_in() -> None:
    sls = SlsStandIn(RECORDS, access_key_id="AK")
    with called(sls, key="other") as client, pytest.raises(LogException) as caught:
        asked(client, "*")

    assert caught.value.get_error_code() == "Unauthorized"


def test_a_request_without_a_signature_is_refused(sls: SlsStandIn) -> None:
    with sls.serve() as endpoint:
        answer = requests.get(
            f"http://{endpoint}/logstores/flow?type=log&from=0&to=1", timeout=10
        )
        nothing = requests.post(f"http://{endpoint}/", data="no JSON", timeout=10)

    assert (answer.status_code, answer.json()["errorCode"]) == (401, "Unauthorized")
    assert nothing.status_code == 404


def test_the_server_ends_with_its_context(sls: SlsStandIn) -> None:
    with sls.serve() as endpoint:
        pass

    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://{endpoint}", timeout=10)


def test_a_field_of_the_index_is_a_number() -> None:
    """Else it is text, which sorts 9 behind 10."""
    records = [{"port": "9", "start": "1"}, {"port": "10", "start": "1"}]
    for fields, last in ((frozenset[str](), "9"), (frozenset({"port"}), "10")):
        with called(SlsStandIn(records, long_fields=fields)) as client:
            rows = asked(client, "* | SELECT max(port) AS p FROM log")
        assert rows == [{"p": last}]
