"""
One security group that tests may use: of a fake, or of a real account.

The real one is used only where the environment names both credentials and a group.
Rules that tests make there have the mark of the run, and only those are deleted.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from alicloud_ingress.ecs import config
from alicloud_ingress.ecs.client import EcsClient
from alicloud_ingress.rules.rule import IngressRule
from functional.conftest import FRONTS, opened
from functional.recording import recording

GROUP = "ALICLOUD_INGRESS_LIVE_GROUP"
RECORD = "ALICLOUD_INGRESS_RECORD"
REAL = "a real account"


def named_group(environ: Mapping[str, str]) -> str:
    """The group of a real account; "" where group or credentials are missing."""
    keys = ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET")
    known = all(environ.get(f"ALIBABA_CLOUD_{key}") for key in keys)
    return environ.get(GROUP, "") if known else ""


KINDS = [*FRONTS, *([REAL] if named_group(os.environ) else [])]


@dataclass(frozen=True)
class Account:
    """
    A group, and the stack's configuration by which it is reached.

    Args:
        mark: the description of all that tests make.
    """

    group: str
    settings: dict[str, str]
    client: EcsClient = field(repr=False)
    mark: str

    def add(self, **arguments: object) -> str:
        """Add a rule outside the provider; its ID."""
        rule = IngressRule.parse({**arguments, "description": self.mark})
        self.client.authorize(self.group, [rule])
        return next(i for i, live in self.marked().items() if live == rule)

    def remove(self, rule_id: str) -> None:
        """Delete a rule outside the provider."""
        self.client.revoke_by_id(self.group, [rule_id])

    def change(self, rule_id: str, rule: IngressRule) -> None:
        """Change a rule outside the provider."""
        self.client.modify(self.group, rule_id, rule)

    def rules(self) -> dict[str, IngressRule]:
        """All live rules by ID."""
        shown = self.client.describe(self.group).rules
        return {live.rule_id: live.rule for live in shown}

    def marked(self) -> dict[str, IngressRule]:
        """The rules that this run made."""
        return {i: r for i, r in self.rules().items() if r.description == self.mark}


def client_of(settings: Mapping[str, str]) -> EcsClient:
    """The provider's client, as the stack configures it."""
    return EcsClient(config.resolve(settings.get, os.environ, region="", profile=""))


@contextmanager
def borrowed(kind: str) -> Generator[Account]:
    """A group for one test, which is restored when the test ends."""
    mark = f"alicloud-ingress test {uuid.uuid4().hex[:12]}"
    if kind != REAL:
        with opened(kind) as front:
            group = front.fake.new_group()
            yield Account(group, front.settings, client_of(front.settings), mark)
        return
    group = named_group(os.environ)
    account = Account(group, {}, client_of({}), mark)
    before = account.rules()
    try:
        with recording(os.environ.get(RECORD, ""), mark):
            yield account
    finally:
        if made := list(account.marked()):
            account.client.revoke_by_id(group, made)
    assert account.rules() == before
