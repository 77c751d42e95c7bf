"""The API's objects in processes that are started anew, as `spawn` does it."""

import subprocess
import sys

PROGRAM = """
import multiprocessing, os
from tokentrack import CSVWriter, TokenTracker, TokenTrackingHook
from tokentrack.models import TokenTransaction, TrackerConfig
from tokentrack.usage import UsageTracker

def work(number, tracker, hook, writer, usage):
    assert tracker.record_transaction(f"p{number}", number, 1.0)
    hook.on_agent_execution_complete({"session_id": f"s{number}"}, {"tokens_used": number})
    assert hook.get_configuration()["hook_name"] == "mine"
    assert writer.write_transaction(TokenTransaction.create_new("w", number, 1.0, "ws", "t"))
    assert usage.track_request(f"u{number}", "m", number, 0).saved
    usage.close()
    return os.getpid()

if __name__ == "__main__":
    config = TrackerConfig(hook_name="mine")
    objects = (TokenTracker(config), TokenTrackingHook(config), CSVWriter(config),
               UsageTracker("usage.csv", history_limit=5, zone="Europe/Berlin"))
    assert objects[0].record_transaction("first", 1, 1.0)  # it has made all that it holds
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        found = pool.starmap(work, [(number, *objects) for number in range(1, 4)])
    assert os.getpid() not in found
    environ = {"HOME": os.environ["HOME"], "USER": "eve"}
    own = TokenTracker(config, environ=environ)
    import pickle
    assert pickle.loads(pickle.dumps(own))._environ == environ
    assert pickle.loads(pickle.dumps(objects[0]))._environ is os.environ
"""


def test_trackers_can_be_passed_to_processes_that_are_spawned(machine):
    (machine.root / "program.py").write_text(PROGRAM)
    subprocess.run([sys.executable, "program.py"], cwd=machine.root, env=machine.environment,
                   check=True)  # fmt: skip
    assert sorted(int(row["tokens_used"]) for row in machine.rows()) == [
        1, *[number for number in (1, 2, 3) for _ in range(3)]
    ]  # fmt: skip
    assert len((machine.root / "usage.csv").read_text().splitlines()) == 1 + 3
