"""The commands that add the CA to trust stores."""

from shlex import join

import pytest

from portweave.encoding.value import replace
from portweave.supervisor.proxy.tls.trust_stores import (
    Facts,
    TrustState,
    is_possible,
    steps,
)

NONE: frozenset[str] = frozenset()
DEBIAN_COPY = "/usr/local/share/ca-certificates/portweave-1a2b3c4d.crt"
FEDORA_COPY = "/etc/pki/ca-trust/source/anchors/portweave-1a2b3c4d.crt"
DEBIAN = Facts(
    platform="linux",
    is_root=True,
    programs=frozenset({"update-ca-certificates"}),
    folders=frozenset({"/usr/local/share/ca-certificates"}),
    authority="/s/ca.pem",
    name="portweave-1a2b3c4d",
    digest="0A1B",
    keychain="/u/login.keychain-db",
)
FEDORA = replace(
    DEBIAN,
    programs=frozenset({"update-ca-trust", "trust"}),
    folders=frozenset({"/etc/pki/ca-trust/source/anchors"}),
)
SUSE = replace(DEBIAN, folders=frozenset({"/etc/pki/trust/anchors"}))
ARCH = replace(
    DEBIAN,
    programs=frozenset({"trust", "update-ca-trust"}),
    folders=frozenset({"/etc/ca-certificates/trust-source/anchors"}),
)
MACOS = replace(
    DEBIAN, platform="darwin", is_root=False, programs=frozenset({"security"}), folders=NONE
)
NOTHING = replace(DEBIAN, programs=NONE, folders=NONE)


@pytest.mark.parametrize(
    ("facts", "add", "take"),
    [
        pytest.param(
            DEBIAN,
            [
                "install -m 0644 /s/ca.pem /usr/local/share/ca-certificates/portweave-1a2b3c4d.crt",
                "update-ca-certificates",
            ],
            [
                f"rm {DEBIAN_COPY}",
                "update-ca-certificates --fresh",
            ],
            id="Debian",
        ),
        pytest.param(
            FEDORA,
            [
                "install -m 0644 /s/ca.pem /etc/pki/ca-trust/source/anchors/portweave-1a2b3c4d.crt",
                "update-ca-trust extract",
            ],
            [
                f"rm {FEDORA_COPY}",
                "update-ca-trust extract",
            ],
            id="Fedora",
        ),
        pytest.param(
            SUSE,
            [
                "install -m 0644 /s/ca.pem /etc/pki/trust/anchors/portweave-1a2b3c4d.crt",
                "update-ca-certificates",
            ],
            ["rm /etc/pki/trust/anchors/portweave-1a2b3c4d.crt", "update-ca-certificates"],
            id="openSUSE",
        ),
        pytest.param(
            ARCH,
            ["trust anchor --store /s/ca.pem"],
            ["trust anchor --remove /s/ca.pem"],
            id="Arch",
        ),
        pytest.param(
            MACOS,
            ["security add-trusted-cert -r trustRoot -p ssl -k /u/login.keychain-db /s/ca.pem"],
            ["security delete-certificate -t -Z 0A1B /u/login.keychain-db"],
            id="macOS",
        ),
        pytest.param(NOTHING, [], [], id="unknown"),
    ],
)
def test_each_system_has_its_commands(facts: Facts, add: list[str], take: list[str]) -> None:
    trusted = replace(facts, is_known=True, is_trusted=True)
    assert [join(step.argv) for step in steps(facts)] == add
    assert [join(step.argv) for step in steps(trusted, remove=True)] == take
    # Nothing to do if the store is right already.
    assert steps(trusted) == ()
    assert steps(facts, remove=True) == ()
    assert is_possible(facts) is bool(add)


def test_without_root_the_commands_use_sudo() -> None:
    assert all(step.argv[:2] == ("sudo", "--") for step in steps(replace(DEBIAN, is_root=False)))
    assert steps(MACOS)[0].argv[0] == "security"


def test_another_ca_with_the_same_name_is_replaced() -> None:
    old = replace(DEBIAN, is_known=True)
    assert steps(old) == steps(DEBIAN)
    assert len(steps(old, remove=True)) == 2


def test_browsers_have_their_own_stores() -> None:
    databases = (
        ("/new", TrustState()),
        ("/old", TrustState(is_known=True)),
        ("/done", TrustState(is_known=True, is_trusted=True)),
    )
    facts = replace(NOTHING, databases=databases)
    assert steps(facts) == ()
    assert not is_possible(facts)
    facts = replace(facts, programs=frozenset({"certutil"}))
    assert is_possible(facts)
    name = "-n portweave-1a2b3c4d"
    assert [join(step.argv) for step in steps(facts)] == [
        f"certutil -A -d sql:/new {name} -t C,, -i /s/ca.pem",
        f"certutil -D -d sql:/old {name}",
        f"certutil -A -d sql:/old {name} -t C,, -i /s/ca.pem",
    ]
    assert [join(step.argv) for step in steps(facts, remove=True)] == [
        f"certutil -D -d sql:/old {name}",
        f"certutil -D -d sql:/done {name}",
    ]
