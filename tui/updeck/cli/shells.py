"""The scripts with which bash, zsh and fish complete, both for `updeck` and for the one file `updeck.pyz`.

Click's own do not know that bash takes `tag:prod` for two words, and start nothing but a command on the path.
"""

from __future__ import annotations

import os
from typing import ClassVar

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

__all__ = ["SHELLS", "teach"]

_BASH = """\
%(complete_func)s() {
    local line=${COMP_LINE:0:$COMP_POINT} before type value
    local word=${line##*[[:space:]]}
    [[ $COMP_WORDBREAKS == *:* ]] && before=${word%%"${word##*:}"}
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$before"}"); [[ $value == *: ]] && compopt -o nospace ;;
        esac
    done < <(COMP_LINE=$line %(complete_var)s=bash_complete "${1/#~\\//$HOME/}" 2>/dev/null)
}
complete -o nosort -F %(complete_func)s %(prog_name)s %(prog_name)s.pyz
"""

_ZSH = """\
#compdef %(prog_name)s %(prog_name)s.pyz
%(complete_func)s() {
    local -a plain described response
    local type key descr
    response=("${(@f)$(COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \
%(complete_var)s=zsh_complete ${~words[1]} 2>/dev/null)}")
    for type key descr in ${response}; do
        case $type in
            dir) _path_files -/ ;;
            file) _path_files -f ;;
            plain) if [[ $descr == _ ]]; then plain+=("$key"); else described+=("$key:$descr"); fi ;;
        esac
    done
    (( $#described )) && _describe -V unsorted described -U
    (( $#plain )) && compadd -U -V unsorted -a plain
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    compdef %(complete_func)s %(prog_name)s %(prog_name)s.pyz
fi
"""

_FISH = """\
function %(complete_func)s
    set -l words (commandline -opc)
    set -l program (string replace -r '^~/' "$HOME/" -- $words[1])
    set -l answer (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp | string collect) \
COMP_CWORD=(commandline -ct | string collect) $program 2>/dev/null)
    for one in $answer
        set -l parts (string split -m 1 , -- $one)
        switch $parts[1]
            case dir
                __fish_complete_directories (commandline -ct)
            case file
                __fish_complete_path (commandline -ct)
            case plain
                echo $parts[2]
        end
    end
end
complete --no-files --command %(prog_name)s --arguments '(%(complete_func)s)'
complete --no-files --command %(prog_name)s.pyz --arguments '(%(complete_func)s)'
"""


class _Bash(BashComplete):
    source_template: ClassVar[str] = _BASH

    def source(self) -> str:
        """Return the script, for whichever bash will read it."""
        return ShellComplete.source(self)

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the cursor, split as the shell would run them."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)[1:]
        return (words, "") if not words or line[-1].isspace() else (words[:-1], words[-1])


class _Zsh(ZshComplete):
    source_template: ClassVar[str] = _ZSH


class _Fish(FishComplete):
    source_template: ClassVar[str] = _FISH

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return one line: kind, value, and after a tab what it is."""
        return f"{item.type},{item.value}\t{item.help}" if item.help else f"{item.type},{item.value}"


SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def teach() -> None:
    """Let click answer with these scripts and in their form."""
    for name, shell in SHELLS.items():
        add_completion_class(shell, name)
