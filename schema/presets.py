"""Views of presets."""

import datetime

import resolvers.presets
from schema.models import GeneratorModel
from schema.nodes import Node
from schema.people import User
from schema.publish import publishes, related, shown
from schema.scalars import JSON
from store.database import tables


@publishes(tables.Preset)
class Preset(Node):
    """A way of asking with a name. What the model in use cannot do of it is adapted or left out."""

    owner = related(resolvers.presets.owner_of, User | None, "Whose it is; null for a built-in one.")
    key: str = shown("Names it in inputs, as `presetKey`.")
    name: str = shown("What people call it.")
    model = related(
        resolvers.presets.model_of,
        GeneratorModel | None,
        "The model it names; of a built-in one the best local model now. Null when there is none.",
    )
    parameters: JSON = shown(
        "width, height, steps, guidance, quality, negativePrompt and style, where it has them."
    )
    batch_count: int = shown("How many pictures it asks for.")
    smart_prompt: bool = shown("Whether the prompt is rewritten first.")
    use_case: str | None = shown("What the pictures are for.")
    is_system = related(resolvers.presets.is_system, bool, "Whether it is built in.")
    created_at = related(
        resolvers.presets.saved_at,
        datetime.datetime | None,
        "When it was saved first; null for a built-in one.",
    )
