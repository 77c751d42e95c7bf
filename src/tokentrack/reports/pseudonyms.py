"""`--redact`: stable pseudonyms in place of names, and no texts.

A pseudonym is the HMAC-SHA256 of a name with a key that only this user has, so it can't be found
by trying names. It is the same in every answer as long as the key exists.
"""

from __future__ import annotations

import hmac
import os
import re
import secrets
from typing import TYPE_CHECKING, Any

from tokentrack.errors import FileSystemError
from tokentrack.models.columns import COMPLETED, STARTED
from tokentrack.reports.dimensions import TAG_KEY
from tokentrack.store.registry import open_state_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tokentrack.reports.answer import Answer
    from tokentrack.reports.turns.one_turn import OneTurn

KEY_NAME = "pseudonyms.key"
_KEY_BYTES = 32
_FEW, _MANY = 6, 12  # hexadecimal digits
# What a pseudonym begins with, by dimension; of these, one user can have very many.
_KINDS = {
    name: name
    for name in ("workspace", "session", "user", "machine", "hook", "pattern", "tag", "message")
}
_MANY_OF = frozenset({"session", "message", "turn"})
# What rows have for the events that end and start a turn; a hook can hand over any other text.
_TRIGGERS = frozenset({COMPLETED, STARTED, "manual"})
_NO_TEXT = ("prompt", "message", "source_id")
_NO_LIST = ("patterns", "tags")
_OUR_FILE = re.compile(r"token_(?:transactions|usage)[0-9_]*\.csv(?:\.gz)?")


def pseudonym_key(environ: Mapping[str, str]) -> bytes:
    """Return the user's key; the first call makes it.

    Raises:
        FileSystemError: it can't be read or written.
    """
    try:
        with open_state_folder(environ, create=True) as folder:
            if not folder.has(KEY_NAME):
                try:
                    folder.create(KEY_NAME, secrets.token_bytes(_KEY_BYTES), durable=True)
                except FileExistsError:
                    pass  # another process was faster
            key: bytes = folder.read(KEY_NAME, _KEY_BYTES + 1)
            where = folder.path
    except OSError as error:
        raise FileSystemError(
            f"the key of the pseudonyms can't be stored in your state folder: {error.strerror}"
        ) from error
    if len(key) != _KEY_BYTES:
        raise FileSystemError(
            f"{os.path.join(where, KEY_NAME)} is not a key of {_KEY_BYTES} bytes: remove it"
        )
    return key


class Pseudonyms:
    """Replaces names by pseudonyms."""

    def __init__(self, key: bytes) -> None:
        """Take the key of `pseudonym_key`."""
        self._key = key

    def name(self, kind: str, text: str) -> str:
        """Return the pseudonym of a name, such as `workspace-3f9a2c`; an empty name has none."""
        if not text:
            return text
        data = f"{kind}\0{text}".encode("utf-8", "surrogatepass")
        digits = hmac.digest(self._key, data, "sha256").hex()
        return f"{kind}-{digits[: _MANY if kind in _MANY_OF else _FEW]}"

    def label(self, dimension: str, value: Any) -> Any:
        """Return the value of a dimension without names and texts."""
        if not isinstance(value, str):
            return value
        if dimension.startswith(TAG_KEY):
            return self.name("tag", value)
        if dimension == "trigger":
            return value if value in _TRIGGERS else self.name(dimension, value)
        return self.name(_KINDS[dimension], value) if dimension in _KINDS else value

    def answer(self, answer: Answer) -> Answer:
        """Redact an answer's rows, filters and the files that it names; return it."""
        query = answer.query
        answer.rows = [
            {name: self.label(name, value) for name, value in row.items()} if query.by
            else self.turn(row)
            for row in answer.rows
        ]  # fmt: skip
        sort = query.sort.removeprefix("-")
        if sort in query.by and (sort in _KINDS or sort.startswith(TAG_KEY)):
            # The order of the names would tell of them.
            answer.rows.sort(key=lambda row: row[sort] or "", reverse=query.sort.startswith("-"))
            answer.rows.sort(key=lambda row: row[sort] is None)
        where = {name: self._filter(name, values) for name, values in query.where.items()}
        answer.query = query._replace(where=where)
        answer.provenance["skipped"] = [
            {**row, "file": self.file(row["file"]), "reason": without_path(row["reason"])}
            for row in answer.provenance["skipped"]
        ]
        answer.unreadable = {
            self.file(path): without_path(why) for path, why in answer.unreadable.items()
        }
        return answer

    def turn(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a turn without names and texts."""
        found = {name: self.label(name, value) for name, value in row.items()}
        found |= {name: None for name in _NO_TEXT if name in row}
        found |= {name: [] for name in _NO_LIST if name in row}
        if "id" in row:
            # Digits alone, of which lists show the first.
            found["id"] = self.name("turn", row["id"]).removeprefix("turn-")
        return found

    def one_turn(self, found: OneTurn) -> OneTurn:
        """Return a turn with its fields and rows without names and texts."""
        values = self.turn({name: fact["value"] for name, fact in found.fields.items()})
        fields = {
            name: {**fact, "value": values[name], "file": fact["file"] and self.file(fact["file"])}
            for name, fact in found.fields.items()
        }
        rows = [{**row, "file": self.file(row["file"])} for row in found.rows]
        return found._replace(turn=self.turn(found.turn), fields=fields, rows=rows)

    def file(self, path: str) -> str:
        """Return a file's path with a pseudonym in place of its folder, and of a name not ours."""
        folder, name = os.path.split(path)
        if _OUR_FILE.fullmatch(name):
            return f"{self.name('folder', folder)}/{name}"
        return self.name("file", path)

    def _filter(self, name: str, values: Iterable[str]) -> tuple[str, ...]:
        return tuple([
            f"!{self.label(name, value[1:])}" if value.startswith("!") else self.label(name, value)
            for value in values
        ])  # fmt: skip


def without_path(reason: str) -> str:
    """Return why a file can't be read, without the path that an error of the system names."""
    return "it can't be read" if os.sep in reason or "/" in reason else reason
