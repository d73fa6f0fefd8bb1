"""Every setting is shown with where it came from, and a secret never with what it is."""

from __future__ import annotations

from pathlib import Path

from updeck.fleet.describe import describe_settings
from updeck.fleet.inventory import parse_fleet, single_device_fleet

TEXT = """\
label = "LAB"
[poll]
rest = 0.5
[keys]
start = "S"
[defaults]
username = "admin"
password = { command = ["pass", "canary"] }
[devices.a]
url = "https://a:443/"
tags = ["x", "y"]
tls = { ca = "ca.pem" }
[devices.b]
url = "https://b"
username = "root"
fetch_local = true
"""


def test_each_value_comes_with_its_place() -> None:
    shown = {key: (value, origin) for key, value, origin in describe_settings(parse_fleet(TEXT, Path("/e/fleet.toml")))}
    assert shown["label"] == ("LAB", "/e/fleet.toml, line 1")
    assert shown["poll.rest"] == ("0.5", "/e/fleet.toml, line 3")
    assert shown["poll.moving"] == ("2", "built in")
    assert shown["ui.theme"] == ("dark", "built in")
    assert shown["keys.start"] == ("S", "/e/fleet.toml, line 5")
    assert shown["patience.upload_floor"] == ("256000", "built in")
    assert shown["devices.a.url"] == ("https://a", "/e/fleet.toml, line 10")
    assert shown["devices.a.tags"] == ("x y", "/e/fleet.toml, line 11")
    assert shown["devices.a.tls"] == ("ca /e/ca.pem", "/e/fleet.toml, line 12")
    assert shown["devices.a.username"] == ("admin", "/e/fleet.toml, line 7, [defaults]")
    assert shown["devices.a.password"] == ("command pass", "/e/fleet.toml, line 8, [defaults]")
    assert shown["devices.b.username"] == ("root", "/e/fleet.toml, line 15")
    assert shown["devices.b.fetch_local"] == ("true", "/e/fleet.toml, line 16")
    assert "devices.b.tls" not in shown
    assert "canary" not in repr(shown)


def test_a_fleet_that_stands_in_no_file_is_built_in() -> None:
    settings = describe_settings(single_device_fleet("https://10.1.2.3"))
    assert {origin for _, _, origin in settings} == {"built in"}
    assert ("devices.10.1.2.3.url", "https://10.1.2.3", "built in") in settings
