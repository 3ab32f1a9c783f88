"""What can be set about the GraphQL transports; every default here is a documented promise."""

from pathlib import Path

from pydantic import BaseModel, Field


class GraphQLSettings(BaseModel):
    """Limits of documents, connections and streams."""

    graphql_max_query_length: int = Field(
        65_536, ge=1_000, description="Longest GraphQL document, in characters."
    )
    graphql_max_tokens: int = Field(
        2_000, ge=100, description="Most lexical tokens in a document (comments not counted)."
    )
    graphql_max_depth: int = Field(
        15, ge=3, description="Deepest nesting of fields; introspection has its own limit and is not counted."
    )
    graphql_max_aliases: int = Field(
        50, ge=1, description="Most aliases in an operation, fragments counted where they are spread."
    )
    graphql_max_directives: int = Field(
        50, ge=5, description="Most directives in a document; five at one place at most."
    )
    graphql_max_root_fields: int = Field(
        20, ge=1, description="Most fields at the root of an operation; half as many in a mutation."
    )
    graphql_max_fields: int = Field(
        2_000, ge=100, description="Most fields in an operation, fragments counted where they are spread."
    )
    graphql_max_cost: int = Field(
        200_000,
        ge=100,
        description="Most fields that an operation may ask for, those in lists counted once for every row: `first`, "
        "`last` or `ids`, 20 where nothing is said.",
    )
    graphql_timeout_seconds: float = Field(
        30.0, gt=0, description="Seconds a query may run before it is refused with TIMEOUT."
    )
    rate_per_second: float = Field(
        100.0,
        ge=0,
        allow_inf_nan=False,
        description="Requests a second that one key may make on average, in one server process; 0 = no limit.",
    )
    rate_burst: int = Field(1_000, ge=1, description="Requests that one key may make at once after a rest.")
    rate_keyless: bool = Field(
        False, description="Hold the local owner, who needs no key, to RATE_PER_SECOND too."
    )
    graphql_documents: Path | None = Field(
        None,
        description="A document, or a folder of documents (*.graphql, *.gql), read at the start. When set, every other one "
        "is refused, introspection and the explorer's too; clients may send a file's SHA-256 instead of its text.",
    )
    graphql_introspection: bool = Field(
        True, description="Answer introspection, and suggest names in error messages."
    )
    socket_init_seconds: float = Field(
        5.0, gt=0, description="Seconds a WebSocket may stay open without connection_init."
    )
    socket_max_operations: int = Field(
        100, ge=1, description="Most operations running at a time on one WebSocket or event stream."
    )
    key_check_seconds: float = Field(
        30.0, gt=0, description="Seconds between checks that the key of an open stream still holds."
    )
    send_deadline_seconds: float = Field(
        10.0, gt=0, description="Seconds a client may stop reading a stream before it is cut off."
    )
    heartbeat_seconds: float = Field(
        12.0, gt=0, description="Seconds of silence after which an event stream sends a comment."
    )
