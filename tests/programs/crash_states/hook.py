"""The recordings of the hook."""

from __future__ import annotations

from programs.crash_states.case import COMPLETED, Case, completion, hook


class First(Case):
    """The first event of a workspace."""

    steps = (completion("new"),)
    kept = ()
    accepted = ("new",)

    def before(self) -> None:
        self.space.kiro.rmdir()


class Append(Case):
    steps = (completion("new"),)
    accepted = ("new",)


class Torn(Append):
    """Both ledgers end in a part of a row."""

    LEDGER, USAGE = b"2026-01-15T10:3", b"e9,2026-01-15T10:3"

    def before(self) -> None:
        super().before()
        for path, tail in ((self.space.ledger, self.LEDGER), (self.space.usage, self.USAGE)):
            with path.open("ab") as file:
                file.write(tail)

    def at_last(self, done: int) -> list[str]:
        lost = {self.LEDGER, self.USAGE} - set(self.space.quarantined())
        return super().at_last(done) + [f"the torn {tail} is gone" for tail in lost]


class Spooled(Append):
    """The first event that finds the lock held."""

    is_locked = True


class Rescued(Append):
    """Something else stands where the state folder would be."""

    def before(self) -> None:
        super().before()
        self.space.state.write_bytes(b"")

    def go_on(self) -> list[str]:
        self.space.state.unlink()
        return super().go_on()


class Turn(Case):
    """A turn's start and its end."""

    steps = (hook("UserPromptSubmit", session_id="s", prompt="turn one"),
             hook("Stop", session_id="s", assistant_response="done"))  # fmt: skip

    def go_on(self) -> list[str]:
        submit = {"hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt": "turn two"}
        stop = {"hook_event_name": "Stop", "session_id": "s", "assistant_response": "done 2"}
        wrong = self.space.hook_run(**submit) + self.space.hook_run(**stop)
        return wrong + super().go_on()

    def at_last(self, done: int) -> list[str]:
        wrong, prompts = super().at_last(done), self.space.prompts()
        wrong += [f"{prompts['turn two']} rows of turn two"] if prompts["turn two"] != 1 else []
        if (done and not prompts["turn one"]) or prompts["turn one"] > 1:
            wrong.append(f"{prompts['turn one']} rows of turn one")
        return wrong


class Queue(Turn):
    """Turns of two sessions and a completion wait; one of them is still open."""

    steps = (completion("new"),)
    accepted = ("new",)
    coming = ("waits",)

    def before(self) -> None:
        super().before()
        for number, (name, fields) in enumerate((
            ("UserPromptSubmit", {"session_id": "s", "prompt": "turn one"}),
            ("Stop", {"session_id": "s", "assistant_response": "done"}),
            (COMPLETED, {"session_id": "w", "execution_id": "waits"}),
            ("UserPromptSubmit", {"session_id": "t", "prompt": "turn open"}),
        )):  # fmt: skip
            self.space.put_in_spool(self.space.event(name, at=1_000_000 + number, **fields))

    def go_on(self) -> list[str]:
        stop = {"hook_event_name": "Stop", "session_id": "t", "assistant_response": "at last"}
        return super().go_on() + self.space.hook_run(**stop)

    def at_last(self, done: int) -> list[str]:
        prompts = self.space.prompts()
        names = ("turn one", "turn open")
        wrong = [f"{prompts[name]} rows of {name}" for name in names if prompts[name] != 1]
        return super().at_last(done) + wrong


CASES: dict[str, type[Case]] = {
    "hook: first event": First, "hook: append": Append, "hook: torn tail": Torn,
    "hook: spool": Spooled, "hook: rescue": Rescued, "hook: turn": Turn, "hook: drain": Queue,
}  # fmt: skip
