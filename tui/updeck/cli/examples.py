"""Examples for the help of every command: what one types, and what it is for. Each of them parses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

__all__ = ["EXAMPLES", "example_lines"]

Example = tuple[str, str]
"""A command line, and what it does in a few words."""

_ID = "0193a5b2"
_FILE = "AR11-11.8.0.iso"

EXAMPLES: Mapping[str, Sequence[Example]] = {
    "updeck": [
        ("updeck", "the screen, for the fleet of the inventory"),
        ("updeck https://10.1.2.3", "the screen for one box; nothing is saved"),
        ("updeck --read-only", "for a wall display: nothing can be changed"),
        ("updeck demo", "try everything on simulated boxes"),
        ("updeck status 'needs:me'", "what waits for a person, without a screen"),
    ],
    "updeck demo": [
        ("updeck demo", "twelve simulated boxes, some in trouble"),
        ("updeck demo --devices 60 --scenario chaos", "a larger fleet on a bad day"),
    ],
    "updeck status": [
        ("updeck status", "what every box says now"),
        ("updeck status 'ar11-nyc-*' tag:lab", "those named so, and those with the tag"),
        ("updeck status 'state:IDLE version:<11.8' --json", "idle and older than 11.8, for a script"),
        ("updeck status --watch --read-only >>changes.log", "one line per change, for a log"),
    ],
    "updeck devices": [
        ("updeck devices add ar11-nyc-1 https://10.1.2.3 --tag nyc", "one more box"),
        ("updeck devices import fleet.csv", "many at once"),
        ("updeck devices check", "can all be reached, trusted and logged in to?"),
    ],
    "updeck devices add": [
        ("updeck devices add ar11-nyc-1 https://10.1.2.3 --tag nyc --tag prod --site nyc", "with tags and site"),
    ],
    "updeck devices check": [("updeck devices check site:nyc", "reach, trust, login and version of a site")],
    "updeck devices import": [
        ("updeck devices import fleet.csv", "a file that begins with name,url,tags,site,pair"),
        ("updeck devices import fleet.csv --fleet lab.toml", "into another inventory"),
    ],
    "updeck devices list": [("updeck devices list --json", "the inventory, for a script")],
    "updeck devices login": [("updeck devices login ar11-nyc-1", "ask for the password and try it")],
    "updeck devices remove": [("updeck devices remove ar11-nyc-1", "it is only forgotten, nothing is sent")],
    "updeck devices trust": [
        ("updeck devices trust ar11-nyc-1", "show its certificate beside the trusted one"),
        ("updeck devices trust '*' --fingerprints console.txt", "pin those that a list from the consoles names"),
    ],
    "updeck images": [
        ("updeck images list '*'", "what lies on every box"),
        (f"updeck images upload {_FILE} tag:nyc", "send a file to a site's boxes"),
    ],
    "updeck images delete": [("updeck images delete ar11-nyc-1 7 --confirm ar11-nyc-1", "make room")],
    "updeck images fetch": [
        (f"updeck images fetch https://images.example.com/{_FILE} tag:nyc", "each box downloads it itself"),
    ],
    "updeck images list": [("updeck images list 'image:11.8.0'", "who holds 11.8.0 already")],
    "updeck images show": [("updeck images show ar11-nyc-1 7", "one image, with its whole checksum")],
    "updeck images upload": [
        (f"updeck images upload {_FILE} ar11-nyc-1", "wait until it is there, valid and proven"),
        (f"updeck images upload {_FILE} tag:nyc --no-wait", "return once the bytes are there"),
    ],
    "updeck update": [
        ("updeck update init ar11-nyc-1 --confirm ar11-nyc-1", "prepare"),
        ("updeck update start ar11-nyc-1 --confirm ar11-nyc-1 --expect-target 11.8.0", "install: the box goes down"),
    ],
    "updeck update init": [
        ("updeck update init ar11-nyc-1 --confirm ar11-nyc-1", "prepare, and wait until it is ready to start"),
    ],
    "updeck update start": [
        ("updeck update start ar11-nyc-1 --confirm ar11-nyc-1 --expect-target 11.8.0", "wait until it is proven"),
    ],
    "updeck update reset": [
        ("updeck update reset ar11-nyc-1 --confirm ar11-nyc-1", "back to IDLE, no reboot"),
    ],
    "updeck rollout": [
        (f"updeck rollout plan tag:nyc --image {_FILE} --version 11.8.0 -o plan.json", "say what will happen"),
        ("updeck rollout run plan.json --confirm ABCD2345", "do it; ctrl-C leaves it running"),
        ("updeck rollout list", "how the newest ones stand"),
        (f"updeck rollout pause {_ID}", "no new starts"),
    ],
    "updeck rollout plan": [
        (f"updeck rollout plan tag:nyc --image {_FILE} --version 11.8.0 -o plan.json", "one wave, no failure allowed"),
        (
            f"updeck rollout plan '*' --image {_FILE} --version 11.8.0 --waves 1,25%,100% --bake 30m -o plan.json",
            "one box first",
        ),
        ("updeck rollout plan '*' --version 11.8.0 --until initialized", "with the image that the boxes hold"),
    ],
    "updeck rollout run": [
        ("updeck rollout run plan.json --confirm ABCD2345", "start it and look on"),
        ("updeck rollout run plan.json --confirm ABCD2345 --detach", "start it and return at once"),
    ],
    "updeck rollout list": [("updeck rollout list --all", "those done by hand too")],
    "updeck rollout show": [(f"updeck rollout show {_ID}", "where each box is; the beginning of the id is enough")],
    "updeck rollout attach": [(f"updeck rollout attach {_ID}", "look on; ctrl-C leaves it running")],
    "updeck rollout pause": [(f"updeck rollout pause {_ID}", "what has started is watched on")],
    "updeck rollout resume": [
        (f"updeck rollout resume {_ID}", "go on, with a new engine where there is none"),
        (f"updeck rollout resume {_ID} --detach", "without looking on"),
    ],
    "updeck rollout promote": [(f"updeck rollout promote {_ID}", "let the next wave begin")],
    "updeck rollout abort": [(f"updeck rollout abort {_ID}", "what has not started ends")],
    "updeck rollout reopen": [
        (
            f"updeck rollout reopen {_ID} --max-failures 1 --reason 'disk was full, cleaned'",
            "go on after it stopped at a failure",
        ),
    ],
    "updeck rollout retry": [
        (f"updeck rollout retry {_ID} ar11-nyc-1 --reason 'new cable'", "another attempt at one box"),
    ],
    "updeck rollout skip": [(f"updeck rollout skip {_ID} ar11-nyc-1 --reason 'in repair'", "leave one box out")],
    "updeck rollout resolve": [
        (f"updeck rollout resolve {_ID} ar11-nyc-1 SUCCESS --reason 'seen on its console'", "say what became of it"),
    ],
    "updeck rollout adopt": [
        (f"updeck rollout adopt {_ID} ar11-nyc-1 --reason 'initialized by the day shift'", "take it as ours"),
    ],
    "updeck rollout report": [(f"updeck rollout report {_ID} --format md", "for the change ticket")],
    "updeck rollout engine": [(f"updeck rollout engine {_ID}", "what `run` and `resume` start by themselves")],
    "updeck journal": [
        ("updeck journal --since 12h", "what was done tonight, and by whom"),
        ("updeck journal ar11-nyc-1 --json", "one box, for a script"),
    ],
    "updeck config": [
        ("updeck config validate", "is the inventory right?"),
        ("updeck config show", "every setting, and where it comes from"),
    ],
    "updeck config path": [("updeck config path", "where the inventory is")],
    "updeck config show": [("updeck config show", "every setting, and where it comes from")],
    "updeck config validate": [("updeck config validate --fleet lab.toml", "before it is used")],
    "updeck completion": [
        ('eval "$(updeck completion bash)"', "complete commands and devices in this shell"),
        ('eval "$(updeck completion zsh)"', "in zsh, after compinit"),
        ("updeck completion fish | source", "in fish"),
    ],
    "updeck simulator": [
        ("updeck simulator serve --devices 12 --fleet-out lab.toml", "twelve boxes to practise on"),
        (f"updeck simulator image {_FILE} --version 11.8.0 --size 300MB", "an image that they take"),
    ],
    "updeck simulator serve": [
        (
            "updeck simulator serve --devices 12 --scenario mixed --fleet-out lab.toml",
            "boxes in trouble too",
        ),
    ],
    "updeck simulator image": [
        (f"updeck simulator image {_FILE} --version '11.8.0 #28924' --size 2GiB", "an image that they take"),
        ("updeck simulator image bad.iso --version 11.8.0 --size 1MB --corrupt", "and one that they refuse"),
    ],
}
"""The examples by command path; a group shows the usual way through its commands."""


def example_lines(path: str) -> list[str]:
    """Return the examples of a command for its help: what it is for, and beneath it what one types."""
    return [text for words, about in EXAMPLES.get(path, ()) for text in (f"# {about}", words)]
