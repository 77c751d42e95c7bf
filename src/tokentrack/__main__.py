"""The entry point: Kiro's hook goes straight to the recorder, everything else to the commands."""

import gc
import os
import sys

import tokentrack

_INTERRUPTED = 130
_OBJECTS = 100_000  # more than a command needs to start


def main() -> int:
    """Run the command that the arguments name and return its exit code."""
    if sys.argv[1:2] == ["hook-run"] and not (sys.argv[2:] == ["--help"] and os.isatty(1)):
        _ignore_signals()
        return run_hook(sys.argv[2:])
    try:
        return _run(sys.argv[1:])
    except KeyboardInterrupt:
        _say_interrupted()
        return _INTERRUPTED


def _run(words: list[str]) -> int:
    if words[:1] == ["statusline"] and run_statusline(words[1:]):
        return 0
    if words == ["--version"]:
        sys.stdout.write(f"tokentrack, version {tokentrack.__version__}\n")
        return 0
    # Starting a command makes many objects and leaves hardly any to collect: looking for them
    # would take a sixth of a report.
    gc.set_threshold(_OBJECTS)
    try:
        from tokentrack.common.light_click import import_click

        import_click()
        from tokentrack.cli import run

        return run()
    finally:
        gc.freeze()  # so that the interpreter does not collect at its end


def _say_interrupted() -> None:
    # In one line, after the ^C that a terminal shows. What reads a pipe may have ended too.
    for stream, text in ((sys.stdout, ""), (sys.stderr, "Interrupted.\n")):
        try:
            if stream is not None:
                stream.write("\n" + text if text and stream.isatty() else text)
                stream.flush()
        except (OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())


def _ignore_signals() -> None:
    # A Ctrl-C in the terminal reaches the hook too, and an event must not be lost for it. The hook
    # ends soon in any case. `import signal` would cost a third of the hook's time.
    try:
        import _signal  # type: ignore[import-not-found]  # typeshed does not have it

        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            if hasattr(_signal, name):
                _signal.signal(getattr(_signal, name), _signal.SIG_IGN)
    except (ImportError, ValueError, OSError):
        pass  # another interpreter, or a thread of a program that calls `main`


def run_hook(words: list[str]) -> int:
    """Record one Kiro event silently, and return 0 whatever happens."""
    # Kiro reads what a hook prints and how it exits: output can enter the model's context, and an
    # exit code can block the prompt or start the agent again. So nothing may be printed here, not
    # even by a module while it is imported, or by the interpreter at its end.
    gc.disable()  # so short a process leaves nothing to collect, and looking takes a tenth of it
    try:
        os.umask(0o077)  # new files are private, and their owner can open them again
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        from tokentrack.recorder.hook_run import run

        run(words, os.environ)
    except BaseException:  # noqa: BLE001, S110  (the hook's last line of defence: see above)
        pass
    gc.freeze()  # so that the interpreter does not collect at its end either
    return 0


def run_statusline(words: list[str]) -> bool:
    """Print the line for a shell prompt; return False for arguments that need the commands."""
    gc.disable()  # as for the hook
    from tokentrack.reports.statusline import main

    is_done = main(words, os.environ)
    gc.freeze()
    return is_done


if __name__ == "__main__":
    sys.exit(main())
