"""Pure. What coding agents read of portweave: the section of AGENTS.md, and the skill."""

MOST_LINES = 40

SECTION = """\
## Services of this project: portweave

portweave runs the services of this worktree, with ports and URLs of its own. Never start a server
by hand, never choose a port, and never kill a process to free one.

- `portweave up -d` starts what is missing and waits until all is ready. It changes nothing if all
  runs. In a new worktree it also sets it up.
- `portweave ps` shows states and ports, `portweave url SERVICE` the URL of a service.
- After an edit: `portweave settle` waits for rebuilds and restarts, and prints only new errors.
- `portweave why SERVICE` explains a service that is not ready: cause, place, what to do.
- `portweave logs --brief [SERVICE]` prints first errors and newest lines; `--after CURSOR` goes on.
- `portweave restart SERVICE`, `stop`, `start`; `portweave down` ends the stack.
- `portweave run -- COMMAND` and `portweave exec SERVICE -- COMMAND` run a command with the ports
  and variables in its environment.
- `portweave reload` applies a changed definition file.

All of them take `--json`. Exit status: 0 done; 1 an error or a service that failed; 124 the time
was up. Errors have a code; `portweave explain CODE` says more. If you have the MCP server of
portweave, use its tools `ensure`, `settle`, `why` and `logs` in place of these commands.
"""

SKILL = """\
---
name: portweave
description: Start, check and debug the services of this project. Use it before anything that needs
  a running server, a port or a URL, after edits that make a service rebuild, and when a service
  fails.
---

# Services by portweave

Work in this order.

1. `portweave up -d --owner auto`: starts what is missing, waits until all is ready. Exit status 1
   means that a service failed; its last lines are in the output.
2. `portweave url SERVICE`: the URL. Never guess a port.
3. Edit, then `portweave settle`: waits until the consequences are over. `ok`: go on. `new`: read
   the errors that it prints. `still`: an earlier error is not mended. `not-settled`: the time was
   up (exit status 124). A change of which no service takes notice gives `reaction: none`.
4. In trouble: `portweave why SERVICE`. It names cause, file and line, last lines, changed files and
   what to do. Then `portweave logs --brief SERVICE`.
5. `portweave restart --wait SERVICE` after changes that no service sees by itself.
   `portweave reload` after a change of the definition file.

Do not start servers by hand, do not kill processes by name, do not write ports into files. Each
worktree has a stack of its own, so several agents can work at the same time.
"""
