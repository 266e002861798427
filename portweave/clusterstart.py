"""Start a cluster: plan it as a stack, and have the same guardian and supervisor run it."""

import os
import pickle
import time
from collections.abc import Mapping

from portweave import __version__, colours
from portweave.allocator.processes import started_at
from portweave.calls.options import Options
from portweave.clusterplan import BEGINNING, make_plan
from portweave.errors import ConfigError
from portweave.supervisor.guardian import Supervisor
from portweave.supervisor.paths import Hold, StackRecord, stack_key, stacks_dir
from portweave.supervisor.sockets import socket_path
from portweave.supervisor.start import supervise, warm_up
from portweave.supervisor.work import Options as RunOptions
from portweave.supervisor.work import Work


def start(options: Options) -> int:
    """Run a cluster to its end; the exit status.

    Raises:
        ConfigError: The options cannot be used.
    """
    work, hold, tag = _prepare(options, guarded=True)
    with hold:
        return Supervisor(warm_up, supervise).start(pickle.dumps(work), hold, tag)


async def serve(options: Options) -> int:
    """The same in this process, without a guardian.

    Raises:
        ConfigError: The options cannot be used.
    """
    from portweave.supervisor.run import run

    work, hold, _ = _prepare(options, guarded=False)
    with hold:
        try:
            return await run(work)
        finally:
            hold.forget()


def _prepare(options: Options, *, guarded: bool) -> tuple[Work, Hold, str]:
    environ: Mapping[str, str] = os.environ
    if BEGINNING in environ:
        raise ConfigError(
            "a process of a cluster cannot start that cluster again",
            hint="start it under `if __name__ == '__main__':`",
        )
    plan = make_plan(options, environ)
    folder = stacks_dir(environ)
    key = stack_key(plan.root, plan.namespace)
    hold = Hold(folder, key)
    pid, tag = os.getpid(), os.urandom(16).hex()
    path = socket_path(environ, folder, key)
    if not path:
        hold.close()
        raise ConfigError(
            "there is no place for the hub's socket",
            hint="XDG_RUNTIME_DIR names a folder of your own, with a short path",
        )
    hold.write(
        StackRecord(
            pid=pid,
            start=started_at(pid) or "",
            project=plan.project,
            namespace=plan.namespace,
            root=plan.root,
            ports={},
            tag=tag,
            socket=path,
            version=__version__,
        )
    )
    run_options = RunOptions(
        abort_on_exit=not options.get("respawn", True),
        colour=colours.are_kept(environ, is_terminal=os.isatty(1)),
        coloured_names=colours.of_names(environ, is_terminal=os.isatty(1)),
        tag=tag,
        journal=hold.journal,
        guardian=pid if guarded else None,
        socket=path,
        version=__version__,
    )
    return Work(plan, run_options, time.monotonic()), hold, tag
