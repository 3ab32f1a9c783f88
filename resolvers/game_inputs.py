"""What callers send about games and their beats."""

import dataclasses

from resolvers.context import Maybe
from resolvers.fields import given, retry_key
from resolvers.ids import BeatId, GameId
from resolvers.inputs import NAME


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreateGameInput:
    """A new game."""

    name: str = given("What people call the game.", most=NAME)
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpdateGameInput:
    """Changes to a game: what is absent stays."""

    game_id: GameId = given("The game.")
    name: Maybe[str] = given("What people call the game.", most=NAME, default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeleteGameInput:
    """Which game to delete, with its beats and their posts; characters and pictures stay."""

    game_id: GameId = given("The game.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class CreateBeatInput:
    """A new beat of a game."""

    game_id: GameId = given("The game.")
    title: str = given("What happens in it.", most=NAME)
    position: int | None = given(
        "From 1; those from there on move down. At the end when absent.", default=None
    )
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class UpdateBeatInput:
    """Changes to a beat: what is absent stays."""

    beat_id: BeatId = given("The beat.")
    title: Maybe[str] = given("What happens in it.", most=NAME, default=None)
    position: Maybe[int] = given("From 1; the others make room.", default=None)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeleteBeatInput:
    """Which beat to delete, with its posts; pictures stay, and later beats move up."""

    beat_id: BeatId = given("The beat.")
