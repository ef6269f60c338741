"""A strict verifier accepts the local certificates for loopback names and refuses them for others."""

import re
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509

from tools.local import certificates
from tools.local.certificates import Certificates, ensure, server_context, trust_instructions


def handshake(made: Certificates, name: str) -> str | None:
    """Shake hands in memory as a client of `name`; return the negotiated TLS version."""
    client_context = ssl.create_default_context(cafile=str(made.ca_pem))
    client_context.verify_flags |= ssl.VERIFY_X509_STRICT  # what Python 3.13 does by default
    return version_between(client_context, server_context(made), name)


def version_between(client_context: ssl.SSLContext, of_server: ssl.SSLContext, name: str) -> str | None:
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_hostname=name)
    server = of_server.wrap_bio(to_server, to_client, server_side=True)
    unfinished = [client, server]
    while unfinished:
        for side in list(unfinished):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            unfinished.remove(side)
    return client.version()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return ensure(tmp_path_factory.mktemp("tls"))


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_a_strict_client_accepts_every_loopback_name(made: Certificates, name: str) -> None:
    assert handshake(made, name) in {"TLSv1.2", "TLSv1.3"}


def test_a_machine_that_allows_old_tls_refuses_it(made: Certificates) -> None:
    """OpenSSL's own level would refuse it on most machines; here only the version does."""
    old, server = ssl.create_default_context(cafile=str(made.ca_pem)), server_context(made)
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    for context in (old, server):
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError, match="UNSUPPORTED_PROTOCOL"):
        version_between(old, server, "localhost")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        server.minimum_version = ssl.TLSVersion.TLSv1
    assert version_between(old, server, "localhost") == "TLSv1.1"  # so the refusal was the version's


@pytest.mark.parametrize("name", ["example.com", "127.0.0.2"])
def test_another_name_is_refused(made: Certificates, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(made, name)


def test_the_ca_may_vouch_for_loopback_only(made: Certificates) -> None:
    ca = x509.load_pem_x509_certificate(made.ca_pem.read_bytes())
    constraints = ca.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical
    assert [str(name.value) for name in constraints.value.permitted_subtrees or ()] == [
        "localhost",
        "127.0.0.0/8",
        "::1/128",
    ]


def test_the_leaf_is_short_enough_for_browsers(made: Certificates) -> None:
    leaf = x509.load_pem_x509_certificates(made.chain_pem.read_bytes())[0]
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days <= 397


def test_only_the_leafs_key_is_stored_and_is_private(made: Certificates) -> None:
    assert stat.S_IMODE(made.key_pem.stat().st_mode) == 0o600
    files = sorted(made.key_pem.parent.iterdir())
    assert [file.name for file in files] == ["ca.pem", "chain.pem", "key.pem"]
    assert sum(file.read_text().count("PRIVATE KEY-----") for file in files) == 2


def test_certificates_that_are_good_stay(tmp_path: Path) -> None:
    first = ensure(tmp_path).chain_pem.read_bytes()
    assert ensure(tmp_path).chain_pem.read_bytes() == first


@pytest.mark.parametrize("name", ["ca.pem", "chain.pem", "key.pem"])
@pytest.mark.parametrize("content", [None, b"", b"rubbish"])
def test_a_missing_or_broken_file_renews_the_certificates(tmp_path: Path, name: str, content: bytes | None) -> None:
    before = ensure(tmp_path).ca_pem.read_bytes()
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    made = ensure(tmp_path)
    assert made.ca_pem.read_bytes() != before
    assert handshake(made, "localhost")


def test_a_ca_that_did_not_sign_the_leaf_is_replaced(tmp_path: Path) -> None:
    made = ensure(tmp_path / "a")
    made.ca_pem.write_bytes(ensure(tmp_path / "b").ca_pem.read_bytes())
    assert handshake(ensure(tmp_path / "a"), "localhost")


def test_certificates_near_their_end_are_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = ensure(tmp_path).ca_pem.read_bytes()
    monkeypatch.setattr(certificates, "RENEW_BEFORE_EXPIRY", certificates.VALIDITY)
    assert ensure(tmp_path).ca_pem.read_bytes() != before


def test_the_instructions_never_switch_verification_off(made: Certificates) -> None:
    text = trust_instructions(made)
    assert str(made.ca_pem) in text
    for way in ("update-ca-certificates", "add-trusted-cert", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "wscat --ca"):
        assert way in text
    assert f"Nothing was changed outside {made.ca_pem.parent}" in text
    assert "insecure" not in text
    assert "--no-check" not in text


def test_each_way_to_trust_the_ca_for_good_has_its_undoing(made: Certificates) -> None:
    text = trust_instructions(made)
    lasting = text.partition("For one program")[0]
    names = [line[2:17].strip() for line in lasting.splitlines() if re.match(r"  \S", line)]
    undone = [line for line in lasting.splitlines() if line.startswith("    undo")]
    assert len(undone) == len([name for name in names if name != "Chrome on macOS"]) == 4
    ca = x509.load_pem_x509_certificate(made.ca_pem.read_bytes())
    assert f'-c "{ca.subject.rfc4514_string().removeprefix("CN=")}"' in undone[1]
