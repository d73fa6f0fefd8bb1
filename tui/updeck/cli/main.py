"""The root command."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NoReturn

import click

from updeck import __version__
from updeck.cli import COMPLETION_VARIABLE
from updeck.cli.command import LazyGroup, drawing, fail_usage
from updeck.cli.exits import Exit
from updeck.cli.invocation import Invocation, ended
from updeck.cli.output import Output
from updeck.text import clean

__all__ = ["main"]


_SCREEN = "://"


class _Root(LazyGroup):
    """The commands, and `updeck URL`, which opens the UI for one device."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, _SCREEN if "://" in cmd_name else cmd_name)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in super().list_commands(ctx) if name != _SCREEN]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, command, args if "://" in args[0] else rest

    def unknown(self, ctx: click.Context, word: str) -> NoReturn:
        if "." in word or ":" in word:
            shown = clean(word, 80)
            raise click.UsageError(f'"{shown}" is no command; one device by its address is `updeck https://{shown}`')
        super().unknown(ctx, word)


def _print_manual(context: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001
    """Print the manual page and end, before anything else is looked at."""
    if not value or context.resilient_parsing:
        return
    from updeck.cli.manual import manual_page

    context.ensure_object(Invocation).out.line(manual_page(root).rstrip("\n"))
    context.exit()


@click.group(
    cls=_Root,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    subcommand_metavar="[URL | COMMAND [ARGS]...]",
    lazy={
        _SCREEN: "updeck.cli.screen:screen",
        "demo": "updeck.cli.demo:demo",
        "status": "updeck.cli.status:status",
        "devices": "updeck.cli.devices:devices",
        "images": "updeck.cli.images:images",
        "update": "updeck.cli.update:update",
        "rollout": "updeck.cli.rollout:rollout",
        "journal": "updeck.cli.journal:journal",
        "config": "updeck.cli.config:config",
        "completion": "updeck.cli.completion:completion",
        "simulator": "updeck.cli.simulator:simulator",
    },
)
@click.version_option(__version__, message="updeck %(version)s")
@click.option(
    "--man",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_manual,
    help="Print the manual page updeck(1) and exit: `updeck --man | man -l -` shows it.",
)
@drawing
@click.pass_context
def root(context: click.Context) -> Exit | None:
    """Software updates for a fleet of appliances.

    Without a command the UI opens: for the fleet of the inventory, or for the one device at URL.
    """
    invocation = context.ensure_object(Invocation)
    if context.invoked_subcommand is not None:
        return None
    if invocation.json:
        fail_usage("the UI takes no --json; `updeck status --json` answers in JSON")
    from updeck.cli.opening import open_screen

    return open_screen(invocation)


def main(arguments: Sequence[str] | None = None, *, out: Output | None = None) -> int:
    """Run one command line (the process's own if None) and return its exit code."""
    out = out or Output.standard()
    if COMPLETION_VARIABLE in os.environ:
        from updeck.cli.shells import teach

        teach()

    def work() -> Exit | None:
        try:
            result: Exit | None = root.main(
                None if arguments is None else list(arguments),
                prog_name="updeck",
                standalone_mode=False,
                obj=Invocation(out),
            )
        except click.MissingParameter as error:
            out.complain(clean(" ".join(error.format_message().split())).removesuffix("."))
            return Exit.USAGE
        except click.ClickException as error:
            out.complain(clean(error.format_message()).removesuffix("."))
            return Exit.USAGE
        except click.Abort:
            raise KeyboardInterrupt from None
        return result

    return ended(out, work)
