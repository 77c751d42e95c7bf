"""The CLI's SQLite: `conversations_v2`, the older `conversations`, and tables of secrets."""

import json
import sqlite3
from contextlib import closing
from decimal import Decimal

from support.kiro_homes.home import Expected, KiroHome

SOURCE = "kiro-cli-database"
SECRET = "aoa-SECRET-canary"


class CliDatabase:
    """A `data.sqlite3` with both tables; `wal` as newer builds have it."""

    def __init__(self, home: KiroHome, name: str = "kiro-cli", *, wal: bool = True) -> None:
        self.home = home
        self.path = home.folder / ".local" / "share" / name / "data.sqlite3"
        self.path.parent.mkdir(parents=True)
        with closing(self.connect()) as database, database:
            database.execute(f"PRAGMA journal_mode = {'wal' if wal else 'delete'}")
            for table in ("auth_kv", "state"):
                database.execute(f"CREATE TABLE {table} (key TEXT PRIMARY KEY, value TEXT)")
                database.execute(f"INSERT INTO {table} VALUES ('token', '{SECRET}')")
            database.execute("CREATE TABLE conversations (key TEXT PRIMARY KEY, value TEXT)")
            database.execute(
                "CREATE TABLE conversations_v2 (key TEXT, conversation_id TEXT, value TEXT, "
                "created_at INTEGER, updated_at INTEGER, PRIMARY KEY (key, conversation_id))"
            )
        database.close()

    def connect(self) -> sqlite3.Connection:
        """Open the database for writing."""
        return sqlite3.connect(self.path)

    def conversation(
        self,
        usages: list[list[float]],
        workspace: str = "/w/alpha",
        *,
        old: bool = False,
        session: str = "",
    ) -> list[Expected]:
        """Write a conversation; only the last turn's credits are in it."""
        home, conversation = self.home, session or self.home.uuid()
        history: list[dict[str, object]] = []
        found = []
        for number, usage in enumerate(usages):
            last = number == len(usages) - 1
            started = home.pass_time(30)
            prompt = f"question {number}"
            history += [self._request(prompt if n == 0 else "") for n in range(len(usage))]
            billed = sum((Decimal(str(u)) for u in usage), Decimal(0)) if last else None
            found.append(
                Expected(
                    SOURCE, f"{conversation}:{started}", conversation, workspace,
                    "claude-sonnet-4", billed, "", started, home.at, prompt,
                )
            )  # fmt: skip
        value = {
            "conversation_id": conversation,
            "model_info": {"model_id": "claude-sonnet-4", "context_window_tokens": 200000},
            "history": history,
            "user_turn_metadata": {
                "usage_info": [{"value": u, "unit": "credit"} for u in usages[-1]]
            },
        }
        self._insert(workspace, conversation, json.dumps(value), old=old)
        return [home.expect(turn) for turn in found]

    def _request(self, prompt: str) -> dict[str, object]:
        home, started = self.home, self.home.at
        content = {"Prompt": {"prompt": prompt}} if prompt else {"ToolUseResults": {}}
        return {
            "user": {"content": content, "timestamp": None},
            "assistant": {"Response": {"message_id": home.uuid(), "content": "yes"}},
            "request_metadata": {
                "model_id": "claude-sonnet-4",
                "context_usage_percentage": 3.25,
                "request_start_timestamp_ms": started // 1000,
                "stream_end_timestamp_ms": home.pass_time(2) // 1000,
                "response_size": 3,
                "user_prompt_length": len(prompt),
                "tool_use_ids_and_names": [],
                "total_tokens": None,
                "uncached_input_tokens": None,
                "output_tokens": None,
            },
        }

    def _insert(self, workspace: str, conversation: str, value: str, *, old: bool) -> None:
        at = self.home.at // 1000
        with closing(self.connect()) as database, database:
            if old:
                database.execute("INSERT INTO conversations VALUES (?, ?)", (workspace, value))
            else:
                database.execute(
                    "INSERT INTO conversations_v2 VALUES (?, ?, ?, ?, ?)",
                    (workspace, conversation, value, at, at),
                )
        database.close()

    def move_copy(self) -> None:
        """Leave the newer table's first conversation in the older one too, as an update does."""
        with closing(self.connect()) as database, database:
            database.execute(
                "INSERT INTO conversations SELECT key, value FROM conversations_v2 LIMIT 1"
            )
        database.close()
