"""Kill a recording at each line of Python it runs: run as a program, since it forks and kills.

`python -m programs.sweep FOLDER SCENARIO STRIDE [flawed]` prints as JSON at how many lines a
recording was killed, and after which of them the accepted events were not on the disk exactly once.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from support.ledgers import PROMPT, Workspace, finished, transaction

TRACED = ("/tokentrack/store/", "/tokentrack/recorder/recorder.py",
          "/tokentrack/recorder/execution", "/tokentrack/recorder/rescue.py",
          "/flawed.py")  # fmt: skip


class Scenario:
    """The steps before, the recording that is killed, and the steps after."""

    def __init__(self, space: Workspace, tracker) -> None:
        self.space = space
        self.tracker = tracker

    def before(self) -> None:
        assert self._complete("neighbour")

    def killed(self) -> None:
        self._complete("killed")

    def after(self) -> None:
        assert self._complete("next")

    def problems(self) -> list[str]:
        """Return what is wrong; the killed event was not accepted, so it may be missing."""
        return self._unlike({"neighbour": 1, "next": 1}, {"killed"})

    def _complete(self, execution: str) -> bool:
        event = self.space.event("agentExecutionCompleted", execution_id=execution,
                                 session_id=execution, prompt="x" * 300)  # fmt: skip
        return self.tracker.record_event(event)

    def _event(self, name: str, session: str, **fields):
        return self.space.event(name, session_id=session, **fields)

    def _unlike(self, wanted: dict[str, int], allowed: set[str]) -> list[str]:
        ids = self.space.ids()
        wrong = [f"{ids.count(i)} rows of {i}" for i, n in wanted.items() if ids.count(i) != n]
        wrong += [f"{ids.count(i)} rows of {i}" for i in allowed if ids.count(i) > 1]
        wrong += [f"{len(self.space.spooled())} wait"] if self.space.spooled() else []
        return wrong + sorted(set(self.space.ids()) - set(self.space.usage_ids()))

    def _turns(self, session: str) -> list[tuple[str, str]]:
        rows = [row for row in self.space.rows() if row[4] == session]
        return [(row[PROMPT], row[10]) for row in rows]


class Stop(Scenario):
    """The completion of an accepted start is killed, and the session goes on."""

    def before(self) -> None:
        super().before()
        assert self.tracker.record_event(self._event("UserPromptSubmit", "s", prompt="one"))

    def killed(self) -> None:
        self.tracker.record_event(self._event("Stop", "s", assistant_response="done"))

    def after(self) -> None:
        super().after()
        assert self.tracker.record_event(self._event("UserPromptSubmit", "s", prompt="two"))
        assert self.tracker.record_event(self._event("Stop", "s", assistant_response="done 2"))

    def problems(self) -> list[str]:
        turns = sorted(prompt for prompt, _ in self._turns("s"))
        wrong = [] if turns == ["one", "two"] else [f"turns {turns}"]
        return wrong + self._unlike({"neighbour": 1, "next": 1}, set())


class Drain(Scenario):
    """Turns of two sessions, one still open, and a given record wait in the spool."""

    def before(self) -> None:
        super().before()
        with self.space.locked():
            for name, session, fields in (
                ("UserPromptSubmit", "a", {"prompt": "one"}),
                ("Stop", "a", {"assistant_response": "done"}),
                ("UserPromptSubmit", "a", {"prompt": "two"}),
                ("Stop", "a", {"assistant_response": "done 2"}),
                ("UserPromptSubmit", "b", {"prompt": "three"}),
            ):
                assert self.tracker.record_event(self._event(name, session, **fields))
            recorder = self.tracker._recorder
            assert recorder.record([finished(transaction("given"))], 0) == 1
        assert len(self.space.spooled()) == 6

    def after(self) -> None:
        super().after()
        assert self.tracker.record_event(self._event("Stop", "b", assistant_response="done 3"))
        assert self.tracker.record_event(self._event("UserPromptSubmit", "a", prompt="four"))
        assert self.tracker.record_event(self._event("Stop", "a", assistant_response="done 4"))

    def problems(self) -> list[str]:
        wrong = []
        for session, wanted in (("a", ["one", "two", "four"]), ("b", ["three"])):
            turns = self._turns(session)
            if turns != [(prompt, "false") for prompt in wanted]:
                wrong.append(f"turns of {session}: {turns}")
        return wrong + self._unlike({"neighbour": 1, "given": 1, "next": 1}, {"killed"})


class Spooling(Scenario):
    """The event that is killed finds the lock held."""

    def killed(self) -> None:
        with self.space.locked():
            self._complete("killed")


SCENARIOS = {"append": Scenario, "stop": Stop, "drain": Drain, "spool": Spooling}


def sweep(base: Path, kind: str, stride: int, *, flawed: bool) -> dict:
    wrong = []
    point = 1
    while True:
        folder = base / str(point)
        space = Workspace(folder, durability="none", hook_lock_timeout_ms=0)
        scenario = SCENARIOS[kind](space, _tracker(space, flawed=flawed))
        where = _killed_at(scenario, point)
        if where is None:
            break
        try:
            scenario.after()
            problems = scenario.problems()
        except AssertionError as error:
            problems = [str(error)[:200]]
        if problems:
            wrong.append(f"{where}: {'; '.join(problems)}")
        shutil.rmtree(folder)
        point += stride
    return {"lines": point - 1, "wrong": wrong}


def _tracker(space: Workspace, *, flawed: bool):
    if not flawed:
        return space.tracker
    from support.flawed import InHalvesTracker

    return InHalvesTracker.for_workspace(str(space.root), space.config, space.environ)


def _killed_at(scenario: Scenario, point: int) -> str | None:
    # Returns the line that was about to run, None when the recording ended before.
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        scenario.before()
        sys.settrace(_tracer(point, writing))
        scenario.killed()
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        where = pipe.read()
    _, status = os.waitpid(pid, 0)
    assert status in (0, signal.SIGKILL), f"the recording ended with {status}"
    return where if status else None


def _tracer(point: int, pipe: int):
    left = [point]

    def trace(frame, event, _argument):
        path = frame.f_code.co_filename
        if not any(part in path for part in TRACED):
            return None
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                where = f"{os.path.basename(path)}:{frame.f_lineno} {frame.f_code.co_name}"
                os.write(pipe, where.encode())
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    return trace


if __name__ == "__main__":
    _base, _kind, _stride, *_flawed = sys.argv[1:]
    print(json.dumps(sweep(Path(_base), _kind, int(_stride), flawed=bool(_flawed))))  # noqa: T201
