"""Find ports that a service's command, or the scripts it runs, contain as numbers.

The search takes a third of `portweave check`. Most commands mention their port's variable. For
those the search imports nothing.
"""

from os.path import join

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.planning.package_scripts import PackageFiles
    from portweave.procfiles.model import Definitions, Service
    from portweave.supervisor.diagnosis.fixed_port import FixedPort


def fixed_ports_of(service: "Service", packages: "PackageFiles") -> "tuple[FixedPort, ...]":
    """Find the ports that a service has as numbers; those in its command come first.

    Args:
        service: A service with a command.
        packages: The packages of the folder in which it runs.
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
    """Whether a command mentions a variable that holds the service's port."""
    words = "".join(char if char.isalnum() or char == "_" else " " for char in text).split()
    return "PORT" in words or service.env_var in words


def warnings_of(definitions: "Definitions") -> list[tuple[str, str, str]]:
    """Return name, warning and edit for each service with a number in place of its port."""
    found: list[tuple[str, str, str]] = []
    packages: dict[str, PackageFiles] = {}
    for service in definitions.services:
        command = service.command
        if command is None or service.env_var is None or service.oneshot:
            continue
        text = command if isinstance(command, str) else " ".join(command)
        # If the command assigns the variable itself, its port is still a fixed number.
        if mentions_port(service, text.replace("PORT=", "")):
            continue
        from portweave.planning import package_scripts

        folder = service.working_dir
        packages.setdefault(folder, package_scripts.PackageFiles(folder))
        for fixed in fixed_ports_of(service, packages[folder]):
            if fixed.listens:
                what = f"`{fixed.text}` is the same port, {fixed.port}, in every worktree"
                shell = "" if isinstance(command, str) else ", and write the command as one text"
                found.append((service.name, what, f"{fixed.edit}{shell}"))
                break
    return found
