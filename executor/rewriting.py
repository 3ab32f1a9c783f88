"""Smart prompts: what a text model made of the caller's words is put into the pictures that wait for it.

The pictures lie in the queue behind a gate, with a template's prompt; whatever becomes of the text, the gate
opens. Knows rows and how a prompt is framed; knows no text model.
"""

import dataclasses
from collections.abc import Awaitable, Callable

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from executor.models import Models
from generators.events import TextMade
from store.database.tables import JobStatus, Task, TaskKind, Variant
from store.queue import Held, finish, open_gate

EndOfText = Callable[[AsyncSession, Held, TextMade], Awaitable[None]]
"""What the end of a job's text means, in the transaction that ends its task (and calls `queue.finish`)."""
QUOTES = "\"'“”«»`"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frame:
    """What stands around the caller's words in a composed prompt: whom it shows, and in which style."""

    before: str = ""
    after: str = ""

    def around(self, words: str) -> str:
        """The whole prompt: the look first (it matters most, and encoders cut off the end)."""
        return " ".join(part for part in (self.before, sentence(words), self.after) if part)


def sentence(words: str) -> str:
    """The words with a full stop; nothing for nothing."""
    plain = words.strip()
    return plain if not plain or plain.endswith((".", "!", "?", "…")) else f"{plain}."


class Rewriter:
    """Ends the text of an IMAGE job."""

    def __init__(self, models: Models) -> None:
        self._models = models

    async def end(self, session: AsyncSession, held: Held, event: TextMade) -> None:
        """Give the waiting pictures the new words, where their model takes so many; then let them be made."""
        job = held.job
        if job is None:
            raise ValueError("A prompt was rewritten for no job.")
        words = (job.text or "").strip().strip(QUOTES).strip()
        frame = Frame(**job.request.get("frame", {}))
        waiting = (
            select(Task, Variant)
            .join(Variant, Variant.id == Task.variant_id)
            .where(Task.job_id == job.id, Task.kind == TaskKind.IMAGE, Task.state == JobStatus.QUEUED)
            .order_by(Task.id)
            .with_for_update()
            .execution_options(populate_existing=True)
        )
        for task, variant in (await session.execute(waiting)).all():
            prompt = frame.around(words)
            model = self._models.get(task.model_key or "")
            if not words or model is None or len(prompt) > model.max_prompt:
                continue
            task.spec = {**task.spec, "prompt": prompt}
            variant.enhanced_prompt, variant.enhanced_by = words, event.model
            variant.composed_prompt = prompt
        await open_gate(session, job.id)
        await finish(session, held)
