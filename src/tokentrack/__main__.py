"""The door: Kiro's hook goes straight to the recorder, everything else to the command line."""

import gc
import os
import sys


def main() -> int:
    """Run the command that the arguments name and return its exit code."""
    if sys.argv[1:2] == ["hook-run"]:
        return run_hook(sys.argv[2:])
    from tokentrack.cli import run

    return run()


def run_hook(words: list[str]) -> int:
    """Record one Kiro event, saying nothing whatever happens, and return 0."""
    # Kiro reads what a hook prints and how it exits: text can enter the model's context, an
    # exit code can block the prompt or start the agent again. So nothing may come out of here,
    # not even what a module prints while it is imported, or the interpreter's last words.
    gc.disable()  # so short a life leaves nothing to collect, and looking costs a tenth of it
    try:
        os.umask(0o077)  # what is made is private, and its owner can open it again
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        from tokentrack.recorder.hook_run import run

        run(words, os.environ)
    except BaseException:  # noqa: BLE001, S110  (the hook's last line: see above)
        pass
    gc.freeze()  # nor does the interpreter look when it ends
    return 0


if __name__ == "__main__":
    sys.exit(main())
