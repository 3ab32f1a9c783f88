"""Views of keys and of the audit log, and what can be done with accounts."""

import datetime
from typing import Any

import strawberry

import resolvers.people
from resolvers.identity import Scope
from schema.mutations import mutation
from schema.nodes import Node
from schema.people import User
from schema.publish import publishes, related, shown
from schema.scalars import JSON
from store.database import tables


@publishes(tables.ApiKey)
class ApiKey(Node):
    """A key for programs. Its secret was shown once, when it was made."""

    name: str = shown("What it is for.")
    prefix: str = shown("Its first characters, by which people tell keys apart.")
    scopes = related(resolvers.people.scopes_of, list[Scope], "What it may be used for.")
    last_used_at: datetime.datetime | None = shown("When it was used last, to the minute; null = never.")
    expires_at: datetime.datetime | None = shown("When it ends by itself; null = never.")
    revoked_at: datetime.datetime | None = shown("When it was ended.")
    created_at: datetime.datetime = shown("When it was made.")


@publishes(tables.AuditEntry)
class AuditEntry:
    """One thing that was done which spends, publishes, approves or deletes."""

    actor: str = shown("Who did it.")
    action: str = shown("What was done, such as `base_image.approved`.")
    object_type: str | None = shown("To what kind of thing.")
    object_id: strawberry.ID | None = shown(
        "To which thing: its UUID, which stays when the thing is deleted."
    )
    request_id: str | None = shown("The request that did it, as the logs name it.")
    details: JSON = shown("What else is worth knowing, such as scores of an automatic approval.")
    created_at: datetime.datetime = shown("When.")


API_KEY: tuple[Any, str] = (ApiKey, "The key.")


@strawberry.type(description="Who may come in, and what they may do.")
class AccountMutations:
    """One line a field; a part of `Mutation`."""

    create_api_key = mutation(
        resolvers.people.create_api_key,
        "Make a key. Its secret is shown once.",
        api_key=API_KEY,
        secret=(str, "Send it as `Authorization: Bearer <secret>`; shown once."),
    )
    revoke_api_key = mutation(
        resolvers.people.revoke_api_key,
        "End a key at once; its open connections are closed within a minute.",
        api_key=API_KEY,
    )
    create_user = mutation(
        resolvers.people.create_user,
        "Make an account. Owners only.",
        scope=Scope.ADMIN,
        user=(User, "The account."),
    )
    update_user = mutation(
        resolvers.people.update_user,
        "Change an account's role and limits. Owners only.",
        scope=Scope.ADMIN,
        user=(User, "The account as it is now."),
    )
