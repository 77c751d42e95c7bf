"""`tokentrack hook-run`: record the event that Kiro passes, silently.

The contract: exit code 0, empty stdout and stderr, bounded in time and memory, for every payload
and every fault. Problems with the input are noted in the log.
"""

from __future__ import annotations

import os
import time

from tokentrack import workspace
from tokentrack.config.sources import ledger_paths, load_config, own_root
from tokentrack.recorder import events, payload
from tokentrack.recorder.event_fields import MAX_TAG, MAX_TAGS
from tokentrack.recorder.metadata import MetadataCollector
from tokentrack.recorder.recorder import Recorder

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from tokentrack.config.tracker_config import TrackerConfig

# From the end of the payload on. Kiro kills a hook 2 s after it asked it to end.
_SECONDS = 1.2
_CUT_LENGTH = 4096  # the CLI cuts USER_PROMPT there


class Arguments:
    """The command's arguments; a wrong one is a problem for the log, never an error."""

    def __init__(self, words: list[str]) -> None:
        """Read `[--event NAME] [--hook NAME] [--workspace DIR] [--no-stdin] [--tag K=V]…`."""
        self.event = ""
        self.hook = ""
        self.workspace = ""
        self.stdin = True
        self.tags: dict[str, str] = {}
        self.problems: list[str] = []
        rest = iter(words)
        for word in rest:
            name, given, value = word.partition("=")
            if name == "--no-stdin":
                self.stdin = False
            elif name in ("--event", "--hook", "--workspace", "--tag"):
                self._set(name[2:], value if given else next(rest, ""))
            else:
                self.problems.append("unknown argument of hook-run: ignored")

    def _set(self, name: str, value: str) -> None:
        if not value:
            self.problems.append(f"--{name} has no value")
        elif name == "tag":
            self.problems += add_tag(self.tags, value)
        else:
            setattr(self, name, value)


def add_tag(tags: dict[str, str], text: str) -> list[str]:
    """Add `key=value` to the tags; return a sentence if the text has another form."""
    key, given, value = text.partition("=")
    if not given or not key.strip():
        return ["a tag must have the form key=value"]
    if len(tags) < MAX_TAGS:  # keys and values are cut after their secrets are redacted
        tags[key.strip()] = value.strip()
    return []


def run(words: list[str], environ: Mapping[str, str]) -> bool:
    """Record one event from arguments, environment and stdin; return whether it is safe."""
    arguments = Arguments(words)
    fields, problems = _read_fields(arguments, environ)
    until = time.monotonic() + _SECONDS
    root, shared = _find_workspace(arguments, fields, environ)
    ledger_root = "" if shared else own_root(root, environ)
    config, config_problems = load_config(ledger_root, workspace.kiro_home(environ), environ)
    if not config.enabled or not config.hook_enabled:
        return True
    paths = ledger_paths(ledger_root, config, environ)
    recorder = Recorder(paths, config, environ, until=until)
    problems = [*arguments.problems, *problems, *config_problems]
    tags = {**tags_of_environment(environ), **arguments.tags}
    try:
        event, refused = build_event(fields, root, config, environ, tags)
    except BaseException as error:
        recorder.count_loss(error)
        raise
    if event.kind == events.OTHER:
        # A `.kiro` created for a line in a log would make the folder a workspace.
        if os.path.isdir(recorder.paths.folder):
            recorder.log("WARNING", problems)
        return True
    is_safe = recorder.record([event], config.hook_lock_timeout_ms / 1000) == 1
    recorder.log("WARNING", [*problems, *refused])
    return is_safe


def build_event(
    fields: Mapping[str, Any],
    root: str,
    config: TrackerConfig,
    environ: Mapping[str, str],
    tags: dict[str, str],
) -> tuple[events.Event, list[str]]:
    """Return the event of a payload, ready to record, and a sentence for each refused value."""
    event, refused = events.parse(fields, environ, config)
    if event.kind == events.OTHER:
        return event, refused
    event.prompt_is_cut = _is_cut(environ, fields)
    event.tags = tags
    try:
        refused += MetadataCollector(config, root=root, environ=environ).complete(event)
        if config.redact_secrets:
            events.redact_event(event)
    except Exception as error:  # noqa: BLE001  (the event counts without what was being collected)
        event.workspace_folder, event.branch, event.patterns, event.tags = "", "", [], {}
        refused.append(f"the metadata could not be collected ({type(error).__name__})")
    event.tags = {key[:MAX_TAG]: value[:MAX_TAG] for key, value in event.tags.items()}
    return event, refused


def _read_fields(
    arguments: Arguments, environ: Mapping[str, str]
) -> tuple[dict[str, Any], list[str]]:
    data, problem = payload.read_stdin() if arguments.stdin else (b"", "")
    decoded, problems = payload.decode(data)
    fields = events.snake_case(decoded)
    # Events in the form of the Python API have their fields in a `context` and a `result`.
    for name in ("context", "result"):
        if isinstance(fields.get(name), dict):
            fields = {**events.snake_case(fields[name]), **fields}
    event = arguments.event or environ.get("KIROCREW_HOOK_EVENT")
    if event:
        fields["hook_event_name"] = event
    if arguments.hook:
        fields["hook_name"] = arguments.hook
    if environ.get("KIRO_SESSION_ID"):
        fields["session_id"] = environ["KIRO_SESSION_ID"]
    _add_user_prompt(fields, environ.get("USER_PROMPT", ""))
    if not events.event_name(fields):
        problems.append("the event has no name: nothing was recorded")
    return fields, [problem, *problems] if problem else problems


def _add_user_prompt(fields: dict[str, Any], text: str) -> None:
    prompt = fields.get("prompt")
    if events.kind_of(events.event_name(fields)) == events.ACTIVITY:
        # For tool events, IDE 0.x passes a JSON object in place of the prompt.
        inner, problems = payload.decode(text.encode("utf-8", "surrogateescape"))
        for name, value in events.snake_case({} if problems else inner).items():
            fields.setdefault(name, value)
    # stdin has the whole prompt, the variable perhaps only its beginning.
    elif text and not (isinstance(prompt, str) and prompt.startswith(text)):
        fields["prompt"] = text


def _is_cut(environ: Mapping[str, str], fields: Mapping[str, Any]) -> bool:
    text = environ.get("USER_PROMPT", "")
    return len(text) >= _CUT_LENGTH and fields.get("prompt") == text


def _find_workspace(
    arguments: Arguments, fields: Mapping[str, Any], environ: Mapping[str, str]
) -> tuple[str, bool]:
    # The root, and whether it is a shared folder, whose events go to the user's ledger.
    if os.path.isdir(arguments.workspace):
        return os.path.realpath(arguments.workspace), False
    if arguments.workspace:
        arguments.problems.append(
            "--workspace is not a folder; using the current directory's workspace"
        )
    cwd = events.working_directory(fields)
    if not os.path.isdir(cwd):
        try:
            cwd = os.getcwd()
        except OSError:  # the folder was removed
            cwd = workspace.home_folder(environ)
    return workspace.find_workspace(cwd, environ)


def tags_of_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the tags in `TOKENTRACK_TAGS`, without the texts of another form."""
    tags: dict[str, str] = {}
    for text in environ.get("TOKENTRACK_TAGS", "").split(";"):
        if text:
            add_tag(tags, text)
    return tags
