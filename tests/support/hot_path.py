"""The modules that the hook loads: exactly these, so that it starts as fast as it does."""

import subprocess
import sys

# Of Python's library, beyond what a bare interpreter has: each is built in or small.
STDLIB = {"__future__", "_blake2", "_json", "binascii", "errno", "fcntl", "gc", "select", "time"}


OWN = {
    "tokentrack",
    "tokentrack.__main__",
    "tokentrack.common",
    "tokentrack.common.fastjson",
    "tokentrack.common.redaction",
    "tokentrack.common.timestamps",
    "tokentrack.common.user_name",
    "tokentrack.config",
    "tokentrack.config.fields",
    "tokentrack.config.json_file",
    "tokentrack.config.sources",
    "tokentrack.config.tracker_config",
    "tokentrack.errors",
    "tokentrack.models",
    "tokentrack.models.columns",
    "tokentrack.models.transaction",
    "tokentrack.models.usage_record",
    "tokentrack.recorder",
    "tokentrack.recorder.completion",
    "tokentrack.recorder.event_fields",
    "tokentrack.recorder.events",
    "tokentrack.recorder.execution_state",
    "tokentrack.recorder.executions",
    "tokentrack.recorder.hook_run",
    "tokentrack.recorder.metadata",
    "tokentrack.recorder.payload",
    "tokentrack.recorder.recorder",
    "tokentrack.recorder.rows",
    "tokentrack.recorder.sweep",  # once an hour
    "tokentrack.recorder.tokens",
    "tokentrack.recorder.under_lock",
    "tokentrack.store",
    "tokentrack.store.append",
    "tokentrack.store.codec",
    "tokentrack.store.directory",
    "tokentrack.store.ledger",
    "tokentrack.store.lock",
    "tokentrack.store.paths",
    "tokentrack.store.pending",
    "tokentrack.store.registry",  # once an hour
    "tokentrack.store.spool",
    "tokentrack.workspace",
}


def bare():
    code = "import sys; print('\\n'.join(sys.modules))"
    result = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True)
    return set(result.stdout.decode().split())


HEAVY = {
    "argparse", "asyncio", "click", "collections", "contextlib", "csv", "ctypes", "dataclasses",
    "datetime", "enum", "filelock", "functools", "hashlib", "importlib", "inspect", "json",
    "jsonschema", "logging", "pathlib", "random", "re", "secrets", "shutil", "socket", "sqlite3",
    "subprocess", "tempfile", "threading", "typing", "unicodedata", "uuid",
}  # fmt: skip

# What `statusline` loads where nothing is new, see tests/cli/test_statusline.py.
STATUSLINE_STDLIB = {
    "__future__", "_collections", "_functools", "_json", "_operator", "_sqlite3", "collections",
    "errno", "functools", "gc", "itertools", "keyword", "operator", "reprlib", "time", "types",
}  # fmt: skip
STATUSLINE = {
    "tokentrack",
    "tokentrack.__main__",
    "tokentrack.common",
    "tokentrack.common.fastjson",
    "tokentrack.common.timestamps",
    "tokentrack.common.user_name",
    "tokentrack.config",
    "tokentrack.config.json_file",
    "tokentrack.errors",
    "tokentrack.kiro",
    "tokentrack.kiro.kiro_paths",
    "tokentrack.reports",
    "tokentrack.reports.allowance",
    "tokentrack.reports.calendar",
    "tokentrack.reports.credit_texts",
    "tokentrack.reports.current_use",
    "tokentrack.reports.index",
    "tokentrack.reports.index.day_totals",
    "tokentrack.reports.index.looks",
    "tokentrack.reports.index.quick_look",
    "tokentrack.reports.index.sqlite",
    "tokentrack.reports.index.tables",
    "tokentrack.reports.line_format",
    "tokentrack.reports.statusline",
    "tokentrack.reports.zones",
    "tokentrack.store",
    "tokentrack.store.archive_names",
    "tokentrack.store.directory",
    "tokentrack.store.paths",
    "tokentrack.store.registry",
    "tokentrack.workspace",
}
