"""What a generator is told: prompts composed from what is known about a subject.

Pure text; knows no model's tokenizer. What a text encoder cuts off is reported by the generator.
"""

from store.database.tables import Subject

BASE_IMAGE_STYLE = (
    "Portrait photograph, one person, head and shoulders, facing the camera, neutral expression, plain light "
    "background, soft even light, sharp focus."
)
"""The style of a persona's base image: plain, so that the look stands out and can be held later."""


def base_image_prompt(subject: Subject, style: str = BASE_IMAGE_STYLE) -> str:
    """The look first (it matters most, and encoders cut off the end), then the personality, then the style."""
    parts = [subject.look.strip()]
    if subject.personality and subject.personality.strip():
        parts.append(f"Personality: {subject.personality.strip()}")
    parts.append(style)
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts)
