"""
How a command ends that could not do what it was asked.
"""

from __future__ import annotations

import click


class Failure(click.ClickException):
    """
    Told on stderr; the exit code says that the answer is missing or incomplete.
    """

    exit_code = 3
