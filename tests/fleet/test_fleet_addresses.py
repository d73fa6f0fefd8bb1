"""Addresses are checked and written one way, so that one device has one URL."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updeck.errors import UsageError
from updeck.fleet.addresses import device_url, fingerprint, host_and_port, proxy_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://10.1.2.3", "https://10.1.2.3"),
        ("https://10.1.2.3/", "https://10.1.2.3"),
        ("https://10.1.2.3:443", "https://10.1.2.3"),
        ("HTTPS://AR11-NYC.Example.COM:8443", "https://ar11-nyc.example.com:8443"),
        ("http://box:80/", "http://box"),
        ("http://box:443", "http://box:443"),
        ("https://[::1]:8443", "https://[::1]:8443"),
        ("https://[2001:DB8:0:0::1]", "https://[2001:db8::1]"),
        ("https://my_box", "https://my_box"),
    ],
)
def test_a_device_url_is_written_one_way(text: str, url: str) -> None:
    assert device_url(text) == url
    assert device_url(url) == url


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("10.1.2.3", "is no URL; write it as https://"),
        ("box:443", "is no URL; write it as https://"),
        ("", "is no URL"),
        ("ftp://box", "does not begin with https:// or http://"),
        ("socks5://box:1", "does not begin with https:// or http://"),
        ("https://", "has no valid host name"),
        ("https://box/path", "leave out path, query and fragment"),
        ("https://box?x=1", "leave out path, query and fragment"),
        ("https://box#x", "leave out path, query and fragment"),
        ("https://box:0", "has a port outside 1 to 65535"),
        ("https://box:65536", "has a port outside 1 to 65535"),
        ("https://box:", "has no usable host and port"),
        ("https://box:x", "has no usable host and port"),
        ("https://::1", "an IPv6 address stands in brackets"),
        ("https://[::1", "has no usable host and port"),
        ("https://[fe80::1%eth0]", "zone"),
        ("https://[::g]", "has no valid IPv6 address"),
        ("https://999.1.2.3", "has no valid IPv4 address"),
        ("https://127.1", "has no valid IPv4 address"),
        ("https://0x7f000001", "has no valid IPv4 address"),
        ("https://bo x", "has no valid host name"),
        ("https://-box", "has no valid host name"),
        ("https://box..example", "has no valid host name"),
        ("https://bücher.example", "xn--"),
        ("https://" + "a" * 64, "has no valid host name"),
        ("https://" + "a." * 130 + "b", "has no valid host name"),
        ("https://box\n", "has no"),
    ],
)
def test_what_is_no_device_url_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        device_url(text)
    assert said in str(caught.value)


@pytest.mark.parametrize("check", [device_url, proxy_url])
@pytest.mark.parametrize("text", ["http://admin:canary@box:1", "https://canary@box", "admin:canary@box"])
def test_a_password_in_a_url_is_refused_and_not_shown(check: Callable[[str], str], text: str) -> None:
    with pytest.raises(UsageError, match="must not hold a user name or password") as caught:
        check(text)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("text", ["socks5://127.0.0.1:1080", "socks5h://proxy:1080", "http://proxy:3128"])
def test_a_proxy_is_named_with_its_port(text: str) -> None:
    assert proxy_url(text + "/") == text


@pytest.mark.parametrize("text", ["socks5://proxy", "https://proxy:1", "proxy:1080", "socks4://proxy:1"])
def test_what_is_no_proxy_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        proxy_url(text)


def test_host_and_port_come_apart_again() -> None:
    assert host_and_port("https://box") == ("box", 443)
    assert host_and_port("http://[::1]:8080") == ("::1", 8080)


DIGITS = "ab" * 32


@pytest.mark.parametrize("text", [f"sha256:{DIGITS}", DIGITS, DIGITS.upper(), f" SHA256:{':'.join(['AB'] * 32)}\n"])
def test_a_fingerprint_is_written_one_way(text: str) -> None:
    assert fingerprint(text) == f"sha256:{DIGITS}"


@pytest.mark.parametrize("text", ["", "sha256:", DIGITS[1:], DIGITS + "a", "sha1:" + "a" * 40, "g" * 64])
def test_what_is_no_fingerprint_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="64 hex digits"):
        fingerprint(text)


@given(st.text(max_size=40) | st.text(alphabet="htps:/[]@.0x1a-%", max_size=40).map("https://".__add__))
def test_any_text_is_a_url_of_one_form_or_one_sentence(text: str) -> None:
    url, said = "https://other", ""
    try:
        url = device_url(text)
    except UsageError as error:
        said = str(error)
    assert said.isprintable()
    assert (device_url(url), url.isascii()) == (url, True)
