"""Pure. The arguments by which frameworks take their port, if they do not read `PORT`."""

from collections.abc import Mapping

from portweave.encoding.value import value

HOST = "127.0.0.1"
PORT = "{port}"


@value
class Framework:
    """The arguments by which a framework's server takes its port and address.

    Attributes:
        name: The framework's name, which users write for `framework`.
        port: Words for the port, with `{port}` in them.
        host: Words for the address.
        port_flags: Options of a command that sets the port itself.
        host_flags: Options of a command that sets the address itself.
        commands: First arguments that start the server; "" for none.
        secure: Words by which a page reached by HTTPS finds the server that reloads it.
        secure_env: Variables with the same effect.
    """

    name: str
    port: tuple[str, ...]
    host: tuple[str, ...] = ("--host", HOST)
    port_flags: tuple[str, ...] = ("--port", "-p")
    host_flags: tuple[str, ...] = ("--host", "-h")
    commands: tuple[str, ...] = ("dev",)
    secure: tuple[str, ...] = ()
    secure_env: tuple[tuple[str, str], ...] = ()


_PORT = ("--port", PORT)
_STRICT = (*_PORT, "--strictPort")
# The client of webpack-dev-server takes scheme, host and port from the page's own address: its
# documentation, devServer.client.webSocketURL.
_PAGE_SOCKET = ("--client-web-socket-url", "auto://0.0.0.0:0/ws")
FRAMEWORKS: Mapping[str, Framework] = {
    framework.name: framework
    for framework in (
        Framework(
            "vite", _STRICT, port_flags=("--port",), commands=("", "dev", "serve", "preview"),
        ),
        Framework("vp", _STRICT, port_flags=("--port",), commands=("dev", "preview")),
        Framework("react-router", _STRICT, port_flags=("--port",), commands=("dev",)),
        Framework("astro", _PORT, port_flags=("--port",), commands=("dev", "preview")),
        Framework("rsbuild", _PORT, port_flags=("--port",), commands=("", "dev", "preview")),
        Framework("ng", _PORT, port_flags=("--port",), commands=("serve", "s", "dev")),
        Framework(
            "expo", _PORT, ("--host", "localhost"), ("--port", "-p"),
            ("--host", "-m", "--lan", "--localhost", "--tunnel"), ("start",),
        ),
        Framework("react-native", _PORT, port_flags=("--port",), commands=("start",)),
        Framework(
            "next", _PORT, ("--hostname", HOST), host_flags=("--hostname", "-H"),
            commands=("", "dev", "start"),
        ),
        Framework(
            "vinext", _PORT, ("--hostname", HOST), host_flags=("--hostname", "-H"),
            commands=("dev", "start"),
        ),
        Framework(
            "webpack", _PORT, port_flags=("--port",), host_flags=("--host",),
            commands=("serve", "server", "s"), secure=_PAGE_SOCKET,
        ),
        Framework(
            "webpack-dev-server", _PORT, port_flags=("--port",), host_flags=("--host",),
            commands=("", "serve"), secure=_PAGE_SOCKET,
        ),
        # It reads PORT and HOST; 0 stands for the port of the page: create-react-app.dev, Advanced
        # Configuration.
        Framework(
            "react-scripts", (), (), (), (), ("start",), secure_env=(("WDS_SOCKET_PORT", "0"),),
        ),
        # It has no such option, but this variable has the same effect on the client.
        Framework(
            "vue-cli-service", _PORT, port_flags=("--port",), host_flags=("--host",),
            commands=("serve",), secure_env=(("CODESANDBOX_SSE", "1"),),
        ),
        Framework("uvicorn", _PORT, port_flags=("--port", "--fd", "--uds"), commands=("*",)),
        Framework("fastapi", _PORT, port_flags=("--port",), commands=("dev", "run")),
        Framework(
            "gunicorn", ("--bind", f"{HOST}:{PORT}"), (), ("--bind", "-b"), (), ("*",),
        ),
        Framework("flask", _PORT, commands=("run",)),
        Framework(
            "rails", _PORT, ("--binding", HOST), host_flags=("--binding", "-b"),
            commands=("server", "s"),
        ),
        Framework("django", (f"{HOST}:{PORT}",), (), (), (), ("runserver",)),
    )
}  # fmt: skip
_PYTHON_VALUES = frozenset({"-W", "-X"})


def framework_of(program: str, rest: list[str]) -> tuple[Framework, list[str]] | None:
    """Find the framework of a program, and the arguments of its server; None if it has none.

    Args:
        program: The program's name, without a folder.
        rest: Its arguments.
    """
    if program.startswith("python") or program == "pypy3":
        return _python(rest)
    if program == "manage.py" or program == "django-admin":
        return _started(FRAMEWORKS["django"], rest)
    # npx takes names with a version.
    framework = FRAMEWORKS.get(program.partition("@")[0])
    return None if framework is None else _started(framework, rest)


def _python(words: list[str]) -> tuple[Framework, list[str]] | None:
    position = 0
    while position < len(words) and words[position].startswith("-") and words[position] != "-m":
        position += 2 if words[position] in _PYTHON_VALUES else 1
    words = words[position:]
    if words[:1] == ["-m"] and len(words) > 1:
        module = "django-admin" if words[1] == "django" else words[1]
        return None if module.startswith("python") else framework_of(module, words[2:])
    if words and words[0].rpartition("/")[2] == "manage.py":
        return _started(FRAMEWORKS["django"], words[1:])
    return None


def _started(framework: Framework, rest: list[str]) -> tuple[Framework, list[str]] | None:
    """Return the framework and the server's arguments if the words start its server."""
    if "*" in framework.commands:
        return framework, rest
    # Options may come first. Which words are values of options, only the program knows.
    for index, word in enumerate(rest):
        if word in framework.commands:
            return framework, rest[index + 1 :]
        if not word.startswith("-") and (index == 0 or not rest[index - 1].startswith("-")):
            # `vite web` serves a folder; but `vite build` is not a server.
            is_folder = "" in framework.commands and ("/" in word or word == ".")
            return (framework, rest) if is_folder else None
    return (framework, rest) if "" in framework.commands else None


def variables(framework: Framework, *, secure: bool) -> tuple[tuple[str, str], ...]:
    """Return the variables that a framework needs.

    Args:
        framework: The framework.
        secure: Whether browsers reach the service by HTTPS.
    """
    return framework.secure_env if secure else ()


def lacking(framework: Framework, words: list[str], *, secure: bool) -> tuple[str, ...]:
    """Return the words to append to a command; `{port}` stands for the port.

    Args:
        framework: The command's framework.
        words: The arguments of its server.
        secure: Whether browsers reach the service by HTTPS.
    """
    if framework.name == "django":
        # The address is the only operand.
        has_one = any(
            not word.startswith("-")
            and (index == 0 or words[index - 1] not in ("--settings", "--pythonpath", "-v"))
            for index, word in enumerate(words)
        )
        return () if has_one else framework.port
    port = () if _has_option(words, framework.port_flags) else framework.port
    host = () if _has_option(words, framework.host_flags) else framework.host
    needed = secure and framework.secure and not _has_option(words, framework.secure[:1])
    return port + host + (framework.secure if needed else ())


def _has_option(words: list[str], flags: tuple[str, ...]) -> bool:
    return any(
        word == flag
        or word.startswith(f"{flag}=")
        # `-p3000`
        or (len(flag) == 2 and word.startswith(flag) and not word.startswith("--"))
        for word in words
        for flag in flags
    )
