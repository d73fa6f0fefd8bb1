"""What the program needs to run: few packages, all of them pure Python, so that one file runs anywhere."""

from __future__ import annotations

from importlib.metadata import distribution, requires

from packaging.requirements import Requirement

DIRECT = {"textual", "httpx", "platformdirs", "click", "tomlkit", "tzdata"}
"""As `design.md` 7 names them."""

BINARY = (".so", ".pyd", ".dylib", ".dll")


def needed(name: str, extras: frozenset[str] = frozenset()) -> set[tuple[str, frozenset[str]]]:
    """Return what a package needs by itself on this machine, with the extras that are wanted of that."""
    found = map(Requirement, requires(name) or ())
    wanted = extras | {""}
    return {
        (one.name.lower().replace("_", "-"), frozenset(one.extras))
        for one in found
        if one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in wanted)
    }


def all_needed(name: str) -> set[str]:
    """Return a package, what it needs, and what those need."""
    seen: set[tuple[str, frozenset[str]]] = set()
    ahead = {(name, frozenset[str]())}
    while ahead:
        one = ahead.pop()
        seen.add(one)
        ahead |= needed(*one) - seen
    return {package for package, _ in seen}


def binaries(name: str) -> list[str]:
    """Return the files of a package that are no Python."""
    return [str(file) for file in distribution(name).files or () if file.suffix in BINARY]


def test_the_program_needs_few_packages_and_names_them_all() -> None:
    named = {Requirement(one).name for one in requires("updeck") or () if "extra ==" not in one}
    assert named == DIRECT
    assert len(all_needed("updeck")) < 25


def test_all_that_the_program_runs_on_is_pure_python() -> None:
    assert {name: found for name in all_needed("updeck") - {"updeck"} if (found := binaries(name))} == {}


def test_a_package_that_is_not_pure_would_be_seen() -> None:
    assert binaries("cryptography") != []
    assert "cryptography" in {name for name, _ in needed("updeck", frozenset({"simulator"}))}
