"""
The configuration of the stack that a command works on.

A command that runs in a project's folder takes region and account from the stack's
configuration, as the stack's program does. So both work on the same groups.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from alicloud_ingress.cleanup.owners import EngineError, engine_output
from alicloud_ingress.cli.failure import say
from alicloud_ingress.ecs.config import CREDENTIAL_KEYS, KEYS
from alicloud_ingress.ecs.connections import Connections
from alicloud_ingress.errors import ConfigurationError
from alicloud_ingress.files import mapping, parsed, project_file

NONE_SELECTED = "no stack selected"


def connections_of(profile: str, stacks: Sequence[str] = ()) -> Connections:
    """
    Clients with the configuration of some stacks.

    Args:
        profile: profile of the aliyun CLI; "" for none.
        stacks: names of stacks; none for the one selected in the current folder.

    Raises:
        ConfigurationError: two stacks differ in one of the keys.
    """
    return Connections(profile, settings_of(stacks))


def settings_of(stacks: Sequence[str] = ()) -> Mapping[str, str]:
    """
    The configuration of the named stacks, or else of the stack that is selected in the
    project of the current folder. Empty outside of a project.

    Secrets are not read. If one of the credential keys is secret, none is read.

    Returns:
        The values by key, such as `alicloud:region`.

    Raises:
        ConfigurationError: two stacks differ in one of the keys.
    """
    if not (project_file(Path.cwd()) and shutil.which("pulumi")):
        return {}
    found: dict[str, str] = {}
    for stack in stacks or ("",):
        for key, text in _settings(stack).items():
            if found.setdefault(key, text) != text:
                raise ConfigurationError(
                    f"the stacks differ in {key}; run the command once for each stack"
                )
    return found


def _settings(stack: str) -> dict[str, str]:
    try:
        text = engine_output("config", "--json", *(["--stack", stack] if stack else []))
        read = {key: mapping(each) for key, each in mapping(parsed(text)).items()}
    except (EngineError, ValueError) as error:
        if stack or NONE_SELECTED not in str(error):
            of = f"stack {stack}" if stack else "the stack of this folder"
            say(f"the configuration of {of} is not used: {error}")
        return {}
    secret = {key for key, each in read.items() if each.get("secret") is not False}
    unread = {*secret, *(CREDENTIAL_KEYS if secret & {*CREDENTIAL_KEYS} else ())}
    return {
        key: str(read[key].get("value") or "")
        for key in KEYS
        if key in read and key not in unread
    }
