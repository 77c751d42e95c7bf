"""Extra metadata collectors: installed packages that add tags to the usage ledger.

A package registers a callable in the entry-point group `tokentrack.collectors`. It is loaded only
if the configuration's `collectors` names it. It gets a read-only mapping of `workspace_root`,
`workspace_folder`, `session_id`, `surface`, `trigger` and `branch`, and returns a mapping of tags:
names and values are text. All collectors of an event together have one second.
"""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TYPE_CHECKING

from tokentrack.common.redaction import redact
from tokentrack.recorder.event_fields import MAX_TAG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tokentrack.recorder.events import Event

GROUP = "tokentrack.collectors"
_SECONDS = 1.0


def collect_tags(
    names: Sequence[str], root: str, event: Event, *, redact_secrets: bool
) -> tuple[dict[str, str], list[str]]:
    """Return the tags of the named collectors, and a sentence for each that failed."""
    clean = redact if redact_secrets else str
    installed = {point.name: point for point in entry_points(group=GROUP)}
    facts = MappingProxyType({
        "workspace_root": root,
        "workspace_folder": event.workspace_folder,
        "session_id": event.session_id,
        "surface": event.surface,
        "trigger": event.trigger,
        "branch": event.branch,
    })  # fmt: skip
    tags: dict[str, str] = {}
    problems: list[str] = []
    with _deadline(_SECONDS):
        for name in names:
            if name not in installed:
                problems.append(f"the collector {name!r} is not installed")
                continue
            try:
                tags.update(_checked(installed[name].load()(facts), clean))
            except BaseException as error:  # noqa: BLE001  (foreign code must not cost a row)
                problems.append(f"the collector {name!r} failed ({type(error).__name__})")
    return tags, problems


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    # Where there are no timers (Windows, other threads), only Kiro's own time limit applies.
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return
    before = signal.signal(signal.SIGALRM, _time_out)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _OutOfTimeError(BaseException):
    # Not an Exception: a collector that catches those must not go on for ever.
    pass


def _time_out(*_: object) -> None:
    raise _OutOfTimeError


def _checked(result: Mapping[str, str], clean: Callable[[str], str]) -> dict[str, str]:
    # The cut comes second: it could leave a part of a secret that no rule knows.
    return {
        clean(str(key))[:MAX_TAG]: clean(str(value))[:MAX_TAG]
        for key, value in dict(result).items()
    }
