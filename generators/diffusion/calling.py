"""Calls a subject by the name that its adapter learned: an adapter answers to its trigger alone. Knows no torch."""

import dataclasses
import json

from generators.diffusion.asks import Ask
from generators.diffusion.trainer.orders import called
from generators.diffusion.vocabulary import known_part

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


def in_known_words(ask: Ask, known: frozenset[str] | None) -> tuple[Ask, dict[str, list[str]]]:
    """The request in words that its checkpoint knows, and a note of those left out.

    What its LoRAs answer to stays: the checkpoint learned it from them.
    """
    if known is None:
        return ask, {}
    names = [name for name in (name_of(piece.data) for piece in ask.loras) if name]
    own = sorted({*names, *(word for name in names for word in name.split())}, key=len, reverse=True)
    prompt, unknown = known_part(ask.prompt, known, own)
    negative = known_part(ask.negative_prompt, known, own)[0] if ask.negative_prompt else ask.negative_prompt
    notes = {"unknownWords": unknown} if unknown else {}
    return dataclasses.replace(ask, prompt=prompt, negative_prompt=negative), notes


def name_of(adapter: bytes) -> str | None:
    """What the subject of a safetensors file is called: its trigger and what it is."""
    try:
        length = int.from_bytes(adapter[:LENGTH], "little")
        told = json.loads(adapter[LENGTH : LENGTH + length])["__metadata__"]["likeness"]
        facts = json.loads(told)
        return called(str(facts["trigger"]), str(facts["class_prompt"])) or None
    except (ValueError, KeyError, TypeError):
        return None
