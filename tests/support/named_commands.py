"""The commands of portweave that a text names, and those that do not exist."""

import re
from collections.abc import Iterable
from importlib import import_module

from portweave.arguments.global_options import GLOBAL_OPTIONS, VERBS

# `portweave up -d`, but not `import portweave` and not `portweave.yaml`.
_COMMAND = re.compile(r"(?<![\w/\[.-])portweave ([a-z]+)((?: (?!&&|\|)[^`|;#\n]*)?)")
# Words that follow the name of the program in a sentence.
_PROSE = {"has", "import", "takes", "uses"}


def unknown_commands(texts: Iterable[str]) -> list[str]:
    """The commands in these texts with a verb or an option that does not exist."""
    unknown: list[str] = []
    for text in texts:
        for verb, rest in _COMMAND.findall(text):
            if verb in _PROSE:
                continue
            if verb not in VERBS:
                unknown.append(f"portweave {verb}")
                continue
            module = import_module(f"portweave.cli.verbs.{verb}")
            known = {flag for option in (*GLOBAL_OPTIONS, *module.OPTIONS) for flag in option.flags}
            own = rest.partition(" -- ")[0]
            options = re.findall(r" (--?[a-z][\w-]*)", own)
            unknown += [f"portweave {verb} {word}" for word in options if word not in known]
    return unknown
