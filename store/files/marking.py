"""The "made by AI" marking that every generated file carries, written and read without touching a pixel.

Two marks: the IPTC digital source type in an XMP packet (all three families), and the generation parameters as
JSON: in PNG an iTXt chunk `parameters`, in JPEG and WEBP a property of the packet. Nothing here depends on time,
identity or machine, so equal pictures made with equal parameters stay equal bytes; keeping times and ids out of
`parameters` is the caller's part.

A file that carries Content Credentials (C2PA) from its maker is left byte for byte as it is: the credentials
already say what it is, and a byte more would make them read as tampered with.

Knows containers and XMP. Knows no image library, no certificates (credentials.py) and no rows.
Sources: IPTC Photo Metadata 2025.1 (DigitalSourceType, AISystemUsed), XMP part 3 (where packets lie), PNG §11.3.3.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from html import unescape
from xml.sax.saxutils import escape, quoteattr

from store.files import containers, packets
from store.files.containers import ContainerError, MediaType

_SOURCE_TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_SOURCE_TYPE = re.compile(rb"https?://cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,64})")
_PARAMETERS = re.compile(rb'likeness:Parameters="([^"]*)"')
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TOOL = "Likeness"
_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:likeness="urn:likeness:generation#"
{properties}/>
</rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


class SourceType(StrEnum):
    """Where a picture comes from, in IPTC's words; the value ends the address of the term."""

    GENERATED = "trainedAlgorithmicMedia"
    COMPOSITE = "compositeWithTrainedAlgorithmicMedia"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is written into a generated file.

    `parameters` must be JSON (no NaN) and free of times and ids. `composite` says that a real photograph was
    edited rather than a picture made from nothing. `system` names the model, `system_version` its version.
    """

    parameters: Mapping[str, object]
    composite: bool = False
    system: str | None = None
    system_version: str | None = None


@dataclass(frozen=True, kw_only=True)
class Marking:
    """What a file says about how it was made. `digital_source_type` is IPTC's term, for example
    "trainedAlgorithmicMedia"; `content_credentials` tells that the file carries C2PA data (not verified here).
    """

    digital_source_type: str | None
    parameters: Mapping[str, object] | None
    content_credentials: bool

    @property
    def made_by_ai(self) -> bool:
        """Whether the file says that all or part of it was generated."""
        return self.digital_source_type in set(SourceType)


def mark(data: bytes, media_type: MediaType, facts: Facts) -> bytes:
    """The same picture with the marking; earlier markings of these kinds are replaced, so marking twice is once.

    Raises:
        ContainerError: the bytes are not a whole file of that type.
        ValueError: `facts.parameters` is not JSON.
    """
    found = containers.parts(data, media_type)
    if packets.credentials(data, media_type, found) is not None:
        return data
    if media_type is MediaType.PNG:
        text = _json(facts.parameters, ascii_only=False).encode("utf-8", "backslashreplace")
        return packets.with_png_texts(
            data, found, {b"XML:com.adobe.xmp": _packet(facts, None), b"parameters": text}
        )
    packet = _packet(facts, _json(facts.parameters, ascii_only=True))
    if media_type is MediaType.WEBP:
        return packets.with_webp_packet(data, found, packet)
    if (
        len(packet) > packets.JPEG_PACKET_MAX
    ):  # a segment holds 64 KiB: the source type matters more than the rest
        packet = _packet(facts, None)
    return packets.with_jpeg_packet(data, found, packet)


def read_marking(data: bytes, media_type: MediaType | None = None) -> Marking | None:
    """What the file says about itself; None when it says nothing or is no sound picture file."""
    media_type = media_type or containers.sniff(data)
    if media_type is None:
        return None
    try:
        found = containers.parts(data, media_type)
    except ContainerError:
        return None
    packet = packets.xmp(data, media_type, found) or b""
    manifest = packets.credentials(data, media_type, found)
    source = _SOURCE_TYPE.search(packet) or _SOURCE_TYPE.search(manifest or b"")
    parameters = _parameters(data, media_type, found, packet)
    if source is None and parameters is None and manifest is None:
        return None
    return Marking(
        digital_source_type=source.group(1).decode() if source else None,
        parameters=parameters,
        content_credentials=manifest is not None,
    )


def _packet(facts: Facts, parameters: str | None) -> bytes:
    source = SourceType.COMPOSITE if facts.composite else SourceType.GENERATED
    properties = {
        "Iptc4xmpExt:DigitalSourceType": _SOURCE_TYPES + source,
        "Iptc4xmpExt:AISystemUsed": facts.system,
        "Iptc4xmpExt:AISystemVersionUsed": facts.system_version,
        "xmp:CreatorTool": _TOOL,
    }
    lines = [f" {name}={quoteattr(_xml(value))}" for name, value in properties.items() if value]
    if parameters is not None:
        lines.append(f' likeness:Parameters="{escape(parameters, {chr(34): "&quot;"})}"')
    return _PACKET.format(properties="\n".join(lines)).encode()


def _xml(text: str) -> str:
    return _NOT_IN_XML.sub("", text)


def _json(parameters: Mapping[str, object], *, ascii_only: bool) -> str:
    return json.dumps(
        dict(parameters), sort_keys=True, ensure_ascii=ascii_only, allow_nan=False, separators=(",", ":")
    )


def _parameters(
    data: bytes, media_type: MediaType, found: list[containers.Part], packet: bytes
) -> Mapping[str, object] | None:
    if media_type is MediaType.PNG:
        text = packets.png_text(data, found, b"parameters")
    else:
        match = _PARAMETERS.search(packet)
        text = unescape(match.group(1).decode("ascii", "replace")).encode() if match else None
    try:
        value = json.loads(text or b"null")
    except (ValueError, RecursionError):
        return None  # other programs write other things under this name
    return value if isinstance(value, dict) else None
