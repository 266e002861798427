"""Start a cluster: plan it as a stack, and run it with a guardian and a supervisor."""

import os
import pickle
import sys
import time
from collections.abc import Mapping
from types import TracebackType

from portweave import __version__
from portweave.allocator.socket_paths import socket_path
from portweave.calls.options import Options
from portweave.cluster.plan import (
    BEGINNING,
    make_plan,
)
from portweave.encoding import colours
from portweave.errors import ConfigError
from portweave.supervisor.registry.stack_lock import StackLock
from portweave.supervisor.registry.stack_records import new_record, stack_key, stacks_dir
from portweave.supervisor.services.work_order import Options as RunOptions
from portweave.supervisor.services.work_order import WorkOrder
from portweave.supervisor.shutdown.guardian import SupervisorProcess
from portweave.supervisor.start import supervise, warm_up
from portweave.system.clean_environment import MARKS
from portweave.system.processes import (
    clear_variables,
)


def start(options: Options) -> int:
    """Run a cluster to its end; return the exit status.

    Raises:
        ConfigError: The options cannot be used.
    """
    work, lock, tag = _prepared(options, guarded=True)
    # As `up` does.
    clear_variables(MARKS)
    with lock:
        status = SupervisorProcess(warm_up, supervise).start(pickle.dumps(work), lock, tag)
        # Processes that could not be ended are left to the next command, which reads the record.
        if lock.read() is None:
            lock.remove()
        return status


async def serve(options: Options) -> int:
    """Run a cluster in this process, without a guardian; return the exit status.

    Raises:
        ConfigError: The options cannot be used.
    """
    from portweave.supervisor.stack import run

    work, lock, _ = _prepared(options, guarded=False)
    with lock:
        try:
            return await run(work)
        finally:
            lock.remove()


def _prepared(options: Options, *, guarded: bool) -> tuple[WorkOrder, StackLock, str]:
    try:
        return _prepare(options, guarded=guarded)
    except ConfigError as error:
        _tell_in_words(error)
        raise


def _tell_in_words(error: ConfigError) -> None:
    """Print a mistake in the options without a traceback, if the program does not catch it."""
    otherwise = sys.excepthook

    def tell(kind: type[BaseException], raised: BaseException, trace: TracebackType | None) -> None:
        if raised is not error:
            otherwise(kind, raised, trace)
            return
        sys.stderr.write(f"[portweave] error: {error.message} ({error.code})\n")
        sys.stderr.writelines(f"[portweave] hint: {hint}\n" for hint in error.hints)

    sys.excepthook = tell


def _prepare(options: Options, *, guarded: bool) -> tuple[WorkOrder, StackLock, str]:
    environ: Mapping[str, str] = os.environ
    if BEGINNING in environ:
        raise ConfigError(
            "a process of a cluster cannot start that cluster again",
            hint="start it under `if __name__ == '__main__':`",
        )
    plan = make_plan(options, environ)
    folder = stacks_dir(environ)
    key = stack_key(plan.root, plan.namespace)
    lock = StackLock(folder, key)
    pid, tag = os.getpid(), os.urandom(16).hex()
    path = socket_path(environ, folder, key)
    if not path:
        lock.remove()
        lock.close()
        raise ConfigError(
            "there is no place for the hub's socket",
            hint="XDG_RUNTIME_DIR names a folder of your own, with a short path",
        )
    lock.write(new_record(plan, pid, tag, path))
    run_options = RunOptions(
        abort_on_exit=options.get("respawn") is False,
        colour=colours.are_kept(environ, is_terminal=os.isatty(1)),
        style=colours.style_of(
            environ, out_is_terminal=os.isatty(1), err_is_terminal=os.isatty(2), refused=False
        ),
        tag=tag,
        journal=lock.journal,
        guardian=pid if guarded else None,
        socket=path,
        version=__version__,
    )
    return WorkOrder(plan, run_options, time.monotonic()), lock, tag
