"""`portweave schema`: print the JSON Schema of definition files."""

import json

from portweave.arguments.args import (
    Args,
    Option,
)
from portweave.procfiles.schema import json_schema

OPTIONS: tuple[Option, ...] = ()
USAGE = ""
HELP = """
Print the JSON Schema (draft 2020-12) of portweave.config.json, portweave.yaml and portweave.yml.

In an editor: portweave schema > schema.json, then "$schema": "./schema.json" in the file, or for
YAML a first line "# yaml-language-server: $schema=schema.json".
"""


def run(args: Args) -> int:
    """Print the schema."""
    del args  # the output is JSON in any case
    print(json.dumps(json_schema(), indent=2))
    return 0
