"""Replicate's words, without any connection: inputs of a prediction, statuses, progress in logs, errors, webhooks.

Facts that the client 1.0.7 gets wrong are here: a status `aborted`, progress bars with a prefix or joined by
carriage returns, and errors whose headers it drops.
"""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from generators.events import FailureKind, Json
from generators.generator import Fate
from generators.hosted.calls import Reference
from generators.hosted.entry import Entry, Inputs, Sizing, ratio_of
from generators.hosted.failures import Trouble
from generators.spec import ConditioningKind, ImageSpec

FINAL = frozenset({"succeeded", "failed", "canceled", "aborted"})
SEED_LIMIT = 2**31  # the models take 32-bit signed seeds; ours go to 2**53

_BAR = re.compile(r"(\d+)%\|[^|]*\|\s*(\d+)/(\d+)")
_REJECTED = re.compile(
    r"nsfw|flagged as sensitive|\(E005\)|content policy|safety (?:filter|system)", re.IGNORECASE
)
_PASSING = re.compile(
    r"interrupted|try again|out of memory|timed? ?out|unavailable|overloaded|\(E00[1-4]\)", re.IGNORECASE
)
_TIER_2K = 2560 * 1600


class BadSignature(ValueError):  # noqa: N818 - says what the webhook has
    """The webhook was not signed by Replicate with our secret, or too long ago."""


def inputs_of(
    spec: ImageSpec, entry: Entry, references: tuple[Reference, ...], urls: tuple[str, ...]
) -> dict[str, Json]:
    """The prediction's input; `urls` are where Replicate finds the references, in their order."""
    form = entry.inputs or Inputs()
    made: dict[str, Json] = {"prompt": spec.prompt, **form.fixed, **_size(spec, entry, form)}
    if form.seed:
        made["seed"] = spec.seed % SEED_LIMIT
    if form.negative and spec.negative_prompt is not None:
        made[form.negative] = spec.negative_prompt
    if form.steps and spec.steps:
        made[form.steps] = min(spec.steps, form.max_steps)
    if form.guidance and spec.guidance is not None:
        made[form.guidance] = spec.guidance
    made.update(_pictures(form, references, urls))
    return made


def _size(spec: ImageSpec, entry: Entry, form: Inputs) -> dict[str, Json]:
    ratio = ratio_of(spec.width, spec.height, entry.ratios)
    if form.sizing is Sizing.CUSTOM:
        return {"aspect_ratio": "custom", "width": spec.width, "height": spec.height}
    if form.sizing is Sizing.PIXELS:
        return {"width": spec.width, "height": spec.height}
    if form.sizing is Sizing.SIZE:
        return {"size": f"{spec.width}x{spec.height}"}
    if form.sizing is Sizing.TIER:
        tier = "2K" if spec.width * spec.height <= _TIER_2K else "4K"
        return {"size": tier, "aspect_ratio": ratio or "1:1"}
    return {"aspect_ratio": ratio or "1:1"} if form.sizing is Sizing.RATIO else {}


def _pictures(form: Inputs, references: tuple[Reference, ...], urls: tuple[str, ...]) -> dict[str, Json]:
    made: dict[str, Json] = {}
    listed: list[Json] = []
    for reference, url in zip(references, urls, strict=True):
        if reference.held.kind is ConditioningKind.INIT_IMAGE and form.image:
            made[form.image] = url
            if form.strength:
                made[form.strength] = round(1 - min(1.0, reference.held.weight), 3)
        elif form.references:
            listed.append(url)
    if listed:
        made[form.references] = listed[0] if form.single else listed
    return made


def same_call(prediction: Mapping[str, Any], spec: ImageSpec, entry: Entry) -> bool:
    """Whether a listed prediction is the call of this spec: same model, and every plain input equal, seed included.

    Never for a model without a seed: two variants of one prompt could not be told apart.
    """
    form = entry.inputs or Inputs()
    given = prediction.get("input")
    if not form.seed or not isinstance(given, Mapping):
        return False
    wire = entry.wire_name(spec.quality)
    owner, _, version = wire.partition(":")
    fits = prediction.get("version") == version if version else prediction.get("model") == owner
    if wire.startswith("deployments/"):
        fits = True  # the prediction names the model behind the deployment; the inputs decide
    wanted = inputs_of(spec, entry, (), ())
    return fits and all(given.get(name) == value for name, value in wanted.items())


def progress(logs: str | None) -> tuple[int, int] | None:
    """Step and steps of the last progress bar in the logs, whatever stands before it; None = no bar."""
    for line in reversed(re.split(r"[\r\n]", logs or "")):
        if (found := _BAR.search(line)) is not None:
            return int(found[2]), int(found[3])
    return None


def output_url(prediction: Mapping[str, Any]) -> str | None:
    """Where the first picture of a succeeded prediction lies."""
    output = prediction.get("output")
    if isinstance(output, list):
        output = output[0] if output else None
    return output if isinstance(output, str) else None


def ended_badly(prediction: Mapping[str, Any]) -> Trouble:
    """What a prediction or training that failed, was canceled or aborted means."""
    words = str(prediction.get("error") or "Replicate gave no reason.")
    status = prediction.get("status")
    if status == "canceled":
        return Trouble(FailureKind.CANCELED, "The call was canceled at Replicate.")
    if status == "aborted":
        return Trouble(FailureKind.PROVIDER_DOWN, "Replicate gave the call up before it had begun.")
    if _REJECTED.search(words):
        return Trouble(FailureKind.REJECTED_CONTENT, words)
    return Trouble(FailureKind.PROVIDER_DOWN, words, retryable=bool(_PASSING.search(words)))


def fate_of(call: Mapping[str, Any], *, training: bool) -> Fate | None:
    """How a prediction or training ended and what is billed for it; None = it goes on.

    Public models bill what had begun and was canceled, but neither what failed nor what never began; trainings bill
    the time they ran.
    """
    status = call.get("status")
    if status not in FINAL:
        return None
    ran = bool(call.get("started_at")) and status != "aborted"
    billed = status == "succeeded" or (ran and (training or status == "canceled"))
    return Fate(
        provider_id=str(call.get("id")),
        succeeded=status == "succeeded",
        billed=None if billed else Decimal(0),
    )


def verified_webhook(headers: Mapping[str, str], body: bytes, secret: str) -> dict[str, Any]:
    """The prediction that a webhook of Replicate carries, once its signature has been checked.

    `secret` is `whsec_…`; a timestamp more than 5 minutes away is refused. Raises BadSignature.
    """
    from standardwebhooks import Webhook, WebhookVerificationError

    try:
        Webhook(secret).verify(body, {name.lower(): value for name, value in headers.items()})
        prediction = json.loads(body)
    except (WebhookVerificationError, ValueError) as error:
        raise BadSignature(f"The webhook cannot be trusted: {error}") from error
    if not isinstance(prediction, dict) or not isinstance(prediction.get("id"), str):
        raise BadSignature("The webhook carries no prediction.")
    return prediction
