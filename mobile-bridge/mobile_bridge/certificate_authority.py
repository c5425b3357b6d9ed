"""A certificate authority of one's own: how does a node get TLS where no public one gives it a certificate?

A root that devices are told to trust, and certificates of it for nodes. The root may speak for private networks and
local names only (name constraints, RFC 5280): whoever steals it can be nobody else on the Internet.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.x509 import Certificate, CertificateBuilder, GeneralName, KeyUsage

ROOT_DAYS = 3650
NODE_DAYS = 397
"""Browsers take no certificate for longer (CA/Browser Forum, ballot SC31)."""
EARLIER = timedelta(hours=1)
"""Clocks of devices are not exact."""
NETWORKS = (
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "100.64.0.0/10", "127.0.0.0/8"),
    *("fc00::/7", "fe80::/10", "::1/128"),
)
NAMES = ("local", "internal", "home.arpa", "lan", "localhost")


@dataclass(frozen=True, kw_only=True)
class KeyAndCertificate:
    """A private key and its certificate, as PEM files."""

    key: bytes
    certificate: bytes


def make_root(name: str, now: datetime) -> KeyAndCertificate:
    """A root for one fleet's private networks."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    allowed: list[GeneralName] = [x509.IPAddress(ipaddress.ip_network(each)) for each in NETWORKS]
    allowed += [x509.DNSName(each) for each in NAMES]
    builder = _begin(name, name, now, ROOT_DAYS).public_key(key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.NameConstraints(allowed, None), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return _finish(builder, key, key)


def make_node_certificate(root: KeyAndCertificate, hosts: Iterable[str], now: datetime) -> KeyAndCertificate:
    """A node's key and certificate for these names and addresses. Raises ValueError for a name that is not local."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from cryptography.x509.oid import ExtendedKeyUsageOID

    names = [_general_name(host) for host in dict.fromkeys(hosts)]
    if not names:
        raise ValueError("a certificate needs a name or an address")
    signer = load_pem_private_key(root.key, password=None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise ValueError("the root's key is none of ours")  # noqa: TRY004  # of a file, not of an argument
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = _read(root).subject.rfc4514_string().removeprefix("CN=")
    builder = _begin(str(names[0].value), issuer, now, NODE_DAYS).public_key(key.public_key())
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    made = _finish(builder, key, signer)
    return KeyAndCertificate(key=made.key, certificate=made.certificate + root.certificate)


def certificate_end(held: KeyAndCertificate) -> datetime:
    """Until when a certificate holds."""
    return _read(held).not_valid_after_utc


def certificate_hosts(held: KeyAndCertificate) -> tuple[str, ...]:
    """The names and addresses that a node's certificate speaks for."""
    from cryptography import x509

    found = _read(held).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return (*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress)))


def is_issued_by(held: KeyAndCertificate, root: KeyAndCertificate) -> bool:
    """Whether a certificate is of this root."""
    from cryptography.exceptions import InvalidSignature

    try:
        _read(held).verify_directly_issued_by(_read(root))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def certificate_fingerprint(held: KeyAndCertificate) -> str:
    """Its SHA-256, as devices show it before they trust it."""
    from cryptography.hazmat.primitives.hashes import SHA256

    return ":".join(f"{byte:02X}" for byte in _read(held).fingerprint(SHA256()))


def _read(held: KeyAndCertificate) -> Certificate:
    from cryptography import x509

    return x509.load_pem_x509_certificates(held.certificate)[0]


def _general_name(host: str) -> GeneralName:
    from cryptography import x509

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if not host.isascii() or not any(host == name or host.endswith(f".{name}") for name in NAMES):
            raise ValueError(f"{host} is no local name: this root speaks for {', '.join(NAMES)} only") from None
        return x509.DNSName(host)
    if not any(address in ipaddress.ip_network(each) for each in NETWORKS):
        raise ValueError(f"{host} is no address of a private network")
    return x509.IPAddress(address)


def _begin(subject: str, issuer: str, now: datetime, days: int) -> CertificateBuilder:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    named = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each[:60])]) for each in (subject, issuer)]
    builder = x509.CertificateBuilder().subject_name(named[0]).issuer_name(named[1])
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - EARLIER).not_valid_after(now + timedelta(days=days))


def _usage(*, signs_certificates: bool) -> KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _finish(
    builder: CertificateBuilder, key: EllipticCurvePrivateKey, signer: EllipticCurvePrivateKey
) -> KeyAndCertificate:
    from cryptography.hazmat.primitives import hashes, serialization

    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    made = builder.sign(signer, hashes.SHA256())
    return KeyAndCertificate(key=pem, certificate=made.public_bytes(serialization.Encoding.PEM))
