"""What a generator is told: prompts composed from what is known about a subject.

Pure text; knows no model's tokenizer. What a text encoder cuts off is reported by the generator.
"""

from collections.abc import Sequence

from executor.rewriting import Frame, sentence
from store.database.tables import Character, Subject

BASE_IMAGE_STYLE = (
    "Headshot, portrait photograph of one person looking at the camera, neutral expression, plain background, "
    "soft studio lighting, sharp focus."
)
"""The style of a persona's base image: plain, so that the look stands out and can be held later.

No word of it may say something of the look: of "head and shoulders, light background" the starter checkpoint knows
"head", of bald ones, and "light", of skin.
"""

CHARACTER_REFERENCE_STYLE = (
    "Headshot of one figure looking ahead, neutral expression, plain background, soft studio lighting."
)
"""As above for a character, whose art style says how it is drawn."""


def base_image_prompt(subject: Subject, style: str | None = None) -> str:
    """The look first (it matters most, and encoders cut off the end), then what else is known, then the style.

    Of a character the art style and its modifiers; of a persona the personality.
    """
    if isinstance(subject, Character):
        drawn = frame(subject, style or CHARACTER_REFERENCE_STYLE)
        return _joined((drawn.before, drawn.after))
    style = style or BASE_IMAGE_STYLE
    parts = [subject.look.strip()]
    if subject.personality and subject.personality.strip():
        parts.append(f"Personality: {subject.personality.strip()}")
    parts.append(style)
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts)


def frame(subject: Subject | None, style: str | None = None, *, scene_only: bool = False) -> Frame:
    """For pictures of that subject, of nobody (`scene_only`), or of whatever the words say."""
    before: list[str] = []
    after: list[str] = []
    if subject is not None:
        before.append(subject.look)
    if isinstance(subject, Character):
        before.append(subject.art_style or "")
        after.extend(subject.style_modifiers or ())
    after.append(style or "")
    if scene_only:
        after.append("Nobody is in the picture")
    return Frame(before=_joined(before), after=_joined(after))


EMPHASES = {
    "portrait": "natural skin, catchlights in the eyes, soft directional light, shallow depth of field",
    "product": "true colours, clean edges, even light, plain background",
    "avatar": "centred, simple shapes, clear silhouette, plain background",
    "scene": "layered depth, clear time of day, light that fits the place",
    "poster": "one strong focal point, few colours, bold silhouette, room for a headline",
    "thumbnail": "high contrast, one clear subject, bright colours, readable when small",
}
USUAL_EMPHASIS = "one clear subject, balanced composition, natural light, fine detail"


def template(words: str, use_case: str | None) -> str:
    """A prompt made more telling without a text model: always the same words for the same wish."""
    emphasis = EMPHASES.get((use_case or "").strip().lower(), USUAL_EMPHASIS)
    return f"{words.strip().rstrip('.!?;, ')}, {emphasis}."


REWRITE = (
    "You rewrite what somebody wishes to see into one prompt for an image generator. Keep every fact of the wish, "
    "names included; invent no person. Add what the wish leaves open: composition, light, lens, mood, materials. "
    "Plain English, at most 80 words, one paragraph. Answer with the prompt alone."
)


def rewriting(words: str, around: Frame, use_case: str | None) -> str:
    """What the text model is asked, to go with REWRITE."""
    parts = [f"Wish: {words}"]
    if around.before:
        parts.append(f"The picture shows, already described elsewhere, so do not repeat it: {around.before}")
    if around.after:
        parts.append(f"Style, already said elsewhere: {around.after}")
    if use_case:
        parts.append(f"Use: {use_case}")
    return "\n".join(parts)


def _joined(parts: Sequence[str]) -> str:
    return " ".join(sentence(part) for part in parts if part and part.strip())
