"""Pure. The words of definition files: which keys there are, and which are to come."""

# In this order npm portweave looks at its own; ours follow.
ROOT = ("$schema", "projectName", "services", "envFile")
NPM_SERVICE = ("discoveryEnv", "envVar", "group", "preferred")
SERVICE = (
    *NPM_SERVICE,
    "command",
    "workingDir",
    "environment",
    "envFile",
    "dependsOn",
    "ready",
    "restart",
    "stopSignal",
    "stopGracePeriod",
    "scale",
    "port",
    "oneshot",
    "watch",
    "framework",
    "scope",
    "hooks",
    "resources",
    "profiles",
    "hostname",
    "wildcard",
    "tty",
)
READY = ("http", "tcp", "exec", "log", "notify", "interval", "timeout")
PROBES = ("http", "tcp", "exec", "log", "notify")
CONDITIONS = ("started", "ready", "completed")
POLICIES = ("no", "on-failure", "always")
SIGNALS = (
    "SIGTERM",
    "SIGINT",
    "SIGQUIT",
    "SIGHUP",
    "SIGKILL",
    "SIGUSR1",
    "SIGUSR2",
    "SIGWINCH",
    "SIGABRT",
    "SIGALRM",
)
# Those that are recognised, by the names that `framework` takes.
FRAMEWORKS = (
    "vite",
    "vp",
    "react-router",
    "astro",
    "rsbuild",
    "ng",
    "expo",
    "react-native",
    "next",
    "vinext",
    "webpack",
    "webpack-dev-server",
    "react-scripts",
    "vue-cli-service",
    "uvicorn",
    "fastapi",
    "gunicorn",
    "flask",
    "rails",
    "django",
)
