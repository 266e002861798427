"""`portweave schema`: print the JSON Schema of definition files, or of what verbs print."""

import json

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.cli.json_schemas import VERBS_WITH_JSON, schema_of, schema_of_all
from portweave.errors import UsageError

_ALL = "all"
OPTIONS: tuple[Option, ...] = (
    Option(
        "--of",
        metavar="VERB|all",
        dest="of",
        values=(*VERBS_WITH_JSON, _ALL),
        about="the schema of what a verb prints with --json",
    ),
)
USAGE = "[--of VERB|all]"
HELP = """
Print the JSON Schema (draft 2020-12) of portweave.config.json, portweave.yaml and portweave.yml.

In an editor: portweave schema > schema.json, then "$schema": "./schema.json" in the file, or for
YAML a first line "# yaml-language-server: $schema=schema.json".

--of VERB prints the schema of a verb's --json: for logs and events, of each line. --of all prints
the schemas of all verbs, by name, and of an error. show has none: it prints what npm portweave
prints.
"""


def run(args: Args) -> int:
    """Print the schema."""
    verb = args.text("of")
    if verb is None:
        from portweave.procfiles.schema import json_schema

        found: object = json_schema()
    elif verb == _ALL:
        found = schema_of_all()
    elif verb in VERBS_WITH_JSON:
        found = schema_of(verb)
    else:
        raise UsageError(
            f"--of takes a verb with --json, or all; received {verb!r}",
            hint=f"one of {', '.join(VERBS_WITH_JSON)}",
        )
    print(json.dumps(found, indent=2))
    return 0
