"""
The table of errors has exactly those that the fake answers with.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import alicloud_ingress.testing

FOLDER = Path(alicloud_ingress.testing.__file__).parent


def test_the_code_names_each_error_of_the_table() -> None:
    source = "".join(path.read_text("utf-8") for path in sorted(FOLDER.glob("*.py")))
    table = (FOLDER / "errors.tsv").read_text("utf-8").splitlines()

    named = re.findall(r'error_of\(\s*"([^"]+)"', source)

    codes = [row["code"] for row in csv.DictReader(table, delimiter="\t")]
    assert sorted(set(named)) == sorted(codes)
