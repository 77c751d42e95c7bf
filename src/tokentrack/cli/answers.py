"""Shared by the commands that print answers: ask the ledgers, print in the chosen format."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import click

from tokentrack.cli.answer_options import BILLING, FILTERS
from tokentrack.cli.options import Target, say, target_of
from tokentrack.cli.progress_line import progress_line
from tokentrack.common.formatting import counted
from tokentrack.errors import ValidationError
from tokentrack.reports.credit_texts import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tokentrack.reports.answer import Answer
    from tokentrack.reports.pricing.plan import Rates
    from tokentrack.reports.pseudonyms import Pseudonyms
    from tokentrack.reports.render.screen import Screen
    from tokentrack.reports.scope import Scope
    from tokentrack.store.paths import LedgerPaths


def rates_for(options: dict[str, Any]) -> Rates | None:
    """Return how credits are priced, None without a plan.

    Args:
        options: what `cost_option` added.
    """
    from tokentrack.reports.pricing.plan_file import stored_plan

    try:
        if stored_plan(os.environ) is None:
            if options["cost"] == "list":
                say("No cost is shown: `tokentrack plan set pro` sets a plan.", err=True)
            return None
        from tokentrack.reports.pricing.plan import Rates, plan_in_force

        plan = plan_in_force(os.environ)
    except ValidationError as error:
        say(f"Warning: no cost is shown: {error.issues[0]}.", err=True)
        return None
    return None if plan is None else Rates(plan, options["cost"] == "list", own_name())


def own_name(target: Target | None = None) -> str:
    """Return the name that the user's own rows have.

    Where the configuration leaves the name out of new rows, earlier rows still have it.

    Args:
        target: whose configuration counts; None for that of the current folder.
    """
    from tokentrack.common.user_name import user_name

    tags: dict[str, str] = {}
    if "TOKENTRACK_TAGS" in os.environ:
        from tokentrack.recorder.hook_run import tags_of_environment

        tags = tags_of_environment(os.environ)
    return user_name((target or target_of(None)).config.user or None, tags)


def own_names(target: Target | None = None) -> list[str]:
    """Return the names of the user's own rows, "" for those without a name; see `own_name`."""
    return list(dict.fromkeys([own_name(target), ""]))


def ask(options: dict[str, Any], by: Sequence[str], **question: Any) -> Answer:
    """Return the answer of all known ledgers, or of this workspace's with `--here`.

    Args:
        options: what `filter_options` added.
        by: the dimensions.
        question: further fields of `reports.answer.Query`.
    """
    (answer,) = ask_all(options, [{"by": by, **question}])
    return answer


def ask_all(
    options: dict[str, Any], questions: Sequence[dict[str, Any]], *, now: int | None = None
) -> list[Answer]:
    """Return the answers of several questions, all from the same state of the ledgers.

    Args:
        options: what `filter_options` added.
        questions: for each, fields of `reports.answer.Query`; the options fill in the others.
        now: the time to which words such as `today` refer, in microseconds since the epoch.
    """
    from tokentrack.reports.answer import Query
    from tokentrack.reports.question import query_all

    usual, scope = filters_of(options), scope_of(options)
    asked = [Query(**{**usual, **question}) for question in questions]
    return [scope.noted(answer) for answer in query_all(asked, **scope.arguments, now=now)]


def filters_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return the filters as fields of `reports.answer.Query`; `filter_options` added them."""
    where = {name: tuple(map(_value_of, options[name])) for name in FILTERS if options[name]}
    if options["failed"] is not None:
        where["failed"] = ("true" if options["failed"] else "false",)
    edges = {"since": options["since"] or "this-month", "until": options["until"]}
    if BILLING in edges.values():
        from tokentrack.cli.billing_words import billing_edges

        edges = billing_edges(edges, options["tz"])
    return {"where": where, **edges, "tz": options["tz"]}


def _value_of(given: str) -> str:
    # Tables show an unknown value as a dash, so that is what people type.
    return given.removesuffix(UNKNOWN) if given in {UNKNOWN, f"!{UNKNOWN}"} else given


def scope_of(options: dict[str, Any]) -> Scope:
    """Return the ledgers to ask; those of `--file` are neither registered nor indexed.

    The first time, credits that Kiro has written since are added to these ledgers, unless
    `--no-reconcile` is given or the command has no such option.

    Args:
        options: `files`, `here`, `no_index` and `redact`, as the options of answers added them;
            keeps the result. With `is_live`, no progress is shown.
    """
    if "scope" not in options:
        scope = _named(options) if options["files"] else _known(options)
        options["scope"] = scope._replace(
            pseudonyms=_pseudonyms() if options["redact"] else None,
            progress=None if options.get("is_live") else progress_line(scope.ledgers),
        )
    found: Scope = options["scope"]
    return found


def _pseudonyms() -> Pseudonyms:
    from tokentrack.reports.pseudonyms import Pseudonyms, pseudonym_key

    return Pseudonyms(pseudonym_key(os.environ))


def _known(options: dict[str, Any]) -> Scope:
    scope = scope_at(target_of(None), here=options["here"], no_index=options["no_index"])
    if not options.get("no_reconcile", True):
        add_new_numbers(scope)
    return scope


def scope_at(target: Target, *, here: bool, no_index: bool = False) -> Scope:
    """Return what is asked in a workspace: all known ledgers or, `here`, its own."""
    from tokentrack.reports.scope import Scope
    from tokentrack.store.paths import index_path

    ledgers, is_registered = _known_ledgers(target)
    use_index = is_registered and not no_index
    return Scope(
        ledgers, target.paths if here else None, index_path(os.environ) if use_index else None
    )


def current_ledgers(options: dict[str, Any]) -> list[LedgerPaths]:
    """Return the ledgers of the current folder and of the user, whether or not they exist.

    With `--file` none counts.
    """
    from tokentrack.store.paths import user_paths
    from tokentrack.workspace import kiro_home

    return [] if options["files"] else [target_of(None).paths, user_paths(kiro_home(os.environ))]


def add_new_numbers(scope: Scope) -> None:
    """Add the credits that Kiro has written since to the ledgers that are asked."""
    from tokentrack.maintenance.real_numbers import add_new_numbers as add

    add(scope.ledgers if scope.only is None else [scope.only], os.environ)


def _named(options: dict[str, Any]) -> Scope:
    from tokentrack.reports.known_ledgers import named_ledgers
    from tokentrack.reports.scope import Scope

    if options["here"]:
        raise click.UsageError("--here and --file exclude each other.")
    ledgers, missing = named_ledgers(options["files"])
    return Scope(ledgers, missing=missing)


def _known_ledgers(target: Target) -> tuple[list[LedgerPaths], bool]:
    # All ledgers to ask, and whether to use the index.
    from tokentrack.reports.known_ledgers import known_ledgers

    may_register = target.config.registry_enabled
    ledgers, index = known_ledgers(target.paths, os.environ, may_register=may_register)
    return ledgers, index is not None


def screen_for(options: dict[str, Any]) -> Screen:
    """Return what standard output can show."""
    from tokentrack.reports.render.screen import screen_of

    return screen_of(sys.stdout, os.environ, colour=options["color"], is_ascii=options["is_ascii"])


def print_answer(
    command: str,
    answer: Answer,
    options: dict[str, Any],
    lines: Callable[[Screen], Iterable[str]],
    *,
    columns: Mapping[str, Sequence[str]] | None = None,
    flat: Answer | None = None,
) -> None:
    """Print an answer in the chosen format; with `--strict`, end with 1 if rows were skipped.

    Args:
        command: the name of the command.
        answer: what it found.
        options: what `format_options` added.
        lines: returns the lines of its table.
        columns: the columns of `csv` and `markdown`, if not labels and metrics.
        flat: the answer for `csv` and `markdown`, which have no rows within rows.
    """
    form, columns = form_of(options), columns or {}
    if form == "json":
        import json

        from tokentrack.reports.render.documents import json_document

        document = json_document(command, answer)
        click.echo(json.dumps(document, indent=2))
    else:
        made = lines(screen_for(options)) if form == "table" else None
        for line in made or _document_lines(form, flat or answer, columns.get(form, ())):
            print_line(line)
    if form in {"csv", "markdown"}:
        note_gaps(answer)
    if options["strict"] and answer.provenance["skipped"]:
        raise SystemExit(1)


def note_gaps(answer: Answer) -> None:
    """Say on stderr what an answer lacks, where its format has no place for that."""
    skipped = len(answer.provenance["skipped"])
    if skipped:
        say(f"{counted(skipped, 'row')} skipped (--json lists them)", err=True)
    for path, why in answer.unreadable.items():
        say(f"not counted: {path} ({why})", err=True)


def _document_lines(form: str, answer: Answer, names: Sequence[str]) -> Iterable[str]:
    from tokentrack.reports.render.documents import csv_lines, markdown_lines

    return csv_lines(answer, names) if form == "csv" else markdown_lines(answer, names)


def form_of(options: dict[str, Any]) -> str:
    """Return the chosen format."""
    form: str = "json" if options["as_json"] else options["form"]
    return form


def print_line(line: str) -> None:
    """Print a line; what standard output can't encode, such as a lone surrogate, is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    text = line.encode(encoding, "backslashreplace").decode(encoding)
    # Where there is no terminal, click would remove colours that were asked for, and what looks
    # like one in a text.
    click.echo(text, color=True)
