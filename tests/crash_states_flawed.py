"""The controls of the replay: recordings of writers with one flaw each, in `flawed`."""

from __future__ import annotations

from crash_states_case import Case, function
from crash_states_hook import Append
from crash_states_maintenance import Compress, Prune


class Unsynced(Append):
    environ = ("durability=none",)


class RewriteInPlace(Prune):
    steps = (function("flawed:rewrite_in_place"),)
    again = Prune.steps


class RewriteUnsynced(RewriteInPlace):
    steps = (function("flawed:rewrite_unsynced"),)


class Unseen(RewriteInPlace):
    steps = (function("flawed:write_unseen"),)


class CompressUnsynced(Compress):
    steps = (function("flawed:compress_unsynced"),)
    again = Compress.steps


CASES: dict[str, type[Case]] = {
    "no fsync": Unsynced, "rewrite in place": RewriteInPlace,
    "rename without fsync": RewriteUnsynced, "compress without fsync": CompressUnsynced,
}  # fmt: skip
