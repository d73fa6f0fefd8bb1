"""The UI on a real pseudo-terminal: bursts of keys, terminals that cannot, terminals that are gone, and its own end."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable

import pytest

from terminal_fixture import Terminal, on_terminal
from updeck.ui.terminal import Title

HANG_S = 30
RESTORED = b"\x1b[?1049l"
_SGR = re.compile(rb"\x1b\[([0-9;]*)m")


def child(devices: int = 12, changes_per_s: int = 0) -> tuple[str, ...]:
    """Return the arguments that run the UI at the machine's own pace."""
    return ("ui_child.py", str(devices), "1", str(changes_per_s))


def there(terminal: Terminal) -> bool:
    """Whether the fleet is on the screen."""
    return "12 idle" in terminal.text


def test_letters_in_one_burst_with_the_slash_are_filter_text_and_never_keys() -> None:
    with on_terminal(*child()) as terminal:
        terminal.until(there)
        terminal.send("/XSab")
        terminal.until(lambda seen: "/XSab" in seen.text)
        terminal.until_quiet()
        assert "no device matches the filter" in terminal.text
        assert "comes first" not in terminal.text, "S was taken for a key"
        assert "un-init ar11" not in terminal.text, "X was taken for a key"


def test_keys_behind_the_filter_in_one_burst_are_keys_again() -> None:
    with on_terminal(*child()) as terminal:
        terminal.until(there)
        terminal.send("/0007\rS")
        terminal.until(lambda seen: "start ar11-s00-0007: the device is IDLE" in seen.text)


def test_keys_behind_one_that_opens_a_screen_are_not_taken_for_keys_of_the_list() -> None:
    with on_terminal(*child()) as terminal:
        terminal.until(there)
        terminal.until_quiet()
        terminal.send("?q")
        terminal.until(lambda seen: "un-init (reset)" in seen.text)
        terminal.until_quiet()
        assert terminal.process.poll() is None, "q was meant for what ? opens"


def test_a_key_pressed_before_a_screen_is_seen_does_not_close_it() -> None:
    """Whenever the second key comes: while the screen opens, when it stands but is not drawn yet, and later."""
    with on_terminal(*child()) as terminal:
        terminal.until(there)
        terminal.until_quiet()
        for gap_ms in (0, 2, 5, 10, 20, 40):
            before = len(terminal.written)
            terminal.send("?")
            terminal.read(gap_ms / 1000)
            terminal.send("q")
            terminal.until_quiet()
            assert b"un-init (reset)" in terminal.written[before:], f"closed unseen after {gap_ms} ms"
            assert terminal.process.poll() is None
            if "Keys of" in terminal.picture:
                terminal.send("q")
                terminal.until_quiet()


def test_a_paste_into_the_list_does_nothing() -> None:
    with on_terminal(*child()) as terminal:
        terminal.until(there)
        terminal.until_quiet()
        terminal.send("\x1b[200~S X q\x1b[201~")
        assert b"comes first" not in terminal.until_quiet()
        assert terminal.process.poll() is None


@pytest.mark.parametrize("typed", ["Gruß".encode("latin-1"), b"\xff\xfe"])
def test_bytes_that_are_no_utf_8_are_dropped_and_keys_go_on(typed: bytes) -> None:
    with on_terminal(*child()) as terminal:
        terminal.until(there)
        terminal.send(typed + b"x")
        terminal.until_quiet()
        terminal.send("?")
        terminal.until(lambda seen: "un-init (reset)" in seen.text)


def test_q_restores_the_terminal_and_ends_well() -> None:
    with on_terminal(*child()) as terminal:
        terminal.until(there)
        terminal.send("q")
        terminal.until(lambda seen: RESTORED in seen.written)
        assert terminal.process.wait(HANG_S) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_restores_the_terminal_first(number: signal.Signals) -> None:
    with on_terminal(*child()) as terminal:
        terminal.until(there)
        terminal.process.send_signal(number)
        terminal.until(lambda seen: RESTORED in seen.written)
        assert terminal.process.wait(HANG_S) == 130


def test_a_terminal_that_is_gone_ends_the_process() -> None:
    with on_terminal(*child()) as terminal:
        terminal.until(there)
        terminal.hang_up()
        assert terminal.process.wait(HANG_S) == 130


def test_a_terminal_that_is_gone_ends_the_process_though_no_signal_says_so() -> None:
    with on_terminal(*child(), controlling=False) as terminal:
        terminal.until(there)
        terminal.hang_up()
        assert terminal.process.wait(HANG_S) == 130


def test_a_terminal_that_takes_no_output_keeps_no_process_alive_that_was_told_to_end() -> None:
    with on_terminal(*child(400, 2000)) as terminal:
        terminal.until(lambda seen: "400 devices" in seen.text)
        terminal.fill(stuck_s=1.0)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(HANG_S) == 130


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}])
def test_a_terminal_that_cannot_draw_is_told_where_to_look_instead(environment: dict[str, str]) -> None:
    with on_terminal(*child(), environment=environment) as terminal:
        terminal.until(lambda seen: "`updeck status`" in seen.text)
        assert terminal.process.wait(HANG_S) == 2
        assert b"\x1b" not in terminal.written


def shows(pattern: str) -> Callable[[Terminal], bool]:
    """Return whether the pattern stands on the screen."""
    return lambda seen: re.search(pattern, seen.picture, re.MULTILINE) is not None


FEW = {b"0", b"1", b"2", b"4", b"7", b"22", b"39", b"49"}
SIXTEEN = FEW | {f"{base + number}".encode() for base in (30, 40, 90, 100) for number in range(8)}
TERMS = [
    ("linux", SIXTEEN, True),
    ("vt100", FEW, True),
    pytest.param("screen", SIXTEEN, False, marks=pytest.mark.long),
    pytest.param("tmux-256color", None, False, marks=pytest.mark.long),
    pytest.param("xterm", SIXTEEN, False, marks=pytest.mark.long),
    pytest.param("nosuch-terminal", SIXTEEN, False, marks=pytest.mark.long),
    pytest.param("", SIXTEEN, False, marks=pytest.mark.long),
    (None, SIXTEEN, False),
]


@pytest.mark.parametrize(("term", "codes", "ascii_only"), TERMS)
def test_every_kind_of_terminal_hears_its_keys_gets_what_it_can_show_and_is_given_back(
    term: str | None, codes: set[bytes] | None, ascii_only: bool
) -> None:
    with on_terminal(*child(), environment={"TERM": term}) as terminal:
        before = terminal.attributes()
        terminal.until(there)
        for keys, shown in (
            ("\x1b[B", r"^[▌>] +ar11-s00-0001"),  # down, in both ways that terminals spell it
            ("\x1bOB", r"^[▌>] +ar11-s00-0002"),
            ("?", "Keys of the list"),
            ("\x1b[6~", "What a device says"),
        ):
            terminal.send(keys)
            terminal.until(shows(shown))
            terminal.until_quiet(0.1)
        terminal.send("\x1b")
        terminal.until(lambda seen: "q quit" in seen.picture)
        terminal.send("q")
        assert terminal.until_end() == 0
        assert terminal.attributes() == before
        assert RESTORED in terminal.written
    used = {code for found in _SGR.findall(terminal.written) for code in found.split(b";") if code}
    assert codes is None or used <= codes, used - codes
    assert terminal.written.isascii() is ascii_only


def test_no_color_sends_no_colour_at_all() -> None:
    with on_terminal(*child(), environment={"NO_COLOR": "1"}) as terminal:
        terminal.until(there)
        terminal.send("jv")
        terminal.until_quiet()
    codes = {code for found in _SGR.findall(terminal.written) for code in found.split(b";") if code}
    assert codes <= {b"0", b"1", b"2", b"4", b"7", b"39", b"49"}, codes


@pytest.mark.parametrize("environment", [{"LC_ALL": "C"}, {"LC_ALL": "", "LANG": "POSIX"}])
def test_a_locale_without_utf_8_gets_ascii_only(environment: dict[str, str]) -> None:
    with on_terminal(*child(), environment=environment) as terminal:
        terminal.until(there)
        terminal.send("j?")
        terminal.until_quiet()
        assert terminal.written.isascii()


def test_the_title_says_how_many_need_a_person_and_is_given_back() -> None:
    with on_terminal(*child()) as terminal:
        terminal.until(there)
        terminal.send("q")
        terminal.until(lambda seen: RESTORED in seen.written)
        titles = re.findall(rb"\x1b\]2;([^\x07]*)\x07", terminal.written)
        assert titles == [b"updeck"]
        assert terminal.written.index(b"\x1b[22;2t") < terminal.written.index(b"\x1b[23;2t")


@pytest.mark.parametrize("text", ["\x1b]0;owned\x07", "\x9c", "a\u202eb", "ar11-nyc-1 \n", "ä"])
def test_a_title_that_could_drive_the_terminal_is_not_told(text: str) -> None:
    written: list[str] = []
    title = Title()
    title.attach(written.append)
    title.tell(f"updeck: {text}")
    assert written == []
    title.tell("updeck: 1 need you")
    assert written[-1] == "\x1b]2;updeck: 1 need you\x07"
