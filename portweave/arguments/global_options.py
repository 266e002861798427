"""Pure. What the command line is made of: the verbs, their groups, and the options of all of them.

The options of a verb itself are in its module, `portweave.cli.verbs.<verb>`.
"""

from portweave.arguments.args import Option

# Verb -> what it does, in the order of the help text. The module is portweave.cli.verbs.<verb>.
VERBS = {
    "up": "start the stack, show its logs, stop it all on Ctrl-C",
    "down": "stop the stack, and see that nothing of it is left",
    "ps": "show the services of the stack, and how they are",
    "start": "start services of the running stack",
    "stop": "stop services, and leave the stack running",
    "restart": "stop services and start them again",
    "why": "say what is wrong with a service",
    "kill": "send services a signal",
    "wait": "wait until services are ready, or have ended",
    "scale": "have more or fewer instances of a service",
    "reload": "apply changed definition files to the running stack",
    "attach": "be at the terminal of a service",
    "exec": "run a command in the environment of a service",
    "logs": "show what the services have printed, and print",
    "events": "show what happens in the stack, as it happens",
    "run": "run one command with the worktree's ports in its environment",
    "show": "show the ports of this worktree",
    "prune": "give this worktree's ports back",
    "ask": "call a service of the stack, or its supervisor",
    "env": "print the variables of this worktree, or of one service",
    "port": "print the port of one service",
    "ls": "show the stacks of this machine",
    "url": "print where one service is reached",
    "open": "open one service in the browser",
    "proxy": "start, stop or look at the proxy: names instead of ports",
    "routes": "show which name leads where",
    "alias": "give any port a name",
    "trust": "have this machine trust the proxy's certificates",
    "hosts": "names for programs that do not resolve *.localhost",
    "lease": "give a script some ports for a while",
    "panel": "show all worktrees on a page, and act there",
    "top": "show all stacks in the terminal, and act there",
    "doctor": "look for what is wrong on this machine, and repair it",
    "check": "validate the definition files without starting anything",
    "graph": "show what depends on what",
    "export": "print the stack for systemd, Docker Compose or Kubernetes",
    "schema": "print the JSON Schema of definition files",
    "clean": "remove what portweave has left on this machine",
    "completion": "print what has a shell complete words behind portweave",
    "version": "print the version",
}

# The same, as the help text has them.
GROUPS = {
    "The stack": ("up", "down", "ps", "logs", "why", "events", "reload", "panel", "top"),
    "Its services": ("start", "stop", "restart", "kill", "wait", "scale", "attach", "exec", "ask"),
    "Ports and variables": ("run", "show", "port", "env", "ls", "prune", "lease"),
    "Names": ("url", "open", "proxy", "routes", "alias", "trust", "hosts"),
    "Definitions and this machine": (
        "check",
        "graph",
        "export",
        "schema",
        "doctor",
        "clean",
        "completion",
        "version",
    ),
}

# They only look at files of the project's own, or tell first what they would do.
PURE_VERBS = ("check", "clean", "completion", "doctor", "graph", "schema", "version")

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
