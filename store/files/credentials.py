"""Content Credentials (C2PA): the marking once more, signed, for those who configure a certificate and a key.

Needs the optional package c2pa-python (`pip install 'likeness[c2pa]'`), imported only when credentials are made.
Signing works offline and asks no time-stamp authority. A manifest holds random identifiers, so two signings of
equal files differ: sign what leaves the house (on publishing), never what the vault keeps. Call marking.mark
first; it leaves signed files alone.

Knows certificates and containers' types. Knows no settings and no rows.
Source: C2PA technical specification 2.2, actions assertion.
"""

import importlib
import io
import json
import zlib
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from store.files.containers import PNG_SIGNATURE, MediaType, png_chunk

_PIXEL = PNG_SIGNATURE + b"".join(
    (
        png_chunk(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0])),
        png_chunk(b"IDAT", zlib.compress(b"\0\0")),
        png_chunk(b"IEND", b""),
    )
)
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}


class CredentialsError(Exception):
    """Content Credentials cannot be made: package, certificate or key is missing or unfit. The words say which."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a file's Content Credentials say. `state` is the library's verdict: "Valid" (sound, the signer unknown to
    us), "Trusted" or "Invalid" (the file was changed afterwards).
    """

    state: str
    generator: str | None
    digital_source_type: str | None


class ContentCredentials:
    """Signs files with one certificate.

    The certificate needs digitalSignature, an extended key usage (emailProtection will do) and key identifiers.
    """

    def __init__(self, certificate_pem: str, private_key_pem: str) -> None:
        """Load certificate and key, and try them on a picture of one pixel (the library checks them only then).

        Raises:
            CredentialsError: c2pa-python is not installed, or certificate and key cannot be used.
        """
        self._c2pa = _library()
        algorithm = self._c2pa.C2paSigningAlg[_algorithm(private_key_pem)]
        info = self._c2pa.C2paSignerInfo(algorithm, certificate_pem.encode(), private_key_pem.encode(), None)
        try:
            self._signer = self._c2pa.Signer.from_info(info)
            self.sign(_PIXEL, MediaType.PNG)
        except (self._c2pa.C2paError, CredentialsError) as error:
            raise CredentialsError(f"the C2PA certificate cannot be used: {error}") from error

    def sign(self, data: bytes, media_type: MediaType, *, composite: bool = False) -> bytes:
        """The file with signed credentials (about 13 KB more, a few milliseconds; blocking).

        Raises:
            CredentialsError: the library refuses the file or the certificate.
        """
        kinds = self._c2pa.C2paDigitalSourceType
        kind = (
            kinds.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA if composite else kinds.TRAINED_ALGORITHMIC_MEDIA
        )
        signed = io.BytesIO()
        try:
            context = self._c2pa.Context.from_dict({"builder": {"thumbnail": {"enabled": False}}})
            with self._c2pa.Builder({"claim_generator_info": [{"name": "Likeness"}]}, context) as builder:
                builder.set_intent(self._c2pa.C2paBuilderIntent.CREATE, kind)
                builder.sign(self._signer, media_type.value, io.BytesIO(data), signed)
        except self._c2pa.C2paError as error:
            raise CredentialsError(f"the file cannot be signed: {error}") from error
        return signed.getvalue()


def read_credentials(data: bytes, media_type: MediaType) -> Manifest | None:
    """What the file's credentials say and whether they hold; None without any.

    Raises:
        CredentialsError: c2pa-python is not installed.
    """
    c2pa = _library()
    try:
        with c2pa.Reader(media_type.value, io.BytesIO(data)) as reader:
            store = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    manifest = store["manifests"][store["active_manifest"]]
    made = [
        action.get("digitalSourceType")
        for assertion in manifest.get("assertions", [])
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
        if action["action"] == "c2pa.created"
    ]
    generators = manifest.get("claim_generator_info") or [{}]
    return Manifest(
        state=store["validation_state"],
        generator=generators[0].get("name"),
        digital_source_type=made[0] if made else None,
    )


def _library() -> Any:
    try:
        return importlib.import_module("c2pa")
    except ImportError as error:
        raise CredentialsError(
            "Content Credentials need the package c2pa-python: pip install 'likeness[c2pa]'"
        ) from error


def _algorithm(private_key_pem: str) -> str:
    try:
        key = load_pem_private_key(private_key_pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise CredentialsError("the C2PA key is no unencrypted private key in PEM form") from error
    if isinstance(key, ec.EllipticCurvePrivateKey) and key.curve.name in _CURVES:
        return _CURVES[key.curve.name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ED25519"
    if isinstance(key, rsa.RSAPrivateKey):
        return "PS256"
    raise CredentialsError("the C2PA key is neither EC P-256, P-384 or P-521, nor Ed25519, nor RSA")
