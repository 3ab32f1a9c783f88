"""Calls a subject by the name that its adapter learned: an adapter answers to its trigger alone. Knows no torch."""

import dataclasses
import json

from generators.diffusion.asks import Ask
from generators.diffusion.trainer.orders import called

LENGTH = 8  # bytes that tell how long the header of a safetensors file is


def named(ask: Ask) -> Ask:
    """The request with the names that its LoRAs tell before the prompt, unless they stand in it already.

    A file that tells none (of somebody else's making), or is damaged, changes nothing here.
    """
    names = [name for name in (name_of(piece.data) for piece in ask.loras) if name]
    missing = [name for name in names if name.lower() not in ask.prompt.lower()]
    if not missing:
        return ask
    prompt = ", ".join([*missing, ask.prompt])
    return dataclasses.replace(ask, prompt=prompt, notes=(*ask.notes, ("calledBy", ", ".join(missing))))


def name_of(adapter: bytes) -> str | None:
    """What the subject of a safetensors file is called: its trigger and what it is."""
    try:
        length = int.from_bytes(adapter[:LENGTH], "little")
        told = json.loads(adapter[LENGTH : LENGTH + length])["__metadata__"]["likeness"]
        facts = json.loads(told)
        return called(str(facts["trigger"]), str(facts["class_prompt"])) or None
    except (ValueError, KeyError, TypeError):
        return None
