"""Starts, stops and repetitions of several sessions in any order: each turn is one row."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from support.kiro import Ledger
from tokentrack.models import TrackerConfig
from tokentrack.recorder import events
from tokentrack.tracker import TokenTracker

SESSIONS = st.sampled_from([
    {"session_id": "a"}, {"session_id": "b"}, {"session_id": "b/é"},
    {"parent_session_key": "a", "subagent_id": "1"},
    {"parent_session_key": "a", "subagent_id": "2"},
    {"VSCODE_PID": "1"}, {"VSCODE_PID": "2"},
])  # fmt: skip


class Turns(RuleBasedStateMachine):
    """Any interleaving of sessions, against a model: an open turn for each, and the rows."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        ledger = Path(self.folder.name) / "ws" / ".kiro"
        ledger.mkdir(parents=True)
        config = TrackerConfig(
            csv_file_path=str(ledger / "token_transactions.csv"),
            durability="none", hook_lock_timeout_ms=0, duplicate_window_seconds=60,
        )  # fmt: skip
        self.tracker = TokenTracker(config, environ={"HOME": self.folder.name})
        self.ledger = Ledger(ledger)
        self.lock = None
        self.count = 0
        self.open: dict[str, tuple[str, list[str]]] = {}
        self.stops: dict[str, dict] = {}
        self.expected: list[tuple[str, str, str]] = []

    def teardown(self):
        if self.lock:
            self.lock.__exit__(None, None, None)
        self.folder.cleanup()

    def send(self, session, name, **fields):
        environ = {key: value for key, value in session.items() if key == "VSCODE_PID"}
        payload = {key: value for key, value in session.items() if key not in environ}
        event, problems = events.parse({"event": name, **payload, **fields}, environ)
        assert not problems
        assert self.tracker.record_event(event)

    @rule(session=SESSIONS)
    def start(self, session):
        self.count += 1
        key, prompt = str(session), f"turn {self.count}"
        self.send(session, self.name_of(session, "start"), prompt=prompt)
        if key in self.open:
            self.expected.append((*self.row_of(key), "true"))
        self.open[key] = (prompt, [])
        self.stops.pop(key, None)

    @rule(session=SESSIONS)
    def start_twice(self, session):
        self.start(session)
        self.send(session, self.name_of(session, "start"), prompt=f"turn {self.count}")

    @rule(session=SESSIONS, file=st.sampled_from("xyz"))
    def use_a_tool(self, session, file):
        self.send(session, "postToolUse", tool_input={"path": file})
        if str(session) in self.open and file not in self.open[str(session)][1]:
            self.open[str(session)][1].append(file)

    @rule(session=SESSIONS)
    def stop(self, session):
        key = str(session)
        if key not in self.open:
            return
        self.count += 1
        self.stops[key] = {"response": f"answer {self.count}"}
        self.send(session, self.name_of(session, "stop"), **self.stops[key])
        self.expected.append((*self.row_of(key), "false"))
        del self.open[key]

    @rule(session=SESSIONS)
    def stop_again(self, session):
        if str(session) in self.stops:
            self.send(session, self.name_of(session, "stop"), **self.stops[str(session)])

    @rule(session=SESSIONS, times=st.integers(1, 3))
    def run_with_an_id(self, session, times):
        if "session_id" not in session or str(session) in self.open:
            return
        self.count += 1
        prompt, identity = f"turn {self.count}", f"id {self.count}"
        for name in ("agentExecutionStarted", "agentExecutionCompleted"):
            for _ in range(times):
                self.send(session, name, prompt=prompt, execution_id=identity)
        self.expected.append((prompt, "", "false"))

    @precondition(lambda self: self.lock is None)
    @rule()
    def another_process_takes_the_lock(self):
        self.lock = self.ledger.locked()
        self.lock.__enter__()

    @precondition(lambda self: self.lock is not None)
    @rule()
    def it_lets_go(self):
        self.lock.__exit__(None, None, None)
        self.lock = None
        with self.tracker:
            pass

    @invariant()
    def the_rows_are_those_of_the_model(self):
        if self.lock is None:
            rows = self.ledger.rows()
            found = [(r["prompt_text"], r["file_patterns"], r["error_occurred"]) for r in rows]
            assert found == self.expected
            assert len(self.ledger.running()) == len(self.open)

    def row_of(self, key):
        prompt, files = self.open[key]
        return prompt, ";".join(files)

    @staticmethod
    def name_of(session, kind):
        names = {"start": "promptSubmit", "stop": "agentStop"}
        if "VSCODE_PID" not in session:
            names = {"start": "UserPromptSubmit", "stop": "Stop"}
        return names[kind]


TestTurns = Turns.TestCase
TestTurns.settings = settings(
    max_examples=settings.default.max_examples // 2, stateful_step_count=40
)
