"""What tests with whole stacks need: `portweave up` beside the test, and the examples."""

import contextlib
import fcntl
import http.client
import json
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from glob import glob
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from tests.browser import Page
    from tests.conftest import Cli, Git
    from tests.panels import Panel

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
STRICT = bool(
    {os.environ.get("CI", ""), os.environ.get("PORTWEAVE_TEST_STRICT", "")} & {"1", "true"}
)
PATIENCE_S = 20.0
PAUSE_S = 0.05


class Stack:
    """A `portweave up` beside the test.

    Attributes:
        root: The worktree's root.
        process: The command itself.
    """

    def __init__(self, argv: list[str], *, cwd: Path, root: Path, env: dict[str, str]) -> None:
        self.root = root
        self.process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Ctrl-C of the one who runs the tests is the test's to pass on.
            start_new_session=True,
        )
        # All that was ever seen of it, for the end: who has lost his parents is not found again.
        self._seen: dict[int, psutil.Process] = {}
        self._news = threading.Condition()
        self._printed = bytearray()
        self._said = bytearray()
        self._readers = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in (
                (self.process.stdout, self._printed),
                (self.process.stderr, self._said),
            )
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, stream: IO[bytes] | None, kept: bytearray) -> None:
        assert stream is not None
        with stream:
            while data := os.read(stream.fileno(), 65_536):
                with self._news:
                    kept += data
                    self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def printed(self) -> str:
        """What the services have printed until now."""
        return self._printed.decode("utf-8", "backslashreplace")

    @property
    def printed_bytes(self) -> bytes:
        """The same, as it is."""
        return bytes(self._printed)

    @property
    def said(self) -> str:
        """What portweave itself has said until now."""
        return self._said.decode("utf-8", "backslashreplace")

    def lines_of(self, name: str) -> list[str]:
        """What one instance has printed until now, without its name."""
        found: list[str] = []
        for line in self.printed.split("\n"):
            label, bar, text = line.partition(" | ")
            if bar and label.strip() == name:
                found.append(text)
        return found

    def wait_for(self, text: str, *, timeout_s: float = PATIENCE_S) -> None:
        """Wait until portweave or a service has printed `text`."""

        def is_there() -> bool:
            return text in self.said or text in self.printed

        with self._news:
            self._news.wait_for(
                lambda: is_there() or not any(reader.is_alive() for reader in self._readers),
                timeout_s,
            )
            assert is_there(), f"no {text!r} in\n{self}"

    def send(self, number: int) -> None:
        """Signal portweave."""
        self.process.send_signal(number)

    def wait(self, *, timeout_s: float = PATIENCE_S) -> int:
        """Wait for its end; its exit status."""
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it does not end:\n{self}")
        for reader in self._readers:
            reader.join(timeout_s)
        return status

    def stop(self, number: int = signal.SIGINT, *, timeout_s: float = PATIENCE_S) -> int:
        """Send a signal to portweave, wait for its end, and see that nothing is left."""
        family = self.family()
        self.send(number)
        status = self.wait(timeout_s=timeout_s)
        left = [str(process) for process in family if not has_ended(process)]
        assert not left, f"{left} left behind:\n{self}"
        assert not self.marked(), f"{self.marked()} left behind:\n{self}"
        for port in self._ports():
            with socket.socket() as probe:
                # What was connected until now does not keep a server from starting again.
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        return status

    def _ports(self) -> list[int]:
        lines = (self.root / ".portweave/current.env").read_text().splitlines()
        pairs = [line.partition("=") for line in lines]
        return [int(value) for name, _, value in pairs if name.endswith("_PORT")]

    def port(self, variable: str) -> int:
        """The port that a variable holds."""
        lines = (self.root / ".portweave/current.env").read_text().splitlines()
        return int(dict(line.split("=", 1) for line in lines)[variable])

    def ask(
        self, variable: str, path: str, body: str | None = None, *, method: str = ""
    ) -> tuple[int, str]:
        """Send a request to the port that a variable holds: status and text of the answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port(variable), timeout=10)
        try:
            connection.request(method or ("GET" if body is None else "POST"), path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def family(self) -> list[psutil.Process]:
        """All processes of the stack: by descent, and by what their environment says."""
        found = {process.pid: process for process in self.marked()}
        with contextlib.suppress(psutil.NoSuchProcess):
            command = psutil.Process(self.process.pid)
            found |= {process.pid: process for process in command.children(recursive=True)}
        self._seen |= found
        return list(found.values())

    def marked(self) -> list[psutil.Process]:
        """Living processes whose environment says that they were started for the worktree."""
        found: list[psutil.Process] = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                mark = process.environ().get("PORTWEAVE_WORKTREE")
                if mark == str(self.root) and not has_ended(process):
                    found.append(process)
        return found

    def end(self) -> None:
        """Stop it, whatever has happened."""
        self.family()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for process in self._seen.values():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for reader in self._readers:
            reader.join(5)

    def __str__(self) -> str:
        return f"--- {self.root.name} says\n{self.said}--- its services print\n{self.printed}"


def has_ended(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


StartUp = Callable[..., Stack]


@pytest.fixture
def up(cli: "Cli") -> Iterator[StartUp]:
    """Start stacks that are stopped when the test ends: `up(root, "web").wait_for("ready")`."""
    stacks: list[Stack] = []

    def start(
        root: Path,
        *args: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
    ) -> Stack:
        # A service's python3 is the one that runs the tests.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        argv = [*cli.argv, "up", *map(str, args)]
        stacks.append(
            Stack(argv, cwd=cwd or root, root=root, env=cli.env({"PATH": path, **(env or {})}))
        )
        return stacks[-1]

    yield start
    for stack in stacks:
        stack.end()


class Detached:
    """A worktree's detached stack, and the commands about it.

    Attributes:
        root: The worktree's root.
    """

    def __init__(self, cli: "Cli", root: Path) -> None:
        self.root = root
        self._cli = cli
        self._path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        self._seen: dict[int, psutil.Process] = {}
        self._connections: list[socket.socket] = []

    def __call__(
        self,
        *words: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str | None] | None = None,
        status: int | None = 0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command; it has to end with this status, unless that is None."""
        done = self._cli(*words, cwd=cwd or self.root, env=self._changes(env), timeout_s=60)
        if status is not None:
            assert done.returncode == status, (words, done.returncode, done.stdout, done.stderr)
        return done

    def beside(self, *words: str | Path) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [*self._cli.argv, *map(str, words)],
            cwd=self.root,
            env=self._cli.env(self._changes(None)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _changes(self, env: Mapping[str, str | None] | None) -> dict[str, str | None]:
        return {"PATH": self._path, **(env or {})}

    def up(self, *words: str) -> str:
        """Start it, wait until it is ready; what was said."""
        said = self("up", "-d", *words).stderr
        self.look()
        return said

    def record(self) -> dict[str, Any]:
        """Its record; empty where it has none."""
        mine = [one for one in self._records() if one["worktreeRoot"] == str(self.root)]
        return mine[0] if mine else {}

    def _records(self) -> list[dict[str, Any]]:
        folder = Path(self._cli.environ["XDG_STATE_HOME"], "portweave", "stacks")
        return [json.loads(path.read_text()) for path in folder.glob("*.json")]

    def guardian(self) -> psutil.Process:
        """The process that ends last."""
        return psutil.Process(self.record()["pid"])

    def supervisor(self) -> psutil.Process:
        """The one that runs the services."""
        [child] = self.guardian().children()
        return child

    def look(self) -> list[psutil.Process]:
        """All processes of it, which are not to be left behind."""
        guardian = self.guardian()
        family = [guardian, *guardian.children(recursive=True)]
        for record in self._records():
            # One that was started by one of its services is another stack.
            if record["worktreeRoot"] != str(self.root) and record["detached"]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    other = psutil.Process(record["pid"])
                    if other in family:
                        theirs = {other, *other.children(recursive=True)}
                        family = [one for one in family if one not in theirs]
        self._seen |= {process.pid: process for process in family}
        return family

    def ps(self) -> dict[str, dict[str, Any]]:
        """Its services, by full name without the namespace."""
        rows = json.loads(self("ps", "--json").stdout)["services"]
        return {row["fullName"].rpartition("-")[0]: row for row in rows}

    def connect(self) -> socket.socket:
        """A bare connection to its control socket."""
        connection = socket.socket(socket.AF_UNIX)
        self._connections.append(connection)
        # Without a timeout, as where too many wait that would be an error at once.
        connection.connect(self.record()["socket"])
        connection.settimeout(10)
        return connection

    def down(self, *words: str) -> str:
        """Stop it, and see that nothing is left; what was said."""
        record = self.record()
        self.look()
        said = self("down", *words).stderr
        left = [str(process) for process in self._seen.values() if not has_ended(process)]
        assert not left
        assert not self.record()
        assert not Path(record["socket"]).exists()
        for port in record["ports"].values():
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        return said

    def end(self) -> None:
        """Stop it, whatever has happened."""
        for connection in self._connections:
            connection.close()
        if self.record():
            with contextlib.suppress(psutil.NoSuchProcess):
                self.look()
            self("down", "-t", "1", status=None)
        left = [process for process in self._seen.values() if not has_ended(process)]
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        assert not left, f"{left} left behind"
        assert not self.record()


@pytest.fixture
def detached_at(cli: "Cli") -> Iterator[Callable[[Path], Detached]]:
    """Detached stacks that are stopped when the test ends: `detached_at(root).up()`."""
    stacks: list[Detached] = []

    def make(root: Path) -> Detached:
        stacks.append(Detached(cli, root))
        return stacks[-1]

    yield make
    for stack in stacks:
        stack.end()


@pytest.fixture
def detached(detached_at: Callable[[Path], Detached], project: Path) -> Detached:
    """The detached stack of `project`."""
    return detached_at(project)


@pytest.fixture
def example(tmp_path: Path, git: "Git") -> Callable[..., list[Path]]:
    """Make a repository from an example, with linked worktrees: `example("shop", "red")`."""

    def make(name: str, *linked: str, folder: str = "") -> list[Path]:
        main = tmp_path / "code" / name
        shutil.copytree(
            EXAMPLES / name,
            main / folder,
            # What running it by hand has left.
            ignore=shutil.ignore_patterns(".data", ".venv", ".portweave", "__pycache__"),
        )
        git("init", "-q", cwd=main)
        git("add", ".", cwd=main)
        git("commit", "-q", "-m", "first", cwd=main)
        for other in linked:
            git("worktree", "add", "-q", "-b", other, main.with_name(other), cwd=main)
        return [main, *(main.with_name(other) for other in linked)]

    return make


@pytest.fixture
def need() -> Callable[..., None]:
    """Skip the test where a program is missing, and fail it in CI: `need("node")`."""

    def check(program: str, *places: str) -> None:
        if shutil.which(program) or any(glob(place) for place in places):
            return
        (pytest.fail if STRICT else pytest.skip)(f"{program} is not installed")

    return check


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], None]:
    """Ask until the answer is true, for up to 10 s: `eventually(lambda: done())`."""

    def check(question: Callable[[], object]) -> None:
        until_s = time.monotonic() + 10
        while not question():
            assert time.monotonic() < until_s, "it did not become so within 10 s"
            time.sleep(PAUSE_S)

    return check


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """An empty project outside git."""
    path = tmp_path / "shop"
    path.mkdir()
    return path


class Terminal:
    """`portweave up` on a terminal of its own."""

    def __init__(self, argv: list[str], cwd: Path, env: dict[str, str]) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        os.close(slave)
        self.seen = b""

    def wait_for(self, text: bytes) -> None:
        """Read until `text` has been seen."""
        deadline_s = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, f"no {text!r} in {self.seen!r}"
            assert self.read(left_s), f"ended without {text!r}: {self.seen!r}"

    def read(self, patience_s: float) -> bool:
        """Read what there is; whether it goes on."""
        if select.select([self.master], [], [], patience_s)[0]:
            try:
                data = os.read(self.master, 65_536)
            except OSError:  # EIO: nobody has it open any more
                return False
            self.seen += data
            return bool(data)
        return True

    def end(self) -> int:
        """Read to the end, and return the exit status."""
        deadline_s = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < deadline_s:
            self.read(0.05)
        while self.read(0.05) and select.select([self.master], [], [], 0)[0]:
            pass
        return self.process.wait(1)


StartTerminal = Callable[..., Terminal]


@pytest.fixture
def terminal(cli: "Cli") -> Iterator[StartTerminal]:
    """Start `portweave up` on a terminal."""
    started: list[Terminal] = []

    def start(root: Path, *args: str, **env: str) -> Terminal:
        one = Terminal([*cli.argv, "up", *args], root, cli.env({"TERM": "xterm", **env}))
        started.append(one)
        return one

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.end()
        one.process.kill()
        one.process.wait()
        os.close(one.master)


@pytest.fixture
def panel(cli: "Cli", tmp_path: Path) -> Iterator["StartPanel"]:
    """Start panels that are stopped when the test ends: `panel().get("/api/v1/worktrees")`."""
    from tests.panels import Panel

    def down() -> None:
        for root in [*tmp_path.iterdir(), *tmp_path.glob("code/*")]:
            # What a page has started is nobody's child here.
            if (root / ".portweave").is_dir():
                cli("down", "--all", cwd=root)
                break

    # Each is ended, whatever another one had to say.
    with contextlib.ExitStack() as started:
        started.callback(down)

        def start(*args: str, **env: str) -> Panel:
            # A service that a panel starts finds the python3 that runs the tests.
            path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
            one = Panel(cli, tmp_path, *args, **{"PATH": path, **env})
            started.callback(one.end)
            return one

        yield start


StartPanel = Callable[..., "Panel"]


class Pages:
    """Tabs of one browser: `pages()` makes one.

    Attributes:
        browser: The browser.
        made: The tabs.
    """

    def __init__(self, folder: Path) -> None:
        from tests.browser import Browser

        self.browser = Browser(shutil.which("chromium") or "", folder)
        self.made: list[Page] = []

    def __call__(self) -> "Page":
        """A new tab."""
        page = self.browser.page()
        page.look()
        self.made.append(page)
        return page


@pytest.fixture
def pages(tmp_path: Path, need: Callable[..., None]) -> Iterator[Pages]:
    """Tabs of one browser, of which none may have complained when the test ends."""
    need("chromium")
    folder = tmp_path / "browser"
    folder.mkdir()
    made = Pages(folder)
    yield made
    problems = [problem for page in made.made for problem in page.problems]
    made.browser.close()
    assert not problems


@pytest.fixture
def shop(project: Path, up: StartUp) -> Path:
    """A stack to look at, once its services are what they become."""
    from tests.panels import SHOP

    (project / "portweave.yaml").write_text(SHOP)
    up(project).wait_for("failed")
    return project
