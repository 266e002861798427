"""Pure. Each error that a user can meet, with a code that never changes.

`from portweave.errors import X` works for every class. The classes are in a module for each family,
which is imported when one of its classes is asked for: each class costs time, and most commands
need none. `portweave.cli.main` alone turns an error into text and an exit status.

The first paragraph of a docstring is what the code means. `What to do:` is the way out. The README
has both; `make readme` writes them there. The codes PW0101 to PW0802 of npm portweave keep their
meanings and texts. A code is never used for two things.
"""

from portweave.errors.portweave_error import LONGEST_MESSAGE as LONGEST_MESSAGE
from portweave.errors.portweave_error import PortweaveError as PortweaveError
from portweave.errors.portweave_error import shortened as shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from portweave.errors.call_errors import (
        BadPath as BadPath,
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
        NoAllocationError as NoAllocationError,
        OutputError as OutputError,
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
        "BadPath Cancelled ClusterError ConfigError ConnectionNotFound HubUnreachable"
        " MessageTooLarge NameTaken NotSerializable Overloaded PeerDied RemoteError"
        " RequestTimeout RouteNotFound"
    ),
    "command_errors": "NoAllocationError OutputError RemovalUnaskedError SpawnError UsageError",
    "control_errors": (
        "NoStackError NoTerminalError NotReadyError OtherProtocolError RecordLostError"
        " StackGoneError StackStandsStillError StackStoppingError StackUnreachableError"
        " SupervisorError UnknownServiceError WaitTimeoutError"
    ),
    "definition_errors": "DefinitionsInvalidError DefinitionsMissingError NoServicesError",
    "environment_errors": (
        "CurrentEnvError DotenvError DriftError EnvFileError PlaceholderError PortOverrideError"
    ),
    "export_errors": "ExportFileError ExportNameError",
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
    ),
    "system_errors": "SystemRefusedError UnforeseenError",
    "tls_errors": (
        "AuthorityError NoTrustStoreError TlsMissingError TrustFailedError TrustUnaskedError"
    ),
}


if not TYPE_CHECKING:  # With it, type checkers would accept any name.

    def __getattr__(name: str) -> object:
        for module, names in _FAMILIES.items():
            if name in names.split():
                from importlib import import_module

                found: object = getattr(import_module(f"portweave.errors.{module}"), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *" ".join(_FAMILIES.values()).split()})
