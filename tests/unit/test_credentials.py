"""
Which source of credentials is used, with all its fields.
"""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from pathlib import Path

import pytest

from alicloud_ingress.ecs.credentials import Credentials, Role, find
from alicloud_ingress.ecs.settings import Settings
from alicloud_ingress.errors import ConfigurationError

ARN = "acs:ram::42:role/deploy"
KEYS = {"alicloud:accessKey": "AK", "alicloud:secretKey": "hush"}
OIDC = {
    "oidcProviderArn": "acs:ram::42:oidc-provider/ci",
    "roleArn": ARN,
    "oidcToken": "hush-token",
}


def found(
    stack: Mapping[str, str], environ: Mapping[str, str] | None = None
) -> Credentials:
    """The credentials of a stack."""
    return find(Settings(stack.get, environ or {}), "")


def of_profiles(tmp_path: Path, name: str, *entries: dict[str, object]) -> Credentials:
    """The credentials of a profile in a file of these."""
    file = tmp_path / "config.json"
    file.write_text(json.dumps({"profiles": entries}))
    stack = {"alicloud:sharedCredentialsFile": str(file), "alicloud:profile": name}
    return found(stack)


def test_variables_of_two_families_are_not_mixed() -> None:
    """A key of one with the token of the other is not valid."""
    credentials = found(
        {},
        {
            "ALICLOUD_ACCESS_KEY": "AK",
            "ALICLOUD_SECRET_KEY": "hush",
            "ALIBABA_CLOUD_SECURITY_TOKEN": "of another session",
        },
    )

    assert credentials.kind == "access_key"
    assert credentials.security_token == ""
    with pytest.raises(ConfigurationError, match="set both"):
        found(
            {},
            {"ALICLOUD_ACCESS_KEY": "AK", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "hush"},
        )


@pytest.mark.parametrize(
    ("stack", "environ", "kind", "name"),
    [
        ({"alicloud:ecsRoleName": "r"}, {}, "ecs_ram_role", "r"),
        ({"alicloud:credentialsUri": "http://c"}, {}, "credentials_uri", "http://c"),
        ({}, {"ALICLOUD_ECS_ROLE_NAME": "r"}, "ecs_ram_role", "r"),
        ({}, {"ALIBABA_CLOUD_ECS_METADATA": "r"}, "ecs_ram_role", "r"),
        ({}, {"ALICLOUD_CREDENTIALS_URI": "http://c"}, "credentials_uri", "http://c"),
        ({}, {}, "default", ""),
    ],
)
def test_credentials_can_come_from_other_services(
    stack: dict[str, str], environ: dict[str, str], kind: str, name: str
) -> None:
    """An instance role, a URL, or what the SDK finds by itself."""
    credentials = found(stack, environ)

    assert (credentials.kind, credentials.name) == (kind, name)


def test_the_stacks_credentials_replace_those_of_the_environment() -> None:
    """No field of the environment is used."""
    environ = {"ALICLOUD_ACCESS_KEY": "other", "ALICLOUD_SECURITY_TOKEN": "other"}

    assert found(KEYS, environ) == Credentials(
        "access_key", "AK", "hush", source="alicloud:accessKey, alicloud:secretKey"
    )


def test_the_stacks_keys_assume_its_role() -> None:
    """With all fields of `assumeRole`."""
    block = {
        "roleArn": ARN,
        "sessionName": "s",
        "policy": "{}",
        "sessionExpiration": 900,
        "externalId": "x",
    }

    credentials = found({**KEYS, "alicloud:assumeRole": json.dumps(block)})

    assert credentials.kind == "role"
    assert credentials.base is not None
    assert credentials.base.access_key_id == "AK"
    assert credentials.role == Role(
        arn=ARN, session_name="s", policy="{}", duration_s=900, external_id="x"
    )


@pytest.mark.parametrize("name", ["ALIBABA_CLOUD_ROLE_ARN", "ALICLOUD_ASSUME_ROLE_ARN"])
def test_a_role_of_the_environment_is_assumed(name: str) -> None:
    """As pulumi-alicloud does it: both use the same account."""
    environ = {name: ARN, "ALIBABA_CLOUD_ROLE_SESSION_NAME": "ci"}

    credentials = found(KEYS, environ)

    assert credentials.role == Role(arn=ARN, session_name="ci")


def test_a_token_uses_the_environments_role() -> None:
    """The SDK's own chain exchanges it; the role is not assumed a second time."""
    environ = {
        "ALIBABA_CLOUD_ROLE_ARN": ARN,
        "ALIBABA_CLOUD_OIDC_PROVIDER_ARN": "p",
        "ALIBABA_CLOUD_OIDC_TOKEN_FILE": "/t",
    }

    credentials = found({}, environ)

    assert credentials == Credentials("default")
    assert credentials.source == "the SDK's default chain"


def test_an_empty_role_is_no_role() -> None:
    """As in pulumi-alicloud."""
    stack = {**KEYS, "alicloud:assumeRole": '{"roleArn": ""}'}

    assert found(stack).kind == "access_key"


def test_a_token_is_exchanged_without_a_key() -> None:
    """Keys beside it are not used."""
    credentials = found({**KEYS, "alicloud:assumeRoleWithOidc": json.dumps(OIDC)})

    assert credentials.base is None
    assert credentials.role is not None
    assert credentials.role.oidc_token == "hush-token"
    assert credentials.secrets == {"hush-token"}


@pytest.mark.parametrize("missing", OIDC)
def test_a_token_with_missing_fields_is_refused(missing: str) -> None:
    """The message names the field, and shows no token."""
    block = {name: value for name, value in OIDC.items() if name != missing}

    with pytest.raises(ConfigurationError, match="; set") as caught:
        found({"alicloud:assumeRoleWithOidc": json.dumps(block)})

    assert missing in str(caught.value)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("seconds", [899, 43_201, "soon"])
def test_an_invalid_session_duration_is_refused(seconds: object) -> None:
    """Before any call."""
    block = json.dumps({"roleArn": ARN, "sessionExpiration": seconds})

    with pytest.raises(ConfigurationError, match="set 900 to 43200"):
        found({**KEYS, "alicloud:assumeRole": block})


def test_profiles_can_assume_roles_in_a_chain(tmp_path: Path) -> None:
    """ChainableRamRoleArn names the previous profile."""
    credentials = of_profiles(
        tmp_path,
        "c",
        {
            "name": "a",
            "mode": "AK",
            "access_key_id": "A",
            "access_key_secret": "hush",
        },
        {
            "name": "b",
            "mode": "ChainableRamRoleArn",
            "source_profile": "a",
            "ram_role_arn": "acs:ram::1:role/b",
            "ram_session_name": "s",
        },
        {
            "name": "c",
            "mode": "ChainableRamRoleArn",
            "source_profile": "b",
            "ram_role_arn": "acs:ram::1:role/c",
            "expired_seconds": 1800,
        },
    )

    assert credentials.role == Role(arn="acs:ram::1:role/c", duration_s=1800)
    assert credentials.base is not None
    assert credentials.base.role == Role(arn="acs:ram::1:role/b", session_name="s")
    assert credentials.base.base is not None
    assert credentials.base.base.access_key_id == "A"
    assert credentials.secrets == {"hush"}


def test_a_circle_of_profiles_is_refused(tmp_path: Path) -> None:
    """It would never end."""
    a = {"name": "a", "mode": "ChainableRamRoleArn", "source_profile": "b"}
    b = {"name": "b", "mode": "ChainableRamRoleArn", "source_profile": "a"}

    with pytest.raises(ConfigurationError, match="a -> b -> a"):
        of_profiles(tmp_path, "a", {**a}, {**b})


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        (
            {
                "mode": "StsToken",
                "access_key_id": "A",
                "access_key_secret": "h",
                "sts_token": "t",
            },
            "access_key",
        ),
        (
            {
                "mode": "RamRoleArn",
                "access_key_id": "A",
                "access_key_secret": "h",
                "ram_role_arn": ARN,
            },
            "role",
        ),
        (
            {
                "mode": "OIDC",
                "oidc_provider_arn": "p",
                "oidc_token_file": "/t",
                "ram_role_arn": ARN,
            },
            "role",
        ),
        ({"mode": "EcsRamRole", "ram_role_name": "r"}, "ecs_ram_role"),
        ({"mode": "CredentialsURI", "credentials_uri": "http://c"}, "credentials_uri"),
        ({"mode": "CloudSSO"}, "cli_profile"),
        ({"mode": "External"}, "cli_profile"),
        ({"mode": "OAuth"}, "cli_profile"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["mode"],
)
def test_every_mode_of_the_aliyun_cli_is_supported(
    tmp_path: Path, entry: dict[str, object], kind: str
) -> None:
    """What `aliyun configure` writes can be used."""
    credentials = of_profiles(tmp_path, "p", {"name": "p", **entry})

    assert credentials.kind == kind
    assert credentials.security_token == entry.get("sts_token", "")
    assert credentials.source == "profile 'p'"


@pytest.mark.parametrize("mode", ["RsaKeyPair", "RamRoleArn", "OIDC"])
def test_an_invalid_profile_says_what_to_run(tmp_path: Path, mode: str) -> None:
    """An unknown mode, or one with missing fields."""
    entry: dict[str, object] = {"name": "p", "mode": mode}
    if mode == "RamRoleArn":
        entry |= {"access_key_id": "A", "access_key_secret": "hush"}

    with pytest.raises(ConfigurationError, match="run `aliyun configure") as caught:
        of_profiles(tmp_path, "p", entry)

    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"profiles": 1}', '{"profiles": [1]}']
)
def test_an_invalid_profile_file_is_reported(tmp_path: Path, content: str) -> None:
    """Without a traceback of the JSON parser."""
    file = tmp_path / "config.json"
    file.write_text(content)
    stack = {"alicloud:sharedCredentialsFile": str(file), "alicloud:profile": "p"}

    with pytest.raises(ConfigurationError, match="run `aliyun configure`"):
        found(stack)


def test_a_missing_profile_is_named(tmp_path: Path) -> None:
    """With the file that was read."""
    with pytest.raises(ConfigurationError, match=r"config.json has no profile 'q'"):
        of_profiles(tmp_path, "q", {"name": "p"})


def test_neither_repr_nor_pickle_shows_a_secret() -> None:
    """At any depth."""
    role = json.dumps({"roleArn": ARN})
    credentials = found({**KEYS, "alicloud:assumeRole": role})
    with_token = found({"alicloud:assumeRoleWithOidc": json.dumps(OIDC)})

    settings = Settings(KEYS.get, {"ALICLOUD_SECRET_KEY": "hush"})

    assert "hush" not in f"{credentials!r} {with_token!r} {settings!r}"
    with pytest.raises(TypeError, match="must not be pickled"):
        pickle.dumps(credentials)


def test_the_environment_can_name_the_profile(tmp_path: Path) -> None:
    """Where the stack names none."""
    file = tmp_path / "config.json"
    keys = {"access_key_id": "AK", "access_key_secret": "hush"}
    profiles = [{"name": "ci", "mode": "AK", **keys}]
    file.write_text(json.dumps({"profiles": profiles}))
    stack = {"alicloud:sharedCredentialsFile": str(file)}

    credentials = found(stack, {"ALIBABA_CLOUD_PROFILE": "ci"})

    assert (credentials.kind, credentials.access_key_id) == ("access_key", "AK")


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"sessionName": "ci"}, "no roleArn"),
        ([{"roleArn": ARN}, {"roleArn": ARN}], "has 2 objects"),
    ],
)
def test_a_role_must_be_exactly_one_role(block: object, told: str) -> None:
    """The key of the setting is in the message."""
    with pytest.raises(ConfigurationError, match=told) as caught:
        found({**KEYS, "alicloud:assumeRole": json.dumps(block)})

    assert "alicloud:assumeRole" in str(caught.value)
