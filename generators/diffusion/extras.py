"""Networks beside a checkpoint: IP-Adapters, ControlNets, preview autoencoders, as data. Knows no torch."""

import dataclasses
import enum
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from generators.catalog import Model, Provider

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?$")

OWN_ADAPTER = "ip_adapter"


class ExtraKind(enum.Enum):
    """What an extra network does."""

    IP_ADAPTER = "IP-Adapter"
    CONTROLNET = "ControlNet"
    PREVIEW = "preview autoencoder"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extra:
    """One network for all checkpoints of a family.

    `source` is a hub id or a folder. IP-Adapter: `weights` and `encoder` (a folder) lie below it. ControlNet:
    `prepare` says what is made of the picture first, "canny" or "tile". A preview autoencoder is an
    `AutoencoderTiny` folder that decodes the family's latents.
    """

    key: str
    kind: ExtraKind
    family: str
    source: str
    is_folder: bool = False
    revision: str | None = None
    weights: str = ""
    encoder: str = ""
    prepare: str = "tile"
    licence: str | None = None

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.kind.value} for {self.family} checkpoints"

    def model(self) -> Model:
        """Its catalog row: something to download, which makes no pictures of its own."""
        note = "Used by itself with every checkpoint of its family, once it is here."
        return Model(
            key=self.key,
            name=self.name,
            provider=Provider.LOCAL,
            capabilities=frozenset(),
            version=self.revision,
            licence=self.licence,
            note=note,
        )

    def files(self) -> tuple[str, ...]:
        """Names, relative to the source, without which it cannot be used."""
        if self.kind is ExtraKind.IP_ADAPTER:
            return (self.weights, f"{self.encoder}/config.json", f"{self.encoder}/model.safetensors")
        return ("config.json", "diffusion_pytorch_model.safetensors")


BUILTIN_EXTRAS = (
    Extra(
        key="ip-adapter-sd",
        kind=ExtraKind.IP_ADAPTER,
        family="sd",
        source="h94/IP-Adapter",
        weights="models/ip-adapter_sd15.safetensors",
        encoder="models/image_encoder",
        licence="Apache-2.0",
    ),
    Extra(
        key="ip-adapter-sdxl",
        kind=ExtraKind.IP_ADAPTER,
        family="sdxl",
        source="h94/IP-Adapter",
        weights="sdxl_models/ip-adapter_sdxl.safetensors",
        encoder="sdxl_models/image_encoder",
        licence="Apache-2.0",
    ),
    Extra(
        key="controlnet-sd",
        kind=ExtraKind.CONTROLNET,
        family="sd",
        source="lllyasviel/control_v11p_sd15_canny",
        prepare="canny",
        licence="CreativeML Open RAIL-M",
    ),
    Extra(
        key="controlnet-sdxl",
        kind=ExtraKind.CONTROLNET,
        family="sdxl",
        source="diffusers/controlnet-canny-sdxl-1.0",
        prepare="canny",
        licence="CreativeML Open RAIL++-M",
    ),
    *(
        Extra(
            key=f"preview-{family}",
            kind=ExtraKind.PREVIEW,
            family=family,
            source=f"madebyollin/{name}",
            licence="MIT",
        )
        for family, name in (
            ("sd", "taesd"),
            ("sdxl", "taesdxl"),
            ("sd3", "taesd3"),
            ("flux", "taef1"),
            ("z-image", "taef1"),
        )
    ),
)


def own_adapter(folder: Path | None) -> tuple[Extra, Path] | None:
    """The IP-Adapter that a checkpoint brings in its folder's `ip_adapter/`, and where it lies; None without."""
    if folder is None or not (folder / OWN_ADAPTER).is_dir():
        return None
    place = folder / OWN_ADAPTER
    extra = Extra(
        key=f"{folder.name}-ip-adapter",
        kind=ExtraKind.IP_ADAPTER,
        family="",
        source=str(place),
        is_folder=True,
        weights="ip-adapter.safetensors",
        encoder="image_encoder",
    )
    return (extra, place) if all((place / name).is_file() for name in extra.files()) else None


_WRITTEN: Final[Mapping[str, dict[str, Any]]] = {
    "ip-adapter": {
        "kind": ExtraKind.IP_ADAPTER,
        "weights": "ip-adapter.safetensors",
        "encoder": "image_encoder",
    },
    "controlnet": {"kind": ExtraKind.CONTROLNET, "prepare": "tile"},
    "controlnet-canny": {"kind": ExtraKind.CONTROLNET, "prepare": "canny"},
    "preview": {"kind": ExtraKind.PREVIEW},
}
"""What LOCAL_EXTRAS can name, and what such a folder is."""


def configured(text: str) -> Extra:
    """One LOCAL_EXTRAS entry: `ip-adapter:`, `controlnet[-canny]:` or `preview:`, then `<family>=<folder>`.

    A hub id (`owner/name`) may stand where the folder stands. An IP-Adapter's folder holds `ip-adapter.safetensors` and `image_encoder/`.

    Raises:
        ValueError: it is not of that form.
    """
    head, found, folder = text.strip().partition("=")
    kind, colon, family = head.partition(":")
    is_folder = HUB_ID.match(folder) is None or Path(folder).expanduser().is_dir()
    source, _, revision = (str(Path(folder).expanduser()), "", "") if is_folder else folder.partition("@")
    shape = _WRITTEN.get(kind)
    if not (found and colon and family and folder) or shape is None:
        raise ValueError(
            f"LOCAL_EXTRAS: {text!r} is no local extra; write ip-adapter:<family>=<folder>, controlnet[-canny]:<family>=<folder> "
            "or preview:<family>=<folder>."
        )
    return Extra(
        key=head, family=family, source=source, is_folder=is_folder, revision=revision or None, **shape
    )
