"""How a resolver says no.

`Refused` is an expected answer: mutations show it as `userErrors`. `Told` is shown as a top-level error with
`extensions.code`. Anything else that is raised is a bug and is masked.
"""

import enum


class UserErrorCode(enum.Enum):
    """Why something was refused; closed, so that clients can match on it."""

    NOT_FOUND = "NOT_FOUND"
    INVALID_ID = "INVALID_ID"
    INVALID_INPUT = "INVALID_INPUT"
    TOO_LONG = "TOO_LONG"
    CONFLICT = "CONFLICT"
    INVALID_STATE = "INVALID_STATE"
    NO_BASE_IMAGE = "NO_BASE_IMAGE"
    APPEARANCE_LOCKED = "APPEARANCE_LOCKED"
    UNKNOWN_MODEL = "UNKNOWN_MODEL"
    MODEL_UNAVAILABLE = "MODEL_UNAVAILABLE"
    NO_LOCAL_MODEL = "NO_LOCAL_MODEL"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    INVALID_FILE_TYPE = "INVALID_FILE_TYPE"
    INVALID_FILE = "INVALID_FILE"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    BUDGET_EXCEEDED = "BUDGET_EXCEEDED"
    NO_TEXT_MODEL = "NO_TEXT_MODEL"
    UNKNOWN_PRESET = "UNKNOWN_PRESET"
    UNKNOWN_TEMPLATE = "UNKNOWN_TEMPLATE"
    INVALID_NOTATION = "INVALID_NOTATION"
    CONTENT_REFUSED = "CONTENT_REFUSED"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    IDEMPOTENCY_CONCURRENT = "IDEMPOTENCY_CONCURRENT"


class Told(Exception):  # noqa: N818 -- an answer to the caller, not an error of ours
    """Shown to the caller word for word as a top-level error; `code` becomes `extensions.code`."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        self.extensions = {"code": code}
        super().__init__(message)


class Refused(Told):
    """Something the caller asked for cannot be; nothing was changed.

    `field` is the path into the input, in the contract's spelling; empty = the request as a whole.
    """

    def __init__(self, code: UserErrorCode, message: str, field: tuple[str, ...] = ()) -> None:
        super().__init__(code.value, message)
        self.reason = code
        self.field = field


def forbidden(message: str) -> Told:
    """The viewer is known, but may not do this."""
    return Told("FORBIDDEN", message)


def not_found(what: str) -> Told:
    """There is no such thing, or it is somebody else's: the two look alike on purpose."""
    return Told("NOT_FOUND", f"There is no {what} with this id.")


def bad_input(message: str) -> Told:
    """An argument of a query or subscription that cannot be used."""
    return Told("BAD_USER_INPUT", message)
