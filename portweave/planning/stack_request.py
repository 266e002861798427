"""From what the user asked for to a stack that can be run, or to one that runs already.

What was asked for is kept as one JSON object, the origin, with the stack: folder, file, variables
and wishes. So a later `reload` or `scale`, from whichever shell, plans it as `up` did.
"""

from portweave.encoding.json_write import is_object
from portweave.errors import UsageError

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from portweave.arguments.args import Args
    from portweave.planning.allocation import (
        Prepared,
        Project,
    )
    from portweave.planning.stack_plan import StartOptions
    from portweave.planning.url_names import Names
    from portweave.procfiles.model import Definitions
    from portweave.supervisor.services.plan import StackPlan

_POLICIES = ("no", "on-failure", "always")
DEFAULT_TIMEOUT_S = 60.0


class EndedError(Exception):
    """A stack has ended before anything was started in it: it can be run anew."""


def origin_of(args: "Args", environ: "Mapping[str, str]") -> dict[str, object]:
    """What `up` was asked for.

    Raises:
        UsageError: A value is not what its option takes.
    """
    from portweave.planning.allocation import (
        check_selection,
        working_dir,
    )

    config = args.text("config")
    count = check_selection(config, args.text("count"))
    restart = args.text("restart")
    if restart is None and (args.flag("abort_on_exit") or args.text("exit_code_from")):
        # The first end of a service is to end all: it is not started again before.
        restart = "no"
    if restart is not None:
        _restart(restart)
    return {
        "environ": dict(environ),
        "workingDir": working_dir(),
        "config": config,
        "count": count,
        "services": list(args.operands),
        "profiles": list(args.texts("profile")),
        "scale": dict(scale_of(text) for text in args.texts("scale")),
        "noDeps": args.flag("no_deps"),
        "restart": restart,
        "timeoutS": seconds_of(args.text("timeout")),
        "watch": args.flag("watch"),
        "noProxy": args.flag("no_proxy"),
    }


def words_of(origin: "Mapping[str, object]", services: "Collection[str]") -> list[str]:
    """The words by which `up` is asked for the same again.

    Args:
        origin: From `origin_of`, or what is left of it.
        services: Those that there are: others are no longer asked for.
    """
    words = [f"--profile={name}" for name in _list(origin.get("profiles"))]
    scale = _texts(origin.get("scale"))
    words += [f"--scale={name}={n}" for name, n in scale.items() if name in services]
    words += [
        flag
        for name, flag in (("noDeps", "--no-deps"), ("watch", "--watch"), ("noProxy", "--no-proxy"))
        if origin.get(name) is True
    ]
    restart, timeout_s = origin.get("restart"), origin.get("timeoutS")
    if isinstance(restart, str):
        words.append(f"--restart={restart}")
    if isinstance(timeout_s, float) and timeout_s != DEFAULT_TIMEOUT_S:
        words.append(f"--timeout={round(timeout_s * 1000)}ms")
    return words + [name for name in _list(origin.get("services")) if name in services]


def patience_s(args: "Args", plan: "StackPlan", names: "Collection[str]") -> float:
    """How long `up -d` waits for all of these instances together.

    As long as `--timeout` says; where it does not, as long as they may take one after the other by
    what their definitions say, and 60 s at least.
    """
    from portweave.supervisor.services.plan import time_to_ready_s

    if (given := args.text("timeout")) is not None:
        return seconds_of(given)
    return max(DEFAULT_TIMEOUT_S, time_to_ready_s(plan.instances, names))


def project_of(origin: "Mapping[str, object]") -> "Project":
    """The worktree and its definitions.

    Raises:
        PortweaveError: They cannot be read, or are wrong.
    """
    from portweave.planning.allocation import find_project

    config, count = origin.get("config"), origin.get("count")
    return find_project(
        str(origin["workingDir"]),
        config=None if config is None else str(config),
        count=count if isinstance(count, int) else None,
        environ=environ_of(origin),
        scale=_numbers(origin["scale"]),
    )


def environ_of(origin: "Mapping[str, object]") -> dict[str, str]:
    """The variables that the stack inherits."""
    return _texts(origin["environ"])


def wishes_of(origin: "Mapping[str, object]") -> "StartOptions":
    """Which services are to be started, and how."""
    from portweave.planning.stack_plan import (
        StartOptions,
        restart_policy,
    )

    restart, timeout_s = origin.get("restart"), origin.get("timeoutS")
    return StartOptions(
        services=tuple(_list(origin["services"])),
        profiles=tuple(_list(origin["profiles"])),
        scale=_numbers(origin["scale"]),
        with_needs=origin.get("noDeps") is not True,
        restart=None if restart is None else restart_policy(*_restart(str(restart))),
        timeout_s=timeout_s if isinstance(timeout_s, float) else DEFAULT_TIMEOUT_S,
        watch=origin.get("watch") is True,
    )


def plan_of(
    origin: "dict[str, object]", *, may_be_idle: bool = False, dry_run: bool = False
) -> "tuple[Prepared, StackPlan]":
    """Give out the ports, and plan all instances.

    The names that the stack gets are kept in the origin, for those who plan it anew, and what it
    was planned from.

    Args:
        origin: From `origin_of`.
        may_be_idle: Whether nothing at all needs to be started.
        dry_run: Whether ports are only to be found out, as `prepare` does.

    Raises:
        PortweaveError: The definitions are wrong, or there are no ports.
    """
    from portweave.planning.allocation import (
        prepare,
        write_own_current,
    )
    from portweave.planning.stack_plan import make_plan

    project = project_of(origin)
    prepared = prepare(project, dry_run=dry_run)
    if not dry_run:
        write_own_current(prepared)
    names = _names_of(project, origin, keep=not dry_run)
    definitions = project.definitions
    origin["defined"] = {
        "files": list(definitions.paths),
        "services": [service.name for service in definitions.services],
    }
    wishes, environ = wishes_of(origin), environ_of(origin)
    plan = make_plan(prepared, wishes, environ, names, may_be_idle=may_be_idle)
    return prepared, plan


def _names_of(project: "Project", origin: "dict[str, object]", *, keep: bool) -> "Names | None":
    """What the services are called in URLs; None where the user wants no proxy."""
    from portweave.planning.url_names import (
        names_of,
        wants_names,
    )

    environ = environ_of(origin)
    if origin.get("noProxy") is True or not wants_names(environ):
        return None
    settled = origin.get("names")
    names = names_of(
        project.name,
        project.worktree,
        environ,
        settled if is_object(settled) else None,
        keep=keep,
    )
    origin["names"] = {
        "project": names.project,
        "domain": names.domain,
        "port": names.port,
        "scheme": names.scheme,
    }
    return names


def check_profiles(definitions: "Definitions", names: "Sequence[str]") -> None:
    """See that some service has each of the profiles that were asked for.

    Raises:
        UsageError: No service has one of them.
    """
    known = sorted({profile for s in definitions.services for profile in s.profiles})
    for name in names:
        if name not in known:
            from portweave.procfiles.issues import nearest

            near = nearest(name, known)
            there = f"there are {', '.join(known)}" if known else "there are none at all"
            raise UsageError(
                f'no service has the profile "{name}"',
                hint=f"did you mean {near}?" if near else there,
            )


def proxy_port(origin: "Mapping[str, object]") -> int | None:
    """Where the stack's services are told that the proxy listens; None where it has no names."""
    names = origin.get("names")
    port = names.get("port") if is_object(names) else None
    return port if isinstance(port, int) else None


def proxy_scheme(origin: "Mapping[str, object]") -> str:
    """What the stack's services are told that the proxy speaks: `http` or `https`."""
    names = origin.get("names")
    scheme = names.get("scheme") if is_object(names) else None
    return "https" if scheme == "https" else "http"


def as_json(plan: "StackPlan") -> dict[str, object]:
    """A plan as a value of JSON."""
    from dataclasses import asdict

    return asdict(plan)


def scale_of(text: str, asked_by: str = "--scale") -> tuple[str, int]:
    """`web=3` as a name and a number.

    Args:
        text: What was given.
        asked_by: To what, for the message.

    Raises:
        UsageError: It is not that.
    """
    name, _, number = text.partition("=")
    if not (name and number.isascii() and number.isdigit() and len(number) <= 3):
        raise UsageError(
            f"{asked_by} takes NAME=N, received {text!r}", hint=f"as in {asked_by} web=3"
        )
    return name, int(number)


def seconds_of(
    text: str | None,
    option: str = "--timeout",
    default_s: float = DEFAULT_TIMEOUT_S,
    *,
    zero: bool = False,
) -> float:
    """A time such as `90`, `90s` or `1m30s` in seconds.

    Args:
        text: What was given; None for `default_s`.
        option: Where, for the message.
        default_s: What holds where nothing was given.
        zero: Whether 0 makes sense.

    Raises:
        UsageError: It is not one.
    """
    if text is None:
        return default_s
    from portweave.encoding.duration import parse

    seconds = parse(text)
    if seconds is None or not (seconds or zero):
        raise UsageError(f"{option} takes a time such as 90, 90s or 1m30s, received {text!r}")
    return seconds


def _restart(text: str) -> tuple[str, int | None]:
    policy, colon, limit = text.partition(":")
    takes_limit = policy == "on-failure" and limit.isascii() and limit.isdigit()
    if policy not in _POLICIES or (colon and not takes_limit):
        raise UsageError(
            f"--restart takes no, on-failure, on-failure:N or always, received {text!r}"
        )
    return policy, int(limit) if limit else None


def _list(value: object) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []  # pyright: ignore


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    return {str(key): str(item) for key, item in value.items()}  # pyright: ignore


def _numbers(value: object) -> dict[str, int]:
    return {name: int(number) for name, number in _texts(value).items()}
