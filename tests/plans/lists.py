"""Every list of the contract, and the ways it is asked for: one row each. A list without a row fails a test.

`$kind` stands for the id of such a thing of the caller's.
"""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True)
class List:
    """One list: where it hangs, its arguments besides the page, and the variables it is asked with."""

    of: str | None = None
    asked: tuple[dict[str, Any], ...] = ({},)


ORDERS = ({"orderBy": {"field": "NAME", "direction": "ASC"}}, {"orderBy": {"field": "CREATED_AT"}})
VARIANTS = tuple(
    {"filter": each}
    for each in (
        None,
        {"subjectId": "$Persona"},
        {"jobId": "$Job"},
        {"status": ["DRAFT"]},
        {"status": ["APPROVED", "REJECTED"]},
        {"purpose": "SCENE"},
        {"source": "LOCAL"},
        {"subjectId": "$Persona", "status": ["DRAFT"], "purpose": "SCENE"},
    )
)
LISTS = {
    "Query.personas": List(
        asked=(*ORDERS, {"filter": {"status": ["APPROVED"]}}, {"filter": {"nameContains": "name 4"}})
    ),
    "Query.characters": List(
        asked=(
            *ORDERS,
            {"filter": {"status": ["APPROVED"]}},
            {"filter": {"gameId": "$Game"}},
            {"filter": {"nameContains": "name 4"}},
        )
    ),
    "Query.games": List(),
    "Query.posts": List(
        asked=(
            {},
            {"orderBy": {"direction": "ASC"}},
            *(
                {"filter": each}
                for each in ({"status": ["PUBLISHED"]}, {"personaId": "$Persona"}, {"beatId": "$Beat"})
            ),
        )
    ),
    "Query.variants": List(
        asked=(
            *VARIANTS,
            {"orderBy": {"direction": "ASC"}},
            {"orderBy": {"direction": "ASC"}, "filter": {"status": ["DRAFT"]}},
        )
    ),
    "Query.jobs": List(
        asked=(
            {},
            *(
                {"filter": each}
                for each in ({"subjectId": "$Persona"}, {"kind": "IMAGE"}, {"status": ["FAILED"]})
            ),
        )
    ),
    "Query.apiKeys": List(),
    "Query.users": List(),
    "Query.auditLog": List(),
    "Query.webhooks": List(),
    "Query.reviewQueue": List(),
    "Persona.variants": List("Persona", VARIANTS),
    "Character.variants": List("Character", ({},)),
    "Subject.variants": List("Persona", ({},)),
    "Persona.baseImageHistory": List("Persona"),
    "Character.baseImageHistory": List("Character"),
    "Subject.baseImageHistory": List("Persona"),
    "Persona.posts": List("Persona"),
    "Job.variants": List("Job"),
    "Job.series": List("Job"),
    "Post.candidates": List("Post"),
    "Game.characters": List("Game", ORDERS),
    "Game.beats": List("Game"),
    "WebhookEndpoint.deliveries": List("WebhookEndpoint"),
    "Beat.posts": List("Beat"),
}
KINDS = {
    "Persona": ("subject", 2),
    "Character": ("subject", 1),
    "Job": ("job", 1),
    "Game": ("game", 1),
    "Beat": ("beat", 1),
    "Post": ("post", 3),
    "WebhookEndpoint": ("webhook", 1),
    "Variant": ("variant", 5),
}
"""The thing of each kind in crowd.py that is asked with: its name there, and its number."""
