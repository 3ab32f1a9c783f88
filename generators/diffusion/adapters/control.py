"""ControlNet: the shape of one picture held in another, row by row. Knows UNets only.

The ControlNet runs once for all rows that have a control picture, with weight 1; each row's residuals are
then multiplied by its own weight and laid into zeros for the others (Zhang et al. 2023, arXiv 2302.05543).
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel
from PIL import Image, ImageFilter

LOW, HIGH = 0.1, 0.2  # edge thresholds as shares of the strongest gradient


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Control:
    """What one request is held by: the network, its picture [1, 3, height, width] in 0..1, and the weight."""

    network: Any
    picture: torch.Tensor
    weight: float


def load(folder: Path, unet: Any) -> Any:
    """A ControlNet in diffusers format, beside that UNet."""
    network = ControlNetModel.from_pretrained(
        folder, dtype=unet.dtype, use_safetensors=True, local_files_only=True
    )
    return network.to(unet.device).eval().requires_grad_(requires_grad=False)


def prepared(picture: Image.Image, kind: str, like: torch.Tensor) -> torch.Tensor:
    """The control picture as the network expects it: "canny" edges, or as it is ("tile")."""
    if kind == "canny":
        picture = edges(picture)
    pixels = np.asarray(picture.convert("RGB"), dtype=np.float32) / 255.0
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].to(like.device, like.dtype)


def edges(picture: Image.Image) -> Image.Image:
    """White edges on black (Canny 1986): smooth, gradient, thin to ridges, keep strong ones and their neighbours."""
    grey = np.asarray(picture.convert("L").filter(ImageFilter.GaussianBlur(1.4)), dtype=np.float32)
    padded = np.pad(grey, 1, mode="edge")
    dx = (padded[1:-1, 2:] - padded[1:-1, :-2]) / 2
    dy = (padded[2:, 1:-1] - padded[:-2, 1:-1]) / 2
    size = np.hypot(dx, dy)
    ridge = size * _is_ridge(size, dx, dy)
    top = float(ridge.max()) or 1.0
    kept, weak = ridge >= HIGH * top, ridge >= LOW * top
    while True:
        grown = weak & _grown(kept)
        if bool((grown == kept).all()):
            return Image.fromarray((kept * 255).astype(np.uint8)).convert("RGB")
        kept = grown


def _is_ridge(size: np.ndarray[Any, Any], dx: np.ndarray[Any, Any], dy: np.ndarray[Any, Any]) -> Any:
    """Whether no neighbour across the edge is stronger; directions in eighths of a turn."""
    sector = np.round(np.arctan2(dy, dx) / (np.pi / 4)).astype(int) % 4
    padded = np.pad(size, 1)
    ridge = np.zeros(size.shape, dtype=bool)
    for number, (right, down) in enumerate(((1, 0), (1, 1), (0, 1), (-1, 1))):
        ahead = padded[1 + down : padded.shape[0] - 1 + down, 1 + right : padded.shape[1] - 1 + right]
        behind = padded[1 - down : padded.shape[0] - 1 - down, 1 - right : padded.shape[1] - 1 - right]
        ridge |= (sector == number) & (size >= ahead) & (size > behind)
    return ridge


def _grown(kept: np.ndarray[Any, Any]) -> Any:
    padded = np.pad(kept, 1)
    height, width = kept.shape
    grown = np.zeros_like(kept)
    for down in range(3):
        for right in range(3):
            grown |= padded[down : down + height, right : right + width]
    return grown


def residuals(
    wearers: Sequence[tuple[int, Control | None]],
    inputs: dict[str, torch.Tensor],
    added: dict[str, torch.Tensor],
) -> dict[str, Any]:
    """The UNet's extra arguments, {} when no row is controlled.

    `inputs`: sample, timestep and encoder_hidden_states of all rows; `added`: SDXL's conditions, or {}.
    """
    controls = [control for rows, control in wearers for _ in range(rows)]
    index = [row for row, control in enumerate(controls) if control is not None]
    if not index:
        return {}
    held = [control for control in controls if control is not None]
    whole = len(index) == len(controls)
    at = torch.tensor(index, device=inputs["sample"].device)
    weights = [control.weight for control in held]
    same = len(set(weights)) == 1
    downs, middle = held[0].network(
        **{name: value if whole else value[at] for name, value in inputs.items()},
        controlnet_cond=torch.cat([control.picture for control in held]),
        conditioning_scale=weights[0] if same else 1.0,
        added_cond_kwargs={name: value if whole else value[at] for name, value in added.items()} or None,
        return_dict=False,
    )
    factor = None if same else torch.tensor(weights, device=at.device, dtype=middle.dtype).view(-1, 1, 1, 1)

    def placed(residual: torch.Tensor) -> torch.Tensor:
        own = residual if factor is None else residual * factor
        if whole:
            return own
        return own.new_zeros((len(controls), *own.shape[1:])).index_copy(0, at, own)

    return {
        "down_block_additional_residuals": tuple(placed(down) for down in downs),
        "mid_block_additional_residual": placed(middle),
    }
