"""What each command does where there is no ledger."""

# Commands that create nothing, with their exit codes: a report of nothing, or one sentence.
READING = {
    "status": 1,  # no hook is installed
    "status --json": 1,
    "overview": 0,
    "report": 0,
    "turns": 0,
    "show abc": 1,
    "statusline": 0,
    "watch": 1,
    "workspaces": 0,
    "plan show": 0,
    "doctor": 1,
    "trust": 0,
    "validate-hooks": 0,
    "reconcile": 0,
    "reconcile --wait 0.1": 0,
    "import --dry-run": 0,
    "import --dry-run other.csv": 0,
    "maintain": 0,
    "maintain --json": 0,
    "verify": 0,
    "repair": 0,
    "repair --dry-run": 0,
    "backup": 0,
    "backup list": 0,
    "backup create": 1,
    "backup create --dry-run": 1,
    "backup prune": 1,
    "backup prune --yes": 1,
    "backup prune --dry-run": 1,
    "restore": 1,
    "restore --dry-run": 1,
    "restore --yes": 1,
    "rotate": 1,
    "rotate --if-due": 1,
    "rotate --dry-run": 1,
    "prune": 1,
    "prune --yes": 1,
    "prune --dry-run": 1,
}
# Creates an index of Kiro's history in the home's cache, and nothing in the workspace.
INDEXING = {
    "overview", "report", "turns", "show abc", "workspaces", "status", "status --json", "doctor",
}  # fmt: skip
# These are there to create files. A new command is added here or above.
WRITING = {"init", "uninstall", "migrate-hooks", "hook-run"}
