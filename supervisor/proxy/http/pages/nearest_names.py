"""Pure. The names that a user may have meant by a mistyped one."""

from collections.abc import Sequence
from difflib import SequenceMatcher

# The similarity from which `difflib.get_close_matches` counts texts as close.
_CUTOFF = 0.6
_MOST = 3


def project_of(hostname: str) -> str:
    """The project's part of a name: `shop` of `api.shop.localhost`; empty for none."""
    labels = hostname.split(".")
    return labels[-2] if len(labels) > 1 else ""


def nearest(name: str, hostnames: Sequence[str]) -> list[str]:
    """The known names nearest to an unknown one, the nearest first; at most three.

    Names of the same project come first, compared without the end that they share: otherwise
    any two names of a project with a long name would be close.

    Args:
        name: The unknown name.
        hostnames: The known names.
    """
    project = project_of(name)
    own = [host for host in hostnames if project_of(host) == project]
    others = [host for host in hostnames if project_of(host) != project]
    found = [*_close(name, own, project), *_close(name, others, "")]
    return found[:_MOST]


def _close(name: str, hostnames: Sequence[str], project: str) -> list[str]:
    wanted = _distinct_part(name, project)
    matcher = SequenceMatcher()
    # SequenceMatcher keeps what it computes of its second text.
    matcher.set_seq2(wanted)
    ratios: list[tuple[float, str]] = []
    for host in hostnames:
        matcher.set_seq1(_distinct_part(host, project))
        is_close = matcher.real_quick_ratio() >= _CUTOFF and matcher.quick_ratio() >= _CUTOFF
        if is_close and (ratio := matcher.ratio()) >= _CUTOFF:
            ratios.append((-ratio, host))
    return [host for _, host in sorted(ratios)]


def _distinct_part(hostname: str, project: str) -> str:
    """A name without its top-level domain, and without its project if one is given."""
    text = hostname.rpartition(".")[0]
    return text.removesuffix(f".{project}") if project else text
