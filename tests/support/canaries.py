"""Canaries: a secret and a prompt in every field of every event, and where they are found."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

from support.ledgers import HEADER, Workspace, transaction
from tokentrack.store import codec

if TYPE_CHECKING:
    from collections.abc import Iterator

# Made up; each body is one that nothing else here contains.
SECRETS = {
    "github-token": "ghp_" + "Zq7Kd2Xw9Lm4Vb8Nc3Rt6Yp1Hs5Jf0Gu7Ea2",
    "aws-access-key": "AKIA" + "ZQXWVKJH72945163",
    "model-api-key": "sk-" + "ant-api03-Qz9Xw7Vk5Jh3Gf1Dd8Ss6Aa4Pp2Oo0",
    "connection-string": "postgres://app:Zx9Qw8Vv7Kk6Jj5Hh4@db.example.com/main",
    "private-key": (
        "-----BEGIN PRIVATE KEY-----\nMIIQzXwVkJhGfDdSsAaPpOo9\n-----END PRIVATE KEY-----"
    ),
}
BODIES = {
    "github-token": "Zq7Kd2Xw9Lm4Vb8Nc3Rt6Yp1Hs5Jf0Gu7Ea2",
    "aws-access-key": "ZQXWVKJH72945163",
    "model-api-key": "Qz9Xw7Vk5Jh3Gf1Dd8Ss6Aa4Pp2Oo0",
    "connection-string": "Zx9Qw8Vv7Kk6Jj5Hh4",
    "private-key": "MIIQzXwVkJhGfDdSsAaPpOo9",
}
PROMPT = "canary-of-a-prompt-8Wz"
TEXT_FIELDS = (
    "session_id", "parent_session_key", "subagent_id", "agent_execution_id", "hook_name",
    "workspace_folder", "error", "error_message", "model", "model_id", "status", "tool_name",
    "transcript_path", "something_new", "hook_continuation_count", "trigger",
)  # fmt: skip
PROMPT_FIELDS = ("prompt", "prompt_text", "user_prompt", "assistant_response", "response")


def payloads(secret: str) -> Iterator[dict]:
    """Yield events with the secret in every field, once alone and once where texts are cut."""
    for before in ("", " " + "x" * 235 + " ", " " + "y" * 1980 + " ", " " + "z" * 985 + " "):
        text = f"{before}{secret}"
        fields = {
            **dict.fromkeys(TEXT_FIELDS, text),
            **dict.fromkeys(PROMPT_FIELDS, f"{PROMPT} {text}"),
            "file_patterns": [f"src/{text}"],
            "file_path": text,
            "paths": [{"path": text}],
            "tool_input": {"path": text, "paths": [f"{'p' * 4070} {secret}"], "content": text},
            "tool_args": {"paths": [text], text: text},
            "result": {"error": text, "usage": {text: 1}},
            text: text,
        }
        for event in ("UserPromptSubmit", "PostToolUse", "Stop"):
            yield {"hook_event_name": event, **fields}
        yield {"hook_event_name": "Stop", "error": {"message": text, text: text}, "prompt": text}


def steps(space: Workspace, secret: str, *, damage: bytes = b"") -> list[tuple[list[str], bytes]]:
    tags = ["--tag", f"key={secret}", "--tag", f"{secret}=x", "--tag", f"k={'t' * 190} {secret}"]
    more = [*tags, "--hook", secret, secret, f"--unknown={secret}"]
    found = []
    for fields in payloads(secret):
        data = json.dumps({**fields, "cwd": str(space.root)}).encode()
        found.append((["hook-run", *more], data + damage))
    return found


def configured(text: str):
    return lambda space: (space.kiro / "token_tracker_config.json").write_text(text)


def _foreign_ledger(space: Workspace) -> None:
    space.ledger.write_bytes(b"a,b\nsomebody's own,file\n")


def _damaged_ledger(space: Workspace) -> None:
    # A row whose columns are shifted: a message about it could quote the prompt.
    cells = transaction("moved", prompt_text=PROMPT).to_csv_row()
    shifted = codec.encode_line([PROMPT, *cells[:-1]])
    short = codec.encode_line([*cells[:2], PROMPT, *cells[3:]])
    torn = codec.encode_line([*cells[:4], PROMPT])
    space.ledger.write_bytes(HEADER + shifted + short + torn + f'2026,"{PROMPT}'.encode())


def _no_ledger_folder(space: Workspace) -> None:
    space.kiro.rename(space.root / "aside")
    space.kiro.write_bytes(b"in the way")


def _nowhere(space: Workspace) -> None:
    _no_ledger_folder(space)
    (space.home / ".local").write_bytes(b"in the way")


def _full_spool(space: Workspace) -> None:
    space.state.mkdir()
    (space.state / "spool").write_bytes(b"in the way")
    space.lock.mkdir()


def _bad_collectors(space: Workspace) -> None:
    configured('{"collectors": ["no-such-collector"], "log_level": "DEBUG"}')(space)


FAULTS = {
    "nothing is broken": lambda _space: None,
    "configuration that is no JSON": configured("{"),
    "configuration of wrong values": configured('{"max_prompt_length": "x", "log_level": "DEBUG"}'),
    "another file for the ledger": _foreign_ledger,
    "a damaged ledger": _damaged_ledger,
    "a file for .kiro": _no_ledger_folder,
    "nowhere to write": _nowhere,
    "a file for the spool, a folder for the lock": _full_spool,
    "collectors that are not installed": _bad_collectors,
}
COMMANDS = [(words, b"") for words in (
    ["status"], ["status", "--json"], ["verify"], ["verify", "--json"], ["backup"], ["rotate"],
    ["repair"], ["restore", "--yes"], ["prune", "--dry-run"], ["validate-hooks"], ["bogus", "x"],
)]  # fmt: skip


def everything(space: Workspace, output: str) -> dict[str, bytes]:
    """Return every written file by its path below the test's folder, and the names of folders."""
    base = space.root.parent
    found = {"output": output.encode()}
    for path in base.rglob("*"):
        if path.is_file() and path.name not in ("input", "output"):
            data = path.read_bytes()
            data = gzip.decompress(data) if path.suffix == ".gz" else data
            found[str(path.relative_to(base))] = data
        else:
            found[f"{path.relative_to(base)}/"] = b""
    return found


def leaks(found: dict[str, bytes], canary: str, length: int = 8) -> list[str]:
    """Return where a part of a canary of this length stands, in a file or in its name."""
    parts = [canary[at : at + length].encode() for at in range(len(canary) - length + 1)]
    return [
        name
        for name, data in found.items()
        if any(part in data or part in name.encode() for part in parts)
    ]


def environment(secret: str) -> dict[str, str]:
    return {
        "KIRO_SESSION_ID": secret,
        "TOKENTRACK_TAGS": f"customer={secret};{secret}=x",
        "USER_PROMPT": f"{PROMPT} {secret}",
    }
