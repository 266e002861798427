"""Check the options of a cluster, and of each connection.

A connection's own variables win over the cluster's options with the same names.
"""

import os
from collections.abc import Mapping
from typing import cast

from portweave.calls.options import (
    CONCURRENCY,
    QUEUE,
    TIMEOUT_S,
    Options,
    canonical,
    check_flag,
    check_number,
    check_seconds,
    check_text,
    is_seconds,
)
from portweave.encoding.value import value
from portweave.errors import ConfigError
from portweave.supervisor.services.plan import (
    RestartPolicy,
    When,
)

_RESTARTS = 10
_POLICY = ("limit", "pauses", "never")
_UNSAID = object()


@value
class Settings:
    """The settings of a connection: arguments of `Connection`.

    Attributes:
        case_sensitive: Whether paths that differ by case are different.
        exact: Whether routes match no paths below their own.
        max_concurrency: How many requests it handles at a time.
        max_queue: How many more may wait.
        timeout_s: For requests without a time limit; None for no limit.
    """

    case_sensitive: bool
    exact: bool
    max_concurrency: int
    max_queue: int
    timeout_s: float | None


def settings_of(options: Options, own: Mapping[str, object]) -> Settings:
    """The settings of a connection.

    Args:
        options: The cluster's options.
        own: The connection's own variables; empty for none.

    Raises:
        ConfigError: An option cannot be used.
    """

    def said(name: str, default: object = None) -> object:
        return own.get(name, options.get(name, default))

    return Settings(
        case_sensitive=check_flag(
            said("case_sensitive_routing"), "case_sensitive_routing", default=True
        ),
        exact=check_flag(said("exact"), "exact", default=False),
        max_concurrency=check_number(said("max_concurrency"), "max_concurrency", CONCURRENCY, 1),
        max_queue=check_number(said("max_queue"), "max_queue", QUEUE, 0),
        timeout_s=check_seconds(said("timeout", TIMEOUT_S), "timeout"),
    )


def restart_of(options: Options, own: Mapping[str, object]) -> RestartPolicy:
    """The restart policy of a connection's process; arguments and errors as in `settings_of`."""
    if "respawn" not in own:
        return _policy(options.get("respawn"))
    if own["respawn"] is False:
        raise ConfigError(
            "respawn=False is for the whole cluster, not for one connection",
            hint="respawn={'never': True} never restarts one connection",
        )
    return _policy(own["respawn"])


def _policy(said: object) -> RestartPolicy:
    if said is None or said is True:
        return RestartPolicy(When.ALWAYS, _RESTARTS)
    if said is False:
        return RestartPolicy(When.NO, None)
    policy: Mapping[str, object] = {}
    if isinstance(said, Mapping):
        policy = cast("Mapping[str, object]", said)
    if not policy or not set(policy) <= set(_POLICY):
        raise ConfigError(
            f"respawn must be True, False or a policy, not {said!r}",
            hint="a policy has limit, pauses or never: {'limit': 5, 'pauses': [0.1, 1, 10]}",
        )
    if check_flag(policy.get("never"), "never of respawn", default=False):
        if len(policy) > 1:
            raise ConfigError("respawn with never cannot have limit or pauses")
        return RestartPolicy(When.NO, None)
    limit = policy.get("limit", _RESTARTS)
    return RestartPolicy(
        When.ALWAYS,
        None if limit is None else check_number(limit, "limit of respawn", _RESTARTS, 0),
        _pauses(policy.get("pauses", _UNSAID)),
    )


def _pauses(said: object) -> tuple[float, ...]:
    if said is _UNSAID:
        return ()
    is_list = isinstance(said, (list, tuple))
    found = tuple(cast("list[object]", said)) if is_list else (said,)
    if not found or not all(map(is_seconds, found)):
        raise ConfigError(f"pauses of respawn must be seconds or a list of them, not {said!r}")
    return cast("tuple[float, ...]", found)


def env_of(options: Options, environ: Mapping[str, str]) -> str:
    """The name of the cluster's environment.

    Raises:
        ConfigError: It is not text.
    """
    said = options.get("env")
    if said is not None and (not isinstance(said, str) or "\0" in said):
        raise ConfigError(f"env must be text, not {said!r}")
    return said or environ.get("PORTWEAVE_ENV") or environ.get("NODE_ENV") or "development"


def module_root(options: Options) -> str:
    """What paths are relative to: by default, the working directory.

    Raises:
        ConfigError: It is not a path.
    """
    said = options.get("module_root")
    said = "" if said is None else check_text(said, "module_root", "the path of a folder")
    return os.path.abspath(said or os.getcwd())


def own_of(variables: Mapping[object, object]) -> dict[str, object]:
    """A connection's own variables, with the usual spelling of options.

    Raises:
        ConfigError: A name is not text.
    """
    for name in variables:
        if not isinstance(name, str):
            raise ConfigError(f"the name of a variable must be text, not {name!r}")
    return {canonical(str(name)): item for name, item in variables.items()}
