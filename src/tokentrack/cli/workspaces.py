"""`tokentrack workspaces`: the ledgers that answers are made from."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.answer_options import redact_option
from tokentrack.cli.answers import print_line, scope_of, screen_for
from tokentrack.cli.options import json_option, say, target_of
from tokentrack.common.terminal import escape, quote
from tokentrack.common.timestamps import format_us, now_us
from tokentrack.errors import TokenTrackError
from tokentrack.store.paths import KIRO_FOLDER, LEDGER_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tokentrack.reports.ledger.ledger_list import KnownLedger
    from tokentrack.reports.render.screen import Screen
    from tokentrack.store.paths import LedgerPaths

SCHEMA_VERSION = 1
_EMPTY = (
    "No ledgers yet. `tokentrack init` installs hooks that record turns; "
    "`tokentrack import` brings in Kiro's own history."
)


@click.command("workspaces")
@click.option("--forget", metavar="PATH", help="Remove a ledger, or those of a folder, from the "
              "list. No file of a workspace is changed.")  # fmt: skip
@click.option("--no-index", is_flag=True,
              help="Read the ledgers directly instead of the index.")  # fmt: skip
@json_option
@redact_option
@click.option("--color", type=click.Choice(["auto", "always", "never"]), default="auto",
              show_default=True, help="When to use colour.")  # fmt: skip
@click.option("--ascii", "is_ascii", is_flag=True, help="Draw with ASCII only.")
def command(*, forget: str | None, **options: Any) -> None:
    """List the known ledgers, their turns and their hooks.

    A ledger is known once `tokentrack init` or `tokentrack import` was run for it, or a turn was
    recorded in it. Reports cover all known ledgers.
    """
    from tokentrack.reports.ledger.ledger_list import list_ledgers
    from tokentrack.reports.pseudonyms import without_path

    if forget is not None:
        _forget(forget)
        return
    scope = scope_of({**options, "here": False, "files": ()})
    found, source = list_ledgers(scope.ledgers, index=scope.index_path, progress=scope.progress)
    current = target_of(None).paths.path
    hooks = _hooks_of(scope.ledgers)
    if scope.pseudonyms is not None:
        names = {path: scope.pseudonyms.file(path) for path in (*hooks, current)}
        found = [
            ledger._replace(path=names[ledger.path], problem=without_path(ledger.problem))
            for ledger in found
        ]
        hooks, current = {names[path]: hook for path, hook in hooks.items()}, names[current]
    if options["as_json"]:
        document = {
            "schema_version": SCHEMA_VERSION,
            "command": "workspaces",
            "generated_at": format_us(now_us()),
            "query": {},
            "ledgers": [_facts(ledger, current, hooks[ledger.path]) for ledger in found],
            "provenance": {"source": source},
        }
        click.echo(json.dumps(document, indent=2))
        return
    for line in _lines(found, current, hooks, screen_for(options)):
        print_line(line)


def _hooks_of(ledgers: Sequence[LedgerPaths]) -> dict[str, dict[str, bool]]:
    # By the ledger's path: the surfaces with hooks, and whether any of them fires.
    from tokentrack.hookfiles.installed import installed_hooks
    from tokentrack.workspace import kiro_home

    home = kiro_home(os.environ)
    found: dict[str, dict[str, bool]] = {}
    for paths in ledgers:
        scope = "workspace" if paths.folders == (KIRO_FOLDER,) else "user"
        surfaces: dict[str, bool] = {}
        if scope == "workspace" or paths.base == home:
            root = paths.base if scope == "workspace" else ""
            for hook in installed_hooks(root, home):
                if hook.scope == scope:
                    surfaces[hook.surface] = surfaces.get(hook.surface, False) or hook.fires
        found[paths.path] = dict(sorted(surfaces.items()))
    return found


def _facts(ledger: KnownLedger, current: str, hooks: dict[str, bool]) -> dict[str, Any]:
    return {
        "path": ledger.path,
        "current": ledger.path == current,
        "exists": ledger.exists,
        "hooks": [{"surface": name, "fires": fires} for name, fires in hooks.items()],
        "turns": ledger.turns,
        "last_turn": None if ledger.last is None else format_us(ledger.last),
        "problem": ledger.problem or None,
    }


def _lines(
    found: list[KnownLedger], current: str, hooks: dict[str, dict[str, bool]], screen: Screen
) -> Iterator[str]:
    from tokentrack.reports.credit_texts import UNKNOWN
    from tokentrack.reports.render.figures import count_text
    from tokentrack.reports.render.report import filled
    from tokentrack.reports.render.screen import shorten
    from tokentrack.reports.render.table import Column, table
    from tokentrack.reports.render.turns import local_time
    from tokentrack.reports.zones import Zone

    if not found:
        yield from filled(_EMPTY, screen)
        return
    zone = Zone()
    columns = (
        Column("workspace", in_the_middle=True),
        Column("turns", is_number=True),
        Column("last turn", is_number=True, drop=2),
        Column("hooks", drop=1),
        Column("state", drop=3),
    )
    rows = []
    is_missing = False
    for ledger in found:
        last = UNKNOWN if ledger.last is None else local_time(format_us(ledger.last), zone)
        surfaces = hooks[ledger.path]
        state = "current" if ledger.path == current else ""
        if not ledger.exists:
            state = "empty" if surfaces else "missing"
            is_missing = is_missing or not surfaces
        shown = [name if fires else f"{name} (off)" for name, fires in surfaces.items()]
        rows.append(
            [escape(_short(ledger.path)), count_text(ledger.turns), last,
             ", ".join(shown) or UNKNOWN, state]
        )  # fmt: skip
    cells = [[screen.plain(cell) for cell in row] for row in rows]
    yield from table(columns, cells, screen)
    if is_missing:
        yield ""
        yield shorten("missing: --forget PATH removes it", screen.width, mark=screen.plain("…"))


def _short(path: str) -> str:
    # The workspace's folder, or that of the user's own ledger; a ledger elsewhere as it is.
    folder, name = os.path.split(path)
    home = os.path.expanduser("~")
    shown = folder if name == LEDGER_NAME else path
    if os.path.basename(shown) == KIRO_FOLDER and shown != os.path.join(home, KIRO_FOLDER):
        shown = os.path.dirname(shown)
    return f"~{shown.removeprefix(home)}" if shown.startswith(home + os.sep) else shown


def _forget(path: str) -> None:
    from tokentrack.store.registry import forget, registered

    wanted = os.path.abspath(path)
    found = [
        paths
        for paths in registered(os.environ)
        if wanted in {paths.path, paths.folder, paths.base}
    ]
    if not found:
        raise TokenTrackError(
            f"{quote(path)} is not a known ledger: `tokentrack workspaces` lists them"
        )
    for paths in found:
        forget(paths, os.environ)
        say(f"forgotten: {paths.path}")
    say("no file of a workspace was changed; a ledger is added again when a turn is recorded in it")
