"""The recordings of maintenance, alone and after the hook."""

from __future__ import annotations

from programs import maintenance_sweep as sweep
from programs.crash_states.case import COMPLETED, Case, Space, command
from programs.crash_states.hook import Queue, Turn
from support.ledgers import ID
from tokentrack.store import codec


class Maintenance(Case):
    """A command, on what the sweep of kills has for it."""

    job: type[sweep.Job] = sweep.Job

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.kept, self.coming = self.job.kept, tuple(i for i in self.job.coming if i != "next")

    def before(self) -> None:
        self.job(self.space).before()

    def at_last(self, done: int) -> list[str]:
        rows, usage = self.space.all_ids(), self.space.all_usage()
        gone = [i for i in self.job.passing if rows[i] or usage[i]]
        return super().at_last(done) + [f"{i} is not gone" for i in gone]


class Rotate(Maintenance):
    steps = (command("rotate"),)


class Compress(Maintenance):
    steps = (command("rotate", "--if-due"),)
    environ = ("compression_enabled=true",)


class Due(Maintenance):
    """Everything that runs automatically: a backup, the rotation of an old month, compression."""

    steps = (command("rotate", "--if-due"),)
    environ = ("backup_enabled=true", "rotate_monthly=true", "compression_enabled=true")

    def before(self) -> None:
        super().before()
        self.space.fill([43, 42, 41])


class Prune(Maintenance):
    job = sweep.Prune
    steps = (command("prune", "--yes", "--trust-clock"),)


class Backup(Maintenance):
    """A second backup is made, and the first one removed."""

    job = sweep.Backup
    steps = (command("backup", "create"), command("backup", "prune", "--keep", "1", "--yes"))

    def before(self) -> None:
        super().before()
        self.space.fill([5], prefix="b", name=sweep.BACKUP)

    def at_once(self) -> list[str]:
        names = [n for n in self.space.names() if "_backup_" in n and n.endswith(".csv")]
        found = {name: self._rows_of(name) for name in names}
        whole = (["b0"], ["e0", "e1", "e2"])
        wrong = [f"{name} has {rows}" for name, rows in found.items() if rows not in whole]
        if not any(name.startswith("token_transactions") for name in names):
            wrong.append("there is no backup")
        return super().at_once() + wrong

    def _rows_of(self, name: str) -> list[str]:
        column = ID if name.startswith("token_transactions") else 0
        lines = self.space.read(name).split(b"\n")[1:-1]
        return [codec.decode_line(line.decode())[column] for line in lines]


class Merge(Maintenance):
    job = sweep.Merge
    steps = (command("restore", sweep.BACKUP, "--yes"),)


class Replace(Maintenance):
    """Replace the ledger with a backup; another backup keeps what it was."""

    steps = (command("restore", sweep.BACKUP, "--replace", "--yes"),)
    BEFORE = ("e0", "e1", "e2", "waiting")
    THEN = ("r0", "r1")

    def __init__(self, space: Space) -> None:
        super().__init__(space)
        self.kept, self.coming = ("a0", "a1"), self.THEN

    def before(self) -> None:
        super().before()
        self.space.fill([9, 8], prefix="r", name=sweep.BACKUP)

    def at_once(self) -> list[str]:
        rows, usage = self.space.standing(), self.space.standing(usage=True)
        now = {i for i in (*self.BEFORE, *self.THEN) if rows[i]}
        was = now >= set(self.BEFORE[:3]) and not now & set(self.THEN)
        wrong = [] if was or now == set(self.THEN) else [f"at once: {sorted(now)}"]
        if not was:
            kept = b"".join(self.space.read(n) for n in self.space.names("token_transactions_b"))
            wrong += [f"no backup has {i}" for i in self.BEFORE if f",{i},".encode() not in kept]
        wrong += [f"at once: no usage row of {i}" for i in now if not usage[i]]
        return super().at_once() + wrong

    def go_on(self) -> list[str]:
        wrong = self.run_commands()
        return wrong + self.space.hook_run(hook_event_name=COMPLETED, execution_id="next",
                                           session_id="n")  # fmt: skip

    def at_last(self, done: int) -> list[str]:
        usage = set(self.space.all_usage())
        left = usage - {*self.kept, *self.coming, "next"}
        return super().at_last(done) + [f"a usage row of {i} is left" for i in left]


class Repair(Maintenance):
    job = sweep.Repair
    steps = (command("repair"),)

    def at_once(self) -> list[str]:
        places = [self.space.ledger, *(self.space.state / "quarantine").glob("*.csv")]
        kept = any(b"milk\n" in path.read_bytes() for path in places)
        return super().at_once() + ([] if kept else ["the original is gone"])


# --- what one command leaves to the disk when another one comes next ---


class TurnThenRotate(Turn):
    steps = (*Turn.steps, command("rotate"))


class OpenThenRotate(Turn):
    """A kill left an execution open whose row is written."""

    steps = (command("rotate"),)

    def before(self) -> None:
        super().before()
        event = self.space.event("UserPromptSubmit", session_id="s", prompt="turn one")
        assert self.space.record(event)
        (path,) = (self.space.state / "running").glob("*.json")
        data = path.read_bytes()
        assert self.space.record(self.space.event("Stop", session_id="s"))
        path.write_bytes(data)

    def at_last(self, done: int) -> list[str]:
        return super().at_last(done or 1)


class QueueThenRotate(Queue):
    steps = (*Queue.steps, command("rotate"))


CASES: dict[str, type[Case]] = {
    "rotate": Rotate, "compress": Compress, "all that is due": Due, "prune": Prune,
    "backup": Backup, "merge": Merge, "replace": Replace, "repair": Repair,
    "rotate: after a turn": TurnThenRotate, "rotate: left open": OpenThenRotate,
    "rotate: after a drain": QueueThenRotate,
}  # fmt: skip
