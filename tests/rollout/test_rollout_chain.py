"""The log of a device in a rollout: everything in order, and under each end what it goes back to."""

from __future__ import annotations

from dataclasses import replace

from rollout_records import ACTOR, NEW, NOW, control, done, initialized, intent, member, plan_of, record_of, sent
from updeck.journal.models import Event, Op, Outcome, OutcomeRow, Verdict
from updeck.journal.plan_models import Attempt, Control, ControlKind, MemberRecord
from updeck.rollout.chain import Kind, Link, chain

PLAN = plan_of(1, 1)


def event(text: str, *, at: float, kind: str = "state") -> Event:
    return Event(1, at, "d0", kind, text, ACTOR)


def told(
    one: MemberRecord,
    *others: MemberRecord,
    controls: tuple[Control, ...] = (),
    events: tuple[Event, ...] = (),
) -> tuple[Link, ...]:
    record = record_of(PLAN, one, *others, controls=controls)
    return chain(record.members[0], record, PLAN, events, NOW)


def test_every_call_with_its_outcome_what_it_reached_and_its_end_is_told_in_order() -> None:
    links = told(member("d0", done(Verdict.SUCCESS, initialized(Op.START), at=NOW - 10)))
    assert [(link.kind, link.text.split(",")[0]) for link in links] == [
        (Kind.ATTEMPT, "planned"),
        (Kind.SENT, "sending init"),
        (Kind.SENT, f"sending start"),  # noqa: F541
        (Kind.OUTCOME, "init accepted"),
        (Kind.OUTCOME, "start accepted"),
        (Kind.REACHED, "INITIALIZED"),
        (Kind.END, "SUCCESS"),
        (Kind.NOW, "nothing is left to do"),
    ]
    assert links[5].text == f"INITIALIZED, target {NEW}, 50 s after start"
    assert links[6].text == "SUCCESS, 1 min 30 s after it began"
    assert [link.by for link in links[:3]] == ["mk", "mk", "mk"]


def test_a_bad_end_goes_back_to_its_reason_the_call_and_what_was_last_seen() -> None:
    lost = replace(intent(Op.START), outcome=OutcomeRow(Outcome.UNKNOWN, NOW - 98, None, "connection reset"))
    attempt = replace(done(Verdict.REVIEW, Attempt(1, (intent(Op.INIT), lost))), resolve=None)
    assert attempt.end is not None
    attempt = replace(attempt, end=replace(attempt.end, reason="no good answer for 120 min"))
    seen = (event("UNREACHABLE: connection refused", at=NOW - 60), event("answers again, IDLE", at=NOW - 5))
    links = told(member("d0", attempt), events=seen)
    end = next(link for link in links if link.kind is Kind.END)
    assert end.because == (
        "no good answer for 120 min",
        "start unknown: connection reset",
        "last seen: UNREACHABLE: connection refused",
    )
    assert end.troubles
    assert (links[-1].kind, links[-1].text, links[-1].troubles) == (Kind.NOW, "resolve it", True)
    good = told(member("d0", done(Verdict.STAGED, Attempt(1, (lost,)))))
    assert next(link for link in good if link.kind is Kind.END).because == ()


def test_what_people_asked_is_told_with_name_and_reason_and_a_retry_with_what_it_answers() -> None:
    ended = done(Verdict.NO_EFFECT, sent(Op.START), at=NOW - 50)
    pause = control(ControlKind.PAUSE, at=NOW - 70)
    retry = control(ControlKind.RETRY, "2", device="d0", at=NOW - 40, number=2)
    other = control(ControlKind.SKIP, device="d1", at=NOW - 30, number=3)
    links = told(member("d0", ended, Attempt(2)), controls=(pause, retry, other))
    asked = [link for link in links if link.kind in (Kind.ASKED, Kind.ATTEMPT)]
    assert [link.text for link in asked] == [
        "planned, attempt 1",
        "rollout r1 paused: nothing more is started: because",
        "attempt 2 opened: because",
    ]
    assert asked[-1].because == ("attempt 1 ended NO_EFFECT: ",)
    assert asked[-1].by == "mk"


def test_holds_and_what_the_device_went_through_stand_between() -> None:
    old = event("IDLE", at=NOW - 6000)
    hold = event("waits for a person: its login is refused", at=NOW - 80, kind="hold")
    state = event("IDLE → RUNNING", at=NOW - 60)
    twice = event("sending init", at=NOW - 60, kind="intent")
    links = told(member("d0"), events=(old, hold, state, twice))
    assert [link.text for link in links if link.kind is Kind.SEEN] == [
        "waits for a person: its login is refused",
        "IDLE → RUNNING",
    ]


def test_what_waits_for_a_closed_gate_goes_back_to_those_that_closed_it() -> None:
    bad = done(Verdict.NO_EFFECT, sent(Op.START))
    assert bad.end is not None
    bad = replace(bad, end=replace(bad.end, reason="history unchanged"))
    links = told(member("d0"), member("d1", bad))
    now = links[-1]
    assert now.text == "now WAITING"
    assert now.because == (
        "stopped after 1 failure, 0 allowed (d1 NO_EFFECT)",
        "d1 ended NO_EFFECT: history unchanged",
    )
    held = told(replace(member("d0"), phase="HELD", text="foreign"))
    assert (held[-1].troubles, held[-1].because) == (True, ("foreign",))


def test_a_judgement_is_told_beside_the_verdict_that_stays() -> None:
    links = told(member("d0", done(Verdict.REVIEW, sent(Op.START), resolved=Verdict.SUCCESS)))
    assert [link.text for link in links if link.kind is Kind.ASKED] == ["REVIEW resolved as SUCCESS: seen"]
    assert not next(link for link in links if link.kind is Kind.END).troubles
