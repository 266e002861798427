"""`portweave export`: write the stack for systemd, Docker Compose or Kubernetes."""

import gc
import os
import sys
from importlib import import_module

from portweave.arguments.args import (
    Args,
    Operands,
    Option,
)
from portweave.cli.option_values import request_of
from portweave.encoding.terminal_escapes import write_data
from portweave.errors import ExportFileError, ExportLostError, UsageError
from portweave.exports.remarks import KEYS, lost_keys
from portweave.planning.allocation import allocate
from portweave.planning.planned_stack import requested_project

TYPE_CHECKING = False  # `typing` costs as much as the work
if TYPE_CHECKING:
    from portweave.exports.kubernetes_model import ClusterOptions
    from portweave.exports.model import Exported
    from portweave.exports.systemd_options import SystemdOptions
    from portweave.planning.project import Project
    from portweave.planning.stack_request import StartOptions

CONTAINERS = "Options of compose and kubernetes"
KUBERNETES = "Options of kubernetes"
_OF_KUBERNETES = ("storage", "domain", "ingress_class", "wait_image", "bus", "kustomize")
SYSTEMD = "Options of systemd"
_OF_SYSTEMD = ("system", "run_as", "prefix", "systemd")
FORMS = ("systemd", "compose", "kubernetes")
OPTIONS = (
    Option(
        "-o", "--output", metavar="DIR", values="folders", about="write files there, not to stdout"
    ),
    Option("--force", about="with --output: replace files that are not of export"),
    Option("--check", about="exit with 1 if a setting is lost; without --output, print no files"),
    Option(
        "--allow", metavar="KEY", values=KEYS, many=True, about="with --check: accept this loss"
    ),
    Option(
        "--image", metavar="NAME=IMAGE", many=True, about="the image of a service", group=CONTAINERS
    ),
    Option(
        "--dockerfiles",
        metavar="DIR",
        values="folders",
        about="write Dockerfiles for recognised stacks there",
        group=CONTAINERS,
    ),
    Option(
        "--image-prefix", metavar="TEXT", about="before the names of built images", group=CONTAINERS
    ),
    Option("--tag", metavar="TAG", about="the tag of built images", group=CONTAINERS),
    Option("--storage", metavar="SIZE", about="of each volume, by default 1Gi", group=KUBERNETES),
    Option(
        "--domain",
        metavar="NAME",
        about="of host names in an Ingress, by default localhost",
        group=KUBERNETES,
    ),
    Option("--ingress-class", metavar="NAME", about="the class of the Ingress", group=KUBERNETES),
    Option(
        "--wait-image",
        metavar="IMAGE",
        about="for waiting containers; it needs sh, nc and curl",
        group=KUBERNETES,
    ),
    Option(
        "--bus", metavar="URL", about="the NATS server for calls between services", group=KUBERNETES
    ),
    Option(
        "--kustomize",
        about="write a kustomize base and the worktree's overlay",
        group=KUBERNETES,
    ),
    Option("--system", about="units for the system, not for your user", group=SYSTEMD),
    Option("--run-as", metavar="USER", about="with --system: the user of the units", group=SYSTEMD),
    Option(
        "--prefix",
        metavar="DIR",
        about="the folder that the worktree will be in, by default its own",
        group=SYSTEMD,
    ),
    Option(
        "--systemd",
        metavar="VERSION",
        about="the version of systemd; 254 has growing pauses",
        group=SYSTEMD,
    ),
    Option("--scale", metavar="NAME=N", values="counts", many=True, about="N instances of one"),
    Option(
        "--profile", metavar="NAME", values="profiles", many=True, about="the services of it too"
    ),
)
USAGE = "systemd|compose|kubernetes [options] [SERVICE …]"
OPERANDS = Operands("services", many=True, first=FORMS)
HELP = """
Print the stack, or the named services and what they need, as

  systemd      user units for this machine, one for each instance, and a target:
               portweave export systemd -o ~/.config/systemd/user
               systemctl --user daemon-reload
               systemctl --user start portweave-NAME.target
               with --system, --run-as and --prefix: units for another machine
  compose      a compose.yaml; ports are published on 127.0.0.1
  kubernetes   a Namespace for the worktree, with a file for each service:
               portweave export kubernetes -o manifests
               kubectl apply -f manifests

The result has commands, variables, ports, readiness, order, restarts and stopping. Comments and
stderr name all that differs, each with a key: what is lost, what is changed, and what is left to do
(info). It refers to files of variables (.env), but contains none of their values, no variables of
this terminal, and no secrets of definition files. In containers each service finds the others by
their names: http://127.0.0.1:${api} becomes http://api:30001.

The worktree gets its ports on first use, as with `run`. --json prints files and remarks as JSON.
"""


def run(args: Args) -> int:
    """Print the stack, or write it to files."""
    if args.rest or not args.operands or args.operands[0] not in FORMS:
        words = [*args.operands[:1], *(args.rest or [])]
        raise UsageError(
            f"there is no export for '{words[0]}'" if words else "export as what?",
            hint=f"portweave export {USAGE}",
        )
    form, *args.operands = args.operands
    # All values live until the end: of a large stack, the collector looks at a million in vain.
    gc.disable()
    # Imported here, after the arguments are checked.
    from portweave.exports.stack import stack_of

    request = request_of(args, os.environ)
    project = requested_project(request)
    names = {service.name for service in project.definitions.services}
    images = dict(_image(text, names) for text in args.texts("image"))
    for name in ("image", "dockerfiles", "image_prefix", "tag"):
        if form == "systemd" and args.flag(name):
            raise UsageError(f"--{name.replace('_', '-')} is for compose and kubernetes")
    for name in _OF_KUBERNETES:
        if form != "kubernetes" and args.flag(name):
            raise UsageError(f"--{name.replace('_', '-')} is for kubernetes")
    for name in _OF_SYSTEMD:
        if form != "systemd" and args.flag(name):
            raise UsageError(f"--{name.replace('_', '-')} is for systemd")
    folder = args.text("output")
    allowed = args.texts("allow")
    for key in allowed:
        if key not in KEYS:
            hint = f"the keys are {', '.join(KEYS)}"
            raise UsageError(f"--allow: there is no key '{key}'", hint=hint)
    if allowed and not args.flag("check"):
        raise UsageError("--allow goes with --check")
    stack = stack_of(
        allocate(project, check_listeners=False),
        _options(request.options, project, form),
        os.environ,
        apart=form != "systemd",
        profiles=request.options.profiles,
        place=os.path.realpath(folder or "."),
    )
    dockerfiles: tuple[tuple[str, str], ...] = ()
    to = args.text("dockerfiles")
    if form != "systemd":
        from portweave.exports.images import ImageChoice, with_images

        choice = ImageChoice(
            images,
            os.path.realpath(to) if to else "",
            args.text("image_prefix") or "",
            args.text("tag") or "",
        )
        data = {service.name: service.data for service in project.definitions.services}
        stack, dockerfiles = with_images(stack, data, choice)
    options: list[object] = []
    if form == "kubernetes":
        options.append(_cluster_options(args, project))
    elif form == "systemd":
        options.append(_systemd_options(args))
    exported: Exported = import_module(f"portweave.exports.{form}").export(stack, *options)
    lost = lost_keys(exported.remarks, allowed) if args.flag("check") else []
    if folder is not None and not lost:
        _write(folder, exported.files, force=args.flag("force"))
    if to and not lost:
        _write(to, dockerfiles, force=args.flag("force"))
    if args.flag("json"):
        import json

        fields: dict[str, object] = {
            "schemaVersion": 1,
            "format": form,
            "files": [{"name": name, "text": text} for name, text in exported.files],
            "remarks": [
                {
                    "kind": remark.kind,
                    "key": remark.key,
                    "services": list(remark.names),
                    "text": remark.text,
                }
                for remark in exported.remarks
            ],
        }
        if lost:
            fields["error"] = ExportLostError(form, lost).as_json()
        print(json.dumps(fields, ensure_ascii=False, indent=2))
    elif folder is None and not args.flag("check"):
        _print(exported, form)
    for remark in exported.remarks:
        print(f"[portweave] {remark.line()}", file=sys.stderr)
    if not lost:
        return 0
    if args.flag("json"):
        return 1
    raise ExportLostError(form, lost)


def _options(options: "StartOptions", project: "Project", form: str) -> "StartOptions":
    """Return what to export: a compose file also has the services of all profiles."""
    if form != "compose" or options.services:
        return options
    from portweave.encoding.value import replace

    profiles = {name for one in project.definitions.services for name in one.profiles}
    return replace(options, profiles=(*options.profiles, *sorted(profiles)))


def _systemd_options(args: Args) -> "SystemdOptions":
    import re

    from portweave.exports.systemd_options import OLDEST, SystemdOptions

    run_as, prefix = args.text("run_as") or "", args.text("prefix") or ""
    if args.flag("system") != bool(run_as):
        raise UsageError("--system and --run-as go together", hint="--system --run-as shop")
    # systemd.io/USER_NAMES: the strict rule.
    if run_as and not re.fullmatch(r"[a-z_][a-z0-9_-]{0,30}", run_as):
        raise UsageError(f"--run-as takes the name of a user, received {run_as!r}")
    if prefix and not prefix.startswith("/"):
        raise UsageError("--prefix takes an absolute path", hint="--prefix /srv/shop")
    version = args.text("systemd") or str(OLDEST)
    if not re.fullmatch(r"[0-9]{3}", version) or int(version) < OLDEST:
        raise UsageError(f"--systemd takes a version from {OLDEST}, received {version!r}")
    return SystemdOptions(
        system=args.flag("system"),
        run_as=run_as,
        prefix=os.path.normpath(prefix) if prefix else "",
        version=int(version),
    )


def _cluster_options(args: Args, project: "Project") -> "ClusterOptions":
    import re

    from portweave.exports.kubernetes_model import ClusterOptions
    from portweave.planning.url_names import settled_names

    storage = args.text("storage") or "1Gi"
    # https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
    if not re.fullmatch(r"[1-9]\d*([KMGTPE]i?)?", storage):
        raise UsageError(f"--storage takes a size, received {storage!r}", hint="--storage 5Gi")
    names = settled_names(project.name, project.worktree, os.environ, keep=False)
    plain = ClusterOptions()
    return ClusterOptions(
        storage=storage,
        domain=f"{names.domain.removesuffix('.localhost')}.{args.text('domain') or plain.domain}",
        ingress_class=args.text("ingress_class") or "",
        wait_image=args.text("wait_image") or plain.wait_image,
        bus=args.text("bus") or "",
        kustomize=args.flag("kustomize"),
    )


def _image(text: str, names: set[str]) -> tuple[str, str]:
    name, equals, image = text.partition("=")
    if not equals or not image:
        raise UsageError(f"--image takes NAME=IMAGE, received {text!r}", hint="--image web=node:22")
    if name not in names:
        from portweave.procfiles.graph import unknown_service

        raise unknown_service(name, sorted(names))
    return name, image


def _print(exported: "Exported", form: str) -> None:
    for name, text in exported.files:
        # With several units, a comment marks the beginning of each.
        write_data(f"# {name}\n{text}\n" if form == "systemd" else text)
    sys.stdout.flush()


def _write(folder: str, files: tuple[tuple[str, str], ...], *, force: bool) -> None:
    from portweave.exports.model import MARK

    paths = [(os.path.join(folder, name), text) for name, text in files]
    try:
        for path, _ in paths:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        for path, _ in paths:
            if force or not os.path.lexists(path):
                continue
            with open(path, encoding="utf-8", errors="replace") as file:
                if MARK not in file.read(200):
                    raise ExportFileError(path, "it is there, and not of portweave export")
        for path, text in paths:
            new = f"{path}.tmp.{os.getpid()}"
            with open(new, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(new, path)
            print(f"[portweave] wrote {path}", file=sys.stderr)
    except OSError as error:
        raise ExportFileError(folder, error.strerror or str(error)) from error
