"""A table of devices becomes entries of the inventory, or one sentence names the line and column that is wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updeck.errors import UpdeckError, UsageError
from updeck.fleet.device_csv import COLUMNS, device_cells, parse_devices
from updeck.fleet.inventory import DeviceEntry

TABLE = """\
name,url,tags,site,pair
ar11-nyc-1,https://10.1.2.3,nyc prod,nyc,nyc-a
ar11-nyc-2,10.1.2.4:8443,"prod, nyc",nyc,nyc-a

ar11-lab,http://lab.example.com,,,
"""


def test_a_table_becomes_devices() -> None:
    assert parse_devices(TABLE, "fleet.csv") == (
        DeviceEntry("ar11-nyc-1", "https://10.1.2.3", ("nyc", "prod"), "nyc", "nyc-a"),
        DeviceEntry("ar11-nyc-2", "https://10.1.2.4:8443", ("prod", "nyc"), "nyc", "nyc-a"),
        DeviceEntry("ar11-lab", "http://lab.example.com"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "url;name;site\r\nhttps://a;a;nyc\r\n",
        "URL, Name ,site\nhttps://a,a,nyc\n",
        "name,url,site,state,version\na,https://a,nyc,IDLE,11.6.0 #23947\n",
        'name,url,site\n"a","https://a","nyc"',
    ],
)
def test_spreadsheets_and_our_own_exports_are_understood(text: str) -> None:
    assert parse_devices(text, "x.csv") == (DeviceEntry("a", "https://a", site="nyc"),)


KNOWN = (DeviceEntry("old", "https://old"),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line 1: there is no column name"),
        ("name,url\n", "names no device"),
        ("name,link\n", "line 1: no such column: link"),
        ("name,url,tag\n", "did you mean tags?"),
        ("name,url,url\n", "column url is there twice"),
        ("name,url\na\n", "line 2: 1 cells where the header names 2"),
        ("name,url\na,https://a\n-b,https://b\n", "line 3, column name: -b is no name"),
        ("name,url\na,ftp://a\n", "line 2, column url:"),
        ("name,url,site\na,https://a,n yc\n", "line 2, column site: n yc is no tag, site or pair"),
        ("name,url,tags\na,https://a,ok !x\n", "line 2, column tags: !x"),
        ("name,url\na,https://a\nA,https://b\n", "line 3, column name: A is that of line 2"),
        ("name,url\na,https://a\nb,a:443\n", "line 3, column url: https://a is that of line 2"),
        ("name,url\nOLD,https://b\n", "OLD is that of old of the inventory"),
        ("name,url\nb,old\n", "https://old is that of old of the inventory"),
        ('name,url\n"a,https://a\n', "line 2: unexpected end of data"),
        ("name,url\na\x1b[31m,https://a\n", "line 2, column name:"),
    ],
)
def test_what_is_wrong_is_named_with_line_and_column(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_devices(text, "x.csv", KNOWN)
    assert words in str(caught.value)
    assert "\x1b" not in str(caught.value)


@given(st.text(max_size=200) | st.text("name,url;\n\"' \t\r\0=-a:/", max_size=200))
def test_no_text_brings_it_down(text: str) -> None:
    try:
        parse_devices("name,url,tags,site,pair\n" + text, "x.csv")
    except UpdeckError:
        return


LABELS = st.from_regex(r"[A-Za-z0-9=+@_.-]{1,8}", fullmatch=True)


@given(st.lists(LABELS, max_size=3, unique=True), st.none() | LABELS, st.none() | LABELS)
def test_a_device_comes_back_from_its_cells(tags: list[str], site: str | None, pair: str | None) -> None:
    entry = DeviceEntry("a", "https://a:8443", tuple(tags), site, pair)
    line = ",".join(device_cells(entry))
    assert parse_devices(f"{','.join(COLUMNS)}\n{line}\n", "x.csv") == (entry,)
