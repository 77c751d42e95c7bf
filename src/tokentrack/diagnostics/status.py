"""What is recorded, where, and whether anything is wrong: the facts behind `tokentrack status`."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import tokentrack
from tokentrack import workspace
from tokentrack.common.formatting import counted
from tokentrack.common.timestamps import now_us, parse
from tokentrack.config.sources import load_config
from tokentrack.errors import TokenTrackError
from tokentrack.hookfiles.installed import installed_hooks
from tokentrack.importing.summary import history_hint
from tokentrack.maintenance.reconcile import pending, reconcile
from tokentrack.recorder.events import COMPLETION, kind_of
from tokentrack.recorder.log import LOG_NAME
from tokentrack.recorder.rescue import LOSSES_NAME, losses, open_states
from tokentrack.reports.totals import account_view, credit_totals, summarise_ledger
from tokentrack.store import spool
from tokentrack.store.ledger import QUARANTINE_NAME
from tokentrack.tracker import TokenTracker

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokentrack.store.directory import Directory
    from tokentrack.store.paths import LedgerPaths

SCHEMA_VERSION = 1
_LOG_TAIL_BYTES = 64 * 1024
_LOCK_SECONDS = 0.2


def collect_status(root: str, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the state of a workspace's recording as JSON values.

    Args:
        root: the workspace's root; "" means the user's own ledger.
        environ: the environment.

    `problems` is empty when all is well; `notes` says what may surprise. Unknown numbers are None.
    `credits` sums what Kiro reported of the ledger's executions; `account` is the account's own
    view where the IDE keeps one.
    """
    kiro_home = workspace.kiro_home(environ)
    config, problems = load_config(root, kiro_home, environ)
    tracker = TokenTracker.for_workspace(root, config, environ)
    stuck = tracker.drain()
    _fill_in(tracker, environ)
    enabled = config.enabled and config.hook_enabled
    status = {
        "schema_version": SCHEMA_VERSION,
        "version": tokentrack.__version__,
        "enabled": enabled,
        "workspace": root or None,
        "hooks": [
            hook._asdict() for hook in installed_hooks(root or kiro_home, kiro_home, environ)
        ],
        "ledger": {"path": tracker.paths.path, **summarise_ledger(tracker.paths)},
        "credits": _credits(tracker.paths),
        "account": account_view(environ),
        "waiting": _waiting(tracker, environ),
    }
    problems += _problems(status, tracker, stuck)
    hint = _hint(status, tracker.paths, environ)
    return {**status, "problems": problems, "notes": [*_notes(status, kiro_home), *hint]}


def _hint(status: Mapping[str, Any], paths: LedgerPaths, environ: Mapping[str, str]) -> list[str]:
    first = status["ledger"]["first"]
    hint = history_hint(paths, environ, before=parse(first) if first else None)
    return [hint] if hint else []


def _fill_in(tracker: TokenTracker, environ: Mapping[str, str]) -> None:
    # Whoever holds the lock does it as well; what can't be written now waits on.
    try:
        reconcile(tracker.paths, tracker.config, environ, lock_seconds=_LOCK_SECONDS)
    except (TokenTrackError, OSError):
        pass


def _credits(paths: LedgerPaths) -> dict[str, Any]:
    try:
        return {**credit_totals(paths), "waiting": pending(paths)}
    except OSError:  # the summary of the ledger says what is wrong
        return {"total": None, "rows": 0, "waiting": pending(paths)}


def _waiting(tracker: TokenTracker, environ: Mapping[str, str]) -> dict[str, Any]:
    counts: dict[str, Any] = {
        "running": 0, "spooled": 0, "overdue": 0, "quarantined": 0, "lost": 0,
    }  # fmt: skip
    last_error, lost = "", ("", "")
    for folder in open_states(tracker.paths, environ):
        with folder:
            counts["running"] += _count(folder, "running")
            spooled = spool.waiting(folder)
            counts["spooled"] += len(spooled)
            counts["overdue"] += spool.overdue(spooled, now_us())
            counts["quarantined"] += _count(folder, QUARANTINE_NAME)
            found = losses(folder)
            counts["lost"] += len(found)
            lost = max([lost, *((line, os.path.join(folder.path, LOSSES_NAME)) for line in found)])
            last_error = max(last_error, _last_logged(folder))
    return {
        **counts, "last_error": last_error or None, "last_lost": lost[0] or None,
        "losses": lost[1] or None,
    }  # fmt: skip


def _count(folder: Directory, name: str) -> int:
    try:
        with folder.child(name) as inner:
            return len([entry for entry in inner.names() if not entry.endswith(".tmp")])
    except OSError:
        return 0


def _last_logged(folder: Directory) -> str:
    try:
        data = folder.read_tail(LOG_NAME, _LOG_TAIL_BYTES)
    except OSError:
        return ""
    lines = data.decode("utf-8", "replace").split("\n")
    wanted = [line for line in lines if line.partition(" ")[2].startswith(("WARNING", "ERROR"))]
    return wanted[-1] if wanted else ""


def _problems(status: Mapping[str, Any], tracker: TokenTracker, stuck: str) -> list[str]:
    ledger, waiting = status["ledger"], status["waiting"]
    found = [ledger["problem"]] if ledger["problem"] else []
    found += _folder_problem(tracker.paths)
    if ledger["damaged"]:
        first = ledger["damaged"][0]
        found.append(
            f"{counted(len(ledger['damaged']), 'damaged place')}, the first in {first['file']}, "
            f"line {first['line']}: {first['problem']}: `tokentrack repair --dry-run` shows what "
            "can be made of it"
        )
    if waiting["spooled"]:
        found.append(_spool_problem(waiting["spooled"], waiting["overdue"], stuck))
    if waiting["lost"]:
        found.append(
            f"{counted(waiting['lost'], 'event')} could be written nowhere, the last one "
            f"{waiting['last_lost']}: see {waiting['losses']}"
        )
    if status["hooks"] and not any(_records(hook) for hook in status["hooks"]):
        found.append(
            "no hook fires at the end of a turn, so nothing is recorded: `tokentrack doctor` "
            "suggests a fix"
        )
    return found


def _records(hook: Mapping[str, Any]) -> bool:
    return bool(hook["fires"]) and kind_of(hook["trigger"]) == COMPLETION


def _spool_problem(spooled: int, overdue: int, stuck: str) -> str:
    text = f"{counted(spooled, 'event')} in the spool, until the ledger can be written"
    text += f" ({stuck})" if stuck else ""
    return f"{text}; {overdue:,} for over {spool.OVERDUE_DAYS} days" if overdue else text


def _folder_problem(paths: LedgerPaths) -> list[str]:
    if not os.path.lexists(paths.folder):
        return []
    try:
        paths.open_folder(create=False).close()
    except OSError as error:
        wait = "events wait in the spool until it is a folder of its own"
        return [f"{paths.folder} can't be used ({error.strerror}): {wait}"]
    if not os.access(paths.folder, os.W_OK):
        return [f"{paths.folder} can't be written: check its owner and mode"]
    if hasattr(os, "statvfs") and os.statvfs(paths.folder).f_bavail == 0:
        return [f"the disk of {paths.folder} is full: free some space, or events will be lost"]
    return []


def _unlisted(folder: str) -> str:
    try:
        os.scandir(folder).close()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        what = f"{folder} can't be read ({error.strerror}), so its hooks are not known"
        return f"{what}: check its owner and mode, and those of the folder above"
    return ""


def _notes(status: Mapping[str, Any], kiro_home: str) -> list[str]:
    root = status["workspace"]
    homes = [os.path.join(root, ".kiro"), kiro_home] if root else [kiro_home]
    unlisted = [note for home in homes if (note := _unlisted(os.path.join(home, "hooks")))]
    notes = [*unlisted]
    if not status["enabled"]:
        notes.append("recording is switched off in the configuration")
    if not status["hooks"] and not unlisted:
        notes.append("no hook is installed: run `tokentrack init`")
    elif status["hooks"] and shutil.which("tokentrack") is None:
        notes.append("no tokentrack is on PATH here: where Kiro's PATH is the same, no hook runs")
    ledger = status["ledger"]
    if ledger["rows"] == 0 and not ledger["problem"] and status["hooks"]:
        notes.append("nothing is recorded yet: run a turn in Kiro")
    return notes
