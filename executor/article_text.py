"""What a text model is asked for an article, and how its answer is read.

Pure text: knows no model, no row and no session.
"""

import dataclasses
import json
from typing import Any

TITLE, EXCERPT, PROMPT, QUERY = 200, 500, 2_000, 80
FIELDS = {
    "title": "The headline, at most 80 characters, no quotation marks around it.",
    "excerpt": "One or two sentences that make somebody want to read it.",
    "content": "The article in Markdown, without the headline.",
    "imagePrompt": "What the featured image shows, for an image generator: subject, place, light, mood. No text in it.",
    "imageQuery": "Two to five words to find a matching stock photograph.",
}
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {name: {"type": "string", "description": words} for name, words in FIELDS.items()},
        "required": list(FIELDS),
        "additionalProperties": False,
    }
)
INSTRUCTIONS = (
    "You write articles that people enjoy and can rely on: concrete, in plain words, well ordered, 400 to 800 words "
    "unless the topic asks for another length. State nothing as a fact that you are not sure of. Write in the "
    "language of the topic, the image prompt and the image query in English. Answer with one JSON object with the "
    "keys " + ", ".join(FIELDS) + " in that order, each a string, and nothing else."
)


class NoArticleError(ValueError):
    """The answer cannot be used; the words say what is wrong with it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ArticleText:
    """A written article. `image_query` is a short search for a stock photograph."""

    title: str
    excerpt: str
    content: str
    image_prompt: str
    image_query: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Voice:
    """Who writes: a persona's name, how it thinks and speaks, and how it looks (for the image prompt)."""

    name: str
    personality: str | None
    look: str


def asking(topic: str, title: str | None, voice: Voice | None) -> str:
    """What the text model is asked, to go with INSTRUCTIONS and SCHEMA."""
    parts = [f"Topic: {topic}"]
    if title:
        parts.append(f"The title is given, use it word for word: {title}")
    if voice is not None:
        parts.append(f"The author is {voice.name}.")
        if voice.personality:
            parts.append(f"How the author thinks and speaks: {voice.personality}")
        parts.append(
            "The author may be in the picture. The look is described to the image generator elsewhere, so do not "
            f"repeat it: {voice.look}"
        )
    return "\n".join(parts)


def read(answer: str) -> ArticleText:
    """The article in a text model's answer; a fence around the JSON does no harm.

    Raises:
        NoArticleError: it is no such JSON, or it says nothing.
    """
    try:
        found = json.loads(_unfenced(answer))
    except ValueError as error:
        raise NoArticleError("it is not the JSON that was asked for") from error
    if not isinstance(found, dict):
        raise NoArticleError("it is not the JSON that was asked for")
    title, content = _text(found, "title"), _text(found, "content")
    if not title or not content:
        raise NoArticleError(f"it has no {'content' if title else 'title'}")
    prompt = _text(found, "imagePrompt") or title
    return ArticleText(
        title=title[:TITLE],
        excerpt=_text(found, "excerpt")[:EXCERPT],
        content=content,
        image_prompt=prompt[:PROMPT],
        image_query=(_text(found, "imageQuery") or title)[:QUERY],
    )


def _unfenced(answer: str) -> str:
    start, end = answer.find("{"), answer.rfind("}")
    return answer[start : end + 1] if 0 <= start < end else answer


def _text(found: dict[str, Any], name: str) -> str:
    """The text under that name, without what no row can keep; "" for anything else."""
    value = found.get(name)
    if not isinstance(value, str):
        return ""
    whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\0", "").strip()
