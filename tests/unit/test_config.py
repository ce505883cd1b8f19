"""
Where region, credentials and endpoint come from.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alicloud_ingress.ecs.config import region_of, resolve
from alicloud_ingress.errors import ConfigurationError

KEYS = {"alicloud:accessKey": "AK", "alicloud:secretKey": "hush"}
REGION = {"alicloud:region": "cn-beijing"}


def test_the_stack_wins_over_the_environment() -> None:
    """The stack's configuration comes first, for region and for keys."""
    connection = resolve(
        {**KEYS, **REGION}.get,
        {"ALICLOUD_REGION": "cn-shanghai", "ALICLOUD_ACCESS_KEY": "other"},
    )

    assert connection.region == "cn-beijing"
    assert connection.credentials.access_key_id == "AK"


def test_sources_of_credentials_are_not_mixed() -> None:
    """A key of the stack is never used with a secret of the environment."""
    with pytest.raises(ConfigurationError, match="set both"):
        resolve(
            {**REGION, "alicloud:accessKey": "AK"}.get,
            {"ALICLOUD_SECRET_KEY": "hush"},
        )


def test_the_repr_shows_no_secret() -> None:
    """So that a log line holds none by accident."""
    connection = resolve({**KEYS, **REGION, "alicloud:securityToken": "tok"}.get, {})

    for secret in ("hush", "tok"):
        assert secret not in repr(connection)
        assert secret not in repr(connection.credentials)


def test_a_missing_region_says_what_to_set() -> None:
    """The message has the command to run."""
    with pytest.raises(ConfigurationError, match="pulumi config set alicloud:region"):
        resolve(lambda _: None, {})


IMPOSSIBLE = (
    "a b",
    "cn-hangzhou/",
    "x.example.org#",
    "-cn",
    "cn\n",
    "cn\u00e4",
    "a" * 64,
)


@pytest.mark.parametrize("region", IMPOSSIBLE)
def test_a_region_that_names_no_host_is_refused(region: str) -> None:
    """A host of this name would be asked for two minutes, or get the signed calls."""
    environ = {"ALIBABA_CLOUD_REGION": region}
    stack = {"alicloud:region": region}

    with pytest.raises(ConfigurationError, match="which is not a region"):
        resolve(lambda _: None, {}, region=region)
    with pytest.raises(ConfigurationError, match=r"ALIBABA_CLOUD_REGION is '.* not a"):
        resolve(lambda _: None, environ)
    with pytest.raises(ConfigurationError, match=r"alicloud:region is '.* not a"):
        region_of(stack.get, environ, "")


def test_an_impossible_region_of_a_profile_names_it(tmp_path: Path) -> None:
    """The file has many."""
    file = tmp_path / "config.json"
    entry = {"name": "b", "mode": "AK", "region_id": "cn hangzhou"}
    file.write_text(json.dumps({"profiles": [entry]}))
    stack = {"alicloud:sharedCredentialsFile": str(file)}

    with pytest.raises(ConfigurationError, match="region_id of profile 'b' is 'cn han"):
        region_of(stack.get, {}, "b")


@pytest.mark.parametrize("address", ["http://127.0.0.1:5000", "http://[::1]:5000"])
def test_plain_http_to_loopback_is_allowed(address: str) -> None:
    """A fake on this machine needs no certificate."""
    connection = resolve(REGION.get, {"ALIBABA_CLOUD_ENDPOINT_ECS": address})

    assert connection.protocol == "http"
    assert connection.on_loopback


def test_plain_http_to_another_machine_is_refused() -> None:
    """Unless it is configured by name."""
    environ = {"ALIBABA_CLOUD_ENDPOINT_ECS": "http://ecs.example.org"}

    with pytest.raises(ConfigurationError, match="plain HTTP"):
        resolve(REGION.get, environ)

    wish = {**REGION, "alicloud:protocol": "HTTP"}
    assert resolve(wish.get, environ).protocol == "http"


def test_a_resources_profile_is_used_with_all_its_fields(tmp_path: Path) -> None:
    """Two profiles in one stack are two accounts."""
    file = tmp_path / "config.json"
    file.write_text(
        json.dumps(
            {
                "profiles": [
                    {
                        "name": "b",
                        "mode": "AK",
                        "access_key_id": "B",
                        "access_key_secret": "b",
                        "region_id": "eu-central-1",
                    }
                ]
            }
        )
    )
    stack = {**KEYS, "alicloud:sharedCredentialsFile": str(file)}

    connection = resolve(stack.get, {}, profile="b")

    assert connection.credentials.access_key_id == "B"
    assert connection.region == "eu-central-1"


@pytest.mark.parametrize("key", ["alicloud:assumeRole", "alicloud:assumeRoleWithOidc"])
def test_a_misspelt_role_field_is_an_error(key: str) -> None:
    """Ignoring it could change which account is used."""
    with pytest.raises(ConfigurationError, match=f"{key} has rolArn"):
        resolve({**REGION, key: '{"rolArn": "acs:ram::1:role/a"}'}.get, {})


@pytest.mark.parametrize(
    ("endpoint", "sts"),
    [
        ("http://127.0.0.1:5000", ("http", "127.0.0.1:5000")),
        ("ecs.example.org", ("https", "sts.cn-beijing.aliyuncs.com")),
        ("", ("https", "sts.cn-beijing.aliyuncs.com")),
    ],
)
def test_the_sts_endpoint_follows_only_a_fake(
    endpoint: str, sts: tuple[str, str]
) -> None:
    """No key of a test is sent to the cloud, and no key of the cloud to a mirror."""
    connection = resolve(REGION.get, {"ALIBABA_CLOUD_ENDPOINT_ECS": endpoint})

    assert connection.sts == sts


def test_endpoints_are_set_as_in_pulumi_alicloud() -> None:
    """Those of other services are ignored."""
    text = '[{"rds": "r"}, {"ecs": "ecs.example.org", "sts": "sts.example.org:8443"}]'

    connection = resolve({**REGION, "alicloud:endpoints": text}.get, {})

    assert connection.endpoint == "ecs.example.org"
    assert connection.sts == ("https", "sts.example.org:8443")


def test_protocol_http_does_not_apply_to_sts() -> None:
    """Its answers hold keys: `protocol: HTTP` is for ECS."""
    connection = resolve({**REGION, "alicloud:protocol": "HTTP"}.get, {})

    assert connection.protocol == "http"
    assert connection.sts[0] == "https"


PARTLY_READ = ("ftp://h", "http://user:pw@127.0.0.1", "127.0.0.1:x", "h/path", "h#x")
NO_HOSTS = ("//", "a b", "ecs..example.org", "ecs.example.org?x", "\u00e4.example.org")


@pytest.mark.parametrize("endpoint", PARTLY_READ + NO_HOSTS)
def test_an_invalid_endpoint_is_refused(endpoint: str) -> None:
    """No part of it is ignored."""
    with pytest.raises(ConfigurationError, match="set host:port"):
        resolve(REGION.get, {"ALIBABA_CLOUD_ENDPOINT_ECS": endpoint})


def test_an_error_hides_a_password_in_an_endpoint() -> None:
    """It says where the password is, so that it can be removed."""
    given = {"ALIBABA_CLOUD_ENDPOINT_ECS": "http://user:hush@ecs.example.org"}

    with pytest.raises(ConfigurationError, match=r"\[secret\]@ecs\.example") as caught:
        resolve(REGION.get, given)

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("text", ["{", "3", '"ecs"', '["ecs"]'])
def test_endpoints_of_another_form_are_refused(text: str) -> None:
    """With the valid form."""
    with pytest.raises(ConfigurationError, match=r"alicloud:endpoints is not JSON"):
        resolve({**REGION, "alicloud:endpoints": text}.get, {})


def test_the_stack_sets_the_expected_account(tmp_path: Path) -> None:
    """A profile of a resource may use another one."""
    file = tmp_path / "config.json"
    entry = {"name": "b", "mode": "AK", "access_key_id": "B", "access_key_secret": "b"}
    file.write_text(json.dumps({"profiles": [entry]}))
    stack = {
        **REGION,
        "alicloud:accountId": "42",
        "alicloud:sharedCredentialsFile": str(file),
    }

    assert resolve(stack.get, {}).expected_account_id == "42"
    assert resolve(stack.get, {}, profile="b").expected_account_id == ""


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "soon"])
def test_a_timeout_must_be_a_positive_whole_number(text: str) -> None:
    """In seconds."""
    with pytest.raises(ConfigurationError, match="set a whole number above 0"):
        resolve({**REGION, "alicloud-ingress:timeout": text}.get, {})


def test_an_invalid_protocol_is_refused() -> None:
    """Keys are not sent by an unknown protocol."""
    wish = {**REGION, "alicloud:protocol": "ftp"}

    with pytest.raises(ConfigurationError, match="'ftp'; use HTTPS or HTTP"):
        resolve(wish.get, {})
