"""What the tables on the screen are as files: the JSON of `contracts.md` 3, and rows for CSV and Markdown. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from updeck.clock import rfc3339
from updeck.export import Cell, Format, exported
from updeck.fleet.device_csv import COLUMNS, SEEN_COLUMNS, device_cells
from updeck.fleet.documents import event_row, images_row, status_row
from updeck.fleet.views import DeviceView
from updeck.journal.models import Event, Json
from updeck.journal.plan_models import Engine
from updeck.rollout.documents import list_row, show_document
from updeck.rollout.narration import needs, standing
from updeck.rollout.standing import phase_of
from updeck.rollout.summary import Summary
from updeck.ui.rollout_sight import Sight

__all__ = ["Export", "activity_export", "devices_export", "images_export", "members_export", "rollouts_export"]


@dataclass(frozen=True, slots=True)
class Export:
    """One table. `title` names the rows, and is the middle of the file's name."""

    title: str
    document: Mapping[str, Json]
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def text(self, form: Format) -> str:
        """Return the file."""
        if form is Format.JSON:
            return json.dumps(self.document, indent=2, allow_nan=False) + "\n"
        return exported(self.header, self.rows, form, title=self.title)


def devices_export(views: Iterable[DeviceView]) -> Export:
    """Return devices as `status` tells them; as CSV the first columns are those that `devices import` takes."""
    views = list(views)
    rows = [(*device_cells(view.entry), *_seen(view)) for view in views]
    return Export("devices", {"devices": [status_row(view) for view in views]}, (*COLUMNS, *SEEN_COLUMNS), rows)


def _seen(view: DeviceView) -> tuple[Cell, ...]:
    reading = view.reading
    return (
        None if view.reach is None else view.reach.value,
        view.state,
        view.version,
        None if reading is None else reading.update.target_version,
        view.next.text,
        None if reading is None else rfc3339(reading.at),
        view.error,
    )


def images_export(views: Iterable[DeviceView]) -> Export:
    """Return the images of devices as `images list` tells them."""
    views = list(views)
    read = [(view, () if view.reading is None else view.reading.images) for view in views]
    header = ("device", "id", "state", "version", "progress", "checksum", "description")
    rows = [
        (view.name, one.id, one.state, one.version, one.progress, one.checksum, one.state_description)
        for view, images in read
        for one in images
    ]
    return Export("images", {"devices": [images_row(view) for view in views]}, header, rows)


def activity_export(events: Iterable[Event]) -> Export:
    """Return activity as `journal` tells it."""
    found = [event_row(event) for event in events]
    header = ("at", "device", "kind", "text", "by", "host", "program")
    rows = [tuple(_cell(row[key]) for key in header) for row in found]
    return Export("activity", {"events": found}, header, rows)


def _cell(value: Json) -> Cell:
    return value if isinstance(value, str | int | float) else None


def rollouts_export(rollouts: Iterable[Summary]) -> Export:
    """Return rollouts: the JSON as `rollout list` tells them, the rows with what the screen shows of each too."""
    listed = list(rollouts)
    header = ("id", "state", "created_at", "ended", "devices", "what", "ticket", "verdicts", "digest")
    rows: list[tuple[Cell, ...]] = [
        (
            one.id,
            one.state.value,
            rfc3339(one.created_at),
            one.ended,
            one.devices,
            one.what,
            one.ticket,
            one.verdicts,
            one.digest,
        )
        for one in listed
    ]
    return Export("rollouts", {"rollouts": [list_row(one) for one in listed]}, header, rows)


def members_export(sight: Sight, engine: Engine | None) -> Export:
    """Return one rollout with its devices as `rollout show` tells it."""
    record, plan, now = sight.record, sight.plan, sight.now
    rows: list[tuple[Cell, ...]] = []
    for member in record.members:
        end = member.attempt.end
        verdict = None if end is None or end.verdict is None else end.verdict.value
        why, following = standing(member, record, plan, now), needs(member, record, plan, now)
        rows.append(
            (member.device, member.wave, member.attempt.number, phase_of(member).value, verdict, why, following)
        )
    header = ("name", "wave", "attempt", "phase", "verdict", "reason", "next")
    return Export("rollout", show_document(record, plan, engine, now), header, rows)
