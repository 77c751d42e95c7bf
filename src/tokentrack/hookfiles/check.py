"""Check hook files: read, decode, recognise the form, apply the schema and the warnings."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokentrack.common.terminal import escape, quote
from tokentrack.hookfiles import walk
from tokentrack.hookfiles.edit_files import MAX_BYTES
from tokentrack.hookfiles.forms import Document, recognise, v1_hooks
from tokentrack.hookfiles.json_text import find_lines
from tokentrack.hookfiles.lint_rules import warnings_about
from tokentrack.hookfiles.problems import FileFinding, KeyPath, Problem, error, key_text, warning
from tokentrack.hookfiles.structure import MOST_PROBLEMS, structural_problems
from tokentrack.hookfiles.syntax import Parsed, parse
from tokentrack.store.directory import NotRegularError, read_regular

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokentrack.hookfiles.triggers import Form

_HOW_V1 = 'wrap it: {"version": "v1", "hooks": [{"name": …, "trigger": "Stop", "action": …}]}'
_FORMS = (
    'a hook file has "when" and "then" (IDE 0.x), or "version": "v1" and "hooks"; '
    'an agent has a "hooks" object'
)
_TOO_DEEP = error(
    (), "the JSON is nested too deeply to be a hook", "remove everything that is not a hook"
)
_TOO_LARGE = error(
    None,
    f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB and was not read",
    "keep only the hook in it, which is a few lines of JSON",
)
_NOT_REGULAR = error(
    None,
    "this is not a regular file and was not read",
    "replace it with a regular file, or remove it",
)
_LINKED = warning(
    None, "this is a symbolic link, which Kiro silently ignores", "replace it with the file itself"
)
_MISNAMED = warning(
    None,
    "the name does not end in .kiro.hook, so Kiro does not read this file",
    "rename the file, or remove it if it is a copy",
)


@dataclass(frozen=True, slots=True)
class HookName:
    """The name of a hook, and its place."""

    name: str
    key: str
    line: int


@dataclass(slots=True)
class CheckedFile:
    """A file with its form, its findings and the names of its hooks."""

    path: str
    form: Form = "unknown"
    findings: list[FileFinding] = field(default_factory=list)
    names: list[HookName] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """All files of a run."""

    files: list[CheckedFile] = field(default_factory=list)

    @property
    def findings(self) -> list[FileFinding]:
        """Return the findings of all files, in the order of the files."""
        return [finding for file in self.files for finding in file.findings]

    def count(self, level: str) -> int:
        """Return the number of findings of a level."""
        return sum(finding.level == level for finding in self.findings)


def check_paths(paths: Iterable[str], *, ide_major: int | None = None) -> Report:
    """Check the named files and all hook files in the named folders."""
    return _finished([_check(each, ide_major) for each in walk.candidates(paths)])


def _check(candidate: walk.Candidate, ide_major: int | None) -> CheckedFile:
    checked = CheckedFile(candidate.path)
    parsed, problems = _read(candidate)
    names: list[tuple[str, KeyPath]] = []
    if parsed.ok:
        checked.form = recognise(parsed.value, walk.absolute(candidate.path))
        problems += _content_problems(checked, parsed.value, ide_major)
        names = _names(checked, parsed.value)
    places = {problem.keys for problem in problems if problem.keys is not None}
    places.update(keys for _, keys in names)
    lines = find_lines(parsed.text, places, last=parsed.repeats) if parsed.ok and places else {}
    checked.findings = _in_order([_finding(checked.path, each, lines) for each in problems])
    checked.names = [HookName(name, key_text(keys), lines[keys]) for name, keys in names]
    return checked


def _read(candidate: walk.Candidate) -> tuple[Parsed, list[Problem]]:
    """Return the decoded file, as far as possible, and its problems so far."""
    if candidate.error:
        return Parsed(), [_unreadable(candidate.error)]
    problems = [_LINKED] if os.path.islink(candidate.path) else []
    if walk.is_misnamed(candidate.path):
        problems.append(_MISNAMED)
    try:
        data = read_regular(candidate.path, MAX_BYTES + 1, follow=True)
        parsed = parse(data) if len(data) <= MAX_BYTES else Parsed(problems=[_TOO_LARGE])
    except NotRegularError:
        return Parsed(), [*problems, _NOT_REGULAR]
    except OSError as failure:
        return Parsed(), [*problems, _unreadable(failure)]
    except RecursionError:
        return Parsed(), [*problems, _TOO_DEEP]
    return parsed, problems + parsed.problems


def _unreadable(problem: OSError) -> Problem:
    reason = problem.strerror or type(problem).__name__
    return error(None, f"cannot be read ({reason})", "fix its permissions, or remove it")


def _content_problems(checked: CheckedFile, value: Any, ide_major: int | None) -> list[Problem]:
    if checked.form == "loose":
        message = 'Kiro reads a hook with "trigger" or "action" only inside a "version": "v1" file'
        return [error((), message, _HOW_V1)]
    if checked.form == "unknown":
        return [error((), "not a recognised hook file", _FORMS)]
    if checked.form == "crew":
        return []  # its form is not published
    try:
        broken = structural_problems(value, checked.form)
        # A file must be valid before it can be migrated.
        document = Document(checked.path, checked.form, value, None if broken else ide_major)
        return broken + warnings_about(document)
    except RecursionError:
        return [_TOO_DEEP]


def _names(checked: CheckedFile, value: Any) -> list[tuple[str, KeyPath]]:
    if checked.form not in {"ide-0", "v1"} or _is_skipped(checked.path):
        return []
    hooks: list[tuple[KeyPath, dict[str, Any]]] = [((), value)]
    if checked.form == "v1":
        hooks = list(v1_hooks(Document(checked.path, "v1", value)))
    named = ((hook.get("name"), (*keys, "name")) for keys, hook in hooks)
    return [(name, keys) for name, keys in named if name and isinstance(name, str)]


def _is_skipped(path: str) -> bool:
    return os.path.islink(path) or walk.is_misnamed(path)


def _finding(path: str, problem: Problem, lines: Mapping[KeyPath, int]) -> FileFinding:
    keys = problem.keys
    line = problem.line if keys is None else lines.get(keys, 1)
    return FileFinding(path, line, key_text(keys), problem.level, problem.message, problem.fix)


def _by_line(finding: FileFinding) -> tuple[int, str, str]:
    return finding.line or 0, finding.key, finding.message


def _in_order(findings: list[FileFinding]) -> list[FileFinding]:
    """Sort by line, and limit the findings of a file to a readable number."""
    findings.sort(key=_by_line)
    if len(findings) <= MOST_PROBLEMS:
        return findings
    # The errors decide the exit code, so warnings are left out first.
    findings.sort(key=lambda each: each.level)
    message = f"only {MOST_PROBLEMS} problems in this file are shown"
    note = FileFinding(findings[0].path, None, "", "warning", message, "fix these first")
    return [*findings[:MOST_PROBLEMS], note]


def _finished(files: list[CheckedFile]) -> Report:
    """Warn about repeated names: Kiro adds up all hook files, so the same hook would fire twice."""
    first: dict[tuple[Form, str], tuple[str, HookName]] = {}
    for file in files:
        for hook in file.names:
            path, known = first.setdefault((file.form, hook.name), (file.path, hook))
            if known is hook:
                continue
            place = f"{escape(path)}:{known.line}"
            message = f"the hook in {place} has the same name, {quote(hook.name)}"
            fix = "remove or rename one of them, since both fire"
            file.findings.append(
                FileFinding(file.path, hook.line, hook.key, "warning", message, fix)
            )
            file.findings.sort(key=_by_line)
    return Report(files)
