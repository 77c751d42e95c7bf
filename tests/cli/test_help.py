"""The command line as people meet it: help texts, suggestions, and one form of errors."""

import os
import pty
import subprocess
import sys

import click
import pytest

from support import commands
from support.ledgers import posix_only
from tokentrack.cli import cli
from tokentrack.cli.options import Group

COMMAND = [sys.executable, "-m", "tokentrack"]


def commands_of(group, words=()):
    """Yield the words of each command and the command, subcommands included."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*words, name), command
        if isinstance(command, click.Group):
            yield from commands_of(command, (*words, name))


COMMANDS = dict(commands_of(cli))
VISIBLE = [words for words in COMMANDS if words != ("hook-run",)]  # that one needs a terminal


def run(*words, code=0, cwd="/", env=os.environ):
    done = commands.run(words, cwd, dict(env), code)
    return done.stdout + done.stderr


def first_sentence(command):
    return command.help.partition("\n")[0]


def test_the_list_of_commands_says_what_each_command_says():
    listed = run("--help").partition("Commands:\n")[2]
    found = dict(line.split(None, 1) for line in listed.splitlines())
    assert found == {
        words[0]: first_sentence(command) for words, command in COMMANDS.items() if len(words) == 1
    }


@pytest.mark.parametrize("words", COMMANDS)
def test_a_help_text_begins_with_a_verb_and_ends_with_a_full_stop(words):
    command = COMMANDS[words]
    texts = [command.help, *[p.help for p in command.params if isinstance(p, click.Option)]]
    for text in texts:
        flat = text.partition("  [default:")[0].strip()
        assert flat[0].isupper(), text
        assert flat.endswith("."), text
    assert first_sentence(command).split()[0].strip(",") in {
        "Add", "Back", "Check", "Convert", "Create", "Find", "Import", "Install", "List", "Move",
        "Print", "Record", "Remove", "Repair", "Restore", "Set", "Show", "Trust",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["as_json", "dry_run", "yes", "workspace"])
def test_the_same_option_has_the_same_help_in_every_command(name):
    found = [
        parameter
        for command in COMMANDS.values()
        for parameter in command.params
        # A filter of answers, which may be repeated, is another option than a folder.
        if parameter.name == name and not parameter.multiple
    ]
    assert len(found) > 1
    assert len({parameter.help for parameter in found}) == 1
    assert len({parameter.metavar for parameter in found}) == 1


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("words", [(), *VISIBLE])
def test_a_help_fits_the_terminal(words, columns):
    text = run(*words, "--help", env={**os.environ, "COLUMNS": str(columns)})
    assert "Usage: tokentrack" in text
    assert [line for line in text.splitlines() if len(line) > columns] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stauts",), "No such command 'stauts'. Did you mean 'status'?"),
        (("backup", "creat"), "No such command 'creat'. Did you mean 'create'?"),
        (("status", "--jsno"), "Did you mean '--json'?"),
        (
            ("--workspace", "/tmp", "status"),
            "Options come after the command: tokentrack status --workspace /tmp",
        ),
    ],
)
def test_a_typing_error_gets_a_suggestion(words, said):
    assert f"Error: {said}" in run(*words, code=2) or said in run(*words, code=2)


def test_a_word_like_no_command_gets_none():
    assert "Did you mean" not in run("xyzzy", code=2)


def test_a_suggestion_does_not_need_a_newer_click(monkeypatch):
    def refuse(_group, ctx, args):
        raise click.UsageError(f"No such command '{args[0]}'.", ctx)

    monkeypatch.setattr(click.Group, "resolve_command", refuse)
    group = Group("group", {"status": click.Command("status")})
    with pytest.raises(click.UsageError, match=r"'stat'\. Did you mean 'status'\?"):
        group.resolve_command(click.Context(group), ["stat"])


@pytest.mark.parametrize("words", [("restore", "none"), ("init",), ("import", "none.csv")])
def test_every_error_begins_alike(tmp_path, words):
    environ = {**os.environ, "HOME": str(tmp_path), "TMPDIR": str(tmp_path / "shared")}
    folder = tmp_path / "shared"  # a temporary folder is not a project
    folder.mkdir()
    text = run(*words, code=2 if words[0] == "import" else 1, cwd=folder, env=environ)
    assert [line for line in text.splitlines() if line.startswith("Error: ")]
    assert "tokentrack: " not in text


@posix_only
def test_the_hook_shows_its_help_on_a_terminal_only(tmp_path):
    ours, theirs = pty.openpty()
    command = [*COMMAND, "hook-run", "--help"]
    subprocess.run(command, cwd=tmp_path, stdout=theirs, stderr=theirs, check=True)
    os.close(theirs)
    text = os.read(ours, 65536).decode()
    os.close(ours)
    assert "Record one Kiro event" in text
    assert "--event TRIGGER" in text
    # The control: Kiro's hooks have no terminal, and so they stay silent.
    assert run("hook-run", "--help", cwd=tmp_path) == ""
