"""Pure. Dockerfiles for folders of recognised stacks."""

import re
from collections.abc import Callable, Iterable, Mapping
from shlex import quote

from portweave.encoding.value import value

USER = 10001
HOME = "/app"
# Files of other purposes, and files that may have secrets.
_IGNORED = (
    ".git",
    ".portweave",
    ".env",
    ".env.*",
    "*.env",
    "*.pem",
    "*.key",
    "*.log",
    "**/.env",
    "**/.env.*",
    "**/*.env",
    "**/.git",
    "**/.venv",
    "**/__pycache__",
    "**/node_modules",
    "**/vendor/bundle",
)
# Programs by the language that runs them; they decide where a folder has files of several.
_PROGRAMS = {
    "python": "python python3 uv poetry pip gunicorn uvicorn flask fastapi django-admin celery",
    "node": "node npm npx pnpm yarn next vite astro nuxt tsx ts-node nodemon turbo",
    "go": "go air",
    "ruby": "ruby bundle rails rake puma rackup sidekiq",
}
_LANGUAGE_OF = {word: name for name, words in _PROGRAMS.items() for word in words.split()}


@value
class Stack:
    """How the image of a recognised stack is built.

    Attributes:
        language: `python`, `node`, `go` or `ruby`.
        manager: Its package manager; `none` for a program without packages.
        needs: The files that the folder has to have.
    """

    language: str
    manager: str
    needs: tuple[str, ...]


# The first that fits is taken.
STACKS = (
    Stack("python", "uv", ("pyproject.toml", "uv.lock")),
    Stack("python", "poetry", ("pyproject.toml", "poetry.lock")),
    Stack("python", "pip", ("requirements.txt",)),
    Stack("python", "project", ("pyproject.toml",)),
    Stack("node", "pnpm", ("package.json", "pnpm-lock.yaml")),
    Stack("node", "yarn", ("package.json", "yarn.lock")),
    Stack("node", "npm", ("package.json",)),
    Stack("go", "go", ("go.mod",)),
    Stack("ruby", "bundler", ("Gemfile",)),
)


def language_of(words: Iterable[str]) -> str:
    """Return the language whose program a command starts; empty if unknown."""
    for word in words:
        name = re.sub(r"[\d.]+$", "", word.rpartition("/")[2])
        if name in _LANGUAGE_OF:
            return _LANGUAGE_OF[name]
        if not word.startswith("-") and "=" not in word:
            return ""
    return ""


def stack_in(names: frozenset[str], language: str) -> Stack | None:
    """Return the stack that the files of a folder belong to.

    Args:
        names: The files in the folder.
        language: The language of the command; empty if unknown.
    """
    found = [stack for stack in STACKS if names.issuperset(stack.needs)]
    same = [stack for stack in found if stack.language == language]
    if same or not language:
        return next(iter(same or found), None)
    return None


def program_stack(language: str) -> Stack | None:
    """Return the stack of a program without packages; None for a language that needs some."""
    return Stack(language, "none", ()) if language in ("python", "node") else None


def dockerfile(
    stack: Stack, names: frozenset[str], versions: Mapping[str, str], data: tuple[str, ...]
) -> str:
    """Return the lines of a Dockerfile.

    Args:
        stack: The stack.
        names: The files in the folder.
        versions: File to text, of the files that name a language's version.
        data: Folders for volumes, relative; they belong to the user.
    """
    lines = [f"FROM {_base(stack.language, versions)}"]
    lines += [
        f"RUN useradd --uid {USER} --user-group --create-home app",
        f"WORKDIR {HOME}",
        f"RUN chown {USER}:{USER} {HOME}",
    ]
    lines += _STEPS[stack.manager](names)
    if _AS_USER not in lines:
        lines.append(_AS_USER)
    if data:
        lines.append(f"RUN mkdir -p {' '.join(map(quote, data))}")
    lines.append("")
    return "\n".join(lines)


def _copy(*files: str) -> str:
    return f"COPY --chown={USER}:{USER} {' '.join(files)} ./"


_ALL = _copy(".")
_AS_USER = f"USER {USER}:{USER}"
_VENV = f"ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PATH={HOME}/.venv/bin:$PATH"


def _plain(names: frozenset[str]) -> list[str]:
    del names
    return [_ALL]


def _pip(names: frozenset[str]) -> list[str]:
    files = sorted(
        name for name in names if re.fullmatch(r"(requirements|constraints).*\.txt", name)
    )
    install = "RUN python -m venv .venv && .venv/bin/pip install -r requirements.txt"
    return [_VENV, _AS_USER, _copy(*files), install, _ALL]


def _project(names: frozenset[str]) -> list[str]:
    del names
    return [_VENV, _AS_USER, _ALL, "RUN python -m venv .venv && .venv/bin/pip install ."]


def _uv(names: frozenset[str]) -> list[str]:
    del names
    return [
        "RUN pip install --no-cache-dir uv==0.7.13",
        _VENV,
        "ENV UV_NO_CACHE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never",
        _AS_USER,
        _copy("pyproject.toml", "uv.lock"),
        "RUN uv sync --frozen --no-install-project",
        _ALL,
        "RUN uv sync --frozen",
    ]


def _poetry(names: frozenset[str]) -> list[str]:
    del names
    return [
        "RUN pip install --no-cache-dir poetry==2.1.3",
        _VENV,
        "ENV POETRY_VIRTUALENVS_IN_PROJECT=1 POETRY_NO_INTERACTION=1",
        _AS_USER,
        _copy("pyproject.toml", "poetry.lock"),
        "RUN poetry install --no-root",
        _ALL,
        "RUN poetry install",
    ]


def _npm(names: frozenset[str]) -> list[str]:
    locks = sorted(names & {"package-lock.json", "npm-shrinkwrap.json"})
    files = ["package.json", *locks, *sorted(names & {".npmrc"})]
    return [_AS_USER, _copy(*files), f"RUN npm {'ci' if locks else 'install'}", _ALL]


def _pnpm(names: frozenset[str]) -> list[str]:
    files = ["package.json", "pnpm-lock.yaml", *sorted(names & {"pnpm-workspace.yaml", ".npmrc"})]
    install = "RUN pnpm install --frozen-lockfile"
    # Packages of a workspace lie in other folders.
    copies = [_ALL, install] if "pnpm-workspace.yaml" in names else [_copy(*files), install, _ALL]
    return ["RUN npm install --global pnpm@10.12.1", _AS_USER, *copies]


def _yarn(names: frozenset[str]) -> list[str]:
    if ".yarnrc.yml" not in names:
        install = "RUN yarn install --frozen-lockfile"
        return [_AS_USER, _copy("package.json", "yarn.lock"), install, _ALL]
    return ["RUN corepack enable", _AS_USER, _ALL, "RUN yarn install --immutable"]


def _go(names: frozenset[str]) -> list[str]:
    files = ["go.mod", *sorted(names & {"go.sum"})]
    return [_AS_USER, _copy(*files), "RUN go mod download", _ALL, "RUN go build ./..."]


def _bundler(names: frozenset[str]) -> list[str]:
    files = ["Gemfile", *sorted(names & {"Gemfile.lock"})]
    own = f"ENV BUNDLE_PATH={HOME}/vendor/bundle"
    return [own, _AS_USER, _copy(*files), "RUN bundle install", _ALL]


_STEPS: dict[str, Callable[[frozenset[str]], list[str]]] = {
    "none": _plain,
    "uv": _uv,
    "poetry": _poetry,
    "pip": _pip,
    "project": _project,
    "npm": _npm,
    "pnpm": _pnpm,
    "yarn": _yarn,
    "go": _go,
    "bundler": _bundler,
}
# Files that name the version of a language.
VERSION_FILES = (".python-version", ".nvmrc", ".node-version", ".ruby-version", "go.mod")
_BASES = {
    "python": ("python:{}-slim-bookworm", "3.12.11", (".python-version",)),
    "node": ("node:{}-bookworm-slim", "22.16.0", (".nvmrc", ".node-version")),
    "go": ("golang:{}-bookworm", "1.24.4", ("go.mod",)),
    "ruby": ("ruby:{}-bookworm", "3.4.4", (".ruby-version",)),
}


def _base(language: str, versions: Mapping[str, str]) -> str:
    image, version, files = _BASES[language]
    for name in files:
        pattern = (
            r"^go (\d+(?:\.\d+){1,2})" if name == "go.mod" else r"^\s*v?(\d+(?:\.\d+){0,2})\s*$"
        )
        match = re.search(pattern, versions.get(name, ""), re.MULTILINE)
        # A version of Python or Ruby needs its second number.
        if match and (language == "node" or "." in match[1]):
            return image.format(match[1])
    return image.format(version)


def ignored(files: Iterable[str]) -> str:
    """Return the lines of a .dockerignore.

    Args:
        files: Further paths to leave out, relative to the folder: files of variables, and data.
    """
    return "\n".join([*dict.fromkeys((*_IGNORED, *files)), ""])


def probe_command(language: str, url: str | None, port: int | None) -> tuple[str, ...] | None:
    """Return a command that probes with the language's own runtime; None for an unknown one.

    Args:
        language: The language of the image.
        url: A URL that has to answer; None for none.
        port: A port of the container that has to be open; None for none.
    """
    asked = url is not None
    what = repr(url) if asked else str(port)
    if language == "python":
        code = (
            f"import urllib.request as r; r.urlopen({what}, timeout=5)"
            if asked
            else f"import socket; socket.create_connection(('127.0.0.1', {what}), 5)"
        )
        return ("python3", "-c", code)
    if language == "node":
        code = (
            f"fetch({what}).then((a) => process.exit(a.ok ? 0 : 1), () => process.exit(1))"
            if asked
            else f"require('net').connect({what}, '127.0.0.1').on('connect', () => process.exit(0))"
            ".on('error', () => process.exit(1))"
        )
        return ("node", "-e", code)
    if language == "ruby":
        code = (
            f"exit Net::HTTP.get_response(URI({what})).code.to_i < 400"
            if asked
            else f"TCPSocket.new('127.0.0.1', {what})"
        )
        return ("ruby", "-rnet/http", "-e", code)
    if language == "go":
        if asked:
            return ("curl", "-kfsS", "-o", "/dev/null", str(url))
        return ("bash", "-c", f"</dev/tcp/127.0.0.1/{what}")
    return None
