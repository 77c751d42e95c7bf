"""Interactive sessions of the CLI: 2.0 files, and newer ones with a model for each turn."""

from support.kiro_homes.home import SECOND, Expected, KiroHome, append_lines, dump, exact, iso

SOURCE = "kiro-cli-session"


class CliSession:
    """One `<uuid>.json` that is written anew with each turn, and its `.jsonl`."""

    def __init__(
        self,
        home: KiroHome,
        workspace: str = "/w/alpha",
        reason: str = "user",
        session_id: str = "",
        *,
        newer: bool = False,
    ) -> None:
        self.home, self.workspace = home, workspace
        self.newer = newer
        self.session_id = session_id or home.uuid()
        folder = home.kiro / "sessions" / "cli"
        self.path = folder / f"{self.session_id}.json"
        self.messages = folder / f"{self.session_id}.jsonl"
        self.metadatas: list[dict[str, object]] = []
        self.model = "qwen3-coder-next"
        self.document: dict[str, object] = {
            "session_id": self.session_id,
            "cwd": workspace,
            "created_at": iso(home.pass_time(60), 6),
            "updated_at": iso(home.at, 6),
            "title": "one",
            "session_created_reason": reason,
            "session_state": {
                "version": "v1",
                "conversation_metadata": {"user_turn_metadatas": self.metadatas},
                "rts_model_state": {
                    "conversation_id": home.uuid(),
                    "model_info": {
                        "model_name": self.model,
                        "model_id": self.model,
                        "context_window_tokens": 256000,
                        "rate_multiplier": None,
                        "rate_unit": "Credit",
                    },
                    "context_usage_percentage": 4.59,
                },
                "agent_name": "kiro_default",
            },
        }
        self.save()
        (folder / f"{self.session_id}.lock").write_text("4711")
        (folder / f"{self.session_id}.history").write_text("one\n")

    def save(self) -> None:
        """Write the document."""
        dump(self.path, self.document, indent=2 if self.newer else None)

    def turn(
        self,
        usage: list[float | None] | None,
        prompt: str = "Say one",
        reason: str = "UserTurnEnd",
        **options: object,
    ) -> Expected:
        """Add a turn; `answered=False` leaves it without an answer's id."""
        home, status = self.home, "aborted" if "Cancel" in reason else "success"
        started = home.pass_time(20)
        ended = home.pass_time(5.5)
        prompt_id, answer_id, rand = home.uuid(), home.uuid(), home.random.getrandbits(32)
        answered = options.get("answered", True)
        content = [{"kind": "text", "data": 'one, and "loop_id" as text'}]
        answer = {"id": answer_id, "role": "assistant", "content": content}
        loop = {"agent_id": {"name": "kiro_default", "parent_id": None, "rand": None}}
        metadata: dict[str, object] = {
            "loop_id": {**loop, "rand": rand},
            "result": {"Ok": {**answer, "meta": {"timestamp": ended // SECOND}}}
            if answered
            else None,
            "message_ids": [prompt_id, answer_id],
            "total_request_count": len(usage or []),
            "number_of_cycles": 0,
            "builtin_tool_uses": 0,
            "turn_duration": {"secs": 5, "nanos": 500_000_000},
            "end_reason": reason,
            "end_timestamp": iso(ended, 6),
            "input_token_count": 0,
            "output_token_count": 0,
            "context_usage_percentage": 4.566797,
            "metering_usage": _metering(usage),
        }
        if self.newer:
            metadata |= {"model": "claude-haiku-4.5", "cache_read_input_token_count": None}
        self.metadatas.append(metadata)
        data = {"message_id": prompt_id, "content": [{"kind": "text", "data": prompt}]}
        append_lines(self.messages, [{"version": "v1", "kind": "Prompt", "data": data}])
        self.save()
        known = [u for u in usage or [] if u is not None]
        # Without an answer's id the key is the loop and the time: see the reader.
        fallback = f"loop:{['kiro_default', None, None, rand]}:{iso(ended, 6)}"
        return home.expect(
            Expected(
                SOURCE, answer_id if answered else fallback, self.session_id, self.workspace,
                "claude-haiku-4.5" if self.newer else self.model,
                exact(known) if known else None, status, started, ended, prompt,
            )
        )  # fmt: skip

    def pending(self, turn: Expected) -> Expected:
        """Take a turn's numbers away again: Kiro has not written them yet."""
        self.metadatas[-1]["metering_usage"] = None
        self.save()
        return self.home.update(turn, credits=None)

    def bill(self, turn: Expected, usage: list[float]) -> Expected:
        """Write the last turn's numbers, as Kiro does seconds after its hook has run."""
        self.metadatas[-1]["metering_usage"] = _metering(usage)
        self.save()
        return self.home.update(turn, credits=exact(usage))

    def rewind(self, turns: int) -> "CliSession":
        """Begin a session with the first turns of this one, as the CLI does for a rewind."""
        other = CliSession(self.home, self.workspace, "rewind", newer=self.newer)
        other.metadatas += self.metadatas[:turns]
        other.save()
        return other


def _metering(usage: list[float | None] | None) -> list[dict[str, object]] | None:
    if usage is None:
        return None
    return [{"value": u, "unit": "credit", "unitPlural": "credits"} for u in usage]
