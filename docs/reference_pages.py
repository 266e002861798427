"""Write the pages of the reference from the program: commands, keys, error codes, schemas."""

import importlib
import json
from collections.abc import Sequence
from pathlib import Path

from portweave.arguments.args import Option
from portweave.arguments.global_options import GLOBAL_OPTIONS, GROUPS, VERBS
from portweave.cli.error_texts import all_texts
from portweave.procfiles import hook_keys, shape
from portweave.procfiles.definition_keys import SERVICE
from portweave.procfiles.fields import Key
from portweave.procfiles.schema import json_schema

_WRITTEN = "<!-- Written from the program when the site is built. -->\n"


def write_pages(folder: Path) -> None:
    """Write all pages into a folder, if their text has changed."""
    folder.mkdir(exist_ok=True)
    for name, text in pages().items():
        path = folder / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def pages() -> dict[str, str]:
    """The pages, by file name."""
    return {
        "commands.md": commands_page(),
        "definition-keys.md": keys_page(),
        "error-codes.md": errors_page(),
        "schema.md": schema_page(),
    }


def commands_page() -> str:
    """All commands with their help, by group."""
    parts = [_WRITTEN, "# Commands\n", "`portweave COMMAND --help` prints the same.\n"]
    for group, verbs in GROUPS.items():
        parts.append(f"## {group}\n")
        for verb in verbs:
            module = importlib.import_module(f"portweave.cli.verbs.{verb}")
            parts += [
                f"### {verb}\n",
                f"{VERBS[verb][0].upper()}{VERBS[verb][1:]}.\n",
                f"```text\nportweave {verb} {module.USAGE}\n```\n".replace(" \n", "\n"),
                f"```text\n{module.HELP.strip()}\n```\n",
                *_options(module.OPTIONS),
            ]
    return "\n".join([*parts, "## Options of all commands\n", *_options(GLOBAL_OPTIONS)])


def _options(options: Sequence[Option]) -> list[str]:
    rows = [
        f"| `{', '.join(option.flags)}{_cell(option.placeholder)}` | {_cell(option.help)} |"
        for option in options
    ]
    return ["\n".join(["| option | meaning |", "|---|---|", *rows]) + "\n"] if rows else []


def keys_page() -> str:
    """All keys of definition files."""
    tables = (
        ("At the top", shape.ROOT),
        ("Of a service", SERVICE),
        ("Of a hook", (*hook_keys.SETUP, hook_keys.TEARDOWN[-1])),
        ("Of `worktree`", hook_keys.WORKTREE),
    )
    parts = [_WRITTEN, "# Keys of definition files\n"]
    for title, table in tables:
        parts += [f"## {title}\n", _key_rows(table)]
    return "\n".join(parts)


def _key_rows(table: tuple[Key, ...]) -> str:
    rows = [f"| `{key.name}` | {_cell(key.meaning)} |" for key in table if key.schema is not None]
    return "\n".join(["| key | meaning |", "|---|---|", *rows]) + "\n"


def errors_page() -> str:
    """All error codes, each with cause, example and remedy."""
    parts = [
        _WRITTEN,
        "# Error codes\n",
        "`portweave explain CODE` prints the same. A code never changes its meaning.\n",
    ]
    for code, text in all_texts().items():
        parts += [
            f"## {code}\n",
            f"{text.title}\n",
            f"**Cause.** {_cell(text.cause)}\n",
            f"```text\n{text.example.strip()}\n```\n",
            f"**Remedy.** {_cell(text.remedy)}\n",
        ]
    return "\n".join(parts)


def schema_page() -> str:
    """The JSON Schema of definition files."""
    text = json.dumps(json_schema(), ensure_ascii=False, indent=2)
    intro = "`portweave schema` prints it. An editor that knows it completes keys.\n"
    return "\n".join([_WRITTEN, "# JSON Schema\n", intro, f"```json\n{text}\n```\n"])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
