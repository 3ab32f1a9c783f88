"""Content Credentials with a certificate made here; skipped where the optional package is absent."""

import datetime
import sys
from io import BytesIO

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from store.files.containers import MediaType
from store.files.credentials import ContentCredentials, CredentialsError, Manifest, read_credentials
from store.files.marking import Facts, mark, read_marking
from tests.store.files import pictures

FILES = {MediaType.PNG: pictures.png, MediaType.JPEG: pictures.jpeg, MediaType.WEBP: pictures.webp}


def key_pem(key: ec.EllipticCurvePrivateKey) -> str:
    plain = serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain).decode()


def name_of(words: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, words)])


def certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer_key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    """What authority and signer have in common; the authority vouches for itself."""
    now = datetime.datetime.now(datetime.UTC)
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    authority = key is issuer_key
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    usage |= {"digital_signature": not authority, "key_cert_sign": authority, "crl_sign": authority}
    return (
        x509.CertificateBuilder()
        .subject_name(name_of(subject))
        .issuer_name(name_of("Test authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer, critical=False)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )


def certificate_and_key() -> tuple[str, str]:
    """A chain of two: a signer, and the authority that vouches for it."""
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = certificate("Test authority", root_key, root_key).sign(root_key, hashes.SHA256())
    signer = certificate("Test signer", leaf_key, root_key).add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False
    )
    leaf = signer.sign(root_key, hashes.SHA256())
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in (leaf, root)), key_pem(
        leaf_key
    )


@pytest.fixture(scope="module")
def credentials() -> ContentCredentials:
    pytest.importorskip("c2pa", reason="the extra c2pa is not installed")
    return ContentCredentials(*certificate_and_key())


@pytest.mark.parametrize("media_type", MediaType)
@pytest.mark.parametrize(
    ("composite", "term"),
    [(False, "trainedAlgorithmicMedia"), (True, "compositeWithTrainedAlgorithmicMedia")],
)
def test_signed_file_says_how_it_was_made_and_keeps_its_marking_and_pixels(
    credentials: ContentCredentials, media_type: MediaType, *, composite: bool, term: str
) -> None:
    marked = mark(FILES[media_type](), media_type, Facts(parameters={"seed": 7}, composite=composite))

    signed = credentials.sign(marked, media_type, composite=composite)

    assert read_credentials(signed, media_type) == Manifest(
        state="Valid",
        generator="Likeness",
        digital_source_type=f"http://cv.iptc.org/newscodes/digitalsourcetype/{term}",
    )
    assert Image.open(BytesIO(signed)).tobytes() == Image.open(BytesIO(marked)).tobytes()
    assert len(signed) - len(marked) < 20_000
    found = read_marking(signed)
    assert found is not None
    assert (found.digital_source_type, found.parameters, found.content_credentials) == (
        term,
        {"seed": 7},
        True,
    )
    assert mark(signed, media_type, Facts(parameters={"seed": 8})) == signed


def test_changed_file_is_invalid(credentials: ContentCredentials) -> None:
    signed = credentials.sign(pictures.jpeg(), MediaType.JPEG)
    at = signed.rindex(b"\xff\xda") + 30

    found = read_credentials(signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :], MediaType.JPEG)

    assert found is not None
    assert found.state == "Invalid"


def test_unsigned_file_has_no_credentials(credentials: ContentCredentials) -> None:
    assert read_credentials(pictures.png(), MediaType.PNG) is None


def test_key_that_is_no_key_is_named() -> None:
    pytest.importorskip("c2pa", reason="the extra c2pa is not installed")
    with pytest.raises(CredentialsError, match="no unencrypted private key"):
        ContentCredentials(certificate_and_key()[0], "-----BEGIN NOTHING-----")


def test_certificate_that_is_none_is_named() -> None:
    pytest.importorskip("c2pa", reason="the extra c2pa is not installed")
    with pytest.raises(CredentialsError, match="the C2PA certificate cannot be used"):
        ContentCredentials("no certificate", key_pem(ec.generate_private_key(ec.SECP256R1())))


def test_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)

    with pytest.raises(CredentialsError, match=r"pip install 'likeness\[c2pa\]'"):
        ContentCredentials("", "")
