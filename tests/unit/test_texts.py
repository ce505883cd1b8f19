"""
Files that a person names: what they hold, or an error that names them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from alicloud_ingress.cleanup.documents import DocumentError, replacing
from alicloud_ingress.files import UnreadableError, parsed, text_in, writing


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    """Editors of another system write one."""
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
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "utf-16").write_bytes("{}".encode("utf-16"))

    with pytest.raises(UnreadableError, match=f"{name}: {why}"):
        text_in(tmp_path / name)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5_000, ""])
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    """Nested too deeply, a number without end, or nothing at all."""
    with pytest.raises(ValueError, match=r"nested|digits|Expecting value"):
        parsed(text)


def test_a_full_disk_is_told_with_the_name_of_the_file() -> None:
    """Python names none where a write fails."""
    with pytest.raises(OSError, match=r"No space left on device: 'plan\.json'"):  # noqa: SIM117
        with writing(Path("plan.json")):
            raise OSError(28, os.strerror(28))


def test_no_file_takes_the_place_of_what_is_none(tmp_path: Path) -> None:
    """Of a pipe here; of `/dev/null` it would be the end."""
    pipe = tmp_path / "fifo"
    os.mkfifo(pipe)

    with pytest.raises(DocumentError, match="fifo is not a regular file"):  # noqa: SIM117
        with replacing(pipe) as temporary:
            temporary.write_text("x")

    assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]
