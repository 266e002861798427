"""This worktree's PostgreSQL.

python3 postgres.py create    create its cluster, unless it exists
python3 postgres.py run       become its server, on PORT
python3 postgres.py ready     exit 0 if it accepts connections
python3 postgres.py clean     remove all data of this worktree

PostgreSQL refuses to run as root. If root starts it, as in a container, it runs as the user
`postgres`, or else as `nobody`. They cannot read root's folders, so the cluster is then in
/var/tmp, with a name from this folder's path. For other users it is in `.data`.
"""

import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import sys
from pathlib import Path

SHOP = Path(__file__).resolve().parent.parent
DATA = SHOP / ".data"
IS_ROOT = os.geteuid() == 0


def main() -> None:
    words = {"create": create, "run": run, "ready": ready, "clean": clean}
    if len(sys.argv) != 2 or sys.argv[1] not in words:
        sys.exit(f"usage: postgres.py {'|'.join(words)}")
    words[sys.argv[1]]()


def create() -> None:
    """Create the cluster; PostgreSQL's superuser is `shop`, with a random password."""
    cluster = home() / "cluster"
    password = home() / "password"
    make_home()
    if not cluster.exists():
        password.unlink(missing_ok=True)
        write_private(password, f"{secrets.token_urlsafe(24)}\n")
        give_away(password)
        # It gets its name last, so that an interrupted one does not count as complete.
        unfinished = home() / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        as_user(
            program("initdb"),
            f"--pgdata={unfinished}",
            "--username=shop",
            f"--pwfile={password}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--no-locale",
        )
        unfinished.rename(cluster)
    DATA.mkdir(exist_ok=True)
    (DATA / "pgpass").unlink(missing_ok=True)
    write_private(DATA / "pgpass", f"*:*:*:shop:{password.read_text()}")
    print(f"the cluster is {cluster}", flush=True)


def run() -> None:
    """Become the server."""
    server = program("postgres")
    cluster = home() / "cluster"
    if IS_ROOT:
        user = account()
        os.initgroups(user.pw_name, user.pw_gid)
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        os.environ["HOME"] = user.pw_dir
    os.chdir(cluster)
    # No Unix socket: its path would have to be short, and the port is enough.
    options = ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    argv = [server, "-D", str(cluster), "-p", os.environ["PORT"], *options]
    os.execv(server, argv)  # noqa: S606 - no shell is meant


def ready() -> None:
    """Become the program that checks readiness."""
    asker = program("pg_isready")
    argv = [asker, "-h", "127.0.0.1", "-p", os.environ["PORT"]]
    os.execv(asker, argv)  # noqa: S606 - as above


def clean() -> None:
    """Remove the cluster and the password; refused while the server runs."""
    note = home() / "cluster/postmaster.pid"
    if note.exists() and is_alive(int(note.read_text().split()[0])):
        sys.exit("PostgreSQL is running: stop the stack first")
    for folder in (home(), DATA):
        if folder.exists():
            shutil.rmtree(folder)
            print(f"removed {folder}", flush=True)


def home() -> Path:
    """Return the folder of PostgreSQL's data."""
    if not IS_ROOT:
        return DATA / "postgres"
    name = hashlib.sha256(os.fsencode(SHOP)).hexdigest()[:12]
    return Path("/var/tmp", f"portweave-shop-{name}")  # noqa: S108 - see make_home


def make_home() -> None:
    """Create that folder; in /var/tmp another user could have created it first."""
    home().parent.mkdir(exist_ok=True)
    home().mkdir(0o700, exist_ok=True)
    found = home().lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), user_id()}:
        sys.exit(f"{home()} belongs to somebody else; remove it")
    give_away(home())


def account() -> pwd.struct_passwd:
    """Return the user that the server runs as, if root started it."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    sys.exit("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def user_id() -> int:
    return account().pw_uid if IS_ROOT else os.geteuid()


def give_away(path: Path) -> None:
    if IS_ROOT:
        os.chown(path, account().pw_uid, account().pw_gid)


def as_user(*argv: str) -> None:
    """Run a command as the server's user; exit with its message if it fails."""
    options: dict[str, object] = {}
    if IS_ROOT:
        user = account()
        groups = os.getgrouplist(user.pw_name, user.pw_gid)
        options = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": groups}
    done = subprocess.run(argv, cwd=home(), capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        print(done.stdout + done.stderr, file=sys.stderr, flush=True)
        sys.exit(f"{Path(argv[0]).name} failed")


def program(name: str) -> str:
    """Return a program of PostgreSQL: the newest version in Debian's folder, else from PATH."""
    versions = Path("/usr/lib/postgresql").glob(f"*/bin/{name}")
    newest = max(versions, key=lambda path: float(path.parts[-3]), default=None)
    found = str(newest) if newest else shutil.which(name)
    if found is None:
        sys.exit(f"{name} is not there: install PostgreSQL (Debian: apt-get install postgresql)")
    return found


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner can read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


main()
