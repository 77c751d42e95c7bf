"""Run the commands in docs/reports.md and README.md over synthetic data, and write their output.

Below a line `<!-- demo -->`, a console block has commands and what they print. They run in a home
with the imported history of `make_demo.py`, at a fixed time, in 80 columns. With --check, write
nothing, and exit with 1 if a page is not up to date.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests"))

from support.kiro_homes.demo import write_demo  # noqa: E402  (it is found by the line above)

PAGES = (ROOT / "docs" / "reports.md", ROOT / "README.md")
NOW = datetime(2026, 11, 27, 18, tzinfo=UTC)
PLAN = ("plan", "set", "pro")
_BLOCK = re.compile(r"(?<=<!-- demo -->\n```console\n)(.*?)(?=^```$)", re.MULTILINE | re.DOTALL)
_PROMPT = "$ "
# The clock stands still, so that the pages are the same every day.
_FROZEN = """
import sys, time
now = int(sys.argv[1])
time.time_ns = lambda: now
sys.argv = ["tokentrack", *sys.argv[2:]]
"""
_COMMAND = """
from tokentrack.__main__ import main
main()
"""


class Demo:
    """A home of Kiro's with synthetic turns, and `tokentrack` in it at a fixed time.

    Attributes:
        home: the home folder.
        kiro: what `write` returned: what is in it.
        environ: the environment of the commands.
    """

    def __init__(self, home: Path, write: Callable[[Path, datetime], Any] = write_demo) -> None:
        """Write the home's files, import them and set a plan.

        Args:
            home: the home folder.
            write: writes Kiro's files, none later than a time.
        """
        self.home = home
        self.environ = {
            "HOME": str(home), "PATH": "", "TZ": "UTC", "USER": "ada", "COLUMNS": "80",
            "PYTHONUTF8": "1",
        }  # fmt: skip
        self.kiro = write(home, NOW)
        self.run("import", "--all")
        self.run(*PLAN)

    def run(self, *words: str) -> str:
        """Return what a command prints, without blanks at the end of its lines."""
        return self.execute(_COMMAND, *words)

    def execute(self, code: str, *words: str) -> str:
        """Return what Python code prints, in an interpreter whose clock stands still."""
        done = subprocess.run(
            [sys.executable, "-c", _FROZEN + code, str(int(NOW.timestamp()) * 10**9), *words],
            cwd=self.home,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"tokentrack {shlex.join(words)} failed: {done.stderr}")
        return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def with_output(page: str, demo: Demo) -> str:
    """Return a page with the output of the commands in its demo blocks."""
    return _BLOCK.sub(lambda block: _outputs(block[1], demo), page)


def _outputs(block: str, demo: Demo) -> str:
    commands = [line for line in block.splitlines() if line.startswith(_PROMPT)]
    outputs = []
    for command in commands:
        _, *words = shlex.split(command.removeprefix(_PROMPT), comments=True)
        outputs.append(f"{command}\n{demo.run(*words)}")
    return "\n".join(outputs)


def main() -> int:
    """Write or check the pages."""
    stale = 0
    with tempfile.TemporaryDirectory(prefix="tokentrack-docs-") as folder:
        demo = Demo(Path(folder))
        for path in PAGES:
            page = path.read_text(encoding="utf-8")
            made = with_output(page, demo)
            if made == page:
                continue
            if sys.argv[1:] == ["--check"]:
                print(f"{path.relative_to(ROOT)} is stale: run scripts/make_report_docs.py")
                stale = 1
            else:
                path.write_text(made, encoding="utf-8")
    return stale


if __name__ == "__main__":
    sys.exit(main())
