"""The registry of actions, the keys, and what is said of a key that does not apply."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fleet_fixture import Stage, app_with, bank, device, image, initialized
from updeck.device.models import Image, Reach
from updeck.errors import ConfigError
from updeck.fleet.inventory import load_fleet
from updeck.journal.models import Op
from updeck.ui.actions import ACTIONS, BY_ID, Action, ActionContext, Group, Pane
from updeck.ui.deeds import Deeds
from updeck.ui.glyphs import UNICODE
from updeck.ui.ink import text_of
from updeck.ui.keymap import Keymap, check_keys, is_modifier
from updeck.ui.lines.footer import footer
from updeck.ui.lines.help import help_lines, key_table

DANGER = [action for action in ACTIONS if action.danger]


def reason(action_id: str, context: ActionContext) -> str:
    """Return why an action does not apply; it must not."""
    told = BY_ID[action_id].applicable(context)
    assert told is not None, f"{action_id} applies"
    return told


def test_every_action_can_be_done_and_nothing_else_can() -> None:
    assert Deeds(app_with(Stage()).home).ids == set(BY_ID)


def test_no_id_and_no_key_stands_twice() -> None:
    keys = [key for action in ACTIONS for key in (action.key, *action.also)]
    assert len(keys) == len(set(keys))
    assert len(ACTIONS) == len(BY_ID)


def test_no_action_needs_a_key_that_a_terminal_or_a_multiplexer_takes_nor_alt_nor_a_function_key() -> None:
    for action in ACTIONS:
        for key in (action.key, *action.also):
            assert key not in {"ctrl+a", "ctrl+b", "ctrl+s", "ctrl+q", "ctrl+z"}
            assert not key.startswith("alt+")
            assert re.fullmatch(r"f\d+", key) is None
            Keymap({action.id: key})  # what is there by default can be written in an inventory too


def test_what_changes_a_device_is_upper_case_or_opens_a_dialog() -> None:
    dialogs = {"upload", "fetch"}
    assert all(action.key.isupper() or action.id in dialogs for action in DANGER)
    assert {"init", "start", "reset", "delete", "upload", "fetch"} == {action.id for action in DANGER}


@pytest.mark.parametrize("action", DANGER, ids=lambda action: action.id)
def test_read_only_refuses_what_changes_a_device_and_says_so(action: Action) -> None:
    context = ActionContext(view=initialized("a"), pane=Pane.IMAGES, image=image(7), read_only=True)
    assert reason(action.id, context).startswith("read-only: ")
    assert action.label.split()[0] not in text_of(footer(context, Keymap(), UNICODE, 500)).split()


def test_start_applies_to_what_our_init_made_ready_and_to_nothing_else() -> None:
    assert BY_ID["start"].applicable(ActionContext(view=initialized("a"))) is None
    assert reason("start", ActionContext(view=device("a"))) == "start a: the device is IDLE: init comes first"
    foreign = device("a", "INITIALIZED", target="11.8.0", images=(image(7),))
    assert "someone else" in reason("start", ActionContext(view=foreign))
    away = replace(initialized("a"), reach=Reach.UNREACHABLE, error="connection refused")
    assert "connection refused" in reason("start", ActionContext(view=away))


def test_one_device_at_a_time_means_that_marks_elsewhere_are_in_the_way() -> None:
    ready, other = initialized("a"), device("b")
    assert "1 are marked" in reason("start", ActionContext(view=ready, marked=(other,)))
    assert "2 are marked" in reason("start", ActionContext(view=ready, marked=(ready, other)))
    assert BY_ID["start"].applicable(ActionContext(view=ready, marked=(ready,))) is None


def test_no_action_takes_hidden_marks() -> None:
    context = ActionContext(hidden_marks=3)
    assert context.names == ()
    assert reason("upload", context) == "all 3 marked devices are hidden by the filter"


def test_init_asks_in_its_dialog_which_of_several_images_is_meant() -> None:
    two = device("a", images=(image(1), image(2, version="11.9.0")))
    assert BY_ID["init"].applicable(ActionContext(view=two)) is None
    assert "no VALID image" in reason("init", ActionContext(view=device("a")))


def test_delete_is_for_the_image_under_the_cursor_of_the_image_pane() -> None:
    view = device("a", images=(image(7),))
    assert "tab" in reason("delete", ActionContext(view=view))
    here = ActionContext(view=view, pane=Pane.IMAGES)
    assert reason("delete", here) == "no image is under the cursor"
    assert BY_ID["delete"].applicable(here._replace(image=image(7))) is None
    assert "no id" in reason("delete", here._replace(image=Image(None, "VALID")))


def test_enter_does_what_next_says_or_says_that_there_is_nothing_to_do() -> None:
    assert BY_ID["next"].applicable(ActionContext(view=initialized("a"))) is None
    rests = device("a", next_text="validating")
    assert reason("next", ActionContext(view=rests)) == "a needs nothing now: validating"


def test_while_a_dialog_opens_no_second_one_does() -> None:
    context = ActionContext(view=initialized("a"), busy="the start dialog of a")
    assert reason("start", context) == "the start dialog of a is still open"


def test_acknowledging_needs_something_to_acknowledge() -> None:
    assert "nothing here waits" in reason("acknowledge", ActionContext(view=device("a")))
    failed = bank()[0]
    assert BY_ID["acknowledge"].applicable(ActionContext(view=failed)) is None


def test_a_key_of_the_inventory_replaces_all_keys_of_its_action() -> None:
    keymap = Keymap({"down": "w", "start": "ctrl+t"})
    taken = keymap.action("w")
    assert taken is not None
    assert taken.id == "down"
    assert keymap.action("j") is None
    assert keymap.action("S") is None
    assert keymap.keys("start") == ("ctrl+t",)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"strat": "S"}, ["strat is no action", "did you mean start?"]),
        ({"zzzzzz": "S"}, ["zzzzzz is no action", "the table of keys in the README"]),
        ({"start": "X"}, ['start takes "X", which is the key of reset']),
        ({"start": "W", "init": "W"}, ["start", "init", '"W"']),
        ({"start": "Enter Key"}, ['"Enter Key", which is no key', 'did you mean "enter"?']),
        ({"start": "\x1b"}, ["which is no key"]),
        ({"start": "hyper+x"}, ["which is no key"]),
        ({"start": "ctrl+tt"}, ['did you mean "ctrl+t"?']),
        ({"start": "ctrl+1"}, ["which is no key"]),
        ({"start": "ctrl+b"}, ["does not arrive: tmux takes it"]),
        ({"start": "ctrl+m"}, ["does not arrive: a terminal sends enter for it"]),
        ({"start": "alt+s"}, ["over a slow line arrives as escape and a letter"]),
        ({"start": "\u0301"}, ["which is no key"]),
    ],
)
def test_keys_that_cannot_be_are_refused_in_one_sentence(changes: dict[str, str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        Keymap(changes)
    for word in words:
        assert word in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_wrong_key_in_an_inventory_is_told_with_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text('[keys]\nquit = "Q"\nstrat = "S"\n', encoding="utf-8")
    path.chmod(0o600)
    with pytest.raises(ConfigError) as caught:
        check_keys(load_fleet(path))
    assert str(caught.value) == f"{path}, line 3: keys.strat is no action; did you mean start?"
    path.write_text('[keys]\nquit = "Q"\n', encoding="utf-8")
    check_keys(load_fleet(path))


def test_two_actions_may_swap_their_keys() -> None:
    keymap = Keymap({"start": "X", "reset": "S"})
    assert keymap.keys("start") == ("X",)
    assert keymap.keys("reset") == ("S",)


def test_the_help_of_fleet_and_rollout_shows_every_action_and_fits_80_columns_by_24_lines() -> None:
    home, rollout = help_lines(Keymap(), 78), help_lines(Keymap(), 78, (Group.ROLLOUT, Group.PROGRAM))
    for drawn in (home, rollout):
        assert len(drawn) <= 21
        assert all(len(text_of(one)) <= 78 for one in drawn)
    text = "\n".join(text_of(one) for one in (*home, *rollout))
    for action in ACTIONS:
        assert action.label in text
    for group in Group:
        assert group.value in text


def test_the_readme_shows_every_action() -> None:
    readme = Path(__file__).parents[2].joinpath("README.md").read_text(encoding="utf-8")
    assert key_table() in readme


def test_a_modifier_alone_is_no_key() -> None:
    assert is_modifier("left_shift")
    assert is_modifier("caps_lock")
    assert not any(is_modifier(action.key) for action in ACTIONS)


def test_the_footer_keeps_filter_help_and_quit_to_the_last() -> None:
    narrow = text_of(footer(ActionContext(view=initialized("a")), Keymap(), UNICODE, 30))
    assert narrow.split() == ["/", "filter", "?", "help", "q", "quit"]
    wide = text_of(footer(ActionContext(view=initialized("a")), Keymap(), UNICODE, 200))
    assert "S start" in wide
    assert "I init" not in wide
    assert Op.START.value in wide
