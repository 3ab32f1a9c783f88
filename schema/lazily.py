"""Views that name each other across files, by name instead of by import."""

from typing import Annotated, Any

import strawberry

Persona: Any = Annotated["Persona", strawberry.lazy("schema.subjects")]
Subject: Any = Annotated["Subject", strawberry.lazy("schema.subjects")]
Character: Any = Annotated["Character", strawberry.lazy("schema.characters")]
Game: Any = Annotated["Game", strawberry.lazy("schema.games")]
Beat: Any = Annotated["Beat", strawberry.lazy("schema.games")]
Post: Any = Annotated["Post", strawberry.lazy("schema.posts")]
Variant: Any = Annotated["Variant", strawberry.lazy("schema.variants")]
Adapter: Any = Annotated["Adapter", strawberry.lazy("schema.adapters")]
Job: Any = Annotated["Job", strawberry.lazy("schema.jobs")]
PostImage: Any = Annotated["PostImage", strawberry.lazy("schema.play")]
DiceRoll: Any = Annotated["DiceRoll", strawberry.lazy("schema.play")]
