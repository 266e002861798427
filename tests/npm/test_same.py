"""Compare what npm portweave and portweave print and write.

Both run the same commands in the same worktree, each with its own registry. The table lists each
deliberate difference, so that no other one goes unnoticed.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.commands import Cli
from tests.support.ports import reserve_ports

pytestmark = [pytest.mark.npm, pytest.mark.timeout(300)]

CONFIG = {
    "projectName": "Shop",
    "services": {
        "web": {
            "envVar": "WEB_PORT",
            "group": "front",
            "discoveryEnv": {
                "API_URL": "http://127.0.0.1:${api}/${namespace}?a=${pw:namespace}",
                "ROOT": "${pw:worktreeRoot} ${pw:gitCommonDir}",
            },
        },
        "a-very-long-name": {"envVar": "LONG_PORT"},
        "api": {"envVar": "API_PORT", "group": "front", "preferred": 3000},
    },
}
ODD = {
    "services": {
        "web": {
            "envVar": "WEB_PORT",
            "discoveryEnv": {
                "QUOTES": "a \"b\" 'c' \\d",
                "AMPERSAND": "a&b;c(d)`e`",
                "DOLLAR": "$HOME ${} $$ ${web",
                "LINES": "a\nb\tc",
                "SNOW": "☃\u00a0\u2028é𝄞",
                "EMPTY": "",
                "HASH": "a#b",
                "NEST": "${web}${web}-$${web}",
            },
        }
    }
}


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        words: Its words.
        env: Variables added to its environment; None removes one.
        cwd: Relative to the worktree.
        code: The code of its error, which portweave prints for every verb.
        hinted: A text that portweave's hints must contain.
        status: Portweave's exit status, where it differs.
        error: Portweave's first line on stderr, where it differs.
        before: Changes the worktree and the configuration folder first.
    """

    words: tuple[str, ...]
    env: Mapping[str, str | None] = field(default_factory=lambda: dict[str, str | None]())
    cwd: str = "."
    code: str = ""
    hinted: str = ""
    status: int | None = None
    error: str | None = None
    before: Callable[[Path, Path], object] | None = None


def do(*words: str, **options: object) -> Step:
    return Step(words, **options)  # type: ignore[arg-type]


def write(name: str, text: str) -> Callable[[Path, Path], object]:
    return lambda root, _: (root / name).write_text(text)


def config(value: object) -> Callable[[Path, Path], object]:
    return write("portweave.config.json", json.dumps(value))


def registry(text: str) -> Callable[[Path, Path], object]:
    def damage(_: Path, home: Path) -> None:
        (home / "portweave").mkdir(exist_ok=True)
        (home / "portweave" / "registry.json").write_text(text)

    return damage


def lock(_: Path, home: Path) -> None:
    (home / "portweave" / "registry.lock").mkdir(parents=True)


TRUE = ("run", "--", "true")
PRINT = ("run", "--", "sh", "-c", 'echo "$WEB_PORT|$API_PORT|$API_URL|$PORTWEAVE_NAMESPACE"')


def invalid(value: object) -> list[Step]:
    return [
        do(*TRUE, before=config(value), code="PW0102"),
        do("show", code="PW0102"),
        do("show", "--json", code="PW0102"),
    ]


def service(**fields: object) -> object:
    return {"services": {"web": {"envVar": "WEB_PORT", **fields}}}


CASES: dict[str, list[Step]] = {
    "a life": [
        do("show", code="PW0603", before=config(CONFIG)),
        do("show", "--json"),
        do("prune", code="PW0603"),
        do(*PRINT),
        do(*PRINT),
        do("--verbose", *PRINT),
        do("show"),
        do("show", "--json"),
        do("run", "--", "sh", "-c", "exit 7"),
        do("prune"),
        do("prune", code="PW0603"),
        do("show", "--json"),
    ],
    "odd values": [
        do(*TRUE, before=config(ODD)),
        do("show", "--json"),
        do("show"),
    ],
    "anonymous": [
        do("--count", "3", "run", "--", "sh", "-c", 'echo "$PORT_1 $PORT_3"'),
        do("--count", "2", "run", "--", "sh", "-c", 'echo "$PORT_1 $PORT_2"'),
        do("--count", "4", "run", "--", "true"),
        do("--count", "4", "run", "--", "true"),
        do("--count", "4", "run", "echo", "a", "b"),
        do("--count=4", "run", "--", "echo", "--", "--help"),
    ],
    "services come, go and change places": [
        do(*TRUE, before=config(CONFIG)),
        do(
            *TRUE,
            before=config({"services": {"api": {"envVar": "A"}, "web": {"envVar": "B"}}}),
        ),
        do("show", "--json"),
        do(
            "show",
            "--json",
            before=config({"services": {"new": {"envVar": "N"}, "web": {"envVar": "B"}}}),
            code="PW0501",
        ),
        do("show"),
        do(*TRUE),
        do("show", "--json"),
    ],
    "variables": [
        do(*PRINT, before=config(CONFIG)),
        do(*PRINT, before=write(".env", "WEB_PORT=4000\nAPI_URL='x y' \n#c\n\nOTHER=1\nA=\n")),
        do("show", "--json"),
        do(*PRINT, env={"WEB_PORT": "1", "API_URL": ""}),
        do(*PRINT, before=write(".env", 'WEB_PORT="4 0"\nAPI_PORT=5 # five\n')),
        do(
            *TRUE,
            before=write(".env", "OK=1\nWEB_PORT line\n"),
            code="PW0502",
            error="[portweave] error: malformed .env line 2: ",
        ),
    ],
    "namespaces": [
        do(*PRINT, before=config(CONFIG), env={"PORTWEAVE_NAMESPACE": " Foo/Bar -- Ä1! "}),
        do("show", env={"PORTWEAVE_NAMESPACE": "foo-bar-1"}),
        do("show", code="PW0603"),
        do("prune", env={"PORTWEAVE_NAMESPACE": "foo-bar-1"}),
        do(*PRINT, env={"PORTWEAVE_NAMESPACE": "  "}),
        do(*PRINT, env={"PORTWEAVE_NAMESPACE": "x" * 60}),
    ],
    "from below": [
        do("show", cwd="sub", before=config(CONFIG), code="PW0603"),
        do(*TRUE),
        do("show", "--json", cwd="sub"),
        do("prune", "--path", "sub"),
    ],
    "ends of commands": [
        do("--count", "1", "run", "--", "sh", "-c", f"kill -{name} $$") for name in ("TERM", "KILL")
    ]
    + [
        do("--count", "1", "run", "--", "sh", "-c", "kill -SEGV $$", status=139),
        do("--count", "1", "run", "--", "sh", "-c", "kill -USR1 $$", status=138),
        do("--count", "1", "run", "--", "no-such-command"),
        do("--count", "1", "run", "--", "/etc/passwd"),
        do("--count", "1", "run", "--", "/"),
    ],
    "a bad command line": [
        do(*TRUE, code="PW0101"),
        do("show", code="PW0101"),
        do("--config", "x.json", "--count", "2", "run", "--", "true"),
        do("--config", "x.json", "run", "--", "true", code="PW0101"),
        do("run", "--"),
        do("run"),
        *(
            do("--count", text, "run", "--", "true")
            for text in ("0", "-1", "x", "2.5", "101", "1000000")
        ),
        do("frobnicate", error="[portweave] error: unknown command 'frobnicate' (PW0601)"),
        do("show", "more", error="[portweave] error: unexpected argument 'more' (PW0601)"),
        do("show", "--more", error="[portweave] error: unknown option '--more' (PW0601)"),
        do("-V", error=""),
    ],
    "offset and pool": [
        do("--count", "2", "run", "--", "true", env={"PORTWEAVE_OFFSET": "x"}),
        do("--count", "2", "run", "--", "true", env={"PORTWEAVE_OFFSET": "99999999999999999999"}),
        do("show", env={"PORTWEAVE_OFFSET": "-1"}, code="PW0202"),
        do("prune", env={"PORTWEAVE_OFFSET": "1.5"}, code="PW0202"),
        do("--count", "2", "run", "--", "true", env={"PORTWEAVE_POOL_RANGE": "30000-30001"}),
        do("--count", "2", "run", "--", "true", env={"PORTWEAVE_POOL_RANGE": "80-30001"}),
    ],
    "the registry is damaged": [
        step
        for text in ("", "[]", '{"entries": []}', '{"entries": [{}], "version": 1}')
        for step in (
            do("--count", "1", "run", "--", "true", before=registry(text), code="PW0302"),
            do("prune", code="PW0302"),
        )
    ],
    "the registry is locked": [
        do(
            "--count",
            "1",
            "run",
            "--",
            "true",
            before=lock,
            env={"PORTWEAVE_LOCK_TIMEOUT_MS": "60"},
        ),
    ],
    "no object": invalid([]),
    "no services": invalid({}),
    "an empty map of services": invalid({"services": {}}),
    "wrong types": invalid(
        {"$schema": 1, "projectName": None, "services": {"web": 1, "api": {"envVar": 2}, "x": {}}}
    ),
    "bad names": invalid(
        {
            "services": {
                "Web": {"envVar": "A"},
                "web": {"envVar": "a"},
                "api": {"envVar": "B", "discoveryEnv": {"c": "x", "D": 1}},
            }
        }
    ),
    "unknown keys": invalid(
        {"services": {"web": {"envVar": "A", "prot": 1, "b": 2}}, "more": 1, "\u00e9": 2}
    ),
    "a bad group": invalid(service(group="")),
    "a bad projectName": invalid({"projectName": "  ", **service()}),  # type: ignore[dict-item]
    "a preferred port": invalid(service(preferred=70000)),
    "a preferred fraction": invalid(service(preferred=1.5)),
    "reserved and double names": invalid(
        {
            "services": {
                "web": {"envVar": "PORTWEAVE_X", "discoveryEnv": {"A": "${nobody} ${pw:x}"}},
                "api": {"envVar": "A", "discoveryEnv": {"PORTWEAVE_X": "1"}},
            }
        }
    ),
}


@dataclass
class Contender:
    argv: list[str]
    environ: dict[str, str]
    home: Path

    def run(self, step: Step, root: Path) -> tuple[int, str, str]:
        env = {**self.environ, "XDG_CONFIG_HOME": str(self.home), **step.env}
        done = subprocess.run(
            [*self.argv, *step.words],
            cwd=root / step.cwd,
            env={name: value for name, value in env.items() if value is not None},
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        # npm portweave exits with 128+n after signal n, as a shell does; portweave becomes the
        # command.
        status = done.returncode if done.returncode >= 0 else 128 - done.returncode
        return status, self.mask(done.stdout), self.mask(done.stderr)

    def mask(self, text: str) -> str:
        # Each JSON parser words its errors differently.
        text = re.sub(r"(?<=is not valid JSON: )[^\n]*?(?= \(PW0302\)|\n)", "…", text)
        return text.replace(str(self.home), "<config>")

    def files(self, root: Path) -> dict[str, str]:
        """Return the files of the worktree and of the registry."""
        found = {
            str(path.relative_to(root)): path.read_text()
            for path in (root / ".portweave").rglob("*")
        }
        path = self.home / "portweave" / "registry.json"
        if path.exists():
            text = re.sub(r'"lastUsedAt": "[^"]{24}"', '"lastUsedAt": "<time>"', path.read_text())
            found["registry"] = text
        return found


@pytest.fixture
def contenders(cli: Cli, npm_portweave: Path, tmp_path: Path) -> list[Contender]:
    """npm portweave first, then portweave."""
    environ = cli.env({"PORTWEAVE_POOL_RANGE": str(reserve_ports(60))})
    # npm portweave finds its node beside it.
    environ["PATH"] = f"{npm_portweave.parent}:{environ['PATH']}"
    homes = [tmp_path / name for name in ("npms", "ours")]
    return [
        Contender([str(npm_portweave)], environ, homes[0]),
        Contender(cli.argv, environ, homes[1]),
    ]


@pytest.mark.parametrize("steps", CASES.values(), ids=list(CASES))
def test_both_say_and_write_the_same(
    steps: list[Step], contenders: list[Contender], repo: Callable[[int], list[Path]]
) -> None:
    (root,) = repo(0)
    answers: list[list[tuple[tuple[int, str, str], dict[str, str]]]] = []
    for contender in contenders:
        for path in root.iterdir():
            if path.name != ".git":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        (root / "sub").mkdir()
        contender.home.mkdir()
        answers.append([])
        for step in steps:
            if step.before is not None:
                step.before(root, contender.home)
            answers[-1].append((contender.run(step, root), contender.files(root)))
    for step, (npms, npms_files), (ours, ours_files) in zip(steps, *answers, strict=True):
        said = f"{step.words}\nnpm's: {npms}\nours:  {ours}"
        status, output, errors = npms
        assert ours[0] == (status if step.status is None else step.status), said
        told, hints = part(ours[2])
        if step.error is not None:
            assert told.startswith(step.error), said
        else:
            # `show` of npm portweave does not end its last line.
            unended = step.words[0] == "show" and output and not output.endswith("\n")
            assert ours[1] == (f"{output}\n" if unended else output), said
            assert told == expected(errors, step), said
        assert step.hinted in hints, said
        assert ours_files == npms_files, said


def part(text: str) -> tuple[str, str]:
    """Split stderr into messages and the hints behind them, which only portweave has."""
    lines = text.splitlines(keepends=True)
    hints = [line for line in lines if line.startswith("[portweave] hint: ")]
    return "".join(line for line in lines if line not in hints), "".join(hints)


def expected(errors: str, step: Step) -> str:
    """Return portweave's messages for these of npm portweave: it adds a code to each."""
    if not step.code or errors.startswith("[portweave] error: "):
        return errors
    assert errors.startswith("[portweave] "), errors
    message = errors.removeprefix("[portweave] ").rstrip("\n")
    return f"[portweave] error: {message} ({step.code})\n"
