"""What callers send to roll dice."""

import dataclasses

from resolvers.fields import given, retry_key
from resolvers.ids import PostId

NOTATION = 200


@dataclasses.dataclass(frozen=True, kw_only=True)
class RollDiceInput:
    """Dice to roll, by themselves or for a post."""

    notation: str = given('What to roll, such as "1d20+5", "4d6kh3" or "2d6+3 [fire]".', most=NOTATION)
    post_id: PostId | None = given("The post that shows the roll.", default=None)
    idempotency_key: str | None = retry_key()
