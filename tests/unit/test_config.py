"""
Where region, credentials and endpoint come from.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alicloud_ingress.config import resolve
from alicloud_ingress.errors import ConfigurationError

KEYS = {"alicloud:accessKey": "AK", "alicloud:secretKey": "hush"}
REGION = {"alicloud:region": "cn-beijing"}


def test_the_stack_wins_over_the_environment() -> None:
    """Stack configuration first, for region and for keys."""
    connection = resolve(
        {**KEYS, **REGION}.get,
        {"ALICLOUD_REGION": "cn-shanghai", "ALICLOUD_ACCESS_KEY": "other"},
    )

    assert connection.region == "cn-beijing"
    assert connection.credentials.access_key_id == "AK"


def test_sources_of_credentials_are_not_mixed() -> None:
    """A key of the stack never goes with a secret of the environment."""
    with pytest.raises(ConfigurationError, match="set both"):
        resolve(
            {**REGION, "alicloud:accessKey": "AK"}.get,
            {"ALICLOUD_SECRET_KEY": "hush"},
        )


def test_no_secret_is_in_the_repr() -> None:
    """What is logged by accident holds nothing."""
    connection = resolve({**KEYS, **REGION, "alicloud:securityToken": "tok"}.get, {})

    for secret in ("hush", "tok"):
        assert secret not in repr(connection)
        assert secret not in repr(connection.credentials)


def test_no_region_says_what_to_set() -> None:
    """The message is the command to run."""
    with pytest.raises(ConfigurationError, match="pulumi config set alicloud:region"):
        resolve(lambda _: None, {})


@pytest.mark.parametrize("address", ["http://127.0.0.1:5000", "http://[::1]:5000"])
def test_plain_http_goes_to_loopback(address: str) -> None:
    """A fake on this machine needs no certificate."""
    connection = resolve(REGION.get, {"ALIBABA_CLOUD_ENDPOINT_ECS": address})

    assert connection.protocol == "http"
    assert connection.on_loopback


def test_plain_http_to_another_machine_is_refused() -> None:
    """Unless it is asked for by name."""
    environ = {"ALIBABA_CLOUD_ENDPOINT_ECS": "http://ecs.example.org"}

    with pytest.raises(ConfigurationError, match="plain HTTP"):
        resolve(REGION.get, environ)

    wish = {**REGION, "alicloud:protocol": "HTTP"}
    assert resolve(wish.get, environ).protocol == "http"


def test_a_profile_of_the_resource_is_taken_whole(tmp_path: Path) -> None:
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


def test_a_key_that_changes_the_account_is_never_ignored() -> None:
    """An unsupported role is an error."""
    with pytest.raises(ConfigurationError, match="assumeRole"):
        resolve({**REGION, "alicloud:assumeRole": "{}"}.get, {})
