"""Everything that is asked of a provider, one voice each, told alike: so that every fault can be tried on every one."""

import dataclasses
import json
from collections.abc import Callable, Mapping
from typing import Any

from generators.spec import ConditioningKind, TextSpec, TrainingImage, TrainingSpec
from tests.peers import gemini, openai, pexels, recraft, replicate
from tests.peers.clock import VirtualTime
from tests.peers.pictures import picture
from tests.peers.replicate_forms import archive, safetensors
from tests.peers.runs import Bench, reference, spec
from tests.peers.serving import Faults

_GOOGLE = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Voice:
    """One way of asking one provider.

    `asks` makes the spec, `billed` counts what the peer worked on, `halve` lets the peer answer with half of it,
    `hold` lets it never end (None = a hanging POST does). `path` is where the paid call goes, by `method`; `keys`
    are the settings that hold the key, `bases` those that hold the address, with what follows it.
    """

    peer: Callable[[VirtualTime], Any]
    asks: Callable[[Bench], Any]
    billed: Callable[[Any], int]
    halve: Callable[[Any, Faults], None]
    error: Callable[[int, str], Any]
    path: str
    keys: Mapping[str, str]
    bases: Mapping[str, str]
    more: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    hold: Callable[[Any], None] | None = None
    method: str = "POST"

    def settings(self, url: str) -> dict[str, Any]:
        """What a bench needs to reach the peer at `url`."""
        reached = {name: f"{url}{rest}" for name, rest in self.bases.items()}
        return {**self.keys, **reached, **self.more, "hosted_unknown_seconds": 30.0}

    def answer(self, status: int, words: str = "It said no.") -> dict[str, Any]:
        """That status as this provider says it, as a fault; three seconds to wait."""
        body = json.dumps(self.error(status, words)).encode()
        headers = {"retry-after": "3"} if status == 429 else {}
        return {
            "kind": "answer",
            "path": self.path,
            "method": self.method,
            "status": status,
            "body": body,
            "headers": headers,
        }


def _openai_error(_status: int, words: str) -> Any:
    return {"error": {"message": words, "type": "invalid_request_error", "param": None, "code": None}}


def _google_error(status: int, words: str) -> Any:
    retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}
    return gemini.error(status, _GOOGLE.get(status, "FAILED_PRECONDITION"), words, retry)


def _replicate_error(status: int, words: str) -> Any:
    return {"detail": words, "status": status}


def _recraft_error(_status: int, words: str) -> Any:
    return {"code": "refused", "message": words}


def _pexels_error(status: int, words: str) -> Any:
    return {"status": status, "code": words}


def _behaves(how: str) -> Callable[[Any, Faults], None]:
    def halve(peer: Any, _faults: Faults) -> None:
        peer.behave = [how]

    return halve


def _half_weights(peer: Any, _faults: Faults) -> None:
    peer.weights = archive({"lora.safetensors": safetensors()[:-4]})


def _half_delivery(_peer: Any, faults: Faults) -> None:
    faults.add("short", times=3, path="/photos/")


def _never(peer: Any) -> None:
    peer.behave = ["never"]


def _with_reference(model: str, kind: ConditioningKind) -> Callable[[Bench], Any]:
    return lambda bench: spec(model, conditioning=(reference(bench.files.add(picture()), kind),))


def _training(bench: Bench) -> Any:
    images = tuple(TrainingImage(file=bench.files.add(picture(8, 8 + at)), caption="a fox") for at in (0, 1))
    return TrainingSpec(
        model="flux-dev-lora", images=images, trigger="TOK", class_prompt="a fox", steps=500, rank=8
    )


def _replicate(time: VirtualTime) -> Any:
    return replicate.ReplicatePeer(lambda: time.now)


_OPENAI = Voice(
    peer=lambda _time: openai.OpenAIPeer(),
    asks=lambda _bench: spec("gpt-image-2.6-flare"),
    billed=lambda peer: len(peer.bills),
    halve=_behaves("damaged"),
    error=_openai_error,
    path="/images/generations",
    keys={"openai_api_key": openai.KEY},
    bases={"openai_base_url": "/v1"},
)
_REPLICATE = Voice(
    peer=_replicate,
    asks=lambda _bench: spec("flux-schnell"),
    billed=lambda peer: len(peer.predictions),
    halve=_behaves("half"),
    error=_replicate_error,
    path="/predictions",
    keys={"replicate_api_token": replicate.TOKEN},
    bases={"replicate_base_url": ""},
    hold=_never,
)
_RECRAFT = Voice(
    peer=lambda _time: recraft.RecraftPeer(),
    asks=lambda _bench: spec("recraft-v4"),
    billed=lambda peer: len(peer.bills),
    halve=_behaves("half"),
    error=_recraft_error,
    path="/images/generations",
    keys={"recraft_api_token": recraft.TOKEN},
    bases={"recraft_base_url": "/v1"},
)

VOICES: Mapping[str, Voice] = {
    "OpenAI, picture": _OPENAI,
    "OpenAI, edit": dataclasses.replace(
        _OPENAI,
        asks=_with_reference("gpt-image-2.6-flare", ConditioningKind.REFERENCE_IMAGE),
        path="/images/edits",
    ),
    "OpenAI, text": dataclasses.replace(
        _OPENAI,
        asks=lambda _bench: TextSpec(model="gpt-6-luna", instructions="Write.", prompt="A fox."),
        path="/responses",
        halve=_behaves("silent"),
    ),
    "any text endpoint": dataclasses.replace(
        _OPENAI,
        asks=lambda _bench: TextSpec(model="llama4", instructions="Write.", prompt="A fox."),
        path="/chat/completions",
        halve=_behaves("silent"),
        keys={"text_api_key": openai.KEY},
        bases={"text_base_url": "/v1"},
        more={"text_model": "llama4", "text_price_input": 1, "text_price_output": 2},
    ),
    "Replicate, picture": _REPLICATE,
    "Replicate, training": dataclasses.replace(
        _REPLICATE,
        asks=_training,
        billed=lambda peer: len(peer.trainings),
        halve=_half_weights,
        path="/trainings",
    ),
    "Recraft, picture": _RECRAFT,
    "Recraft, refinement": dataclasses.replace(
        _RECRAFT,
        asks=_with_reference("recraft-v4", ConditioningKind.INIT_IMAGE),
        path="/images/imageToImage",
    ),
    "Gemini": Voice(
        peer=lambda _time: gemini.GeminiPeer(),
        asks=lambda _bench: spec("gemini-nano-banana-2.1"),
        billed=lambda peer: len(peer.bills),
        halve=_behaves("half"),
        error=_google_error,
        path=":generateContent",
        keys={"gemini_api_key": gemini.KEY},
        bases={"google_gemini_base_url": ""},
    ),
    "Pexels": Voice(
        peer=lambda _time: pexels.PexelsPeer(),
        asks=lambda _bench: spec("pexels"),
        billed=lambda peer: len(peer.searches),
        halve=_half_delivery,
        error=_pexels_error,
        path="/search",
        method="GET",
        keys={"pexels_api_key": pexels.KEY},
        bases={"pexels_base_url": "/v1"},
    ),
}
