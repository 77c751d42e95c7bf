"""The controls of the replay: recordings of writers with one flaw each, in `flawed`."""

from __future__ import annotations

from programs.crash_states.case import Case, function
from programs.crash_states.hook import Append
from programs.crash_states.maintenance import Compress, Prune


class Unsynced(Append):
    environ = ("durability=none",)


class RewriteInPlace(Prune):
    steps = (function("support.flawed:rewrite_in_place"),)
    again = Prune.steps


class RewriteUnsynced(RewriteInPlace):
    steps = (function("support.flawed:rewrite_unsynced"),)


class Unseen(RewriteInPlace):
    steps = (function("support.flawed:write_unseen"),)


class CompressUnsynced(Compress):
    steps = (function("support.flawed:compress_unsynced"),)
    again = Compress.steps


CASES: dict[str, type[Case]] = {
    "no fsync": Unsynced, "rewrite in place": RewriteInPlace,
    "rename without fsync": RewriteUnsynced, "compress without fsync": CompressUnsynced,
}  # fmt: skip
