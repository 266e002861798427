"""Ports that the command of a service, or the scripts that it runs, have as numbers.

The search costs a third of `portweave check`. Most commands mention their variable: for those
nothing of it is imported.
"""

from os.path import join

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.planning.package_scripts import PackageFiles
    from portweave.procfiles.model import Definitions, Service
    from portweave.supervisor.diagnosis.fixed_port import FixedPort


def fixed_ports_of(service: "Service", packages: "PackageFiles") -> "tuple[FixedPort, ...]":
    """The ports that a service has as numbers, those of its command first.

    Args:
        service: It has a command.
        packages: Of the folder that it runs in.
    """
    from portweave.encoding.value import replace
    from portweave.planning.script_files import beginning_of
    from portweave.planning.script_words import (
        MOST_BYTES,
        PACKAGE_SCRIPT,
        script_texts,
    )
    from portweave.supervisor.diagnosis.fixed_port_search import (
        fixed_in_program,
        fixed_ports,
    )

    assert service.command is not None
    command = service.command

    def read(path: str) -> bytes | None:
        return beginning_of(join(service.working_dir, path), MOST_BYTES)

    found = list(fixed_ports(command if isinstance(command, str) else " ".join(command)))
    for name, text in script_texts(command, read, packages.script):
        source = text.decode("utf-8", "replace")
        if name.startswith(PACKAGE_SCRIPT):
            where = f"in the script {name.removeprefix(PACKAGE_SCRIPT)} of package.json"
            found += [replace(one, edit=f"{one.edit} {where}") for one in fixed_ports(source)]
        else:
            found += fixed_in_program(name, source)
    return tuple(found)


def mentions_port(service: "Service", text: str) -> bool:
    """Whether a command mentions a variable in which a service finds its own port."""
    words = "".join(char if char.isalnum() or char == "_" else " " for char in text).split()
    return "PORT" in words or service.env_var in words


def warnings_of(definitions: "Definitions") -> list[tuple[str, str, str]]:
    """Of each service that has a port as a number, instead of its own: name, warning, and edit."""
    found: list[tuple[str, str, str]] = []
    packages: dict[str, PackageFiles] = {}
    for service in definitions.services:
        command = service.command
        if command is None or service.env_var is None or service.oneshot:
            continue
        text = command if isinstance(command, str) else " ".join(command)
        # Where it assigns the variable itself, the number counts all the same.
        if mentions_port(service, text.replace("PORT=", "")):
            continue
        from portweave.planning import package_scripts

        folder = service.working_dir
        packages.setdefault(folder, package_scripts.PackageFiles(folder))
        for fixed in fixed_ports_of(service, packages[folder]):
            if fixed.listens:
                what = f"`{fixed.text}` is the same port, {fixed.port}, in every worktree"
                shell = "" if isinstance(command, str) else ", and have the command be one text"
                found.append((service.name, what, f"{fixed.edit}{shell}"))
                break
    return found
