"""A selector is completed from what there is, as far as it is clear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_fixture import bank, device, image
from updeck.fleet.completion import Completion, complete

VIEWS = [
    device("ar11-nyc-1", images=(image(1, version="11.8.0 #28924"),)),
    device("ar11-nyc-2", "QUIESCING", version="11.8.1"),
    device("lab"),
]


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        ("st", "state:"),
        ("!pa", "!pair:"),
        ("la", "lab "),
        ("LA", "lab "),
        ("state:RUN", "state:RUNNING "),
        ("state:run", "state:RUNNING "),
        ("lab,state:q", "lab,state:QUIESCING "),
        ("tag:p", "tag:prod "),
        ("site:n", "site:nyc "),
        ("needs:", "needs:me "),
        ("reach:tr", "reach:TRUST "),
        ("image:<", "image:<11.8.0 "),
        ("version:>=11.8", "version:>=11.8.1 "),
        ("nobody", "nobody"),
        ("colour:r", "colour:r"),
        ("tag:zz", "tag:zz"),
    ],
)
def test_what_is_clear_is_completed(typed: str, becomes: str) -> None:
    assert complete(typed, len(typed), VIEWS) == Completion(becomes, len(becomes))


@pytest.mark.parametrize(
    ("typed", "becomes", "choices"),
    [
        ("a", "ar11-nyc-", ("ar11-nyc-1", "ar11-nyc-2")),
        ("state:IN", "state:INITIALIZ", ("INITIALIZING", "INITIALIZED")),
        ("version:", "version:11.", ("11.6.0", "11.8.1")),
        ("s", "s", ("site:", "state:")),
    ],
)
def test_what_is_not_clear_grows_as_far_as_it_is_and_names_the_rest(
    typed: str, becomes: str, choices: tuple[str, ...]
) -> None:
    assert complete(typed, len(typed), VIEWS) == Completion(becomes, len(becomes), choices)


def test_an_empty_word_offers_the_keywords() -> None:
    assert "needs:" in complete("lab ", 4, VIEWS).choices


def test_the_word_at_the_cursor_is_completed_and_the_rest_stays() -> None:
    assert complete("st lab", 2, VIEWS) == Completion("state: lab", 6)
    assert complete("la,tag:x", 2, VIEWS) == Completion("lab,tag:x", 3)


@given(st.text("!:,<>=* stagm-1é", max_size=12), st.integers(0, 12))
def test_whatever_is_typed_stays(text: str, at: int) -> None:
    at = min(at, len(text))
    found = complete(text, at, bank())
    assert found.text.endswith(text[at:])
    assert len(found.text) >= len(text)
    assert 0 <= found.at <= len(found.text)
