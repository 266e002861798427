"""Pure. Write a stack as systemd units: one service per instance, and a target.

systemd.service(5), systemd.exec(5), systemd.unit(5), systemd.syntax(7).
"""

import posixpath
import re
from collections.abc import Iterator, Mapping
from shlex import join, quote

from portweave.exports.model import (
    Exported,
    Stack,
    Unit,
    export_line_remarks,
    header,
    labels_of,
)
from portweave.exports.remarks import CHANGED, INFO, LOST, Remark, merged
from portweave.exports.systemd_options import (
    SystemdOptions,
    assumptions,
    execution_lines,
    placed,
    restart_lines,
)
from portweave.supervisor.services.plan import (
    Condition,
    When,
)

FORM = "systemd"
_PLAIN = SystemdOptions()
_PAUSE_S = 0.2
# How long units wait for an instance that only may listen.
_GUESS_S = 10
# systemd.unit(5): a unit name has at most 256 characters, with its prefix and suffix.
_LONGEST = 200


def export(stack: Stack, options: SystemdOptions = _PLAIN) -> Exported:
    """Return the units of a stack.

    Args:
        stack: The stack.
        options: Settings of the command line.

    Raises:
        ExportNameError: Two units would get the same name.
    """
    stack = placed(stack, options)
    base = f"portweave-{_safe(stack.project)}-{_safe(stack.namespace)}"
    labels = labels_of((unit.name for unit in stack.units), _safe, _LONGEST - len(base))
    names = {name: f"{base}-{label}.service" for name, label in labels.items()}
    target = f"{base}.target"
    remarks = [
        *stack.remarks,
        *assumptions(stack, options),
        *export_line_remarks(stack.units, "systemd"),
    ]
    remarks += [remark for unit in stack.units for remark in _remarks(unit, stack, options)]
    told = merged(remarks)
    files = [(target, _target(stack, list(names.values()), told, options))]
    # Units share their defaults, of which a large stack has thousands.
    own = {"PATH": stack.path} if stack.path else {}
    defaults = {id(u.defaults): u.defaults for u in stack.units}
    shared = {key: _variable_lines({**own, **found}) for key, found in defaults.items()}
    files += [
        (
            names[unit.name],
            _service(unit, stack, options, target, names, shared[id(unit.defaults)]),
        )
        for unit in stack.units
    ]
    return Exported(tuple(files), told)


def _safe(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9:_.-]+", "-", name)


def _target(
    stack: Stack, names: list[str], told: tuple[Remark, ...], options: SystemdOptions
) -> str:
    lines = [
        "[Unit]",
        f"Description={_line(f'{stack.project}, worktree {stack.namespace}')}",
        f"Documentation=file://{_line(stack.root).replace(' ', '%%20')}",
        *(f"Wants={name}" for name in names),
        "",
        "[Install]",
        f"WantedBy={'multi-user' if options.system else 'default'}.target",
    ]
    return header(FORM, told, f"systemd {options.version}") + "\n".join(lines) + "\n"


def _service(
    unit: Unit,
    stack: Stack,
    options: SystemdOptions,
    target: str,
    names: Mapping[str, str],
    defaults: list[str],
) -> str:
    lines = [
        "[Unit]",
        f"Description={_line(f'{unit.name} of {stack.project}, worktree {stack.namespace}')}",
        f"PartOf={target}",
    ]
    if options.system:
        lines.append("After=network.target")
    for need in unit.needs:
        # A dependency that only must have started may end again.
        kind = "Wants" if need.condition is Condition.STARTED else "Requires"
        lines += [f"{kind}={names[need.instance]}", f"After={names[need.instance]}"]
    limit = unit.restart.limit
    if unit.restart.when is not When.NO:
        interval_s = 0 if limit is None else 300
        lines.append(f"StartLimitIntervalSec={interval_s}")
        if limit is not None:
            lines.append(f"StartLimitBurst={limit + 1}")
    lines += ["", "[Service]", f"Type={_type(unit)}"]
    if unit.oneshot:
        lines.append("RemainAfterExit=yes")
    if unit.ready.notify:
        lines.append("NotifyAccess=all")
    lines.append(f"WorkingDirectory={_path(unit.folder)}")
    lines += execution_lines(unit, options, stack.root)
    # A later line wins over an earlier one.
    lines += [*defaults, *_variable_lines(unit.settled)]
    if unit.passed:
        lines.append(f"PassEnvironment={' '.join(unit.passed)}")
    # systemd.exec(5): files win over Environment=, and later files over earlier ones.
    lines += [f"EnvironmentFile={'' if f.required else '-'}{_path(f.path)}" for f in unit.files]
    if unit.hidden:
        lines.append(f"EnvironmentFile={_secrets(unit, stack)}")
    lines.append(f"ExecStart={_command(unit)}")
    lines += [f"ExecStartPost={_words(argv)}" for argv in _wait_steps(unit)]
    if _wait_steps(unit) or unit.ready.notify:
        lines.append(f"TimeoutStartSec={_span(unit.ready.timeout_s)}")
    elif unit.oneshot:
        lines.append("TimeoutStartSec=infinity")
    # systemd.service(5): Type=oneshot does not allow Restart=always.
    when = When.ON_FAILURE if unit.oneshot and unit.restart.when is When.ALWAYS else None
    lines.append(f"Restart={(when or unit.restart.when).value}")
    if unit.restart.when is not When.NO:
        lines += restart_lines(options)
    lines += [
        f"KillSignal={unit.stop_signal}",
        "KillMode=control-group",
        f"TimeoutStopSec={_span(unit.stop_grace_s)}",
        # The usual exit status of a program that a signal stopped.
        "SuccessExitStatus=130 143",
        "",
        "[Install]",
        f"WantedBy={target}",
    ]
    return header(FORM, merged(_remarks(unit, stack, options))) + "\n".join(lines) + "\n"


def _variable_lines(variables: Mapping[str, str]) -> list[str]:
    return [f"Environment={_word(f'{name}={text}')}" for name, text in variables.items()]


def _type(unit: Unit) -> str:
    if unit.oneshot:
        return "oneshot"
    return "notify" if unit.ready.notify else "exec"


def _command(unit: Unit) -> str:
    argv = unit.argv
    first = argv[0]
    if "/" in first and not first.startswith("/"):
        argv = (posixpath.normpath(f"{unit.folder}/{first}"), *argv[1:])
    # Files would win over these.
    forced = [f"{name}={text}" for name, text in unit.settled.items() if name in unit.in_files]
    if forced or "/" not in first:
        # `env` looks the command up in the service's PATH; systemd uses its own.
        argv = ("/usr/bin/env", *forced, *argv)
    return _words(argv)


def _wait_steps(unit: Unit) -> list[tuple[str, ...]]:
    """Return commands that end once an instance is ready; units that need it wait for them."""
    ready = unit.ready
    tests: list[str] = []
    if ready.http is not None:
        tests.append(f"curl -kfsS -m 5 -o /dev/null {quote(ready.http)}")
    if ready.tcp is not None:
        # Only bash has /dev/tcp.
        probe = f"</dev/tcp/127.0.0.1/{ready.tcp}"
        tests.append(f"/bin/bash -c {quote(probe)}")
    if ready.exec is not None:
        tests.append(join(ready.exec))
    found: list[tuple[str, ...]] = []
    for test in tests:
        loop = f"until {test} 2>/dev/null; do sleep {_PAUSE_S}; done"
        if not ready.written:
            # The instance only may listen; it has not failed where it does not.
            count = int(_GUESS_S / _PAUSE_S)
            loop = (
                f"for i in $(seq {count}); do {test} 2>/dev/null && exit; sleep {_PAUSE_S}; done;"
                " exit 0"
            )
        found.append(("/bin/sh", "-c", loop))
    return found


def _secrets(unit: Unit, stack: Stack) -> str:
    """Return the path of the file with the secrets of a service; %E is ~/.config or /etc."""
    return f"%E/portweave/{_safe(stack.project)}-{_safe(stack.namespace)}-{_safe(unit.service)}.env"


def _remarks(unit: Unit, stack: Stack, options: SystemdOptions) -> Iterator[Remark]:
    names = (unit.name,)
    yield from unit.remarks
    if unit.hidden:
        path = _secrets(unit, stack).replace("%E", options.settings_folder)
        text = f"write {', '.join(unit.hidden)} into {path}, with mode 600"
        yield Remark(INFO, "secrets", text, names)
    if unit.ready.log is not None:
        yield Remark(LOST, "ready", "log: for systemd it is ready once it runs", names)
    if unit.ready.probes and unit.ready.written:
        yield Remark(CHANGED, "ready", "systemd does not probe it after it is ready", names)
    if unit.restart.when is not When.NO and not options.has_growing_pauses:
        text = "it restarts every 0.5 s; --systemd 254 has growing pauses"
        yield Remark(CHANGED, "restart", text, names)
    if unit.oneshot and unit.restart.when is When.ALWAYS:
        text = "always: systemd allows only on-failure for a oneshot service"
        yield Remark(CHANGED, "restart", text, names)
    if unit.tty:
        yield Remark(CHANGED, "tty", "its output goes to the journal", names)


def _span(time_s: float) -> str:
    return f"{round(time_s * 1000)}ms" if time_s % 1 else f"{int(time_s)}s"


def _line(text: str) -> str:
    """Escape a text for a setting that takes the rest of the line."""
    return " ".join(text.split()).replace("%", "%%")


def _path(path: str) -> str:
    return path.replace("%", "%%")


def _word(text: str) -> str:
    """Quote one word of a list of words: systemd.syntax(7)."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    for character, escape in (("\n", "\\n"), ("\t", "\\t"), ("\r", "\\r")):
        text = text.replace(character, escape)
    return f'"{text}"'


def _words(argv: tuple[str, ...]) -> str:
    """Quote a command line; systemd substitutes variables where a $ is not doubled."""
    head, *rest = (word.replace("$", "$$") for word in argv)
    plain = re.fullmatch(r"[\w./@:+-]+", head)
    return " ".join([head if plain else _word(head), *map(_word, rest)])
