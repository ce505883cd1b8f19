"""
Files that the user names: their content, or an error that names them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alicloud_ingress.cleanup.documents import DocumentError, replaced
from alicloud_ingress.files import UnreadableError, parsed, text_in, writing


def test_a_byte_order_mark_is_not_content(tmp_path: Path) -> None:
    """Some editors write one."""
    file = tmp_path / "state.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')

    assert parsed(text_in(file)) == {"a": 1}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("nowhere", "No such file or directory"),
        ("folder", "Is a directory"),
        ("utf-16", "it is not UTF-8 text"),
    ],
)
def test_an_unreadable_file_is_named(tmp_path: Path, name: str, why: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "utf-16").write_bytes("{}".encode("utf-16"))

    with pytest.raises(UnreadableError, match=f"{name}: {why}"):
        text_in(tmp_path / name)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000, ""])
def test_invalid_json_is_a_value_error(text: str) -> None:
    """Nested too deeply, a number that is too long, or an empty text."""
    with pytest.raises(ValueError, match=r"nested|digits|Expecting value"):
        parsed(text)


def test_a_full_disk_is_reported_with_the_file() -> None:
    """Python names none where a write fails."""
    with pytest.raises(OSError, match=r"No space left on device: 'plan\.json'"):  # noqa: SIM117
        with writing(Path("plan.json")):
            raise OSError(28, os.strerror(28))


def test_a_special_file_is_never_replaced(tmp_path: Path) -> None:
    """A pipe here; `/dev/null` would be lost."""
    pipe = tmp_path / "fifo"
    os.mkfifo(pipe)

    with pytest.raises(DocumentError, match="fifo is not a regular file"):  # noqa: SIM117
        with replaced(pipe) as temporary:
            temporary.write_text("x")

    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
