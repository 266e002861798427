"""Pure. Commands that go into the background, and watchers that end when their input closes."""

import re

from portweave.supervisor.diagnosis.cause import Cause

# How programs stay in the foreground, by their own documents.
_FOREGROUND: tuple[tuple[str, str], ...] = (
    (r"\bnginx\b", "nginx -g 'daemon off;'"),
    (r"\bredis-server\b", "redis-server --daemonize no"),
    (r"\bpg_ctl\b", "postgres -D FOLDER in place of pg_ctl start"),
    (r"\bapache(?:2|ctl)\b|\bhttpd\b", "apachectl -D FOREGROUND"),
    (r"\bphp-fpm", "php-fpm --nodaemonize"),
    (r"\bgunicorn\b", "gunicorn without --daemon"),
    (r"\bpm2\b", "pm2-runtime in place of pm2"),
    (r"\bdocker\b", "docker without -d or --detach"),
    (r"\bmemcached\b", "memcached without -d"),
    (r"\bmongod\b", "mongod without --fork"),
    (r"\bmysqld", "mysqld without --daemonize"),
    (r"\bsupervisord\b", "supervisord --nodaemon"),
    (r"(?<![>&<|])&\s*$", "the command without & at its end"),
)
_WATCHES = re.compile(r"(?<![\w-])(?:--watch|-w|watch)(?![\w-])")
_INPUT_ENDS = re.compile(r"<\s*/dev/null|(?<!\|)\|(?![|&])|(?<![>&<|])&(?![&>])")
_JOB = re.compile(r"(?<![>&<|])&(?=\s|$|[;)])")
_OUTLIVES_INPUT = (
    (r"\besbuild\b", "--watch=forever"),
    (r"\btailwind", "--watch=always"),
)


def background_hint(command: str) -> str:
    """How to keep a program in the foreground that goes into the background by itself."""
    for pattern, words in _FOREGROUND:
        if re.search(pattern, command):
            return f"keep it in the foreground: {words}"
    return "keep it in the foreground: look for an option such as --foreground or --no-daemon"


def job_cause(command: str) -> Cause | None:
    """Why a shell with background jobs ended with status 0; None if the command has no jobs."""
    if not _JOB.search(command) or re.search(r"\bwait\b", command):
        return None
    return Cause(
        "background",
        "its shell has ended with status 0, and so have the jobs that `&` started",
        "leave out the `&`, or write `wait` at the end of the command",
    )


def watcher_cause(command: str) -> Cause | None:
    """Why a watcher ended with status 0; None if the command is no watcher."""
    if not _WATCHES.search(command):
        return None
    text = "it watches files, and has ended with status 0"
    for pattern, option in _OUTLIVES_INPUT:
        if re.search(pattern, command):
            return Cause(
                "ended",
                f"{text}: it ends when its standard input is closed",
                f"{option} keeps it running without input",
            )
    if _INPUT_ENDS.search(command):
        return Cause(
            "ended",
            f"{text}: the command closes its standard input, and many watchers end with that",
            "leave out `</dev/null`, the pipe before it, or the `&` behind it",
        )
    return Cause(
        "ended",
        f"{text}: many watchers end when their standard input is closed",
        "look for an option that keeps it running without input",
    )
