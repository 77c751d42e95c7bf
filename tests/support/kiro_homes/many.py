"""Many v1 turns, written fast: for benchmarks and for tests of memory."""

import json
import os
from decimal import Decimal
from pathlib import Path

from support.kiro_homes.home import SECOND, START, iso

_SESSION = '{"id":"%s","workspacePaths":["/w/many"],"modelId":"auto","createdAt":"%s"}'


def write_many(
    home: Path, turns: int, *, per_session: int = 50, result_bytes: int = 2000, start: int = START
) -> Decimal:
    """Write v1 sessions below `home` and return the sum of their credits.

    Every turn is a minute; `result_bytes` is the length of each tool's result.
    """
    filler = json.dumps("x" * result_bytes)
    hundredths = 0
    for first in range(0, turns, per_session):
        session = f"sess_{first:08x}-0000-4000-8000-000000000000"
        folder = Path(home) / ".kiro" / "sessions" / f"b{first % 97}" / session
        os.makedirs(folder)
        created = iso(start + first * 60 * SECOND)
        (folder / "session.json").write_text(_SESSION % (session, created))
        numbers = range(first, min(first + per_session, turns))
        hundredths += sum(number % 100 for number in numbers)
        with (folder / "messages.jsonl").open("w") as file:
            file.writelines(_turn(n, start + n * 60 * SECOND, filler) for n in numbers)
    return Decimal(hundredths) / 100


def _turn(number: int, at: int, filler: str) -> str:
    begin, end = iso(at), iso(at + 8 * SECOND)
    key = f"{number:08x}-1111-4000-8000-000000000000"
    ids = f'"executionId":"{key}"'
    usage = (
        f'"type":"usage_summary",{ids},"status":"success","elapsedTime":8000,'
        f'"promptTurnSummaries":[{{"unit":"credit","usage":{number % 100 / 100}}}],'
        '"requestIds":["r"]'
    )
    payloads = (
        (begin, f'"type":"user","content":"question {number}"'),
        (begin, f'"type":"turn_start",{ids}'),
        (begin, f'"type":"tool_result",{ids},"content":{filler}'),
        (begin, f'"type":"assistant",{ids},"content":"ok","reasoningModelId":"claude-haiku-4.5"'),
        (end, '"type":"session_metadata","key":"contextUsage","value":{"usagePercentage":7.5}'),
        (end, usage),
        (end, '"type":"turn_end","stopReason":"end_turn"'),
    )
    return "".join(
        f'{{"id":"m","timestamp":"{moment}","payload":{{{payload}}}}}\n'
        for moment, payload in payloads
    )
