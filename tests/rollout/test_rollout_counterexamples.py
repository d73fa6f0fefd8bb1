"""Histories that once broke a promise of the real engine; each stands for the rule that it taught."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from world.script import Act, Event, Fault, Run, Script, Temper, Transfer
from world.world import live

LEARNT: Mapping[str, Script] = {
    "who answers is asked anew right before each call": Script(
        tempers=(Temper(),), events=(Event(5.0, Act.FAULT, 0, 60.0, Fault.TWIN),)
    ),
    "an answer is as old as the state in it, however long the rest took": Script(
        tempers=(Temper(staged=False),), source="url", events=(Event(0.0, Act.FAULT, 0, 60.0, Fault.SLOW),)
    ),
    "an init after which the box runs another version was not without effect": Script(
        tempers=(Temper(staged=False),),
        source="url",
        events=(Event(27.0, Act.FAULT, 0, 240.0), Event(44.0, Act.FOREIGN_START)),
    ),
    "a skip is heard when the clock was set back": Script(
        tempers=(Temper(), Temper()),
        fence=True,
        events=(Event(5.0, Act.STEP, 0, -4000.0), Event(30.0, Act.SKIP, 0)),
    ),
    "an abort is heard when the clock was set back": Script(
        tempers=(Temper(),),
        fence=True,
        events=(Event(5.0, Act.STEP, 0, -4000.0), Event(30.0, Act.ABORT)),
    ),
    "a reopened gate closes again when the clock was set back": Script(
        tempers=(Temper(init=Run.GRACEFUL), Temper(init=Run.GRACEFUL), Temper()),
        waves=(1, 2, 3),
        events=(
            Event(30.0, Act.REOPEN, number=1),
            Event(31.0, Act.STEP, 0, -4000.0),
        ),
        max_failures=0,
    ),
    "a gate that closed after the clock was set back is not opened by resolving": Script(
        tempers=(Temper(init=Run.GRACEFUL), Temper(init=Run.GRACEFUL), Temper()),
        waves=(1, 2, 3),
        events=(
            Event(40.0, Act.REOPEN, number=1),
            Event(41.0, Act.STEP, 0, -4000.0),
            Event(110.0, Act.RESOLVE, 1),
        ),
    ),
    "a retry after the clock was set back begins anew": Script(
        tempers=(Temper(transfer=Transfer.BROKEN, staged=False, broken_first=9),),
        source="file",
        max_failures=1,
        events=(Event(150.0, Act.STEP, 0, -4000.0), Event(155.0, Act.RETRY), Event(160.0, Act.SKIP)),
    ),
}


@pytest.mark.parametrize("lesson", LEARNT)
def test_it_was_learnt_that(lesson: str) -> None:
    world = live(LEARNT[lesson])
    assert not world.violations, "\n".join(
        [*(f"{one.name}: {one.text}" for one in world.violations), *world.story[-40:]]
    )
