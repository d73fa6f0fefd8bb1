"""`updeck devices trust`: what is presented beside what is trusted, and pins for what was accepted by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from updeck.cli.command import Invocation, fail_usage
from updeck.cli.exits import Exit, exit_of_error, rolled_up
from updeck.cli.output import Json
from updeck.cli.session import Session, fleet_of, opened, possible_names
from updeck.cli.tables import offer_lines
from updeck.errors import ConfigError, UpdeckError, UsageError
from updeck.fleet.addresses import fingerprint
from updeck.fleet.documents import offer_row
from updeck.fleet.orders import CertificateOffer
from updeck.text import clean
from updeck.toml_table import read_config_text

__all__ = ["read_fingerprints", "trust_devices"]


@dataclass(frozen=True, slots=True)
class _Judged:
    """What became of one device's certificate; `text` says it in words, `offer` is None where none was seen."""

    name: str
    exit_: Exit
    text: str
    offer: CertificateOffer | None

    def row(self) -> dict[str, Json]:
        seen: dict[str, Json] = {"name": self.name} if self.offer is None else offer_row(self.offer)
        return {**seen, "trust": self.exit_ is Exit.GOOD, "result": self.text}

    def lines(self, offer: CertificateOffer) -> list[str]:
        """Return one line where nothing is to be decided, else both fingerprints above each other."""
        if offer.trusted == offer.presented.fingerprint:
            return [f"{self.name}: {self.text}"]
        return [*offer_lines(offer), f"  result     {self.text}"]


def trust_devices(invocation: Invocation, selectors: Sequence[str], *, accept: str | None, file: Path | None) -> Exit:
    """Show every certificate that is meant and pin those whose fingerprint was given; nothing else is trusted."""
    if accept is not None and file is not None:
        fail_usage("--accept and --fingerprints exclude each other")
    fleet = fleet_of(invocation)
    names = possible_names(fleet, selectors)
    wanted = {} if file is None else read_fingerprints(file)
    if accept is not None:
        wanted = dict.fromkeys(names, fingerprint(accept))
    if wanted:
        invocation.forbid_when_read_only("devices trust")
    with opened(invocation, fleet, names, polling=False) as session:
        names = session.chosen(selectors)
        offers = session.results({name: session.service.certificate(name) for name in names})
        judged = [_judged(session, name, offer, wanted.get(name)) for name, offer in offers.items()]
    if invocation.json:
        invocation.out.document({"devices": [one.row() for one in judged]})
    for one in judged:
        if one.offer is None:
            invocation.out.complain(f"{one.name}: {one.text}")
        elif not invocation.json:
            invocation.out.lines(one.lines(one.offer))
    return rolled_up(one.exit_ for one in judged)


def _judged(session: Session, name: str, offer: CertificateOffer | UpdeckError, given: str | None) -> _Judged:
    if isinstance(offer, UpdeckError):
        return _Judged(name, exit_of_error(offer), offer.message, None)
    presented = offer.presented.fingerprint
    if offer.trusted == presented:
        return _Judged(name, Exit.GOOD, "trusted already", offer)
    if given is None:
        advice = f"compare it, then: updeck devices trust {name} --accept {presented}"
        return _Judged(name, Exit.BLOCKED, f"not trusted; {advice}", offer)
    if given != presented:
        return _Judged(name, Exit.BLOCKED, f"not trusted: {given} was expected", offer)
    session.result(session.service.trust(name, presented))
    return _Judged(name, Exit.GOOD, "trusted now", offer)


def read_fingerprints(path: Path) -> dict[str, str]:
    """Return fingerprints by device name from lines `NAME sha256:HEX`; `#` begins a comment.

    Raises `ConfigError` naming the line.
    """
    shown = clean(path)
    text = read_config_text(path)  # whoever can change it decides what is trusted
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            name, digits = words
            found[name] = fingerprint(digits)
        except (ValueError, UsageError):
            raise ConfigError(
                f"{shown} line {number} is no name with a fingerprint", advice="write NAME sha256:HEX"
            ) from None
    return found
