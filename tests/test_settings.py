"""The settings of the fleet have the names, defaults and limits of the contracts."""

from __future__ import annotations

import pytest

from updeck.errors import ConfigError
from updeck.settings import PollSettings, UiSettings, read_keys, read_patience, read_poll, read_ui
from updeck.toml_table import Table, parse_toml


def read(text: str) -> Table:
    return parse_toml(text, "fleet.toml")


MINUTE = 60
PATIENCE = {
    "get_total": 30,
    "post_total": 60,
    "initializing_soft": 15 * MINUTE,
    "initializing_hard": 45 * MINUTE,
    "starting_soft": 2 * MINUTE,
    "starting_hard": 15 * MINUTE,
    "init_soft": 2 * MINUTE,
    "init_hard": 15 * MINUTE,
    "reset_soft": 2 * MINUTE,
    "reset_hard": 15 * MINUTE,
    "validating_soft": 15 * MINUTE,
    "validating_hard": 45 * MINUTE,
    "fetch_soft": 10 * MINUTE,
    "fetch_hard": 60 * MINUTE,
    "running_soft": 60 * MINUTE,
    "running_hard": 180 * MINUTE,
    "unreachable_soft": 30 * MINUTE,
    "unreachable_hard": 120 * MINUTE,
    "proving_soft": 3 * MINUTE,
    "proving_hard": 15 * MINUTE,
    "attempt_hard": 360 * MINUTE,
    "success_polls": 3,
    "success": 60,
    "relogin": 30,
    "upload_stall": 60,
    "upload_floor": 256_000,
}


def test_what_is_not_set_is_as_the_contracts_say() -> None:
    assert read_patience(read(""))._asdict() == PATIENCE
    assert read_poll(read("")) == PollSettings(10, 2, 5, 15, 60)
    assert read_ui(read("")) == UiSettings("dark")
    assert dict(read_keys(read(""))) == {}


@pytest.mark.parametrize("name", sorted(PATIENCE))
def test_every_timer_can_be_set_alone(name: str) -> None:
    value = PATIENCE[name]
    settings = read_patience(read(f"{name} = {value}\n"))._asdict()
    assert settings == PATIENCE
    changed = value + 1 if not name.endswith("_hard") else value + 7
    assert read_patience(read(f"{name} = {changed}\n"))._asdict()[name] == changed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("succes = 3", "unknown key succes at the top; did you mean success"),
        ('success = "60"', "success must be a number, not text"),
        ("success = 0", "success must be from 0.01"),
        ("success = nan", "success must be from 0.01"),
        ("success_polls = 2.5", "success_polls must be a whole number, not a number"),
        ("success_polls = 0", "success_polls must be from 1"),
        ("upload_floor = true", "upload_floor must be a whole number, not true or false"),
        ("running_soft = 20000", "running_soft makes running_soft longer than running_hard"),
        ("running_hard = 1", "running_hard makes running_soft longer than running_hard"),
    ],
)
def test_a_wrong_timer_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_patience(read(text + "\n"))
    assert f"fleet.toml, line 1: {said}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("resst = 3", "did you mean rest"),
        ("rest = 0", "rest must be from 0.01"),
        ("unreachable = 120", "makes unreachable longer than unreachable_most"),
        ("unreachable_most = 1", "makes unreachable longer than unreachable_most"),
    ],
)
def test_a_wrong_interval_is_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read_poll(read(text + "\n"))


def test_intervals_and_looks_are_read() -> None:
    assert read_poll(read("rest = 0.5\nunreachable = 1\nunreachable_most = 2\n")) == PollSettings(0.5, 2, 5, 1, 2)
    assert read_ui(read('theme = "light"\n')) == UiSettings("light")
    assert dict(read_keys(read('start = "S"\n"no such action" = "ctrl+x"\n'))) == {
        "start": "S",
        "no such action": "ctrl+x",
    }


def test_an_unknown_theme_gets_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"must be one of dark, light, ansi, .*; did you mean light"):
        read_ui(read('theme = "lihgt"\n'))


@pytest.mark.parametrize("key", ['""', '" "', "1", '"a "'])
def test_an_empty_key_is_refused(key: str) -> None:
    with pytest.raises(ConfigError, match=r"line 1: start must"):
        read_keys(read(f"start = {key}\n"))
