"""Pure. Options of the systemd export: who runs the units, where the worktree is, and limits.

systemd.exec(5), systemd.resource-control(5), systemd.service(5).
"""

import re
from collections.abc import Iterator

from portweave.encoding.value import replace, value
from portweave.exports.model import Stack, Unit, VariableFile
from portweave.exports.remarks import CHANGED, INFO, Remark

# The first version whose services restart with growing pauses.
GROWING_PAUSES = 254
# The first version with all other settings of the units.
OLDEST = 250
_SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# What every program of a development stack survives, also without privileges.
_HARDENING = (
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
)
# A user manager cannot set these without user namespaces.
_SYSTEM_HARDENING = (
    "CapabilityBoundingSet=",
    "ProtectSystem=full",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
)
_GAINING = re.compile(r"(?<![\w/-])(sudo|su|doas|setpriv|newuidmap|podman)(?=\s|$)")
# ProtectSystem=full makes these read-only.
_READ_ONLY = ("/usr", "/boot", "/efi", "/etc")


@value
class SystemdOptions:
    """Settings of the command line for systemd.

    Attributes:
        system: Whether the units are for the system's manager, not for a user's.
        run_as: The user of a system unit.
        prefix: The folder in which the worktree will be; empty for its own folder.
        version: The version of systemd.
    """

    system: bool = False
    run_as: str = ""
    prefix: str = ""
    version: int = OLDEST

    @property
    def has_growing_pauses(self) -> bool:
        """Whether services restart with growing pauses."""
        return self.version >= GROWING_PAUSES

    @property
    def settings_folder(self) -> str:
        """The folder that `%E` stands for, as a reader writes it."""
        return "/etc" if self.system else "~/.config"


def placed(stack: Stack, options: SystemdOptions) -> Stack:
    """Return a stack whose paths lead to where the worktree will be.

    Args:
        stack: The stack.
        options: The settings.
    """
    path = stack.path
    if options.system:
        # The folders of a user are not for a service of the system.
        inner = [one for one in path.split(":") if one.startswith(f"{stack.root}/")]
        path = ":".join([*inner, _SYSTEM_PATH])
    stack = replace(stack, path=path)
    if not options.prefix or options.prefix == stack.root:
        return stack
    pattern = re.compile(rf"{re.escape(stack.root.rstrip('/'))}(?=[/:;,\s\"']|$)")

    def moved(text: str) -> str:
        return pattern.sub(lambda _: options.prefix, text)

    # Units share their defaults, of which a large stack has thousands.
    defaults = {
        id(unit.defaults): {name: moved(text) for name, text in unit.defaults.items()}
        for unit in stack.units
    }

    def moved_unit(unit: Unit) -> Unit:
        ready = unit.ready
        if ready.exec is not None:
            ready = replace(ready, exec=tuple(map(moved, ready.exec)))
        return replace(
            unit,
            argv=tuple(map(moved, unit.argv)),
            folder=moved(unit.folder),
            ready=ready,
            defaults=defaults[id(unit.defaults)],
            settled={name: moved(text) for name, text in unit.settled.items()},
            files=tuple(
                VariableFile(moved(file.path), file.required, file.has_exports)
                for file in unit.files
            ),
        )

    units = tuple(map(moved_unit, stack.units))
    return replace(stack, root=options.prefix, path=moved(stack.path), units=units)


def execution_lines(unit: Unit, options: SystemdOptions, root: str) -> Iterator[str]:
    """Return the settings about the user, limits and rights of a service.

    Args:
        unit: The service.
        options: The settings.
        root: The folder of the worktree.
    """
    if options.run_as:
        yield f"User={options.run_as}"
    yield "TasksMax=4096"
    if not gains_privileges(unit):
        yield from _HARDENING
        if options.system:
            yield from _SYSTEM_HARDENING
            if any(f"{root}/".startswith(f"{folder}/") for folder in _READ_ONLY):
                yield f"ReadWritePaths={root.replace('%', '%%')}"


def gains_privileges(unit: Unit) -> bool:
    """Whether a command changes its user, which hardening forbids."""
    return _GAINING.search(" ".join(unit.argv)) is not None


def restart_lines(options: SystemdOptions) -> Iterator[str]:
    """Return the pauses before restarts: half a second, and up to 30 s if systemd can."""
    yield "RestartSec=500ms"
    if options.has_growing_pauses:
        yield "RestartSteps=6"
        yield "RestartMaxDelaySec=30s"


def assumptions(stack: Stack, options: SystemdOptions) -> Iterator[Remark]:
    """Return remarks about what the units expect of their machine.

    Args:
        stack: The stack, with the paths of that machine.
        options: The settings.
    """
    if options.prefix:
        yield Remark(INFO, "workingDir", f"the worktree is expected in {options.prefix}")
    if options.system:
        text = f"PATH is that of the system: {stack.path}"
        yield Remark(CHANGED, "environment", text)
        yield Remark(INFO, "environment", f"the user {options.run_as} must exist, and may read it")
    probes = [unit.ready for unit in stack.units]
    needed = [
        *(["curl"] if any(ready.http is not None for ready in probes) else []),
        *(["bash"] if any(ready.tcp is not None for ready in probes) else []),
    ]
    if needed:
        text = f"readiness is probed with {' and '.join(needed)}, which must be installed"
        yield Remark(INFO, "ready", text)
    for unit in stack.units:
        if gains_privileges(unit):
            text = "its command changes its user, so it runs without hardening"
            yield Remark(INFO, "command", text, (unit.name,))
