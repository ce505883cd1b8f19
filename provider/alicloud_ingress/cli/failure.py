"""
How a command ends that could not do what it was asked.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
import traceback
from collections.abc import Generator
from typing import Any, TextIO

import click

from alicloud_ingress.ecs.waiting import Notices
from alicloud_ingress.errors import IngressError
from alicloud_ingress.rendering.markup import plain

INTERRUPTED = 130
NO_READER = 141
"""
What a shell reports for a program that SIGPIPE ended.
"""
_OF_OUTPUT = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
MAX_MESSAGE_LENGTH = 2_000


class Failure(click.ClickException):
    """
    Told on stderr; the exit code says that the answer is missing or incomplete.
    """

    exit_code = 3


class Commands(click.Group):
    """
    Commands whose exit code is right, whatever happens to them and to their output.

    Click and Python would end with 1, which is the answer "some were found", where
    something failed, was interrupted, or could not be written.
    """

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """
        Parse the command line, which may print a help text.
        """
        with _exit_codes():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """
        Run the command that was asked for.
        """
        with _exit_codes(), Notices(_notify).running():
            return super().invoke(ctx)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """
        Run, and end when all output is written.
        """
        _escape_what_cannot_be_encoded()
        code: object = Failure.exit_code
        try:
            with _exit_codes():
                _require_stdout()
                super().main(*args, **kwargs)
        except SystemExit as end:
            code = end.code
        except click.ClickException as error:
            with contextlib.suppress(OSError):
                error.show()
        raise SystemExit(_flushed(code))


@contextlib.contextmanager
def _exit_codes() -> Generator[None]:
    """
    Let each exception of the block become the exit code that it stands for.
    """
    try:
        yield
    except (click.exceptions.Exit, click.ClickException):
        raise
    except IngressError as error:
        raise Failure(plain(str(error), MAX_MESSAGE_LENGTH)) from None
    except (KeyboardInterrupt, click.Abort):
        with contextlib.suppress(OSError):
            click.echo("interrupted", err=True)
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        raise SystemExit(NO_READER) from None
    except OSError as error:
        raise Failure(plain(_in_words(error), MAX_MESSAGE_LENGTH)) from None
    except Exception:  # noqa: BLE001 - shown whole, with the exit code for it
        traceback.print_exc()
        raise SystemExit(Failure.exit_code) from None


def _in_words(error: OSError) -> str:
    if not error.filename:
        is_output = error.errno in _OF_OUTPUT
        return f"the output cannot be written: {error}" if is_output else str(error)
    return (
        f"{error.filename}: {error.strerror}; see that its folder is there, and that"
        " you may use both"
    )


def _notify(line: str) -> None:
    with contextlib.suppress(OSError):
        click.echo(plain(line, MAX_MESSAGE_LENGTH), err=True)


def _streams() -> list[TextIO | None]:
    """
    Standard output and error; None is one that is closed.
    """
    return [sys.stdout, sys.stderr]


def _require_stdout() -> None:
    if _streams()[0] is None:
        raise Failure("standard output is closed; nothing was done")


def _escape_what_cannot_be_encoded() -> None:
    r"""
    Write `\u4e2d` where the encoding of the output has no such character.
    """
    for stream in _streams():
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flushed(code: object) -> object:
    """
    The exit code, once what is left of the output is written, or cannot be.
    """
    for stream in filter(None, _streams()):
        try:
            stream.flush()
        except OSError as error:
            broken_pipe = isinstance(error, BrokenPipeError)
            code = NO_READER if broken_pipe else Failure.exit_code
            # Python would try once more at its end, and exit with 120.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code
