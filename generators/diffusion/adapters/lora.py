"""LoRA files and their use row by row: every request in a forward keeps its own adapters and weights.

The stock way (`set_adapters`) applies all active adapters to all rows, and peft's `adapter_names` allows one
per row without a weight. Here each targeted layer's output gets, for the rows of each adapter,
`w * alpha / rank * B(A(x))` (Hu et al. 2021, arXiv 2106.09685, section 4.1). Hooks live for one forward only,
so a network without adapters in its batch is the stock network. alpha and rank are read from the file, never
from a slot that another file was swapped into.
"""

import contextlib
import dataclasses
import itertools
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors

NETWORKS = ("unet", "transformer", "text_encoder", "text_encoder_2")
UNMIXABLE = {"dora_scale": "DoRA", "lora_magnitude_vector": "DoRA", "lokr_": "LoKr", "hada_": "LoHa"}

NAMING = re.compile(
    r"^(?P<layer>.+?)(?:\.processor)?"
    r"\.(?:(?P<projection>to_[qkv]|to_out)_lora|lora_linear_layer|lora)?[._]?(?:lora_)?"
    r"(?P<side>down|up|A|B)\.weight$"
)
NONE_JOINED: Mapping[str, Sequence[int]] = {}
SIDES = {"down": "down", "A": "down", "up": "up", "B": "up"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer's low-rank update: down [rank, ...], up [out, rank, ...], `scale` = alpha / rank."""

    down: torch.Tensor
    up: torch.Tensor
    scale: float


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Lora:
    """One file, on the device. `networks`: name of the network -> name of the layer -> its update."""

    networks: Mapping[str, Mapping[str, Layer]]
    size: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Worn:
    """A LoRA with the weight that one request gives it."""

    lora: Lora
    weight: float


def read(pipeline: Any, data: bytes) -> Lora:
    """A safetensors file in diffusers', peft's or kohya's naming, checked against the pipeline's layers.

    Raises:
        ValueError: unreadable, of a kind that cannot be mixed row by row, or made for another checkpoint.
    """
    try:
        raw = load_tensors(data)
    except SafetensorError as error:
        raise ValueError("The adapter is no safetensors file.") from error
    for mark, kind in UNMIXABLE.items():
        if any(mark in name for name in raw):
            raise ValueError(f"The adapter is a {kind}, which the engine cannot mix; train a plain LoRA.")
    state, alphas = _named(pipeline, raw)
    told = _metadata(data)
    networks = {}
    for name in NETWORKS:
        part = _part(state, name)
        if part:
            layers = _layers(getattr(pipeline, name, None), name, part)
            networks[name] = {
                layer: _placed(pipeline, name, tensors, _alpha(name, layer, alphas, told))
                for layer, tensors in layers.items()
            }
    if not any(networks.values()):
        raise ValueError("The adapter holds no LoRA layers.")
    return Lora(networks=networks, size=len(data))


def _named(pipeline: Any, raw: dict[str, torch.Tensor]) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
    options = {"unet_config": pipeline.unet.config} if hasattr(pipeline, "unet") else {}
    try:
        out = pipeline.lora_state_dict(dict(raw), **options)
    except (KeyError, ValueError, IndexError) as error:
        raise ValueError(f"The adapter's layers have names that are not known: {error}") from error
    state, alphas = out if isinstance(out, tuple) else (out, None)
    if not any(name.split(".")[0] in NETWORKS for name in state):
        own = "unet" if hasattr(pipeline, "unet") else "transformer"
        state = {f"{own}.{name}": tensor for name, tensor in state.items()}
    return state, {name: float(value) for name, value in (alphas or {}).items()}


def _metadata(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    told = json.loads(data[8 : 8 + length]).get("__metadata__", {}).get("lora_adapter_metadata")
    read_back: dict[str, Any] = json.loads(told) if told else {}
    return read_back


def _part(state: Mapping[str, torch.Tensor], network: str) -> dict[str, torch.Tensor]:
    prefix = f"{network}."
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _layer(name: str, network: str, *, flat: bool) -> tuple[str, str] | None:
    """(layer, "down" or "up") of one tensor's name, whichever of the namings in use it follows."""
    found = NAMING.match(name)
    if found is None:
        return None
    layer = found["layer"]
    if found["projection"]:
        kind = found["projection"]
        if network.startswith("text_encoder"):
            layer += f".{kind.removeprefix('to_')}_proj"
        else:
            layer += ".to_out.0" if kind == "to_out" else f".{kind}"
    if flat:
        layer = layer.removeprefix("text_model.")
    return layer, SIDES[found["side"]]


def _layers(
    network: torch.nn.Module | None, name: str, part: Mapping[str, torch.Tensor]
) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    if network is None:
        raise ValueError(f"The adapter is made for another kind of checkpoint: this one has no {name}.")
    flat = not hasattr(network, "text_model")  # transformers 5 lost one level of names
    sides: dict[str, dict[str, torch.Tensor]] = {}
    for key, tensor in part.items():
        placed = _layer(key, name, flat=flat)
        if placed is not None:
            sides.setdefault(placed[0], {})[placed[1]] = tensor
    layers = {}
    for layer, pair in sides.items():
        if len(pair) < len(set(SIDES.values())) or not _fits(network, layer, pair["down"], pair["up"]):
            raise ValueError(f"The adapter is made for another checkpoint: {name} has no such layer {layer}.")
        layers[layer] = (pair["down"], pair["up"])
    return layers


def _fits(network: torch.nn.Module, layer: str, down: torch.Tensor, up: torch.Tensor) -> bool:
    try:
        weight = network.get_submodule(layer).weight
    except AttributeError:
        return False
    assert isinstance(weight, torch.Tensor)
    return bool(down.shape[1] == weight.shape[1] and up.shape[0] == weight.shape[0])


def _alpha(network: str, layer: str, alphas: Mapping[str, float], told: Mapping[str, Any]) -> float | None:
    """Alpha from the file's own layers (kohya) or its metadata (diffusers); None = equal to the rank."""
    prefix = f"{network}."
    for name, value in alphas.items():
        own = name.removeprefix(prefix).removesuffix(".alpha")
        placed = _layer(own, network, flat=True)
        if name.startswith(prefix) and layer.removeprefix("text_model.") == (placed[0] if placed else own):
            return value
    pattern = told.get(f"{network}.alpha_pattern") or {}
    for end, value in pattern.items():
        if layer.endswith(end.removeprefix("^")):
            return float(value)
    alpha = told.get(f"{network}.lora_alpha")
    return float(alpha) if alpha is not None else None


def _placed(
    pipeline: Any, network: str, tensors: tuple[torch.Tensor, torch.Tensor], alpha: float | None
) -> Layer:
    own = getattr(pipeline, network)
    denoiser = (
        pipeline.unet if hasattr(pipeline, "unet") else pipeline.transformer
    )  # offloaded ones tell where they compute
    down, up = (tensor.to(denoiser.device, own.dtype).contiguous() for tensor in tensors)
    rank = down.shape[0]
    return Layer(down=down, up=up, scale=(alpha if alpha is not None else rank) / rank)


@contextlib.contextmanager
def worn(
    network: torch.nn.Module,
    name: str,
    wearers: Sequence[tuple[int, Sequence[Worn]]],
    joined: Mapping[str, Sequence[int]] = NONE_JOINED,
) -> Iterator[None]:
    """While open, forwards of `network` add each wearer's adapters to its rows; `wearers`: (rows, adapters).

    `joined`: layers that are given all rows as one, token after token -> how many tokens each row has there.
    """
    plan: dict[str, list[tuple[Layer, float, list[int]]]] = {}
    first = 0
    for rows, adapters in wearers:
        own = list(range(first, first + rows))
        first += rows
        for adapter in adapters:
            for layer, update in adapter.lora.networks.get(name, {}).items():
                _join(plan.setdefault(layer, []), update, adapter.weight, own)
    handles = [
        network.get_submodule(layer).register_forward_hook(_Hook(updates, joined.get(layer) or [1] * first))
        for layer, updates in plan.items()
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _join(
    updates: list[tuple[Layer, float, list[int]]], layer: Layer, weight: float, rows: list[int]
) -> None:
    """Requests with the same adapter and weight share its two small products."""
    for update, other, taken in updates:
        if update is layer and other == weight and not set(taken) & set(rows):
            taken.extend(rows)
            return
    updates.append((layer, weight, list(rows)))


class _Hook:
    """Adds the updates of one layer to its output, in which each row has as many places as `lengths` tells."""

    def __init__(self, updates: list[tuple[Layer, float, list[int]]], lengths: Sequence[int]) -> None:
        self._updates = updates
        ends = list(itertools.accumulate(lengths))
        self._places = [range(end - length, end) for end, length in zip(ends, lengths, strict=True)]

    def __call__(
        self, module: torch.nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor
    ) -> torch.Tensor:
        x = args[0]
        for layer, weight, rows in self._updates:
            if len(rows) == len(self._places):
                output = output + _product(module, layer, x) * (layer.scale * weight)
                continue
            index = torch.tensor([place for row in rows for place in self._places[row]], device=x.device)
            update = _product(module, layer, x[index]) * (layer.scale * weight)
            output = output.index_add(0, index, update)
        return output


def _product(module: torch.nn.Module, layer: Layer, x: torch.Tensor) -> torch.Tensor:
    if isinstance(module, torch.nn.Conv2d):
        low = torch.nn.functional.conv2d(
            x, layer.down, None, module.stride, module.padding, module.dilation, module.groups
        )
        return torch.nn.functional.conv2d(low, layer.up)
    return torch.nn.functional.linear(torch.nn.functional.linear(x, layer.down), layer.up)
