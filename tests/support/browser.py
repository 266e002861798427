"""A real browser for tests of the panel: headless Chromium through its DevTools protocol."""

import base64
import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from tests.support.repository import REPOSITORY

PICTURES = REPOSITORY / "test-output"
PATIENCE_S = 20.0
_PAUSE_S = 0.05
# Flags for each browser that the tests start.
FLAGS = (
    "--headless=new",
    # In a container as root the sandbox does not work, and /dev/shm may be small.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
)
# `window.changed` resolves with the time when the page draws another state of a service.
WATCH_STATE = """(() => {
    const word = document.querySelector('[data-root="%s"] [data-service="%s"] .word');
    window.changed = new Promise((done) => {
        new MutationObserver((_, observer) => {
            observer.disconnect();
            done(performance.timeOrigin + performance.now());
        }).observe(word, { characterData: true, childList: true, subtree: true });
    });
    return true;
})()"""
# The position of the button or link with a name; null while it is missing, moves or is covered. A
# hidden tab draws no frames, so a timer also ends the wait.
_FIND = """(async () => {
    const look = () => {
        const all = document.querySelector(%s)?.querySelectorAll("button, summary, a") || [];
        const name = %s;
        return [...all].find((e) => e.checkVisibility() &&
            (e.getAttribute("aria-label") || e.textContent.trim()) === name);
    };
    const frame = () => new Promise((done) => {
        requestAnimationFrame(done);
        setTimeout(done, 40);
    });
    const place = (one) => {
        const box = one.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2];
    };
    const one = look();
    if (!one) return null;
    one.scrollIntoView({ block: "center" });
    await frame();
    const [x, y] = place(one);
    await frame();
    if (look() !== one || String(place(one)) !== String([x, y])) return null;
    if (!one.contains(document.elementFromPoint(x, y))) return null;
    window.pressedIt = false;
    const note = () => { window.pressedIt = true; };
    one.addEventListener("click", note, { capture: true, once: true });
    return [x, y];
})()"""


class Page:
    """A tab.

    Attributes:
        problems: What the browser reported: exceptions, refusals, failed requests.
    """

    def __init__(self, url: str) -> None:
        self._open = contextlib.ExitStack()
        self._socket = self._open.enter_context(connect(url, max_size=None, compression=None))
        self._ids = itertools.count(1)
        self.problems: list[str] = []
        if "/devtools/page/" in url:
            for domain in ("Page", "Runtime", "Log"):
                self.send(f"{domain}.enable")
            # Of several tabs each behaves as if it were visible.
            self.send("Emulation.setFocusEmulationEnabled", enabled=True)

    def send(self, method: str, **params: object) -> dict[str, Any]:
        """Send a command to the browser; return its answer."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message: dict[str, Any] = json.loads(self._socket.recv(PATIENCE_S))
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        if message.get("method") == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description") or str(details))
        elif message.get("method") == "Log.entryAdded" and params["entry"]["level"] == "error":
            entry = params["entry"]
            self.problems.append(f"{entry['text']} {entry.get('url', '')}")

    def prepare(self, script: str) -> None:
        """Run a script before those of each page that loads from now on."""
        self.send("Page.addScriptToEvaluateOnNewDocument", source=script)

    def go(self, url: str) -> None:
        """Load a page."""
        # The old page answers until the new one begins to load.
        self.run("window.isOld = true")
        self.send("Page.navigate", url=url)
        self.wait("!window.isOld && document.readyState === 'complete'")

    def reload(self) -> None:
        """Load the page again."""
        self.run("window.isOld = true")
        self.send("Page.reload")
        self.wait("!window.isOld && document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Return the value of an expression; a promise is awaited."""
        answer = self._evaluate(script)
        assert "exceptionDetails" not in answer, f"{script}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def _evaluate(self, script: str) -> dict[str, Any]:
        answer: dict[str, Any] = self.send(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        return answer

    def wait(self, script: str, *, timeout_s: float = PATIENCE_S) -> Any:
        """Wait until an expression is true; return its value.

        An exception counts as false: the elements may not exist yet.
        """
        until_s = time.monotonic() + timeout_s
        while True:
            answer = self._evaluate(script)
            found = None if "exceptionDetails" in answer else answer["result"].get("value")
            if found:
                break
            assert time.monotonic() < until_s, f"not so: {script}\n{self.text()}\n{self.problems}"
            time.sleep(_PAUSE_S)
        return found

    def text(self) -> str:
        """Return the visible text of the page."""
        return str(self.run("document.body.innerText"))

    def wait_for_text(self, text: str, *, within: str = "body", timeout_s: float = 20.0) -> None:
        """Wait until a text is visible in the element of a selector."""
        inside = f"document.querySelector({json.dumps(within)})"
        found = f"({inside}?.innerText || '').includes({json.dumps(text)})"
        self.wait(found, timeout_s=timeout_s)

    def press(self, name: str, *, within: str = "body") -> None:
        """Click the button or link with an accessible name, once it exists.

        The page may redraw or scroll at any moment. So it clicks where the element stands still and
        uncovered, and again if the click did not reach it.
        """
        find = _FIND % (json.dumps(within), json.dumps(name))
        until_s = time.monotonic() + PATIENCE_S
        while True:
            x, y = self.wait(find)
            for kind in ("mousePressed", "mouseReleased"):
                self.send(
                    "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
                )
            if self.run("window.pressedIt"):
                return
            assert time.monotonic() < until_s, f"cannot be pressed: {name}\n{self.text()}"

    def type(self, text: str) -> None:
        """Type into the focused element."""
        self.send("Input.insertText", text=text)

    def key(self, key: str, code: int = 0) -> None:
        """Press a key."""
        text = {"text": key} if len(key) == 1 else {"text": "\r"} if key == "Enter" else {}
        for kind in ("keyDown", "keyUp"):
            extra = text if kind == "keyDown" else {}
            self.send(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code, **extra
            )

    def set_view(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Set the window size and the colour scheme."""
        self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])

    def save_screenshot(self, name: str) -> Path:
        """Save a screenshot of the page in `test-output/`; the name may have a folder."""
        path = PICTURES / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        answer = self.send("Page.captureScreenshot", format="png", optimizeForSpeed=True)
        path.write_bytes(base64.b64decode(answer["data"]))
        return path

    def close(self) -> None:
        """Close the tab."""
        self._open.close()


class Browser:
    """Chromium.

    Args:
        program: Its path.
        folder: The folder for its profile.
    """

    def __init__(self, program: str, folder: Path) -> None:
        self._said = folder / "chromium.err"
        with self._said.open("wb") as said:
            self._process = subprocess.Popen(
                [
                    program,
                    *FLAGS,
                    "--remote-debugging-port=0",
                    f"--user-data-dir={folder / 'profile'}",
                    "about:blank",
                ],
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, "HOME": str(folder)},
                start_new_session=True,
            )
        self._address = self._wait(self._find_address)
        self._pages: list[Page] = []
        self._main = Page(self._address)

    def _find_address(self) -> str | None:
        found = re.search(r"DevTools listening on (ws://\S+)", self._said.read_text())
        return found[1] if found else None

    def _wait(self, question: Callable[[], str | None]) -> str:
        until_s = time.monotonic() + PATIENCE_S
        while (found := question()) is None:
            assert time.monotonic() < until_s, self._said.read_text()
            assert self._process.poll() is None, self._said.read_text()
            time.sleep(_PAUSE_S)
        return found

    def page(self) -> Page:
        """Open a new tab."""
        target = self._main.send("Target.createTarget", url="about:blank")["targetId"]
        host = self._address.split("/devtools/")[0]
        page = Page(f"{host}/devtools/page/{target}")
        self._pages.append(page)
        return page

    def allow(self, origin: str, *permissions: str) -> None:
        """Grant the pages of an origin all permissions."""
        self._main.send("Browser.grantPermissions", origin=origin, permissions=permissions)

    def close(self) -> None:
        """End the browser."""
        for page in [*self._pages, self._main]:
            page.close()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Pages:
    """Tabs of one browser: `pages()` makes one.

    Attributes:
        browser: The browser.
        made: The tabs.
    """

    def __init__(self, folder: Path) -> None:
        self.browser = Browser(shutil.which("chromium") or "", folder)
        self.made: list[Page] = []

    def __call__(self) -> Page:
        """Open a new tab."""
        page = self.browser.page()
        page.set_view()
        self.made.append(page)
        return page
