"""Pure. Each error that a user can meet, with a code that never changes.

`from portweave.errors import X` works for every class. The classes are in a module for each family,
which is imported when one of its classes is asked for: each class costs time, and most commands
need none. `portweave.cli.main` alone turns an error into text and an exit status.

The first paragraph of a docstring is what the code means. `What to do:` is the way out. The table
in `docs/errors.md` has both; `make documents` writes it. The codes PW0101 to PW0802 of npm
portweave keep their meanings and texts. A code is never used for two things.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.errors.call_errors import (
        BadPath as BadPath,
        BusUnreachable as BusUnreachable,
        Cancelled as Cancelled,
        ClusterError as ClusterError,
        ConfigError as ConfigError,
        ConnectionNotFound as ConnectionNotFound,
        HubUnreachable as HubUnreachable,
        MessageTooLarge as MessageTooLarge,
        NameTaken as NameTaken,
        NotSerializable as NotSerializable,
        Overloaded as Overloaded,
        PeerDied as PeerDied,
        RemoteError as RemoteError,
        RequestTimeout as RequestTimeout,
        RouteNotFound as RouteNotFound,
    )
    from portweave.errors.command_errors import (
        AgentFileError as AgentFileError,
        NoAllocationError as NoAllocationError,
        OutputError as OutputError,
        PruneUnaskedError as PruneUnaskedError,
        RemovalUnaskedError as RemovalUnaskedError,
        SpawnError as SpawnError,
        UsageError as UsageError,
    )
    from portweave.errors.control_errors import (
        NoStackError as NoStackError,
        NoTerminalError as NoTerminalError,
        NotReadyError as NotReadyError,
        OtherProtocolError as OtherProtocolError,
        RecordLostError as RecordLostError,
        StackGoneError as StackGoneError,
        StackStandsStillError as StackStandsStillError,
        StackStoppingError as StackStoppingError,
        StackUnreachableError as StackUnreachableError,
        SupervisorError as SupervisorError,
        UnknownServiceError as UnknownServiceError,
        WaitTimeoutError as WaitTimeoutError,
    )
    from portweave.errors.definition_errors import (
        DefinitionsInvalidError as DefinitionsInvalidError,
        DefinitionsMissingError as DefinitionsMissingError,
        NoServicesError as NoServicesError,
    )
    from portweave.errors.environment_errors import (
        CurrentEnvError as CurrentEnvError,
        DotenvError as DotenvError,
        DriftError as DriftError,
        EnvFileError as EnvFileError,
        PlaceholderError as PlaceholderError,
        PortOverrideError as PortOverrideError,
    )
    from portweave.errors.export_errors import (
        ExportFileError as ExportFileError,
        ExportLostError as ExportLostError,
        ExportNameError as ExportNameError,
    )
    from portweave.errors.panel_errors import (
        CommandFailedError as CommandFailedError,
        LaunchForbiddenError as LaunchForbiddenError,
        PanelForbiddenError as PanelForbiddenError,
        PanelPortError as PanelPortError,
    )
    from portweave.errors.port_errors import (
        OffsetError as OffsetError,
        PinTakenError as PinTakenError,
        PoolExhaustedError as PoolExhaustedError,
    )
    from portweave.errors.problem import Problem
    from portweave.errors.proxy_errors import (
        ProxyAccessError as ProxyAccessError,
        ProxyNotStartedError as ProxyNotStartedError,
        ProxyPortError as ProxyPortError,
        ProxyRunningError as ProxyRunningError,
        ProxySchemeError as ProxySchemeError,
    )
    from portweave.errors.registry_errors import (
        BrokenWorktreeError as BrokenWorktreeError,
        LeaseUnknownError as LeaseUnknownError,
        RegistryDamagedError as RegistryDamagedError,
        RegistryLockedError as RegistryLockedError,
        RegistryUnwritableError as RegistryUnwritableError,
        StateUnwritableError as StateUnwritableError,
    )
    from portweave.errors.route_errors import (
        HostnameError as HostnameError,
        HostsUnwritableError as HostsUnwritableError,
        NoBrowserError as NoBrowserError,
        NoLinkError as NoLinkError,
        RouteConflictError as RouteConflictError,
        RouteLockError as RouteLockError,
        RouteUnknownError as RouteUnknownError,
    )
    from portweave.errors.supervision_errors import (
        LateHookError as LateHookError,
        NotRemovedError as NotRemovedError,
        NothingToStartError as NothingToStartError,
        PortHeldError as PortHeldError,
        ProcessesLeftError as ProcessesLeftError,
        ServiceFailedError as ServiceFailedError,
        StackInUseError as StackInUseError,
        StackMovedError as StackMovedError,
        StackNotEndedError as StackNotEndedError,
        StackRunningError as StackRunningError,
        StacksRunningError as StacksRunningError,
        StartHookError as StartHookError,
        TeardownError as TeardownError,
        WorktreeFilesError as WorktreeFilesError,
    )
    from portweave.errors.system_errors import (
        SystemRefusedError as SystemRefusedError,
        UnforeseenError as UnforeseenError,
    )
    from portweave.errors.tls_errors import (
        AuthorityError as AuthorityError,
        NoTrustStoreError as NoTrustStoreError,
        TlsMissingError as TlsMissingError,
        TrustFailedError as TrustFailedError,
        TrustUnaskedError as TrustUnaskedError,
    )

# Module -> its classes, as above.
_FAMILIES = {
    "call_errors": (
        "BadPath BusUnreachable Cancelled ClusterError ConfigError ConnectionNotFound"
        " HubUnreachable MessageTooLarge NameTaken NotSerializable Overloaded PeerDied"
        " RemoteError RequestTimeout RouteNotFound"
    ),
    "command_errors": (
        "AgentFileError NoAllocationError OutputError PruneUnaskedError RemovalUnaskedError"
        " SpawnError UsageError"
    ),
    "control_errors": (
        "NoStackError NoTerminalError NotReadyError OtherProtocolError RecordLostError"
        " StackGoneError StackStandsStillError StackStoppingError StackUnreachableError"
        " SupervisorError UnknownServiceError WaitTimeoutError"
    ),
    "definition_errors": "DefinitionsInvalidError DefinitionsMissingError NoServicesError",
    "environment_errors": (
        "CurrentEnvError DotenvError DriftError EnvFileError PlaceholderError PortOverrideError"
    ),
    "export_errors": "ExportFileError ExportLostError ExportNameError",
    "panel_errors": "CommandFailedError LaunchForbiddenError PanelForbiddenError PanelPortError",
    "port_errors": "OffsetError PinTakenError PoolExhaustedError",
    "proxy_errors": (
        "ProxyAccessError ProxyNotStartedError ProxyPortError ProxyRunningError ProxySchemeError"
    ),
    "registry_errors": (
        "BrokenWorktreeError LeaseUnknownError RegistryDamagedError RegistryLockedError"
        " RegistryUnwritableError StateUnwritableError"
    ),
    "route_errors": (
        "HostnameError HostsUnwritableError NoBrowserError NoLinkError RouteConflictError"
        " RouteLockError RouteUnknownError"
    ),
    "supervision_errors": (
        "LateHookError NotRemovedError NothingToStartError PortHeldError ProcessesLeftError"
        " ServiceFailedError StackInUseError StackMovedError StackNotEndedError"
        " StackRunningError StacksRunningError StartHookError"
        " TeardownError WorktreeFilesError"
    ),
    "system_errors": "SystemRefusedError UnforeseenError",
    "tls_errors": (
        "AuthorityError NoTrustStoreError TlsMissingError TrustFailedError TrustUnaskedError"
    ),
}

LONGEST_MESSAGE = 2000
_MOST_HINTS = 50


def shortened(text: str) -> str:
    """Cut a text to `LONGEST_MESSAGE` characters; a text that was cut ends with its full length."""
    if len(text) <= LONGEST_MESSAGE:
        return text
    mark = f" … ({len(text)} characters in all)"
    return text[: LONGEST_MESSAGE - len(mark)] + mark


def _bounded(hints: "tuple[str, ...]") -> "tuple[str, ...]":
    shown = tuple(map(shortened, hints[:_MOST_HINTS]))
    left_out = len(hints) - _MOST_HINTS
    return (*shown, f"… and {left_out} more") if left_out > 0 else shown


class PortweaveError(Exception):
    """An error with a code, a message that says what happened and where, and hints.

    Args:
        message: What happened, and where (file, line, service, port, pid); may have several lines.
        hint: What to do, or what was probably meant: one line, or several.
        facts: Further fields for `--json`, such as `file`, `line`, `column`, `path`, `service`,
            `pid`, `port`.

    Attributes:
        code: `PW` and four digits; never changes.
        message: As given, of at most `LONGEST_MESSAGE` characters.
        hints: As given, with the same limit for each; at most 50, and one that counts the rest.
        facts: As given.
        problems: What a terminal shows in place of message and hints: problems of files.
        told: The message and the hint that a terminal shows instead; None for the same ones.
        exit_status: The exit status of the command.
        always_text: Whether the error is printed as text even with `--json`.
    """

    code = "PW0000"
    exit_status = 1
    problems: "tuple[Problem, ...]" = ()
    told: "tuple[str, str] | None" = None
    always_text = False

    def __init__(self, message: str, *, hint: str | tuple[str, ...] = (), **facts: object) -> None:
        message = shortened(message)
        super().__init__(message)
        self.message = message
        self.hints: tuple[str, ...] = _bounded((hint,) if isinstance(hint, str) else hint)
        self.facts = facts

    def as_json(self) -> dict[str, object]:
        """Return the error as the value of `{"error": …}`; without hints it has no `hint`."""
        fields: dict[str, object] = {"code": self.code, "message": self.message}
        if self.hints:
            fields["hint"] = "\n".join(self.hints)
        return fields | self.facts


if not TYPE_CHECKING:  # With it, type checkers would accept any name.

    def __getattr__(name: str) -> object:
        for module, names in _FAMILIES.items():
            if name in names.split():
                # `importlib` imports more than a family has.
                family = __import__(f"portweave.errors.{module}", fromlist=(name,))
                found: object = getattr(family, name)
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *" ".join(_FAMILIES.values()).split()})
