"""
Where the log of this package goes: to stderr, which the engine shows to its user.

What a person should know comes at info; each call, with its duration and RequestId,
at debug. Messages are our own and hold no secret.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, Sequence

VARIABLE = "ALICLOUD_INGRESS_LOG"
LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_VERBOSE = re.compile(r"--?v(=[1-9]\d*)?")


class StderrHandler(logging.Handler):
    """
    Writes `level: message`, a line each, to what is stderr at that moment.
    """

    def emit(self, record: logging.LogRecord) -> None:
        """
        Write one record.
        """
        try:
            sys.stderr.write(f"{record.levelname.lower()}: {record.getMessage()}\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            self.handleError(record)


def log_to_stderr(
    environ: Mapping[str, str],
    arguments: Sequence[str] = (),
    otherwise: str = "info",
) -> None:
    """
    Let this package log to stderr, once, however often it is called.

    Args:
        environ: whose `ALICLOUD_INGRESS_LOG` names the level.
        arguments: of the process: with `--logflow` the engine passes its `-v` on,
            which asks for all there is.
        otherwise: the level where neither says one.
    """
    logger = logging.getLogger("alicloud_ingress")
    if not any(isinstance(known, StderrHandler) for known in logger.handlers):
        logger.addHandler(StderrHandler())
    if any(_VERBOSE.fullmatch(argument) for argument in arguments):
        otherwise = "debug"
    wanted = environ.get(VARIABLE, "").lower() or otherwise
    logger.setLevel(LEVELS.get(wanted, logging.INFO))
    if wanted not in LEVELS:
        logger.warning("%s=%s is no level; use %s", VARIABLE, wanted, ", ".join(LEVELS))
