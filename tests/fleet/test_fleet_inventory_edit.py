"""Edits of the inventory keep what a person wrote, and write nothing that would not load."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from updeck.device.trust import Tls
from updeck.errors import ConfigError, UsageError
from updeck.fleet.inventory import DeviceEntry, load_fleet
from updeck.fleet.inventory_edit import add_device, create_fleet, remove_device, set_pin, set_pins, set_value
from updeck.fleet.secret_sources import CommandSecret, EnvSecret, FileSecret, KeyringSecret, PromptSecret

PIN = "sha256:" + "ab" * 32
OTHER_PIN = "sha256:" + "cd" * 32

TEXT = """\
# the bank's fleet
label = "PRODUCTION" # mind the step

[defaults]
username = "admin"

# about a
[devices.a]
url = "https://a" # rack 7

# about b
[devices.b]
url = "https://b"
# the old certificate
tls = "insecure" # until Friday
tags = [
  "x", # one
]

# how often
[poll]
rest = 20
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An inventory with comments."""
    path = tmp_path / "fleet.toml"
    path.write_text(TEXT)
    path.chmod(0o600)
    return path


def test_a_device_is_added_behind_all_that_is_there(path: Path) -> None:
    fleet = add_device(path, DeviceEntry("ar11.c", "https://c", tags=("x", "y"), site="nyc", tls=Tls("pin", pin=PIN)))
    assert path.read_text() == TEXT + (
        '\n[devices."ar11.c"]\nurl = "https://c"\ntags = ["x", "y"]\nsite = "nyc"\n' + f'tls = {{pin = "{PIN}"}}\n'
    )
    assert fleet == load_fleet(path)
    assert fleet.names == ("a", "b", "ar11.c")


@pytest.mark.parametrize(
    "entry",
    [
        DeviceEntry("c", "https://c"),
        DeviceEntry("c", "http://c:8080", tags=("x",), pair="p", username="root", auth="basic", fetch_local=True),
        DeviceEntry("c", "https://c", username="root", tls=Tls("insecure"), proxy="socks5://proxy:1080"),
        DeviceEntry("c", "https://c", username="root", tls=Tls("ca", ca_file=Path("/ca.pem"))),
        DeviceEntry("c", "https://c", username="root", password=EnvSecret("PW"), oauth_code=PromptSecret()),
        DeviceEntry("c", "https://c", username="ro\"o't", password=CommandSecret(("/bin/pass", "a b", '"'))),
        DeviceEntry("c", "https://c", username="root", password=FileSecret(Path("/run/pw"))),
        DeviceEntry("c", "https://c", username="root", password=KeyringSecret()),
        DeviceEntry("c", "https://c", username="root", password=KeyringSecret("lab")),
    ],
)
def test_an_added_device_reads_back_as_it_was(path: Path, entry: DeviceEntry) -> None:
    read = add_device(path, entry).get("c")
    assert read == replace(entry, username=entry.username or "admin")


def test_a_path_beside_the_inventory_is_written_relative(path: Path) -> None:
    add_device(path, DeviceEntry("c", "https://c", password=FileSecret(path.parent / "c.password")))
    assert 'password = {file = "c.password"}' in path.read_text()


def test_the_first_device_makes_the_inventory(tmp_path: Path) -> None:
    path = tmp_path / "config" / "fleet.toml"
    fleet = add_device(path, DeviceEntry("a", "https://a"))
    assert load_fleet(path) == fleet
    assert path.read_text() == '[devices.a]\nurl = "https://a"\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_new_fleet_gets_its_label_and_devices(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    fleet = create_fleet(path, label='La"b', devices=(DeviceEntry("a", "https://a"), DeviceEntry("b", "https://b")))
    assert (fleet.label, fleet.names) == ('La"b', ("a", "b"))
    assert load_fleet(path) == fleet
    with pytest.raises(ConfigError, match="there is an inventory"):
        create_fleet(path)


def test_a_removed_device_takes_only_its_own_lines_along(path: Path) -> None:
    assert remove_device(path, "b").names == ("a",)
    assert path.read_text() == TEXT.replace(
        '[devices.b]\nurl = "https://b"\n# the old certificate\ntls = "insecure" # until Friday\n'
        'tags = [\n  "x", # one\n]\n',
        "",
    )
    assert remove_device(path, "a").names == ()
    assert "# about a" in path.read_text()
    assert "# how often\n[poll]" in path.read_text()


UNUSUAL = [
    '[devices]\na.url = "https://a" # a\na.tls = "insecure"\nb = { url = "https://b" } # b\n[devices.c]\nurl = "https://c"\n',
    'devices.a.url = "https://a"\ndevices.b.url = "https://b"\ndevices.c.url = "https://c"\n',
    'devices = { a = { url = "https://a" }, b = { url = "https://b" }, c = { url = "https://c" } }\n',
    '[devices.a]\nurl = "https://a"\n[poll]\n[devices.b]\nurl = "https://b"\n[ui]\n[devices.c]\nurl = "https://c"',
    '[devices.a]\nurl = "https://a"\n[devices.a.tls]\npin = "'
    + PIN
    + '"\n[devices.b]\nurl = "https://b"\n[devices.c]\nurl = "https://c"\n',
    '[devices.a]\r\nurl = "https://a"\r\n\r\n[devices.b]\r\nurl = "https://b"\r\n[devices.c]\r\nurl = "https://c"\r\n',
]


@pytest.mark.parametrize("text", UNUSUAL)
@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_however_the_file_is_written_an_edit_is_right_or_refused(path: Path, text: str, name: str) -> None:
    path.write_text(text)
    before = load_fleet(path)
    others = [entry for entry in before.devices if entry.name != name]
    pinned = set_pin(path, name, OTHER_PIN)
    assert pinned.get(name) == replace(before.devices["abc".index(name)], tls=Tls("pin", pin=OTHER_PIN))
    assert [entry for entry in pinned.devices if entry.name != name] == others
    removed = pinned
    try:
        removed = remove_device(path, name)
    except ConfigError as error:
        others = list(pinned.devices) if str(error).endswith("edit it by hand") else []
    assert list(removed.devices) == others
    assert load_fleet(path) == removed


def test_a_device_written_in_one_line_with_all_others_is_left_to_a_person(path: Path) -> None:
    path.write_text('devices = { a = { url = "https://a" } }\n')
    with pytest.raises(ConfigError, match="cannot be edited safely; edit it by hand"):
        remove_device(path, "a")


def test_a_new_pin_stands_behind_the_last_key_of_its_device(path: Path) -> None:
    set_pin(path, "a", PIN)
    assert f'url = "https://a" # rack 7\ntls = {{pin = "{PIN}"}}\n\n# about b\n[devices.b]\n' in path.read_text()


def test_a_pin_takes_the_place_of_the_former_trust(path: Path) -> None:
    set_pin(path, "b", ":".join(["AB"] * 32))
    assert path.read_text() == TEXT.replace('"insecure"', f'{{pin = "{PIN}"}}')
    set_pin(path, "b", OTHER_PIN)
    assert path.read_text() == TEXT.replace('"insecure"', f'{{pin = "{OTHER_PIN}"}}')


def test_many_pins_are_set_all_or_none(path: Path) -> None:
    with pytest.raises(UsageError, match="there is no device c in the inventory"):
        set_pins(path, {"a": PIN, "c": PIN})
    with pytest.raises(UsageError, match="64 hex digits"):
        set_pins(path, {"a": PIN, "b": "sha256:12"})
    assert path.read_text() == TEXT
    fleet = set_pins(path, {"a": PIN, "b": OTHER_PIN})
    assert [entry.tls.pin for entry in fleet.devices] == [PIN, OTHER_PIN]


def test_a_setting_is_set_where_it_stands_or_in_a_new_table(path: Path) -> None:
    assert set_value(path, ("poll", "rest"), 30).poll.rest == 30
    assert "# how often\n[poll]\nrest = 30\n" in path.read_text()
    assert set_value(path, ("poll", "moving"), 1.5).poll.moving == 1.5
    assert set_value(path, ("ui", "theme"), "light").ui.theme == "light"
    assert set_value(path, ("label",), "LAB").label == "LAB"
    assert 'label = "LAB" # mind the step' in path.read_text()


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (DeviceEntry("a", "https://c"), "a is in the inventory already"),
        (DeviceEntry("A", "https://c"), "differs from a in case only"),
        (DeviceEntry("c", "https://a"), "is that of a already"),
        (DeviceEntry("-c", "https://c"), "is no name for a device"),
        (DeviceEntry("", "https://c"), "an empty text is no name for a device"),
        (DeviceEntry("c", "https://c/x"), "more than host and port"),
        (DeviceEntry("c", "https://c", tags=("x y",)), "is no tag, site or pair"),
    ],
)
def test_what_would_not_load_is_not_written(path: Path, entry: DeviceEntry, said: str) -> None:
    with pytest.raises((ConfigError, UsageError), match=said):
        add_device(path, entry)
    assert path.read_text() == TEXT


def test_a_wrong_setting_is_not_written(path: Path) -> None:
    with pytest.raises(ConfigError, match="theme must be one of"):
        set_value(path, ("ui", "theme"), "pink")
    with pytest.raises(ConfigError, match="unknown key uii"):
        set_value(path, ("uii", "theme"), "dark")
    assert path.read_text() == TEXT


def test_an_unknown_device_gets_the_nearest_name(path: Path) -> None:
    add_device(path, DeviceEntry("ar11-nyc", "https://c"))
    with pytest.raises(UsageError, match="there is no device ar12-nyc in the inventory; did you mean ar11-nyc"):
        remove_device(path, "ar12-nyc")


@pytest.mark.parametrize(("before", "after"), [(0o644, 0o644), (0o640, 0o640), (0o600, 0o600), (0o755, 0o644)])
def test_an_edit_keeps_who_may_read(path: Path, before: int, after: int) -> None:
    path.chmod(before)
    set_pin(path, "a", PIN)
    assert stat.S_IMODE(path.stat().st_mode) == after


def test_an_inventory_that_does_not_load_is_not_edited(path: Path) -> None:
    path.write_text("[pol]\n")
    with pytest.raises(ConfigError, match="unknown key pol"):
        add_device(path, DeviceEntry("c", "https://c"))
    assert path.read_text() == "[pol]\n"


lines = st.sampled_from(
    ("# note", "", 'label = "x"', "[ui]", 'theme = "light"', "[poll]", "rest = 3", "[devices.a]", 'url = "https://a"',
     '[devices."a.b"]', 'url = "https://b"', 'tags = ["x"] # one', "[devices.a.tls]", f'pin = "{PIN}"', "tls.pin = 1")
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(lines, max_size=14))
def test_adding_pinning_and_removing_leaves_the_others_as_they_were(tmp_path: Path, rows: list[str]) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text("\n".join(rows))
    try:
        before = load_fleet(path)
    except ConfigError:
        return
    add_device(path, DeviceEntry("new", "https://new"))
    set_pin(path, "new", PIN)
    assert remove_device(path, "new") == before
    assert [row for row in path.read_text().splitlines() if row] == [row for row in rows if row]
