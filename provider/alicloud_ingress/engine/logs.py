"""
The log of this package: to stderr, which the engine shows to the user.

The level info is for the user. The level debug has each call with its duration and
RequestId. No message contains a secret.
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
    Writes each record as `level: message` to the current stderr.
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
    Log to stderr. Another call changes only the level.

    Args:
        environ: `ALICLOUD_INGRESS_LOG` sets the level.
        arguments: of the process. With `--logflow` the engine passes its `-v`, which
            means debug.
        otherwise: the level if neither sets one.
    """
    logger = logging.getLogger("alicloud_ingress")
    if not any(isinstance(known, StderrHandler) for known in logger.handlers):
        logger.addHandler(StderrHandler())
    if any(_VERBOSE.fullmatch(argument) for argument in arguments):
        otherwise = "debug"
    wanted = environ.get(VARIABLE, "").lower() or otherwise
    logger.setLevel(LEVELS.get(wanted, logging.INFO))
    if wanted not in LEVELS:
        levels = ", ".join(LEVELS)
        logger.warning("%s=%s is not a level; use %s", VARIABLE, wanted, levels)
