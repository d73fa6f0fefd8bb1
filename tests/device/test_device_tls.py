"""No credential leaves before the certificate is trusted (`security.md`, TLS): eight kinds against each mode."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import ssl
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.certificates import issue
from device.desk import PASSWORD, Permit, client_of
from device.rogue import listening, rogue
from updeck.device.client import Endpoint
from updeck.device.image_file import ImageFile
from updeck.device.tls import context_for, handshakes_for, present, vouched_for
from updeck.device.trust import Tls, TlsMode
from updeck.device.upload import UploadSession
from updeck.errors import ConfigError, TrustError, Unreachable

AUTHORITY = issue("Our CA", authority=True)
THEIRS = issue("Their CA", authority=True)
KINDS = {
    "trusted": issue(by=AUTHORITY),
    "self-signed": issue(),
    "another self-signed": issue(),
    "expired": issue(by=AUTHORITY, from_days=-9, to_days=-2),
    "not yet valid": issue(by=AUTHORITY, from_days=2),
    "for another address": issue(by=AUTHORITY, host="127.0.0.9"),
    "of an unknown authority": issue(by=THEIRS),
    "of an impostor with our authority's name": issue(by=issue("Our CA", authority=True)),
}
PINNED = "self-signed"
GOOD = {
    "verify": {"trusted"},
    "ca": {"trusted"},
    "pin": {PINNED},
    "insecure": set(KINDS),
}
SAYS = {
    "self-signed": "self-signed",
    "another self-signed": "self-signed",
    "expired": "has expired",
    "not yet valid": "not valid yet",
    "for another address": "for another name",
    "of an unknown authority": "not trusted",
    "of an impostor with our authority's name": "not trusted",
}


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Our authority alone as the system's certificate store, and as a CA file."""
    path = AUTHORITY.write(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    context_for.cache_clear()
    yield path
    context_for.cache_clear()


def trust(mode: TlsMode, store: Path) -> Tls:
    return Tls(mode, store if mode == "ca" else None, KINDS[PINNED].fingerprint if mode == "pin" else None)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", GOOD)
async def test_a_poll_goes_to_a_trusted_certificate_only(kind: str, mode: TlsMode, store: Path, tmp_path: Path) -> None:
    async with rogue(tls=KINDS[kind].server(tmp_path)) as device:
        async with client_of(device.url, tls=trust(mode, store)) as client:
            if kind in GOOD[mode]:
                assert (await client.update()).state == "IDLE"
                return
            with pytest.raises(TrustError) as caught:
                await client.update()
        assert device.asked == []
    error = caught.value
    assert error.presented == KINDS[kind].fingerprint
    assert error.expected == (KINDS[PINNED].fingerprint if mode == "pin" else None)
    assert "updeck devices trust" in str(error)
    assert ("not the pinned one" if mode == "pin" else SAYS[kind]) in str(error)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_system_vouches_for_what_a_poll_would_trust_and_no_request_is_sent_to_find_out(
    kind: str, store: Path, tmp_path: Path
) -> None:
    async with rogue(tls=KINDS[kind].server(tmp_path)) as device:
        assert await vouched_for(device.url) is (kind in GOOD["verify"])
    assert device.asked == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", GOOD)
async def test_an_upload_goes_to_a_trusted_certificate_only(
    kind: str, mode: TlsMode, store: Path, tmp_path: Path
) -> None:
    (tmp_path / "x.iso").write_bytes(b"image")
    file = ImageFile.open(tmp_path / "x.iso")
    permit = Permit()
    async with rogue(tls=KINDS[kind].server(tmp_path)) as device:
        session = UploadSession(
            Endpoint("ar11", device.url, trust(mode, store)), {"Authorization": PASSWORD.encode().hex()}
        )

        def send() -> object:
            return session.send(permit, file, progress=lambda _: None, cancel=threading.Event(), stall_s=10, total_s=10)

        if kind in GOOD[mode]:
            await asyncio.to_thread(send)
            assert device.asked[-1].body == b"image"
            return
        with pytest.raises(TrustError):
            await asyncio.to_thread(send)
        assert device.asked == []
        assert permit.claims == []
        assert not session.left


async def test_a_call_that_changes_the_device_is_surely_not_sent_to_an_untrusted_certificate(tmp_path: Path) -> None:
    permit = Permit()
    pin = Tls("pin", None, KINDS[PINNED].fingerprint)
    async with rogue(tls=KINDS["expired"].server(tmp_path)) as device, client_of(device.url, tls=pin) as client:
        with pytest.raises(TrustError, match="ar11: its certificate is not the pinned one"):
            await client.start(permit)
    assert device.asked == []
    assert permit.claims == []


async def test_a_certificate_that_changes_between_login_and_start_stops_the_start(tmp_path: Path) -> None:
    permit = Permit()
    tls = KINDS[PINNED].server(tmp_path)
    async with (
        rogue(tls=tls) as device,
        client_of(device.url, tls=Tls("pin", None, KINDS[PINNED].fingerprint)) as client,
    ):
        await client.update()
        other = KINDS["another self-signed"]
        other.server(tmp_path)
        tls.load_cert_chain(tmp_path / f"{other.certificate.serial_number}.pem")
        with pytest.raises(TrustError) as caught:
            await client.start(permit)
        assert caught.value.presented == other.fingerprint
        assert device.sent("POST", "/start") == []
    assert permit.claims == []


@pytest.mark.parametrize(
    "pin",
    ["", "sha256:", "sha256:" + "0" * 64, KINDS["trusted"].fingerprint],
    ids=["empty", "no digest", "zeros", "another's"],
)
async def test_a_pin_that_is_not_quite_right_trusts_nothing(pin: str, tmp_path: Path) -> None:
    async with (
        rogue(tls=KINDS[PINNED].server(tmp_path)) as device,
        client_of(device.url, tls=Tls("pin", None, pin)) as client,
    ):
        with pytest.raises(TrustError):
            await client.update()


async def test_a_pin_counts_in_either_case(tmp_path: Path) -> None:
    pin = KINDS[PINNED].fingerprint.upper()
    async with (
        rogue(tls=KINDS[PINNED].server(tmp_path)) as device,
        client_of(device.url, tls=Tls("pin", None, pin)) as client,
    ):
        assert (await client.update()).state == "IDLE"


async def test_the_presented_certificate_is_told_without_a_byte_of_a_request(tmp_path: Path) -> None:
    for kind in (PINNED, "expired", "for another address"):
        async with rogue(tls=KINDS[kind].server(tmp_path)) as device:
            presented = await present(device.url)
        certificate = KINDS[kind].certificate
        assert presented.fingerprint == KINDS[kind].fingerprint
        assert presented.subject == "O=Exämple, CN=ar11-nyc-1"
        assert presented.issuer == ("O=Exämple, CN=ar11-nyc-1" if kind == PINNED else "O=Exämple, CN=Our CA")
        assert presented.not_before == f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
        assert presented.not_after == f"{certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
        assert device.asked == []


async def test_what_presents_no_certificate_says_so() -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n")
        await reader.read()

    async with listening(greet) as address:
        with pytest.raises(TrustError, match="plain http"):
            await present(f"http://{address}")
        with pytest.raises(Unreachable, match="does not speak TLS"):
            await present(f"https://{address}")
    with pytest.raises(Unreachable, match="refused"):
        await present(f"https://{address}")


async def test_a_device_that_hangs_in_the_handshake_is_unreachable_in_time() -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with listening(accept) as address:
        async with client_of(f"https://{address}", get_total_s=0.2) as client:
            with pytest.raises(Unreachable, match="no whole answer within"):
                await client.update()
        with pytest.raises(Unreachable):
            await present(f"https://{address}", total_s=0.2)


@pytest.mark.parametrize("tls", [Tls("insecure"), Tls("pin", None, KINDS[PINNED].fingerprint)])
async def test_tls_older_than_1_2_is_not_spoken(tls: Tls, tmp_path: Path) -> None:
    server = KINDS[PINNED].server(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        server.minimum_version = ssl.TLSVersion.TLSv1
        server.maximum_version = ssl.TLSVersion.TLSv1_1
    server.set_ciphers("ALL:@SECLEVEL=0")

    def shake_hands(listener: socket.socket) -> None:
        raw, _ = listener.accept()
        with raw, pytest.raises(ssl.SSLError):
            server.wrap_socket(raw, server_side=True)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        hands = asyncio.create_task(asyncio.to_thread(shake_hands, listener))
        async with client_of(url, tls=tls) as client:
            with pytest.raises(Unreachable, match=r"TLS older than 1\.2"):
                await client.update()
        await hands


async def test_session_keys_are_not_written_for_whoever_set_the_environment(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(log))
    pin = Tls("pin", None, KINDS["trusted"].fingerprint)
    async with rogue(tls=KINDS["trusted"].server(tmp_path)) as device:
        for tls in (Tls(), Tls("ca", store), pin, Tls("insecure")):
            async with client_of(device.url, tls=tls) as client:
                await client.update()
    assert not log.exists()


@pytest.mark.parametrize("mode", ["verify", "ca", "pin"])
async def test_an_authority_that_the_environment_names_is_trusted_by_nobody(
    mode: TlsMode, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = str(THEIRS.write(tmp_path / "trap.pem"))
    (tmp_path / "x.iso").write_bytes(b"image")
    names = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]
    for name in names if mode == "verify" else [*names, "SSL_CERT_FILE"]:  # the last one is the system's store itself
        monkeypatch.setenv(name, trap)
    async with rogue(tls=KINDS["of an unknown authority"].server(tmp_path)) as device:
        async with client_of(device.url, tls=trust(mode, store)) as client:
            with pytest.raises(TrustError):
                await client.update()
        session = UploadSession(Endpoint("ar11", device.url, trust(mode, store)), {})
        with pytest.raises(TrustError):
            await asyncio.to_thread(
                session.send,
                Permit(),
                ImageFile.open(tmp_path / "x.iso"),
                progress=lambda _: None,
                cancel=threading.Event(),
                stall_s=10,
                total_s=10,
            )
    assert device.asked == []


async def test_a_request_larger_than_a_record_arrives_whole(tmp_path: Path) -> None:
    url = "https://files.example.net/" + "x" * 100_000
    async with (
        rogue(tls=KINDS[PINNED].server(tmp_path)) as device,
        client_of(device.url, tls=Tls("insecure")) as client,
    ):
        await client.fetch(Permit(), url)
        (asked,) = device.sent("POST", "/fetch")
    assert json.loads(asked.body) == {"url": url}


async def test_each_of_many_pins_trusts_its_own_device_alone_though_they_share_a_context(tmp_path: Path) -> None:
    one, other = KINDS[PINNED], KINDS["another self-signed"]
    pins = [Tls("pin", None, found.fingerprint) for found in (one, other)]
    async with (
        rogue(tls=one.server(tmp_path)) as first,
        rogue(tls=other.server(tmp_path)) as second,
        client_of(first.url, tls=pins[0]) as right,
        client_of(second.url, tls=pins[1]) as too,
    ):
        await asyncio.gather(right.update(), too.update())
        asked = len(first.asked), len(second.asked)
        async with client_of(second.url, tls=pins[0]) as wrong, client_of(first.url, tls=pins[1]) as crossed:
            failed = await asyncio.gather(wrong.update(), crossed.update(), return_exceptions=True)
        assert [type(error) for error in failed] == [TrustError, TrustError]
        assert (len(first.asked), len(second.asked)) == asked
        await asyncio.gather(right.update(), too.update())
    before = sum(isinstance(found, ssl.SSLContext) for found in gc.get_objects())
    held = [handshakes_for(Tls("pin", None, f"sha256:{number:064x}")) for number in range(100)]
    for one_of_them in held:
        one_of_them.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="ar11")
    assert sum(isinstance(found, ssl.SSLContext) for found in gc.get_objects()) == before


def test_equal_settings_share_a_context(store: Path) -> None:
    assert context_for(Tls()) is context_for(Tls("verify"))
    assert context_for(Tls("ca", store)) is context_for(Tls("ca", Path(store)))
    assert context_for(Tls("pin", None, "sha256:00")) is not context_for(Tls("pin", None, "sha256:01"))


async def test_a_ca_file_that_cannot_be_used_is_an_error_of_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "junk.pem").write_text("junk")
    AUTHORITY.write(tmp_path / "shared.pem").chmod(0o664)
    (tmp_path / "link.pem").symlink_to(tmp_path / "shared.pem")
    for ca_file, says in (
        (tmp_path / "junk.pem", "no usable certificates"),
        (tmp_path / "absent.pem", "cannot read"),
        (tmp_path / "shared.pem", "can be changed by others"),
        (tmp_path / "link.pem", "can be changed by others"),
        (tmp_path, "is a directory"),
    ):
        async with client_of("https://127.0.0.1:9", tls=Tls("ca", ca_file)) as client:
            with pytest.raises(ConfigError, match=says):
                await client.update()


@pytest.mark.parametrize(
    ("url", "tls", "note"),
    [
        ("https://127.0.0.1", Tls(), "verified"),
        ("https://127.0.0.1", Tls("ca", Path("ca.pem")), "verified"),
        ("https://127.0.0.1", Tls("pin", None, "sha256:00"), "pinned"),
        ("https://127.0.0.1", Tls("insecure"), "insecure"),
        ("http://127.0.0.1", Tls(), "plain http"),
        ("HTTP://127.0.0.1", Tls("pin", None, "sha256:00"), "plain http"),
    ],
)
async def test_how_far_a_connection_can_be_trusted_is_told(url: str, tls: Tls, note: str) -> None:
    async with client_of(url, tls=tls) as client:
        assert client.tls_note == note


@pytest.mark.parametrize(
    "url", ["", "10.1.2.3", "ftp://10.1.2.3", "https://me:pw@10.1.2.3", "https://10.1.2.3/x", "https://"]
)
def test_an_address_that_is_no_origin_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        Endpoint("ar11", url)
