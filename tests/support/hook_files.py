"""A workspace and a home in which hook files are installed and removed."""

import os
from pathlib import Path

from support import commands
from tokentrack.common.resources import read_text

IDE0 = [".kiro/hooks/token-tracking-start.kiro.hook", ".kiro/hooks/token-tracking.kiro.hook"]


V1 = ".kiro/hooks/tokentrack.json"


OURS = "tokentrack hook-run --event stop"


class Machine:
    """A workspace and an empty home, and the real command to run in them."""

    def __init__(self, folder: Path) -> None:
        self.home, self.root = folder / "home", folder / "ws"
        self.home.mkdir()
        self.root.mkdir()
        self.env = {"HOME": str(self.home), "PATH": os.defpath, "PYTHONUTF8": "1",
                    "XDG_STATE_HOME": str(folder / "state")}  # fmt: skip

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command, check its exit code and return all that it printed."""
        done = commands.run(arguments, self.root, self.env, code)
        return done.stdout + done.stderr

    def put(self, path: str, content: str | bytes = "") -> Path:
        """Write a file of the workspace, or with `~/` of the home."""
        target = self.at(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
        return target

    def at(self, path: str) -> Path:
        """Return the path of a file of the workspace, or with `~/` of the home."""
        return self.home / path[2:] if path.startswith("~/") else self.root / path

    def tree(self) -> dict[str, bytes | str | None]:
        """Return every path below workspace and home, with its bytes."""
        found: dict[str, bytes | str | None] = {}
        for path in sorted([*self.root.rglob("*"), *self.home.rglob("*")]):
            is_link = path.is_symlink()
            content = os.readlink(path) if is_link else None if path.is_dir() else path.read_bytes()
            found[str(path)] = content
        return found


def shipped(path):
    return read_text("hooks", os.path.basename(path)).encode()
