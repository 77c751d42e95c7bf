"""`tokentrack watch`: the overview, drawn anew whenever a ledger changes."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.answer_options import (
    ascii_option,
    color_option,
    cost_option,
    filter_options,
    reconcile_option,
    redact_option,
)
from tokentrack.cli.answers import current_ledgers, scope_of, screen_for
from tokentrack.cli.full_screen import FullScreen
from tokentrack.cli.keyboard import ESCAPE, keyboard
from tokentrack.cli.overview import ask_overview, lines_of
from tokentrack.common.terminal import escape
from tokentrack.errors import TokenTrackError

if TYPE_CHECKING:
    from types import FrameType

    from tokentrack.reports.overview import Overview

_SECONDS = 0.5
_PERIODS = {"t": "today", "w": "this-week", "m": None}
_NEXT_WORKSPACE = ("\t", "n")
_QUIT = ("q", "Q", ESCAPE)
_KEYS = "t today · w week · m month · n next workspace · q quit"
_INTERRUPTED = 130
_SIGNALS = ("SIGTERM", "SIGHUP")


@click.command("watch")
@filter_options
@reconcile_option
@cost_option
@color_option
@ascii_option
@redact_option
def command(**options: Any) -> None:
    """Show the overview, redrawn when a ledger changes.

    Keys: t today, w this week, m this month, n the next workspace, q or Esc to quit.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise TokenTrackError("watch needs a terminal: run `tokentrack` without one")
    watch = _Watch(options | {"form": "table", "as_json": False, "strict": False})
    watch.ask()  # the first time, reading can take long and shows its progress
    for name in _SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _end)
    try:
        with keyboard() as keys, FullScreen() as screen:
            watch.run(keys, screen)
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


class _Watch:
    # The overview, what it is about, and the workspaces that can be chosen.

    def __init__(self, options: dict[str, Any]) -> None:
        self._options = options
        self._found: Overview | None = None
        self._problem = ""
        self._workspaces: list[str] = []

    def ask(self) -> None:
        self._options.pop("scope", None)
        self._found = ask_overview(self._options)
        if not self._options["workspace"] and not self._options["redact"]:
            names = [row["workspace"] for row in self._found.workspaces.rows]
            self._workspaces = [name for name in names if name]

    def run(self, keys: Any, screen: FullScreen) -> None:
        from tokentrack.reports.ledger.changes import Changes

        self._options["is_live"] = True
        changes, day, size = Changes(current_ledgers(self._options)), "", os.terminal_size((0, 0))
        changes.look(scope_of(self._options).ledgers, os.environ)
        while True:
            today, now = time.strftime("%F"), os.get_terminal_size(sys.stdout.fileno())
            has_changed = changes.look(scope_of(self._options).ledgers, os.environ)
            if has_changed or (day and today != day):
                self._ask_again()
            if has_changed or (day, size) != (today, now):
                self._draw(screen, *now)
            day, size = today, now
            key = keys.read(_SECONDS)
            if key is None or key in _QUIT:
                return
            if key and self._choose(key.lower()):
                self._ask_again()
                day = ""

    def _choose(self, key: str) -> bool:
        # Tells whether the key changes what is shown.
        if key in _PERIODS:
            self._options |= {"since": _PERIODS[key], "until": None}
        elif key in _NEXT_WORKSPACE:
            names = ["", *self._workspaces]
            now = "".join(self._options["workspace"])
            after = (names.index(now) + 1) % len(names) if now in names else 0
            self._options["workspace"] = (names[after],) if names[after] else ()
        else:
            return False
        return True

    def _ask_again(self) -> None:
        try:
            self.ask()
            self._problem = ""
        except TokenTrackError as error:
            self._problem = str(error)  # it may be over at the next change

    def _draw(self, screen: FullScreen, columns: int, rows: int) -> None:
        from tokentrack.reports.render.screen import MAX_WIDTH, MIN_WIDTH

        width = max(MIN_WIDTH, min(columns, MAX_WIDTH))
        shape = screen_for(self._options)._replace(width=width)
        lines = [] if self._found is None else lines_of(self._found, shape, self._options)
        problem = [shape.paint(escape(self._problem), "red")] if self._problem else []
        screen.show([*problem, *lines, shape.paint(shape.plain(_KEYS), "dim")], rows)
