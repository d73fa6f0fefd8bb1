"""What is kept of changes in memory: when the last one was, the way there, and never more than a bounded amount."""

from __future__ import annotations

from dataclasses import replace

from fleet_fixture import ACTOR, device, image
from updeck.device.models import Reach
from updeck.fleet.chronicle import seen_event
from updeck.fleet.state import CHANGES_MOST, TRAIL_MOST, FleetState
from updeck.fleet.views import DeviceView
from updeck.ui.lineup import Lineup

STATES = ("IDLE", "INITIALIZING", "INITIALIZED", "RUNNING")


def seen(name: str, state: str, at: float, reach: Reach | None = Reach.OK) -> DeviceView:
    """Return a device as it was at a time."""
    return replace(device(name, state, reach=reach, now=at, seen_s_ago=0.0), attempted_at=at)


def changed_at(state: FleetState, name: str = "a") -> float | None:
    """Return when a device changed last."""
    view = state.view(name)
    assert view is not None
    return view.changed_at


def test_a_change_of_state_or_reach_is_dated_and_a_first_look_is_none() -> None:
    state = FleetState()
    state.put(seen("a", "IDLE", 1.0, None))
    state.put(seen("a", "IDLE", 2.0))
    assert changed_at(state) is None
    state.put(seen("a", "INITIALIZED", 3.0))
    assert changed_at(state) == 3.0
    state.put(seen("a", "INITIALIZED", 4.0))
    assert changed_at(state) == 3.0, "nothing changed"
    state.put(seen("a", "INITIALIZED", 5.0, Reach.UNREACHABLE))
    assert changed_at(state) == 5.0
    assert [(step.at, step.reach, step.state) for step in state.trail("a")] == [
        (2.0, Reach.OK, "IDLE"),
        (3.0, Reach.OK, "INITIALIZED"),
        (5.0, Reach.UNREACHABLE, "INITIALIZED"),
    ]


def test_a_view_that_differs_only_in_when_it_was_read_is_no_change_to_draw() -> None:
    def drawn(before: DeviceView, after: DeviceView) -> bool:
        state = FleetState()
        state.put(before)
        sequence, _ = state.changes_since(0)
        state.put(after)
        return bool(state.changes_since(sequence)[1])

    view = seen("a", "IDLE", 1.0)
    reading = view.reading
    assert reading is not None
    later = replace(reading, at=2.0, clock_offset_s=3.0, info_at=4.0, latency_s=5.0)
    assert not drawn(view, replace(view, reading=later, attempted_at=2.0))
    others = {"update": device("a", description="busy").reading, "images": device("a", images=(image(7),)).reading}
    for name, other in others.items():
        assert drawn(view, replace(view, reading=replace(later, **{name: getattr(other, name)}))), name
    assert drawn(view, replace(view, reading=replace(later, info=None)))
    assert drawn(view, replace(view, reading=None))
    assert drawn(replace(view, reading=None), view)
    assert drawn(view, replace(view, error="it answers 502"))


def test_the_way_of_a_device_that_left_is_forgotten() -> None:
    state = FleetState()
    for name in ("a", "b"):
        state.put(seen(name, "IDLE", 1.0))
    state.arrange(["b"])
    assert (state.trail("a"), len(state.trail("b"))) == ((), 1)


def test_a_hundred_thousand_changes_leave_nothing_behind_but_a_bounded_trail() -> None:
    names = [f"d{index}" for index in range(100)]
    state, now = FleetState(), [0.0]
    rows = Lineup(lambda: now[0])
    sequence = 0
    shapes = {(name, word): seen(name, word, 0.0) for name in names for word in STATES}
    for number in range(100_000):
        name = names[number % len(names)]
        shape = shapes[name, STATES[number // len(names) % len(STATES)]]
        state.put(replace(shape, attempted_at=float(number)))
        if number % 1000 == 999:
            now[0] += 10.0
            sequence, changed = state.changes_since(sequence)
            rows.take(view for one in changed if (view := state.view(one)) is not None)
            rows.arrange_roster(state.names)
            rows.settle()
            rows.look_at(names[number // 1000 % len(names)], now[0])
    assert sequence == 100_000, "every one was a change"
    assert {len(state.trail(name)) for name in names} == {TRAIL_MOST}
    sizes = {key: len(value) for key, value in vars(state).items() if hasattr(value, "__len__")}
    assert sizes == {"_views": 100, "_changed_at": 100, "_trails": 100, "_changes": CHANGES_MOST, "_troubles": 0}
    kept = {key: len(value) for key, value in vars(rows).items() if isinstance(value, dict | tuple | frozenset)}
    assert kept == {"_views": 100, "_shown": 100, "_rows": 100, "_looked": 100, "marks": 0}


def test_what_a_thousand_devices_go_through_alike_is_in_memory_once() -> None:
    state = FleetState()
    for name in ("a", "b"):
        for number in range(6):
            reach = (Reach.OK, Reach.UNREACHABLE)[number % 2]
            told = "".join(("no connection: ", "refused"))  # another object each time
            fresh = seen(name, "".join(("ID", "LE")), float(number), reach)
            state.put(replace(fresh, error=told if reach is Reach.UNREACHABLE else None))
    steps = [*state.trail("a"), *state.trail("b")]
    assert len(steps) == 12
    texts = [text for step in steps for text in (step.state, step.version, step.error) if text is not None]
    assert len({id(text) for text in texts}) == len(set(texts)) < len(texts)
    whats = [what for trail in vars(state)["_trails"].values() for what in trail.whats]
    assert (len(whats), len({id(what) for what in whats})) == (12, 2)
    lines = [seen_event(change, ACTOR).text for change in state.seen_changes()]
    assert (len(lines), len({id(text) for text in lines})) == (10, 2)


def test_of_the_way_of_a_device_only_its_times_are_kept_anew_where_it_goes_the_same_way_again() -> None:
    state = FleetState()
    for number in range(10 * TRAIL_MOST):
        state.put(seen("a", STATES[number % 3], float(number)))
    assert [step.at for step in state.trail("a")] == [float(9 * TRAIL_MOST + at) for at in range(TRAIL_MOST)]
    assert [step.state for step in state.trail("a")] == [STATES[at % 3] for at in range(TRAIL_MOST)]
    kept = vars(state)["_trails"]["a"]
    assert len({id(what) for what in kept.whats}) == 3
    assert len(kept.ats) == len(kept.whats) == TRAIL_MOST
