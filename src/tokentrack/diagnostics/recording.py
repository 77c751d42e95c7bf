"""Whether events are recorded: settings, ledger, waiting and lost events, last runs of hooks."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from tokentrack.common.formatting import counted
from tokentrack.common.timestamps import format_us
from tokentrack.config.json_file import CONFIG_NAME
from tokentrack.diagnostics.findings import OK, PROBLEM, WARNING, Finding
from tokentrack.diagnostics.folders import to_read
from tokentrack.hookfiles.entries import IDE0_FILES, quoted
from tokentrack.recorder.events import COMPLETION, START, kind_of
from tokentrack.recorder.rescue import rescued_elsewhere
from tokentrack.store import spool
from tokentrack.store.directory import Directory, open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tokentrack.diagnostics.setup import Setup
    from tokentrack.store.paths import LedgerPaths

_AREA = "recording"


def check_configuration(setup: Setup) -> Iterator[Finding]:
    """Yield what is wrong with the sources of the configuration."""
    for problem in setup.config_problems:
        yield Finding(_AREA, PROBLEM, problem, _fix_for_configuration(problem, setup))


def check_trust(setup: Setup) -> Iterator[Finding]:
    """Yield the values of the workspace's files that are ignored."""
    for sentence in setup.ignored:
        yield Finding(_AREA, PROBLEM, sentence, setup.fixes.for_trust())


def check_enabled(setup: Setup) -> Iterator[Finding]:
    """Yield a warning if the configuration switches recording off."""
    if not setup.is_enabled:
        yield Finding(_AREA, WARNING, "recording is switched off in the configuration",
                      'set "enabled" and "hook_enabled" to true')  # fmt: skip


def check_ledger(setup: Setup) -> Iterator[Finding]:
    """Yield whether the ledger can't be read, and its damaged lines."""
    ledger = setup.ledger
    if ledger.problem:
        yield Finding(_AREA, PROBLEM, ledger.problem, _fix_for_reading(setup.paths))
    if ledger.damaged:
        first = ledger.damaged[0]
        lines = counted(ledger.damaged_count, "damaged line")
        message = f"{lines}, the first in {first['file']}, line {first['line']}: {first['problem']}"
        yield Finding(_AREA, PROBLEM, message, "tokentrack repair")


def check_waiting(setup: Setup) -> Iterator[Finding]:
    """Yield how many events still wait to be recorded, and what keeps them waiting."""
    waiting, obstacle = setup.waiting, setup.obstacle
    # Another process may be about to record them.
    is_stuck = bool(obstacle or waiting.overdue or setup.drains)
    if not waiting.spooled or not is_stuck:
        return
    message = f"{counted(waiting.spooled, 'event')} can't be recorded yet"
    message += f": {obstacle}" if obstacle else ""
    if waiting.overdue:
        message += f"; {waiting.overdue:,} for over {spool.OVERDUE_DAYS} days"
    again = "run `tokentrack maintain`"
    yield Finding(_AREA, PROBLEM, message, f"fix that, then {again}" if obstacle else again)


def check_losses(setup: Setup) -> Iterator[Finding]:
    """Yield how many events could not be written anywhere."""
    waiting = setup.waiting
    if waiting.losses:
        message = (
            f"{counted(waiting.lost, 'event')} could not be written anywhere, the last one "
            f"{waiting.last_lost}; see {waiting.losses}"
        )
        path = quoted(waiting.losses)
        fix = f"free disk space or fix the folder's permissions, then run `mv {path} {path}.seen`"
        yield Finding(_AREA, PROBLEM, message, fix)


def check_other_ledgers(setup: Setup) -> Iterator[Finding]:
    """Yield the events of other ledgers that wait in the user's state folder."""
    for path, ledger, count in rescued_elsewhere(setup.paths, setup.environ):
        events = counted(count, "event")
        if ledger and os.path.isdir(os.path.dirname(ledger)):
            root = os.path.dirname(os.path.dirname(ledger))
            yield Finding(_AREA, WARNING, f"{events} of {ledger} can't be recorded yet",
                          f"tokentrack maintain --workspace {quoted(root)}")  # fmt: skip
        else:
            owner = f"{ledger}, which is gone" if ledger else "an unknown ledger"
            yield Finding(
                _AREA, WARNING, f"{path} holds {events} of {owner}",
                "restore that folder, or move the files in its spool/new to the spool/new of the "
                "ledger that should receive them",
            )  # fmt: skip


def check_first_turn(setup: Setup) -> Iterator[Finding]:
    """Yield a warning while the ledger is empty and no execution is running."""
    ledger = setup.ledger
    is_empty = not ledger.rows and not ledger.problem and not setup.waiting.running
    if setup.hooks and is_empty:
        yield _NO_TURN


def check_last_runs(setup: Setup) -> Iterator[Finding]:
    """Yield when each hook is last known to have fired.

    Hooks of one surface and trigger count as one: they write the same rows.
    """
    seen = setup.last_fired
    if not seen and setup.hooks and setup.ledger.rows:
        yield _NO_TURN
    installed = dict.fromkeys((hook.surface, hook.trigger) for hook in setup.hooks)
    for surface, trigger in installed if seen else ():
        if kind_of(trigger) in (START, COMPLETION):
            at = seen.get((surface, kind_of(trigger)))
            when = "has not fired here yet" if at is None else f"last fired {format_us(at)}"
            yield Finding(_AREA, OK, f"{surface} {trigger} {when}")
    others = {surface for surface, _ in seen} - {surface for surface, _ in installed}
    for surface in sorted(others):
        at = max(at for (owner, _), at in seen.items() if owner == surface)
        name = f"{surface} (no hook installed now)" if surface else "an unknown Kiro"
        yield Finding(_AREA, OK, f"{name} last ran a hook {format_us(at)}")


_NO_TURN = Finding(
    _AREA, WARNING, "no hook has recorded a turn here yet", "run a turn in Kiro, then check again"
)


def _fix_for_configuration(problem: str, setup: Setup) -> str:
    folder = os.path.join(setup.root, ".kiro")
    files = {
        "the user's": os.path.join(setup.kiro_home, CONFIG_NAME),
        "the workspace's": os.path.join(folder, CONFIG_NAME),
        "the hook file's": os.path.join(folder, "hooks", IDE0_FILES[1]),
    }
    path = next((path for label, path in files.items() if problem.startswith(label)), "")
    if not path:
        return "correct the environment variable, or unset it"
    try:
        os.close(open_regular(path, follow=True))
    except OSError as error:
        return to_read(path, error)
    return f"correct it in {path}"


def _fix_for_reading(paths: LedgerPaths) -> str:
    for name in (paths.ledger, paths.usage):
        path = os.path.join(paths.folder, name)
        try:
            with Directory.of_file(path) as (folder, inner):
                os.close(folder.open_file(inner, os.O_RDONLY))
        except FileNotFoundError:
            continue
        except OSError as error:
            return to_read(path, error)
    return "tokentrack verify"
