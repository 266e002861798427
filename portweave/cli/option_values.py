"""Read the values of command-line options.

It imports little: short commands need it.
"""

from portweave import errors

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from collections.abc import Mapping

    from portweave.arguments.args import Args
    from portweave.client.stack_start import RunOptions
    from portweave.planning.stack_request import StackRequest
    from portweave.supervisor.services.lifetime import Terms

_TIMEOUT_S = 60.0


def seconds_of(
    text: str | None,
    option: str = "--timeout",
    default_s: float = _TIMEOUT_S,
    *,
    zero: bool = False,
) -> float:
    """Read a time such as `90`, `90s` or `1m30s`; return it in seconds.

    Args:
        text: The option's value; None for `default_s`.
        option: The option, for the message.
        default_s: The time if the option was not given.
        zero: Whether 0 is allowed.

    Raises:
        UsageError: The text is not a time.
    """
    if text is None:
        return default_s
    from portweave.encoding.duration import parse

    seconds = parse(text)
    if seconds is None or not (seconds or zero):
        raise errors.UsageError(
            f"{option} takes a time such as 90, 90s or 1m30s, received {text!r}"
        )
    return seconds


def scale_of(text: str, option: str = "--scale") -> tuple[str, int]:
    """Read `web=3` as a service and its number of instances.

    Args:
        text: The option's value.
        option: The option, for the message.

    Raises:
        UsageError: The text has another form.
    """
    name, _, number = text.partition("=")
    if not (name and number.isascii() and number.isdigit() and len(number) <= 3):
        raise errors.UsageError(
            f"{option} takes NAME=N, received {text!r}", hint=f"as in {option} web=3"
        )
    return name, int(number)


def count_of(count: str | None, config: str | None = None) -> int | None:
    """Read the value of `--count`; None if it was not given.

    Args:
        count: The option's value.
        config: The value of `--config`, which excludes it.

    Raises:
        UsageError: It is not a positive integer, or `--config` was given too.
    """
    if count is None:
        return None
    if config is not None:
        raise errors.UsageError("--config and --count are mutually exclusive")
    text = count.strip()
    digits = text.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()) or not digits.strip("0"):
        # The message is npm portweave's: a number as JavaScript prints it.
        raise errors.UsageError(f"--count must be a positive integer, received {_as_number(text)}")
    return int(digits) if len(digits) < 20 else 10**20


def request_of(args: "Args", environ: "Mapping[str, str]") -> "StackRequest":
    """Read what `up` and `export` were asked for.

    Args:
        args: The command line.
        environ: The variables that the stack inherits.

    Raises:
        UsageError: A value is not what its option takes.
    """
    from portweave.planning.project import working_dir
    from portweave.planning.stack_request import StackRequest, StartOptions, restart_from

    config = args.text("config")
    count = count_of(args.text("count"), config)
    policy = args.text("restart")
    if policy is None and (args.flag("abort_on_exit") or args.text("exit_code_from")):
        # The first exit of a service must stop the stack, so nothing restarts before.
        policy = "no"
    restart = None if policy is None else restart_from(policy)
    if policy is not None and restart is None:
        raise errors.UsageError(
            f"--restart takes no, on-failure, on-failure:N or always, received {policy!r}"
        )
    return StackRequest(
        environ=dict(environ),
        working_dir=working_dir(),
        config=config,
        count=count,
        options=StartOptions(
            services=tuple(args.operands),
            profiles=tuple(args.texts("profile")),
            scale=dict(scale_of(text) for text in args.texts("scale")),
            with_needs=not args.flag("no_deps"),
            restart=restart,
            timeout_s=seconds_of(args.text("timeout")),
            watch=args.flag("watch"),
            with_proxy=not args.flag("no_proxy"),
            with_hooks=not args.flag("skip_hooks"),
        ),
    )


def run_options_of(args: "Args", terms: "Terms | None" = None) -> "RunOptions":
    """Read how an `up` command runs or follows its stack.

    Args:
        args: The command line.
        terms: What ends the stack without a command; None for nothing.

    Raises:
        UsageError: A value is not what its option takes.
    """
    from portweave.client.stack_start import RunOptions
    from portweave.supervisor.services.lifetime import FOREVER

    timeout = args.text("timeout")
    return RunOptions(
        detached=args.flag("detach"),
        abort_on_exit=args.flag("abort_on_exit"),
        exit_code_from=args.text("exit_code_from"),
        timeout_s=None if timeout is None else seconds_of(timeout),
        fail_fast=args.flag("fail_fast"),
        verbose=args.flag("verbose"),
        plain=args.flag("no_color"),
        quiet=args.flag("quiet"),
        as_json=args.flag("json"),
        terms=terms or FOREVER,
    )


def whole_number_of(text: str | None, flag: str, default: int) -> int:
    """Read a number of lines or events.

    Args:
        text: The option's value; None for the default.
        flag: The option.
        default: The number without the option.

    Raises:
        UsageError: It is not a number from 0 to 999,999,999.
    """
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise errors.UsageError(f"{flag} takes a number, received {text!r}")
    return int(text)


def _as_number(text: str) -> str:
    digits = text.lstrip("+-")
    if digits.isascii() and digits.isdigit():
        number = digits.lstrip("0") or "0"
        return f"-{number}" if text.startswith("-") and number != "0" else number
    return text if _is_fraction(digits) else "NaN"


def _is_fraction(text: str) -> bool:
    whole, dot, fraction = text.partition(".")
    return bool(dot) and (whole + fraction).isascii() and (whole + fraction).isdigit()
