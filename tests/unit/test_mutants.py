"""
A mutant that no longer matches the source shows nothing.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tools.mutants.__main__ import ROOT
from tools.mutants.mutant import Mutant
from tools.mutants.promises import MUTANTS


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.promise)
def test_each_mutant_changes_one_place_of_the_source(mutant: Mutant) -> None:
    module = Path(ROOT, "provider", "alicloud_ingress", mutant.module)

    assert module.read_text(encoding="utf-8").count(mutant.old) == 1


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.promise)
def test_the_tests_that_catch_a_mutant_exist(mutant: Mutant) -> None:
    assert mutant.tests
    assert all(Path(ROOT, test.partition("::")[0]).exists() for test in mutant.tests)
