"""The paths of a ledger and of the files and folders next to it."""

from __future__ import annotations

import os

from tokentrack.store.directory import Directory

TYPE_CHECKING = False  # `typing` costs the hook 7 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

LEDGER_NAME = "token_transactions.csv"
USAGE_NAME = "token_usage.csv"
STATE_NAME = ".tokentrack"
KIRO_FOLDER = ".kiro"
INDEX_NAME = "index.db"

_IGNORE = ".gitignore"
_IGNORED = b".kiro/.tokentrack"  # in the block that `init` writes
_MAX_IGNORE = 64 * 1024
_RULES = b"# Records of tokentrack, which quote prompts.\n*.csv*\n.tokentrack*/\n.gitignore\n"


# The remainder by a prime depends on every byte, and needs no import as a checksum would.
_PRIME = 2**61 - 31


def digest(text: str) -> str:
    """Return 16 hexadecimal digits to tell texts apart; not safe against forgery."""
    return f"{int.from_bytes(text.encode('utf-8', 'surrogatepass'), 'big') % _PRIME:016x}"


class LedgerPaths:
    """A ledger and the files and folders that belong to it.

    Attributes:
        base: a trusted folder: the workspace's root or one that the user chose.
        folders: the folders from the base to the ledger; none of them may be a link.
        ledger: the ledger's file name.
        chosen: if only some of its files are meant: whether each is a usage ledger, and its name.
    """

    chosen: tuple[tuple[bool, str], ...] = ()
    __slots__ = ("base", "folders", "ledger")

    def __init__(self, base: str, folders: tuple[str, ...], ledger: str) -> None:
        self.base = base
        self.folders = folders
        self.ledger = ledger

    @property
    def folder(self) -> str:
        """The path of the ledger's folder."""
        return os.path.join(self.base, *self.folders)

    @property
    def path(self) -> str:
        """The ledger's path."""
        return os.path.join(self.folder, self.ledger)

    @property
    def usage(self) -> str:
        """The file name of the usage ledger."""
        if self.ledger == LEDGER_NAME:
            return USAGE_NAME
        return f"{self.ledger.removesuffix('.csv')}_usage.csv"

    @property
    def lock(self) -> str:
        """The lock's file name."""
        return f"{self.ledger}.lock"

    @property
    def state(self) -> str:
        """The name of the folder for the spool, the quarantine, the log and open executions."""
        return STATE_NAME if self.ledger == LEDGER_NAME else f"{STATE_NAME}-{self.ledger}"

    def open_state(self, folder: Directory) -> Directory:
        """Open the folder of state in the ledger's folder, or create it, ignored by git.

        Raises:
            OSError: it can't be opened or created, or is a link.
        """
        try:
            return folder.child(self.state)
        except FileNotFoundError:
            state = folder.child(self.state, create=True)
        try:
            state.create(_IGNORE, b"*\n", durable=False)
        except OSError:
            pass  # another process was faster; or it can't be written, which must not cost a row
        if self.folders == (KIRO_FOLDER,):
            self._keep_out_of_git(folder)
        return state

    def _keep_out_of_git(self, folder: Directory) -> None:
        # `init` does this for its workspace; hooks of the user record in others too.
        try:
            with Directory.open(self.base) as base:
                if base.has(_IGNORE) and _IGNORED in base.read(_IGNORE, _MAX_IGNORE):
                    return
            folder.create(_IGNORE, _RULES, durable=False)
        except OSError:
            pass  # the folder has its own rules, or can't be written

    def open_folder(self, *, create: bool) -> Directory:
        """Open the ledger's folder.

        Raises:
            OSError: it is missing, can't be created, or is a link.
        """
        # The base is created only where it is the ledger's own folder, in the user's home.
        base = Directory.open(self.base, create=create and not self.folders)
        return base.descend(self.folders, create=create)


def workspace_paths(root: str, ledger_path: str) -> LedgerPaths:
    """Return the paths of a workspace's ledger, whose path may be relative to the root."""
    if os.path.isabs(ledger_path):
        folder, name = os.path.split(ledger_path)
        return LedgerPaths(folder, (), name)
    *folders, name = (
        ledger_path.replace("\\", "/").split("/") if os.name == "nt" else ledger_path.split("/")
    )
    return LedgerPaths(root, tuple([part for part in folders if part not in ("", ".")]), name)


def user_paths(user_folder: str) -> LedgerPaths:
    """Return the paths of the ledger for events outside any workspace."""
    return LedgerPaths(user_folder, (), LEDGER_NAME)


def state_folder(environ: Mapping[str, str]) -> str:
    """Return the user's own folder for state: what may be lost with the machine.

    `$XDG_STATE_HOME/tokentrack`, by default `~/.local/state/tokentrack`; on Windows it is below
    `%LOCALAPPDATA%`. As the specification says, a relative `$XDG_STATE_HOME` is ignored.
    """
    parent = environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(parent) and os.name == "nt":
        parent = environ.get("LOCALAPPDATA", "")
    if not os.path.isabs(parent):
        home = environ.get("HOME") or os.path.expanduser("~")
        parent = os.path.join(home, ".local", "state")
    return os.path.join(parent, "tokentrack")


def index_path(environ: Mapping[str, str]) -> str:
    """Return the path of the index over all of the user's ledgers, which may be deleted."""
    return os.path.join(state_folder(environ), INDEX_NAME)


def rescue_folder(paths: LedgerPaths, environ: Mapping[str, str]) -> str:
    """Return the user's folder for events that can't be written to a ledger's folder."""
    tail = "".join([c if c.isalnum() and c.isascii() else "-" for c in paths.path[-60:]])
    return os.path.join(state_folder(environ), f"{digest(paths.path)}{tail}")
