"""How commands are declared: common options before or after the name, modules that load when used."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from updeck.cli.exits import Exit
from updeck.cli.invocation import Invocation
from updeck.text import clean

__all__ = ["Command", "CommandGroup", "Invocation", "LazyGroup", "command", "drawing", "fail_usage", "one_of"]

Function = TypeVar("Function", bound=Callable[..., Any])


def _keep(context: click.Context, parameter: click.Parameter, value: object) -> None:
    given = value is not None if parameter.secondary_opts else bool(value)
    if given and parameter.name:
        setattr(context.ensure_object(Invocation), parameter.name, value)


def drawing(function: Function) -> Function:
    """Give a command that opens the UI the options of how it draws; they are kept in the `Invocation`."""
    slow = "Draw seldom, once a second, or at once; without either, seldom where SSH brought you here."
    options = (
        click.option("--slow-line/--fast-line", default=None, expose_value=False, callback=_keep, help=slow),
        click.option("--mouse", is_flag=True, expose_value=False, callback=_keep, help="Let the UI take the mouse."),
    )
    for option in options:
        function = option(function)
    return function


def _common_options(*, reads: bool = True) -> list[click.Parameter]:
    return [
        click.Option(
            ["--fleet"],
            type=click.Path(path_type=Path),
            metavar="FILE",
            expose_value=False,
            callback=_keep,
            help="Another inventory than the configured one.",
        ),
        click.Option(
            ["--read-only"],
            is_flag=True,
            expose_value=False,
            callback=_keep,
            help="Change nothing: only GETs and logins leave this program.",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_keep,
            hidden=not reads,
            help="Answer with one JSON object, where there is something to read.",
        ),
    ]


def _write_examples(ctx: click.Context, formatter: click.HelpFormatter) -> None:
    from updeck.cli.examples import example_lines

    if lines := example_lines(ctx.command_path):
        with formatter.section("Examples"):
            for text in lines:
                formatter.write(f"{'':>{formatter.current_indent}}{text}\n")


_NO_LIMIT = 10_000


class Command(click.Command):
    """A command that takes the common options. `reads` tells whether `--json` means something to it."""

    def __init__(self, *args: Any, reads: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.reads = reads
        self.params.extend(_common_options(reads=reads))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the options."""
        super().format_epilog(ctx, formatter)
        _write_examples(ctx, formatter)

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the first sentence whole: a list of commands breaks it where there is no room, and cuts nothing."""
        return super().get_short_help_str(_NO_LIMIT)

    def invoke(self, ctx: click.Context) -> Any:
        if ctx.ensure_object(Invocation).json and not self.reads:
            fail_usage(f"`{ctx.command_path}` has nothing to read, so it takes no --json")
        return super().invoke(ctx)


class CommandGroup(click.Group):
    """A group that takes the common options too, and names the command nearest to a misspelled word."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(_common_options())

    def get_short_help_str(self, limit: int = 0) -> str:
        """Return the first sentence whole, as a command does."""
        return super().get_short_help_str(_NO_LIMIT)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples below the commands."""
        super().format_epilog(ctx, formatter)
        _write_examples(ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Ask in one sentence for the command that is missing; click shows the whole help, or names no command."""
        if self.no_args_is_help and not ctx.resilient_parsing and self._lacks_command(ctx, args):
            every = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
            shown = ", ".join(name for name, found in every.items() if found and not found.hidden)
            fail_usage(f"`{ctx.command_path}` needs a command: {shown}; see `{ctx.command_path} --help`")
        return super().parse_args(ctx, args)

    def _lacks_command(self, ctx: click.Context, args: list[str]) -> bool:
        _, rest, given = self.make_parser(ctx).parse_args(list(args))
        return not rest and not any(one.is_eager for one in given)  # as the help is

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            self.unknown(ctx, args[0])
        return super().resolve_command(ctx, args)

    def unknown(self, ctx: click.Context, word: str) -> NoReturn:
        """Say that `word` is no command, and which one is nearest."""
        nearest = get_close_matches(word, self.list_commands(ctx), 1)
        hint = f'; did you mean "{nearest[0]}"?' if nearest else f"; `{ctx.command_path} --help` lists them"
        fail_usage(f'"{clean(word, 80)}" is no command{hint}')


class LazyGroup(CommandGroup):
    """A group whose commands are named by `module:attribute` and imported when one is used."""

    def __init__(self, *args: Any, lazy: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        target = self._lazy.get(cmd_name)
        if target is None:
            return None
        module, _, attribute = target.partition(":")
        loaded: click.Command = getattr(importlib.import_module(module), attribute)
        return loaded


def command(
    group: click.Group | None = None, name: str | None = None, *, reads: bool = True
) -> Callable[[Callable[..., Exit | None]], click.Command]:
    """Declare a command: its function takes the `Invocation` first and returns an `Exit` (None is good)."""

    def declare(function: Callable[..., Exit | None]) -> click.Command:
        declared = click.command(name, cls=Command, reads=reads)(click.pass_obj(function))
        if group is not None:
            group.add_command(declared)
        return declared

    return declare


def fail_usage(message: str) -> NoReturn:
    """Raise a usage error: exit code 2."""
    raise click.UsageError(message)


def one_of(choices: type[StrEnum]) -> click.Choice[str]:
    """Return the values of an enum as a choice."""
    return click.Choice([choice.value for choice in choices])
