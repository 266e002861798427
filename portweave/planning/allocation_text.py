"""Pure. Allocations as texts, byte for byte as npm portweave prints and writes them."""

from portweave.encoding.json_text import (
    code_units,
    compact,
    pretty,
)

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portweave.allocator.ports.model import Key

# JavaScript's white space, and characters with a meaning to a shell.
_TO_QUOTE = frozenset(
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
    "#$\"'\\"
)


def banner(
    folder: str,
    namespace: str,
    rows: "Iterable[tuple[str, str]]",
    ports: "Mapping[str, int]",
    *,
    reused: bool,
) -> str:
    """Return a text with the ports of a worktree, without a newline at the end.

    Args:
        folder: The name of the worktree's folder.
        namespace: The worktree's namespace.
        rows: Name of each instance, and of the variable with its port; rows without a port are
            left out.
        ports: The port by instance.
        reused: Whether the worktree had its ports before.
    """
    rows = tuple(rows)
    width = max((len(name) for name, _ in rows), default=0) + 2
    return "\n".join(
        [
            f"[portweave] worktree: {folder} (namespace: {namespace})",
            f"[portweave] {'reusing existing allocation:' if reused else 'allocated:'}",
            *(
                f"  {name:<{width}}→ {ports[name]}     ({variable})"
                for name, variable in rows
                if name in ports
            ),
        ]
    )


def whereabouts(config: str, registry: str, key: "Key") -> list[str]:
    """Return lines with the paths of definitions and registry, and the worktree's key."""
    fields = {
        "gitCommonDir": key.git_common_dir,
        "namespace": key.namespace,
        "worktreeRoot": key.worktree_root,
    }
    return [
        f"[portweave] config: {config}",
        f"[portweave] registry: {registry}",
        f"[portweave] key: {compact(fields)}",
    ]


def stack_banner(
    project: str,
    folder: str,
    namespace: str,
    rows: "Iterable[tuple[str, int | None, str | None]]",
    notes: "Iterable[str]",
    *,
    reused: bool,
) -> str:
    """Return a text with the services that `up` starts, with a newline at the end.

    Args:
        project: The project's name.
        folder: The name of the worktree's folder.
        namespace: The worktree's namespace.
        rows: Name, port and URL of each instance; None for a missing one.
        notes: Further lines.
        reused: Whether the worktree had its ports before.
    """
    rows = tuple(rows)
    width = max((len(name) for name, _, _ in rows), default=0) + 2
    lines = [
        f"[portweave] {project}, worktree: {folder} (namespace: {namespace})",
        f"[portweave] {'reusing existing allocation:' if reused else 'allocated:'}",
        *(
            f"  {name:<{width}}→ {port}     {url or ''}".rstrip()
            if port
            else f"  {name:<{width}}  (no port)"
            for name, port, url in rows
        ),
        *(f"[portweave] {note}" for note in notes),
    ]
    return "\n".join([*lines, ""])


def as_json(
    env: "Mapping[str, str]", namespace: str, ports: "Mapping[str, int]", worktree_root: str
) -> str:
    """Return the output of `show --json`, with a newline at the end.

    Args:
        env: The variables.
        namespace: The worktree's namespace.
        ports: The port by instance.
        worktree_root: The worktree's root.
    """
    fields = {
        "env": {name: env[name] for name in sorted(env, key=code_units)},
        "namespace": namespace,
        "ports": {name: ports[name] for name in sorted(ports, key=code_units)},
        "worktreeRoot": worktree_root,
    }
    return pretty(fields) + "\n"


def current_env(env: "Mapping[str, str]") -> str:
    """Return the text of `current.env`."""
    return "".join(f"{name}={_value(env[name])}\n" for name in sorted(env))


def _value(value: str) -> str:
    if _TO_QUOTE.isdisjoint(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
