"""How much memory a training takes, and the words when there is less. Reads file sizes only; knows no torch."""

from pathlib import Path

from generators.diffusion.trainer.orders import Order

GIB = 2**30


def needed(order: Order) -> int:
    """Bytes of device memory that a training takes, roughly: weights, adapter with its moments, activations.

    Weights as they lie on disk, half as much again where they are stored in half precision and may be widened; 6 GiB
    of activations at 1024x1024 with gradient checkpointing, by area. A rule of thumb, not a measurement.
    """
    weights = sum(path.stat().st_size for path in Path(order.source).glob("*/*.safetensors"))
    return int(weights * 1.5 + 6 * GIB * (order.side / 1024) ** 2)


def too_little(order: Order, free: int | None) -> str | None:
    """Why the training cannot begin with that many bytes free; None = it can, or nothing is known (`free` None)."""
    need = needed(order)
    if free is None or free >= need:
        return None
    return (
        f"This training needs about {need / GIB:.1f} GiB of the device's memory; {free / GIB:.1f} GiB are free. Wait "
        "for running work, set TRAINING_PAUSES_SERVING, or set TRAINING_DEVICE to another device."
    )
