"""The recordings of hook files, exports, the configuration and tracked usage."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

from programs.crash_states.case import Case, Space, Step, command, function
from support.kiro_homes import KiroHome
from support.kiro_homes.v1 import V1Session
from support.ledgers import Workspace
from support.maintained import USAGE_HEADER
from tokentrack.common.timestamps import now_us
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.models.usage_record import USAGE_COLUMNS
from tokentrack.store import codec
from tokentrack.usage import UsageTracker

_SECOND = 1_000_000
AGENT = b'{"name": "mine", "prompt": "more is added to this"}\n'
MINE = b'{"name": "mine", "mine": "keep this"}\n'
OLD_HOOK = (b'{"name": "mine", "version": "1", "when": {"type": "agentStop"}, '
            b'"then": {"type": "askAgent", "prompt": "keep this"}}\n')  # fmt: skip


class Files(Case):
    """Files that are written as a whole: each is the old one or the new one, and none is lost.

    Attributes:
        texts: files that are there before, by their path in the workspace.
    """

    texts: tuple[tuple[str, bytes], ...] = ()

    def before(self) -> None:
        for name, data in self.texts:
            path = self.space.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def problems(self, done: int, *, has_hole: bool) -> list[str]:  # noqa: ARG002
        return self.at_once() + self.run_commands() + self.at_last(done)

    def at_once(self) -> list[str]:
        now = self._files()
        wrong = [f"at once: a part of {path}" for path, data in now.items()
                 if data not in (self.start.get(path), self.end.get(path))]  # fmt: skip
        must = set(self.start) & set(self.end)
        wrong += [f"at once: no {path}" for path in must - set(now)]
        # Earlier content is kept under some name, or was written by this program.
        kept = set(now.values())
        return wrong + [f"at once: {name} is lost" for name, data in self.texts
                        if b"keep this" in data and data not in kept]  # fmt: skip

    def at_last(self, done: int) -> list[str]:  # noqa: ARG002
        now = self._files()
        # A backup can be there already, and is made once more.
        lacking = [path for path, data in self.end.items() if now.get(path) != data]
        more = [path for path in set(now) - set(self.end) if not path.endswith(tuple("0123456789"))]
        return [f"{path} is not as it should be" for path in [*lacking, *more]]

    def _files(self) -> dict[str, bytes]:
        base = self.space.root.parent
        return {str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*")
                if path.is_file() and not path.name.endswith(".tmp")}  # fmt: skip


SURFACES = ("--surface", "ide-0", "--surface", "v1", "--surface", "cli-2", "--agent", "mine")


class Init(Files):
    texts = ((".gitignore", b"*.log"), (".kiro/agents/mine.json", AGENT))
    steps = (command("init", *SURFACES),)


class InitForce(Files):
    """The user's own files are in the way."""

    texts = ((".gitignore", b"*.log"), (".kiro/hooks/tokentrack.json", MINE),
             (".kiro/hooks/token-tracking.kiro.hook", OLD_HOOK))  # fmt: skip
    steps = (command("init", "--force", "--surface", "ide-0", "--surface", "v1"),)


class Uninstall(Files):
    texts = Init.texts
    steps = (command("uninstall", *SURFACES),)

    def before(self) -> None:
        super().before()
        assert self.space.run_again(Init.steps[0]) == []


class Migrate(Files):
    texts = ((".kiro/hooks/mine.kiro.hook", OLD_HOOK),)
    steps = (Step(("migrate-hooks", "--replace", "{root}/.kiro/hooks")),)


def save_files(root: str) -> None:
    """Write the files that the Python API replaces as a whole: configuration and exports."""
    folder = Path(root)
    TrackerConfig(max_prompt_length=500).save_to_file(folder / ".kiro/token_tracker_config.json")
    tracker = Workspace(folder.parent).tracker
    for kind in ("csv", "json", "jsonl"):
        assert tracker.export_data(folder / f"new/rows.{kind}", kind)
    with UsageTracker(folder / "own/token_usage.csv") as usage:
        usage.export_csv(folder / "requests.csv", "requests")


class Save(Files):
    texts = ((".kiro/token_tracker_config.json", b"{}\n"), ("requests.csv", b"old\n"),
             ("own/token_usage.csv", USAGE_HEADER))  # fmt: skip
    steps = (function(f"{__name__}:save_files"),)

    def before(self) -> None:
        super().before()
        self.space.fill([3, 2, 1])


# --- tracked usage ---


def track(path: str, session: str) -> None:
    """Track a request of a session, and take over the older tracker's file."""
    with UsageTracker(path) as tracker:
        assert tracker.track_request(session, "claude-sonnet-4.5", 10, 5).saved


class Track(Case):
    """Two processes track a request each."""

    steps = (function(f"{__name__}:track", "{root}/own/usage.json", "one"),
             function(f"{__name__}:track", "{root}/own/usage.json", "two"))  # fmt: skip
    old: bytes | None = None

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.folder = space.root / "own"

    def before(self) -> None:
        usage = {"input_tokens": 3, "output_tokens": 4, "cached_tokens": 0, "total_tokens": 7}
        session = {
            "session_id": "old", "model_name": "claude-sonnet-4.5", "total_usage": usage,
            "request_history": [usage], "created_at": 1708197100.0, "last_updated": 1708197234.5,
        }  # fmt: skip
        self.folder.mkdir()
        (self.folder / "usage.json").write_text(json.dumps({"sessions": {"old": session}}))
        if self.old is not None:
            (self.folder / "usage.csv").write_bytes(self.old)

    def problems(self, done: int, *, has_hole: bool) -> list[str]:  # noqa: ARG002
        path = str(self.folder / "usage.json")
        track(path, "next")
        with UsageTracker(path) as tracker:
            found = {name: s.request_count for name, s in tracker.get_sessions().items()}
        must = {"old", "next", *("one", "two")[:done]}
        wrong = [f"{found.get(name, 0)} requests of {name}" for name in must
                 if found.get(name) != 1]  # fmt: skip
        wrong += [f"{count} requests of {name}" for name, count in found.items() if count > 1]
        lines = (self.folder / "usage.csv").read_bytes().split(b"\n")[1:-1]
        rows = Counter(line for line in lines if b"\0" not in line)
        return wrong + [f"{n} times {line!r}" for line, n in rows.items() if n > 1] + self.kept()

    def kept(self) -> list[str]:
        return []


class TrackTorn(Track):
    old = USAGE_HEADER + b"torn"


class TrackForeign(Track):
    """Something else has the usage ledger's name."""

    old = b"my,own\nkeep,this\n"

    def kept(self) -> list[str]:
        kept = any(path.read_bytes() == self.old for path in self.folder.iterdir())
        return [] if kept else ["what had the ledger's name is gone"]


# --- Kiro's numbers ---


class Reconcile(Case):
    """Kiro wrote the credits of an execution after its hook had run."""

    steps = (command("reconcile"),)
    kept = ("e0",)

    def before(self) -> None:
        self.space.fill([1])
        kiro = KiroHome(self.space.home)
        kiro.at = int(time.time() * 1000) * 1000
        session = V1Session(kiro, str(self.space.root))
        event = {"session_id": session.session_id, "surface": "v1"}
        assert self.space.hook_run(hook_event_name="UserPromptSubmit", prompt="p", **event) == []
        kiro.at = now_us() // 1000 * 1000 - 30 * _SECOND
        turn = session.start()
        assert self.space.hook_run(hook_event_name="Stop", **event) == []
        session.finish(turn, [0.25])
        for path in (self.space.state / "pending").glob("*"):
            path.rename(path.with_name("0" * 12 + path.name[12:]))

    def after_repair(self) -> list[str]:
        return self.run_commands()  # a line of NULs had the number

    def at_last(self, done: int) -> list[str]:
        at = USAGE_COLUMNS.index("credits")
        lines = self.space.usage.read_bytes().split(b"\n")[1:-1]
        found = [codec.decode_line(line.decode())[at] for line in lines]
        wrong = super().at_last(done)
        return wrong + ([] if "0.25" in found else [f"credits {found}"])


CASES: dict[str, type[Case]] = {
    "hook files: init": Init, "hook files: init --force": InitForce,
    "hook files: uninstall": Uninstall, "hook files: migrate-hooks": Migrate,
    "exports": Save, "tracked usage": Track, "tracked usage: torn": TrackTorn,
    "tracked usage: foreign": TrackForeign, "reconcile": Reconcile,
}  # fmt: skip
