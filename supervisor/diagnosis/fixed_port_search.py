"""Pure. Find ports that stand as numbers in a command or program.

Each worktree has its own ports, in `PORT`. A number in a command is the same in all worktrees.
"""

import re

from portweave.supervisor.diagnosis.fixed_port import FixedPort

_NUMBER = r"(?P<port>\d{2,5})(?![\d.])"
_FIXED = tuple(
    re.compile(text)
    for text in (
        (
            r"(?<![\w-])(?:-p|-P|--(?:[\w.]+[-.])?port|--[a-z]+Port|-D[\w.]+\.port)"
            rf"(?:=|\s+|(?<=-p)){_NUMBER}"
        ),
        (
            r"(?<![\w-])(?:-b|-l|-a|-S|--bind|--listen|--addr|--address|--http|--host|--socket"
            rf"|--[\w.-]+-address)(?:=|\s+)(?:\w+://)?[\w.*\[\]-]*:{_NUMBER}"
        ),
        rf"\bhttp\.server(?:\s+-\S+(?:\s+(?!\d+(?:\s|$))[^-\s]\S*)?)*\s+{_NUMBER}",
        rf"\brunserver\s+(?:[\w.\[\]]*:)?{_NUMBER}",
        rf"\.listen\(\s*{_NUMBER}",
        rf"(?:^|\s)PORT=['\"]?{_NUMBER}",
    )
)
# These connect to a port, or use such options for other things.
_CLIENTS = re.compile(
    r"(?:^|[\s;&|(/])(?:ssh|scp|sftp|psql|pg_isready|redis-cli|mysql|mysqladmin|mongosh|curl|wget|nc"
    r"|telnet|wait-for-it(?:\.sh)?|wait-on|wait-port|mkdir|cargo|grep)(?=\s)"
)
# How a program reads the variable PORT, by the suffix of its file.
_READS = {
    "js": "process.env.PORT",
    "py": 'int(os.environ["PORT"])',
    "rb": 'ENV["PORT"]',
    "go": 'os.Getenv("PORT")',
    "rs": 'std::env::var("PORT")',
    "java": 'System.getenv("PORT")',
    "php": 'getenv("PORT")',
    "ex": 'System.get_env("PORT")',
    "pl": "$ENV{PORT}",
}
_SAME = {
    **dict.fromkeys(("mjs", "cjs", "ts", "mts", "cts", "jsx", "tsx"), "js"),
    "exs": "ex",
    "kt": "java",
    "pm": "pl",
}

# Lines of a program that may say where it listens.
_SPEAKS_OF_PORTS = re.compile(r"listen|(?<![a-z])port|serv|bind|addr|\brun\(", re.IGNORECASE)
_VARIABLE = re.compile(r"\benv\b|\bENV\b|environ|getenv|\$PORT|argv")
_PORT_NUMBER = re.compile(r"(?<![\w.])(\d{4,5})(?![\w.])")
# Lines that certainly do.
_LISTENS = re.compile(
    r"\.listen\(|ListenAndServe|net\.Listen\(|ServerSocket\(|TCPServer|HTTPServer\(|\bbind\("
    r"|app\.run\(|uvicorn\.run\(|run_app\(|\bserve\("
)
_MOST = 16


def fixed_ports(command: str) -> tuple[FixedPort, ...]:
    """The ports that stand as numbers in a command, in their order."""
    if _CLIENTS.search(command):
        return ()
    found: dict[int, FixedPort] = {}
    for pattern in _FIXED:
        for match in pattern.finditer(command):
            text = match[0].strip()
            is_variable = text.startswith("PORT=")
            new = text[: text.rindex(match["port"])] + "$PORT"
            edit = f"leave out `{text}`" if is_variable else f"write `{new}` for `{text}`"
            found.setdefault(match.start(), FixedPort(int(match["port"]), text, edit))
    return tuple(found[start] for start in sorted(found) if found[start].port < 65536)


def fixed_in_program(path: str, text: str) -> tuple[FixedPort, ...]:
    """The ports that stand as numbers in a program, except in lines that read a variable.

    Args:
        path: The path of its file, for the message.
        text: The text of its file.
    """
    ending = path.rpartition(".")[2].lower()
    reads = _READS.get(_SAME.get(ending, ending), "the variable PORT")
    found: list[FixedPort] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not _SPEAKS_OF_PORTS.search(line) or _VARIABLE.search(line):
            continue
        for match in _PORT_NUMBER.finditer(line):
            port = int(match[1])
            if 1024 <= port < 65536 and len(found) < _MOST:
                edit = f"write {reads} for {port} at {path}:{number}"
                listens = _LISTENS.search(line) is not None
                found.append(FixedPort(port, line.strip()[:60], edit, listens))
    return tuple(found)
