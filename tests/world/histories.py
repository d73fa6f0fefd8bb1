"""Random histories: plans, tempers, faults, killings, strangers and people, small enough to be told in a line."""

from __future__ import annotations

from hypothesis import strategies as st

from world.device import NEW, OTHER
from world.script import Act, Event, Fault, Run, Script, Temper, Transfer, replace

__all__ = ["histories"]

_TEMPERS = st.builds(
    Temper,
    took=st.sampled_from([NEW, NEW, NEW, OTHER, None]),
    init=st.sampled_from([Run.WORKS, Run.WORKS, Run.WORKS, Run.NOTHING, Run.GRACEFUL]),
    run=st.sampled_from([Run.WORKS, Run.WORKS, Run.WORKS, *Run]),
    transfer=st.sampled_from([Transfer.WHOLE, Transfer.WHOLE, *Transfer]),
    broken_first=st.sampled_from([1, 2, 9]),
    late_start_s=st.sampled_from([0.0, 0.0, 20.0]),
    late_history_s=st.sampled_from([0.0, 0.0, 40.0]),
    reboots=st.sampled_from([1, 1, 3]),
    tells_version=st.booleans(),
    was_there=st.booleans(),
    new_certificate=st.booleans(),
    staged=st.booleans(),
)
_FAULTS = st.builds(
    Event,
    at=st.integers(0, 250).map(float),
    act=st.just(Act.FAULT),
    device=st.integers(0, 2),
    seconds=st.sampled_from([2.0, 8.0, 30.0, 60.0]),
    fault=st.sampled_from(Fault),
)
_DEEDS = st.builds(
    Event,
    at=st.integers(0, 300).map(float),
    act=st.sampled_from([act for act in Act if act is not Act.FAULT]),
    device=st.integers(0, 2),
    seconds=st.sampled_from([2.0, 8.0, 45.0, -100.0]),
    number=st.integers(0, 3),
)


@st.composite
def histories(draw: st.DrawFn) -> Script:
    """Draw a history."""
    tempers = draw(st.lists(_TEMPERS, min_size=1, max_size=3))
    waves = sorted(draw(st.lists(st.integers(1, 2), min_size=len(tempers), max_size=len(tempers))))
    low = waves[0] - 1
    source = draw(st.sampled_from(["present", "file", "url"]))
    return Script(
        tempers=tuple(replace(one, staged=one.staged or source == "present") for one in tempers),
        waves=tuple(wave - low for wave in waves),
        pairs=draw(st.sampled_from(["", "aa", "-aa"])),
        source=source,
        until=draw(st.sampled_from(["updated", "updated", "updated", "initialized", "staged"])),
        fence=draw(st.sampled_from([False, False, True])),
        manual=draw(st.booleans()),
        max_parallel=draw(st.sampled_from([None, 1, 2])),
        max_failures=draw(st.integers(0, 2)),
        events=tuple(draw(st.lists(st.one_of(_FAULTS, _DEEDS), max_size=6))),
        kills=tuple(sorted(set(draw(st.lists(st.integers(1, 160), max_size=4))))),
        back_s=draw(st.sampled_from([1.0, 5.0, 20.0])),
    )
