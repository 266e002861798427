"""`portweave completion`: print the shell completion script."""

import sys
from importlib import import_module

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.arguments.global_options import (
    GLOBAL_OPTIONS,
    VERBS,
)
from portweave.cli.shells.grammar import (
    SHELLS,
    grammar,
)
from portweave.errors import UsageError

OPTIONS: tuple[Option, ...] = ()
USAGE = "bash|zsh|fish"
OPERANDS = Operands(SHELLS)
HELP = """
Print a script by which a shell completes commands, options, their values, files, and names: of
services, stacks, profiles, aliases and leases. To have it in every new shell:

  bash: mkdir -p ~/.local/share/bash-completion/completions
        portweave completion bash \\
          > ~/.local/share/bash-completion/completions/portweave
        It is read where bash-completion is installed. Or put into ~/.bashrc:
        eval "$(portweave completion bash)"
  zsh:  portweave completion zsh > "${fpath[1]}/_portweave"
        Or put into ~/.zshrc, after compinit:
        source <(portweave completion zsh)
  fish: portweave completion fish > ~/.config/fish/completions/portweave.fish

Print it again after an update of portweave.
"""


def run(args: Args) -> int:
    """Print the script."""
    words = args.operands + (args.rest or [])
    if len(words) != 1 or words[0] not in SHELLS:
        raise UsageError(
            f"there is no completion for '{words[-1]}'" if words else "completion of which shell?",
            hint=f"portweave completion {USAGE}",
        )
    shell = import_module(f"portweave.cli.shells.{words[0]}")
    sys.stdout.write(shell.script(grammar(VERBS, GLOBAL_OPTIONS)))
    return 0
