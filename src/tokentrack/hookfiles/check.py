"""Check hook files: each becomes a list of findings, and no file stops the next."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tokentrack.common.terminal import escape, quote
from tokentrack.hookfiles import discover
from tokentrack.hookfiles.files import read_bytes
from tokentrack.hookfiles.findings import Finding, KeyPath, Problem, error, key_text, warning
from tokentrack.hookfiles.forms import Document, recognise, v1_hooks
from tokentrack.hookfiles.locate import find_lines
from tokentrack.hookfiles.rules import warnings_about
from tokentrack.hookfiles.structure import MOST_PROBLEMS, structural_problems
from tokentrack.hookfiles.syntax import Parsed, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokentrack.hookfiles.triggers import Form

_HOW_V1 = 'wrap it: {"version": "v1", "hooks": [{"name": …, "trigger": "Stop", "action": …}]}'
_FORMS = (
    'a hook file has "when" and "then" (IDE 0.x), or "version": "v1" and "hooks"; '
    'an agent has a "hooks" object'
)
_TOO_DEEP = error((), "the JSON is nested too deeply to be a hook", "remove what is no hook")
_LINKED = warning(
    None, "this is a symbolic link, and Kiro skips those silently", "put the file itself here"
)
_MISNAMED = warning(
    None,
    "the name does not end with .kiro.hook, so Kiro does not read it",
    "rename the file, or remove it if it is a copy",
)


@dataclass(frozen=True, slots=True)
class HookName:
    """The name of a hook, and where it stands."""

    name: str
    key: str
    line: int


@dataclass(slots=True)
class CheckedFile:
    """A file with its form, its findings, and the names of the hooks that Kiro reads from it."""

    path: str
    form: Form = "unknown"
    findings: list[Finding] = field(default_factory=list)
    names: list[HookName] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What a run has found."""

    files: list[CheckedFile] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """Return the findings of all files, in the order of the files."""
        return [finding for file in self.files for finding in file.findings]

    def count(self, level: str) -> int:
        """Return the number of findings of a level."""
        return sum(finding.level == level for finding in self.findings)


def check_file(path: str, *, ide_major: int | None = None) -> list[Finding]:
    """Return what is wrong with one file; `ide_major` adds what that version does not read."""
    return _finished([_check(discover.Candidate(path), ide_major)]).findings


def check_paths(paths: Iterable[str], *, ide_major: int | None = None) -> Report:
    """Check the named files and everything in the named folders."""
    return _finished([_check(each, ide_major) for each in discover.candidates(paths)])


def _check(candidate: discover.Candidate, ide_major: int | None) -> CheckedFile:
    checked = CheckedFile(candidate.path)
    parsed, problems = _read(candidate)
    names: list[tuple[str, KeyPath]] = []
    if parsed.ok:
        checked.form = recognise(parsed.value, discover.absolute(candidate.path))
        problems += _content_problems(checked, parsed.value, ide_major)
        names = _names(checked, parsed.value)
    places = {problem.keys for problem in problems if problem.keys is not None}
    places.update(keys for _, keys in names)
    lines = find_lines(parsed.text, places, last=parsed.repeats) if parsed.ok and places else {}
    checked.findings = _in_order([_finding(checked.path, each, lines) for each in problems])
    checked.names = [HookName(name, key_text(keys), lines[keys]) for name, keys in names]
    return checked


def _read(candidate: discover.Candidate) -> tuple[Parsed, list[Problem]]:
    """Return the decoded file, as far as it can be decoded, and what is wrong so far."""
    if candidate.problem:
        return Parsed(), [candidate.problem]
    problems = [_LINKED] if os.path.islink(candidate.path) else []
    if discover.is_misnamed(candidate.path):
        problems.append(_MISNAMED)
    data = read_bytes(candidate.path)
    if isinstance(data, Problem):
        return Parsed(), [*problems, data]
    try:
        parsed = parse(data)
    except RecursionError:
        return Parsed(), [*problems, _TOO_DEEP]
    return parsed, problems + parsed.problems


def _content_problems(checked: CheckedFile, value: Any, ide_major: int | None) -> list[Problem]:
    if checked.form == "loose":
        message = 'a hook with "trigger" or "action" is only read inside a "version": "v1" file'
        return [error((), message, _HOW_V1)]
    if checked.form == "unknown":
        return [error((), "this is no hook file of any known form", _FORMS)]
    if checked.form == "crew":
        return []  # it has no published form to hold it against
    try:
        broken = structural_problems(value, checked.form)
        # "Migrate it" is no help while the file is still wrong.
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
    return os.path.islink(path) or discover.is_misnamed(path)


def _finding(path: str, problem: Problem, lines: Mapping[KeyPath, int]) -> Finding:
    keys = problem.keys
    line = problem.line if keys is None else lines.get(keys, 1)
    return Finding(path, line, key_text(keys), problem.level, problem.message, problem.hint)


def _by_line(finding: Finding) -> tuple[int, str, str]:
    return finding.line or 0, finding.key, finding.message


def _in_order(findings: list[Finding]) -> list[Finding]:
    """Sort by line, and keep what a person can read of a file that is wrong everywhere."""
    findings.sort(key=_by_line)
    if len(findings) <= MOST_PROBLEMS:
        return findings
    # The errors decide the exit code, so they are never the ones left out.
    findings.sort(key=lambda each: each.level)
    message = f"only {MOST_PROBLEMS} of its problems are shown"
    note = Finding(findings[0].path, None, "", "warning", message, "mend these first")
    return [*findings[:MOST_PROBLEMS], note]


def _finished(files: list[CheckedFile]) -> Report:
    """Warn where a name comes back: hook files are added up, so the same hook would fire twice."""
    first: dict[tuple[Form, str], tuple[str, HookName]] = {}
    for file in files:
        for hook in file.names:
            path, known = first.setdefault((file.form, hook.name), (file.path, hook))
            if known is hook:
                continue
            place = f"{escape(path)}:{known.line}"
            message = f"{quote(hook.name)} is also the name of the hook in {place}"
            hint = "remove one, or give it its own name: both would fire"
            file.findings.append(Finding(file.path, hook.line, hook.key, "warning", message, hint))
            file.findings.sort(key=_by_line)
    return Report(files)
