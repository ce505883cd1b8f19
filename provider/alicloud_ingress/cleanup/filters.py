"""
Which rules are judged, and which are never destroyed, as the user says.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from alicloud_ingress.errors import IngressError
from alicloud_ingress.files import parsed
from alicloud_ingress.rules.live import LiveRule
from alicloud_ingress.rules.rule import IngressRule
from alicloud_ingress.rules.spelling import ALL_PORTS, WITH_PORTS, port_pair
from alicloud_ingress.times import moment_of

_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
_ADDRESS = re.compile(r"[0-9a-fA-F.]*[.:][0-9a-fA-F.:]*(/\d*)?", re.ASCII)
_RULE_ID = re.compile(r"sgr-[\w-]+", re.ASCII)
_REMARK = re.compile(r"\s+#.*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """
    Filters for the rules that are judged. Passing a filter is not a reason.

    Args:
        older_than: only rules at least this old; one of unknown age does not pass.
        cidrs: only rules whose source lies within one of these blocks.
        ports: only tcp, udp and `all` rules that include one of these ports.
        descriptions: only rules whose description matches one of these globs.
    """

    older_than: dt.timedelta | None = None
    cidrs: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    descriptions: tuple[str, ...] = ()

    def lets_pass(self, live: LiveRule, now: dt.datetime) -> bool:
        """
        Whether a rule passes all filters.
        """
        return (
            self._is_old(live, now)
            and (not self.cidrs or any(_within(live.rule, c) for c in self.cidrs))
            and (not self.ports or any(_includes(live.rule, p) for p in self.ports))
            and (not self.descriptions or _matches(live.rule, self.descriptions))
        )

    def _is_old(self, live: LiveRule, now: dt.datetime) -> bool:
        if self.older_than is None:
            return True
        created = moment_of(live.create_time)
        return created is not None and now - created >= self.older_than


class KeepListError(IngressError):
    """
    A line of a keep list that would match nothing.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepList:
    """
    Which rules are never destroyed: those that match one of these.

    Args:
        rule_ids: IDs of rules.
        cidrs: address blocks that contain the rule's source.
        tags: tags of the rule's group, as key and value; the value "" matches any.
        descriptions: the rule's description, with or without the expiry, or globs that
            match it without.
    """

    rule_ids: frozenset[str] = frozenset()
    cidrs: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    descriptions: tuple[str, ...] = ()

    @staticmethod
    def read(text: str) -> KeepList:
        """
        Read one entry a line: `sgr-...`, an address block, `tag:KEY=VALUE` (or
        `tag:KEY`), or a glob that matches descriptions.

        Empty lines, lines that begin with #, and remarks after an entry (` # ..`) are
        ignored; a glob has no remark.

        Raises:
            KeepListError: a line begins as a rule ID, a tag or an address block but is
                not a valid one; or the text is another file, which would keep nothing.
        """
        _verify_is_list(text)
        lines = [line.strip() for line in text.splitlines()]
        ids: list[str] = []
        cidrs: list[str] = []
        tags: list[tuple[str, str]] = []
        globs: list[str] = []
        for line in lines:
            entry = _REMARK.sub("", line)
            word = re.split(r"[\s,;]", entry, maxsplit=1)[0]
            if not line or line.startswith("#"):
                continue
            if entry.startswith("tag:"):
                pair = entry.removeprefix("tag:")
                key, _, value = map(str.strip, pair.partition("="))
                _verified(entry, "a tag such as tag:KEY=VALUE", is_valid=bool(key))
                tags.append((key, value))
            elif entry.startswith("sgr-"):
                is_id = _RULE_ID.fullmatch(entry) is not None
                what = "a rule ID such as sgr-bp1x"
                ids.append(_verified(entry, what, is_valid=is_id))
            elif _ADDRESS.fullmatch(word):
                what = "a block such as 10.0.0.0/8"
                cidrs.append(_verified(entry, what, is_valid=_is_block(entry)))
            else:
                globs.append(line)
        return KeepList(
            rule_ids=frozenset(ids),
            cidrs=tuple(cidrs),
            tags=tuple(tags),
            descriptions=tuple(globs),
        )

    def holds(self, live: LiveRule, tags: Mapping[str, str]) -> bool:
        """
        Whether a rule, or one of the tags of its group, matches the list.
        """
        return (
            live.rule_id in self.rule_ids
            or any(_within(live.rule, cidr) for cidr in self.cidrs)
            or any(k in tags and v in ("", tags[k]) for k, v in self.tags)
            or _matches(live.rule, self.descriptions)
            or live.rule.description in self.descriptions
            or live.rule.remark in self.descriptions
        )


def _verified(entry: str, what: str, *, is_valid: bool) -> str:
    if not is_valid:
        raise KeepListError(
            f"the keep list has {entry!r}, which is not {what}; correct it, or write a"
            f" glob such as '*{entry}' if it is a description"
        )
    return entry


def _is_block(text: str) -> bool:
    try:
        ipaddress.ip_interface(text)
    except ValueError:
        return False
    return True


def _verify_is_list(text: str) -> None:
    what = "; a keep list has one entry a line, such as sgr-... or 10.0.0.0/8"
    if _CONTROL.search(text):
        raise KeepListError(f"the keep list has control characters{what}")
    try:
        document = parsed(text)
    except ValueError:
        return
    if isinstance(document, dict | list):
        raise KeepListError(f"the keep list is JSON{what}")


def _matches(rule: IngressRule, globs: Sequence[str]) -> bool:
    return any(fnmatchcase(rule.description, glob) for glob in globs)


def _within(rule: IngressRule, cidr: str) -> bool:
    try:
        source = ipaddress.ip_interface(rule.source).network
        block = ipaddress.ip_interface(cidr).network
    except ValueError:
        return False
    if isinstance(source, ipaddress.IPv4Network):
        return isinstance(block, ipaddress.IPv4Network) and source.subnet_of(block)
    return isinstance(block, ipaddress.IPv6Network) and source.subnet_of(block)


def _includes(rule: IngressRule, port: int) -> bool:
    if rule.ip_protocol == "all":
        return True
    pair = port_pair(rule.port_range)
    if rule.ip_protocol not in WITH_PORTS or pair is None:
        return False
    return rule.port_range == ALL_PORTS or pair[0] <= port <= pair[1]
