"""Everything that can be asked."""

from collections.abc import Awaitable
from typing import Any

import strawberry

import resolvers.catalog
import resolvers.jobs
import resolvers.nodes
import resolvers.people
import resolvers.subjects
import resolvers.variants
import resolvers.webhooks
from resolvers.context import Info
from schema.accounts import ApiKey, AuditEntry
from schema.connections import connection
from schema.game_queries import GameQueries
from schema.ids import GlobalId, decode
from schema.image_queries import ImageQueries
from schema.jobs import Job
from schema.models import GeneratorModel
from schema.nodes import Node
from schema.people import User
from schema.post_queries import PostQueries
from schema.publish import related
from schema.review import ReviewQueries
from schema.subjects import Persona
from schema.variants import Variant
from schema.webhooks import WebhookEndpoint


def node(info: Info, of: GlobalId) -> Awaitable[Any]:
    """Decode the id and ask for the row."""
    return resolvers.nodes.node(info, decode(of))


def nodes(info: Info, ids: list[GlobalId]) -> Awaitable[Any]:
    """Decode the ids and ask for the rows."""
    return resolvers.nodes.nodes(info, [decode(each) for each in ids])


@strawberry.type(description="Everything that can be asked; nobody sees what is somebody else's.")
class Query(ImageQueries, PostQueries, GameQueries, ReviewQueries):
    """One line a field: what it is called, who answers it, what it says."""

    node = related(
        node,
        Node | None,
        "Anything by its id; null when it is malformed, missing or somebody else's.",
        of="Its id.",
    )
    nodes = related(
        nodes,
        list[Node | None],
        "Many things by their ids, in that order, with null where `node` says null.",
        ids="At most 100 ids.",
    )
    viewer = related(resolvers.nodes.viewer, User, "Who is asking.")
    personas = connection(
        resolvers.subjects.personas,
        Persona,
        "Personas.",
        filter_by="Which of them.",
        order_by="In which order.",
    )
    variants = connection(
        resolvers.variants.variants,
        Variant,
        "Pictures.",
        filter_by="Which of them.",
        order_by="In which order; newest first when absent.",
    )
    jobs = connection(resolvers.jobs.jobs, Job, "Jobs, newest first.", filter_by="Which of them.")
    api_keys = connection(resolvers.people.api_keys, ApiKey, "Your keys, newest first.")
    users = connection(resolvers.people.users, User, "Accounts: all of them for owners, else your own.")
    audit_log = connection(
        resolvers.people.audit_log,
        AuditEntry,
        "What was done that spends, publishes, approves or deletes, newest first.",
    )
    webhooks = connection(
        resolvers.webhooks.webhooks, WebhookEndpoint, "Endpoints that are told what happens, newest first."
    )
    models = related(
        resolvers.catalog.models,
        list[GeneratorModel],
        "Every model: those that can be used now, then the others with their reasons.",
        capability="Only those that can do this.",
    )
