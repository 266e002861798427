"""The tasks of the agent bench: what happens, how each side looks, and what the answer contains.

The commands of the plain side are those that agents use where nothing else is there. `{web}` and
`{api}` are ports, `{folder}` is the checkout. The other side calls tools of `portweave mcp`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from shop import API, Shop

PROCESSES = "ps -eo pid,etime,args | grep -E 'bench_(web|api|worker)[.]py'"
START_API = "API_TOKEN=sesame PORT={api} python3 bench_api.py > log/api.log 2>&1 & sleep 2"
PROBE = (
    "python3 -c \"import urllib.request as u; print(u.urlopen('http://127.0.0.1:{api}').status)\""
)
STOP_API = "kill $(pgrep -f 'python3 bench_api[.]py'); sleep 1"


@dataclass(frozen=True)
class Task:
    """One task.

    Attributes:
        name: What the agent wants to know, or to have done.
        answer: A regular expression; what was read must contain it.
        plain: Shell commands.
        tools: Tools of `portweave mcp` with their arguments.
        before: Changes the project first.
    """

    name: str
    answer: str
    plain: tuple[str, ...]
    tools: tuple[tuple[str, dict[str, object]], ...]
    before: Callable[[Shop], None] = lambda shop: None


def edit_api(old: str, new: str) -> Callable[[Shop], None]:
    """Return a change of `api.py`."""
    return lambda shop: shop.write("bench_api.py", API.replace(old, new))


ASK = """python3 -c 'import os, urllib.request as u
print(u.urlopen("http://127.0.0.1:" + os.environ["PORT"]).read())'"""
LOG = "tail -n 200 log/api.log"
AGAIN = (STOP_API, START_API)
TASKS = (
    Task(
        "start everything",
        r"web.*(\d{4,5})[\s\S]*api.*(\d{4,5})",
        ("cat dev.sh", "sh dev.sh; sleep 3", "tail -n 20 log/web.log log/api.log", PROCESSES),
        (("ensure", {}),),
    ),
    Task(
        "find the port of the API",
        r"\d{4,5}[^\n]*api|api[^\n]*\d{4,5}",
        (PROCESSES, "cat dev.sh"),
        (("status", {}),),
    ),
    Task(
        "is everything up?",
        r"all services ready|200",
        (PROCESSES, PROBE),
        (("ensure", {}),),
    ),
    Task(
        "after a good edit: is it over, and well?",
        r": ok|200",
        (*AGAIN, LOG, PROBE),
        (("settle", {}),),
        edit_api('b"fine"', 'b"good"'),
    ),
    Task(
        "after a bad edit: what is wrong, and where?",
        r"NameError[\s\S]*api\.py|api\.py[\s\S]*NameError",
        (*AGAIN, LOG),
        (("settle", {}),),
        edit_api("TOKEN = os", "TOKEN = osx"),
    ),
    Task(
        "a crash loop: which service, why?",
        r"KeyError",
        (PROCESSES, "tail -n 100 log/*.log", *AGAIN, LOG),
        (("settle", {}), ("why", {})),
        edit_api('os.environ.get("API_TOKEN", "none")', 'os.environ["NO_SUCH"]'),
    ),
    Task(
        "which line of the source is to blame?",
        r"api\.py(:|\", line )\d+",
        (LOG, "head -n 12 bench_api.py"),
        (("why", {"services": ["api"]}),),
    ),
    Task(
        "mend it, and know that it works",
        r": ok|: still|200",
        (*AGAIN, LOG, PROBE),
        (("control", {"action": "restart", "services": ["api"]}), ("settle", {})),
        Shop.mend,
    ),
    Task(
        "a missing module",
        r"nosuchmodule",
        (*AGAIN, LOG),
        (("settle", {}),),
        edit_api("import http.server,", "import nosuchmodule, http.server,"),
    ),
    Task(
        "a syntax error",
        r"SyntaxError",
        (*AGAIN, LOG),
        (("settle", {}),),
        edit_api("class Handler(", "class Handler((("),
    ),
    Task(
        "a slow rebuild: when is it over?",
        r": ok|200",
        (STOP_API, START_API, PROBE, "sleep 5", PROBE),
        (("control", {"action": "restart", "services": ["api"]}), ("settle", {})),
        edit_api("time.sleep(0.3)", "time.sleep(3)"),
    ),
    Task(
        "an error in 3,000 lines of output",
        r"job 1500",
        ("tail -n 200 log/worker.log", "grep -in error log/worker.log"),
        (("logs", {"services": ["worker"]}),),
    ),
    Task(
        "the newest lines of all services",
        r"job 29\d\d[\s\S]*|listens",
        ("tail -n 200 log/*.log",),
        (("logs", {}),),
    ),
    Task(
        "a variable of a service",
        r"sesame",
        (
            PROCESSES,
            "tr '\\0' '\\n' < /proc/$(pgrep -f 'python3 bench_api[.]py' | tail -1)/environ",
        ),
        (("exec", {"service": "api", "command": "echo $API_TOKEN"}),),
    ),
    Task(
        "does the API answer?",
        r"fine|200",
        ("cat dev.sh", PROBE),
        (("exec", {"service": "api", "command": ASK}),),
    ),
    Task(
        "restart one service",
        r"restarted api|200",
        (STOP_API, START_API, LOG, PROBE),
        (("control", {"action": "restart", "services": ["api"]}),),
        Shop.mend,
    ),
    Task(
        "stop one service; the others go on",
        r"web[\s\S]*stopped|stopped[\s\S]*web|web\.py",
        (STOP_API, PROCESSES),
        (("control", {"action": "stop", "services": ["api"]}), ("status", {})),
    ),
    Task(
        "start what is missing",
        r"all services ready|200",
        (PROCESSES, START_API, PROBE),
        (("ensure", {}),),
        Shop.mend,
    ),
    Task(
        "what runs on this machine?",
        r"shop",
        (
            PROCESSES,
            "for p in $(pgrep -f 'python3 bench_(web|api)[.]py'); do readlink /proc/$p/cwd; done",
        ),
        (("status", {"all": True}),),
    ),
    Task(
        "end everything, and know that nothing is left",
        r"took down|nothing left",
        (
            PROCESSES,
            "kill $(pgrep -f 'python3 bench_(web|api|worker)[.]py'); sleep 1",
            f"{PROCESSES} | grep -v grep || echo nothing left",
        ),
        (("control", {"action": "down"}),),
    ),
)
