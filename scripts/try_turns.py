"""Install the hooks of every Kiro in a temporary workspace, play turns, and show what they used.

Kiro's side is synthetic: the payloads, the credits of the turns, and three months of history.
Needs `tokentrack` in the folder that `--bin` names, and only the standard library. Exit code 1: a
hook was not silent, or a turn did not become exactly one row.
"""

from __future__ import annotations

import argparse
import io
import shutil
import signal
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent.parent / "tests"))

from support.kiro_homes import KiroHome
from support.kiro_homes.demo import write_demo, write_numbers
from turns import AGENT, HookRun, Machine, Turn, load_turns

_INSTALLATIONS = (
    ("init", "--surface", "ide-0", "--surface", "v1"),
    ("init", "--surface", "cli-2", "--agent", AGENT),
    ("init", "--surface", "crew", "--scope", "user"),
)
# The answers that the product is for.
_ANSWERS = (
    ("overview",),
    ("report", "workspace", "--since", "all"),
    ("report", "message", "--failed", "--since", "all"),
)
_CREDITS = (0.31, 0.9, 0.12, 1.47)  # of the played turns that have a session, in turn
_ROW = "{:>6}  {:<9}  {:>7}  {:<10}  {}"
_LEAST_WIDTH, _WIDEST = 60, 100


def main() -> int:
    """Try everything and return the exit code."""
    options = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the folder gets removed
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", line_buffering=True)
    folder = Path(tempfile.mkdtemp(prefix="tokentrack-try-"))
    try:
        problems = try_everything(Machine(folder, options.bin.absolute()))
    finally:
        if options.keep:
            print(f"\nkept: {folder}")
        else:
            shutil.rmtree(folder)
    for problem in problems:
        print(f"failed: {problem}", file=sys.stderr)
    return 1 if problems else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="try", description=__doc__)
    parser.add_argument(
        "--bin", type=Path, required=True, metavar="DIR", help="the folder that has tokentrack"
    )
    parser.add_argument("--keep", action="store_true", help="keep the workspace and print its path")
    options = parser.parse_args()
    if not (options.bin / "tokentrack").exists():
        parser.error(f"there is no tokentrack in {options.bin}: install it there first")
    return options


def try_everything(machine: Machine) -> list[str]:
    """Install, play all turns and show the result; return the problems, one sentence each."""
    problems = _install(machine)
    if problems:
        return problems
    _title("Turns, each by the command in its hook file")
    turns = load_turns()
    for turn in turns:
        problems += _play(machine, turn)
    if not problems:
        _title("The credits arrive, in synthetic files of Kiro")
        _write_credits(machine, turns)
        problems += _run(machine, "reconcile")
    _title("tokentrack status")
    problems += _run(machine, "status")
    _title("The rows of token_transactions.csv")
    _show_rows(machine)
    if not problems:
        problems += _answer(machine)
    if not problems:
        print(f"\n{len(turns)} turns, {len(machine.rows())} rows, every hook silent")
    return problems


def _answer(machine: Machine) -> list[str]:
    _title("A synthetic Kiro home of three months")
    home = write_demo(machine.home, datetime.now(UTC))
    print(f"{len(home.expected)} synthetic turns, {home.total()} credits")
    problems = [*_run(machine, "import", "--all"), *_run(machine, "plan", "set", "pro")]
    for words in _ANSWERS:
        _title(f"tokentrack {' '.join(words)}")
        problems += _run(machine, *words)
    return problems


def _install(machine: Machine) -> list[str]:
    _title("Installing the hooks")
    for arguments in _INSTALLATIONS:
        print(f"$ tokentrack {' '.join(arguments)}")
        if problems := _run(machine, *arguments):
            return problems
    return []


def _run(machine: Machine, *arguments: str) -> list[str]:
    code, text = machine.tokentrack(*arguments)
    print(text, end="")
    return [f"tokentrack {' '.join(arguments)}: exit code {code}"] if code else []


def _write_credits(machine: Machine, turns: list[Turn]) -> None:
    # Kiro writes them seconds after the hook has run.
    home = KiroHome(machine.home)
    surfaces = {turn.expect["ledger"]["session_id"]: turn.surface for turn in turns}
    rows = [row for row in machine.rows() if surfaces.get(row["session_id"]) in {"v1", "cli-2"}]
    for row, amount in zip(rows, _CREDITS, strict=True):
        ended = datetime.fromisoformat(row["timestamp"])
        started = ended - timedelta(seconds=float(row["elapsed_time"]))
        at = int(started.timestamp() * 1000) * 1000
        surface = surfaces[row["session_id"]]
        write_numbers(home, surface, row["session_id"], str(machine.root), at, [amount])


def _play(machine: Machine, turn: Turn) -> list[str]:
    before = len(machine.rows())
    runs = machine.play(turn)
    problems = [f"{run.trigger} {run.problem}" for run in runs if run.problem]
    if len(runs) != len(turn.events):
        problems.append(f"{len(runs)} hooks ran for {len(turn.events)} events")
    problems += machine.differences(turn, before)
    print(f"{turn.surface} {turn.version}: {turn.what}")
    for run in runs:
        print(_line(run))
    print("    one row, as expected" if not problems else f"    wrong: {'; '.join(problems)}")
    return [f"{turn.name}: {problem}" for problem in problems]


def _line(run: HookRun) -> str:
    how = run.problem or "exit 0, silent"
    return f"    {run.trigger:<24} {how:<16} {run.seconds * 1000:>6.0f} ms"


def _show_rows(machine: Machine) -> None:
    width = min(max(shutil.get_terminal_size().columns, _LEAST_WIDTH), _WIDEST)
    basis = {row["agent_execution_id"]: row["token_basis"] for row in machine.usage()}
    print(_ROW.format("tokens", "basis", "seconds", "session", "prompt"))
    for row in machine.rows():
        cells = (
            row["tokens_used"],
            basis.get(row["agent_execution_id"], ""),
            row["elapsed_time"][:7],
            _cut(row["session_id"] or "-", 10),
            row["prompt_text"] or "-",
        )
        print(_cut(_ROW.format(*cells), width))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def _title(text: str) -> None:
    print(f"\n{text}\n{'-' * len(text)}")


if __name__ == "__main__":
    sys.exit(main())
