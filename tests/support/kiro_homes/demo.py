"""A synthetic home of three months: what a developer with a few projects would leave.

Everything in it is invented. The same days give the same turns, ids and credits.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from support.kiro_homes.cli import CliSession
from support.kiro_homes.home import SECOND, KiroHome
from support.kiro_homes.ide import IdeStorage
from support.kiro_homes.v1 import V1Session

DAYS = 92
NOTE = "This home is synthetic: scripts/make_demo.py wrote it. Nobody had these conversations.\n"
# Each project with its share of the turns.
PROJECTS = {"shop-web": 40, "shop-api": 30, "data-pipeline": 15, "mobile-app": 10, "handbook": 5}
# Each model with its share, and the credits of a turn at the median.
MODELS = {
    "claude-sonnet-4.5": (55, 1.6),
    "auto": (20, 1.1),
    "claude-haiku-4.5": (15, 0.5),
    "claude-opus-4.5": (10, 3.8),
}
VERBS = ("fix", "explain", "refactor", "write tests for", "review", "speed up", "document")
THINGS = (
    "the login form", "the parser", "the flaky test in CI", "the retry of uploads",
    "the slow query on the dashboard", "the release notes", "the error handling of the client",
    "the cache of the catalogue", "the importer of invoices",
)  # fmt: skip
_WORKDAY, _WEEKEND = 18, 4  # turns on average


def write_demo(folder: Path, until: datetime) -> KiroHome:
    """Write the home's files for the days before a moment; return what is in them.

    Args:
        folder: the home folder.
        until: the moment after which there is nothing yet, with a time zone.
    """
    home = KiroHome(folder, seed=20261128)
    (Path(folder) / "README.txt").write_text(NOTE)
    writer = _Writer(home)
    last = until.astimezone(UTC)
    first = (last - timedelta(days=DAYS)).replace(hour=0, minute=0, second=0, microsecond=0)
    for number in range(DAYS + 1):
        writer.write_day(first + timedelta(days=number), last)
    return home


def write_numbers(
    home: KiroHome, surface: str, session_id: str, workspace: str, started: int, usage: list[float]
) -> None:
    """Write what Kiro writes about a turn that a hook has recorded: its model and its credits.

    Args:
        home: the home.
        surface: v1 or cli-2.
        session_id: the session in the hook's payload.
        workspace: the path of the workspace.
        started: when the turn began, in microseconds since the epoch.
        usage: its credits.
    """
    home.at = started
    if surface == "v1":
        session = V1Session(home, workspace, session_id=session_id)
        home.at = started - 30 * SECOND  # a turn begins 30 s later
    else:
        session = CliSession(home, workspace, session_id=session_id)
        home.at = started - 20 * SECOND
    session.turn(usage)


class _Writer:
    # Which surface a project is worked on with, and the sessions that are open there.

    def __init__(self, home: KiroHome) -> None:
        self._home = home
        self._ide = IdeStorage(home)
        self._sessions: dict[str, V1Session | CliSession] = {}

    def write_day(self, day: datetime, until: datetime) -> None:
        random = self._home.random
        usual = _WORKDAY if day.weekday() < 5 else _WEEKEND
        self._sessions.clear()
        moment = day + timedelta(hours=8, minutes=random.randrange(60))
        for _ in range(random.randint(usual // 2, usual * 3 // 2)):
            moment += timedelta(seconds=random.randrange(300, 3300 if usual > 4 else 15000))
            if moment > until - timedelta(minutes=10):
                return
            self._home.at = int(moment.timestamp()) * SECOND
            self._write_turn()
            moment = max(moment, datetime.fromtimestamp(self._home.at // SECOND, UTC))

    def _write_turn(self) -> None:
        random = self._home.random
        project = _choice(random, PROJECTS)
        model = _choice(random, {name: share for name, (share, _) in MODELS.items()})
        prompt = f"{random.choice(VERBS)} {random.choice(THINGS)}"
        amount = random.lognormvariate(0, 0.8) * MODELS[model][1]
        usage = [round(amount, random.choice([2, 2, 4, 16]))]
        # Fast answers for short ones; a turn takes longer the more it costs.
        seconds = round(random.uniform(4, 12) + usage[0] * random.uniform(8, 25), 3)
        workspace = f"/synthetic/{project}"
        if project == "handbook":
            self._session(CliSession, workspace).turn(usage, prompt)
        elif project == "mobile-app":
            self._ide.finish(self._ide.start(workspace, prompt), usage, seconds=seconds)
        else:
            status = random.choices(["success", "aborted", "error"], [94, 4, 2])[0]
            session = self._session(V1Session, workspace)
            turn = session.start(prompt, model)
            self._home.pass_time(seconds)
            session.finish(turn, usage, status)

    def _session(self, kind: type, workspace: str):
        if workspace not in self._sessions:
            self._sessions[workspace] = kind(self._home, workspace)
        return self._sessions[workspace]


def _choice(random, shares: dict[str, int]) -> str:
    return random.choices(list(shares), list(shares.values()))[0]
