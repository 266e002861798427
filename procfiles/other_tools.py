"""Pure. Files of other tools in a folder without a definition file, and what to do with them."""

from portweave.encoding.json_text import is_object

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_EXAMPLE = ("web: npm start", "api: python3 app.py")
_COMPOSE = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
# File that is almost named as a definition file -> the right name.
_OWN = {
    "portweave.json": "portweave.config.json",
    "portweave.config.yaml": "portweave.yaml",
    "portweave.config.yml": "portweave.yaml",
    ".portweave.yaml": "portweave.yaml",
    ".portweave.yml": "portweave.yaml",
    "procfile": "Procfile",
    "procfile.dev": "Procfile.dev",
}
# File -> the tool, and where it has its commands.
_TOOLS = {
    "process-compose.yaml": ("process-compose", "processes"),
    "process-compose.yml": ("process-compose", "processes"),
    "mprocs.yaml": ("mprocs", "procs"),
    "ecosystem.config.js": ("pm2", "apps"),
    "ecosystem.config.cjs": ("pm2", "apps"),
}
# Scripts of package.json, and targets of a Makefile, that start something; the first wins.
STARTERS = ("dev", "start", "serve", "run", "up")
# Lock file -> the command that runs a script of package.json.
_RUNNERS = {
    "pnpm-lock.yaml": "pnpm",
    "yarn.lock": "yarn",
    "bun.lock": "bun run",
    "bun.lockb": "bun run",
}


class Advice:
    """What to do in a folder without a definition file.

    Attributes:
        text: A sentence without a full stop.
        lines: Lines of a Procfile; empty where one exists.
    """

    __slots__ = ("lines", "text")

    def __init__(self, text: str, lines: tuple[str, ...] = ()) -> None:
        self.text = text
        self.lines = lines


def advise(
    names: "Collection[str]", scripts: "Mapping[str, object]", targets: "Collection[str]"
) -> Advice:
    """What to do in a folder without a definition file.

    Args:
        names: The names of its files.
        scripts: The scripts of its package.json.
        targets: The targets of its Makefile.
    """
    procfiles = sorted(name for name in names if name.startswith("Procfile."))
    if procfiles:
        return Advice(f"{procfiles[0]} is here: name it, as portweave up -f {procfiles[0]}")
    for name, right in _OWN.items():
        if name in names:
            return Advice(f"{name} is here, and is not read: rename it to {right}")
    if ".overmind.env" in names:
        text = ".overmind.env is here, but no Procfile: create one with a line for each service"
        return Advice(text, _EXAMPLE)
    for name, (tool, key) in _TOOLS.items():
        if name in names:
            text = (
                f"{name} is a file of {tool}; create a Procfile with a line for each of its {key}"
            )
            return Advice(text, _EXAMPLE)
    compose = next((name for name in _COMPOSE if name in names), "")
    script = next((name for name in STARTERS if name in scripts), "")
    if script:
        runner = next((run for lock, run in _RUNNERS.items() if lock in names), "npm run")
        text = f"package.json has the script {script}; create a Procfile that runs it"
        lines = [f"web: {runner} {script}"]
        if compose:
            text = f"package.json and {compose} are here; create a Procfile that runs both"
            lines.append("db: docker compose up db")
        return Advice(text, tuple(lines))
    if compose:
        text = f"{compose} is a file of Docker Compose; create a Procfile that runs its services"
        return Advice(text, ("db: docker compose up db", "web: npm start"))
    target = next((name for name in STARTERS if name in targets), "")
    if target:
        text = f"the Makefile has the target {target}; create a Procfile that runs it"
        return Advice(text, (f"web: make {target}",))
    return Advice("create one: a Procfile with a line for each service", _EXAMPLE)


def is_compose_file(name: str, value: object) -> bool:
    """Whether the value of a document is that of a Docker Compose file.

    Args:
        name: The file's name, without its folder.
        value: The value.
    """
    services = value.get("services") if is_object(value) else None
    if not is_object(value) or not is_object(services) or not services:
        return False
    with_images = [
        member
        for member in services.values()
        if is_object(member) and ("image" in member or "build" in member)
    ]
    is_named = name in _COMPOSE
    has_keys = any(key in value for key in ("version", "volumes", "networks"))
    # Beside a command, `image` is a key of ours.
    is_plain = any("command" not in member or "build" in member for member in with_images)
    is_all = is_plain and len(with_images) == len(services)
    return bool(with_images) and (is_named or has_keys or is_all)
