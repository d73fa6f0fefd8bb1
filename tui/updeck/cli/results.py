"""What became of each device that a command acted on: for a person, as JSON, and as one exit code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from updeck.cli.command import Invocation
from updeck.cli.exits import Exit, exit_of_error, exit_of_verdict, rolled_up
from updeck.cli.output import Json, aligned
from updeck.device.models import Reach
from updeck.errors import Blocked, UpdeckError
from updeck.fleet.orders import Performed
from updeck.fleet.views import DeviceView
from updeck.journal.models import End, Op, Outcome, Verdict

__all__ = ["Result", "ended", "failed", "not_awaited", "report"]


@dataclass(frozen=True, slots=True)
class Result:
    """One device's result; `text` is a whole sentence."""

    name: str
    op: Op
    exit_: Exit
    text: str
    outcome: Outcome | None = None
    verdict: Verdict | None = None
    error: UpdeckError | None = None

    def row(self) -> dict[str, Json]:
        """Return the result as JSON."""
        return {
            "name": self.name,
            "op": self.op.value,
            "outcome": None if self.outcome is None else self.outcome.value,
            "verdict": None if self.verdict is None else self.verdict.value,
            "reason": None if self.error is not None else self.text,
            "error": None if self.error is None else self.text,
        }

    @property
    def word(self) -> str:
        """The result in one word."""
        if self.verdict is not None:
            return self.verdict.value
        return {Exit.GOOD: "done", Exit.NOT_AWAITED: "accepted", Exit.REVIEW: "unknown"}.get(self.exit_, "failed")


def ended(name: str, performed: Performed, end: End) -> Result:
    """Return the result of an operation that was watched to its end."""
    exit_ = exit_of_verdict(end.verdict)
    if performed.outcome is Outcome.REFUSED:
        exit_ = Exit.FAILED
    return Result(name, performed.op, exit_, end.reason, performed.outcome, end.verdict)


def not_awaited(name: str, performed: Performed) -> Result:
    """Return the result of an operation whose end nobody waits for."""
    match performed.outcome:
        case None:
            return Result(name, performed.op, Exit.GOOD, performed.text)
        case Outcome.ACCEPTED:
            text = f"{performed.op.words} accepted, not awaited"
            return Result(name, performed.op, Exit.NOT_AWAITED, text, performed.outcome)
        case Outcome.REFUSED:
            text = f"{performed.op.words} refused: {performed.text}"
            return Result(name, performed.op, Exit.FAILED, text, performed.outcome)
    text = f"{performed.op.words} was sent and the answer is lost: {performed.text}"
    return Result(name, performed.op, Exit.REVIEW, text, performed.outcome)


def failed(name: str, op: Op, error: UpdeckError, view: DeviceView | None) -> Result:
    """Return the result of an operation that ended in an error of ours.

    A check blocks (exit 5); a device that does not answer, so that nothing could be checked, has failed (exit 1).
    """
    exit_ = exit_of_error(error)
    if isinstance(error, Blocked) and view is not None and view.reach not in (None, Reach.OK):
        exit_ = Exit.FAILED
    return Result(name, op, exit_, str(error), error=error)


def report(invocation: Invocation, results: Iterable[Result]) -> Exit:
    """Write all results, errors to stderr, and return the exit that stands for them."""
    results = list(results)
    out = invocation.out
    for result in results:
        if result.error is not None:
            out.complain(_sentence(result))
    if invocation.json:
        out.document({"devices": [result.row() for result in results]})
    else:
        out.lines(_table([result for result in results if result.error is None]))
    return rolled_up(result.exit_ for result in results)


def _sentence(result: Result) -> str:
    return result.text if result.text.startswith(f"{result.name}:") else f"{result.name}: {result.text}"


def _table(results: Sequence[Result]) -> list[str]:
    return aligned(("name", "result", "reason"), [(one.name, one.word, one.text) for one in results])[1:]
