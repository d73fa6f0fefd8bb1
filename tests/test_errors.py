"""Errors are sentences that drive nothing, whatever they quote, and a fault of ours is told without its values."""

from __future__ import annotations

import pytest

from hostile_texts import CONTROLS
from updeck.errors import SecretError, UpdeckError, fault_in_words


@pytest.mark.parametrize("text", CONTROLS, ids=ascii)
def test_an_error_is_one_printable_sentence_whatever_it_quotes(text: str) -> None:
    error = UpdeckError(f"it says {text}", device=text, advice=f"look at {text}")
    for said in (str(error), error.message, error.device or "", error.advice or "", *map(str, error.args)):
        assert said.isprintable()
        assert len(said) <= 1600


def test_an_error_names_device_and_advice() -> None:
    assert str(SecretError("no password", device="ar11", advice="log in")) == "ar11: no password; log in"


def test_a_fault_names_its_place_and_not_what_was_at_hand() -> None:
    def broken(password: str) -> None:
        raise KeyError(password)

    try:
        broken("canary")
    except KeyError as error:
        said = fault_in_words(error)
    assert said.startswith("this is a fault in updeck itself (KeyError in test_errors.py:")
    assert "canary" not in said
