"""What the words and signs on the screens mean, for whoever presses the help key. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum

from updeck.device.models import Reach, UpdateState
from updeck.fleet.views import Phase
from updeck.journal.models import Verdict
from updeck.text import cell_width, pad
from updeck.ui.actions import ACTIONS
from updeck.ui.facts import hang, heading
from updeck.ui.glyphs import Glyphs
from updeck.ui.ink import Ink, Line, line
from updeck.ui.keymap import Keymap

__all__ = ["MEANING_OF_PHASE", "MEANING_OF_REACH", "MEANING_OF_STATE", "MEANING_OF_VERDICT", "Topic", "word_lines"]

_WORD_CELLS = 21

Words = Mapping[str, str]
"""What is explained, and how; `{id}` stands for the key of an action."""


class Topic(StrEnum):
    """What can be explained; the value is the heading."""

    SIGNS = "Signs in the list"
    STATES = "What a device says"
    REACH = "Why a device cannot be read"
    NEXT = "The column next: the one thing that a device needs"
    FILTER = "What can be typed into the filter"
    PHASES = "Where a device is in a rollout"
    VERDICTS = "How it ended"
    ACTIVITY = "What stands here"


MEANING_OF_STATE: dict[UpdateState, str] = {
    UpdateState.IDLE: "nothing is under way: it takes an image, or an init",
    UpdateState.INITIALIZING: "it prepares an update; it may not answer for a while",
    UpdateState.INITIALIZED: "prepared, waits for start; un-init (reset) takes it back to IDLE, no reboot",
    UpdateState.RUNNING: "it installs: the box goes down, once or more, and comes back",
    UpdateState.FAILED_GRACEFUL: "the update failed, the old version most likely runs; un-init it, then try again",
    UpdateState.FAILED_CRITICAL: "the update failed half-way; call support before anything else",
}

MEANING_OF_REACH: dict[Reach, str] = {
    Reach.UNREACHABLE: "no answer, or none that means anything; asked again by itself, less and less often",
    Reach.AUTH: "the login is missing or was refused; nothing more is tried until you log in ({credentials})",
    Reach.TRUST: "its certificate is not the trusted one; no password was sent; compare it ({credentials})",
    Reach.IDENTITY: "another box answers at its address; nothing is sent to it",
    Reach.UNSUPPORTED: "it does not offer npm.system_update 2.0",
    Reach.GARBLED: "its answer, or its state, is not known here; nothing is sent to it",
}

MEANING_OF_PHASE: dict[Phase, str] = {
    Phase.WAITING: "for its wave, its window, its pair or a free place",
    Phase.CHECKING: "it is looked at before anything is sent",
    Phase.TRANSFERRING: "the image is on its way",
    Phase.VALIDATING: "the device checks the image",
    Phase.INITIALIZING: "init was sent, it prepares",
    Phase.ARMED: "ready: it waits for a person who lets it start, or for the start to be allowed",
    Phase.STARTING: "start was sent, it has not begun yet",
    Phase.RUNNING: "it installs",
    Phase.REBOOTING: "down after our start, as expected",
    Phase.PROVING: "it is back; it has to answer well for a while before we believe it",
    Phase.HELD: "it waits for a person; the reason stands beside it",
    Phase.ENDED: "it has its verdict",
}

MEANING_OF_VERDICT: dict[Verdict, str] = {
    Verdict.SUCCESS: "it runs the version, answered well for a while, and its history says so",
    Verdict.ALREADY_INSTALLED: "it ran the version before; nothing was sent",
    Verdict.STAGED: "the image is there, valid and proven, as far as was wanted",
    Verdict.INITIALIZED: "ready to start, as far as was wanted",
    Verdict.SKIPPED: "left out, by a check or a person",
    Verdict.NOT_STARTED: "init or start was refused, or had no effect; nothing was installed",
    Verdict.WRONG_TARGET: "it made ready for another version, so it was un-initialized",
    Verdict.FAILED_GRACEFUL: "the device says that it failed and the system is unchanged",
    Verdict.FAILED_CRITICAL: "the device says that it failed half-way; call support",
    Verdict.NO_EFFECT: "it is back without a trace of the update",
    Verdict.TRANSFER_FAILED: "the image did not arrive, or is not the right one",
    Verdict.REVIEW: "nobody can know from here; look at the device, then say what became of it ({resolve})",
    Verdict.ABORTED_BEFORE_START: "the rollout was ended before anything was started on it",
}


def word_lines(topics: Sequence[Topic], width: int, glyphs: Glyphs, keymap: Keymap) -> list[Line]:
    """Return the explanations for `width` cells, with the keys in force."""
    keys = {action.id: keymap.keys(action.id)[0] for action in ACTIONS}
    out: list[Line] = []
    for topic in topics:
        out += heading(topic, width, glyphs.rule)
        for word, meaning in _WORDS[topic](glyphs).items():
            cells = min(_WORD_CELLS, width // 3)
            text = line((meaning.format_map(keys), Ink.DIM))
            if cell_width(word) >= cells:
                out.append(line((word, Ink.STRONG)))
            head = "" if cell_width(word) >= cells else word
            out += hang(line((pad(head, cells), Ink.STRONG)), text, cells, width)
    return out


def _signs(glyphs: Glyphs) -> Words:
    return {
        f"{glyphs.cursor}": "the cursor",
        f"{glyphs.mark}": "marked: what is done to several is done to these",
        f"{glyphs.changed}": "changed within ten minutes, and nobody has looked at it yet",
        f"{glyphs.resting} {glyphs.moving} {glyphs.ready}": "at rest; moving by itself; ready for a person's decision",
        f"{glyphs.failed} {glyphs.away}": "failed; cannot be read",
        f"{glyphs.barred} {glyphs.unknown}": "not the one that is trusted; not known here",
        "red, yellow": "needs a person; may need one",
        "dim, with an age": "the last answer is older than twice the interval: seen says how old",
    }


def _states(glyphs: Glyphs) -> Words:
    return {state.value: meaning for state, meaning in MEANING_OF_STATE.items()}


def _reach(glyphs: Glyphs) -> Words:
    return {reach.value: meaning for reach, meaning in MEANING_OF_REACH.items()}


def _next(glyphs: Glyphs) -> Words:
    return {
        "choose image": "it has nothing newer than what it runs: send it an image",
        "init?": "one valid image is there: it can be prepared; treat init as disruptive too",
        "start?": "we prepared it: start installs, and the box goes down",
        "down, rebooting": "we started it and expect it to be away",
        "proven 11.8.0": "we started it and saw everything that a success needs",
        "someone else's init": "somebody else prepared it: hands off, or adopt it with a reason",
        "needs you: REVIEW": "nobody can know what became of a start: look at it, then acknowledge it ({acknowledge})",
    }


def _filter(glyphs: Glyphs) -> Words:
    return {
        "ams, ar11-nyc-*": "a part of a name, or a pattern",
        "tag: site: pair:": "what the inventory says: tag:nyc",
        "state: reach:": "what the device says, and why it cannot be read: state:IDLE, reach:TRUST",
        "version: image:": "what it runs, what lies on it: version:<11.8, image:11.8.0",
        "needs:me": "what waits for a person",
        "! , space": "not; or; and: tag:nyc !state:IDLE, needs:me",
        "tab, up": "completes what is clear; brings earlier filters",
    }


def _phases(glyphs: Glyphs) -> Words:
    return {phase.value: meaning for phase, meaning in MEANING_OF_PHASE.items()}


def _verdicts(glyphs: Glyphs) -> Words:
    return {verdict.value: meaning for verdict, meaning in MEANING_OF_VERDICT.items()}


def _activity(glyphs: Glyphs) -> Words:
    return {
        "sending …": "written before a call leaves, so that nothing is sent unrecorded",
        "… accepted": "the device took it; that is not yet done",
        "… refused": "the device surely did not take it",
        "… unknown": "the answer is lost: it is watched, and never sent again",
        "IDLE → …": "what a device became by itself, or by somebody else",
        "by mk": "who did it, on this host",
    }


_WORDS: dict[Topic, Callable[[Glyphs], Words]] = {
    Topic.SIGNS: _signs,
    Topic.STATES: _states,
    Topic.REACH: _reach,
    Topic.NEXT: _next,
    Topic.FILTER: _filter,
    Topic.PHASES: _phases,
    Topic.VERDICTS: _verdicts,
    Topic.ACTIVITY: _activity,
}
