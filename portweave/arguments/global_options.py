"""Pure. The verbs, their groups, and the options that all verbs have.

A verb's own options are in its module, `portweave.cli.verbs.<verb>`.
"""

from portweave.arguments.args import Option

# Each verb and what it does, in the order of the help text.
VERBS = {
    "up": "start the stack and show its logs; Ctrl-C stops it",
    "down": "stop the stack, and clean up after it",
    "keep": "say what ends the running stack: an owner, a time, or nothing",
    "ps": "show the services of the stack and their state",
    "start": "start services of the running stack",
    "stop": "stop services; the stack goes on",
    "restart": "stop services and start them again",
    "why": "explain what is wrong with a service",
    "kill": "send a signal to services",
    "wait": "wait until services are ready or have ended",
    "settle": "after an edit: wait until its consequences are over",
    "scale": "change the number of instances of a service",
    "reload": "apply changed definition files to the running stack",
    "attach": "attach to a service's terminal",
    "exec": "run a command in the environment of a service",
    "logs": "show past and new output of services",
    "events": "show events of the stack as they happen",
    "setup": "set up a new worktree: copy files, and run the hook setup",
    "teardown": "run the hook teardown, which else runs when a worktree is gone",
    "run": "run one command with the worktree's ports in its environment",
    "show": "show the ports of this worktree",
    "prune": "release this worktree's ports",
    "ask": "call a service of the stack, or its supervisor",
    "env": "print the variables of this worktree, or of one service",
    "port": "print the port of one service",
    "ls": "show the stacks of this machine",
    "url": "print the URL of one service",
    "open": "open one service in the browser",
    "proxy": "start, stop or inspect the proxy: names instead of ports",
    "routes": "show names and their ports",
    "alias": "give a name to any port",
    "trust": "make this machine trust the proxy's certificates",
    "hosts": "add names for programs that do not resolve *.localhost",
    "lease": "lend ports to a script",
    "panel": "show and control all worktrees on a web page",
    "top": "show and control all stacks in the terminal",
    "mcp": "serve coding agents: tools over MCP",
    "agents": "tell coding agents of portweave, in the files that they read",
    "integrate": "have tools for worktrees set up, start and stop stacks",
    "doctor": "find problems on this machine, and repair them",
    "check": "validate the definition files without starting anything",
    "graph": "show which services depend on which",
    "export": "print the stack for systemd, Docker Compose or Kubernetes",
    "schema": "print the JSON Schema of definition files, or of --json",
    "clean": "remove what portweave has left on this machine",
    "explain": "explain an error code: cause, example, what to do",
    "completion": "print the shell completion script",
    "version": "print the version",
}

# The groups of the help text.
GROUPS = {
    "The stack": (
        "up",
        "down",
        "keep",
        "ps",
        "logs",
        "why",
        "events",
        "reload",
        "panel",
        "top",
    ),
    "Its services": (
        "start",
        "stop",
        "restart",
        "kill",
        "wait",
        "settle",
        "scale",
        "attach",
        "exec",
        "ask",
    ),
    "Worktrees": ("setup", "teardown"),
    "Ports and variables": ("run", "show", "port", "env", "ls", "prune", "lease"),
    "Names": ("url", "open", "proxy", "routes", "alias", "trust", "hosts"),
    "Coding agents": ("mcp", "agents", "integrate"),
    "Definitions and this machine": (
        "check",
        "graph",
        "export",
        "schema",
        "doctor",
        "clean",
        "explain",
        "completion",
        "version",
    ),
}

# They only read files of the project, or show first what they would change.
PURE_VERBS = ("check", "clean", "completion", "doctor", "explain", "graph", "schema", "version")

GLOBAL_OPTIONS = (
    Option(
        "-f",
        "--file",
        "--config",
        metavar="PATH",
        dest="config",
        values="files",
        about="the definition file",
    ),
    Option("--count", metavar="N", about="N anonymous ports instead of a definition file"),
    Option("--verbose", about="say more"),
    Option("--json", about="print data for programs, where it applies"),
    Option("--no-color", about="no colours"),
    Option("-V", "--version", about="print the version"),
    Option("-h", "--help", about="print this help"),
)
