"""`tokentrack statusline`: one line of numbers for a shell prompt.

A prompt waits for it. So it is answered before the command line is loaded, and asks the index
alone: in a few thousandths of a second, and without an error that could reach the prompt.
"""

from __future__ import annotations

import os
import sys

from tokentrack.common.timestamps import now_us
from tokentrack.common.user_name import user_name
from tokentrack.config.json_file import CONFIG_NAME, PLAN, read_json_object
from tokentrack.errors import ValidationError
from tokentrack.reports.allowance import Allowance, plain_allowance
from tokentrack.reports.current_use import Use, current_use
from tokentrack.reports.index import sqlite
from tokentrack.reports.index.quick_look import look_into
from tokentrack.reports.line_format import SESSION, encoded, formatted, pieces_of, usual_line
from tokentrack.reports.zones import Zone
from tokentrack.store.paths import KIRO_FOLDER, LEDGER_NAME, index_path, user_paths
from tokentrack.store.registry import registered
from tokentrack.workspace import find_workspace, kiro_home

TYPE_CHECKING = False  # `typing` costs `statusline` 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from tokentrack.config.tracker_config import TrackerConfig
    from tokentrack.store.paths import LedgerPaths

_USER_VARIABLE = "KIRO_TOKEN_TRACKER_USER"
_MOST_BYTES = 64 * 1024
_NO_INDEX = "Kiro · run `tokentrack` once to see numbers here"
_BUSY = "Kiro · the ledgers are being read"


def main(words: Sequence[str], environ: Mapping[str, str]) -> bool:
    """Print the line that plain arguments ask for.

    Returns:
        False, with nothing printed, for what the commands have to answer: help, errors to be
        explained, a name of the user that tags give.
    """
    options = _plain_options(words)
    if options is None or "TOKENTRACK_TAGS" in environ:
        return False
    try:
        print_line(status_line(options.get("--format"), options.get("--session"), environ))
    except ValidationError:
        return False
    return True


def _plain_options(words: Sequence[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    rest = list(words)
    while rest:
        name, mark, value = rest.pop(0).partition("=")
        if name not in {"--format", "--session"} or not (mark or rest):
            return None
        found[name] = value if mark else rest.pop(0)
    return found


def print_line(line: str) -> None:
    """Print a line; nothing happens if standard output is closed or full."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        os.write(1, encoded(line, encoding) + b"\n")
    except OSError:
        pass


def status_line(
    form: str | None, session: str | None, environ: Mapping[str, str], user: str | None = None
) -> str:
    """Return the line.

    Args:
        form: a format with fields such as `{today.credits}`; None for the usual line.
        session: the id of a session; None for the last one of this workspace.
        environ: the environment.
        user: the user's name; None for the one of the configuration or the system.

    Raises:
        ValidationError: the format has an unknown field or a single brace.
    """
    pieces = None if form is None else pieces_of(form)
    ledgers = registered(environ)
    is_behind = _has_others(ledgers, environ)
    settings = _settings(environ)
    user = _user_name(settings, environ) if user is None else user
    zone = Zone()
    try:
        found = look_into(index_path(environ), ledgers, zone, _MOST_BYTES)
        if found is None:
            return _NO_INDEX if pieces is None else formatted(pieces, None, is_behind=True)
        try:
            use = current_use(found.database, zone, user, _plan(settings, environ), now_us())
            if pieces is not None and any(name.startswith(SESSION) for _, name in pieces):
                use.session = _session(found.database, zone, session, environ)
        finally:
            found.database.close()
    except sqlite.OperationalError:
        return _BUSY if pieces is None else formatted(pieces, None, is_behind=True)
    except (OSError, sqlite.Error):
        return _NO_INDEX if pieces is None else formatted(pieces, None, is_behind=True)
    is_behind |= found.is_behind
    if pieces is None:
        return usual_line(use, is_behind=is_behind)
    return formatted(pieces, use, is_behind=is_behind)


def _has_others(ledgers: Sequence[LedgerPaths], environ: Mapping[str, str]) -> bool:
    # Whether the workspace or the user has a ledger that the index can't have.
    known = {paths.path for paths in ledgers}
    own = [user_paths(kiro_home(environ)).path]
    try:
        own.append(os.path.join(find_workspace(os.getcwd(), environ)[0], KIRO_FOLDER, LEDGER_NAME))
    except OSError:
        pass  # the current folder was removed
    return any(path not in known and os.path.lexists(path) for path in own)


def _settings(environ: Mapping[str, str]) -> dict[str, Any]:
    try:
        return read_json_object(os.path.join(kiro_home(environ), CONFIG_NAME))
    except (OSError, ValidationError):
        return {}


def _user_name(settings: dict[str, Any], environ: Mapping[str, str]) -> str:
    if "user" not in settings and _USER_VARIABLE not in environ:
        return user_name()
    return user_name(_own_config(environ)[1].user or None)


def _own_config(environ: Mapping[str, str]) -> tuple[str, TrackerConfig]:
    # The root of the workspace, "" for none, and its configuration.
    from tokentrack.config.sources import load_config, own_root

    try:
        root, is_shared = find_workspace(os.getcwd(), environ)
    except OSError:
        is_shared = True  # the current folder was removed
    root = "" if is_shared else own_root(root, environ)
    return root, load_config(root, kiro_home(environ), environ)[0]


def _session(
    database: sqlite.Connection, zone: Zone, session: str | None, environ: Mapping[str, str]
) -> Use | None:
    from tokentrack.config.sources import ledger_paths
    from tokentrack.reports.turn_sums import session_sums

    paths = None if session else ledger_paths(*_own_config(environ), environ)
    sums = session_sums(database, zone, session, paths)
    return None if sums is None else Use(sums)


def _plan(settings: dict[str, Any], environ: Mapping[str, str]) -> Allowance | None:
    if PLAN not in settings:
        return None
    plain = plain_allowance(settings[PLAN])
    if plain is not None and plain.is_set:
        return plain
    from tokentrack.kiro.kiro_paths import KiroPaths

    if plain is not None and not any(map(os.path.exists, KiroPaths(environ).account_databases)):
        return plain
    from tokentrack.reports.pricing.plan import plan_in_force

    try:
        plan = plan_in_force(environ)
    except ValidationError:
        return None
    return None if plan is None else Allowance(plan.name, plan.units, plan.billing_day)
