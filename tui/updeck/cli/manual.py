"""`updeck --man`: the manual page updeck(1), made from what the program knows of itself.

Commands, options and examples come from the command tree, keys from the UI's registry, exit codes from their enum;
only what none of them says is written down in `manual_words`. The wheel brings it as `share/man/man1/updeck.1`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from updeck import __version__
from updeck.cli.command import CommandGroup
from updeck.cli.examples import EXAMPLES
from updeck.cli.exits import MEANINGS, Exit
from updeck.cli.manual_words import ALIKE, DESCRIPTION, DIALOGS, ENVIRONMENT, FILES, PRECEDENCE, SEE_ALSO, SELECTORS
from updeck.cli.roff import RAGGED, entry, example, heading, literal, paragraphs, placeholder, sentences, subheading
from updeck.ui.actions import ACTIONS, Action, Group
from updeck.ui.keymap import shown_key

__all__ = ["manual_page"]

DATE = "2026-11-28"
"""When the page was last changed by hand."""

_ALIKE = ("fleet", "read_only", "json")
"""Options of every command, described once; those that are answered at once (help, version) are known as eager."""

_EXAMPLE_WIDTH = 67

_NO_BREAK = "\b"
"""What click takes for a paragraph that keeps its lines."""


def manual_page(root: CommandGroup) -> str:
    """Return the page of the program whose root command this is, as source for man(1)."""
    context = click.Context(root, info_name="updeck", **root.context_settings)
    out = [
        rf'.TH UPDECK 1 {DATE} "updeck {__version__}" "User Commands"',
        *RAGGED,
        *heading("NAME"),
        r"updeck \- software updates for a fleet of Riverbed appliances, from a terminal",
        *heading("SYNOPSIS"),
        *_synopsis(root, context),
        *heading("DESCRIPTION"),
        *paragraphs(DESCRIPTION),
        *heading("OPTIONS"),
        *paragraphs(ALIKE),
        *_options(root.get_params(context)),
        *heading("COMMANDS"),
        *_commands(root, context),
        *heading("SELECTORS"),
        *paragraphs(SELECTORS[0]),
        *(row for word, text in SELECTORS[1] for row in entry(literal(word), sentences(text))),
        *heading("KEYS"),
        *paragraphs(DIALOGS),
        *(row for group in Group for row in _keys(group)),
        *heading(r'"EXIT STATUS"'),
        *(row for code in Exit for row in entry(literal(str(code.value)), sentences(_sentence(MEANINGS[code])))),
        ".PP",
        *sentences(PRECEDENCE),
        *heading("ENVIRONMENT"),
        *(row for name, text in ENVIRONMENT for row in entry(literal(name), sentences(text))),
        *heading("FILES"),
        *(row for path, text in FILES for row in entry(placeholder(path), sentences(text))),
        *heading("EXAMPLES"),
        *_examples(root, context),
        *heading(r'"SEE ALSO"'),
        *paragraphs(SEE_ALSO),
    ]
    return "\n".join(out) + "\n"


def _synopsis(root: CommandGroup, context: click.Context) -> Iterator[str]:
    own = " ".join(_bracketed(option) for option in _own(root, context))
    common = f"[{literal('--fleet')} {placeholder('FILE')}] [{literal('--read-only')}]"
    yield f"{literal('updeck')} [{placeholder('URL')}] {common} {own}"
    yield ".br"
    yield f"{literal('updeck')} {placeholder('COMMAND')} [{placeholder('ARGS')}]..."
    yield ".br"
    yield f"{literal('updeck')} [{placeholder('COMMAND')}]... {literal('--help')}"


def _commands(root: CommandGroup, context: click.Context) -> Iterator[str]:
    """Yield the commands that stand alone, then each group with its own."""
    found = [(one, click.Context(one, parent=context, info_name=name)) for name, one in _shown(root, context)]
    for command, below in found:
        if not isinstance(command, click.Group):
            yield from _command(command, below)
    for command, below in found:
        if isinstance(command, click.Group):
            yield from subheading(below.command_path)
            yield from paragraphs([command.help or ""])
            for name, one in _shown(command, below):
                yield from _command(one, click.Context(one, parent=below, info_name=name))


def _shown(group: click.Group, context: click.Context) -> list[tuple[str, click.Command]]:
    named = [(name, group.get_command(context, name)) for name in group.list_commands(context)]
    return [(name, one) for name, one in named if one is not None and not one.hidden]


def _command(command: click.Command, context: click.Context) -> Iterator[str]:
    own = _own(command, context)
    usage = [literal(context.command_path), *(_argument(one, context) for one in _arguments(command, context))]
    usage += [_bracketed(option) for option in own if option.required]
    if any(not option.required for option in own):
        usage.append(f"[{placeholder('OPTION')}]...")
    first, *rest = (command.help or "").split("\n\n")
    yield from entry(" ".join(usage), sentences(first))
    if rest or own:
        yield ".RS"
        for block in rest:
            yield from _told(block)
        yield from _options(own)
        yield ".RE"


def _told(block: str) -> list[str]:
    """Return one paragraph of a help text."""
    if _NO_BREAK in block:
        return [".PP", *example(row.strip() for row in block.partition(_NO_BREAK)[2].strip().splitlines())]
    return [".PP", *sentences(block)]


def _own(command: click.Command, context: click.Context) -> list[click.Option]:
    """Return the options that not every command has, those that are needed first."""
    found = [one for one in command.get_params(context) if isinstance(one, click.Option) and not one.hidden]
    own = [one for one in found if one.name not in _ALIKE and not one.is_eager]
    return sorted(own, key=lambda option: not option.required)


def _arguments(command: click.Command, context: click.Context) -> list[click.Argument]:
    return [one for one in command.get_params(context) if isinstance(one, click.Argument)]


def _argument(argument: click.Argument, context: click.Context) -> str:
    name = argument.make_metavar(context).strip("[]").removesuffix("...").strip("[]")
    shown = placeholder(name) if name.isupper() else literal(name)
    shown += "..." if argument.nargs == -1 else ""
    return shown if argument.required else f"[{shown}]"


def _bracketed(option: click.Option) -> str:
    """Return an option for a line of usage, in brackets unless it is needed."""
    shown = "|".join(literal(name) for name in (*option.opts, *option.secondary_opts))
    shown += "" if option.is_flag else f" {placeholder(_metavar(option))}"
    return shown if option.required else f"[{shown}]"


def _metavar(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "|".join(map(str, option.type.choices))
    return option.metavar or ("N" if isinstance(option.type, click.types.IntParamType) else "TEXT")


def _options(options: Sequence[click.Parameter]) -> Iterator[str]:
    for option in options:
        if not isinstance(option, click.Option) or option.hidden:
            continue
        head = ", ".join(literal(name) for name in (*option.opts, *option.secondary_opts))
        head += "" if option.is_flag else f" {placeholder(_metavar(option))}"
        yield from entry(head, sentences(f"{option.help}{_default(option)}"))


def _default(option: click.Option) -> str:
    if option.is_flag or not option.default or not isinstance(option.default, str | int | float):
        return ""
    value = f"{option.default:g}" if isinstance(option.default, float) else option.default
    return f" The default is {value}."


def _keys(group: Group) -> Iterator[str]:
    yield from subheading(group.value)
    for action in ACTIONS:
        if action.group is group:
            keys = ", ".join(literal(shown_key(key)) for key in (action.key, *action.also))
            yield from entry(f"{keys}  ({placeholder(action.id)})", sentences(_sentence(_about(action))))


def _about(action: Action) -> str:
    return f"{action.label}: {action.help}" if action.help else action.label


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _examples(root: CommandGroup, context: click.Context) -> Iterator[str]:
    """Yield the examples of the program and of its groups: those of single commands stand in their help."""
    groups = [f"updeck {name}" for name, one in _shown(root, context) if isinstance(one, click.Group)]
    typed = {words: about for path in ("updeck", *groups) for words, about in EXAMPLES[path]}
    for number, (words, about) in enumerate(typed.items()):
        yield from [".PP"] if number else []
        yield from sentences(_sentence(about).replace("?.", "?"))
        yield from [".PP", *example(_folded(words))]


def _folded(words: str) -> list[str]:
    """Return a command line, on two lines where it would be too long for a terminal of 80 columns."""
    if len(words) <= _EXAMPLE_WIDTH:
        return [words]
    at = words.rfind(" -", 0, _EXAMPLE_WIDTH)
    return [f"{words[:at]} \\", f"    {words[at + 1 :]}"]
