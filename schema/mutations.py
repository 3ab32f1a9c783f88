"""How a mutation is declared: one input, one nullable payload with its nouns and `userErrors`.

A refusal becomes the payload here, in one place. What a mutation needs (a scope) is declared with it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from typing_extensions import override

from resolvers.answering import answered
from resolvers.checks import check
from resolvers.content import allowed
from resolvers.context import Info
from resolvers.identity import Scope
from resolvers.refused import Refused, UserErrorCode
from schema.ids import decoded
from schema.publish import explained, shown


@strawberry.type(description="Why a mutation was refused; nothing was changed.")
class UserError:
    """Made from `Refused`."""

    code: UserErrorCode = shown("The kind of refusal, for programs.")
    message: str = shown("What is wrong and what to do about it, for people.")
    field: list[str] | None = shown("The path into the input; null when it is about the request as a whole.")


def told(refusal: Refused) -> UserError:
    """The refusal as clients see it."""
    return UserError(code=refusal.reason, message=refusal.message, field=list(refusal.field) or None)


class Answers(FieldExtension):
    """Checks the scope, the ids, the texts and their content, and makes a payload of what comes back."""

    def __init__(self, payload: type, nouns: tuple[str, ...], scope: Scope) -> None:
        self._payload = payload
        self._nouns = nouns
        self._scope = scope

    @override
    def resolve_async(  # type: ignore[override]  # an awaitable is all that is needed; nothing is awaited here
        self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any
    ) -> Awaitable[Any]:
        """The payload; raises Told when the viewer may not do this at all."""
        return answered(
            info.context,
            self._scope,
            lambda: allowed(
                info.context, _checked(kwargs["asked"]), lambda ready: next_(source, info, asked=ready)
            ),
            show=self._show,
            refuse=self._refuse,
        )

    def _show(self, made: Any) -> Any:
        if len(self._nouns) == 1:
            return self._payload(user_errors=[], **{self._nouns[0]: made})
        return self._payload(user_errors=[], **{noun: getattr(made, noun) for noun in self._nouns})

    def _refuse(self, refusal: Refused) -> Any:
        return self._payload(user_errors=[told(refusal)], **dict.fromkeys(self._nouns))


def _checked(asked: Any) -> Any:
    ready = decoded(asked)
    check(ready)
    return ready


def mutation(
    resolver: Callable[..., Any], description: str, *, scope: Scope = Scope.WRITE, **nouns: tuple[Any, str]
) -> Any:
    """A mutation with its payload type; `nouns` are (type, words) by name."""
    payload = _payload(resolver.__name__, nouns)
    field: Any = strawberry.mutation(
        resolver=resolver,
        graphql_type=payload | None,
        description=description,
        extensions=[Answers(payload, tuple(nouns), scope)],
    )
    return explained(field, {"asked": "What to do."})


def _payload(name: str, nouns: dict[str, tuple[Any, str]]) -> type:
    title = "".join(part.capitalize() for part in name.split("_")) + "Payload"
    fields = {noun: shown(f"{words} Null when it was refused.") for noun, (_, words) in nouns.items()}
    types: dict[str, Any] = {noun: kind | None for noun, (kind, _) in nouns.items()}
    body = {
        **fields,
        "user_errors": shown("Why it was refused; empty when it was done."),
        "__annotations__": types | {"user_errors": list[UserError]},
        "__module__": __name__,
    }
    first, *rest = name.split("_")
    spelled = first + "".join(part.capitalize() for part in rest)
    made: type = strawberry.type(type(title, (), body), description=f"What `{spelled}` did.")
    return made
