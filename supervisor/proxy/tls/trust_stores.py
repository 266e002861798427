"""Pure. The commands that make a system and its browsers trust the authority, or stop that."""

from portweave.encoding.value import value


@value
class Facts:
    """What the system has.

    Attributes:
        platform: The value of `sys.platform`.
        is_root: Whether portweave runs as root.
        programs: The `PROGRAMS` that exist.
        folders: The `FOLDERS` that exist.
        authority: The path of the certificate.
        name: The certificate's name in the stores.
        digest: SHA-1 of the certificate in upper-case hex; empty without a certificate.
        keychain: The path of the user's keychain, on macOS.
        is_known: Whether the system's store has this certificate, or another of that name.
        is_trusted: Whether the system trusts this certificate.
        databases: The folder of each browser's database (NSS), and its state.
    """

    platform: str
    is_root: bool
    programs: frozenset[str]
    folders: frozenset[str]
    authority: str
    name: str
    digest: str = ""
    keychain: str = ""
    is_known: bool = False
    is_trusted: bool = False
    databases: tuple[tuple[str, "TrustState"], ...] = ()


@value
class TrustState:
    """Whether a store has and trusts the authority.

    Attributes:
        is_known: Whether it has this certificate, or another of that name.
        is_trusted: Whether it trusts this certificate.
    """

    is_known: bool = False
    is_trusted: bool = False


@value
class Step:
    """A command to run.

    Attributes:
        about: What it does, in words.
        argv: Its words.
    """

    about: str
    argv: tuple[str, ...]


@value
class Store:
    """The certificate store of a family of systems.

    Attributes:
        system: The names of the systems.
        folder: The folder of added certificates.
        refresh: The command to run after adding one.
        refresh_all: The command to run after removing one.
    """

    system: str
    folder: str
    refresh: tuple[str, ...]
    refresh_all: tuple[str, ...]


STORES = (
    Store(
        "Debian, Ubuntu",
        "/usr/local/share/ca-certificates",
        ("update-ca-certificates",),
        # Without `--fresh` the link to a removed certificate stays.
        ("update-ca-certificates", "--fresh"),
    ),
    Store(
        "Fedora, RHEL",
        "/etc/pki/ca-trust/source/anchors",
        ("update-ca-trust", "extract"),
        ("update-ca-trust", "extract"),
    ),
    Store(
        "openSUSE",
        "/etc/pki/trust/anchors",
        ("update-ca-certificates",),
        ("update-ca-certificates",),
    ),
)
_ARCH_FOLDER = "/etc/ca-certificates/trust-source/anchors"
PROGRAMS = ("update-ca-certificates", "update-ca-trust", "trust", "security", "certutil")
FOLDERS = (*(store.folder for store in STORES), _ARCH_FOLDER)
# Databases of browsers, below the home folder.
DATABASES = (
    ".pki/nssdb",
    "snap/chromium/current/.pki/nssdb",
    ".mozilla/firefox/*",
    "snap/firefox/common/.mozilla/firefox/*",
    ".var/app/org.mozilla.firefox/.mozilla/firefox/*",
    "Library/Application Support/Firefox/Profiles/*",
)


def store_of(facts: Facts) -> Store | None:
    """The system's store; None if it is not one of `STORES`."""
    return next(
        (
            store
            for store in STORES
            if store.folder in facts.folders and store.refresh[0] in facts.programs
        ),
        None,
    )


def copy_of(store: Store, name: str) -> str:
    """The path in a store for a certificate of this name."""
    return f"{store.folder}/{name}.crt"


def is_possible(facts: Facts) -> bool:
    """Whether portweave can change the trust of the system or of a browser."""
    has_databases = bool(facts.databases) and "certutil" in facts.programs
    return has_databases or bool(_system(facts, remove=False))


def steps(facts: Facts, *, remove: bool = False) -> tuple[Step, ...]:
    """The commands that make the system and its browsers trust the authority, or stop that.

    A store that is in the wanted state already needs no command.
    """
    found: list[Step] = []
    if facts.is_known if remove else not facts.is_trusted:
        found += _system(facts, remove=remove)
    if "certutil" in facts.programs:
        for folder, standing in facts.databases:
            if standing.is_trusted and not remove:
                continue
            if standing.is_known:
                found.append(
                    Step(
                        "take it from a browser's store" if remove else "take the old one away",
                        ("certutil", "-D", "-d", f"sql:{folder}", "-n", facts.name),
                    )
                )
            if not remove:
                words = ("certutil", "-A", "-d", f"sql:{folder}", "-n", facts.name, "-t", "C,,")
                found.append(Step("add it to a browser's store", (*words, "-i", facts.authority)))
    return tuple(found)


def _system(facts: Facts, *, remove: bool) -> list[Step]:
    sudo = () if facts.is_root else ("sudo", "--")
    if facts.platform == "darwin":
        return _macos(facts, remove=remove) if "security" in facts.programs else []
    store = store_of(facts)
    if store is not None:
        copy = copy_of(store, facts.name)
        if remove:
            return [
                Step(f"take it from what the system trusts ({store.system})", (*sudo, "rm", copy)),
                Step("have programs see that", (*sudo, *store.refresh_all)),
            ]
        install = (*sudo, "install", "-m", "0644", facts.authority, copy)
        return [
            Step(f"add it to what the system trusts ({store.system})", install),
            Step("have programs see that", (*sudo, *store.refresh)),
        ]
    if _ARCH_FOLDER in facts.folders and "trust" in facts.programs:
        option = "--remove" if remove else "--store"
        about = "take it from" if remove else "add it to"
        words = ("trust", "anchor", option, facts.authority)
        return [Step(f"{about} what the system trusts (Arch)", (*sudo, *words))]
    return []


def _macos(facts: Facts, *, remove: bool) -> list[Step]:
    if remove:
        delete = ("security", "delete-certificate", "-t", "-Z", facts.digest, facts.keychain)
        return [Step("take it, and the trust in it, from the keychain", delete)]
    words = ("security", "add-trusted-cert", "-r", "trustRoot", "-p", "ssl", "-k", facts.keychain)
    return [Step("add it to the keychain, for TLS", (*words, facts.authority))]
