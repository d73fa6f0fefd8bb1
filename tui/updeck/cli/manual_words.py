"""What the manual page says that neither the command tree nor the registry of keys knows."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["ALIKE", "DESCRIPTION", "DIALOGS", "ENVIRONMENT", "FILES", "PRECEDENCE", "SEE_ALSO", "SELECTORS"]

Named = Sequence[tuple[str, str]]

DESCRIPTION: Sequence[str] = (
    "`updeck` brings appliances to a version: it sees every box live, uploads an image or has it fetched, prepares the "
    "update (init), starts it once a person has confirmed target and history, and watches the box go down, come back "
    "and prove its new version. It speaks `npm.system_update` 2.0 of AppResponse 11 and its relatives.",
    "Without a command it opens the screen for the fleet of the inventory; where there is no inventory yet, it leads "
    "to the first device. With a URL it opens the screen for this one box and saves nothing. The commands do the same "
    "without a screen, for scripts: data on standard output, everything else on standard error, times in UTC.",
    "A start is sent at most once. Before anything that changes a device is sent, the intent is committed to a journal "
    "on disk. Where an answer is lost, or the program killed, the device is watched and not told again. What nobody "
    "can know ends in REVIEW, for a person to look at, and is never taken for success.",
    "Many devices are brought to a version by a rollout: `rollout plan` says what would happen to each and prints a "
    "code, `rollout run` with this code starts an engine, a process of its own that outlives the terminal.",
)

ALIKE: Sequence[str] = (
    "`--fleet`, `--read-only` and `--json` stand before or after a command. `updeck COMMAND --help` has examples of "
    "each.",
)

SELECTORS: tuple[Sequence[str], Named] = (
    (
        "Commands, plans and the filter of the screen name devices the same way. The words within one argument must "
        "all hold, of several arguments or of parts with commas between them one must; `!` before a word turns it "
        "round. Letter case does not matter. Quote them from the shell.",
    ),
    (
        ("NAME", "A device's name, in which `*`, `?` and `[...]` stand for other characters: `'ar11-nyc-*'`."),
        ("*", "All."),
        ("tag:T", "Those with this tag in the inventory."),
        ("site:S", "Those of this site."),
        ("pair:P", "Those of this pair: devices of one pair are never down together."),
        (
            "state:STATE",
            "IDLE, INITIALIZING, INITIALIZED, RUNNING, FAILED_GRACEFUL or FAILED_CRITICAL, as the device says it.",
        ),
        ("reach:REACH", "OK, UNREACHABLE, AUTH, UNSUPPORTED, TRUST, IDENTITY or GARBLED: what the last poll was."),
        ("version:V", "Those that run this version; also with a comparison: `'version:<11.8'`."),
        ("image:V", "Those that hold an image of this version; with a comparison too."),
        ("needs:me", "Those that wait for a person."),
    ),
)

DIALOGS: Sequence[str] = (
    "These are the keys of the screen. In parentheses stands the action that it belongs to: `[keys]` in the inventory "
    'gives it another key, as in `start = "ctrl+t"`. A key that does not apply says why, and `?` shows those that do.',
    "In dialogs `tab` and the arrows go from line to line, `enter` goes on, `esc` leaves and sends nothing. "
    "What takes a box down wants its name and the target version typed.",
)

PRECEDENCE = "Of several that hold, the first of 130, 6, 3, 4, 1, 5, 2 and 7 is told."

ENVIRONMENT: Named = (
    ("UPDECK_CONFIG", "The directory of the inventory."),
    (
        "UPDECK_STATE",
        "The directory of the journal. It must not be on a network file system. One that belongs to a group, "
        "with mode 2770, is shared by its members.",
    ),
    ("XDG_CONFIG_HOME, XDG_STATE_HOME", "Where the two directories are when they are not named; see FILES."),
    ("NO_COLOR", "Where it is set, no colour is used."),
    (
        "LC_ALL, LC_CTYPE, LANG",
        "The first of them that is set decides whether signs are drawn in UTF-8 or in ASCII; the C locale means ASCII.",
    ),
    ("TERM, COLORTERM", "Whether the terminal has many colours. With TERM=dumb there is no screen to draw on."),
    (
        "SSH_CONNECTION, SSH_TTY",
        "Where either is set, the screen is drawn more seldom, as with --slow-line; --fast-line overrides it.",
    ),
    ("SHIV_ROOT", "Where the one file updeck.pyz unpacks itself; without it ~/.cache/updeck."),
)

FILES: Named = (
    (
        "~/.config/updeck/fleet.toml",
        "The inventory: devices, how each is trusted and logged in to, keys, colours, poll intervals and patience. "
        "It is edited by hand as well as by `devices`, which keeps its comments. `config path` tells where it is, "
        "`config validate` what is wrong in it.",
    ),
    (
        "~/.local/state/updeck/journal.db",
        "The journal: everything that was sent, by whom, and what became of it. Nothing is ever deleted from it. "
        "`journal` prints it.",
    ),
    ("~/.local/state/updeck/engine-ID.log", "What the engine of a rollout did, at most 2 MB."),
    ("~/.local/state/updeck/recent-UID.json", "The last directory, URLs, filters and upload rates of this person."),
    ("~/.local/state/updeck/crash-*.txt", "Where the program itself failed; no value of it is written down."),
    ("FILE.sha256", "Beside an image: the sum that its publisher tells. It is read by itself and compared."),
)

SEE_ALSO: Sequence[str] = (
    "The README shows the first update and the first rollout step by step, and says what was tried.",
    "sha256sum(1), ssh(1), tmux(1), syslog(3)",
)
