"""Everything that can be asked."""

from collections.abc import Awaitable
from typing import Annotated, Any

import strawberry

import resolvers.catalog
import resolvers.jobs
import resolvers.nodes
import resolvers.subjects
import resolvers.variants
from generators.catalog import Capability
from resolvers.context import Info
from schema.connections import connection
from schema.ids import GlobalId, decode
from schema.jobs import Job
from schema.models import GeneratorModel
from schema.nodes import Node
from schema.people import User
from schema.publish import related
from schema.subjects import Persona
from schema.variants import Variant

_ = Capability


@strawberry.type(description="Everything that can be asked; nobody sees what is somebody else's.")
class Query:
    """One line a field: what it is called, who answers it, what it says."""

    @strawberry.field(
        description="Anything by its id; null when it is malformed, missing or somebody else's.",
        graphql_type=Node | None,
    )
    def node(self, info: Info, id: Annotated[GlobalId, strawberry.argument(description="Its id.")]) -> Awaitable[Any]:  # noqa: A002 -- Relay's name
        return resolvers.nodes.node(info, decode(id))

    @strawberry.field(
        description="Many things by their ids, in that order, with null where `node` says null.",
        graphql_type=list[Node | None],
    )
    def nodes(
        self, info: Info, ids: Annotated[list[GlobalId], strawberry.argument(description="At most 100 ids.")]
    ) -> Awaitable[Any]:
        return resolvers.nodes.nodes(info, [decode(each) for each in ids])

    viewer = related(resolvers.nodes.viewer, User, "Who is asking.")
    personas = connection(
        resolvers.subjects.personas, Persona, "Personas.", filter_by="Which of them.", order_by="In which order."
    )
    variants = connection(resolvers.variants.variants, Variant, "Pictures, newest first.", filter_by="Which of them.")
    jobs = connection(resolvers.jobs.jobs, Job, "Jobs, newest first.", filter_by="Which of them.")
    models = related(
        resolvers.catalog.models,
        list[GeneratorModel],
        "Every model, those that cannot be used included.",
        capability="Only those that can do this.",
    )
