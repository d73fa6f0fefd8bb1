"""The terminal UI. Textual lives here alone; workers and HTTP never touch widgets, widgets never send."""

from updeck.ui.launch import UiOptions, run_app

__all__ = ["UiOptions", "run_app"]
