"""The contents of a ledger never control the terminal, whichever command prints them."""

from __future__ import annotations

import json
import shutil
import unicodedata
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from programs import hostile
from support.examples import at_most
from support.ledgers import HEADER, Workspace, line_of, posix_only, transaction
from tokentrack.common.terminal import escape
from tokentrack.store import codec

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = posix_only

STEERING = (
    "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b2J", "\x90q\x9c", "\u202eevil", "\u2066a\u2069",
    "\u200fr", "a\rb", "bell\x07", "\x7f", "\x85", "\u2028", "\u2029", "\ufeff", "\u00ad", "\x08",
    "\U000e0041", "\u061c", "\ud800",
)  # fmt: skip
COMMANDS = (
    ["status"], ["status", "--json"], ["verify"], ["verify", "--json"], ["backup"],
    ["backup", "list"], ["restore", "--dry-run"], ["repair", "--dry-run"],
    ["prune", "--dry-run"], ["rotate", "--dry-run"], ["validate-hooks"],
    ["validate-hooks", "--format", "json"], ["init", "--dry-run"], ["uninstall", "--dry-run"],
)  # fmt: skip
TEXT = st.text(max_size=12) | st.sampled_from(STEERING)
CELLS = st.lists(TEXT, min_size=1, max_size=14)


def steers(text: str) -> list[str]:
    """Return the characters that a terminal would act on, the line feed aside."""
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp")
    return [c for c in text if unicodedata.category(c) in hidden and c != "\n"]


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    hostile.load()
    return Workspace(tmp_path_factory.mktemp("output"), durability="none")


def show(space: Workspace, *commands: list[str]) -> str:
    # Bytes that are not UTF-8, such as the C1 controls, stay as they are.
    steps = [(words, b"") for words in commands or COMMANDS]
    hostile.run_all(steps, space.root, space.home)
    return (space.home / "output").read_text(errors="surrogateescape")


def rows(texts: list[str]) -> bytes:
    plain = transaction("plain", prompt_text=texts[0], session_id=texts[0][:20] or "s")
    broken = codec.encode_line(texts)
    shifted = codec.encode_line([*texts[:1], *plain.to_csv_row()[:-1]])
    raw = ",".join(texts).encode("utf-8", "surrogatepass") + b"\n"
    return HEADER + line_of(plain) + broken + shifted + raw


@settings(max_examples=at_most(12))
@given(CELLS)
def test_no_command_hands_a_control_or_bidi_character_of_a_ledger_to_the_terminal(space, texts):
    shutil.rmtree(space.kiro)
    space.kiro.mkdir()
    space.ledger.write_bytes(rows(texts))
    space.usage.write_bytes(rows(texts))
    (space.kiro / "token_transactions_20260101.csv").write_bytes(rows(texts))
    (space.kiro / "token_transactions_backup_20260101_000000.csv").write_bytes(rows(texts))
    assert steers(show(space)) == []


@pytest.mark.slow
@pytest.mark.parametrize("text", STEERING)
def test_no_command_hands_on_what_names_and_configurations_contain(tmp_path, text):
    hostile.load()
    name = text.encode("utf-8", "replace").decode()
    space = Workspace(tmp_path / f"ws{name}", durability="none")
    hooks = space.kiro / "hooks"
    hooks.mkdir()
    for place in (hooks / f"{name}.json", hooks / f"a{name}.kiro.hook", space.kiro / f"{name}.csv"):
        place.write_text(json.dumps({text: text, "version": text, "hooks": [text]}))
    fields = {"csv_file_path": text, text: text, "log_level": text, "collectors": [text]}
    (space.kiro / "token_tracker_config.json").write_text(json.dumps(fields))
    # Errors name the workspace's path.
    assert steers(show(space, ["restore"], ["restore", text[:3]], ["backup"])) == []
    hook = json.dumps({"hook_event_name": "Stop", "session_id": text}).encode()
    hostile.run(["hook-run", text], space.root, space.home, hook)
    assert steers(show(space, *COMMANDS, ["backup", "list"], ["restore", text[:3]])) == []


def test_the_commands_do_show_something_and_escapes_are_readable(space):
    shutil.rmtree(space.kiro)
    space.kiro.mkdir()
    config = {"log_level": "\x1b[31m"}
    (space.kiro / "token_tracker_config.json").write_text(json.dumps(config))
    said = show(space, ["status"], ["validate-hooks"])
    assert "recording" in said
    assert "\\x1b[31m" in said or "x1b[31m" in said


@given(st.text())
def test_an_escaped_text_is_one_line_that_steers_nothing(text):
    shown = escape(text)
    assert "\n" not in shown
    assert steers(shown) == []


def test_the_same_look_catches_a_text_that_is_printed_as_it_is(tmp_path: Path):
    (tmp_path / "raw").write_bytes("\x9b2J".encode() + b"\x1b")
    assert len(steers((tmp_path / "raw").read_text())) == 2
