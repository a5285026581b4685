"""A view in the real Chromium, steered through its own tool's socket: what a person sees, and what it asks for."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.conftest import obtain
from tests.stack import places
from tests.tui.test_serve import programs, served, until

pytestmark = pytest.mark.engine

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
    "--remote-debugging-port=0", "--window-size=1280,800",
)  # fmt: skip


def program() -> str:
    found = places.program("chromium")
    if found is None:
        raise places.Unavailable("chromium is not installed: tests/stack/up does that")
    return str(found)


class Browser:
    """One page of the browser."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._number = 0
        self.asked: list[str] = []
        """Every address that the page asked for."""
        self.complaints: list[str] = []

    async def do(self, method: str, **params: Any) -> Any:
        self._number += 1
        await self._wire.send(json.dumps({"id": self._number, "method": method, "params": params}))
        async with asyncio.timeout(60):
            while True:
                said = json.loads(await self._wire.recv())
                if said.get("method") == "Network.requestWillBeSent":
                    self.asked.append(said["params"]["request"]["url"])
                if said.get("method") == "Network.webSocketCreated":
                    self.asked.append(said["params"]["url"])
                if said.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown"):
                    self.complaints.append(json.dumps(said["params"]))
                if said.get("id") == self._number:
                    assert "error" not in said, said
                    return said["result"]

    async def value(self, expression: str) -> Any:
        said = await self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        return said["result"].get("value")

    async def sees(self, true: Callable[[str], bool], what: str) -> str:
        """Wait until it is on the page; the text of the page."""
        async with asyncio.timeout(60):
            while True:
                text = str(await self.value("document.body.innerText"))
                if true(text):
                    return text
                await asyncio.sleep(0.1)
        raise AssertionError(what)

    async def press(self, key: str) -> None:
        text = {"text": key} if len(key) == 1 else {}
        await self.do("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        await self.do("Input.dispatchKeyEvent", type="keyUp", key=key)


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        obtain("chromium", program), *FLAGS, f"--user-data-dir={folder}", "about:blank",
        env=environ, stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with asyncio.timeout(60):
            while not (found := re.search(rb"ws://(127\.0\.0\.1:\d+)/", await process.stderr.readline())):
                assert process.returncode is None
        async with httpx.AsyncClient(trust_env=False) as client:
            there = (await client.get(f"http://{found[1].decode()}/json/list", timeout=60)).json()
        address = next(one["webSocketDebuggerUrl"] for one in there if one["type"] == "page")
        async with connect(address, max_size=64 << 20, proxy=None) as wire:
            page = Browser(wire)
            for domain in ("Page", "Runtime", "Network", "Log"):
                await page.do(f"{domain}.enable")
            yield page
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        await process.wait()
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                await process.stderr.read()
        shutil.rmtree(folder, ignore_errors=True)


async def test_a_browser_shows_the_wall_in_its_size_and_asks_nobody_else(tmp_path: Path) -> None:
    async with served(tmp_path) as where, browser(tmp_path / "browser") as page:
        await page.do("Page.navigate", url=f"{where.origin}/#{where.server.gate.token}")
        await page.sees(lambda text: "play" in text and "read-only" in text and "SERVICES" in text, "the wall")
        assert await page.value("location.href") == f"{where.origin}/", "the token has left the address"
        assert await page.value("document.cookie") == ""
        await page.press("ArrowRight")
        await page.sees(lambda text: "[SERVICES]" in text, "the next page")
        rows = await page.value("document.getElementById('screen').children.length")
        high = await page.value("document.getElementById('screen').children[0].getBoundingClientRect().height")
        tall = await page.value("innerHeight")
        assert tall - high < rows * high <= tall, "the wall fills the window"
        picture = base64.b64decode((await page.do("Page.captureScreenshot"))["data"])
        assert picture.startswith(b"\x89PNG")
        (tmp_path / "wall.png").write_bytes(picture)
        port = where.origin.rpartition(":")[2]
        assert page.asked
        assert all(re.match(rf"(http|ws)://127\.0\.0\.1:{port}/", one) for one in page.asked), page.asked
        assert [one for one in page.complaints if "favicon" not in one] == []
        await page.do("Page.navigate", url="about:blank")
        await until(lambda: programs() == [], "the program is gone", 5.0)


async def test_a_page_of_somebody_else_in_the_same_browser_gets_no_word(tmp_path: Path) -> None:
    async with served(tmp_path) as where, browser(tmp_path / "browser") as page:
        await page.do("Page.navigate", url="data:text/html,<title>evil</title>")
        await page.value(
            f"told = []; made = new WebSocket('{where.address}');"
            f"made.onopen = () => made.send(JSON.stringify({{token: '{where.server.gate.token}'}}));"
            "made.onmessage = () => told.push('seen'); made.onclose = () => told.push('closed'); 0"
        )
        async with asyncio.timeout(30):
            while (told := await page.value("told.join()")) != "closed":
                assert told == "", "another page saw something"
                await asyncio.sleep(0.05)
        assert programs() == []


async def test_a_page_says_that_it_is_not_live_and_comes_back_by_itself(tmp_path: Path) -> None:
    async with served(tmp_path) as where, browser(tmp_path / "browser") as page:
        await page.do("Page.navigate", url=f"{where.origin}/#{where.server.gate.token}")
        await page.sees(lambda text: "SERVICES" in text, "the wall")
        (first,) = programs()
        first.kill()
        await page.sees(lambda text: "ended" in text, "that it has ended")
        await page.press("x")
        await page.sees(lambda text: "ended" not in text and "SERVICES" in text, "the wall again")


async def test_a_picture_that_has_stood_still_is_called_old_until_it_moves_again(tmp_path: Path) -> None:
    async with served(tmp_path) as where, browser(tmp_path / "browser") as page:
        await page.do("Page.navigate", url=f"{where.origin}/#{where.server.gate.token}")
        await page.sees(lambda text: "SERVICES" in text, "the wall")
        (stuck,) = programs()
        stuck.suspend()  # its connection is well, and answers
        await page.sees(lambda text: "NOT LIVE: nothing has come for" in text, "that it is old")
        stuck.resume()
        await page.sees(lambda text: "NOT LIVE" not in text and "SERVICES" in text, "the wall as it is now")
