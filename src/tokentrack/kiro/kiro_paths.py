"""Where Kiro keeps its files: Linux, macOS and Windows, and a remote machine's server."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

# The CLI's folder, and its name while it was Amazon Q Developer CLI.
_CLI_NAMES = ("kiro-cli", "amazon-q")


class KiroPaths:
    """Where one user's Kiro files can be, whether or not they exist; the most likely path first.

    Attributes:
        sessions: folders with `<bucket>/sess_<uuid>/` of the v1 engine.
        cli_sessions: folders with `<uuid>.json` of the CLI 2.x.
        cli_databases: files `data.sqlite3` of the CLI.
        ide_users: folders `User` of IDE 0.x, with `globalStorage` and `workspaceStorage`.
    """

    __slots__ = ("_path", "cli_databases", "cli_sessions", "ide_users", "sessions")

    def __init__(self, environ: Mapping[str, str], platform: str = sys.platform) -> None:
        """Derive the paths from a user's environment.

        `platform` is a value of `sys.platform`; anything but `win32` and `darwin` is Linux.
        """
        if platform == "win32":
            import ntpath as path
        else:
            import posixpath as path  # type: ignore[no-redef]  # either has the same functions
        self._path = path
        home = _home(environ, platform)
        kiro_homes = self._distinct([environ.get("KIRO_HOME", ""), path.join(home, ".kiro")])
        self.sessions = [path.join(folder, "sessions") for folder in kiro_homes]
        self.cli_sessions = [path.join(folder, "cli") for folder in self.sessions]
        data = self._data_folder(environ, platform, home)
        self.cli_databases = [path.join(data, name, "data.sqlite3") for name in _CLI_NAMES]
        self.ide_users = [
            path.join(self._config_folder(environ, platform, home), "Kiro", "User"),
            path.join(home, ".kiro-server", "data", "User"),
        ]

    @property
    def ide_storages(self) -> list[str]:
        """The folders where IDE 0.x keeps executions."""
        return [self._path.join(u, "globalStorage", "kiro.kiroagent") for u in self.ide_users]

    @property
    def account_databases(self) -> list[str]:
        """The files where the IDE keeps the account's credits."""
        return [self._path.join(u, "globalStorage", "state.vscdb") for u in self.ide_users]

    def _distinct(self, folders: list[str]) -> list[str]:
        normal = [self._path.normpath(folder) for folder in folders if folder]
        return list(dict.fromkeys(normal))

    def _absolute(self, environ: Mapping[str, str], name: str, default: str) -> str:
        # The XDG specification says to ignore relative paths.
        folder = environ.get(name, "")
        return folder if self._path.isabs(folder) else default

    def _data_folder(self, environ: Mapping[str, str], platform: str, home: str) -> str:
        join = self._path.join
        if platform == "win32":
            return self._absolute(environ, "LOCALAPPDATA", join(home, "AppData", "Local"))
        if platform == "darwin":
            return join(home, "Library", "Application Support")
        return self._absolute(environ, "XDG_DATA_HOME", join(home, ".local", "share"))

    def _config_folder(self, environ: Mapping[str, str], platform: str, home: str) -> str:
        join = self._path.join
        if platform == "win32":
            return self._absolute(environ, "APPDATA", join(home, "AppData", "Roaming"))
        if platform == "darwin":
            return join(home, "Library", "Application Support")
        return self._absolute(environ, "XDG_CONFIG_HOME", join(home, ".config"))


def _home(environ: Mapping[str, str], platform: str) -> str:
    import os

    names = ("USERPROFILE", "HOME") if platform == "win32" else ("HOME",)
    found = next((environ[name] for name in names if environ.get(name)), "")
    return found or os.path.expanduser("~")
