"""Everything that can happen to ledgers, one seeded step at a time.

A step changes files as this program, a user, an editor or a power loss would. After each, the
index must say what the oracle says.
"""

from __future__ import annotations

import gzip
import os
import shutil
from typing import TYPE_CHECKING

from support.report_world import DAY, HEADERS, LEDGER, SOURCES, USAGE, Ledger, ReportWorld
from tokentrack.common.timestamps import now_us
from tokentrack.config.tracker_config import TrackerConfig
from tokentrack.errors import TokenTrackError
from tokentrack.maintenance import backup, repair, restore, retention, rotation
from tokentrack.maintenance.locked import lock_drained, lock_for_repair

if TYPE_CHECKING:
    from pathlib import Path


class ChangingWorld(ReportWorld):
    """Ledgers that change."""

    def step(self) -> str:
        """Do one thing, and return its name."""
        names, weights = zip(*STEPS.items(), strict=True)
        name = self.random.choices(names, weights)[0]
        getattr(self, name)()
        self.steps.append(name)
        return name

    def _ledger(self) -> Ledger:
        present = [ledger for ledger in self.ledgers if ledger.folder.is_dir()]
        if not present:
            self.return_workspace()
            return self._ledger()
        return self.random.choice(present)

    def _a_file(self, *, archives: bool = True) -> Path | None:
        files = [path for ledger in self.ledgers for path in ledger.files()]
        if not archives:
            files = [path for path in files if path.stem in {LEDGER, USAGE}]
        return self.random.choice(files) if files else None

    # Steps.

    def append(self) -> None:
        ledger, at, identity = self._ledger(), self._time(), self._new_id()
        self.write(ledger, USAGE, self.usage(identity, at))
        self.write(ledger, LEDGER, self.row(identity, at))

    def append_many(self) -> None:
        ledger = self._ledger()
        for _ in range(self.random.randint(2, 12)):
            self.write(ledger, LEDGER, self.row(self._new_id(), self._time()))

    def supersede(self) -> None:
        self.write(self._ledger(), USAGE, self.usage(self._any_id(), self._time()))

    def unknown_after_known(self) -> None:
        ledger, identity = self._ledger(), self._any_id()
        self.write(ledger, USAGE, self.usage(identity, self._time(), model="auto", credits="2.5"))
        blank = {"model": "", "credits": "", "surface": "", "tags": "", "token_basis": "unknown"}
        self.write(ledger, USAGE, self.usage(identity, self._time(), **blank))

    def duplicate(self) -> None:
        self.write(self._ledger(), LEDGER, self.row(self._any_id(), self._time()))

    def tie(self) -> None:
        identity, at = self._any_id(), self._time()
        for _ in range(2):
            self.write(self._ledger(), LEDGER, self.row(identity, at))
            self.write(self._ledger(), USAGE, self.usage(identity, at))

    def older(self) -> None:
        ledger, at = self._ledger(), self._now - self.random.choice([1, DAY, 40 * DAY])
        identity = self._any_id()
        if self.random.random() < 0.5:
            self.write(ledger, LEDGER, self.row(identity, at))
        else:
            self.write(ledger, USAGE, self.usage(identity, at))

    def copy_into_another(self) -> None:
        path = self._a_file()
        if path is None or path.suffix == ".gz":
            return
        kind = LEDGER if path.name.startswith(LEDGER) else USAGE
        lines = path.read_bytes().splitlines(keepends=True)[1:]
        if lines:
            self.write(self._ledger(), kind, *self.random.sample(lines, min(3, len(lines))))

    def link(self) -> None:
        # A turn that a hook recorded here, and that was imported there.
        source, turn = self.random.choice(SOURCES[:2]), f"t-{self.random.randint(1, 40)}"
        hook, other = self._ledger(), self._ledger()
        identity = self._any_id()
        self.write(hook, USAGE, self.usage(identity, self._time(), source=source, source_id=turn))
        self.write(hook, LEDGER, self.row(identity, self._time()))
        name = self.random.choice([turn, f"{source}:{turn}"])
        self.write(other, LEDGER, self.row(name, self._time(), hook_name="import"))
        if self.random.random() < 0.7:
            self.write(other, USAGE, self.usage(name, self._time(), source=source, source_id=turn))

    def track(self) -> None:
        ledger = self._ledger()
        self.write(ledger, USAGE, self.request(f"r-{self.random.randint(1, 30)}", self._time()))

    def retrack(self) -> None:
        # A row of another source, or of a ledger, for a tracked request.
        ledger, identity = self._ledger(), f"r-{self.random.randint(1, 30)}"
        if self.random.random() < 0.3:
            self.write(ledger, LEDGER, self.row(identity, self._time()))
        for _ in range(self.random.randint(1, 2)):
            self.write(ledger, USAGE, self.usage(identity, self._time()))
        if self.random.random() < 0.3:
            self.write(self._ledger(), USAGE, self.request(identity, self._time()))

    def reset(self) -> None:
        row = self.usage(self._new_id(), self._time(), source="session-reset", session_id="s-1")
        self.write(self._ledger(), USAGE, row)

    def torn(self) -> None:
        line = self.row(self._new_id(), self._time())
        ledger = self._ledger()
        self.write(ledger, LEDGER, line[: self.random.randint(1, len(line) - 1)])

    def mend_torn(self) -> None:
        for ledger in self.ledgers:
            for kind in (LEDGER, USAGE):
                path = ledger.active(kind)
                if path.exists() and not path.read_bytes().endswith(b"\n"):
                    data = path.read_bytes()
                    os.truncate(path, data.rfind(b"\n") + 1)

    def damaged(self) -> None:
        lines = [
            b"<<<<<<< HEAD\n", b"\n", b'2025-10-10T00:00:00.000Z,"never closed\n', b"\xff\xfe,1\n",
            self.row(self._new_id(), self._time(), file_patterns="x;;y"),
            self.row("", self._time()),
            self.row(self._new_id(), self._time(), tokens_used="-5"),
            self.usage(self._new_id(), self._time(), credits="NaN"),
            self.usage(self._new_id(), self._time(), input_tokens="1_0"),
            self.usage(self._new_id(), self._time(), recorded_at="yesterday"),
        ]  # fmt: skip
        self.write(self._ledger(), self.random.choice([LEDGER, USAGE]), self.random.choice(lines))

    def multi_line(self) -> None:
        row = self.row(self._new_id(), self._time(), prompt_text="JOIN")
        text = self.random.choice([b'"two\nlines"', b'"three\r\n\r\nlines, ""q"""'])
        self.write(self._ledger(), LEDGER, row.replace(b"JOIN", text))

    def carriage_returns(self) -> None:
        row = self.row(self._new_id(), self._time(), error_message="")
        self.write(self._ledger(), LEDGER, row.replace(b"\n", b"\r\n"))

    def byte_order_mark(self) -> None:
        path = self._a_file(archives=False)
        if path and not path.read_bytes().startswith(b"\xef\xbb\xbf"):
            self._replace(path, b"\xef\xbb\xbf" + path.read_bytes())

    def edit_in_place(self) -> None:
        path = self._a_file(archives=False)
        if path is None:
            return
        data = path.read_bytes()
        for old, new in (
            (b"12345", b"54321"),
            (b"acme", b"emca"),
            (b"auto", b"otua"),
            (b"web", b"bew"),
        ):
            if old in data:
                at = self.random.choice([m for m in range(len(data)) if data.startswith(old, m)])
                with path.open("r+b") as file:
                    file.seek(at)
                    file.write(new)
                return

    def delete_row(self) -> None:
        path = self._a_file(archives=False)
        if path is None:
            return
        lines = path.read_bytes().splitlines(keepends=True)
        if len(lines) > 1:
            del lines[self.random.randrange(1, len(lines))]
            self._replace(path, b"".join(lines))

    def replace_file(self) -> None:
        path = self._a_file(archives=False)
        if path is not None:
            kind = LEDGER if path.name.startswith(LEDGER) else USAGE
            make = self.row if kind == LEDGER else self.usage
            self._replace(path, HEADERS[kind] + make(self._new_id(), self._time()))

    def remove_file(self) -> None:
        path = self._a_file()
        if path is not None:
            path.unlink()

    def rotate(self) -> None:
        ledger = self._ledger()
        self._archives += 1
        suffix = f"_2026{self._archives // 28 + 1:02d}{self._archives % 28 + 1:02d}"
        self.mend_torn()
        for kind in (LEDGER, USAGE):
            if ledger.active(kind).exists():
                ledger.active(kind).rename(ledger.folder / f"{kind}{suffix}.csv")

    def compress(self) -> None:
        plain = [
            path for ledger in self.ledgers for kind in (LEDGER, USAGE)
            for path in ledger.archives(kind) if path.suffix == ".csv"
        ]  # fmt: skip
        if plain:
            path = self.random.choice(plain)
            packed = path.with_name(path.name + ".gz")
            packed.write_bytes(gzip.compress(path.read_bytes()))
            if self.random.random() < 0.9:
                path.unlink()  # otherwise the compression was interrupted

    def damage_archive(self) -> None:
        packed = [path for ledger in self.ledgers for path in ledger.folder.glob("*.gz")]
        if packed:
            path = self.random.choice(packed)
            self._replace(path, path.read_bytes()[: -self.random.randint(1, 30)])

    def prune(self) -> None:
        path = self._a_file()
        if path is None or path.suffix == ".gz":
            return
        lines = path.read_bytes().splitlines(keepends=True)
        self._replace(path, b"".join([*lines[:1], *lines[1 + (len(lines) - 1) // 2 :]]))

    def repair(self) -> None:
        path = self._a_file(archives=False)
        if path is not None:
            good = [
                line for line in path.read_bytes().splitlines(keepends=True)
                if line.startswith((b"20", b"e-", b"t-", b"r-", b"timestamp", b"agent_"))
            ]  # fmt: skip
            self._replace(path, b"".join(good))

    def restore(self) -> None:
        path = self._a_file(archives=False)
        if path is None:
            return
        backup = path.with_name(path.name + ".bak")
        if backup.exists():
            self._replace(path, backup.read_bytes())
        else:
            shutil.copyfile(path, backup)

    def vanish(self) -> None:
        ledger = self._ledger()
        ledger.folder.parent.rename(ledger.hidden)

    def return_workspace(self) -> None:
        for ledger in self.ledgers:
            if ledger.hidden.is_dir():
                ledger.hidden.rename(ledger.folder.parent)

    def clock_back(self) -> None:
        self._now -= self.random.choice([1, 3_600_000_000, 2 * DAY])

    def foreign_header(self) -> None:
        path = self._a_file(archives=False)
        if path is not None and path.read_bytes().startswith(HEADERS[LEDGER]):
            data = path.read_bytes().removeprefix(HEADERS[LEDGER])
            self._replace(path, HEADERS[LEDGER][:-1] + b",more\n" + data)

    # The same with the program's own commands.

    def _maintain(self, lock, act) -> None:
        ledger = self._ledger()
        environ = {"HOME": str(ledger.hidden.parent)}
        try:
            with lock(ledger.paths, TrackerConfig(), environ) as locked:
                act(locked)
        except (TokenTrackError, OSError):
            pass  # it refuses files that are damaged or missing

    def really_rotate(self) -> None:
        def act(locked) -> None:
            rotation.rotate(locked, now_us())
            if self.random.random() < 0.5:
                rotation.compress_archives(locked)

        self._maintain(lock_drained, act)

    def really_prune(self) -> None:
        days = self.random.choice([10, 100, 300])

        def act(locked) -> None:
            plan = retention.plan_prune(
                locked.folder, locked.paths, days, self._now, trust_clock=True
            )
            retention.prune(locked, plan)

        self._maintain(lock_drained, act)

    def really_repair(self) -> None:
        self._maintain(lock_for_repair, lambda locked: repair.repair(locked, now_us()))

    def really_restore(self) -> None:
        def act(locked) -> None:
            if self.random.random() < 0.5:
                backup.create_backup(locked)
                return
            name = restore.find_backup(locked.folder, locked.paths, "")
            plan = restore.plan_restore(
                locked.folder, locked.paths, name, replace=self.random.random() < 0.5
            )
            restore.restore(locked, plan)

        self._maintain(lock_drained, act)

    def nothing(self) -> None:
        pass

    def touch(self) -> None:
        path = self._a_file()
        if path is not None:
            os.utime(path)

    def _replace(self, path: Path, data: bytes) -> None:
        temporary = path.with_name("new.tmp")
        temporary.write_bytes(data)
        temporary.replace(path)


STEPS = {
    "append": 8, "append_many": 4, "supersede": 6, "unknown_after_known": 3, "duplicate": 3,
    "tie": 2, "older": 2, "copy_into_another": 2, "link": 2, "track": 2, "retrack": 2,
    "reset": 1, "torn": 2, "mend_torn": 2, "damaged": 2, "multi_line": 2,
    "carriage_returns": 1, "byte_order_mark": 1,
    "edit_in_place": 2, "delete_row": 1, "replace_file": 1, "remove_file": 1, "rotate": 3,
    "compress": 2, "damage_archive": 1, "prune": 1, "repair": 1, "restore": 1, "vanish": 1,
    "really_rotate": 1, "really_prune": 1, "really_repair": 1, "really_restore": 2,
    "return_workspace": 2, "clock_back": 1, "foreign_header": 1, "nothing": 1, "touch": 1,
}  # fmt: skip
