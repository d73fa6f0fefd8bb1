"""A fleet in which all that can be hostile is: simulated devices, certificates, headers, files, the journal."""

from __future__ import annotations

import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hostile_texts import CONTROLS, FORMULAS, MARKUP, WIDTHS
from updeck.clock import SystemClock
from updeck.journal.actor import this_actor
from updeck.journal.models import Baseline, Op, Outcome, Verdict
from updeck.journal.plan_models import ControlKind, Member
from updeck.journal.store import Journal
from updeck.rollout.plan import Plan, PlannedDevice, PlannedImage, Source
from updeck.rollout.plan_document import stored_plan
from updeck.simulator.images import write_image
from updeck.simulator.options import Scenario, ServeOptions
from updeck.simulator.threaded import ThreadedSimulator, running_in_thread

__all__ = ["HOSTILE", "TEXTS", "HostileFleet", "hostile_fleet"]

TEXTS = tuple(
    text for text in (*CONTROLS, *WIDTHS, *MARKUP, *FORMULAS) if text.encode(errors="ignore").decode() == text
)
"""What can stand in JSON at all; halves of characters are refused before they are shown."""

HOSTILE = "".join(TEXTS[:16])
RAW_ANSWER = (
    b"HTTP/1.1 500 \x1b]0;owned\x07\x9b2J\r\nDate: \x1b[2J\x9d0;owned\x9c\r\nServer: \x1b[31m\r\n"
    b"Content-Type: text/\x1b[2J\r\nConnection: close\r\nContent-Length: 12\r\n\r\n\x1b]0;owned\x07!!"
)


@dataclass(frozen=True)
class HostileFleet:
    """Where it is. `files` is a directory of hostile names, with one whole image in it; `rollout` is a planned one."""

    inventory: Path
    state: Path
    files: Path
    image: Path
    rollout: str
    names: tuple[str, ...]
    simulator: ThreadedSimulator

    @property
    def environment(self) -> dict[str, str]:
        """What a program is started with to be among it."""
        return {"UPDECK_STATE": str(self.state), "UPDECK_CONFIG": str(self.inventory.parent), "HOME": str(self.files)}


@contextmanager
def hostile_fleet(
    room: Path, *, devices: int = 12, speed: float = 1, scenario: Scenario = Scenario.MIXED
) -> Iterator[HostileFleet]:
    """Serve such a fleet. Each device says other texts of the corpus; the last two are no simulated ones."""
    with ExitStack() as stack:
        options = ServeOptions(
            fleet_out=room / "fleet.toml", devices=devices, seed=1, scenario=scenario, speed=speed, http=False
        )
        simulator = stack.enter_context(running_in_thread(options))
        poison(simulator)
        raw = stack.enter_context(answering(RAW_ANSWER))
        tls = stack.enter_context(answering(RAW_ANSWER, hostile_context(room)))
        with options.fleet_out.open("a") as file:
            file.write(f'\n[devices.raw]\nurl = "http://127.0.0.1:{raw}"\n')
            file.write(f'\n[devices.stranger]\nurl = "https://127.0.0.1:{tls}"\ntls = "verify"\n')
        files = room / "files"
        state = room / "state"
        state.mkdir(mode=0o700)
        yield HostileFleet(
            options.fleet_out,
            state,
            files,
            hostile_files(files),
            hostile_journal(state, simulator.names),
            (*simulator.names, "raw", "stranger"),
            simulator,
        )


def poison(simulator: ThreadedSimulator) -> None:
    """Put hostile text into every answer of every device."""
    names = simulator.names
    for number, name in enumerate(names):
        mine = TEXTS[number :: len(names)]
        simulator.fault(name, "hostile_text", text="".join(mine))
        for field, text in zip(("version", "target_version", "state_description", "checksum"), mine, strict=False):
            simulator.fault(name, "hostile_text", field=field, text=f"9.{number} {text}")
    simulator.fault(names[0], "status", path="/images", status=500, error_id=HOSTILE, error_text=HOSTILE)
    simulator.fault(names[1], "hostile_text", field="state", text=HOSTILE)
    simulator.fault(names[2], "hostile_text", field="state_description", text="\x1b[2J漢\u0301" * 170_000)
    simulator.fault(names[3], "html", path="/update", text=HOSTILE)


def hostile_files(directory: Path) -> Path:
    """Make files whose names are hostile, bytes that are no UTF-8 included; return the one that is a whole image."""
    directory.mkdir()
    for number, text in enumerate(TEXTS):
        name = text.replace("/", "_").replace("\0", "_").encode()[:120] + f"-{number}.iso".encode()
        with suppress(OSError):
            Path(os.fsdecode(bytes(directory) + b"/" + name)).touch()
    Path(os.fsdecode(bytes(directory) + b"/\xff\xfe\x9b2J.iso")).touch()
    folder = directory / "\x1b]0;folder\x07\u202e"
    folder.mkdir()
    image = folder / "new-\x1b[2J\n\u202e11.12.0.iso"
    write_image(image, "11.12.0 #40000", 100_000)
    return image


def hostile_journal(state: Path, names: tuple[str, ...]) -> str:
    """Write a planned rollout and a manual operation in which people, devices and errors say hostile things."""
    actor = this_actor("ui")
    journal = Journal.open(state, actor=actor, clock=SystemClock())
    try:
        planned = tuple(PlannedDevice(name, f"https://{name}", 1, serial="S") for name in names[:2])
        plan = Plan(PlannedImage("11.8.0 #28924", Source.PRESENT), planned, ticket="CHG [b]=1+1|`x`")
        members = [Member(one.name, one.wave, one.url) for one in planned]
        rollout = journal.register_plan(stored_plan(plan), plan.digest, members).id
        journal.take_over(rollout)
        baseline = Baseline(
            time.time(),
            HOSTILE,
            0,
            HOSTILE,
            ((1, HOSTILE),),
            HOSTILE,
            HOSTILE,
            HOSTILE,
            HOSTILE,
            HOSTILE,
            expected=HOSTILE,
        )
        permit = journal.intend(rollout, names[0], Op.START, baseline=baseline, allow=lambda record: None)
        journal.outcome(permit.intent_id, Outcome.REFUSED, status=409, error=HOSTILE)
        journal.end(
            rollout,
            names[0],
            op=Op.START,
            verdict=Verdict.REVIEW,
            reason=HOSTILE,
            last_state_time=1,
            target_version=HOSTILE,
        )
        journal.control(rollout, ControlKind.PAUSE, reason=HOSTILE)
        return rollout
    finally:
        journal.close()


def hostile_context(room: Path) -> ssl.SSLContext:
    """Return a server's TLS context with a certificate whose every name is hostile."""
    key = ec.generate_private_key(ec.SECP256R1())
    oids = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.LOCALITY_NAME)
    texts = ("\x1b]0;owned\x07\x9b2J", "\u202eO\u200b=, CN=good", "[@click=app.quit]x[/x]\r\n")
    name = x509.Name([x509.NameAttribute(oid, text, _validate=False) for oid, text in zip(oids, texts, strict=True)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
        .sign(key, hashes.SHA256())
    )
    chain = room / "hostile.pem"
    chain.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


@contextmanager
def answering(answer: bytes, context: ssl.SSLContext | None = None) -> Iterator[int]:
    """Answer every connection to a port of our own with the same bytes; yields the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=give, args=(connection,), daemon=True).start()

    def give(connection: socket.socket) -> None:
        with suppress(OSError), connection:
            connection.settimeout(10)
            with context.wrap_socket(connection, server_side=True) if context else connection as wrapped:
                if wrapped.recv(65536):
                    wrapped.sendall(answer)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()
