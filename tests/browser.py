"""
A headless Chromium, driven over its DevTools protocol through two pipes.

Source: https://chromedevtools.github.io/devtools-protocol/ and the switch
`--remote-debugging-pipe`: messages are JSON, each ended by a zero byte.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

PROGRAM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    "",
)
SWITCHES = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update"),
    *("--disable-dev-shm-usage", "--remote-debugging-pipe", "--hide-scrollbars"),
)

WIRED = """
import os, sys
reading, writing, program = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
while min(reading, writing) < 5:
    reading, writing = os.dup(reading), os.dup(writing)
os.dup2(reading, 3)
os.dup2(writing, 4)
os.set_inheritable(3, True)
os.set_inheritable(4, True)
os.execv(program, sys.argv[3:])
"""
"""Starts the browser with the pipes where it expects them: 3 and 4."""


class Tab:
    """
    One page of the browser.

    Attributes:
        requests: the URL of each request that the page made or tried to make.
    """

    def __init__(self, to: BinaryIO, from_: BinaryIO) -> None:
        self._to = to
        self._from = from_
        self._number = 0
        self._session = ""
        self.requests: list[str] = []
        target = self._send("Target.createTarget", url="about:blank")["targetId"]
        attached = self._send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._send(f"{domain}.enable")

    def open(self, path: Path) -> None:
        """Load a file and wait until it is whole."""
        self.requests.clear()
        self._send("Page.navigate", url=path.resolve().as_uri())
        self._wait_for("Page.loadEventFired")

    def size(self, width: int, height: int = 900) -> None:
        """Make the window that wide."""
        self._send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def media(self, kind: str = "screen", scheme: str = "light") -> None:
        """Look at the page on a screen or on paper, light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._send("Emulation.setEmulatedMedia", media=kind, features=features)

    def value(self, expression: str) -> Any:
        """What an expression of JavaScript comes to, whatever the page's policy."""
        done = self._send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        codes = {"Tab": 9, "Enter": 13}
        for kind in ("keyDown", "keyUp"):
            self._send(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=codes[key],
                **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}),
            )

    def picture(self, path: Path) -> None:
        """Write the whole page as PNG."""
        done = self._send("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(done["data"]))

    def _send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result

    def _wait_for(self, method: str) -> None:
        while self._next().get("method") != method:
            pass

    def _next(self) -> Mapping[str, Any]:
        text = bytearray()
        while (byte := self._from.read(1)) != b"\0":
            assert byte, "the browser has ended"
            text += byte
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        return message


@contextmanager
def browser(folder: Path) -> Generator[Tab]:
    """A browser of its own, with its profile in a folder."""
    for_it, ours = os.pipe()
    from_it, its = os.pipe()
    switches = [*SWITCHES, f"--user-data-dir={folder / 'profile'}"]
    process = subprocess.Popen(
        [sys.executable, "-c", WIRED, str(for_it), str(its), PROGRAM, *switches],
        pass_fds=(for_it, its),
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    os.close(for_it)
    os.close(its)
    try:
        with os.fdopen(ours, "wb") as to, os.fdopen(from_it, "rb") as from_:
            yield Tab(to, from_)
    finally:
        process.terminate()
        process.wait(30)
