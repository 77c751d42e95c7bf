"""Where Kiro's files are on each system."""

import pytest

from tokentrack.kiro.kiro_paths import KiroPaths

LINUX = {"HOME": "/home/ada"}
MAC = {"HOME": "/Users/ada"}
WINDOWS = {
    "USERPROFILE": r"C:\Users\ada",
    "APPDATA": r"C:\Users\ada\AppData\Roaming",
    "LOCALAPPDATA": r"C:\Users\ada\AppData\Local",
}
MAC_DATA = "/Users/ada/Library/Application Support"
ROAMING = r"C:\Users\ada\AppData\Roaming"

SESSIONS = [
    ("linux", LINUX, ["/home/ada/.kiro/sessions"]),
    (
        "linux",
        {**LINUX, "KIRO_HOME": "/data/kiro/"},
        ["/data/kiro/sessions", "/home/ada/.kiro/sessions"],
    ),
    ("linux", {**LINUX, "KIRO_HOME": "/home/ada/.kiro"}, ["/home/ada/.kiro/sessions"]),
    ("darwin", MAC, ["/Users/ada/.kiro/sessions"]),
    ("win32", WINDOWS, [r"C:\Users\ada\.kiro\sessions"]),
    ("win32", {"USERPROFILE": r"D:\ada"}, [r"D:\ada\.kiro\sessions"]),
]

FIRST_DATABASE = [
    ("linux", LINUX, "/home/ada/.local/share/kiro-cli/data.sqlite3"),
    ("linux", {**LINUX, "XDG_DATA_HOME": "/data"}, "/data/kiro-cli/data.sqlite3"),
    (
        "linux",
        {**LINUX, "XDG_DATA_HOME": "relative"},
        "/home/ada/.local/share/kiro-cli/data.sqlite3",
    ),
    ("darwin", {**MAC, "XDG_DATA_HOME": "/data"}, f"{MAC_DATA}/kiro-cli/data.sqlite3"),
    ("win32", WINDOWS, r"C:\Users\ada\AppData\Local\kiro-cli\data.sqlite3"),
]

FIRST_STORAGE = [
    ("linux", LINUX, "/home/ada/.config/Kiro/User/globalStorage/kiro.kiroagent"),
    (
        "linux",
        {**LINUX, "XDG_CONFIG_HOME": "/cfg"},
        "/cfg/Kiro/User/globalStorage/kiro.kiroagent",
    ),
    ("darwin", MAC, f"{MAC_DATA}/Kiro/User/globalStorage/kiro.kiroagent"),
    ("win32", WINDOWS, rf"{ROAMING}\Kiro\User\globalStorage\kiro.kiroagent"),
    (
        "win32",
        {"USERPROFILE": r"D:\ada"},
        r"D:\ada\AppData\Roaming\Kiro\User\globalStorage\kiro.kiroagent",
    ),
]


@pytest.mark.parametrize(("platform", "environ", "expected"), SESSIONS)
def test_sessions_are_in_the_kiro_home_and_in_the_users(platform, environ, expected):
    paths = KiroPaths(environ, platform)
    assert paths.sessions == expected
    separator = "\\" if platform == "win32" else "/"
    assert paths.cli_sessions == [f"{folder}{separator}cli" for folder in expected]


@pytest.mark.parametrize(("platform", "environ", "expected"), FIRST_DATABASE)
def test_the_clis_database_is_in_the_data_folder(platform, environ, expected):
    newer, older = KiroPaths(environ, platform).cli_databases
    assert newer == expected
    assert older == expected.replace("kiro-cli", "amazon-q")


@pytest.mark.parametrize(("platform", "environ", "expected"), FIRST_STORAGE)
def test_the_ides_storage_is_in_the_configuration_folder(platform, environ, expected):
    paths = KiroPaths(environ, platform)
    assert paths.ide_storages[0] == expected
    assert paths.account_databases[0] == expected.replace("kiro.kiroagent", "state.vscdb")


def test_a_remote_machine_has_the_servers_storage():
    remote = "/home/ada/.kiro-server/data/User/globalStorage"
    paths = KiroPaths(LINUX, "linux")
    assert paths.ide_storages[1] == f"{remote}/kiro.kiroagent"
    assert paths.account_databases[1] == f"{remote}/state.vscdb"
