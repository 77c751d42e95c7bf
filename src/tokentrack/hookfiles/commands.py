"""The commands of hooks: the program that one starts, and how a word is written for a shell."""

from __future__ import annotations

import itertools
import os
import shlex
import shutil
import subprocess

_OPERATORS = frozenset("();<>|&")
_STARTERS = frozenset({"exec", "command", "env", "nohup", "time"})
_EXPANDED = frozenset("$`*?%")  # only the shell knows what becomes of such a word


def program_of(command: str) -> str:
    """Return the word of a command that names the program; "" where only a shell could tell.

    Of several commands in one line, the one that starts the recorder counts.
    """
    lexer = shlex.shlex(command, posix=os.name == "posix", punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    part: list[str] = []
    try:
        for word in lexer:
            if not _OPERATORS.issuperset(word):
                part.append(word.strip('"'))
            elif any("hook-run" in known for known in part):
                break
            else:
                part.clear()
    except ValueError:  # a quotation without an end
        return ""
    words = itertools.dropwhile(_is_before_the_program, part)
    program = next(words, "")
    return "" if _EXPANDED.intersection(program) else program


def _is_before_the_program(word: str) -> bool:
    name, is_assigned, _ = word.partition("=")
    return word in _STARTERS or (is_assigned != "" and name.isidentifier())


def missing_program(command: str, root: str) -> str:
    """Return the path of the program that a command names and that can't be started, "" else.

    A name without a folder is no path: where it is found is up to Kiro's PATH.
    """
    word = program_of(command)
    if not os.path.dirname(word):
        return ""
    path = os.path.join(root, os.path.expanduser(word))
    return "" if shutil.which(path) else word


def quoted(word: str) -> str:
    """Return a word as it is written in the shell of this system."""
    return shlex.quote(word) if os.name == "posix" else subprocess.list2cmdline([word])
