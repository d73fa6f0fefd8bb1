"""The inventory is read strictly: defaults filled in, and whatever is wrong named with its place."""

from __future__ import annotations

import json
import string
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from updeck.device.trust import Tls
from updeck.errors import ConfigError, UsageError
from updeck.fleet.inventory import (
    DEFAULT_KEYS,
    DEVICE_KEYS,
    Fleet,
    load_fleet,
    parse_fleet,
    single_device_fleet,
)
from updeck.fleet.inventory_file import TOP_KEYS, fleet_exists
from updeck.fleet.secret_sources import (
    CommandSecret,
    EnvSecret,
    FileSecret,
    KeyringSecret,
    PromptSecret,
    SecretSource,
)
from updeck.settings import Patience, PollSettings, UiSettings

PIN = "sha256:" + "ab" * 32

EXAMPLE = f"""\
label = "PRODUCTION"             # shown in the header and in every dialog

[ui]
theme = "light"

[keys]
start = "S"

[defaults]
username = "admin"
password = {{ env = "AR11_PASSWORD" }}
tls = "verify"
proxy = "socks5://127.0.0.1:1080"
tags = ["all"]

[poll]
rest = 20

[patience]
success = 90

[devices.ar11-nyc-1]
url = "https://10.1.2.3:443"
tags = ["nyc", "prod", "nyc"]
site = "nyc"
pair = "nyc-a"

[devices.lab]
url = "http://lab:8080"
username = "lab"
password = {{ file = "lab.password" }}
oauth_code = {{ command = ["./code", "--now"] }}
auth = "oauth"
tls = {{ pin = "{PIN.upper().replace("SHA", "sha")}" }}
proxy = ""
fetch_local = true
"""

BASE = Path("/etc/updeck/fleet.toml")


def fleet_of(text: str) -> Fleet:
    return parse_fleet(text, BASE)


def device_of(lines: str, defaults: str = "") -> str:
    return f'[defaults]\n{defaults}\n[devices.a]\nurl = "https://a"\n{lines}\n'


def test_the_example_of_the_contracts_is_read() -> None:
    fleet = fleet_of(EXAMPLE)
    assert (fleet.path, fleet.label, fleet.ui) == (BASE, "PRODUCTION", UiSettings("light"))
    assert (fleet.poll, fleet.patience) == (PollSettings(rest=20), Patience(success=90))
    assert dict(fleet.keys) == {"start": "S"}
    assert fleet.names == ("ar11-nyc-1", "lab")


def test_defaults_fill_in_what_a_device_leaves_open() -> None:
    entry = fleet_of(EXAMPLE).get("ar11-nyc-1")
    assert entry is not None
    assert (entry.url, entry.tags, entry.site, entry.pair) == ("https://10.1.2.3", ("nyc", "prod"), "nyc", "nyc-a")
    assert (entry.username, entry.password) == ("admin", EnvSecret("AR11_PASSWORD"))
    assert (entry.auth, entry.tls, entry.proxy) == ("auto", Tls(), "socks5://127.0.0.1:1080")
    assert (entry.fetch_local, entry.insecure) == (False, False)


def test_a_device_overrides_the_defaults() -> None:
    entry = fleet_of(EXAMPLE).get("lab")
    assert entry is not None
    assert (entry.tags, entry.username, entry.auth) == (("all",), "lab", "oauth")
    assert entry.password == FileSecret(Path("/etc/updeck/lab.password"))
    assert entry.oauth_code == CommandSecret(("/etc/updeck/code", "--now"))
    assert (entry.tls, entry.proxy, entry.fetch_local) == (Tls("pin", pin=PIN), None, True)
    assert entry.insecure


@pytest.mark.parametrize(
    ("tls", "expected", "insecure"),
    [
        ('"verify"', Tls(), False),
        ('"insecure"', Tls("insecure"), True),
        ('{ ca = "ca.pem" }', Tls("ca", ca_file=Path("/etc/updeck/ca.pem")), False),
        ('{ ca = "/ca.pem" }', Tls("ca", ca_file=Path("/ca.pem")), False),
        (f'{{ pin = "{"AB:" * 31}AB" }}', Tls("pin", pin=PIN), False),
    ],
)
def test_trust_is_read_in_each_of_its_forms(tls: str, expected: Tls, insecure: bool) -> None:
    entry = fleet_of(device_of(f"tls = {tls}")).devices[0]
    assert (entry.tls, entry.insecure) == (expected, insecure)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{ env = "A_1" }', EnvSecret("A_1")),
        ('{ command = ["pass", "ar 11"] }', CommandSecret(("pass", "ar 11"))),
        ('{ command = ["bin/ask"] }', CommandSecret(("/etc/updeck/bin/ask",))),
        ('{ file = "/run/pw" }', FileSecret(Path("/run/pw"))),
        ("{ keyring = true }", KeyringSecret()),
        ('{ keyring = "lab" }', KeyringSecret("lab")),
        ("{ prompt = true }", PromptSecret()),
    ],
)
def test_a_secret_is_named_by_its_source(source: str, expected: SecretSource) -> None:
    assert fleet_of(device_of(f"password = {source}")).devices[0].password == expected


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[devics.a]\n", 1, "unknown key devics at the top; did you mean devices?"),
        ("x = 1\nlabel = 3", 1, "unknown key x at the top"),
        ("label = 3", 1, "label must be text, not a whole number"),
        (f'label = "{"x" * 41}"', 1, "label is longer than 40 characters"),
        ("devices = 3", 1, "devices must be a table, not a whole number"),
        ("[devices]\na = 3", 2, "devices.a must be a table, not a whole number"),
        ("[[devices]]\n", 1, "devices must be a table, not a list"),
        ("[devices.a]\n", 1, 'devices.a has no url; write url = "https://HOST"'),
        ('[devices.a]\nulr = "https://a"', 2, "unknown key ulr in [devices.a]; did you mean url?"),
        ('[devices.a]\nurl = "https://a/b"', 2, "devices.a.url is wrong: https://a/b has more than host and port"),
        ('[devices.-a]\nurl = "https://a"', 1, "devices.-a is no name for a device"),
        ('[devices."a b"]\nurl = "https://a"', 1, "devices.a b is no name for a device"),
        ('[devices."ä"]\nurl = "https://a"', 1, "devices.ä is no name for a device"),
        ('[defaults]\nurl = "https://a"', 2, "defaults.url belongs to one device; write it under [devices.NAME]"),
        ('[defaults]\ntls = "none"', 2, "defaults.tls must be one of verify, insecure"),
        (device_of("tls = {}"), 5, 'devices.a.tls must be "verify", { ca'),
        (device_of('tls = { pin = "" }'), 5, "devices.a.tls.pin is empty"),
        (device_of('tls = { pin = "sha256:12" }'), 5, "devices.a.tls.pin is wrong: a fingerprint is sha256:"),
        (device_of('tls = { pni = "x" }'), 5, "unknown key pni in [devices.a.tls]; did you mean pin?"),
        (device_of('tags = "nyc"'), 5, "devices.a.tags must be a list of texts, not text"),
        (device_of('tags = ["a b"]'), 5, "devices.a.tags is wrong: a b is no tag, site or pair"),
        (device_of('site = "new york"'), 5, "devices.a.site is wrong: new york is no tag, site or pair"),
        (device_of('pair = "a,b"'), 5, "devices.a.pair is wrong"),
        (device_of("username = 7"), 5, "devices.a.username must be text"),
        (device_of('auth = "tokn"'), 5, "must be one of auto, token, cookie, basic, oauth; did you mean token?"),
        (device_of('proxy = "proxy"'), 5, "devices.a.proxy is wrong"),
        (device_of("fetch_local = 1"), 5, "devices.a.fetch_local must be true or false"),
        (device_of("", "fetch_local = 1"), 2, "defaults.fetch_local must be true or false"),
        (device_of("password = {}"), 5, "devices.a.password must name exactly one source"),
        (device_of('password = { env = "A", prompt = true }'), 5, "must name exactly one source"),
        (device_of('password = { evn = "A" }'), 5, "unknown key evn in [devices.a.password]; did you mean env?"),
        (device_of('password = { env = "A B" }'), 5, "password.env must name an environment variable"),
        (device_of('password = { command = "pass a" }'), 5, "password.command must be a list of words"),
        (device_of("password = { command = [] }"), 5, "password.command must begin with a program"),
        (device_of('password = { file = "" }'), 5, "password.file must name a file"),
        (device_of("password = { keyring = false }"), 5, "password.keyring must be true"),
        (device_of("password = { prompt = 1 }"), 5, "password.prompt must be true or false"),
        ('[ui]\nthem = "dark"', 2, "unknown key them in [ui]; did you mean theme?"),
        ("[patience]\nsucces = 1", 2, "did you mean success?"),
    ],
)
def test_whatever_is_wrong_is_named_with_file_line_and_what_to_do(text: str, line: int, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fleet_of(text + "\n")
    assert f"{BASE}, line {line}: " in str(caught.value)
    assert said in str(caught.value)


def test_a_password_in_the_file_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        fleet_of(device_of('password = "canary"'))
    assert "devices.a.password must not hold the secret itself; name where it comes from" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_two_devices_of_one_address_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"line 4: devices\.b\.url is that of a already"):
        fleet_of('[devices.a]\nurl = "https://box"\n[devices.b]\nurl = "https://BOX:443/"\n')


def test_two_names_that_differ_in_case_only_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"line 3: devices\.AR11 differs from ar11 in case only"):
        fleet_of('[devices.ar11]\nurl = "https://a"\n[devices.AR11]\nurl = "https://b"\n')


def test_a_device_that_stands_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"line 3, column \d+: this name stands twice"):
        fleet_of('[devices.a]\nurl = "https://a"\n[devices.a]\nurl = "https://b"\n')


def test_a_fleet_without_devices_is_a_fleet() -> None:
    assert fleet_of("").devices == ()
    assert fleet_of("").get("a") is None


def test_without_an_inventory_the_error_says_how_to_make_one(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    assert not fleet_exists(path)
    with pytest.raises(ConfigError, match=rf"there is no inventory {path}; make one with: updeck devices add"):
        load_fleet(path)


def test_the_configured_inventory_is_read_where_none_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPDECK_CONFIG", str(tmp_path))
    assert not fleet_exists()
    path = tmp_path / "fleet.toml"
    path.write_text(device_of(""))
    path.chmod(0o600)
    assert fleet_exists()
    assert load_fleet().names == ("a",)


def test_nothing_is_read_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPDECK_CONFIG", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fleet.toml").write_text(device_of(""))
    assert not fleet_exists()


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://10.1.2.3", "10.1.2.3"),
        ("https://AR11.example.com:8443/", "ar11.example.com-8443"),
        ("http://box", "box"),
        ("http://box:443", "box-443"),
        ("https://[::1]", "1"),
        ("https://[::]", "device"),
        ("https://" + ".".join(["a" * 60] * 4), ".".join(["a" * 60] * 4)[:63]),
    ],
)
def test_one_url_makes_a_fleet_that_is_saved_nowhere(url: str, name: str) -> None:
    fleet = single_device_fleet(url)
    assert (fleet.path, fleet.names) == (None, (name,))
    assert fleet.devices[0].password is None


def test_one_url_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="is no URL"):
        single_device_fleet("box")


def test_reading_the_inventory_loads_no_network_code() -> None:
    code = "import sys, updeck.fleet.inventory_edit, updeck.fleet.selectors, updeck.fleet.credentials"
    check = "assert not {'httpx', 'textual', 'keyring'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", f"{code}; {check}"], check=True)


words = st.sampled_from((*TOP_KEYS, *DEVICE_KEYS, "env", "file", "pin", "rest", "a", "é", "", "\x1b[31m", "\u202e"))
texts = words | st.text(max_size=12) | st.sampled_from(("https://a", "verify", "sha256:" + "0" * 64, "~nobody/x"))
leaves = texts | st.booleans() | st.integers() | st.floats() | st.datetimes() | st.dates() | st.times()
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4), max_leaves=12
)
configs = st.dictionaries(st.sampled_from(TOP_KEYS) | words, values, max_size=5)


def loads_or_says_why(text: str) -> None:
    said = str(BASE)
    try:
        fleet_of(text)
    except ConfigError as error:
        said = str(error)
    assert said.isprintable()
    assert said.startswith(str(BASE))


WORDS = (
    *("", " ", "a", "a b", "a,b", "=1", "[/x]", "é", "漢", "\x1b[31m", "\u202e", "\x00", "x" * 70, "x" * 5_000),
    *("https://", "https://a", "http://a:0", "https://a:65536", "https://a:x", "https://a:99999999999999999999"),
    *("https://[::1]", "https://[::1", "https://[::g]", "https://[fe80::1%eth0]", "https://[1.2.3.4]", "https://[]"),
    *("https://1.2.3", "https://1.2.3.256", "https://0x7f.1", "https://1.2.3.4.5", "https://a..b", "https://.", "//a"),
    *("https://a/b?c#d", "https://me:hidden@a", "ftp://a", "gopher://a:70", "socks5://a", "socks5://a:1080", "http:a"),
    *("~no-such-user/x", "~", "/", "..", "./x", "\\\\x\\y", "sha256:" + "0" * 64, "sha256:" + "g" * 64, "0" * 63, ":"),
    *("verify", "insecure", "tokn", "oauth", "AR11_PASSWORD", "1", "true", "S", "ctrl+x", "dark", "drak", "nan"),
)
ODD = (
    *("0", "-1", "1.5", "1e400", "inf", "nan", "-0.0", "9" * 5_000, "true", "2026-01-01", "07:32:00", "[]", "{}"),
    *("[[]]", "[1]", "[true]", "{ a = 1 }", "[{ a = 1 }]", "{ env = 1 }", "{ file = [] }", "{ command = [1] }"),
    *(
        "{ keyring = 0 }",
        "{ prompt = [] }",
        "{ ca = 1 }",
        "{ pin = {} }",
        "{ ca = 'a', pin = 'b' }",
        "1979-05-27T07:32:00Z",
    ),
    *(json.dumps(word) for word in WORDS),
)
ODD_TABLES = (
    *(f"{{ {key} = {json.dumps(word)} }}" for key in ("env", "file", "ca", "pin", "keyring") for word in WORDS),
    *(f"{{ command = [{json.dumps(word)}] }}" for word in WORDS),
)
PLACES = (
    *(f'[defaults]\n{key} = {{}}\n[devices.a]\nurl = "https://a"\n' for key in DEFAULT_KEYS),
    "[devices.a]\nurl = {}\n",
    *(f"[{name}]\n{key} = {{}}\n" for name, key in (("poll", "rest"), ("patience", "success"), ("ui", "theme"))),
    *(f"{key} = {{}}\n" for key in TOP_KEYS),
    "[keys]\nstart = {}\n",
)
PLACES_OF_TABLES = ("[defaults]\npassword = {}\n", "[defaults]\ntls = {}\n")


def test_whatever_stands_where_a_value_belongs_loads_or_is_said() -> None:
    for place, odd in (*product(PLACES, ODD), *product(PLACES_OF_TABLES, ODD_TABLES)):
        loads_or_says_why(place.replace("{}", odd))
    for word in WORDS:
        loads_or_says_why(f"[defaults]\ntags = [{json.dumps(word)}]\n")
        loads_or_says_why(f'[devices.{json.dumps(word)}]\nurl = "https://a"\n')


@given(configs)
def test_generated_configurations_load_or_say_why(config: dict[str, object]) -> None:
    try:
        text = tomlkit.dumps(config)
    except Exception:  # what cannot be written as TOML is no input
        return
    loads_or_says_why(text)


@given(st.text(max_size=200))
def test_any_text_loads_or_says_why(text: str) -> None:
    loads_or_says_why(text)


@settings(max_examples=300)
@given(
    place=st.integers(0, len(EXAMPLE)),
    length=st.integers(0, 12),
    insert=st.text(alphabet=string.printable + "é\x1b\u202e", max_size=6),
)
def test_a_slip_of_the_hand_loads_or_says_why(place: int, length: int, insert: str) -> None:
    loads_or_says_why(EXAMPLE[:place] + insert + EXAMPLE[place + length :])
