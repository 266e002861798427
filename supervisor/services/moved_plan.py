"""Pure. Plans and requests of a stack whose folder was moved: the new path in place of the old."""

from collections.abc import Mapping

from portweave.encoding.json_text import is_list, is_object
from portweave.encoding.value import replace
from portweave.supervisor.services.plan import InstancePlan


def moved_path(text: str, old: str, new: str) -> str:
    """A path with the new root, if it is the old root or lies below it.

    Args:
        text: A path, or any other text.
        old: The old root, absolute.
        new: The new root, absolute.
    """
    if text == old or text.startswith(f"{old.rstrip('/')}/"):
        return new + text[len(old) :]
    return text


def moved_value(text: str, old: str, new: str) -> str:
    """The value of a variable: a path, or a list of paths as in `PATH`.

    Args:
        text: The value.
        old: As in `moved_path`.
        new: As in `moved_path`.
    """
    return ":".join(moved_path(part, old, new) for part in text.split(":"))


def moved_plan(plan: InstancePlan, old: str, new: str) -> InstancePlan:
    """The plan of an instance, with the new root in its folder, words, variables and watches.

    Args:
        plan: The plan.
        old: As in `moved_path`.
        new: As in `moved_path`.
    """
    return replace(
        plan,
        argv=tuple(moved_path(word, old, new) for word in plan.argv),
        working_dir=moved_path(plan.working_dir, old, new),
        environment={name: moved_value(text, old, new) for name, text in plan.environment.items()},
        watch=tuple(moved_path(path, old, new) for path in plan.watch),
    )


def moved_request(request: Mapping[str, object], old: str, new: str) -> dict[str, object]:
    """The request that a stack was planned from, with the new root.

    Args:
        request: A JSON object.
        old: As in `moved_path`.
        new: As in `moved_path`.
    """
    return {name: _moved(value, old, new) for name, value in request.items()}


def _moved(value: object, old: str, new: str) -> object:
    if isinstance(value, str):
        return moved_value(value, old, new)
    if is_list(value):
        return [_moved(item, old, new) for item in value]
    return moved_request(value, old, new) if is_object(value) else value
