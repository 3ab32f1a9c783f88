"""Trainings on Replicate, webhooks and logs."""

import base64
import hashlib
import hmac
import json
import time as real_time
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from generators.events import AdapterMade, CallAccepted, FailureKind, Phase
from generators.hosted.replicate_wire import BadSignature, progress, verified_webhook
from generators.spec import TrainingImage, TrainingSpec
from tests.peers.clock import VirtualTime
from tests.peers.pictures import picture
from tests.peers.replicate import TOKEN, ReplicatePeer
from tests.peers.replicate_forms import archive, safetensors
from tests.peers.runs import Bench, kinds, known_call
from tests.peers.serving import Served, serving


@pytest.fixture
def peer(time: VirtualTime) -> ReplicatePeer:
    return ReplicatePeer(lambda: time.now)


@pytest.fixture
def served(peer: ReplicatePeer) -> Iterator[Served]:
    with serving(peer.app) as served:
        peer.base = served.url
        yield served


@pytest_asyncio.fixture
async def bench(served: Served, time: VirtualTime) -> AsyncIterator[Bench]:
    bench = Bench(time, replicate_api_token=TOKEN, replicate_base_url=served.url)
    yield bench
    await bench.generator.close()


def _spec(bench: Bench) -> Any:
    images = tuple(
        TrainingImage(file=bench.files.add(picture(8, 8 + at)), caption="a fox" if at else None)
        for at in range(3)
    )
    return TrainingSpec(
        model="flux-dev-lora", images=images, trigger="TOK", class_prompt="a fox", steps=500, rank=8
    )


@pytest.mark.asyncio
async def test_adapter_is_trained_into_a_new_private_model(bench: Bench, peer: ReplicatePeer) -> None:
    events = await bench.run(_spec(bench))
    assert kinds(events) == ["CallIntended", "CallAccepted", "CallEnded", "AdapterMade"]
    made = events[-1]
    key = events[0].key
    assert (made.data, made.rank, made.model) == (safetensors(), 8, "flux-dev-lora")
    assert made.parameters["version"] == f"me/likeness-{key}:abc"
    model = peer.models[f"me/likeness-{key}"]
    assert (model["visibility"], model["hardware"]) == ("private", "gpu-t4")
    training = peer.trainings["t0"]
    assert training["_names"] == ["0.png", "1.png", "1.txt", "2.png", "2.txt"]
    assert training["input"]["autocaption"] is True
    assert (
        training["input"]["trigger_word"],
        training["input"]["lora_rank"],
        training["input"]["steps"],
    ) == ("TOK", 8, 500)
    reports = [(r.step, r.steps, r.loss) for r in bench.live.reports if r.phase is Phase.TRAINING]
    assert reports == [(1, 10, 0.25), (2, 10, 0.25), (3, 10, 0.25)]


@pytest.mark.asyncio
async def test_lost_training_is_found_by_its_zip(bench: Bench, peer: ReplicatePeer, served: Served) -> None:
    served.faults.add("lost", method="POST", path="/trainings")
    events = await bench.run(_spec(bench))
    assert kinds(events) == ["CallIntended", "CallUnknown", "CallAccepted", "CallEnded", "AdapterMade"]
    assert len(peer.trainings) == 1


@pytest.mark.asyncio
async def test_restart_goes_on_polling(bench: Bench, peer: ReplicatePeer) -> None:
    events = await bench.run(_spec(bench), until=lambda e: isinstance(e, CallAccepted))
    assert kinds(await bench.run(_spec(bench), known_call(events))) == ["CallEnded", "AdapterMade"]
    assert len(peer.trainings) == 1


@pytest.mark.asyncio
async def test_failed_training_is_billed_as_estimated(bench: Bench, peer: ReplicatePeer) -> None:
    peer.behave = ["failed"]
    events = await bench.run(_spec(bench))
    assert (events[-1].kind, events[-1].retryable) == (FailureKind.PROVIDER_DOWN, True)
    assert (events[-2].succeeded, events[-2].cost) == (False, Decimal("2.00"))


@pytest.mark.asyncio
async def test_trouble_before_the_training_costs_nothing_and_is_not_unknown(
    bench: Bench, peer: ReplicatePeer, served: Served
) -> None:
    for path in ("/files", "/models"):
        served.faults.add("cut", method="POST", path=path)
        events = await bench.run(_spec(bench))
        assert kinds(events) == ["CallIntended", "CallEnded", "Failed"]
        assert events[1].cost == 0
    assert peer.trainings == {}


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "data", [b"no tar", archive({"readme.txt": b"x"}), archive({"lora.safetensors": safetensors()[:-4]})]
)
async def test_damaged_weights_make_no_adapter(bench: Bench, peer: ReplicatePeer, data: Any) -> None:
    peer.weights = data
    events = await bench.run(_spec(bench))
    assert events[-1].kind is FailureKind.PROVIDER_DOWN
    assert not any(isinstance(event, AdapterMade) for event in events)


@pytest.mark.parametrize(
    ("logs", "found"),
    [
        ("", None),
        ("Using seed: 7\nloading", None),
        (" 25%|██▌       | 1/4 [00:00<00:01]", (1, 4)),
        ("flux_train_replicate:  10%|█| 100/1000 [01:00<09:00, loss: 3.1e-01]", (100, 1000)),
        ("a: 25%|#| 1/4\ra: 50%|##| 2/4\ra: 75%|###| 3/4", (3, 4)),
        ("100%|####| 4/4 [00:01]\nsaving\n", (4, 4)),
        ("0%|          | 0/28 [00:00<?, ?it/s]", (0, 28)),
        (None, None),
    ],
)
def test_progress_is_the_last_bar_whatever_stands_before_it(logs: Any, found: Any) -> None:
    assert progress(logs) == found


SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


def _signed(body: Any, secret: Any = SECRET, age: Any = 0) -> Any:
    now = int(real_time.time()) - age
    signed = f"msg_1.{now}.{body.decode()}".encode()
    digest = hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
    return {
        "Webhook-Id": "msg_1",
        "Webhook-Timestamp": str(now),
        "Webhook-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }


BODY = json.dumps({"id": "p0001", "status": "succeeded"}).encode()


def test_signed_webhook_is_taken() -> None:
    assert verified_webhook(_signed(BODY), BODY, SECRET) == {"id": "p0001", "status": "succeeded"}


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (_signed(BODY), BODY + b" "),
        (_signed(BODY, age=600), BODY),
        (_signed(BODY, "whsec_" + base64.b64encode(b"another secret of thirty-two byte").decode()), BODY),
        ({}, BODY),
        (_signed(BODY) | {"Webhook-Signature": "nonsense"}, BODY),
        (_signed(b"[]"), b"[]"),
        (_signed(b"{"), b"{"),
    ],
    ids=["body", "old", "secret", "none", "malformed", "list", "json"],
)
def test_webhook_that_is_not_signed_so_is_refused(headers: Any, body: Any) -> None:
    with pytest.raises(BadSignature):
        verified_webhook(headers, body, SECRET)
