"""
Report each phrase of `phrases.yaml` in the project's pages and modules.

Usage: python -m tools.language [PATH...], files or folders; without one, the project.
Findings go to stdout. Exits with 1 if there are any.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.language.phrases import Phrase, listed
from tools.language.texts import texts_of_module, texts_of_page

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "benchmarks",
    "docs",
    "examples",
    "provider",
    "sample-stack",
    "tests",
    "tools",
)
GENERATED = ROOT / "docs" / "generated"


def main(arguments: Sequence[str]) -> int:
    """
    Print the findings, one a line; return the exit code.
    """
    paths = [Path(argument).absolute() for argument in arguments]
    paths = paths or [*ROOT.glob("*.md"), *(ROOT / name for name in FOLDERS)]
    phrases = listed()
    found = [line for file in files_of(paths) for line in findings(file, phrases)]
    for line in found:
        print(line)
    return 1 if found else 0


def files_of(paths: Sequence[Path]) -> Iterator[Path]:
    """
    The pages and modules among files and in folders, in order.
    """
    for path in sorted(paths):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.suffix in (".md", ".py") and GENERATED not in file.parents:
                yield file


def findings(file: Path, phrases: Sequence[Phrase]) -> list[str]:
    """
    A line for each phrase in a file: where it is, and what to write instead.
    """
    texts_of = texts_of_module if file.suffix == ".py" else texts_of_page
    name = file.relative_to(ROOT) if ROOT in file.parents else file
    found = {
        (line, f'{name}:{line}: "{words}": write {phrase.write}')
        for text in texts_of(file.read_text(encoding="utf-8"))
        for phrase in phrases
        for line, words in phrase.found_in(text)
    }
    return [message for _, message in sorted(found)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
