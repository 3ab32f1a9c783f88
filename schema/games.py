"""Views of games and beats, and what can be done with them."""

import datetime

import strawberry

import resolvers.characters
import resolvers.games
import resolvers.subjects
from schema import lazily
from schema.connections import connection
from schema.mutations import mutation
from schema.nodes import Node
from schema.people import User
from schema.publish import publishes, related, shown
from store.database import tables


@publishes(tables.Game)
class Game(Node):
    """A role-playing game: its characters, and beats that follow one another."""

    owner = related(resolvers.subjects.owner, User, "Whose it is.")
    name: str = shown("What people call it.")
    characters = connection(
        resolvers.characters.characters_of_game,
        lazily.Character,
        "Who plays in it.",
        order_by="In which order.",
    )
    beats = connection(resolvers.games.beats_of_game, lazily.Beat, "Its beats, in their order.")
    created_at: datetime.datetime = shown("When it was made.")
    updated_at: datetime.datetime = shown("When it was changed last.")


@publishes(tables.Beat)
class Beat(Node):
    """One moment of a game, in which posts are written."""

    game = related(resolvers.games.game_of_beat, Game, "The game it is a moment of.")
    title: str = shown("What happens in it.")
    position: int = shown("Its place in the game, from 1.")
    posts = connection(resolvers.games.posts_of_beat, lazily.Post, "What was written in it, oldest first.")
    created_at: datetime.datetime = shown("When it was made.")


GAME = (Game, "The game as it is now.")
BEAT = (Beat, "The beat as it is now.")


@strawberry.type(description="Making, changing and deleting games and beats.")
class GameMutations:
    """One line a field; a part of `Mutation`."""

    create_game = mutation(resolvers.games.create_game, "Make a game.", game=GAME)
    update_game = mutation(resolvers.games.update_game, "Change a game.", game=GAME)
    delete_game = mutation(
        resolvers.games.delete_game,
        "Delete a game with its beats and their posts. Characters and pictures stay.",
        game=(Game, "The game as it was."),
    )
    create_beat = mutation(resolvers.games.create_beat, "Make a beat of a game.", beat=BEAT)
    update_beat = mutation(resolvers.games.update_beat, "Change a beat, or move it.", beat=BEAT)
    delete_beat = mutation(
        resolvers.games.delete_beat,
        "Delete a beat with its posts. Pictures stay, and later beats move up.",
        beat=(Beat, "The beat as it was."),
    )
