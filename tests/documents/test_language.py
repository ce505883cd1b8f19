"""
`python -m tools.language` finds the phrases of its list, and passes plain text.

The phrases come from the list, so that this module does not contain them.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tools.language.phrases import Phrase, listed
from tools.language.texts import Text

from documents.blocks import ROOT

PHRASES = listed()
PHRASE = next(phrase for phrase in PHRASES if " " in phrase.example)
BAD = PHRASE.example
PLAIN = "The group has no rule with this ID. Run `pulumi refresh`."


def check(*paths: Path) -> tuple[int, list[str]]:
    """The exit code, and the lines of stdout."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.language", *map(str, paths)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.example)
def test_each_phrase_is_found_in_its_example(phrase: Phrase) -> None:
    """Across a line break, too."""
    assert list(phrase.found_in(Text(1, phrase.example)))
    assert list(phrase.found_in(Text(1, phrase.example.replace(" ", "\n    "))))


def test_no_advice_contains_a_phrase_of_the_list() -> None:
    """What to write instead passes the check."""
    for phrase in PHRASES:
        advice = Text(1, phrase.write)
        assert not any(list(other.found_in(advice)) for other in PHRASES), phrase


def test_a_phrase_on_a_page_is_reported_with_its_line(tmp_path: Path) -> None:
    """And with what to write instead."""
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{BAD}\n")

    code, lines = check(tmp_path)

    assert code == 1
    assert [line.partition(': "')[0] for line in lines] == [f"{page}:3"]
    assert lines[0].endswith(f"write {PHRASE.write}")


@pytest.mark.parametrize(
    ("source", "line"),
    [
        (f'"""\nA module.\n\n{BAD}\n"""\n', 4),
        (f"x = 1\n\n# {BAD}\n", 3),
        ("x = 1\n# " + "\n# ".join(BAD.rsplit(" ", 1)) + "\n", 2),
        (f'x = 1\ny = "{BAD}"\n', 2),
        ('y = "' + '" " '.join(BAD.rsplit(" ", 1)) + '"\n', 1),
        (f'x = 1\ny = f"{{x}} {BAD}"\n', 2),
    ],
    ids=["docstring", "comment", "two comments", "string", "two strings", "f-string"],
)
def test_a_phrase_in_a_module_is_reported(
    tmp_path: Path, source: str, line: int
) -> None:
    module = tmp_path / "module.py"
    module.write_text(source)

    code, lines = check(module)

    assert code == 1
    assert [found.partition(': "')[0] for found in lines] == [f"{module}:{line}"]


def test_plain_text_passes(tmp_path: Path) -> None:
    """Names of functions and variables are not text."""
    name = "_".join(BAD.lower().rstrip(".?").replace("'", "").split())
    (tmp_path / "page.md").write_text(f"# Title\n\n{PLAIN}\n")
    (tmp_path / "module.py").write_text(f'"""{PLAIN}"""\n\n\n{name} = 1  # {PLAIN}\n')

    assert check(tmp_path) == (0, [])
