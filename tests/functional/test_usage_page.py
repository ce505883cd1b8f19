"""
The page of `usage show --format html` in a real browser, by `make browser`.

That nothing in it loads or acts is held without a browser too, in `test_usage_show.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from alicloud_ingress.usage.formats import html_page
from alicloud_ingress.usage.judging import GroupUsage, UsageJudge
from browser import Tab, browser
from usage_tables import DAY, FROM, TO, Flow, written
from usage_world import facts, group, rule

pytestmark = pytest.mark.browser
ATTACK = (
    '<img src="http://attacker.example/i" onerror="document.title=1">'
    '<script src="http://attacker.example/s"></script>'
    '<style>@import "http://attacker.example/c";</style>'
    "\"'><svg onload=document.title=1> &lt;b&gt; [x](http://attacker.example)"
)


def usage(folder: Path) -> tuple[UsageJudge, GroupUsage]:
    """A group whose rules show each verdict; its texts attack the page."""
    rules = [
        rule(description=ATTACK),
        rule(port_range="8080", description="old admin page"),
        rule(port_range="1/65535", ip_protocol="udp", source_cidr_ip="10.0.0.0/8"),
        rule(port_range="23", policy="drop", priority=1),
        rule(port_range="22", source_group_id="sg-elsewhere"),
        rule(ipv6_source_cidr_ip="::/0", priority=100),
    ]
    known = facts([group("sg-1", *rules)])
    mine = known.groups["sg-1"]
    known = replace(
        known,
        groups={"sg-1": replace(mine, group=replace(mine.group, name=ATTACK))},
    )
    office = [
        Flow(
            source=f"198.51.{n}.7",
            first_seen=FROM + n * DAY,
            last_seen=FROM + (n + 9) * DAY,
            flows=1_000 * n + 1,
            bytes=5_000_000 * n,
        )
        for n in range(20)
    ]
    others = [
        Flow(source="<img src=http://attacker.example/f>", port=443),
        Flow(protocol=17, port=53, opened="unknown", last_seen=TO - DAY),
        Flow(port=23, action="REJECT", source="203.0.113.9", flows=912),
    ]
    judge = UsageJudge(written(folder / "usage.parquet", [*office, *others]))
    return judge, judge.vpc(known, ["sg-1"]).groups["sg-1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page is, as `page.html`."""
    folder = tmp_path_factory.mktemp("page")
    judge, found = usage(folder)
    text = html_page(judge.period, [found, replace(found)], [ATTACK])
    (folder / "page.html").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def browsed(folder: Path) -> Iterator[Tab]:
    """A browser that is used by all tests."""
    with browser(folder) as tab:
        yield tab


@pytest.fixture
def tab(browsed: Tab, folder: Path) -> Tab:
    """The page in a wide, light window."""
    browsed.size(1400)
    browsed.media()
    browsed.open(folder / "page.html")
    return browsed


def test_the_browser_sees_requests_of_a_page(browsed: Tab, folder: Path) -> None:
    """So that the next test can fail."""
    (folder / "other.html").write_text(f"<title>a</title>{ATTACK}", encoding="utf-8")
    browsed.open(folder / "other.html")
    assert any("attacker.example" in url for url in browsed.requests)
    assert browsed.value("document.title") == "1"


def test_no_request_leaves_the_page_and_no_text_acts(tab: Tab) -> None:
    assert [url for url in tab.requests if not url.startswith("file:")] == []
    assert len(tab.requests) == 1
    assert tab.value("document.title").startswith("Usage of security group rules")
    assert tab.value("document.querySelectorAll('script,img,iframe,link').length") == 0
    assert "onerror" in tab.value("document.body.innerText")


@pytest.mark.parametrize("width", [1400, 800, 390, 320])
def test_nothing_is_cut_off_however_narrow_the_window_is(tab: Tab, width: int) -> None:
    """The page as a whole does not scroll sideways."""
    tab.size(width)
    assert tab.value("document.documentElement.scrollWidth") <= width
    shown = tab.value(
        "[...document.querySelectorAll('tbody th')].every("
        "each => each.getBoundingClientRect().width > 100)"
    )
    assert shown is True


def test_a_wide_window_shows_every_column(tab: Tab) -> None:
    frames = "[...document.querySelectorAll('.frame')]"
    hidden = tab.value(f"{frames}.some(each => each.scrollWidth > each.clientWidth)")
    assert hidden is False


CONTRAST = """
(() => {
  const parts = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = text => { const [r, g, b] = parts(text).map(c => {
    c /= 255; return c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  const ground = each => { for (; each; each = each.parentElement) {
    const found = getComputedStyle(each).backgroundColor;
    if (!/, 0\\)$/.test(found)) return found; } return 'rgb(255, 255, 255)'; };
  return Math.min(...[...document.querySelectorAll('body *')]
    .filter(each => [...each.childNodes].some(n => n.nodeType === 3 && n.data.trim())
      && each.tagName !== 'TITLE' && !each.closest('svg'))
    .map(each => { const a = light(getComputedStyle(each).color),
      b = light(ground(each));
      return (Math.max(a, b) + .05) / (Math.min(a, b) + .05); }));
})()
"""


@pytest.mark.parametrize("kind", ["screen", "print"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_stands_out_from_its_ground(
    tab: Tab, kind: str, scheme: str
) -> None:
    """As the guidelines for web content ask: 4.5 to 1."""
    tab.media(kind, scheme)
    assert tab.value(CONTRAST) >= 4.5


def test_the_page_is_dark_where_that_is_preferred(tab: Tab) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    light = tab.value(ground)
    tab.media(scheme="dark")
    assert light == "rgb(255, 255, 255)"
    assert tab.value(ground) == "rgb(13, 17, 23)"
    tab.media("print", "dark")
    assert tab.value(ground) == "rgb(255, 255, 255)"


def test_every_part_is_reached_and_opened_by_keyboard(tab: Tab) -> None:
    tab.press("Tab")
    focused = "document.activeElement.tagName"
    assert tab.value(focused) == "A"
    for _ in range(10):
        if tab.value(focused) == "SUMMARY":
            break
        tab.press("Tab")
    assert tab.value(focused) == "SUMMARY"
    assert tab.value("document.activeElement.parentElement.open") is False
    tab.press("Enter")
    assert tab.value("document.activeElement.parentElement.open") is True


def test_strips_say_in_words_what_they_show(tab: Tab) -> None:
    """And each lies within its frame."""
    words = tab.value(
        "[...document.querySelectorAll('svg[role=img]')].map(e => e.ariaLabel)"
    )
    assert any("29 of 43 days" in each for each in words), words
    assert any(each == "no flow seen on any day" for each in words)
    wide = tab.value(
        "Math.max(...[...document.querySelectorAll('.strip rect')].map("
        "e => e.x.baseVal.value + e.width.baseVal.value))"
    )
    assert wide <= 43
