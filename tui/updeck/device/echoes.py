"""What a device was told in confidence, kept out of what it says back (`security.md`, secrets).

A careless or broken device repeats a login in its error: as it came, quoted as JSON, in a URL, or as the Base64 of a
header. What it says goes to screens, logs and the journal, so each of these forms becomes a mark at the wire.
"""

from __future__ import annotations

import base64
import html
import json
import re
import string
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import quote, quote_plus

from updeck.device import parse
from updeck.device.exchange import Answer
from updeck.errors import DeviceError
from updeck.text import clean

__all__ = ["MARK", "Echoes"]

MARK = "•••"

_MOST = 8
"""How many secrets are remembered: passwords, codes and tokens of now, and those they replaced."""

_NOT_BY_CHANCE = 6
"""From how many characters on a form is looked for among words of ours, or within Base64."""

_FORM_LIMIT = 20_000
_CUT_LEAST, _CUT_MOST = 3, 200
"""How much of a secret a cut may leave that is looked for."""
_BASE64 = string.ascii_letters + string.digits + "+/_-"
_PERCENT = re.compile("%[0-9A-F]{2}")
_KNOWN_IDS = frozenset(
    {
        "AUTH_REQUIRED",
        "AUTH_INVALID_CREDENTIALS",
        "AUTH_INVALID_SESSION",
        "AUTH_INVALID_TOKEN",
        "AUTH_EXPIRED_TOKEN",
        "AUTH_EXPIRED_PASSWORD",
        "AUTH_DISABLED_ACCOUNT",
        "AUTH_FORBIDDEN",
        "INTERNAL_ERROR",
        "REQUEST_INVALID_INPUT",
        "RESOURCE_NOT_FOUND",
    }
)
"""The error ids of `protocol.md` 3, which decide things and stay whatever the password is."""


class Echoes:
    """The secrets that one device was sent, or gave us, and the mark in their place wherever it repeats them."""

    def __init__(self) -> None:
        self._secrets: dict[str, None] = {}
        self._last: _Masked | None = None

    def learn(self, *secrets: str | None) -> None:
        """Remember secrets; the oldest are forgotten when there are many."""
        for secret in filter(None, secrets):
            self._secrets.pop(secret, None)
            self._secrets[secret] = None
            self._last = None
        while len(self._secrets) > _MOST:
            del self._secrets[next(iter(self._secrets))]

    def masked(self, answer: Answer) -> Answer:
        """Return an answer whose error, where it states one, repeats no secret; other answers as they are."""
        if answer.good:
            self._last = None
            return answer
        if not self._secrets:
            return answer
        fault = parse.fault(answer.body)
        if fault is None:
            return answer
        if fault.error_id in _KNOWN_IDS:
            error_id, (error_text,) = fault.error_id, self._mask((fault.error_text,))
        else:
            error_id, error_text = self._mask((fault.error_id, fault.error_text))
        body = {"error_id": error_id, "error_text": error_text}
        return replace(answer, body=json.dumps(body).encode("ascii"))

    @contextmanager
    def in_errors(self) -> Iterator[None]:
        """Put the mark into the sentence of an error that quotes what came, such as where a redirect leads."""
        try:
            yield
        except DeviceError as error:
            error.message = self.mask(error.message, least=_NOT_BY_CHANCE)
            error.args = (error.message,)
            raise

    def mask(self, text: str, *, least: int = 1) -> str:
        """Return clean text with a mark for each secret; only for forms of `least` characters and more."""
        return self._mask((text,), least)[0]

    def _mask(self, texts: tuple[str, ...], least: int = 1) -> tuple[str, ...]:
        """Return texts masked; only the last are remembered, for what secrets look like takes more than all else here.

        A device in trouble says the same at every poll, and its next poll is a minute away.
        """
        last = self._last
        if last is None or (last.texts, last.least) != (texts, least):
            known = _Known.of(tuple(self._secrets))
            last = self._last = _Masked(texts, least, tuple(known.mask(text, least) for text in texts))
        return last.masked


class _Masked(NamedTuple):
    """Texts, and what is left of them where the forms of `least` characters and more are masked."""

    texts: tuple[str, ...]
    least: int
    masked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """All that secrets may look like, the longest first, as one may hold another; `cores` stand within Base64."""

    forms: tuple[str, ...]
    cores: tuple[str, ...]

    @classmethod
    def of(cls, secrets: tuple[str, ...]) -> _Known:
        forms = {clean(form, _FORM_LIMIT) for secret in secrets for form in _forms(secret)}
        cores = {core for secret in secrets for spelt in _spelt(secret) for core in _cores(spelt)}
        return cls(tuple(sorted(forms, key=len, reverse=True)), tuple(sorted(cores, key=len, reverse=True)))

    def mask(self, text: str, least: int) -> str:
        """Return clean text with a mark for each secret; only for forms of `least` characters and more."""
        if text.endswith("…"):
            text = _without_beginning(text, self)
        for core in self.cores:
            while core in text:
                text = _without_run(text, text.index(core), len(core))
        for form in self.forms:
            if len(form) >= least:
                text = text.replace(form, MARK)
        return text


def _without_run(text: str, at: int, size: int) -> str:
    """Return text with the whole of the Base64 masked in which something stands."""
    before = text[:at].rstrip(_BASE64)
    return f"{before}{MARK}{text[at + size :].lstrip(_BASE64).lstrip('=')}"


def _without_beginning(text: str, known: _Known) -> str:
    """Return a text that was cut for its length without the beginning of a secret that the cut left of it."""
    head = text[:-1]
    for form in (*known.cores, *known.forms):
        for end in range(min(len(form), _CUT_MOST), _CUT_LEAST - 1, -1):
            if head.endswith(form[:end]):
                kept = head[:-end]
                return f"{kept.rstrip(_BASE64) if form in known.cores else kept}{MARK}…"
    return text


def _spelt(secret: str) -> tuple[str, ...]:
    """Return a secret as it is, and as bodies spell it."""
    raw = secret.encode(errors="surrogatepass")
    in_json = (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    return secret, *in_json, quote(raw), quote(raw, safe=""), quote_plus(raw)


def _forms(secret: str) -> Iterator[str]:
    """Yield a secret as programs quote it."""
    raw = secret.encode(errors="surrogatepass")
    every = "".join(f"%{byte:02X}" for byte in raw)
    base = base64.b64encode(raw).decode("ascii")
    for form in (*_spelt(secret), every, raw.hex()):
        yield form
        yield _PERCENT.sub(lambda found: found[0].lower(), form)
    yield from (raw.hex().upper(), html.escape(secret), repr(secret)[1:-1])
    yield from (base, base.rstrip("="), base.replace("+", "-").replace("/", "_").rstrip("="))


def _cores(secret: str) -> Iterator[str]:
    """Yield the Base64 that a secret has within a longer text, such as `user:password`, at each of three places.

    The characters that its neighbours decide as well are left out; a core that is short could be there by chance.
    """
    raw = secret.encode(errors="surrogatepass")
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + raw).decode("ascii").rstrip("=")
        core = text[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
        if len(core) >= _NOT_BY_CHANCE:
            yield core
            yield core.replace("+", "-").replace("/", "_")
