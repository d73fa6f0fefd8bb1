"""A device is never told to fetch from its own inside, however that is spelled (`security.md`, fetch URL)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updeck.device.fetch_url import check_fetch_url, masked
from updeck.errors import Blocked, UsageError

GOOD = [
    ("https://files.example.net/images/update-11.8.0.iso", "files.example.net"),
    ("http://10.20.1.9/update.iso", "10.20.1.9"),
    ("HTTP://Files.Example.NET/Update.iso", "files.example.net"),
    ("https://files.example.net:8443/a?token=x&y=z", "files.example.net"),
    ("https://files.example.net", "files.example.net"),
    ("https://files.example.net?x=1", "files.example.net"),
    ("https://files.example.net./x", "files.example.net"),
    ("http://[2001:db8::9]:8080/x.iso", "[2001:db8::9]"),
    ("http://[fd12:3456::9]/x.iso", "[fd12:3456::9]"),
    ("http://192.168.1.5/x", "192.168.1.5"),
    ("http://172.16.0.1/x", "172.16.0.1"),
    ("http://0xc0.0xa8.1.5/x", "192.168.1.5"),
    ("http://3232235781/x", "192.168.1.5"),
    ("http://localhost.example.net/x", "localhost.example.net"),
    ("http://09.0.0.1/x", "9.0.0.1"),
    ("http://bücher.example/x", "xn--bcher-kva.example"),
    ("http://files_old.example.net/a%20b@c.iso", "files_old.example.net"),
]
LOCAL = [
    "http://127.0.0.1/x",
    "http://127.0.0.1:8080/x",
    "http://127.9.8.7/x",
    "http://127.1/x",
    "http://127.0.1/x",
    "http://2130706433/x",
    "http://0x7f000001/x",
    "http://0x7f.0.0.1/x",
    "http://0X7F.1/x",
    "http://017700000001/x",
    "http://0177.0.0.1/x",
    "http://0127.0.0.1/x",
    "http://127.0.0.1./x",
    "http://0.0.0.0/x",
    "http://0/x",
    "http://[::1]/x",
    "http://[0:0:0:0:0:0:0:1]/x",
    "http://[::]/x",
    "http://[::ffff:127.0.0.1]/x",
    "http://[::ffff:7f00:1]/x",
    "http://[::ffff:0:127.0.0.1]/x",
    "http://[::127.0.0.1]/x",
    "http://[64:ff9b::169.254.169.254]/x",
    "http://[2002:7f00:1::]/x",
    "http://[2001:0:7f00:1::]/x",
    "http://[fe80::1]/x",
    "http://[febf::1]/x",
    "http://[ff02::1]/x",
    "http://[fd00:ec2::254]/x",
    "http://[::ffff:a9fe:a9fe]/x",
    "http://169.254.169.254/latest/meta-data",
    "http://169.254.1.1/x",
    "http://2852039166/x",
    "http://100.100.100.200/x",
    "http://168.63.129.16/x",
    "http://255.255.255.255/x",
    "http://224.0.0.1/x",
    "http://localhost/x",
    "http://LOCALHOST/x",
    "http://localhost./x",
    "http://LocalHost.LocalDomain/x",
    "http://a.b.localhost/x",
    "http://ip6-localhost/x",
    "http://metadata.google.internal/x",
    "http://ⓛⓞⓒⓐⓛⓗⓞⓢⓣ/x",
    "http://lo\u00adcalhost/x",
    "http://１２７.０.０.１/x",
    "http://127。0。0。1/x",
]
WRONG = [
    "",
    "files.example.net/x.iso",
    "ftp://files.example.net/x.iso",
    "file:///etc/passwd",
    "javascript:alert(1)",
    "http:/files.example.net/x",
    "http:///x",
    "http://",
    "http://:80/x",
    "http://user@files.example.net/x",
    "http://user:secret@files.example.net/x",
    "http://127.0.0.1@files.example.net/x",
    "http://files.example.net\\@127.0.0.1/x",
    "http://files.example.net:99999/x",
    "http://files.example.net:0/x",
    "http://files.example.net:80:80/x",
    "http://%31%32%37.0.0.1/x",
    "http://[fe80::1%25eth0]/x",
    "http://[::1/x",
    "http://[banana]/x",
    "http://1.2.3.4.5/x",
    "http://1.2.3.256/x",
    "http://010.0.0.1/x",
    "http://99999999999/x",
    "http://files.example.net/a b",
    "http://files.example.net/a\r\nHost: x",
    "http://files.example.net/\x1b[2J",
    "http://files..example.net/x",
    "http://-files.example.net/x",
    "http://files.example.net/" + "a" * 2000,
]


@pytest.mark.parametrize(("url", "host"), GOOD)
def test_a_url_elsewhere_is_taken_and_its_host_is_named(url: str, host: str) -> None:
    checked = check_fetch_url(url, allow_local=False)
    assert checked.host == host
    assert checked.url.partition("://")[2].startswith(host)


@pytest.mark.parametrize("url", LOCAL)
def test_the_inside_of_the_device_is_refused_in_every_spelling_unless_allowed(url: str) -> None:
    with pytest.raises(Blocked, match="--allow-local"):
        check_fetch_url(url, allow_local=False)
    assert check_fetch_url(url, allow_local=True).url.startswith("http://")


@pytest.mark.parametrize("url", WRONG)
@pytest.mark.parametrize("allow_local", [False, True])
def test_what_is_no_url_for_a_device_is_a_usage_error(url: str, allow_local: bool) -> None:
    with pytest.raises(UsageError):
        check_fetch_url(url, allow_local=allow_local)


def test_path_and_query_are_sent_as_given_and_the_fragment_is_not() -> None:
    checked = check_fetch_url("https://Files.example.net:8443/A/b?x=%20Y#part", allow_local=False)
    assert checked.url == "https://files.example.net:8443/A/b?x=%20Y"
    assert check_fetch_url("http://files.example.net?x", allow_local=False).url == "http://files.example.net/?x"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h.example/a.iso", "https://h.example/a.iso"),
        ("https://h.example/a.iso?sig=secret", "https://h.example/a.iso?…"),
        ("https://h.example/a.iso#secret", "https://h.example/a.iso#…"),
        ("https://me:secret@h.example/a@b?c", "https://…@h.example/a@b?…"),
        ("me:secret@h.example", "…@h.example"),
        ("http:\\\\me:secret@h.example", "http:\\\\…@h.example"),
    ],
)
def test_a_masked_url_keeps_its_secrets(url: str, shown: str) -> None:
    assert masked(url) == shown


@given(st.text())
def test_any_text_is_a_url_or_an_error_of_ours_and_can_be_masked(text: str) -> None:
    assert "\x1b" not in masked(text)
    try:
        checked = check_fetch_url(text, allow_local=True)
    except UsageError:
        return
    assert checked.url.isascii()


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "0x{:x}", "0{:o}"]))
def test_a_number_is_taken_only_as_what_its_dotted_form_is(number: int, spelling: str) -> None:
    dotted = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    outcomes = []
    for host in (dotted, spelling.format(number)):
        try:
            outcomes.append(check_fetch_url(f"http://{host}/", allow_local=False).host)
        except (Blocked, UsageError) as error:
            outcomes.append(type(error).__name__)
    assert outcomes[1] in (outcomes[0], "Blocked", "UsageError")
