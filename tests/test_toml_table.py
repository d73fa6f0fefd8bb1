"""The strict reader names file, line and the nearest key, and never ends in a traceback."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updeck.errors import ConfigError
from updeck.toml_layout import statements
from updeck.toml_table import Table, nearest, parse_toml, read_config_text


def read(text: str) -> Table:
    return parse_toml(text, "fleet.toml")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = 1\nb =\n", "line 2, column 4"),
        ("a = 1\na = 2\n", "line 2"),
        ("[t]\n[t]\n", "line 2"),
        ("a = 'x", "line 1, column 7"),
        ("\n\nb = [1,\n", "line 4, column 1"),
        ('a = "\\q"\n', "line 1"),
        ("a = 1979-13-40\n", "line 1"),
    ],
)
def test_a_syntax_error_names_line_and_column(text: str, place: str) -> None:
    with pytest.raises(ConfigError, match=f"fleet.toml, {place}"):
        read(text)


def test_a_name_that_stands_twice_is_said_in_plain_words() -> None:
    with pytest.raises(ConfigError, match=r"line 3, column \d+: this name stands twice"):
        read("[devices.a]\nurl = 1\n[devices.a]\n")


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = " + "9" * 5000, "a = {b = " * 3000])
def test_what_overwhelms_the_parser_is_an_error_of_ours(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^fleet\.toml"):
        read(text)


def test_an_unknown_key_names_its_line_and_the_nearest_one() -> None:
    table = read("[poll]\n\n# how often\nrest = 1\nrunnning = 5\n").table("poll")
    with pytest.raises(ConfigError) as caught:
        table.only(("rest", "running"))
    assert str(caught.value) == "fleet.toml, line 5: unknown key runnning in [poll]; did you mean running?"


def test_an_unknown_key_that_is_near_to_nothing_gets_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="unknown key zzz at the top; known are label, ui"):
        read("zzz = 1\n").only(("ui", "label"))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("1", "a whole number"),
        ("1.5", "a number"),
        ("true", "true or false"),
        ("[1]", "a list"),
        ("{b = 1}", "a table"),
        ("1979-05-27", "a date or time"),
        ("07:32:00", "a date or time"),
    ],
)
def test_a_wrong_type_says_what_was_wanted_and_what_was_found(value: str, found: str) -> None:
    with pytest.raises(ConfigError, match=f"line 1: a must be text, not {found}"):
        read(f"a = {value}\n").text("a")


def test_a_truth_value_is_no_number() -> None:
    table = read("a = true\n")
    with pytest.raises(ConfigError, match="must be a number"):
        table.number("a", 0, 1)
    with pytest.raises(ConfigError, match="must be a whole number"):
        table.count("a", 0, 1)


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1e400", "9" * 400, "0.0", "11"])
def test_a_number_out_of_its_range_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"a must be from 0\.5 to 10"):
        read(f"a = {value}\n").number("a", 0.5, 10)


def test_an_absent_key_is_none_and_an_absent_table_is_empty() -> None:
    table = read("")
    assert (table.text("a"), table.texts("a"), table.flag("a")) == (None, None, None)
    assert (table.number("a", 0, 1), table.count("a", 0, 1), table.choice("a", "x")) == (None, None, None)
    assert table.table("a").keys == ()


@pytest.mark.parametrize("text", ["\\u0007", "\\u202e", "\\u009b31m", "\\u200b", "x" * 2000])
def test_text_that_cannot_be_shown_as_it_is_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^fleet\.toml, line 1: a (has|is longer)"):
        read(f'a = "{text}"\n').text("a")


def test_no_error_quotes_a_value() -> None:
    table = read('a = "canary"\nb = ["canary", 1]\n')
    for attempt in (table.flag, table.texts, lambda key: table.choice(key, ("x", "y"))):
        with pytest.raises(ConfigError) as caught:
            attempt("a")
        assert "canary" not in str(caught.value)


def test_a_table_over_another_inherits_and_says_so() -> None:
    root = read('[defaults]\nuser = "d"\nsite = 7\n[one]\nuser = "o"\n')
    one = root.table("one").over(root.table("defaults"))
    assert one.text("user") == "o"
    assert one.origin("user") == "line 5"
    assert one.origin("site") == "line 3, [defaults]"
    assert one.origin("pair") is None
    assert "site" in one
    with pytest.raises(ConfigError, match=r"line 3: defaults\.site must be text"):
        one.text("site")


LAYOUT = """\
# [not.a.header]
label = "x # y" # why
multi = \"\"\"
[inner]
key = 1
\"\"\"
list = [ # here
  "]", 'k = 2',
]
[devices."ar11.fra"]
url = "https://a"
tls = { pin = "x" }
[ devices . b ]
tls.pin = 'y'
"""


def test_every_key_is_found_on_its_line() -> None:
    found = {".".join(one.path): one.line for one in statements(LAYOUT)}
    assert found == {
        "label": 2,
        "multi": 3,
        "list": 7,
        "devices.ar11.fra": 10,
        "devices.ar11.fra.url": 11,
        "devices.ar11.fra.tls": 12,
        "devices.b": 13,
        "devices.b.tls.pin": 14,
    }


def test_a_statement_spans_whole_lines_with_their_comments() -> None:
    spans = {one.path[-1]: LAYOUT[one.start : one.end] for one in statements(LAYOUT)}
    assert spans["label"] == 'label = "x # y" # why\n'
    assert spans["list"] == "list = [ # here\n  \"]\", 'k = 2',\n]\n"
    assert spans["pin"] == "tls.pin = 'y'\n"
    values = {one.path[-1]: LAYOUT[one.value_start : one.value_end] for one in statements(LAYOUT)}
    assert values["label"] == '"x # y"'
    assert values["multi"] == '"""\n[inner]\nkey = 1\n"""'
    assert values["list"] == "[ # here\n  \"]\", 'k = 2',\n]"
    assert values["tls"] == '{ pin = "x" }'
    assert values["pin"] == "'y'"


names = st.text(alphabet="ab.\"' #é", min_size=1, max_size=6)


@given(st.lists(st.tuples(names, st.text(alphabet="ab\n\"'#=[]{}\\", max_size=8)), unique_by=lambda pair: pair[0]))
def test_lines_are_right_for_any_keys_and_values(pairs: list[tuple[str, str]]) -> None:
    def quoted(text: str) -> str:
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'

    text = "".join(f"# no\n{quoted(name)} = {quoted(value)} # {value.splitlines()[:1]}\n" for name, value in pairs)
    found = [(one.path, one.line) for one in statements(text)]
    assert found == [((name,), 2 * index + 2) for index, (name, _) in enumerate(pairs)]


@given(st.text(alphabet="ab=[]{}\"'#\n\\. ,1", max_size=60))
def test_any_text_is_laid_out_without_a_traceback(text: str) -> None:
    for statement in statements(text):
        assert 0 <= statement.start < statement.end <= len(text)


def test_the_nearest_word_ignores_case() -> None:
    assert nearest("PASWORD", ("password", "proxy")) == "password"
    assert nearest("zzzzz", ("password", "proxy")) is None


def test_a_file_with_a_byte_order_mark_and_windows_lines_reads(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_bytes(b"\xef\xbb\xbf# x\r\na = 1\r\nb = 2\r\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="line 3: unknown key b"):
        parse_toml(read_config_text(path), "fleet.toml").only(("a",))


def test_a_file_that_is_no_text_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_bytes(b"a = 1\nb = '\xff'\n")
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="line 2: not UTF-8"):
        read_config_text(path)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o400, 0o444])
def test_a_file_that_only_its_owner_changes_is_read(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text("a = 1\n")
    path.chmod(mode)
    assert read_config_text(path) == "a = 1\n"


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o664, 0o666, 0o777])
def test_a_file_that_others_can_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text("a = 1\n")
    path.chmod(mode)
    with pytest.raises(ConfigError, match=rf"can be changed by others \(mode 0{mode:o}\); chmod go-w"):
        read_config_text(path)


def test_a_link_is_followed_and_what_it_leads_to_is_checked(tmp_path: Path) -> None:
    path, link = tmp_path / "real.toml", tmp_path / "fleet.toml"
    path.write_text("a = 1\n")
    path.chmod(0o600)
    link.symlink_to(path)
    assert read_config_text(link) == "a = 1\n"
    path.chmod(0o666)
    with pytest.raises(ConfigError, match="can be changed by others"):
        read_config_text(link)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text("a = 1\n")
    path.chmod(0o644)
    os.chown(path, 12345, 12345)
    with pytest.raises(ConfigError, match=r"belongs to another user \(uid 12345\)"):
        read_config_text(path)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with pytest.raises(ConfigError, match="is no regular file"):
        read_config_text(fifo)
    with pytest.raises(ConfigError, match="is a directory"):
        read_config_text(tmp_path)
    with pytest.raises(ConfigError, match="no such file"):
        read_config_text(tmp_path / "absent")
    assert stat.S_ISFIFO(fifo.stat().st_mode)


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fleet.toml"
    with path.open("wb") as file:
        file.truncate(9 << 20)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="larger than 8 MiB"):
        read_config_text(path)
