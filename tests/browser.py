"""A browser without a window, driven by its own protocol (Chrome DevTools) over a pipe: no package is needed for it.

Clicks, keys and fingers are real input events, not calls of the page's functions. Where there is no Chromium, whoever
asks for it is skipped.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time

import pytest
from work import HANGS

# how often a page is asked whether it is ready, with a pause after each
ASKED = 1_500
PAUSE = 0.02
KEYS = {
    "Enter": (13, "\r"),
    "Escape": (27, ""),
    "Tab": (9, ""),
    "ArrowLeft": (37, ""),
    "ArrowUp": (38, ""),
    "ArrowRight": (39, ""),
    "ArrowDown": (40, ""),
}

# Chromium listens on file 3 and speaks on file 4
_START = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


def _pipe():
    """A pipe whose ends are out of the way of the files 3 and 4."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved


class Browser:
    """One Chromium with one page. `console` is what was said there, `requests` all that was asked of any network."""

    def __init__(self, width=1280, height=800, *, dark=False, phone=False):
        program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if program is None:
            pytest.skip("there is no Chromium here")
        self._profile = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        read_theirs, self._write = _pipe()
        self._read, write_theirs = _pipe()
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"]
        command = [program, *options, "--remote-debugging-pipe", f"--user-data-dir={self._profile.name}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START, str(read_theirs), str(write_theirs), *command],
            pass_fds=(read_theirs, write_theirs),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_theirs)
        os.close(write_theirs)
        self._buffer, self._id, self._session = b"", 0, None
        self.console, self.requests = [], []
        try:
            self._attach(width, height, dark=dark, phone=phone)
        except BaseException:
            self.__exit__()
            raise

    def _attach(self, width, height, *, dark, phone):
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.size(width, height, phone=phone)
        self.emulate(dark=dark)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            self._session = None
            self.call("Browser.close")
            self._process.wait(HANGS)
        except (OSError, TimeoutError, AssertionError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        os.close(self._write)
        self._profile.cleanup()

    def call(self, method, **params):
        """Call a method of the protocol; its result. What is reported meanwhile is kept."""
        self._id += 1
        message = {"id": self._id, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        own = self._id
        while True:
            reply = self._next()
            if reply.get("id") == own:
                assert "error" not in reply, (method, reply["error"])
                return reply["result"]

    def _next(self):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._read], [], [], HANGS)
            data = os.read(self._read, 1 << 20) if ready else b""
            if not data:
                raise TimeoutError("the browser says nothing")
            self._buffer += data
        first, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(first)
        params = message.get("params", {})
        match message.get("method"):
            case "Runtime.consoleAPICalled":
                self.console.append(
                    " ".join(str(each.get("value", each.get("description"))) for each in params["args"])
                )
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                self.console.append(details.get("exception", {}).get("description") or details["text"])
            case "Log.entryAdded":
                self.console.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
        return message

    def size(self, width, height, *, phone=False):
        """The size of the window; that of a phone has a touch screen."""
        scale = 2 if phone else 1
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def emulate(self, *, dark=False, media=""):
        """What the reader's system prefers, and the medium."""
        features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def open(self, path, fragment=""):
        """Open a file; when this returns, its scripts have run."""
        url = path.resolve().as_uri() + fragment
        # another fragment of the page that is there would not load it anew
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=url)
        self.wait(
            f"location.href.startsWith({json.dumps(path.resolve().as_uri())}) && document.readyState == 'complete'"
        )

    def reload(self):
        """Load the page anew; when this returns, its scripts have run."""
        self.value("window.isOld = true")
        self.call("Page.reload")
        self.wait("window.isOld === undefined && document.readyState == 'complete'")

    def value(self, expression):
        """The value of an expression in the page."""
        made = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in made, made["exceptionDetails"]
        return made["result"].get("value")

    def wait(self, expression):
        """Wait until something holds in the page."""
        for _ in range(ASKED):
            if self.value(expression):
                return
            time.sleep(PAUSE)
        pytest.fail(f"never true: {expression}")

    def place(self, selector):
        """The middle of the first element that a selector finds, scrolled into the window."""
        script = f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            if (!element) return null;
            if (!element.closest("#stage")) element.scrollIntoView({{ block: "center" }});
            const {{ left, top, width, height }} = element.getBoundingClientRect();
            return [left + width / 2, top + height / 2];
        }})()"""
        found = self.value(script)
        assert found is not None, f"nothing is {selector}"
        return found

    def hover(self, selector):
        x, y = self.place(selector)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        self.settle()

    def click(self, selector, times=1):
        x, y = self.place(selector)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for count in range(1, times + 1):
            for kind in ("mousePressed", "mouseReleased"):
                self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=count)
        self.settle()

    def drag(self, start, by):
        (x, y), (dx, dy) = start, by
        self.call("Input.dispatchMouseEvent", type="mousePressed", x=x, y=y, button="left", clickCount=1)
        for part in (0.3, 0.6, 1):
            self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x + dx * part, y=y + dy * part, buttons=1)
        self.call("Input.dispatchMouseEvent", type="mouseReleased", x=x + dx, y=y + dy, button="left", clickCount=1)
        self.settle()

    def touch(self, *moments):
        """Fingers on the screen: each moment is where they are."""
        for place, fingers in enumerate(moments):
            points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
            self.call("Input.dispatchTouchEvent", type="touchMove" if place else "touchStart", touchPoints=points)
        self.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        self.settle()

    def wheel(self, selector, delta):
        x, y = self.place(selector)
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=delta)
        self.settle()

    def key(self, name, *, shift=False):
        code, text = KEYS[name] if name in KEYS else (ord(name.upper()) if name.isalnum() else 0, name)
        press = {"key": name, "text": text} if text else {"key": name}
        for kind in ("keyDown", "keyUp"):
            params = press if kind == "keyDown" else {"key": name}
            self.call(
                "Input.dispatchKeyEvent", type=kind, windowsVirtualKeyCode=code, modifiers=8 if shift else 0, **params
            )
        self.settle()

    def type(self, text):
        self.call("Input.insertText", text=text)
        self.settle()

    def settle(self):
        """Let the page draw what it was told."""
        self.value("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))")

    def screenshot(self, path):
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))

    def pdf(self):
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])
