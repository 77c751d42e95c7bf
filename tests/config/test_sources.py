"""The configuration: where it comes from, what a workspace may say, and what errors cost."""

import pytest

from tokentrack.config.fields import FIELDS
from tokentrack.config.sources import is_confined
from tokentrack.models import TrackerConfig

STOP = {"hook_event_name": "Stop", "session_id": "s1"}
PREFIX = "KIRO_TOKEN_TRACKER_"
NAME = "token_tracker_config.json"

# A value of each field that is not its default, as JSON has it and as a variable has it.
OTHERS = {
    "bool": lambda field: (not field.default, str(not field.default).lower()),
    "int": lambda field: (field.default + 1, str(field.default + 1)),
    "float": lambda field: (field.default / 2, str(field.default / 2)),
    "text": lambda field: (
        next((c for c in field.choices if c != field.default), "other"),
        next((c.lower() for c in field.choices if c != field.default), "other"),
    ),
    "path": lambda _: (".kiro/other.csv", ".kiro/other.csv"),
    "name": lambda _: ("", ""),
    "names": lambda _: (["a", "b"], " a, b,"),
}


ORDER = [
    ("arguments", {"hook_name": "arguments"}),
    ("environment", {PREFIX + "HOOK_NAME": "environment"}),
    ("workspace", {"hook_name": "workspace"}),
    ("hook", {"hook_name": "hook"}),
    ("user_file", {"hook_name": "user_file"}),
]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_sources_have_their_order(sources, first):
    config, problems = sources(**dict(ORDER[first:]))
    assert (config.hook_name, problems) == (ORDER[first][0], [])


def test_without_sources_the_defaults_are_in_force(sources):
    assert sources() == (TrackerConfig(), [])


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_has_a_variable(sources, name):
    value, text = OTHERS[FIELDS[name].kind](FIELDS[name])
    config, problems = sources(environment={PREFIX + name.upper(): text})
    assert problems == []
    assert config.to_dict() == {**TrackerConfig().to_dict(), name: value}


@pytest.mark.parametrize("source", ["user_file", "arguments"])
@pytest.mark.parametrize("name", FIELDS)
def test_every_field_can_come_from_the_user(sources, source, name):
    value, _ = OTHERS[FIELDS[name].kind](FIELDS[name])
    config, problems = sources(**{source: {name: value}})
    assert problems == []
    assert config.to_dict()[name] == value


def wrong_values(field):
    """Return values that a field must refuse, as JSON has them."""
    wrong = [{}, [1], 5, "x" * 257] if field.kind == "name" else [None, {}, [1]]
    if field.kind != "bool":
        wrong += [True] if field.kind != "names" else ["a"]
    if field.minimum is not None:
        wrong += [field.minimum - 1, field.maximum + 1, 10**400, float("nan"), float("inf"), "1"]
    if field.choices:
        wrong += ["no choice", ""]
    if field.kind == "path":
        wrong += ["", "a\0b", 5]
    return wrong


@pytest.mark.parametrize("name", FIELDS)
def test_a_wrong_value_falls_back_to_the_next_source(sources, name):
    good, _ = OTHERS[FIELDS[name].kind](FIELDS[name])
    for wrong in wrong_values(FIELDS[name]):
        config, problems = sources(arguments={name: wrong}, user_file={name: good})
        assert config.to_dict()[name] == good, wrong
        (problem,) = problems
        assert name in problem
        assert len(problem) < 400


@pytest.mark.parametrize("name", FIELDS)
def test_a_wrong_value_in_a_value_is_a_problem_of_validate(name):
    for wrong in wrong_values(FIELDS[name]):
        (problem,) = TrackerConfig(**{name: wrong}).validate()
        assert name in problem


@pytest.mark.parametrize(
    ("field", "text"),
    [("ENABLED", "maybe"), ("MAX_PROMPT_LENGTH", "ten"), ("MAX_PROMPT_LENGTH", "9" * 5000),
     ("STALE_EXECUTION_HOURS", "nan"), ("LOG_LEVEL", "loud"), ("HOOK_NAME", ""),
     ("RETENTION_DAYS", "-1"), ("DURABILITY", "some")],
)  # fmt: skip
def test_a_variable_that_cannot_be_read_is_a_problem(sources, field, text):
    config, problems = sources(environment={PREFIX + field: text})
    assert config == TrackerConfig()
    assert len(problems) == 1


def test_all_problems_are_reported_at_once(sources):
    _, problems = sources(
        workspace={"enabled": "yes", "retention_days": 0, "csv_file_path": "/etc/passwd"},
        environment={PREFIX + "LOG_LEVEL": "loud"},
        user_file=b"{ not JSON",
        hook={"durability": 5},
    )
    assert len(problems) == 5
    assert len(sources.ignored()) == 1


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b"1" * 5000, b"x" * 2**20 + b"x"]
)
def test_a_broken_file_leaves_the_other_sources(sources, data):
    config, problems = sources(workspace=data, user_file={"hook_name": "mine"})
    assert config.hook_name == "mine"
    assert len(problems) == 1


def test_a_file_may_have_a_byte_order_mark(sources):
    assert sources(workspace=b'\xef\xbb\xbf{"hook_name": "a"}')[0].hook_name == "a"


OUTSIDE = [
    "/etc/passwd", "../outside.csv", ".kiro/../outside.csv", "other/ledger.csv", "ledger.csv",
    ".kiro", ".kiro/", ".kiro//a.csv", ".kiro/./a.csv", "./.kiro/a.csv", ".kiro\\..\\..\\a.csv",
    "C:\\a.csv", "C:a.csv", ".kiro/a.csv:stream", "\\\\server\\share\\a.csv", "~/a.csv", ".KIRO/a",
]  # fmt: skip
# What Kiro or this program would take for something else, or git would not ignore.
NOT_FOR_LEDGERS = [
    ".kiro/steering/new.md", ".kiro/hooks/new.json", ".kiro/settings/mcp.json", ".kiro/specs/a.csv",
    ".kiro/new.md", ".kiro/token_usage.csv", ".kiro/Token_Usage.csv", ".kiro/token_usage_1.csv",
    ".kiro/token_transactions_backup_20260101_000000.csv", ".kiro/TOKEN_TRANSACTIONS.csv",
    ".kiro/token_tracker_config.json", ".kiro/.tokentrack/spool/new/x", ".kiro/.tokentrack.csv",
    ".kiro/.csv", ".kiro/a.csv\n!x.csv", ".kiro/a.CSV", ".kiro\\a.csv", ".kiro/deep/er/a.csv",
]  # fmt: skip


@pytest.mark.parametrize("path", [*OUTSIDE, *NOT_FOR_LEDGERS])
@pytest.mark.parametrize("source", ["workspace", "hook"])
def test_a_workspace_can_name_no_other_place_for_its_ledger(sources, source, path):
    config, problems = sources(**{source: {"csv_file_path": path}})
    assert config.ledger_path == ".kiro/token_transactions.csv"
    assert len([*problems, *sources.ignored()]) == 1
    assert not is_confined(path)


@pytest.mark.parametrize(
    "path", [".kiro/a.csv", ".kiro/token_transactions.csv", ".kiro/with space.csv", ".kiro/ü.csv"]
)
def test_a_workspace_can_name_a_ledger_in_its_kiro_folder(machine, path):
    machine.configure(csv_file_path=path)
    machine.hook(STOP)
    assert (machine.root / path).exists()
    assert machine.log() == ""


@pytest.mark.parametrize("trusted", ["environment", "user_file", "arguments"])
def test_the_user_can_name_what_a_workspace_can_not(sources, trusted):
    name = PREFIX + "CSV_FILE_PATH" if trusted == "environment" else "csv_file_path"
    config, problems = sources(**{trusted: {name: ".kiro/deep/a.csv"}})
    assert (config.ledger_path, problems) == (".kiro/deep/a.csv", [])


def test_the_user_can_name_a_ledger_anywhere(machine, tmp_path):
    path = tmp_path / "elsewhere" / "all.csv"
    machine.hook(STOP, env={PREFIX + "CSV_FILE_PATH": str(path)})
    assert path.exists()
    assert (tmp_path / "elsewhere" / "all_usage.csv").exists()


def test_a_link_in_the_workspace_leads_nowhere(machine, tmp_path):
    (tmp_path / "outside").mkdir()
    (machine.folder / "deep").symlink_to(tmp_path / "outside")
    machine.hook(STOP, env={PREFIX + "CSV_FILE_PATH": ".kiro/deep/a.csv"})
    assert list((tmp_path / "outside").iterdir()) == []


@pytest.mark.parametrize(
    "data",
    [b"{", b'{"csv_file_path": ""}', b'{"max_prompt_length": "many"}', b"\xff" * 100,
     b'{"enabled": "no", "durability": 1, "log_level": "info"}', b"[" * 100_000, b""],
)  # fmt: skip
def test_a_broken_configuration_is_a_warning_and_costs_no_row(machine, data):
    (machine.folder / NAME).write_bytes(data)
    machine.hook(STOP)
    assert machine.row()["session_id"] == "s1"
    assert " WARNING " in machine.log()


@pytest.mark.parametrize("field", ["enabled", "hook_enabled"])
def test_what_is_turned_off_records_nothing(machine, field):
    machine.configure(**{field: False})
    for event in ("UserPromptSubmit", "Stop"):
        machine.send(event)
    assert list(machine.folder.iterdir()) == [machine.folder / NAME]


def test_the_prompt_is_stored_as_far_as_configured(machine):
    machine.hook({**STOP, "prompt": "x" * 50}, env={PREFIX + "MAX_PROMPT_LENGTH": "30"})
    prompt = machine.row()["prompt_text"]
    assert len(prompt) <= 30
    assert prompt.startswith("xx")
    assert machine.row()["tokens_used"] == "2"


def test_no_prompt_is_stored_when_none_is_wanted(machine):
    machine.configure(max_prompt_length=0)
    machine.send("UserPromptSubmit", prompt="SECRET-TEXT")
    stored = b"".join(path.read_bytes() for path in machine.folder.rglob("*") if path.is_file())
    assert b"SECRET-TEXT" not in stored
    machine.send("Stop")
    assert machine.row()["prompt_text"] == ""


def test_a_workspace_that_wants_hook_files_cannot_make_the_hook_write_them(machine):
    machine.configure(auto_create_hooks=True)
    machine.hook(STOP)
    assert machine.row()["session_id"] == "s1"
    assert not (machine.folder / "hooks").exists()


def test_no_estimate_is_made_when_none_is_wanted(machine):
    machine.configure(estimate_tokens=False)
    machine.hook({**STOP, "prompt": "some text"})
    assert (machine.row()["tokens_used"], machine.usage()[0]["token_basis"]) == ("0", "unknown")


def test_folders_are_not_made_when_that_is_not_wanted(machine):
    machine.folder.rmdir()
    off = {PREFIX + "AUTO_CREATE_DIRECTORIES": "false"}
    machine.hook({**STOP, "cwd": str(machine.root)}, env=off)
    assert not machine.folder.exists()
    machine.folder.mkdir()
    machine.hook({**STOP, "session_id": "s2"}, env=off)
    assert "s2" in {row["session_id"] for row in machine.rows()}
