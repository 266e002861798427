"""Which commands are those of a framework, and what stands behind them then."""

import posixpath

import pytest

from portweave.planning.command_words import last_command
from portweave.planning.frameworks import FRAMEWORKS
from portweave.planning.port_arguments import (
    Fitting,
    Several,
    fit,
)
from portweave.planning.workspace_packages import (
    Package,
    selected,
)
from portweave.procfiles import life_keys

SCRIPTS = {
    "dev": "vite",
    "again": "npm run dev",
    "checked": "tsc --noEmit && vite dev --host",
    "build": "vite build",
    "piped": "next dev | cat",
    "cross": "cross-env A=1 next dev -p 3",
    "start": "react-router dev",
    "circle": "npm run circle",
    "below": "cd web && npm run dev",
}
BELOW = {"dev": "next dev", "vite": "vite build"}
VITE = "--port 7 --strictPort --host 127.0.0.1"
NEXT = "--port 7 --hostname 127.0.0.1"
BOTH = "--port 7 --host 127.0.0.1"


class Files:
    """Packages of a workspace in `/ws`, and scripts in folders."""

    def __init__(self, *members: Package, scripts: dict[str, dict[str, str]] | None = None) -> None:
        self._members = members
        self._scripts = scripts or {"": SCRIPTS, "web": BELOW, "web/": BELOW, "/web": BELOW}

    def script(self, folder: str, name: str) -> str | None:
        return self._scripts.get(folder, {}).get(name)

    def members(self, folder: str) -> tuple[Package, ...]:
        return self._members

    def path(self, folder: str) -> str:
        return posixpath.normpath(posixpath.join("/ws", folder))

    def is_classic_yarn(self, folder: str) -> bool:
        return folder == ""


WEB = Package(
    "@shop/web", "/ws/apps/web", {"dev": "vite", "start": "vite preview"}, frozenset({"ui"})
)
ADMIN = Package("admin", "/ws/apps/admin", {"dev": "next dev", "docs": "astro dev"})
NAMES_OF_BOTH = (("web", "@shop/web"), ("admin", "admin"))
UI = Package("ui", "/ws/packages/ui", {"dev": "tsc --watch", "build": "tsc"})


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("vite", VITE),
        ("vite preview", VITE),
        ("vite ./web", VITE),
        ("vite --mode x", VITE),
        ("vite --port 3", "--host 127.0.0.1"),
        ("vite --port=3 --host", ""),
        ("./node_modules/.bin/vite", VITE),
        ("A=1 B=2 vite", VITE),
        ("exec vite", VITE),
        ("cd web && vite", VITE),
        ("cd web; vite", VITE),
        ("vite > log 2>&1", VITE),
        ("npx vite@5 dev", VITE),
        ("npx -y -p x vite", VITE),
        ("bunx vite", VITE),
        ("pnpm exec vite", VITE),
        ("yarn dlx vite", VITE),
        ("vp dev", VITE),
        ("astro dev", BOTH),
        ("rsbuild dev", BOTH),
        ("ng serve", BOTH),
        ("react-router dev", VITE),
        ("react-native start", BOTH),
        ("expo start", "--port 7 --host localhost"),
        ("expo start --tunnel", "--port 7"),
        ("next", "--port 7 --hostname 127.0.0.1"),
        ("next dev --turbo", "--port 7 --hostname 127.0.0.1"),
        ("vinext dev", NEXT),
        ("webpack serve --hot", BOTH),
        ("npx webpack s", BOTH),
        ("webpack-dev-server", BOTH),
        ("vue-cli-service serve --mode x", BOTH),
        ("next dev -p3", "--hostname 127.0.0.1"),
        ("next start -H ::1", "--port 7"),
        ("npm run dev", f"-- {VITE}"),
        ("npm run dev -- --mode x", VITE),
        ("npm run again", f"-- -- {VITE}"),
        ("npm run checked", "-- --port 7 --strictPort"),
        ("npm run cross", "-- --hostname 127.0.0.1"),
        ("npm start", f"-- {VITE}"),
        ("npm --silent run dev", f"-- {VITE}"),
        ("pnpm dev", VITE),
        ("pnpm run dev", VITE),
        ("yarn dev", VITE),
        ("bun run dev", VITE),
        ("bun --bun run dev", VITE),
        ("pnpm vite", VITE),
        ("yarn run next dev", NEXT),
        ("corepack yarn dev", VITE),
        ("npm run dev --silent", f"-- {VITE}"),
        ("cd web && npm run dev", f"-- {NEXT}"),
        ("cd /web; npm run dev", f"-- {NEXT}"),
        ("cd web || exit 1\npnpm dev", NEXT),
        ("npm run below", f"-- -- {NEXT}"),
        ("npm --prefix web run dev", f"-- {NEXT}"),
        ("npm run dev --prefix=web/", f"-- {NEXT}"),
        ("pnpm -C web dev", NEXT),
        ("pnpm run --dir web dev", NEXT),
        ("yarn --cwd web dev", NEXT),
        ("uvicorn app:app --reload", BOTH),
        ("uvicorn app:app --uds /x", "--host 127.0.0.1"),
        ("python -m uvicorn app:app", BOTH),
        ("uv run uvicorn app:app", BOTH),
        ("uv run --with x --python 3.12 -- uvicorn a:b", BOTH),
        ("poetry run fastapi dev main.py", BOTH),
        ("gunicorn app:app", "--bind 127.0.0.1:7"),
        ("gunicorn -b :80 app:app", ""),
        ("flask --app x run", BOTH),
        ("flask run -p 5", "--host 127.0.0.1"),
        ("python3.12 -X dev -m flask run", BOTH),
        ("python manage.py runserver", "127.0.0.1:7"),
        ("python -u manage.py runserver --settings x", "127.0.0.1:7"),
        ("./manage.py runserver --noreload", "127.0.0.1:7"),
        ("uv run manage.py runserver", "127.0.0.1:7"),
        ("python -m django runserver", "127.0.0.1:7"),
        ("django-admin runserver", "127.0.0.1:7"),
        ("python manage.py runserver 8000", ""),
        ("bundle exec rails s", "--port 7 --binding 127.0.0.1"),
        ("bin/rails server -b 0.0.0.0", "--port 7"),
    ],
)
def test_a_framework_is_told_where_to_listen(command: str, words: str) -> None:
    for form in (command, command.split()):
        if not isinstance(form, str) and set("&;|>=") & set(command):
            continue
        found = fit(form, Files())
        assert isinstance(found, Fitting)
        assert " ".join(found.with_port(7)) == words


@pytest.mark.parametrize(
    "command",
    [
        *("vite build", "vite optimize", "next build", "astro build", "astro", "flask shell"),
        *("rails console", "python manage.py migrate", "python app.py", "python -m http.server"),
        *("echo vite", "vite &", "vite | cat", "vite # dev", "vite $(x)", "vite `x`", "(vite)"),
        *("vite 'un", "vite && echo done", "node server.js", "npm ci", "npm run", "npm run nope"),
        *("npm run build", "npm run piped", "npm run circle", "npm -w web run dev", "pnpm install"),
        *("pnpm --filter web dev", "", "true", "npx", "env", "npm", "npm --prefix", "npm vite"),
        *(
            "npm run dev -w web",
            "npm run dev --workspaces",
            "pnpm -r dev",
            "yarn workspace web dev",
        ),
        *("cd nowhere && npm run dev", 'cd "$X" && npm run dev', "cd ~/web && npm run dev"),
        *("test -d web || cd web; npm run dev", "cd && npm run dev", "yarn --cwd web vite"),
    ],
)
def test_commands_without_a_framework_are_unchanged(command: str) -> None:
    assert fit(command, Files()) is None


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("pnpm --filter @shop/web dev", VITE),
        ("pnpm --filter=web dev", VITE),
        ("pnpm -F web run dev", VITE),
        ("pnpm run --filter web dev", VITE),
        ("pnpm --filter ./apps/web dev", VITE),
        ("pnpm --filter '{apps/admin}' dev", NEXT),
        ("pnpm --filter '@shop/*' dev", VITE),
        ("pnpm --filter web exec vite", VITE),
        ("pnpm --filter admin dev -p 3", "--hostname 127.0.0.1"),
        ("pnpm -r docs", "--port 7 --host 127.0.0.1"),
        ("cd apps && pnpm --filter admin dev", NEXT),
        ("npm run dev -w admin", f"-- {NEXT}"),
        ("npm -w apps/admin run dev", f"-- {NEXT}"),
        ("npm run dev --workspace=@shop/web", f"-- {VITE}"),
        ("npm start -w web -- --mode x", VITE),
        ("npm run docs --workspaces", "-- --port 7 --host 127.0.0.1"),
        ("npm exec -w web -- vite", VITE),
        ("yarn workspace @shop/web dev", VITE),
        ("yarn workspace admin run dev", NEXT),
        ("yarn --silent workspace admin dev", NEXT),
        ("yarn one", f"-- -- {VITE}"),
        ("cd apps && yarn one", f"-- {VITE}"),
        ("yarn workspace web vite preview", VITE),
        ("yarn workspaces foreach -A run docs", "--port 7 --host 127.0.0.1"),
        ("bun --filter admin dev", NEXT),
        ("bun run --filter './apps/admin' dev", NEXT),
        ("turbo dev --filter=web", f"-- {VITE}"),
        ("npx turbo run dev -F admin -- --turbo", NEXT),
        ("turbo run docs", "-- --port 7 --host 127.0.0.1"),
        ("cd apps/admin && turbo dev", f"-- {NEXT}"),
        ("nx serve-it web", ""),
        ("nx dev web", VITE),
        ("npx nx run admin:dev:development", NEXT),
        ("nx run-many -t docs", "--port 7 --host 127.0.0.1"),
        ("npm run one", f"-- -- {VITE}"),
        ("pnpm one", f"-- {VITE}"),
    ],
)
def test_a_package_of_a_workspace_gets_arguments_for_its_port(command: str, words: str) -> None:
    one = {"one": "turbo dev --filter=web", "dev": "rails s"}
    scripts = {"": one, "apps": one}
    found = fit(command, Files(WEB, ADMIN, UI, scripts=scripts))
    if not words:
        assert found is None
        return
    assert isinstance(found, Fitting)
    assert " ".join(found.with_port(7)) == words


@pytest.mark.parametrize(
    ("command", "commands"),
    [
        ("pnpm -r dev", ["pnpm --filter {} dev"]),
        ("pnpm --filter './apps/*' dev", ["pnpm --filter {} dev"]),
        ("npm run dev --workspaces", ["npm run dev -w {}"]),
        ("npm run dev -w web -w admin", ["npm run dev -w {}"]),
        ("yarn workspaces run dev", ["yarn workspace {} dev"]),
        ("bun run --filter '*' dev", ["bun run --filter {} dev"]),
        ("turbo dev", ["npx turbo run dev --filter={}"]),
        ("npm run all", ["npx turbo run dev --filter={}"]),
        ("nx run-many -t dev -p web,admin", ["npx nx run {}:dev"]),
    ],
)
def test_a_command_that_starts_several_apps_is_split_into_services(
    command: str, commands: list[str]
) -> None:
    found = fit(command, Files(WEB, ADMIN, scripts={"": {"all": "turbo dev"}}))
    assert found == Several(tuple((name, commands[0].format(full)) for name, full in NAMES_OF_BOTH))


@pytest.mark.parametrize(
    ("command", "apps"),
    [
        (
            "npx concurrently -n a,b 'npm:one' 'npm -w admin run dev'",
            {"one": "npm run one", "admin": "npm -w admin run dev"},
        ),
        (
            "npm run two",
            {"vite": "npx vite", "tsc": "tsc -w", "vite-3": "PORT=1 vite x/"},
        ),
        ("cd apps && npm run two", {"vite": "cd apps && npx vite", "node": "cd apps && node x"}),
        ("run-p one 'two'", {"one": "npm run one", "two": "npm run two"}),
        ("npm-run-all clean -p one two -s end", {"one": "npm run one", "two": "npm run two"}),
        ("npm-run-all one two", {}),
        ("run-p 'dev:*'", {}),
        ("concurrently 'node a' 'node b'", {}),
        ("concurrently 'vite | cat'", {}),
        ("concurrently", {}),
    ],
)
def test_commands_that_start_in_parallel_become_services(
    command: str, apps: dict[str, str]
) -> None:
    one = {"one": "turbo dev --filter=web"}
    scripts = {
        "": {**one, "two": "concurrently vite 'tsc -w' 'PORT=1 vite x/'"},
        "apps": {"two": "concurrently -c blue vite 'node x'"},
    }
    found = fit(command, Files(WEB, ADMIN, scripts=scripts))
    assert found == (Several(tuple(apps.items())) if apps else None)


@pytest.mark.parametrize(
    "command",
    [
        *(
            "pnpm --filter nope dev",
            "pnpm --filter web nope",
            "pnpm --filter ui dev",
            "turbo build",
        ),
        *(
            "turbo run dev lint",
            "turbo",
            "nx",
            "nx graph",
            "nx affected -t dev",
            "nx run",
            "nx run x:",
        ),
        *("yarn workspace", "yarn workspace web", "yarn workspaces info", "npm run build -w ui"),
        *(
            "pnpm --filter '[main]' dev",
            "npm exec -w web",
            "pnpm -r lint",
        ),
        "cd $X && pnpm --filter web dev",
    ],
)
def test_other_commands_of_workspaces_are_unchanged(command: str) -> None:
    assert fit(command, Files(WEB, ADMIN, UI)) is None


@pytest.mark.parametrize(
    ("selectors", "names"),
    [
        (["web..."], ["@shop/web", "ui"]),
        (["...ui"], ["@shop/web", "ui"]),
        (["apps/"], ["@shop/web", "admin"]),
        (["./packages/**"], ["ui"]),
        (["admin", "ui"], ["admin", "ui"]),
        (["@shop/ui"], []),
    ],
)
def test_filters_select_packages_for_arguments(selectors: list[str], names: list[str]) -> None:
    found = selected((WEB, ADMIN, UI), selectors, "/ws")
    assert [package.name for package in found] == names


@pytest.mark.parametrize(
    ("command", "words", "env"),
    [
        ("webpack serve", f"{BOTH} --client-web-socket-url auto://0.0.0.0:0/ws", ()),
        ("webpack serve --client-web-socket-url ws://x", BOTH, ()),
        ("react-scripts start", "", (("WDS_SOCKET_PORT", "0"),)),
        ("vue-cli-service serve", BOTH, (("CODESANDBOX_SSE", "1"),)),
        ("vite", VITE, ()),
    ],
)
def test_pages_reached_by_https_find_the_server_that_reloads_them(
    command: str, words: str, env: tuple[tuple[str, str], ...]
) -> None:
    found = fit(command, secure=True)
    assert isinstance(found, Fitting)
    assert " ".join(found.with_port(7)) == words
    assert found.env == env


def test_a_framework_that_the_user_names_is_accepted() -> None:
    for command in ("./dev.sh", ["./dev.sh"]):
        found = fit(command, name="vite")
        assert isinstance(found, Fitting)
        assert " ".join(found.with_port(7)) == VITE
    assert fit("./dev.sh", name="x") is None


def test_words_after_a_text_belong_to_its_last_command() -> None:
    assert last_command("cd 'a b' && vite --mode 'x y'\n") == (["vite", "--mode", "x y"], "a b")
    assert last_command("vite\n\n") == (["vite"], "")
    assert last_command("vite &&") == (None, "")
    assert last_command("cd a; cd ../b\nvite", "/x") == (["vite"], "/x/a/../b")
    assert last_command("cd - && vite") == (["vite"], None)


def test_definition_files_know_the_same_names() -> None:
    assert set(life_keys.FRAMEWORKS) == set(FRAMEWORKS)
