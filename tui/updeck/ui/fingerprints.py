"""SHA-256 sums in blocks that an eye can compare, and certificates old and new side by side. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from updeck.clock import rfc3339
from updeck.device.models import Certificate
from updeck.fleet.orders import CertificateOffer
from updeck.text import pad, plural
from updeck.ui.confirmation import Ask
from updeck.ui.facts import fact, heading, sentence
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import EMPTY, Ink, Line, line

__all__ = ["ask_to_trust", "ask_to_trust_all", "changed", "sum_fact", "sum_lines"]

_BLOCK, _BLOCKS_A_LINE = 8, 4
_SUM_WIDTH = _BLOCKS_A_LINE * (_BLOCK + 1) - 1
_ADVICE = "Compare the fingerprint with the one on the device's console before you trust it."
_ADVICE_CHANGED = (
    "A device makes a new certificate of its own at boot: after an update of ours that is to be expected. "
    "Otherwise compare the fingerprint with the one on the device's console before you trust it."
)


def sum_lines(hex_digits: str) -> tuple[str, ...]:
    """Return a SHA-256 in lines of four blocks of eight digits."""
    blocks = [hex_digits[at : at + _BLOCK] for at in range(0, len(hex_digits), _BLOCK)]
    return tuple(" ".join(blocks[at : at + _BLOCKS_A_LINE]) for at in range(0, len(blocks), _BLOCKS_A_LINE))


def sum_fact(label: str, hex_digits: str, width: int) -> list[Line]:
    """Return a labelled SHA-256."""
    first, *rest = sum_lines(hex_digits) or ("",)
    return fact(label, first, width) + [drawn for more in rest for drawn in fact("", more, width)]


def changed(offer: CertificateOffer) -> bool:
    """Whether trusting what is presented would change anything."""
    return offer.trusted != offer.presented.fingerprint


def ask_to_trust(offer: CertificateOffer, glyphs: Glyphs, now: float, token: str = "") -> Ask:
    """Return the question for one device; a certificate that is trusted already is only to be read.

    `now` is our wall clock. Without a `token` the device's name is part of what is typed.
    """

    def lay_out(width: int) -> list[Line]:
        out = sentence(_judgement(offer), width, Ink.STRONG if changed(offer) else Ink.PLAIN)
        if changed(offer):
            out += sentence(_ADVICE if offer.trusted is None else _ADVICE_CHANGED, width, Ink.DIM)
        if offer.trusted is not None and changed(offer):
            out += [EMPTY, *_side_by_side(offer.trusted, offer.presented.fingerprint, width)]
        else:
            out += [EMPTY, *sum_fact("sha256", _digits(offer.presented.fingerprint), width)]
        return out + heading("Presented now", width, glyphs.rule) + _described(offer.presented, width, now)

    return Ask(lay_out, token or f"trust {offer.device}", closed=not changed(offer))


def ask_to_trust_all(offers: Sequence[CertificateOffer | tuple[str, str]], glyphs: Glyphs) -> Ask:
    """Return the question for several devices: one table of old and new, one typed count.

    An entry that is a pair is a device that presents nothing, with the reason.
    """
    new = [one for one in offers if isinstance(one, CertificateOffer) and changed(one)]
    same = [one for one in offers if isinstance(one, CertificateOffer) and not changed(one)]
    silent = [one for one in offers if isinstance(one, tuple)]

    def lay_out(width: int) -> list[Line]:
        first = all(offer.trusted is None for offer in new)
        what = "a certificate that is not trusted yet" if first else "another certificate"
        head = f"{plural(len(new), 'device presents', 'devices present')} {what}."
        out = sentence(head, width, Ink.STRONG)
        out += sentence(_ADVICE.replace("the", "each", 1) if first else _ADVICE_CHANGED, width, Ink.DIM) if new else []
        for offer in new:
            out += heading(offer.device, width, glyphs.rule)
            if offer.trusted is None:
                out += sum_fact("sha256", _digits(offer.presented.fingerprint), width)
            else:
                out += _side_by_side(offer.trusted, offer.presented.fingerprint, width)
            out += fact("subject", offer.presented.subject or "could not be read", width)
        if same:
            out += [EMPTY, *fact("unchanged", ", ".join(one.device for one in same), width)]
        for name, reason in silent:
            out += [EMPTY, *sentence(line((f"{name}: ", Ink.MAY), reason), width)]
        return out

    return Ask(lay_out, f"trust {len(new)}", closed=not new)


def _judgement(offer: CertificateOffer) -> str:
    if not changed(offer):
        return "The device presents the certificate that is trusted."
    if offer.trusted is not None:
        return "The device presents another certificate than the one that is trusted."
    modes = {
        "verify": "So far it is checked against the system's certificate store; trusting it pins this very one.",
        "ca": "So far it is checked against a CA file; trusting it pins this very one.",
        "insecure": "So far no certificate is checked; trusting it pins this very one.",
    }
    return modes.get(offer.mode, "No certificate is trusted for this device yet.")


def _digits(fingerprint: str) -> str:
    return fingerprint.removeprefix("sha256:")


def _described(certificate: Certificate, width: int, now: float) -> list[Line]:
    if certificate.subject is None and certificate.not_after is None:
        return sentence("What it says could not be read: the fingerprint is all there is.", width, Ink.MAY)
    out = fact("subject", certificate.subject or "not told", width)
    out += fact("issuer", certificate.issuer or "not told", width)
    out += fact("valid", f"{certificate.not_before or '?'} to {certificate.not_after or '?'}", width)
    return out + _out_of_date(certificate, rfc3339(now) or "", width)


def _out_of_date(certificate: Certificate, now: str, width: int) -> list[Line]:
    """Say that a certificate is not valid today, and that this does not matter to one that is pinned."""
    if certificate.not_after is not None and certificate.not_after < now:
        words = "It has expired"
    elif certificate.not_before is not None and certificate.not_before > now:
        words = "It is not valid yet, or a clock is wrong"
    else:
        return []
    return sentence(f"{words}. Trusted by its fingerprint it is taken all the same.", width, Ink.MAY)


def _side_by_side(old: str, new: str, width: int) -> list[Line]:
    pairs = list(zip(sum_lines(_digits(old)), sum_lines(_digits(new)), strict=False))
    if width < 2 * _SUM_WIDTH + 2:
        return sum_fact("trusted", _digits(old), width) + sum_fact("now", _digits(new), width)
    out = [line((pad("trusted so far", _SUM_WIDTH + 2), Ink.DIM), ("presented now", Ink.DIM))]
    out += [line((pad(before, _SUM_WIDTH + 2), Ink.PLAIN), (now, Ink.ACCENT)) for before, now in pairs]
    return out
