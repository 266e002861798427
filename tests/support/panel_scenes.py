"""Worktrees, stacks and logs as the panel would tell them, without any process: for pictures.

A page that is prepared with `scene_script` gets its answers from the scene. Its files and its
security policy still come from the panel.
"""

import json
from pathlib import Path
from typing import Any

SERVICES: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    # Name, whether it speaks HTTP, and what it waits for.
    ("web", True, ("api", "assets")),
    ("api", True, ("migrate", "redis")),
    ("worker", False, ("migrate", "redis")),
    ("db", False, ()),
    ("redis", False, ()),
    ("migrate", False, ("db",)),
    ("assets", True, ()),
    ("mailer", False, ("redis",)),
    ("checkout-service-for-subscriptions", True, ("api",)),
    ("scheduler", False, ("worker",)),
)
BRANCHES = ("main", "feature/checkout-with-saved-cards", "fix-login", "upgrade/postgres-17")
_WITHOUT_PORT = ("worker", "migrate", "mailer", "scheduler")
_TROUBLE = {
    "mailer": ("failed", "exited with status 3: ConnectionRefusedError: smtp.local refused"),
    "worker": ("backoff", "exited with status 1; next try in 4 s"),
    "scheduler": ("blocked", "worker is in backoff: exited with status 1"),
    "api": (
        "unhealthy",
        (
            "http://127.0.0.1:30001/health answers 503; "
            "the connection to postgres://shop@127.0.0.1:30003/shop_development was refused"
        ),
    ),
}
_ERROR = "Error: connect ECONNREFUSED 127.0.0.1:30003"
# Markup that must stay text, in whatever comes from files and services.
MARKUP = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"


def scene(count: int, mood: str = "well", *, services: int = 10) -> dict[str, Any]:
    """Return the answers of a panel with worktrees.

    Args:
        count: The number of worktrees.
        mood: `well`, `trouble` (every third stack), `idle` or `loading` (no answer comes).
        services: The number of services of each.
    """
    kinds = SERVICES[:services]
    projects: dict[str, dict[str, Any]] = {}
    stacks: list[dict[str, Any]] = []
    for number in range(count):
        project = ("shop", "billing-platform", "docs")[number % 3 if count > 3 else 0]
        branch = BRANCHES[number % 4] + (f"-{number}" if number >= 4 else "")
        namespace = "main" if branch == "main" else f"{branch[:20].replace('/', '-')}-3f{number:02}"
        root = f"/home/ada/code/{project}-worktrees/{namespace}"
        base = 30_000 + 20 * number
        id_ = f"{namespace}-{number:04x}"
        is_idle = mood == "idle" or (count > 3 and number % 5 == 4)
        ends_badly = mood == "trouble" and number % 2 == 0
        known = [_known(kind, base + at) for at, kind in enumerate(kinds)]
        home = projects.setdefault(project, {"id": project, "name": project, "worktrees": []})
        home["worktrees"].append(
            {
                "id": id_, "namespace": namespace, "worktreeRoot": root,
                "gitCommonDir": f"/home/ada/code/{project}/.git", "branch": branch,
                "lastUsedAt": "2026-01-01T00:00:00.000Z", "isGone": False, "problem": None,
                "lastEnd": {
                    "at": "2026-01-01T10:00:00.000Z", "isBad": ends_badly,
                    "text": "mailer failed: exited with status 3" if ends_badly else None,
                } if is_idle else None,
                "canStart": True, "definitionFile": None, "startOptions": "", "services": known,
            }
        )  # fmt: skip
        if not is_idle:
            is_bad = mood == "trouble" and number % 3 == 0
            rows = [
                _row(one, namespace, project, is_bad=is_bad, at=at) for at, one in enumerate(known)
            ]
            stacks.append(
                {
                    "id": id_, "project": project, "namespace": namespace, "worktreeRoot": root,
                    "supervisor": {"pid": 7, "version": "1"}, "problem": None, "isKnown": True,
                    "services": rows,
                }
            )  # fmt: skip
    return {
        "mood": mood,
        "listing": {
            "schemaVersion": 1,
            "projects": list(projects.values()),
            "launch": {"editor": True, "terminal": True},
        },
        "stacks": stacks,
    }


def _known(kind: tuple[str, bool, tuple[str, ...]], port: int) -> dict[str, Any]:
    name, is_web, needs = kind
    has_port = name not in _WITHOUT_PORT
    return {
        "name": name,
        "port": port if has_port else None,
        "envVar": f"{name.upper()}_PORT",
        "links": [{"envVar": "", "url": f"http://localhost:{port}"}] if is_web else [],
        "command": f"python -m {name} --port $PORT",
        "oneshot": name == "migrate",
        "needs": [
            {"name": need, "condition": "completed" if need == "migrate" else "ready"}
            for need in needs
        ],
    }


def _row(
    known: dict[str, Any], namespace: str, project: str, *, is_bad: bool, at: int
) -> dict[str, Any]:
    name = known["name"]
    state, reason = ("completed" if known["oneshot"] else "ready"), None
    if is_bad and name in _TROUBLE:
        state, reason = _TROUBLE[name]
    lives = state in ("ready", "unhealthy")
    label = "" if namespace == "main" else f"{namespace}."
    url = f"http://{name}.{label}{project}.localhost:1355"
    return {
        "name": name, "instance": 1, "fullName": f"{name}-{namespace}", "state": state,
        "pid": 4000 + at if lives else None, "port": known["port"],
        "url": url if known["links"] else None, "restarts": 12 if state == "backoff" else 0,
        "exitCode": None if lives else 3, "startedAt": "2026-01-01T09:00:00.000Z",
        "readyAt": None, "cpuPercent": 3.5 if lives else None,
        "rssBytes": 45_000_000 if lives else None, "reason": reason,
        "lastError": _ERROR if state == "unhealthy" else None,
        "samples": [[1e9 + 2 * n, (n * 7 + at) % 23, 4e7 + 1e6 * ((n * 5) % 9)] for n in range(60)]
        if lives else [],
    }  # fmt: skip


def scene_script(found: dict[str, Any]) -> str:
    """Return the script that answers a page's requests from a scene."""
    template = Path(__file__).with_name("panel_scene.js").read_text()
    return template.replace("__SCENE__", json.dumps(found))
