"""Sessions of the v1 engine: IDE 1.0 and CLI V3, all types of payload."""

import shutil
from pathlib import Path

from support.kiro_homes.home import Expected, KiroHome, append_lines, dump, exact, iso

SOURCE = "kiro-v1-session"


class V1Session:
    """One `sess_<uuid>` folder that grows by turns."""

    def __init__(
        self,
        home: KiroHome,
        workspace: str = "/w/alpha",
        bucket: str = "b1",
        session_id: str = "",
    ) -> None:
        self.home, self.workspace = home, workspace
        self.session_id = session_id or f"sess_{home.uuid()}"
        self.folder = home.kiro / "sessions" / bucket / self.session_id
        self.messages = self.folder / "messages.jsonl"
        dump(
            self.folder / "session.json",
            {
                "schemaVersion": 1,
                "dataModelVersion": 2,
                "id": self.session_id,
                "title": "a chat",
                "agentMode": "vibe",
                "workspacePaths": [workspace, "/w/second-folder"],
                "modelId": "auto",
                "status": "idle",
                "createdAt": iso(home.pass_time(60)),
                "lastModifiedAt": iso(home.at),
            },
        )
        self.write("session_start", agent="vibe")

    def write(self, kind: str, **fields: object) -> None:
        """Append one message."""
        append_lines(self.messages, [self.message(kind, **fields)])

    def message(self, kind: str, **fields: object) -> dict[str, object]:
        home = self.home
        return {
            "id": home.uuid(),
            "timestamp": iso(home.at),
            "payload": {"type": kind, **fields},
        }

    def start(self, prompt: str = "Add a test", model: str = "claude-sonnet-4.5") -> Expected:
        """Write a turn up to its last answer: no numbers yet."""
        home, execution = self.home, self.home.uuid()
        self.write("user", content=prompt)
        started = home.pass_time(30)
        self.write("turn_start", executionId=execution)
        home.pass_time(1)
        answer = {"operationType": "chat", "executionId": execution, "reasoningModelId": model}
        self.write("assistant", content="I will look.", **answer)
        self.write("tool_call", executionId=execution, name="fs_read", arguments={"path": "a"})
        # A usage line that a result quotes as text must not be counted.
        quoted = '{"payload":{"type":"usage_summary","executionId":"x","usage":99}}\n'
        self.write("tool_result", executionId=execution, content=quoted * 3)
        self.write("assistant", content="Done.", **answer)
        return home.expect(
            Expected(
                SOURCE, execution, self.session_id, self.workspace, model,
                None, "", started, None, prompt,
            )
        )  # fmt: skip

    def finish(
        self, turn: Expected, usage: list[float | None] | None, status: str = "success"
    ) -> Expected:
        """Write the numbers of a turn, as Kiro does seconds after its hook has run."""
        home = self.home
        end = home.pass_time(8)
        self.write("session_metadata", key="contextUsage", value={"usagePercentage": 12.5})
        self.write(
            "usage_summary",
            executionId=turn.source_id,
            status=status,
            elapsedTime=(end - turn.started_at) // 1000,
            promptTurnSummaries=[
                {"unit": "credit", "unitPlural": "credits", "usage": u, "usedTools": ["fs_write"]}
                for u in usage or []
            ]
            if usage is not None
            else None,
            requestIds=[home.uuid() for _ in usage or [None]],
        )
        self.write("turn_end", stopReason="end_turn" if status == "success" else status)
        known = [u for u in usage or [] if u is not None]
        billed = exact(known) if known else None
        return home.update(turn, credits=billed, status=status, ended_at=end)

    def turn(self, usage: list[float | None] | None, **options: str) -> Expected:
        """Write a whole turn."""
        status = options.pop("status", "success")
        return self.finish(self.start(**options), usage, status)

    def subagent(self, parent: Expected) -> None:
        """Write what a subagent leaves in its parent's file: messages, and no bill."""
        execution = self.home.uuid()
        self.write("sub_agent_start", executionId=parent.source_id, name="context-gatherer")
        self.write("assistant", content="…", executionId=execution, reasoningModelId="haiku")
        self.write("sub_agent_complete", executionId=parent.source_id)

    def repeat_usage(self) -> None:
        """Repeat the last messages, as a session does that was resumed while it was saved."""
        lines = self.messages.read_bytes().splitlines(keepends=True)
        with self.messages.open("ab") as file:
            file.writelines(lines[-3:])

    def tear(self) -> None:
        """Cut the last line, which has the usage."""
        with self.messages.open("ab") as file:
            file.write(
                b'{"id":"x","timestamp":"2026-08-20T10:00:00.000Z","payload":{"type":"usage_s'
            )

    def copy(self, bucket: str = "a0") -> Path:
        """Copy the session under a new id in a bucket that is listed before this one."""
        new_id = f"sess_{self.home.uuid()}"
        folder = self.home.kiro / "sessions" / bucket / new_id
        shutil.copytree(self.folder, folder)
        document = {"id": new_id, "createdAt": iso(self.home.pass_time(60))}
        dump(folder / "session.json", {**document, "workspacePaths": [self.workspace]})
        return folder
