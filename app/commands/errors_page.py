"""docs/errors.md: every code that a client can meet, what it means, and what to do about it.

What a code means comes from the contract; what to do stands here, and a code without it is a KeyError.
"""

from collections.abc import Iterable, Mapping

from graphql import GraphQLEnumType

from app.graphql.refusals import ErrorCode
from schema import schema

HEAD = """# Errors

Written by `make settings` from the code; do not edit by hand.

Three kinds, and each has its place:

- **A refusal is an answer.** Mutations have `userErrors { code message field }`: nothing was changed, `message` is a
  sentence for people, `field` the path into the input. Bulk mutations have them for each id.
- **A failure is data.** What could not be made has `failure { code message retryable }` on its job and variant.
  `retryJob` makes what is missing, as a new job.
- **An error is about the request.** `errors[].extensions.code`: who is asking, how much, how it was written, or a
  fault of ours. Queries and subscriptions, which have no `userErrors`, use the codes of refusals here too.
"""
REFUSED = """
## `userErrors[].code`

| code | meaning | what to do |
| --- | --- | --- |
"""
FAILED = """
## `failure.code`

`retryable` says whether `retryJob` may succeed with nothing else changed.

| code | meaning | what to do |
| --- | --- | --- |
"""
TOLD = """
## `errors[].extensions.code`

| code | meaning | what to do |
| --- | --- | --- |
"""
REFUSALS = {
    "NOT_FOUND": "Check the id and whose key you use. Ids of others are never told apart from missing ones.",
    "INVALID_ID": "Send an id as the server gave it; ids are opaque and are never built by hand.",
    "INVALID_INPUT": "Mend the field that `field` names.",
    "TOO_LONG": "Shorten the text in `field`; the message says by how much.",
    "CONFLICT": "Read it again, then decide anew.",
    "INVALID_STATE": "Read the status. The message says from which one this is possible.",
    "NO_BASE_IMAGE": "Make or upload one: `generateBaseImage`, `uploadBaseImage`.",
    "APPEARANCE_LOCKED": "`unlockAppearance`, then change it and approve again.",
    "UNKNOWN_MODEL": "Choose a `key` of `models`.",
    "MODEL_UNAVAILABLE": "Do what the message says (a key, a download), or choose another model.",
    "NO_LOCAL_MODEL": "`python -m app models` shows the reasons; name a checkpoint in LOCAL_CHECKPOINTS, or a hosted "
    "`model`.",
    "NOT_SUPPORTED": "Leave the field out, or choose a model whose `capabilities` have it.",
    "FILE_TOO_LARGE": "Send a smaller file; MAX_UPLOAD_MB is the limit.",
    "INVALID_FILE_TYPE": "Send PNG, JPEG or WEBP; the bytes count, not the name.",
    "INVALID_FILE": "Save the picture anew and send that.",
    "QUOTA_EXCEEDED": "Ask for fewer, wait until the limit renews, or have an owner raise it with `updateUser`.",
    "BUDGET_EXCEEDED": "Choose a cheaper model (`estimateCost`), wait, or have an owner raise the budget.",
    "NO_TEXT_MODEL": "Set TEXT_BASE_URL and TEXT_MODEL, or OPENAI_API_KEY.",
    "UNKNOWN_PRESET": "Choose a `key` of `presets`.",
    "UNKNOWN_TEMPLATE": "Choose a `key` of `characterTemplates`.",
    "INVALID_NOTATION": "Mend the notation at the place that the message names.",
    "CONTENT_REFUSED": "Say it differently; the operator's rules are against it.",
    "IDEMPOTENCY_MISMATCH": "Use a new key for a new request.",
    "IDEMPOTENCY_CONCURRENT": "Wait a moment and send the same again.",
}
FAILURES = {
    "REJECTED_CONTENT": "Change the prompt or the references; another provider may see it differently.",
    "BAD_REQUEST": "Change what the message names; as it was, it fails again.",
    "AUTHENTICATION": "Mend the provider's key, then `retryJob`.",
    "OUT_OF_CREDIT": "Add credit at the provider, then `retryJob`.",
    "RATE_LIMITED": "`retryJob` later; the queue has waited several times already.",
    "PROVIDER_DOWN": "`retryJob` later, or choose another model.",
    "TIMEOUT": "`retryJob`; with fewer steps or a smaller size it takes less.",
    "OUTCOME_UNKNOWN": "Look at the provider whether it was made and billed; `retryJob` sends (and may pay) again.",
    "OUT_OF_MEMORY": "Make the picture smaller, or choose a smaller checkpoint.",
    "POISON": "Do not repeat it as it is; tell the operator, whose log has the reason.",
    "NO_CHECKPOINT": "Download the checkpoint (`python -m app models pull`), or choose another model.",
    "CANCELED": "Nothing; `retryJob` makes what is missing.",
    "INTERNAL": "Look into the server's log under the job's request id.",
}
ERRORS = {
    "BAD_REQUEST": ("The request is no GraphQL request.", "Send JSON with `query` and `variables`."),
    "BAD_USER_INPUT": ("An argument or variable cannot be used.", "Mend what the message names."),
    "BUSY": (
        "Every database connection was taken for fifteen seconds.",
        "Try again in a moment; operators raise DATABASE_POOL or start another server.",
    ),
    "CSRF_PREVENTED": (
        "A browser could have been made to send this.",
        "Send `content-type: application/json`, or the header `graphql-require-preflight: 1` with uploads.",
    ),
    "DOCUMENT_NOT_ALLOWED": (
        "The operator has chosen which documents this server runs, and this is none of them.",
        "Send one of those, or have it added to GRAPHQL_DOCUMENTS; the server reads it when it starts.",
    ),
    "FORBIDDEN": ("You are known, but may not do this.", "Use a key or a role with the scope that is named."),
    "GRAPHQL_PARSE_FAILED": ("The document is no GraphQL.", "Mend it at the place that `locations` names."),
    "GRAPHQL_VALIDATION_FAILED": (
        "The document does not fit the schema.",
        "Compare it with `schema.graphql`.",
    ),
    "INTERNAL": (
        "A fault of ours.",
        "Tell the operator the error's id; the log has it. Others are not harmed.",
    ),
    "METHOD_NOT_ALLOWED": ("Not with this HTTP method.", "POST; GET is for queries only."),
    "NOT_ACCEPTABLE": (
        "No answer in a form that `Accept` takes.",
        "Accept `application/graphql-response+json`, `application/json` or `text/event-stream`.",
    ),
    "NOT_FOUND": ("There is no such thing, or it is somebody else's.", "Check the id and whose key you use."),
    "OPERATION_RESOLUTION_FAILED": (
        "Which operation to run is not clear.",
        "Name one of the document in `operationName`.",
    ),
    "PAYLOAD_TOO_LARGE": ("The body is larger than allowed.", "Send pictures to `POST /uploads` first."),
    "PERSISTED_QUERY_NOT_FOUND": (
        "The document that this name stands for is not known here (any more).",
        "Send it once together with its name; clients of Apollo and urql do so by themselves.",
    ),
    "QUERY_TOO_COSTLY": (
        "More fields than allowed, counted once for every row asked for; `cost` and `limit` say how many.",
        "Ask for smaller pages (`first`, `last`), for fewer fields, or in several requests.",
    ),
    "QUERY_TOO_DEEP": ("The document is nested too deeply.", "Ask in several requests."),
    "QUERY_TOO_LARGE": ("The document is too long.", "Ask in several requests."),
    "RATE_LIMITED": (
        "This key asks more often than it may (429).",
        "Wait `retryAfterSeconds`, the same as the header Retry-After; operators raise RATE_PER_SECOND and RATE_BURST.",
    ),
    "SHUTTING_DOWN": ("The server is about to end.", "Connect again in a moment; nothing is lost."),
    "TIMEOUT": ("It took longer than a request may.", "Ask for less at once."),
    "TOO_MANY_ALIASES": ("More aliases than allowed.", "Ask in several requests."),
    "TOO_MANY_DIRECTIVES": ("More directives than allowed.", "Leave some out."),
    "TOO_MANY_FIELDS": ("More fields than allowed.", "Ask for fewer, or for smaller pages."),
    "TOO_MANY_OPERATIONS": ("More operations in one document than allowed.", "Send them one by one."),
    "TOO_MANY_ROOT_FIELDS": ("More fields at the root than allowed.", "Ask in several requests."),
    "TOO_MANY_TOKENS": ("The document has too many tokens.", "Ask in several requests."),
    "UNAUTHENTICATED": (
        "The key is missing, wrong, expired or revoked.",
        "Send `authorization: Bearer <key>`; `python -m app keys create NAME` makes one.",
    ),
    "UNSUPPORTED_MEDIA_TYPE": ("The body is of another type.", "Send `content-type: application/json`."),
}


def render() -> str:
    """The page as it should be; raises KeyError for a code that nothing is said about."""
    told = ((code.value, *ERRORS[code.value]) for code in ErrorCode)
    return (
        HEAD
        + REFUSED
        + _table(_published("UserErrorCode", REFUSALS))
        + FAILED
        + _table(_published("FailureCode", FAILURES))
        + TOLD
        + _table(told)
    )


def _published(enum: str, what_to_do: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    """Code, meaning and advice of every value of an enum of the contract."""
    kind = schema._schema.type_map[enum]  # noqa: SLF001 -- Strawberry keeps the built schema there and offers no other way
    assert isinstance(kind, GraphQLEnumType)
    return ((name, value.description or "", what_to_do[name]) for name, value in kind.values.items())


def _table(rows: Iterable[tuple[str, str, str]]) -> str:
    lines = ("| `{}` | {} | {} |".format(*(cell.replace("|", "\\|") for cell in row)) for row in rows)
    return "\n".join(lines) + "\n"
