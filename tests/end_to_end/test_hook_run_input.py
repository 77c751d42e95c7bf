"""How `tokentrack hook-run` reads arguments, environment and stdin, as a real process."""

import json
import os
import pty
import subprocess
import sys
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.examples import at_most
from support.kiro import TIMEOUT, Machine, encode, finish
from tokentrack.recorder.tokens import estimate_tokens

STOP = {"hook_event_name": "Stop", "session_id": "s1"}
LIKE_JSON = '{"tokens_used": 5}'
MARK = "TEXT-OF-THE-PAYLOAD"


def machine_at(folder):
    folder.mkdir()
    return Machine(folder)


@pytest.mark.parametrize(
    ("arguments", "environment", "payload", "found"),
    [
        (["--event", "agentStop"], {"KIROCREW_HOOK_EVENT": "UserPromptSubmit"},
         {"hook_event_name": "PreToolUse", "session_id": "s1"}, {"session_id": "s1"}),
        ([], {"KIROCREW_HOOK_EVENT": "Stop"},
         {"hook_event_name": "PreToolUse", "session_id": "s1"}, {"session_id": "s1"}),
        ([], {"KIRO_SESSION_ID": "env"}, STOP, {"session_id": "env"}),
        ([], {"USER_PROMPT": "env"}, {**STOP, "prompt": "stdin"}, {"prompt_text": "env"}),
        ([], {"USER_PROMPT": "a long"}, {**STOP, "prompt": "a long one"},
         {"prompt_text": "a long one"}),
        (["--hook", "arg"], {}, {**STOP, "hook_name": "stdin"}, {"hook_name": "arg"}),
        ([], {}, {**STOP, "hook_name": "stdin"}, {"hook_name": "stdin"}),
        (["--event=Stop", "--hook=a b"], {}, {"session_id": "s1"}, {"hook_name": "a b"}),
        (["--no-stdin", "--event", "Stop"], {}, STOP, {"session_id": ""}),
        (["--event", "sToP"], {"USER_PROMPT": LIKE_JSON}, {},
         {"prompt_text": LIKE_JSON, "tokens_used": str(estimate_tokens(LIKE_JSON))}),
    ],
)  # fmt: skip
def test_arguments_come_before_the_environment_before_stdin(
    machine, arguments, environment, payload, found
):
    machine.hook(payload, *arguments, env=environment)
    assert found.items() <= machine.row().items()


@pytest.mark.parametrize(
    ("arguments", "environment", "tags"),
    [
        (["--tag", "issue=218", "--tag=customer=acme"], {}, "issue=218;customer=acme"),
        ([], {"TOKENTRACK_TAGS": "issue=218; customer = acme;"}, "issue=218;customer=acme"),
        (["--tag", "a=2"], {"TOKENTRACK_TAGS": "a=1;b=1"}, "a=2;b=1"),
        (["--tag", "k=x;y", "--tag", "equation=a=b"], {}, "k=x\\;y;equation=a=b"),
        (["--tag", "empty="], {}, "empty="),
    ],
)
def test_tags_come_from_arguments_and_environment(machine, arguments, environment, tags):
    machine.hook(STOP, *arguments, env=environment)
    (usage,) = machine.usage()
    assert usage["tags"] == tags


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--frobnicate"], "unknown argument of hook-run"),
        (["surplus", "--help"], "unknown argument of hook-run"),
        (["--tag"], "--tag has no value"),
        (["--hook="], "--hook has no value"),
        (["--tag", "no-equals-sign"], "a tag must have the form key=value"),
        (["--tag", "=value"], "a tag must have the form key=value"),
        (["--workspace", "/does/not/exist"], "--workspace"),
        (["\udcff\udcfe"], "unknown argument of hook-run"),
    ],
)
def test_an_argument_in_error_is_noted_and_costs_no_row(machine, arguments, problem):
    machine.hook(STOP, *arguments)
    assert machine.row()["session_id"] == "s1"
    assert problem in machine.log()


def test_a_workspace_given_as_an_argument_wins(machine, tmp_path):
    other = machine_at(tmp_path / "other")
    machine.hook({**STOP, "cwd": str(machine.root)}, "--workspace", str(other.root))
    assert machine.rows() == []
    assert other.row()["workspace_folder"] == "ws"


def deep(opening, closing, depth=100_000):
    return f'"deep": {opening * depth}1{closing * depth}'


# What follows a payload's first fields, and what the log says of it.
DAMAGED = {
    "cut off": ("", "the payload is not JSON"),
    "a bare word": (", bad}", "the payload is not JSON"),
    "text after it": ("} " + MARK, "the payload is not JSON"),
    "two of them": ("}{}", "the payload is not JSON"),
    "a wrong escape": (f', "x": "{MARK}\\q"}}', "the payload is not JSON"),
    "5,000 digits": (', "x": ' + "1" * 5000 + "}", "the payload is not JSON"),
    "deep lists": ("," + deep("[", "]") + "}", "what is nested over 64 levels"),
    "deep objects": ("," + deep('{"a":', "}") + "}", "what is nested over 64 levels"),
    "never closed": ("," + deep("[", ""), "what is nested over 64 levels"),
    "no UTF-8": (f', "x": "{MARK}\udcff"}}', "the payload is not UTF-8"),
    "17 MiB": (f', "x": "{MARK}{"x" * 17 * 1024 * 1024}"}}', "more than 16 MiB"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_payload_is_recorded_and_noted_without_its_text(machine, name):
    rest, problem = DAMAGED[name]
    text = f'{{"hook_event_name": "Stop", "session_id": "s1", "prompt": "{MARK}"{rest}'
    machine.hook(text.encode("utf-8", "surrogateescape"))
    assert (machine.row()["session_id"], machine.row()["prompt_text"]) == ("s1", MARK)
    assert problem in machine.log()
    assert MARK not in machine.log()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_an_unusual_encoding_is_no_problem(machine, encoding):
    machine.hook(json.dumps(STOP).encode(encoding))
    assert machine.row()["session_id"] == "s1"
    assert machine.log() == ""


def test_raw_line_feeds_and_controls_in_a_text_are_no_problem(machine):
    machine.hook(b'{"hook_event_name": "Stop",\r\n\t"session_id": "s1", "prompt": "a\nb\x01"}\r\n')
    assert machine.row()["prompt_text"] == "a\\nb\\u0001"
    assert machine.log() == ""


@pytest.mark.parametrize(
    "data", [b"[]", b"null", b'"text"', b"5", b"\xff\xfe\xff", b"\0" * 100, b"not json at all"]
)
def test_what_is_no_object_leaves_what_the_arguments_say(machine, data):
    machine.hook(data, "--event", "Stop")
    assert machine.row()["hook_trigger_type"] == "agentExecutionCompleted"
    assert "the payload is" in machine.log()


@pytest.mark.slow
@pytest.mark.parametrize("field", ["cwd", "session_id", "hook_name", "prompt", "status", "error",
                                   "usage", "tool_input", "file_patterns", "subagent_id",
                                   "workspace_folder", "agent_execution_id", "elapsed_time",
                                   "hook_continuation_count", "model", "tokens_used"])  # fmt: skip
def test_a_field_of_any_other_type_costs_no_row(machine, field):
    every_one = {"KIRO_TOKEN_TRACKER_DUPLICATE_WINDOW_SECONDS": "0"}
    for count, value in enumerate([[], {}, {"a": [1]}, None, True, -1.5, "\0\ud800", 10**30], 1):
        payload = {"hook_event_name": "Stop", "session_id": f"s{count}", field: value}
        machine.hook(payload, env=every_one)
        assert len(machine.rows()) == count, value


def test_an_event_without_a_name_is_noted(machine):
    machine.hook({"session_id": "s1"})
    assert machine.rows() == []
    assert "the event has no name" in machine.log()


@pytest.mark.parametrize("words", [(), ("--help",), ("--event", "Nothing")])
def test_where_nothing_is_recorded_nothing_is_made(machine, words):
    machine.folder.rmdir()
    machine.hook(b"", *words)
    assert list(machine.root.iterdir()) == []
    assert list(machine.home.iterdir()) == []


def test_a_terminal_is_not_read(machine):
    ours, theirs = pty.openpty()
    os.write(ours, json.dumps(STOP).encode() + b"\n\x04")
    process = machine.start("--event", "Stop", stdin=theirs)
    os.close(theirs)
    assert process.communicate(timeout=TIMEOUT) == (b"", b"")
    assert process.returncode == 0
    os.close(ours)
    assert machine.row()["session_id"] == ""


def test_a_stdin_that_is_never_written_is_given_up(machine):
    process = machine.start("--event", "Stop")
    assert process.wait(TIMEOUT) == 0
    finish(process)
    assert machine.row()["session_id"] == ""
    assert machine.log() == ""


def test_a_stdin_that_never_ends_is_cut_at_the_deadline(machine):
    process = machine.start()
    process.stdin.write(json.dumps(STOP).encode()[:-1])
    process.stdin.flush()
    assert process.wait(TIMEOUT) == 0
    finish(process)
    assert machine.row()["session_id"] == "s1"
    assert "stdin did not end within 2 s" in machine.log()


def test_a_payload_in_pieces_is_read_to_its_end(machine):
    process = machine.start()
    data = json.dumps(STOP).encode()
    for at in range(0, len(data), 10):
        process.stdin.write(data[at : at + 10])
        process.stdin.flush()
        time.sleep(0.02)
    finish(process)
    assert machine.row()["session_id"] == "s1"


@pytest.mark.parametrize("stdin", ["<&-", "< /dev/null", "0>/dev/null"])
def test_a_stdin_without_data_is_no_payload(machine, stdin):
    command = [*machine.command, "hook-run", "--event", "Stop"]
    shell = ["sh", "-c", f'"$@" {stdin}', "sh", *command]
    finish(subprocess.Popen(shell, env=machine.environment, cwd=machine.root,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE))  # fmt: skip
    assert machine.row()["session_id"] == ""


# The peak of a child counts its parent's pages before exec, so a small process must start it.
_MEASURE = """
import os, sys
child = os.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
with open(sys.argv[1], "w") as file:
    file.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""
_STREAM = """
import os, sys
os.write(1, b'{"hook_event_name": "Stop", "session_id": "s1", "prompt": "')
piece = sys.argv[1].encode() * (1024 * 1024 // len(sys.argv[1]))
for _ in range(300):
    os.write(1, piece)
os.write(1, b'"}')
"""


def measured(machine, tmp_path, **options):
    """Start the hook; return its process and a function that returns its peak in MiB."""
    note = tmp_path / "peak"
    prefix = [sys.executable, "-I", "-S", "-c", _MEASURE, str(note)]
    process = machine.start(prefix=prefix, **options)
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return process, lambda: int(note.read_text()) / unit


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["x", "[],", "\\\\", '{"prompt":"'])
def test_a_stream_of_300_mb_is_recorded_in_bounded_memory(machine, tmp_path, unit):
    producer = subprocess.Popen(
        [sys.executable, "-c", _STREAM, unit], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    process, peak = measured(machine, tmp_path, stdin=producer.stdout)
    producer.stdout.close()
    finish(process)
    producer.wait(TIMEOUT)
    assert machine.row()["session_id"] == "s1"
    assert peak() < 64


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit",
    [b'"', b"[],", b'{"a":', b'"event":"\\q",', b'"event":"\\\\', b'{"prompt":"', b"1", b"\0"],
)
@pytest.mark.parametrize("size", [1, 16])
def test_a_hostile_payload_stays_within_memory(machine, tmp_path, unit, size):
    process, peak = measured(machine, tmp_path)
    finish(process, unit * (size * 1024 * 1024 // len(unit)))
    assert peak() < 64


@given(data=st.data())
@settings(max_examples=at_most(40))
def test_any_stdin_is_silent_bounded_and_at_most_one_row(machine, tmp_path, data):
    head = data.draw(st.sampled_from(["", '{"hook_event_name":"Stop",', '{"event":"stop","cwd":']))
    body = data.draw(st.binary(max_size=200) | st.text(max_size=100).map(encode))
    before = len(machine.rows())
    process, peak = measured(machine, tmp_path)
    finish(process, head.encode() + body)
    assert len(machine.rows()) in (before, before + 1)
    assert peak() < 64
