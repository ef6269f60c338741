"""The local stack's certificates: a CA limited to loopback names, and the only leaf that it signed."""

import base64
import contextlib
import hashlib
import ipaddress
import os
import secrets
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Browsers refuse a leaf that is valid for more than 398 days: https://support.apple.com/en-us/102028
VALIDITY = timedelta(days=396)
CLOCK_SKEW = timedelta(hours=1)
RENEW_BEFORE_EXPIRY = timedelta(days=30)
LOOPBACK_NAMES: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    x509.IPAddress(ipaddress.ip_address("::1")),
)
LOOPBACK_ONLY: tuple[x509.GeneralName, ...] = (
    x509.DNSName("localhost"),
    x509.IPAddress(ipaddress.ip_network("127.0.0.0/8")),
    x509.IPAddress(ipaddress.ip_network("::1/128")),
)


@dataclass(frozen=True, slots=True)
class Certificates:
    """The paths of the CA to trust, the chain that the server sends (leaf, then CA), and the leaf's key."""

    ca_pem: Path
    chain_pem: Path
    key_pem: Path


def ensure(folder: Path) -> Certificates:
    """Return the certificates in a folder; renew them if they are missing, unreadable or within 30 days of their end.

    The CA's private key exists only in memory while it signs. Nobody can sign with it later, so trusting the CA means
    trusting this one leaf. A new leaf therefore needs a new CA, which must be trusted again.
    """
    certificates = Certificates(folder / "ca.pem", folder / "chain.pem", folder / "key.pem")
    if _usable(certificates):
        certificates.key_pem.chmod(0o600)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        _make(certificates)
    return certificates


def server_context(certificates: Certificates) -> ssl.SSLContext:
    """Return the context of a server with TLS 1.2 or newer and these certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificates.chain_pem, certificates.key_pem)
    context.set_alpn_protocols(["http/1.1"])
    return context


def key_pin(pem: Path) -> str:
    """Return the SHA-256 of a certificate's public key in base64, the form in which Chromium takes trusted keys.

    https://www.rfc-editor.org/rfc/rfc7469#section-2.4
    """
    key = x509.load_pem_x509_certificate(pem.read_bytes()).public_key()
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


def trust_instructions(certificates: Certificates) -> str:
    """Return how to make programs trust the local CA, per system and program, and how to undo it."""
    ca = certificates.ca_pem
    name = _common_name(ca)
    return f"""\
The local stack's certificate is signed by a CA of its own: {ca}
Trusting it is harmless: it may vouch for localhost and loopback addresses only, and its private key was never stored.
Nothing was changed outside {ca.parent}: what trusts the CA is up to you. `undo` takes it back.

For the whole system
  Debian, Ubuntu   sudo cp "{ca}" /usr/local/share/ca-certificates/cadfeed-local.crt && sudo update-ca-certificates
    undo           sudo rm /usr/local/share/ca-certificates/cadfeed-local.crt && sudo update-ca-certificates --fresh
  macOS            security add-trusted-cert -r trustRoot -p ssl -k ~/Library/Keychains/login.keychain-db "{ca}"
    undo           security delete-certificate -t -c "{name}" ~/Library/Keychains/login.keychain-db

For a browser that keeps certificates of its own
  Firefox          Settings > Privacy & Security > View Certificates > Authorities > Import, tick "identify websites"
    undo           in the same list: "{name}" > Delete or Distrust
  Chromium, Linux  Settings > Privacy and security > Security > Manage certificates > Custom > Import, or
                   certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n cadfeed-local -i "{ca}"   (package libnss3-tools)
    undo           in the same list, or certutil -d sql:$HOME/.pki/nssdb -D -n cadfeed-local
  Chrome on macOS  uses the system's keychain, see above

For one program, without touching the system
  this client      python -m tools.watch                       (finds the CA by itself; --ca FILE names another)
  Python           SSL_CERT_FILE="{ca}" python your_client.py
  Node             NODE_EXTRA_CA_CERTS="{ca}" node your_client.js
  wscat            wscat --ca "{ca}" -c wss://localhost:8000/markets/ws/
  curl             curl --cacert "{ca}" https://localhost:8000/

The certificate and its CA are made again together about once a year, and after `make clean`: then undo the trust in the
old CA, and trust the new one.
"""


def _common_name(pem: Path) -> str:
    certificate = x509.load_pem_x509_certificate(pem.read_bytes())
    return str(certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def _usable(certificates: Certificates) -> bool:
    try:
        ca = x509.load_pem_x509_certificate(certificates.ca_pem.read_bytes())
        leaf = x509.load_pem_x509_certificates(certificates.chain_pem.read_bytes())[0]
        key = serialization.load_pem_private_key(certificates.key_pem.read_bytes(), password=None)
        leaf.verify_directly_issued_by(ca)
    except (OSError, ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    now = datetime.now(UTC)
    return (
        key.public_key() == leaf.public_key()
        and leaf.not_valid_before_utc <= now
        and now + RENEW_BEFORE_EXPIRY < min(leaf.not_valid_after_utc, ca.not_valid_after_utc)
    )


def _make(certificates: Certificates) -> None:
    ca_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    begin = datetime.now(UTC).replace(microsecond=0) - CLOCK_SKEW
    # Each CA has its own name, so a trust store with an older one does not confuse them.
    ca_name = _name(f"cadfeed local CA {begin:%Y-%m-%d} {secrets.token_hex(4)}")
    ca_ski = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    ca = (
        _builder(ca_name, ca_name, ca_key.public_key(), begin)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.NameConstraints(permitted_subtrees=LOOPBACK_ONLY, excluded_subtrees=None), critical=True)
        .add_extension(ca_ski, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_ski), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    leaf = (
        _builder(_name("localhost"), ca_name, leaf_key.public_key(), begin)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(LOOPBACK_NAMES), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf_key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_ski), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    ca_pem, leaf_pem = (certificate.public_bytes(serialization.Encoding.PEM) for certificate in (ca, leaf))
    key_pem = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(certificates.key_pem, key_pem, 0o600)
    _write(certificates.chain_pem, leaf_pem + ca_pem, 0o644)
    _write(certificates.ca_pem, ca_pem, 0o644)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, begin: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + VALIDITY)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(path: Path, content: bytes, mode: int) -> None:
    # Create the file with its final mode and rename it into place: others can never read the key.
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        part.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
