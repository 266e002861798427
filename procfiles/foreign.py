"""Pure. Keys of other tools and portweave's keys with the same meaning, for hints."""

FOREIGN_ROOT = {
    "processes": "services",
    "procs": "services",
    "daemons": "services",
    "apps": "services",
    "programs": "services",
    "name": "projectName",
    "project": "projectName",
    "env": "envFile, or environment in each service",
    "environment": "envFile, or environment in each service",
}
FOREIGN_SERVICE = {
    **dict.fromkeys(("cmd", "run", "shell", "exec", "script", "entrypoint", "args"), "command"),
    **dict.fromkeys(("cwd", "dir", "directory", "workdir", "root"), "workingDir"),
    "env": "environment",
    "dotenv": "envFile",
    **dict.fromkeys(("deps", "depends", "after", "requires", "needs", "links"), "dependsOn"),
    **dict.fromkeys(
        ("healthcheck", "readiness_probe", "liveness_probe", "readinessProbe", "livenessProbe"),
        "ready",
    ),
    **dict.fromkeys(("ready_http", "http_get", "httpGet"), "ready.http"),
    **dict.fromkeys(("ready_port", "ready_tcp"), "ready.tcp"),
    **dict.fromkeys(("ready_cmd", "ready_exec"), "ready.exec"),
    **dict.fromkeys(("ready_output", "ready_log", "ready_log_line"), "ready.log"),
    **dict.fromkeys(("autorestart", "retry", "availability", "max_restarts"), "restart"),
    **dict.fromkeys(("kill_signal", "stopsignal"), "stopSignal"),
    **dict.fromkeys(("kill_timeout", "stopwaitsecs", "stopTimeout"), "stopGracePeriod"),
    "shutdown": "stopSignal and stopGracePeriod",
    **dict.fromkeys(("replicas", "instances", "deploy", "numprocs"), "scale"),
    **dict.fromkeys(("disabled", "namespace"), "profiles"),
    "ports": "port (false for none) and envVar; portweave allocates the number",
    **dict.fromkeys(("is_tty", "is_interactive", "pty", "stdin_open"), "tty"),
    "develop": "watch",
    **dict.fromkeys(("host", "domain", "subdomain"), "hostname"),
    "build": 'command, as "docker compose up db"',
    "volumes": "data",
}
FOREIGN_READY = {
    **dict.fromkeys(("test", "cmd", "command"), "exec"),
    **dict.fromkeys(("http_get", "httpGet", "url"), "http"),
    **dict.fromkeys(("port", "tcp_socket", "tcpSocket"), "tcp"),
    **dict.fromkeys(("output", "log_line", "pattern"), "log"),
    **dict.fromkeys(("period_seconds", "periodSeconds", "start_interval"), "interval"),
    **dict.fromkeys(("timeout_seconds", "timeoutSeconds", "start_period", "retries"), "timeout"),
}
FOREIGN_CONDITIONS = {
    **dict.fromkeys(("service_started", "process_started"), "started"),
    **dict.fromkeys(
        ("service_healthy", "process_healthy", "process_log_ready", "healthy"), "ready"
    ),
    **dict.fromkeys(
        (
            "service_completed_successfully",
            "process_completed",
            "process_completed_successfully",
        ),
        "completed",
    ),
}
FOREIGN_POLICIES = {
    "never": "no",
    "none": "no",
    "false": "no",
    "on_failure": "on-failure",
    "onFailure": "on-failure",
    "failure": "on-failure",
    "unless-stopped": "always",
    "true": "always",
    "yes": "always",
}
FOREIGN_ENV_FILE = {"file": "path", "optional": "required: false"}
FOREIGN_HOOKS = {
    **dict.fromkeys(("destroy", "remove", "preRemove", "pre-remove", "onRemove"), "teardown"),
    **dict.fromkeys(("install", "init", "bootstrap", "postCreate", "post-create"), "setup"),
    **dict.fromkeys(("before", "preUp", "pre-up", "preStart", "prestart"), "beforeUp"),
    **dict.fromkeys(("after", "postUp", "post-up", "onReady", "postStart"), "afterReady"),
    **dict.fromkeys(("postDown", "post-down", "onExit", "cleanup"), "afterDown"),
}
FOREIGN_WORKTREE = {
    **dict.fromkeys(("files", "include", "copyFiles"), "copy"),
    **dict.fromkeys(("symlink", "symlinks", "links"), "link"),
    **dict.fromkeys(("source", "base"), "from"),
}
