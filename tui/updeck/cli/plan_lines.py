"""A plan as a person reads it before confirming it: the terms, a table of devices, and what was not checked. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from updeck.cli.output import Json, aligned
from updeck.rollout.outlook import Outlook
from updeck.rollout.plan import Plan
from updeck.rollout.plan_words import plan_facts

__all__ = ["outlook_row", "outlook_table", "plan_terms"]

NONE = "-"


def outlook_table(outlooks: Sequence[Outlook]) -> list[str]:
    """Return one line per device: its wave, what runs there, and what will happen to it or why not."""
    rows = [(str(one.wave), one.device, one.version or NONE, one.text) for one in outlooks]
    return aligned(("wave", "name", "runs", "what will happen"), rows, right=frozenset({0}))


def plan_terms(plan: Plan) -> list[str]:
    """Return the terms of a plan, its digest and its code last."""
    facts = [*plan_facts(plan), ("digest", plan.digest), ("code", plan.code)]
    width = max(len(key) for key, _ in facts)
    return [f"{key:{width}}  {value}" for key, value in facts]


def outlook_row(outlook: Outlook) -> dict[str, Json]:
    """Return one device of `rollout plan --json`."""
    return {
        "name": outlook.device,
        "wave": outlook.wave,
        "version": outlook.version,
        "fate": outlook.fate.value,
        "text": outlook.text,
        "checks": [
            {
                "name": check.name,
                "result": check.result.value,
                "reason": check.reason,
                "blocking": check.blocking,
            }
            for check in outlook.checks
        ],
    }
