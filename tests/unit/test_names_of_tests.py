"""
The check of the names of tests.
"""

from __future__ import annotations

from tools.test_names import MAX_WORDS, too_long


def test_a_name_with_too_many_words_is_found() -> None:
    """In a module and in a class; a name with the maximum of words is not found."""
    allowed, long = ("test" + "_word" * count for count in (MAX_WORDS, MAX_WORDS + 1))
    source = f"def {allowed}(): ...\nclass Test:\n    def {long}(self): ...\n"

    assert list(too_long(source)) == [(3, long, MAX_WORDS + 1)]
