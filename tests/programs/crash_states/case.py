"""What the replay of crash states records, and what must hold in every state.

These are best effort by design and no violation: the notes in `pending/` (a number is looked up
again), the completions in `closed/` (a hook that is installed twice can count twice), the log,
and the temporary files in the state folder, which are swept after an hour.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from programs import storm
from programs.maintenance_sweep import ARCHIVE
from support.ledgers import HEADER, PROMPT
from support.maintained import Maintained
from tokentrack.errors import TokenTrackError
from tokentrack.maintenance import schedule
from tokentrack.models.columns import COLUMNS
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store.archives import open_ledger_files
from tokentrack.store.reader import read_records

if TYPE_CHECKING:
    from collections.abc import Mapping

COMPLETED = "agentExecutionCompleted"
_SETTING = "KIRO_TOKEN_TRACKER_"


class Step(NamedTuple):
    """A program that is recorded: its words, and the event that it reads on stdin.

    In the words, `{root}` stands for the workspace's root.
    """

    words: tuple[str, ...]
    fields: Mapping[str, object] | None = None
    program: str = "tokentrack"


def command(*words: str) -> Step:
    return Step((*words, "--workspace", "{root}"))


def function(name: str, *words: str) -> Step:
    return Step(words or ("{root}",), program=name)


def hook(event: str, **fields: object) -> Step:
    return Step(("hook-run", "--workspace", "{root}"), {"hook_event_name": event, **fields})


def completion(execution: str) -> Step:
    return hook(COMPLETED, execution_id=execution, session_id=f"of-{execution}", prompt="p" * 300)


class Space(Maintained):
    """A workspace whose commands run in this process, as the next ones after a crash."""

    def words_of(self, step: Step) -> list[str]:
        return [word.format(root=self.root) for word in step.words]

    def run_again(self, step: Step) -> list[str]:
        """Run a step that is not an event; return what is wrong with its end."""
        from tokentrack.cli import cli

        words, told = self.words_of(step), io.StringIO()
        schedule._next_check.clear()  # a new process has not looked yet
        try:
            with contextlib.redirect_stdout(told), contextlib.redirect_stderr(told):
                if step.program == "tokentrack":
                    cli(words, standalone_mode=False)
                else:
                    module, _, name = step.program.partition(":")
                    getattr(importlib.import_module(module), name)(*words)
        except SystemExit as error:
            return [f"{words[0]} ended with {error.code}: {told.getvalue().strip()}"]
        except (TokenTrackError, OSError) as error:
            return [f"{words[0]}: {error}"]
        return []

    def hook_run(self, **fields: object) -> list[str]:
        accepted = storm._hook_run(self, fields)
        return [] if accepted else [f"{fields['hook_event_name']} was not accepted"]

    def prompts(self) -> Counter:
        return self._count("token_transactions", HEADER, PROMPT)

    def standing(self, *, usage: bool = False) -> Counter:
        """Return how often a reader meets each execution in the ledger, or the usage ledger."""
        columns = USAGE_COLUMNS if usage else COLUMNS
        at, counts = columns.index("agent_execution_id"), Counter[str]()
        with open_ledger_files(self.paths, usage=usage) as files:
            for file in files.values():
                counts.update(r.cells[at] for r in read_records(file, columns) if not r.problem)
        return counts


class Case:
    """One recording.

    Attributes:
        steps: what is recorded, one after the other.
        again: what is run again after a crash; without it, the steps that are no events.
        environ: settings of the program, as `field=value`.
        kept: rows that are there before, and stay.
        coming: rows that must be there when all is done, whatever happens.
        accepted: the row that each step accepts, "" for none.
        is_locked: whether another process holds the ledger's lock meanwhile.
        start, end: the files before and after, by their paths.
    """

    steps: tuple[Step, ...] = ()
    again: tuple[Step, ...] = ()
    environ: tuple[str, ...] = ()
    kept: tuple[str, ...] = ("a0", "a1", "e0", "e1", "e2")
    coming: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    is_locked = False

    def __init__(self, space: Space) -> None:
        self.space = space
        self.start: Mapping[str, bytes] = {}
        self.end: Mapping[str, bytes] = {}

    def settings(self) -> dict[str, str]:
        given = [text.split("=") for text in ("backup_enabled=false", *self.environ)]
        return {_SETTING + name.upper(): value for name, value in given}

    def before(self) -> None:
        self.space.fill([60, 50], prefix="a", name=ARCHIVE)
        self.space.fill([3, 2, 1])

    def problems(self, done: int, *, has_hole: bool) -> list[str]:
        """Look at a state as the next reader and the next commands do.

        Args:
            done: how many steps had ended before the crash.
            has_hole: whether sectors of an unfinished write came in another order than they were
                written in: a line of NULs that ends in a line feed is left to `repair`.
        """
        try:
            wrong = self.at_once() + self.go_on()
            if has_hole:
                wrong += self.space.run_again(command("repair")) + self.after_repair()
            return wrong + self.at_last(done) + self.space.run_again(command("verify"))
        except (AssertionError, OSError, ValueError, KeyError) as error:
            return [f"{type(error).__name__}: {error}"[:500]]

    def at_once(self) -> list[str]:
        """Read as a reader that waits for no lock."""
        counts = self.space.standing()
        wrong = [f"at once: {counts[i]} of {i}" for i in self.kept if counts[i] != 1]
        return wrong + [f"at once: {n} of {i}" for i, n in counts.items() if n > 1]

    def go_on(self) -> list[str]:
        """Let the next event come, and run the commands again."""
        wrong = self.space.hook_run(hook_event_name=COMPLETED, execution_id="next", session_id="n")
        return wrong + self.run_commands()

    def run_commands(self) -> list[str]:
        steps = self.again or [step for step in self.steps if step.fields is None]
        return [text for step in steps for text in self.space.run_again(step)]

    def after_repair(self) -> list[str]:
        return []

    def at_last(self, done: int) -> list[str]:
        accepted = {name for name in self.accepted[:done] if name}
        must = {*self.kept, *self.coming, *accepted, "next"}
        rows, usage = self.space.all_ids(), self.space.all_usage()
        wrong = [f"{rows[i]} rows of {i}" for i in sorted(must) if rows[i] != 1]
        wrong += [f"{n} rows of {i}" for i, n in rows.items() if n > 1 and i not in must]
        # A later usage row of an execution replaces an earlier one.
        wrong += [f"no usage row of {i}" for i in rows if not usage[i]]
        return wrong + [f"{name} is left" for name in self.left()]

    def left(self) -> list[str]:
        """Return the events that no process will ever drain."""
        found = [path.name for path in (*self.space.spooled(), *self.space.rescued())]
        is_swept = any(step.fields is None for step in self.steps)
        return found + [n for n in self.space.names() if n.endswith(".tmp") and is_swept]
