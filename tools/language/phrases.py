"""
The phrases that the project does not use, from `phrases.yaml`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from tools.language.texts import Text

LIST = Path(__file__).with_name("phrases.yaml")


@dataclass(frozen=True, slots=True)
class Phrase:
    """
    A phrase that is wrong in every context.

    Args:
        pattern: a regular expression. A space stands for any white space, so that a
            line break does not hide a phrase; upper and lower case are the same.
        write: what to write instead.
        example: a text that the pattern finds.
    """

    pattern: str
    write: str
    example: str

    def found_in(self, text: Text) -> Iterator[tuple[int, str]]:
        """
        Each match: its line in the file, and its words.
        """
        spaced = self.pattern.replace(" ", r"\s+")
        for match in re.finditer(spaced, text.words, re.IGNORECASE):
            line = text.line + text.words.count("\n", 0, match.start())
            yield line, " ".join(match[0].split())


def listed(file: Path = LIST) -> Sequence[Phrase]:
    """
    All phrases of the list.
    """
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    return [Phrase(**entry) for entry in entries]
