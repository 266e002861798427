"""The worktrees of this machine that have ports or a running stack.

They come from the registry, the stack records and the definition files.
"""

import os
from collections.abc import Mapping

from portweave.allocator.git_links import branch_of
from portweave.allocator.lease_folders import leases_dir
from portweave.allocator.naming import project_name
from portweave.allocator.ports.registry import (
    load,
    registry_path,
)
from portweave.encoding.value import value
from portweave.errors import (
    DefinitionsMissingError,
    DriftError,
    PlaceholderError,
    PortweaveError,
)
from portweave.panel import npm_snapshot
from portweave.panel.event_files import EventFiles
from portweave.planning.stack_request import options_from_json
from portweave.procfiles.load import DOCUMENTS, PROCFILES
from portweave.procfiles.load import load as load_definitions
from portweave.procfiles.model import Definitions, Service
from portweave.supervisor.registry.ended_stacks import ended_stacks
from portweave.supervisor.registry.stack_records import (
    StackRecord,
    live_stacks,
    stack_key,
    stacks_dir,
)
from portweave.supervisor.reporting.run_history import RunHistory

_MOST_KEPT = 1000
_DELETED = "directory deleted"
_MISSING = "config missing"
_INVALID = "config invalid"


@value
class KnownWorktree:
    """A worktree with ports or a stack.

    Attributes:
        id: Its id on the page.
        git_common_dir: Its repository; None outside git.
        namespace: Its namespace.
        root: Its root, absolute.
        last_used_at: ISO 8601; empty where it is not in the registry.
        ports: Instance to port.
        record: The record of its running stack; None where none runs.
    """

    id: str
    git_common_dir: str | None
    namespace: str
    root: str
    last_used_at: str
    ports: Mapping[str, int]
    record: StackRecord | None


class Worktrees:
    """Find worktrees, and cache their definition files until these change.

    Args:
        environ: Names the configuration and state folders.

    Attributes:
        events: Reads their event logs.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._definitions: dict[str, tuple[object, Definitions | PortweaveError]] = {}
        self.events = EventFiles()

    def known(self) -> dict[str, KnownWorktree]:
        """Return all worktrees by their ids.

        Raises:
            RegistryDamagedError: The registry cannot be read.
        """
        stacks = {
            stack_key(record.root, record.namespace): record
            for record in live_stacks(stacks_dir(self._environ))
        }
        leases = leases_dir(self._environ)
        found: dict[str, KnownWorktree] = {}
        for entry in load(registry_path(self._environ)):
            key = entry.key
            if key.worktree_root.startswith(f"{leases}/"):
                continue
            name = stack_key(key.worktree_root, entry.namespace)
            found[name] = KnownWorktree(
                name,
                key.git_common_dir,
                entry.namespace,
                key.worktree_root,
                entry.last_used_at,
                entry.ports,
                stacks.get(name),
            )
        for name, record in stacks.items():
            if name not in found:
                found[name] = KnownWorktree(
                    name, None, record.namespace, record.root, "", record.ports, record
                )
        return found

    def started_from(self, root: str, namespace: str) -> tuple[str, str | None]:
        """Return the folder to run commands in, and the definition file to name.

        Both are those of the last start. Where the last start is unknown or its folder is gone, the
        folder is the root. The definition file is None where portweave should look for it itself.
        """
        found = RunHistory(root, namespace).read_start()
        if found is None:
            return root, None
        folder, config = found.folder, found.config
        if not os.path.isdir(folder) or not (folder == root or folder.startswith(f"{root}/")):
            folder = root
        return folder, config if config is not None and os.path.isfile(config) else None

    def start_words(self, known: KnownWorktree) -> list[str]:
        """Return the arguments of `up` that repeat the last start."""
        found = RunHistory(known.root, known.namespace).read_start()
        definitions = self._read(known)
        if found is None or isinstance(definitions, PortweaveError):
            return []
        options = options_from_json(found.options)
        return options.as_words({service.name for service in definitions.services})

    def mark(self) -> object:
        """Return a value that changes when the registry or the stack records change."""
        return _stamp(registry_path(self._environ)), _stamp(stacks_dir(self._environ))

    def described(self, known: KnownWorktree) -> npm_snapshot.Worktree:
        """Return a worktree as its definition files describe it."""
        services, project, problem = npm_snapshot.bare_services(known.ports), None, _DELETED
        if os.path.isdir(known.root):
            definitions = self._read(known)
            if isinstance(definitions, DefinitionsMissingError):
                problem = _MISSING
            elif isinstance(definitions, PortweaveError):
                problem = _INVALID
            else:
                project, problem = definitions.project_name, ""
                try:
                    services = npm_snapshot.services_of(
                        definitions,
                        known.ports,
                        namespace=known.namespace,
                        git_common_dir=known.git_common_dir,
                        root=known.root,
                    )
                except (DriftError, PlaceholderError):
                    problem = _INVALID
        return npm_snapshot.Worktree(
            known.git_common_dir,
            known.namespace,
            known.root,
            known.last_used_at,
            project,
            services,
            problem or None,
        )

    def listing(self) -> dict[str, object]:
        """Return projects and their worktrees, as the page shows them.

        Raises:
            RegistryDamagedError: The registry cannot be read.
        """
        stacks = ended_stacks(stacks_dir(self._environ))
        reasons = {(one.root, one.namespace): one.because for one in stacks}
        projects: dict[str, dict[str, object]] = {}
        members: dict[str, list[dict[str, object]]] = {}
        for known in self.known().values():
            described = self.described(known)
            home = (known.git_common_dir or known.root).removesuffix("/.git")
            name = project_name(home)
            if known.record is not None:
                name = known.record.project
            project = projects.setdefault(home, {"id": home, "name": name})
            if described.project_name is not None or known.record is not None:
                project["name"] = described.project_name or name
            row = self._row(known, described)
            reason = reasons.get((known.root, known.namespace))
            row["endedBecause"] = reason if known.record is None else None
            members.setdefault(home, []).append(row)
        for home, rows in members.items():
            rows.sort(key=lambda row: (row["namespace"] != "main", str(row["namespace"])))
            projects[home]["worktrees"] = rows
        ordered = sorted(projects.values(), key=lambda p: (str(p["name"]).casefold(), str(p["id"])))
        return {"schemaVersion": 1, "projects": ordered}

    def _row(self, known: KnownWorktree, described: npm_snapshot.Worktree) -> dict[str, object]:
        defined = self._services(known)
        # In the order of the definition files; ports that no file names come last.
        with_port = {service.name: service for service in described.services}
        names = [name for name in defined if name in with_port or name not in known.ports]
        names += [name for name in with_port if name not in defined]
        end = None
        if known.record is None:
            end = self.events.end(known.root, known.namespace)
        return {
            "id": known.id,
            "namespace": known.namespace,
            "worktreeRoot": known.root,
            "gitCommonDir": known.git_common_dir,
            "branch": branch_of(known.root),
            "lastUsedAt": known.last_used_at or None,
            "lastEnd": None if end is None else end.as_json(),
            "isGone": described.degraded == _DELETED,
            "problem": self._problem(known, described.degraded),
            "canStart": any(service.command for service in defined.values()),
            "definitionFile": self._named_file(known),
            "startOptions": " ".join(self.start_words(known)),
            "services": [_service(name, with_port.get(name), defined.get(name)) for name in names],
        }

    def _named_file(self, known: KnownWorktree) -> str | None:
        config = self.started_from(known.root, known.namespace)[1]
        return None if config is None else config.removeprefix(f"{known.root}/")

    def _problem(self, known: KnownWorktree, degraded: str | None) -> str | None:
        if degraded is None:
            return None
        if degraded == _DELETED:
            return "its folder was deleted"
        found = self._read(known)
        if isinstance(found, DefinitionsMissingError):
            return "it has no definition file: portweave.yaml, portweave.config.json or a Procfile"
        if isinstance(found, PortweaveError):
            return found.message
        return "its ports differ from its definition file: the next up allocates new ones"

    def _services(self, known: KnownWorktree) -> dict[str, Service]:
        """Return the services that the definition files describe, by name."""
        found = self._read(known)
        if isinstance(found, PortweaveError):
            return {}
        return {service.name: service for service in found.services}

    def _read(self, known: KnownWorktree) -> Definitions | PortweaveError:
        root = known.root
        folder, config = self.started_from(root, known.namespace)
        stamp = _stamps(root, folder, config)
        before = self._definitions.get(known.id)
        if before is not None and before[0] == stamp:
            return before[1]
        found: Definitions | PortweaveError
        try:
            found = load_definitions(folder, root, config)
        except PortweaveError as error:
            found = error
        if len(self._definitions) >= _MOST_KEPT:
            self._definitions.clear()
        self._definitions[known.id] = (stamp, found)
        return found


def _service(
    name: str, with_port: npm_snapshot.Service | None, defined: Service | None
) -> dict[str, object]:
    command = None if defined is None else defined.command
    links = () if with_port is None else with_port.links
    return {
        "name": name,
        "port": None if with_port is None else with_port.port,
        "envVar": "" if with_port is None else with_port.env_var,
        "links": [{"envVar": link.env_var, "url": link.url} for link in links],
        "command": " ".join(command) if isinstance(command, tuple) else command,
        "oneshot": defined is not None and defined.oneshot,
        "needs": []
        if defined is None
        else [{"name": one.name, "condition": one.condition} for one in defined.depends_on],
    }


def _stamps(root: str, folder: str, config: str | None) -> object:
    """Return a value that changes when one of the definition files changes."""
    if config is not None:
        return folder, config, _stamp(config)
    folders = [folder]
    while folders[-1] != root and len(folders[-1]) > len(root):
        folders.append(os.path.dirname(folders[-1]))
    names = (*DOCUMENTS, *PROCFILES)
    return folder, tuple(_stamp(f"{one}/{name}") for one in folders for name in names)


def _stamp(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
