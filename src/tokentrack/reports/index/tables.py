"""The tables of the index.

`turn` has one row for each execution: first what its ledger row says, then what its usage rows
say, merged. A `place` is where a row is: the number of its segment, times 2^40, plus its offset.
An execution that no ledger row names is a turn only if a program tracked it (`at` is null
otherwise). `ledger` is 0 for an execution with rows in several ledgers; `part` has its rows of
each ledger, merged in the same way, for the answers about one ledger.
Credits are three integers: units of 10^-7, 10^-18 and 10^-27.
"""

from __future__ import annotations

VERSION = 8
# "ttrk": so that another program's database is not taken for ours.
APPLICATION = 0x7474726B
PLACE_BITS = 40
# Bits of the number of a ledger kind.
FAILED, IMPORTED = 1, 2
# Bits of the number of a usage kind; the lowest two are the basis of the tokens.
BASIS_MASK, TRACKED = 3, 4
UNKNOWN_BASIS, ESTIMATED_BASIS = 0, 2
# A request that a program tracked, which no row of a ledger names.
IS_REQUEST = f"kind is null and usage_kind & {TRACKED}"

# Of the turns whose tokens and time are both known, by which rates are worked out.
TIMED_TOKENS = "case when micros > 0 then tokens end"
TIMED_MICROS = "case when tokens is not null then micros end"
# Of the turns, or of totals by kind, whose tokens are estimated, or of which that is not known.
ESTIMATED_TOKENS, UNKNOWN_TOKENS = (
    f"case when ifnull(usage_kind, 0) & {BASIS_MASK} = {basis} then tokens end"
    for basis in (ESTIMATED_BASIS, UNKNOWN_BASIS)
)

_TURN = """
    at integer, ledger integer, kind integer, usage_kind integer, tokens integer,
    micros integer, a integer, b integer, c integer, session integer, usage_session integer,
    message integer, patterns integer, tags integer, input integer, output integer,
    cached integer, place integer, copies integer not null default 0, recorded_at integer,
    usage_place integer, superseded integer not null default 0
"""
_SUMS = """
    turns integer, known integer, a integer, b integer, c integer, tokens integer,
    micros integer, timed integer, timed_tokens integer, timed_micros integer,
    copies integer, superseded integer, over_a integer, over_b integer, over_c integer
"""
# What the kinds of turns tell about those that are summed over them.
_KINDS = """
    reported integer, estimated integer, tracked integer, estimated_tokens integer,
    unknown_tokens integer
"""
SCHEMA = (
    "create table meta (key text primary key, value) without rowid",
    """create table segment (
        n integer primary key, path blob not null, usage integer not null, name blob not null,
        inode integer, size integer, mtime integer, ctime integer, is_trusted integer,
        bytes integer, lines integer, crc integer, rows integer, is_open integer, problem text)""",
    "create table ledger (n integer primary key, path blob unique not null)",
    "create table skipped (segment integer, line integer, reason text)",
    "create table word (n integer primary key, hash integer unique, text blob)",
    """create table ledger_kind (
        n integer primary key, workspace integer, trigger integer, hook integer)""",
    """create table usage_kind (
        n integer primary key, surface integer, model integer, token_basis integer,
        credits_basis integer, source integer, user integer, machine integer)""",
    f"create table turn (id integer primary key, {_TURN})",
    f"create table part (id integer, {_TURN}, primary key (ledger, id)) without rowid",
    """create table link (
        hash integer, source integer, id integer, other integer,
        primary key (hash, source)) without rowid""",
    "create table alias (id integer primary key, root integer)",
    """create table reset (
        ledger integer, session integer, place integer,
        primary key (ledger, session)) without rowid""",
)
# Sums by local day, and by month, which is its first day; only in an index that is kept. `over` is
# the part of the credits that is beyond the plan, and `crossing` has the turns that are partly so.
# A slot is half an hour, counted from the year 1; so days of most other zones are whole slots.
TOTALS = (
    f"""create table date_total (
        day integer, failed integer, {_SUMS}, {_KINDS}, primary key (day, failed)) without rowid""",
    f"""create table session_total (
        session integer, day integer, message integer, failed integer, {_SUMS}, {_KINDS},
        primary key (session, day, message, failed)) without rowid""",
    f"""create table message_total (
        message integer, day integer, failed integer, {_SUMS}, {_KINDS},
        primary key (message, day, failed)) without rowid""",
    f"""create table slot_total (
        slot integer, failed integer, {_SUMS}, {_KINDS},
        primary key (slot, failed)) without rowid""",
    f"""create table day_total (
        day integer, ledger integer, kind integer, usage_kind integer, {_SUMS},
        primary key (day, ledger, kind, usage_kind)) without rowid""",
    f"""create table month_total (
        month integer, ledger integer, kind integer, usage_kind integer, {_SUMS},
        primary key (month, ledger, kind, usage_kind)) without rowid""",
    # Of the tracked requests alone, which have the kinds of tokens by which they are priced.
    """create table request_total (
        day integer, ledger integer, kind integer, usage_kind integer, turns integer,
        input integer, output integer, cached integer,
        primary key (day, ledger, usage_kind)) without rowid""",
    """create table crossing (
        day integer, at integer, id integer primary key, a integer, b integer, c integer)""",
)
TIME_INDEX = "create index turn_at on turn (at)"
STAGING = (
    """create temp table new_row (
        id integer, ordering integer, place integer, ledger integer, kind integer,
        tokens integer, micros integer, session integer, message integer, patterns integer)""",
    """create temp table new_usage (
        id integer, at integer, place integer, ledger integer, kind integer, session integer,
        tags integer, a integer, b integer, c integer, link integer, source integer)""",
    """create temp table new_counts (
        place integer primary key, input integer, output integer, cached integer)""",
    """create temp table new_node (
        id integer, ledger integer, link integer, source integer)""",
    """create temp table new_reset (ledger integer, session integer, place integer)""",
)
STAGED = ("new_row", "new_usage", "new_counts", "new_node", "new_reset")
STAGED_IDS = "(select id from new_row union select id from new_usage)"
