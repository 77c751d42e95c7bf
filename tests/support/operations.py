"""Operations that workers do to one ledger at once, in threads and in spawned processes."""

from pathlib import Path

from support.ledgers import Workspace
from tokentrack import CSVWriter, TokenTransaction


def writer_of(space):
    return CSVWriter(space.config, paths=space.paths, environ=space.environ)


def operate(space, work, number):
    """Do the operations of one worker; return the ids that were accepted."""
    tracker, writer, accepted = space.tracker, writer_of(space), []
    for step, operation in enumerate(work):
        name = f"{number}-{step}"
        if operation == "write":
            one = TokenTransaction.create_new("p\n", 1, 0.5, "w", "t", agent_execution_id=name)
            accepted += [name] * tracker.record_transaction(one)
        elif operation == "batch":
            ids = [f"{name}-{n}" for n in range(3)]
            made = [TokenTransaction.create_new("p", 1, 0.5, "w", "t", agent_execution_id=i)
                    for i in ids]  # fmt: skip
            assert writer.write_transactions_batch(made) == 3
            accepted += ids
        elif operation == "event":
            accepted += [name] * space.complete(name, session_id=name)
        elif operation == "backup":
            tracker.create_backup()
        elif operation == "export":
            assert tracker.export_data(space.root / f"{name}.jsonl", "jsonl")
        elif operation == "read":
            tracker.get_transaction_history()
        else:
            assert writer.validate_csv_integrity()["valid_headers"] in {True, False}
    return accepted


def settle(space):
    for _ in range(100):
        space.tracker.drain()
        if not space.spooled():
            return


def operate_in_process(base, work, number):
    return operate(Workspace(Path(base), durability="none"), work, number)
