"""Where SSH leads to, or a flag says so, the UI draws more seldom."""

from __future__ import annotations

from fleet_fixture import Stage, app_with, bank
from updeck.ui.launch import SLOW_PACE_S, SLOW_REST_S, UiOptions

OVER_SSH = {"SSH_TTY": "/dev/pts/3"}


def pace(options: UiOptions, environment: dict[str, str]) -> tuple[float, float]:
    settled = options.settled(environment)
    return settled.pace_s, settled.rest_s


def test_ssh_makes_the_line_slow_and_a_flag_overrides_it() -> None:
    fast, slow = (UiOptions().pace_s, UiOptions().rest_s), (SLOW_PACE_S, SLOW_REST_S)
    assert pace(UiOptions(), {}) == fast
    assert pace(UiOptions(), OVER_SSH) == slow
    assert pace(UiOptions(), {"SSH_CONNECTION": "192.0.2.1 5 192.0.2.2 22"}) == slow
    assert pace(UiOptions(slow_line=True), {}) == slow
    assert pace(UiOptions(slow_line=False), OVER_SSH) == fast
    assert slow > fast


async def test_a_cursor_that_has_not_rested_for_so_long_draws_no_detail() -> None:
    options = UiOptions(fleet_name="bank-eu", pace_s=3600, rest_s=3600)
    app = app_with(Stage(bank()), options)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        app.home.look()
        before = app.home.board.status.text
        await pilot.press("j", "j")
        assert app.home.lineup.row == 2
        assert app.home.board.status.text == before
