"""IDE 0.x's storage: `.chat` files (to 2026-02), and executions with credits (0.9 and later)."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from support.kiro_homes.home import Expected, KiroHome, digest, dump, exact

SOURCE = "kiro-ide-storage"
SECRET = "ide-SECRET-canary"


class IdeStorage:
    """`globalStorage/kiro.kiroagent`, next to the workspaces that VS Code knows.

    Without `proven` the workspaces' folders have names that no path explains.
    """

    def __init__(self, home: KiroHome, *, proven: bool = True) -> None:
        self.home, self.proven = home, proven
        self.folder = home.ide_user / "globalStorage" / "kiro.kiroagent"
        self.session_id = home.uuid()

    def _workspace(self, workspace: str) -> Path:
        if not self.proven:
            return self.folder / digest(f"unknown {workspace}")
        known = self.home.ide_user / "workspaceStorage" / digest(f"storage of {workspace}")
        dump(known / "workspace.json", {"folder": f"file://{workspace}"})
        return self.folder / digest(workspace)

    def chat(self, workspace: str = "/w/alpha") -> Expected:
        """Write an execution of the old format: a model and times, and no usage."""
        home, execution = self.home, self.home.uuid()
        started, ended = home.pass_time(30), home.pass_time(9)
        dump(
            self._workspace(workspace) / f"{execution}.chat",
            {
                "executionId": execution,
                "actionId": home.uuid(),
                "chat": [
                    {"role": "human", "content": "<identity>You are Kiro</identity>"},
                    {"role": "bot", "content": "I will."},
                    {"role": "human", "content": "fix the test"},
                    {"role": "tool", "content": "…"},
                ],
                "metadata": {
                    "modelId": "claude-sonnet-4",
                    "modelProvider": "qdev",
                    "workflow": "act",
                    "workflowId": home.uuid(),
                    "startTime": started // 1000,
                    "endTime": ended // 1000,
                },
            },
        )
        return home.expect(
            Expected(
                SOURCE, execution, "", workspace, "claude-sonnet-4",
                None, "", started, ended, "fix the test",
            )
        )  # fmt: skip

    def path(self, turn: Expected) -> Path:
        """Return the file of an execution."""
        return self._workspace(turn.workspace) / digest(self.session_id) / turn.source_id

    def start(self, workspace: str = "/w/alpha", prompt: str = "rename it") -> Expected:
        """Begin an execution: nothing is written yet."""
        home, execution = self.home, self.home.uuid()
        return home.expect(
            Expected(
                SOURCE, execution, self.session_id, workspace, "",
                None, "", home.pass_time(30), None, prompt,
            )
        )  # fmt: skip

    def finish(
        self,
        turn: Expected,
        usage: list[float | None] | None,
        status: str = "succeed",
        seconds: float = 9,
    ) -> Expected:
        """Write an execution that took some time; again, if it went on."""
        ended = turn.started_at + int(seconds * 1000) * 1000
        self.home.at = max(self.home.at, ended)
        dump(
            self.path(turn),
            {
                "executionId": turn.source_id,
                "chatSessionId": self.session_id,
                "workflowType": "chat-agent",
                "status": status,
                "startTime": turn.started_at // 1000,
                "endTime": ended // 1000,
                "context": {"messages": [{"role": "human", "content": turn.prompt}]},
                "actions": [],
                "usageSummary": [
                    {"usedTools": ["fs_write"], "usage": u, "unit": "credit"} for u in usage or []
                ],
            },
        )
        known = [u for u in usage or [] if u is not None]
        return self.home.update(
            turn,
            credits=exact(known) if known else None,
            status={"succeed": "success"}.get(status, status),
            ended_at=ended,
        )

    def execution(
        self, usage: list[float | None] | None, workspace: str = "/w/alpha", status: str = "succeed"
    ) -> Expected:
        """Write an execution of the newer format: real credits, and no model."""
        return self.finish(self.start(workspace), usage, status)

    def noise(self) -> None:
        """Write what else is in a storage, and no reader may take for a turn."""
        dump(self.folder / "config.json", {"executionId": "config"})
        dump(self.folder / "default" / digest("s") / "nothing", {"executionId": "default"})
        line = {"model": "agent", "provider": "kiro", "promptTokens": 7483, "generatedTokens": 0}
        dump(self.folder / "dev_data" / "tokens_generated.jsonl", line)
        dump(self.folder / digest("/w/alpha") / digest("s") / "state.json", {"executionId": "no"})

    def account(
        self, used: float, limit: float, key: str = "kiro.kiroAgent", resets: str = "2026-09-01"
    ) -> Path:
        """Write `state.vscdb` with the account's usage, next to secrets."""
        path = self.home.ide_user / "globalStorage" / "state.vscdb"
        path.parent.mkdir(parents=True, exist_ok=True)
        usage = {
            "type": "CREDIT",
            "currentUsage": used,
            "usageLimit": limit,
            "resetDate": f"{resets}T00:00:00.000Z",
        }
        state = {"kiro.resourceNotifications.usageState": {"usageBreakdowns": [usage]}}
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(
                "CREATE TABLE ItemTable (key TEXT UNIQUE ON CONFLICT REPLACE, value BLOB)"
            )
            rows = [(key, json.dumps(state)), ("secret://kiro", SECRET)]
            database.executemany("INSERT INTO ItemTable VALUES (?, ?)", rows)
        database.close()
        return path
