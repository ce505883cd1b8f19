"""
How a module of the tests stands in for a plugin of the engine.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import grpc

TESTS = Path(__file__).parents[1]


def installed(folder: Path, name: str, module: str) -> str:
    """Write the plugin of this name, which runs the module, into a folder for PATH."""
    folder.mkdir()
    file = folder / name
    file.write_text(
        f'#!/bin/sh\nPYTHONPATH="{TESTS}" exec "{sys.executable}" -m {module} "$@"\n'
    )
    file.chmod(0o755)
    return str(folder)


def serve(add: Callable[[grpc.Server], None]) -> None:
    """Serve on a free port, print it, and run until the engine ends the process."""
    server = grpc.server(ThreadPoolExecutor())
    add(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        time.sleep(300)
