"""Pure. Whether a program starts itself anew, or builds anew, when a file changes, by its words."""

from collections.abc import Sequence

# Programs that do nothing else.
_PROGRAMS = frozenset(
    {
        "air", "browser-sync", "entr", "fresh", "guard", "hupper", "livereload", "nodemon",
        "node-dev", "onchange", "reflex", "rerun", "ts-node-dev", "tsnd", "watchexec", "watchfiles",
        "watchmedo", "webpack-dev-server",
    }
)  # fmt: skip
# Programs that do so with one of these words. An empty word stands for none.
_WITH = {
    "angular": ("serve",),
    "astro": ("", "dev"),
    "cargo-watch": ("",),
    "django-admin": ("runserver",),
    "fastapi": ("dev",),
    "gatsby": ("develop",),
    "hugo": ("server", "serve"),
    "jekyll": ("serve",),
    "manage.py": ("runserver",),
    "mix": ("phx.server",),
    "next": ("dev",),
    "ng": ("serve",),
    "nuxi": ("dev",),
    "nuxt": ("dev",),
    "parcel": ("", "serve", "watch"),
    "rails": ("server", "s"),
    "react-router": ("dev",),
    "react-scripts": ("start",),
    "remix": ("dev", "vite:dev"),
    "storybook": ("dev",),
    "svelte-kit": ("dev",),
    "tsx": ("watch",),
    "vite": ("", "dev", "serve"),
    "vue-cli-service": ("serve",),
    "webpack": ("serve", "watch"),
    "wrangler": ("dev",),
}
_OPTIONS = frozenset(
    {"--hot", "--hotreload", "--live-reload", "--reload", "--watch", "--watch-path", "--autoreload"}
)
# Programs whose `-w` means `--watch`.
_SHORT = frozenset({"tsc", "rollup", "webpack", "sass", "postcss", "tailwindcss", "babel", "swc"})
_NO_RELOAD = frozenset({"--noreload", "--no-reload", "--no-watch"})
_ENDINGS = (".js", ".cjs", ".mjs", ".cmd", ".exe")
# How many words may be the program: `python -m flask`, `node node_modules/.bin/vite`.
_LOOKED_AT = 4


def reloads(words: Sequence[str]) -> bool:
    """Whether a running program reloads itself.

    Args:
        words: Its command line, as the system shows it.
    """
    if not _NO_RELOAD.isdisjoint(words):
        return False
    if any(word.split("=")[0] in _OPTIONS and not word.endswith("=false") for word in words):
        return True
    for number, word in enumerate(words[:_LOOKED_AT]):
        name = _name_of(word)
        rest = words[number + 1 :]
        if name in _PROGRAMS or (name in _SHORT and "-w" in rest):
            return True
        if name == "flask":
            return "--debug" in words
        given = _WITH.get(name)
        if given is not None:
            first = next((other for other in rest if not other.startswith("-")), "")
            return first in given or ("" in given and not _is_verb(first))
    return False


def _is_verb(word: str) -> bool:
    """Whether a first argument is a command, and not a folder."""
    return word.isalpha()


def _name_of(word: str) -> str:
    """The program's name: `vite` for `/app/node_modules/vite/bin/vite.js`."""
    name = word.rstrip("/").rpartition("/")[2]
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name
