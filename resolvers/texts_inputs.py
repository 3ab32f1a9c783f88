"""What callers send to have texts written about pictures."""

import dataclasses

from resolvers.fields import given, retry_key
from resolvers.ids import SubjectId, UploadId
from resolvers.inputs import NAME, PROMPT


@dataclasses.dataclass(frozen=True, kw_only=True)
class SuggestPromptsInput:
    """Prompts to be suggested, for a subject, a scene, or both."""

    subject_id: SubjectId | None = given("Who shall be in the pictures.", default=None)
    scene: str | None = given("Where and when, or what it is about.", most=PROMPT, default=None)
    use_case: str | None = given("What the pictures are for.", most=NAME, default=None)
    count: int = given("How many prompts, 1 to 10.", default=4)
    idempotency_key: str | None = retry_key()


@dataclasses.dataclass(frozen=True, kw_only=True)
class AnalyzeReferencesInput:
    """Uploaded pictures to be read by a model that can see."""

    upload_ids: list[UploadId] = given("1 to 10 uploads, from `POST /uploads`.")
    question: str | None = given(
        "What you want to know; what would help to draw the same person or style again when absent.",
        most=PROMPT,
        default=None,
    )
    idempotency_key: str | None = retry_key()
