"""Everything that can be asked about games and characters."""

import strawberry

import resolvers.characters
import resolvers.games
from schema.characters import Character, CharacterTemplate
from schema.connections import connection
from schema.games import Game
from schema.publish import related


@strawberry.type(description="Asking about games and characters.")
class GameQueries:
    """One line a field; a part of `Query`."""

    characters = connection(
        resolvers.characters.characters,
        Character,
        "Characters.",
        filter_by="Which of them.",
        order_by="In which order.",
    )
    character_templates = related(
        resolvers.characters.character_templates, list[CharacterTemplate], "Characters to start from."
    )
    games = connection(resolvers.games.games, Game, "Games, newest first.")
