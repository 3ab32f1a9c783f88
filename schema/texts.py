"""Views of texts that are being written."""

from collections.abc import AsyncGenerator
from typing import Any

import resolvers.texts
from resolvers.context import Info
from resolvers.inputs import BigInt
from schema.ids import GlobalId, expect
from schema.publish import publishes, shown
from store.database import tables


@publishes(resolvers.texts.TextDelta)
class TextDelta:
    """More of a job's text. Offsets count code points, so that any part can be asked for again."""

    offset: BigInt = shown("Where `text` begins in the whole text.")
    text: str = shown("What was added; empty when nothing was and nothing more will come.")
    next: BigInt = shown("Where the next delta begins: what to give as `after` when the connection broke.")
    done: bool = shown("Whether the text is over; the last delta of the stream.")


def job_text(info: Info, job_id: GlobalId, after: BigInt | None = None) -> AsyncGenerator[TextDelta, None]:
    """Decode the id and watch the job's text; its deltas are shown as TextDelta."""
    deltas: Any = resolvers.texts.watch_text(info, expect(job_id, tables.Job, ("jobId",)), after or 0)
    return deltas  # type: ignore[no-any-return]  # rows behind a view
