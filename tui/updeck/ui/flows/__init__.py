"""What a person sets out to do, from the first dialog to the last answer: one async function each.

A flow returns the sentence that tells how it went, or None when there is nothing to tell; it raises `UpdeckError`.
"""

from updeck.ui.flows.beginning import first_run_flow
from updeck.ui.flows.carrying import copy_flow, export_flow
from updeck.ui.flows.credentials import credentials_flow
from updeck.ui.flows.leaving import acknowledge_flow, quit_flow
from updeck.ui.flows.operations import delete_flow, init_flow, reset_flow, start_flow
from updeck.ui.flows.transfers import fetch_flow, upload_flow

__all__ = [
    "acknowledge_flow",
    "copy_flow",
    "credentials_flow",
    "delete_flow",
    "export_flow",
    "fetch_flow",
    "first_run_flow",
    "init_flow",
    "quit_flow",
    "reset_flow",
    "start_flow",
    "upload_flow",
]
