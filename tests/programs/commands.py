"""Run commands of tokentrack in forked children, for tests that run very many of them.

To start Python and import what a command needs takes ten times as long as most commands take. This
program imports everything once, and forks for each request. A child begins like a new process: all
that has happened in it are imports.

`python -m programs.commands` reads a JSON object per line: the `words` of the command, `cwd`,
`environ`, `umask`, and the files that take its `output` and its `errors`. It answers each with a
line, the exit code.
"""

from __future__ import annotations

import atexit
import importlib
import json
import os
import pkgutil
import signal
import sys
import time
import traceback
from typing import Any

import jsonschema  # noqa: F401  (validate-hooks loads it late)

import tokentrack

_SECONDS = 120  # only turns a hang into a failure


def main() -> None:
    for module in pkgutil.walk_packages(tokentrack.__path__, "tokentrack."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _become(json.loads(line))
        _, status = os.waitpid(pid, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)  # noqa: T201


def _become(request: dict[str, Any]) -> None:
    code = 1
    try:
        signal.alarm(_SECONDS)
        _set_streams(request)
        os.umask(request["umask"])
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environ"])
        time.tzset()
        sys.argv = ["tokentrack", *request["words"]]
        code = _run()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001  (the child ends here, whatever it was)
        traceback.print_exc()
    finally:
        os._exit(code)


def _set_streams(request: dict[str, Any]) -> None:
    write = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND
    for number, (path, flags) in enumerate((
        (os.devnull, os.O_RDONLY), (request["output"], write), (request["errors"], write),
    )):  # fmt: skip
        descriptor = os.open(path, flags, 0o600)
        os.dup2(descriptor, number)
        os.close(descriptor)
    # As in the C locale, which a test's environment has.
    sys.stdin = open(0, encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")


def _run() -> int:
    from tokentrack.__main__ import main as run_command

    try:
        code: object = run_command()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  (what Python does with it at the end of a program)
        traceback.print_exc()
        return 1
    if isinstance(code, int) or code is None:
        return code or 0
    print(code, file=sys.stderr)  # noqa: T201
    return 1


if __name__ == "__main__":
    main()
