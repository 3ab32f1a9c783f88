"""What happened, in the order it happened. Never published as it is; the executor turns it into rows.

Durable events are yielded by `Generator.run`: pulling the next one is the promise that the last is
committed. `Stepped`, `Previewed` and `Drawn` go through `Live.report`, which may drop all but the newest.
"""

import dataclasses
import enum
from collections.abc import Mapping
from decimal import Decimal

from generators.spec import Conditioning

Json = str | int | float | bool | list["Json"] | dict[str, "Json"] | None


class Phase(enum.Enum):
    """What a run is doing just now."""

    LOADING_MODEL = "LOADING_MODEL"
    ENCODING = "ENCODING"
    DENOISING = "DENOISING"
    DECODING = "DECODING"
    SAVING = "SAVING"
    WAITING_FOR_PROVIDER = "WAITING_FOR_PROVIDER"
    WRITING = "WRITING"
    TRAINING = "TRAINING"
    DOWNLOADING = "DOWNLOADING"
    PUBLISHING = "PUBLISHING"


class FailureKind(enum.Enum):
    """The closed set of ways in which a run can fail (FailureCode in the contract)."""

    REJECTED_CONTENT = "REJECTED_CONTENT"
    BAD_REQUEST = "BAD_REQUEST"
    AUTHENTICATION = "AUTHENTICATION"
    OUT_OF_CREDIT = "OUT_OF_CREDIT"
    RATE_LIMITED = "RATE_LIMITED"
    PROVIDER_DOWN = "PROVIDER_DOWN"
    TIMEOUT = "TIMEOUT"
    OUTCOME_UNKNOWN = "OUTCOME_UNKNOWN"
    OUT_OF_MEMORY = "OUT_OF_MEMORY"
    POISON = "POISON"
    NO_CHECKPOINT = "NO_CHECKPOINT"
    CANCELED = "CANCELED"
    INTERNAL = "INTERNAL"


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallIntended:
    """A paid call is about to be sent. `key` names it within its task; `estimate` in US dollars."""

    key: str
    provider: str
    model: str
    estimate: Decimal


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallAccepted:
    """The provider took the call `key` and named it."""

    key: str
    provider_id: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallEnded:
    """The call's fate is known. `cost` in US dollars as billed (0 for a refusal that is not billed)."""

    key: str
    succeeded: bool
    cost: Decimal


@dataclasses.dataclass(frozen=True, kw_only=True)
class CallUnknown:
    """Whether the provider took the call cannot be known; it must never be sent again by itself."""

    key: str
    words: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class LatentsSaved:
    """A state from which this run can go on after a crash, `step` steps already done."""

    data: bytes
    step: int
    steps: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What is worth knowing about a finished picture.

    `steps` really run; `duration_ms` of making it; `conditioning` really used; `parameters` is shown to users.
    `likeness_embedding` is a unit vector from the checkpoint's image encoder, when it has one.
    """

    model: str
    width: int
    height: int
    model_version: str | None = None
    seed: int | None = None
    steps: int = 0
    duration_ms: int = 0
    conditioning: tuple[Conditioning, ...] = ()
    parameters: Mapping[str, Json] = dataclasses.field(default_factory=dict)
    cost: Decimal | None = None
    provider_job_id: str | None = None
    fallback_from: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageMade:
    """The picture, encoded and not yet marked; ends an image run."""

    data: bytes
    media_type: str
    facts: ImageFacts


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextGrown:
    """More text, to be appended to what came before."""

    text: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class TextMade:
    """The text is complete; `cost` in US dollars. Ends a text run."""

    model: str
    cost: Decimal | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdapterMade:
    """The trained adapter; ends a training run."""

    data: bytes
    rank: int
    model: str
    parameters: Mapping[str, Json] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleMade:
    """A picture that a training made on its way."""

    data: bytes
    media_type: str
    step: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Downloaded:
    """A checkpoint lies ready; ends a download run. `size` in bytes."""

    model: str
    size: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Failed:
    """The run is over without a result. `words` are for the owner and never hold a key; `retry_after` in seconds.

    `tried` False = nothing was sent, since the provider is given a rest: waiting for its end counts as no try.
    """

    kind: FailureKind
    words: str
    retryable: bool = False
    retry_after: float | None = None
    tried: bool = True


Event = (
    CallIntended
    | CallAccepted
    | CallEnded
    | CallUnknown
    | LatentsSaved
    | ImageMade
    | TextGrown
    | TextMade
    | AdapterMade
    | SampleMade
    | Downloaded
    | Failed
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stepped:
    """Where a run stands. `step` of `steps` as the phase counts them; `loss` of a training."""

    phase: Phase
    step: int = 0
    steps: int = 0
    loss: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Previewed:
    """A small picture of where the denoising is heading, sizes in pixels."""

    data: bytes
    media_type: str
    width: int
    height: int
    step: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Drawn:
    """The finished picture while it is still being packed, for whoever makes something of it meanwhile.

    A whole file of the pixels of the `ImageMade` to come, quick to make and to open, large. Sizes in pixels.
    """

    data: bytes
    media_type: str
    width: int
    height: int


Report = Stepped | Previewed | Drawn
