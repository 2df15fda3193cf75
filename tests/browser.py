"""Drives headless Chromium over its debugging pipe, with nothing but Python."""

import base64
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator

FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe")


def find() -> str | None:
    """Path of the browser."""
    return shutil.which("chromium") or shutil.which("google-chrome")


class Page:
    """A page, and what it said and asked for since it was opened.

    Attributes:
        errors: Exceptions, and messages on the console that are errors or warnings.
        requests: Addresses that it asked for.
    """

    def __init__(self, read: int, write: int):
        self._read, self._write = os.fdopen(read, "rb"), os.fdopen(write, "wb")
        self._count, self._session = 0, None
        self.errors, self.requests = [], []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def open(self, path: pathlib.Path, width: int = 1200, height: int = 900) -> None:
        """Opens a file, without a network, and waits until it is loaded."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
        self.call("Emulation.setDeviceMetricsOverride", mobile=False, **metrics)
        offline = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.call("Network.emulateNetworkConditions", offline=True, **offline)
        self.call("Page.navigate", url=pathlib.Path(path).resolve().as_uri())
        self.wait("document.readyState === 'complete'")

    def run(self, script: str) -> object:
        """What a script in the page gives."""
        given = {"expression": script, "returnByValue": True, "awaitPromise": True}
        answer = self.call("Runtime.evaluate", **given)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = 60.0) -> None:
        """Waits until a script gives true."""
        end = time.monotonic() + seconds
        while not self.run(f"!!({script})"):
            assert time.monotonic() < end, script
            time.sleep(0.05)

    def click(self, selector: str) -> None:
        """Clicks with the mouse on the middle of an element."""
        place = self.run(
            f"(e => {{ e.scrollIntoView({{block: 'center'}});"
            "const r = e.getBoundingClientRect();"
            "return [r.x + r.width / 2, r.y + r.height / 2]; })"
            f"(document.querySelector({selector!r}))"
        )
        at = {"x": place[0], "y": place[1], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **at)

    def screenshot(self, path: pathlib.Path) -> None:
        """Writes the whole page as PNG."""
        answer = self.call("Page.captureScreenshot", captureBeyondViewport=True)
        pathlib.Path(path).write_bytes(base64.b64decode(answer["data"]))

    def call(self, method: str, **parameters) -> dict:
        """Sends a command of the DevTools protocol, and gives its result."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        self._write.write(json.dumps(message).encode() + b"\0")
        self._write.flush()
        while True:
            answer = json.loads(self._next())
            if answer.get("id") == self._count:
                assert "error" not in answer, answer
                return answer["result"]
            self._note(answer.get("method"), answer.get("params", {}))

    def _next(self) -> bytes:
        parts = []
        while (byte := self._read.read(1)) != b"\0":
            assert byte, "the browser ended"
            parts.append(byte)
        return b"".join(parts)

    def _note(self, event: str, told: dict) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.errors.append(str(told["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and told["type"] != "log":
            self.errors.append(str(told["args"]))
        elif event == "Log.entryAdded":
            self.errors.append(str(told["entry"]))


@contextlib.contextmanager
def page() -> Iterator[Page]:
    """A page in a browser of its own."""
    to_browser, write = os.pipe()
    read, from_browser = os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # The browser expects the pipe's ends as descriptors 3 and 4.
        command = [find(), *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        moved = f'exec "$@" 3<&{to_browser} 4>&{from_browser}'
        process = subprocess.Popen(
            ["bash", "-c", moved, "bash", *command],
            pass_fds=(to_browser, from_browser),
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        opened = None
        try:
            opened = Page(read, write)
            yield opened
        finally:
            if opened:
                opened.call("Browser.close") if process.poll() is None else None
                opened._write.close()
                opened._read.close()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
