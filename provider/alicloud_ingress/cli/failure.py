"""
How a command ends: messages on stderr, and the exit code.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import io
import os
import sys
import threading
import traceback
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any, TextIO, cast

import click

from alicloud_ingress.ecs.waiting import Notices
from alicloud_ingress.errors import IngressError
from alicloud_ingress.rendering.markup import MAX_MESSAGE_LENGTH, plain

INTERRUPTED = 130
NO_READER = 141
"""
Exit code that a shell reports for a program ended by SIGPIPE.
"""
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_OUTPUT_ERRORS = (*_FULL, errno.EIO)


class Failure(click.ClickException):
    """
    The result is missing or incomplete. Click prints the message on stderr.
    """

    exit_code = 3


class Commands(click.Group):
    """
    Commands that exit with the documented codes in every case.

    Without this, Click and Python exit with 1 if a command fails, is interrupted, or
    cannot write its output. Here 1 means "something was found".
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """
        Run the command as a process of its own.

        Threads that still read end with it. Python's own end is skipped then: a query
        of DuckDB that returns meanwhile would abort the process.
        """
        try:
            return super().__call__(*args, **kwargs)
        except SystemExit as end:
            if any(thread.daemon for thread in threading.enumerate()):
                atexit._run_exitfuncs()  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
                os._exit(cast("int", end.code))
            raise

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """
        Parse the command line. This prints the help text where `--help` is passed.
        """
        with _exit_codes():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """
        Run the selected command.
        """
        with _exit_codes(), Notices(_notify).running():
            return super().invoke(ctx)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """
        Run the command, flush its output, and exit.
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


def say(text: str) -> None:
    """
    Print a line on stderr, with control characters escaped.
    """
    click.echo(plain(text, MAX_MESSAGE_LENGTH), err=True)


def exit_if_incomplete(problems: Iterable[str], label: str = "not judged") -> None:
    """
    Print each problem on stderr, and if there is one, end the command.
    """
    found = dict.fromkeys(problems)
    for problem in found:
        say(f"{label}: {problem}")
    if found:
        raise SystemExit(Failure.exit_code)


@contextlib.contextmanager
def _exit_codes() -> Generator[None]:
    """
    Turn each exception of the block into an exit code.
    """
    try:
        yield
    except (click.exceptions.Exit, click.ClickException):
        raise
    except IngressError as error:
        raise Failure(plain(str(error), MAX_MESSAGE_LENGTH)) from None
    except (KeyboardInterrupt, click.Abort):
        with contextlib.suppress(OSError):
            say("interrupted")
        raise SystemExit(INTERRUPTED) from None
    except BrokenPipeError:
        raise SystemExit(NO_READER) from None
    except OSError as error:
        raise Failure(plain(_describe(error), MAX_MESSAGE_LENGTH)) from None
    except Exception:  # noqa: BLE001 - printed with its traceback
        traceback.print_exc()
        raise SystemExit(Failure.exit_code) from None


def _describe(error: OSError) -> str:
    if not error.filename:
        is_output = error.errno in _OUTPUT_ERRORS
        return f"the output cannot be written: {error}" if is_output else str(error)
    if error.errno in _FULL:
        return (
            f"{error.filename} cannot be written: {error.strerror}; free space on its"
            " disk, then run the command again"
        )
    return (
        f"{error.filename}: {error.strerror}; check that its folder exists, and that"
        " you have access to both"
    )


def _notify(line: str) -> None:
    with contextlib.suppress(OSError):
        say(line)


def _streams() -> list[TextIO | None]:
    """
    Standard input, output and error; None where one is closed.
    """
    return [sys.stdin, sys.stdout, sys.stderr]


def _require_stdout() -> None:
    """
    End the command if nothing can be printed. A closed standard input is empty.
    """
    stdin, stdout, _ = _streams()
    if stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 - stays open
    if stdout is None:
        raise Failure("standard output is closed; the command did nothing")


def _escape_what_cannot_be_encoded() -> None:
    r"""
    Write a character as `\u4e2d` if the encoding of the output does not have it.
    """
    for stream in _streams()[1:]:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _flushed(code: object) -> object:
    """
    Flush the output, and return the exit code: another one if that fails.
    """
    for stream in filter(None, _streams()[1:]):
        try:
            stream.flush()
        except OSError as error:
            broken_pipe = isinstance(error, BrokenPipeError)
            code = NO_READER if broken_pipe else Failure.exit_code
            # Without this, Python flushes again at its end, and exits with 120.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return code
