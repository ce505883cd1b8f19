"""
How a command ends that could not do what it was asked.
"""

from __future__ import annotations

import traceback
from typing import Any

import click

from alicloud_ingress.errors import IngressError
from alicloud_ingress.markup import plain

INTERRUPTED = 130
LONGEST_MESSAGE = 2_000


class Failure(click.ClickException):
    """
    Told on stderr; the exit code says that the answer is missing or incomplete.
    """

    exit_code = 3


class Commands(click.Group):
    """
    Commands that end with 3 where something failed, and with 130 if interrupted.

    Click and Python would end with 1, which is the answer "some were found".
    """

    def invoke(self, ctx: click.Context) -> Any:
        """
        Run the command that was asked for.
        """
        try:
            return super().invoke(ctx)
        except IngressError as error:
            raise Failure(plain(str(error), LONGEST_MESSAGE)) from None
        except (KeyboardInterrupt, click.Abort):
            click.echo("interrupted", err=True)
            raise SystemExit(INTERRUPTED) from None
        except (click.exceptions.Exit, click.ClickException, BrokenPipeError):
            raise
        except OSError as error:
            raise Failure(plain(_in_words(error), LONGEST_MESSAGE)) from None
        except Exception:  # noqa: BLE001 - shown whole, with the exit code for it
            traceback.print_exc()
            raise SystemExit(Failure.exit_code) from None


def _in_words(error: OSError) -> str:
    if not error.filename:
        return str(error)
    return (
        f"{error.filename}: {error.strerror}; see that its folder is there, and that"
        " you may use both"
    )
