"""Which names are those of a ledger's archives, and their order."""

from tokentrack.store.archive_names import archives_in, names_in
from tokentrack.store.directory import Directory

ACTIVE = "ledger.csv"
ARCHIVES = [
    "ledger_20240101.csv.gz", "ledger_20240101_2.csv", "ledger_20240101_10.csv.gz",
    "ledger_20250101.csv",
]  # fmt: skip
OTHERS = [
    "ledger_2024010.csv", "ledger_202401011.csv", "ledger_20240101_.csv", "ledger_20240101_x.csv",
    "ledger_20240101_1234567.csv", "ledger_20240101", "ledger_20240101.csv.bak", "ledger_.csv",
    "ledger_20240101_1_2.csv", "ledger_backup_20240101_000000.csv", "other_20240101.csv",
    "ledger_20240101.gz", "ledger_20240101_2.csv.gz",
]  # fmt: skip


def test_archives_come_by_date_and_number_and_the_active_file_last(tmp_path):
    for name in [*reversed(ARCHIVES), *OTHERS, ACTIVE]:
        (tmp_path / name).touch()
    (tmp_path / "ledger_20230101.csv").mkdir()
    (tmp_path / "ledger_20230102.csv").symlink_to(tmp_path / ACTIVE)
    with Directory.open(str(tmp_path)) as folder:
        assert archives_in(folder, ACTIVE) == ARCHIVES
        assert names_in(folder, ACTIVE) == [*ARCHIVES, ACTIVE]


def test_without_the_active_file_there_are_the_archives_alone(tmp_path):
    (tmp_path / ARCHIVES[0]).touch()
    with Directory.open(str(tmp_path)) as folder:
        assert names_in(folder, ACTIVE) == [ARCHIVES[0]]
