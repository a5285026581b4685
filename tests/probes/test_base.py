"""The contract's own words: safe text, gauges, rates, lanes, addresses, failures, programs."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import socket
import ssl
import sys
import threading
import unicodedata
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.base import (
    BadUrl,
    Cause,
    Gauges,
    Lane,
    ProbeError,
    Rates,
    SafeText,
    armour,
    finite,
    from_os_error,
    hide_password,
    parse_url,
    verifying,
)
from probes.exec import program as door


class TestSafeText:
    @given(st.text(max_size=300))
    def test_nothing_that_steers_a_terminal_gets_through(self, raw: str) -> None:
        assert SafeText(raw)._text.isprintable()

    @given(st.binary(max_size=300))
    def test_any_bytes_become_one_printable_line(self, raw: bytes) -> None:
        assert str(SafeText(raw)).isprintable()

    @pytest.mark.parametrize("code", [*range(0x20), 0x7F, *range(0x80, 0xA0), 0x202E, 0x2066, 0x200B, 0xFEFF, 0xE0041])
    def test_a_control_character_is_shown_and_not_dropped(self, code: int) -> None:
        shown = str(SafeText(f"a{chr(code)}b"))
        assert shown.isprintable()
        assert len(shown) > 2
        assert shown[0] == "a"
        assert shown[-1] == "b"

    def test_the_clipboard_sequence_is_harmless(self) -> None:
        assert str(SafeText("\x1b]52;c;ZXZpbA==\x07")) == "^[]52;c;ZXZpbA==^G"

    def test_a_ten_megabyte_line_is_cut_before_anything_else(self) -> None:
        cut = SafeText("\x1b" * 10_000_000)
        assert len(cut) == 2 * 4096 + 1
        assert str(cut).endswith("…")

    def test_a_name_of_invisible_letters_is_seen(self) -> None:
        assert "U+3164" in str(SafeText("\u3164\u3164"))

    def test_a_pile_of_accents_stays_in_its_cell(self) -> None:
        shown = str(SafeText("e" + "\u0301" * 1000))
        assert sum(map(bool, map(unicodedata.combining, shown))) == 3

    def test_lone_surrogates_are_shown(self) -> None:
        assert str(SafeText("\ud800")) == "<U+D800>"

    def test_it_is_no_string_and_cannot_be_changed(self) -> None:
        text = SafeText("web")
        assert not isinstance(text, str)
        with pytest.raises(AttributeError):
            text._text = "other"

    def test_formatting_gives_the_safe_form(self) -> None:
        assert f"{SafeText('a' + chr(27))}" == "a^["

    @given(st.text(max_size=100))
    def test_making_safe_twice_changes_nothing_more(self, raw: str) -> None:
        assert armour(armour(raw)) == armour(raw)


class TestNumbers:
    @pytest.mark.parametrize("value", [None, "3", True, math.nan, math.inf, -math.inf, [], 10**400])
    def test_what_is_no_honest_number_is_missing(self, value: object) -> None:
        assert finite(value) is None

    def test_a_gauge_without_a_number_is_a_gap_and_not_a_zero(self) -> None:
        gauges = Gauges()
        gauges.put("depth", math.nan, queue="mail")
        assert gauges.values == {}

    def test_a_counter_that_restarted_gives_no_rate(self) -> None:
        rates = Rates()
        rates.per_second("hits", 100, at=1.0)
        assert rates.per_second("hits", 3, at=2.0) is None
        assert rates.per_second("hits", 5, at=3.0) == 2.0

    def test_a_value_that_was_missing_in_between_gives_no_rate(self) -> None:
        rates = Rates()
        rates.per_second("hits", 100, at=1.0)
        rates.per_second("hits", None, at=2.0)
        assert rates.per_second("hits", 120, at=3.0) is None


class TestLane:
    async def test_hung_calls_fill_the_lane_and_the_next_fails_at_once(self) -> None:
        lane, release = Lane("slow", limit=2), threading.Event()
        hung = [asyncio.create_task(lane.run(release.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(ProbeError, match="2 earlier calls still have no answer"):
            await lane.run(int)
        release.set()
        assert await asyncio.gather(*hung) == [True, True]
        assert await lane.run(int) == 0
        lane.close()

    async def test_one_call_that_hangs_is_told_as_one(self) -> None:
        lane, release = Lane("one", limit=1), threading.Event()
        hung = asyncio.create_task(lane.run(release.wait))
        await asyncio.sleep(0)
        with pytest.raises(ProbeError, match="1 earlier call still has no answer"):
            await lane.run(int)
        release.set()
        assert await hung
        lane.close()

    async def test_an_error_in_the_thread_is_raised_where_it_was_asked(self) -> None:
        lane = Lane("bad")
        with pytest.raises(ZeroDivisionError):
            await lane.run(lambda: 1 / 0)
        assert lane.busy == 0
        lane.close()

    async def test_a_waiter_that_was_cancelled_frees_the_lane_when_its_call_returns(self) -> None:
        lane, release = Lane("late", limit=1), threading.Event()
        task = asyncio.create_task(lane.run(release.wait))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert lane.busy == 1
        release.set()
        async with asyncio.timeout(20):
            while lane.busy:
                await asyncio.sleep(0)
        lane.close()

    async def test_what_nobody_waits_for_is_done_after_the_calls_before_it_and_in_a_closed_lane_too(self) -> None:
        lane, release = Lane("behind", limit=1), threading.Event()
        done: list[str] = []
        first, second = threading.Event(), threading.Event()

        def call(said: str, waits: threading.Event | None = None, then: threading.Event | None = None) -> None:
            if waits is not None:
                waits.wait(30)
            done.append(said)
            if then is not None:
                then.set()

        task = asyncio.create_task(lane.run(call, "call", release))
        await asyncio.sleep(0)
        lane.behind(lambda: 1 / 0)
        lane.behind(call, "behind it", None, first)
        assert (done, lane.busy) == ([], 1)
        release.set()
        assert await asyncio.to_thread(first.wait, 30)
        await task
        lane.close()
        lane.behind(call, "closed", None, second)
        assert await asyncio.to_thread(second.wait, 30)
        assert done == ["call", "behind it", "closed"]


class TestAddresses:
    @pytest.mark.parametrize(
        "url",
        ["postgresql://a:p@ss@db/x", "ftp://db", "postgresql://", "postgresql://db:port/x", "postgresql://[::1/x"],
    )
    def test_an_address_that_cannot_be_trusted_is_refused_without_echo(self, url: str) -> None:
        with pytest.raises(BadUrl) as caught:
            parse_url(url, {"postgresql"})
        assert "ss@db" not in str(caught.value)
        assert "port" not in str(caught.value)

    @pytest.mark.parametrize(
        ("url", "path"),
        [
            ("https://x.example/@user/status", "@user/status"),
            ("https://x.example:8443/users/a@b.example?of=c@d", "users/a@b.example"),
            ("http://web:8080/@user", "@user"),
            ("http://127.0.0.1:8080/a@b", "a@b"),
            ("http://localhost:8080/a@b", "a@b"),
            ("http://[::1]:8080/a@b", "a@b"),
            ("http://web:8080/?of=a@b", ""),
            ("https://watcher@x.example/@user", "@user"),
        ],
    )
    def test_an_at_sign_may_stand_in_a_web_path(self, url: str, path: str) -> None:
        endpoint = parse_url(url, {"http", "https"})
        assert (endpoint.path, endpoint.password) == (path, None)
        assert endpoint.user == ("watcher" if "watcher" in url else None)
        assert hide_password(url) == url

    def test_a_login_before_the_host_is_known_from_what_stands_in_the_path(self) -> None:
        endpoint = parse_url("https://app:pw@x.example/@user?of=a@b", {"https"})
        assert (endpoint.user, endpoint.password, endpoint.path) == ("app", "pw", "@user")
        assert hide_password("https://app:pw@x.example/@user") == "https://app:***@x.example/@user"

    @pytest.mark.parametrize("tail", ["/x@h/", "?x@h/", "#x@h/", "@ss/x@h/", "@x@h/"])
    @pytest.mark.parametrize("scheme", ["https", "postgresql"])
    def test_what_may_be_a_password_with_an_at_sign_is_refused_and_hidden(self, scheme: str, tail: str) -> None:
        url = f"{scheme}://app:4711{tail}"
        with pytest.raises(BadUrl) as caught:
            parse_url(url, {scheme})
        assert "4711" not in f"{caught.value} {hide_password(url)}"

    def test_no_words_about_an_address_name_it_twice(self) -> None:
        for url in ("x://[", "x://a@b@c", "x://h/a@b", "x://", "y://h", "http://h:p"):
            with pytest.raises(BadUrl) as caught:
                parse_url(url, {"x", "http"})
            assert "address" not in str(caught.value), "they follow the word"

    def test_a_web_address_without_a_host_is_refused(self) -> None:
        with pytest.raises(BadUrl, match="names no host"):
            parse_url("https:///status", {"https"})

    def test_an_escaped_password_is_understood_and_not_shown(self) -> None:
        endpoint = parse_url("postgresql://app:p%40ss@db:5433/shop?sslmode=require", {"postgresql"})
        assert (endpoint.password, endpoint.where, endpoint.path) == ("p@ss", "db:5433", "shop")
        assert "p@ss" not in repr(endpoint)

    def test_a_socket_is_a_place_too(self) -> None:
        assert parse_url("unix:///run/x.sock", {"unix"}).where == "/run/x.sock"

    def test_the_password_in_an_address_is_hidden(self) -> None:
        assert hide_password("redis://:secret@h:1/0") == "redis://:***@h:1/0"


class TestFailures:
    @pytest.mark.parametrize(
        ("error", "cause"),
        [
            (ConnectionRefusedError(), Cause.REFUSED),
            (ConnectionResetError(), Cause.RESET),
            (BrokenPipeError(), Cause.RESET),
            (socket.gaierror(socket.EAI_NONAME, "x"), Cause.DNS_NX),
            (socket.gaierror(socket.EAI_AGAIN, "x"), Cause.DNS_FAIL),
            (TimeoutError(), Cause.TIMEOUT_CONNECT),
            (PermissionError(), Cause.LOCAL_PERM),
            (FileNotFoundError(), Cause.REFUSED),
            (ssl.SSLError("x"), Cause.TLS_PLAIN),
            (OSError(113, "No route to host"), Cause.REFUSED),
        ],
    )
    def test_what_the_system_says_gets_its_code(self, error: OSError, cause: Cause) -> None:
        assert from_os_error(error, "db:5432").cause is cause

    def test_every_cause_has_a_word(self) -> None:
        assert all(cause.state.value for cause in Cause)


class TestTrust:
    def test_certificate_and_name_are_checked_but_no_mere_form(self) -> None:
        context = verifying()
        assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert not context.verify_flags & ssl.VERIFY_X509_STRICT, "Python 3.13 sets it by itself"


def _is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


class TestPrograms:
    async def test_a_program_that_is_not_there_says_so(self) -> None:
        with pytest.raises(ProbeError) as caught:
            await door.run(["/nonexistent/tool"])
        assert caught.value.cause is Cause.MISSING

    async def test_a_file_that_is_no_program_says_so(self, tmp_path: Path) -> None:
        made = tmp_path / "tool"
        made.write_bytes(b"\x7fELF, cut off")
        made.chmod(0o700)
        with pytest.raises(ProbeError, match="can't be run: Exec format error"):
            await door.run([str(made)])

    async def test_a_late_program_is_ended_with_its_children(self) -> None:
        script = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import signal; signal.pause()'])"
        with pytest.raises(ProbeError, match="gave no answer"):
            await door.run([sys.executable, "-c", script], within=0.3)

    async def test_a_child_that_escapes_with_the_output_is_not_waited_for(self, tmp_path: Path) -> None:
        """In a session of its own it is not ended with its parent, and it holds the pipe."""
        pid = tmp_path / "pid"
        inner = "import signal; signal.pause()"
        script = (
            "import pathlib, signal, subprocess, sys\n"
            f"inner = subprocess.Popen([sys.executable, '-c', {inner!r}], start_new_session=True)\n"
            f"pathlib.Path({str(pid)!r}).write_text(str(inner.pid))\n"
            "signal.pause()"
        )
        try:
            async with asyncio.timeout(8):
                with pytest.raises(ProbeError, match="gave no answer"):
                    await door.run([sys.executable, "-c", script], within=2.0)
        finally:
            os.kill(int(pid.read_text()), signal.SIGKILL)

    @pytest.mark.parametrize("turns", range(6))
    async def test_one_that_is_given_up_while_it_starts_is_ended_and_holds_nobody_up(
        self, turns: int, tmp_path: Path
    ) -> None:
        """Cancelled after so many turns of the loop."""
        mark = str(tmp_path / "mark")
        running = asyncio.create_task(door.run([sys.executable, "-c", "import signal; signal.pause()", mark]))
        for _ in range(turns):
            await asyncio.sleep(0)
        running.cancel()
        async with asyncio.timeout(10):
            with pytest.raises(asyncio.CancelledError):
                await running
            while any(mark in (one.info["cmdline"] or []) for one in psutil.process_iter(["cmdline"])):
                await asyncio.sleep(0.01)

    async def test_a_program_that_cannot_be_killed_is_left_behind_and_counted(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pids: list[int] = []
        monkeypatch.setattr(os, "killpg", lambda pid, number: pids.append(pid))
        monkeypatch.setattr(door, "_GRACE", 0.1)
        late = [sys.executable, "-c", "import signal; signal.pause()"]
        try:
            for _ in range(4):
                async with asyncio.timeout(20):
                    with pytest.raises(ProbeError, match=r"gave no answer in 0\.05 s"):
                        await door.run(late, within=0.05)
            with pytest.raises(ProbeError, match=r"4 calls of .* hang and can't be ended"):
                await door.run(late, within=0.05)
            assert len(pids) == 4
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(10):
            while not await self._runs():
                await asyncio.sleep(0.01)
        for pid in pids:
            with pytest.raises(ProcessLookupError):  # reaped in the background
                os.kill(pid, 0)

    async def _runs(self) -> bool:
        try:
            return (await door.run([sys.executable, "-c", ""], within=20)).code == 0
        except ProbeError:
            return False

    async def test_a_stream_without_a_word_ends_with_us_when_we_are_killed_outright(self) -> None:
        code = """
import asyncio
from contextlib import aclosing
from probes.exec import lines
async def main():
    async with aclosing(lines(["sh", "-c", "echo $$; exec sleep 1000"])) as every:
        async for one in every:
            print(one.decode(), flush=True)
asyncio.run(main())
"""
        pipe = asyncio.subprocess.PIPE
        root = Path(__file__).parents[2]
        session = await asyncio.create_subprocess_exec(sys.executable, "-c", code, cwd=root, stdout=pipe)
        assert session.stdout is not None
        async with asyncio.timeout(60):
            streaming = psutil.Process(int(await session.stdout.readline()))
            session.kill()
            await session.wait()
            while not _is_gone(streaming):
                await asyncio.sleep(0.01)

    async def test_a_stream_tells_all_it_has_and_what_can_not_be_started_is_told(self, tmp_path: Path) -> None:
        every = [one async for one in door.lines(["printf", "a\\nb c\\nd"])]
        assert every == [b"a", b"b c", b"d"]
        with pytest.raises(ProbeError) as caught:
            await anext(door.lines(["/nonexistent/tool"]))
        assert caught.value.cause is Cause.MISSING
        (tmp_path / "tool").write_text("no program")
        with pytest.raises(ProbeError, match="not allowed to run"):
            await anext(door.lines([str(tmp_path / "tool")]))

    async def test_output_beyond_the_limit_is_dropped_and_told(self) -> None:
        ran = await door.run([sys.executable, "-c", "print('x' * 100000)"], within=20, limit=1000)
        assert (len(ran.out), ran.cut, ran.code) == (1000, True, 0)

    async def test_arguments_are_text_and_never_commands(self) -> None:
        hostile = "; echo harmed $(id) `id`"
        ran = await door.run([sys.executable, "-c", "import sys; print(sys.argv[1])", hostile], within=20)
        assert ran.out.decode().strip() == hostile

    async def test_the_child_gets_no_more_of_the_environment_than_it_needs(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("DATABASE_URL", "postgresql://app:canary@db/x")
        ran = await door.run([sys.executable, "-c", "import os; print(dict(os.environ))"], within=20)
        assert b"canary" not in ran.out

    async def test_lines_are_streamed_and_the_program_ends_with_the_reader(self) -> None:
        script = "import itertools, sys\nfor n in itertools.count(): print('line', n, flush=True)"
        stream = door.lines([sys.executable, "-c", script])
        first = [await anext(stream) for _ in range(3)]
        await stream.aclose()
        assert first == [b"line 0", b"line 1", b"line 2"]

    async def test_a_long_line_comes_whole_and_a_boundless_one_is_cut_at_its_end(self) -> None:
        script = f"print('a' * 200_000); print('b' * {3 * door.LONGEST}); print('short'); print('end', end='')"
        got = [one async for one in door.lines([sys.executable, "-c", script])]
        assert got == [b"a" * 200_000, b"b" * door.LONGEST, b"short", b"end"]
