"""LoRA trainings on Replicate: pictures zipped and uploaded, the destination model made first, weights fetched.

The zip carries our call's name in its metadata, and a training names its zip: so a lost call can be found.
"""

import io
import json
import re
import tarfile
import zipfile
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from generators.events import AdapterMade, FailureKind, Phase, Stepped, TextGrown
from generators.generator import Live
from generators.hosted.calls import Made, Order, Sent
from generators.hosted.clock import Clock
from generators.hosted.failures import Trouble
from generators.hosted.http import Fetcher
from generators.hosted.replicate import Watch, hook, named
from generators.hosted.replicate_api import NAME, ReplicateApi
from generators.hosted.replicate_wire import FINAL, ended_badly, progress
from generators.hosted.settings import HostedSettings
from generators.spec import TrainingSpec

_LOSS = re.compile(r"loss[:=]\s*([0-9.]+(?:e[+-]?\d+)?)")
_MAX_WEIGHTS = 2 * 1024**3
_HEAD = 8


class ReplicateTrainings:
    """Trains a FLUX LoRA."""

    name = NAME
    resumable = True

    def __init__(
        self, settings: HostedSettings, clock: Clock, api: ReplicateApi, watch: Watch, fetcher: Fetcher
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._api = api
        self._watch = watch
        self._fetcher = fetcher
        self._taken: set[str] = set()

    async def send(self, order: Order[TrainingSpec], live: Live) -> Sent:
        """Upload, make the destination, POST the training."""
        live.report(Stepped(phase=Phase.WAITING_FOR_PROVIDER))
        try:
            url = await self._api.upload(zipped(order), f"{order.key}.zip", "application/zip", tag=order.key)
            model, version = await self._trainer(order.entry.wire)
            destination = await self._destination(order.key)
        except Trouble as trouble:
            trouble.ambiguous = False  # nothing so far is billed
            raise
        made, extra = inputs_of(order.spec, url), hook(self._settings, order.key)

        async def act(client: Any) -> None:
            await client.trainings.async_create(
                model=model, version=version, input=made, destination=destination, **extra
            )

        return named(await self._api.change(act), self._taken)

    async def finish(
        self, order: Order[TrainingSpec], sent: Sent, live: Live
    ) -> AsyncGenerator[TextGrown | Made, None]:
        """Poll until it ends, then fetch the weights."""
        assert sent.provider_id is not None
        until = order.begun + self._settings.hosted_training_seconds
        last: Mapping[str, Any] = {}
        async for last in self._watch.states(f"/v1/trainings/{sent.provider_id}", sent.answer, until):
            _report(last, live)
        status = last.get("status")
        if status not in FINAL:
            trouble = Trouble(FailureKind.TIMEOUT, "The training did not end in time and was canceled.")
            trouble.billed = order.estimate
            await self.stop(sent.provider_id)
            raise trouble
        if status != "succeeded":
            trouble = ended_badly(last)
            trouble.billed = order.estimate if last.get("started_at") else trouble.billed
            raise trouble
        yield await self._made(order, last)

    async def find(self, order: Order[TrainingSpec], /) -> str | None:
        """What a webhook told, else the training whose zip carries this call's name."""
        if (told := self._watch.heard(order.key)) is not None:
            return told
        files = await self._api.look("/v1/files")
        urls = {
            file.get("urls", {}).get("get")
            for file in files.get("results", [])
            if (file.get("metadata") or {}).get("call") == order.key
        }
        async for row in self._api.listed("/v1/trainings"):
            if (row.get("input") or {}).get("input_images") in urls:
                return str(row["id"])
        return None

    async def stop(self, provider_id: str, /) -> None:
        """Cancel the training."""
        await self._api.change(lambda client: client.trainings.async_cancel(provider_id))

    async def _trainer(self, wire: str) -> tuple[str, str]:
        name, _, version = wire.partition(":")
        if version:
            return name, version
        model = await self._api.look(f"/v1/models/{name}")
        latest = (model.get("latest_version") or {}).get("id")
        if not latest:
            raise Trouble(FailureKind.BAD_REQUEST, f"Replicate serves no version of {name}.")
        return name, str(latest)

    async def _destination(self, key: str) -> str:
        owner = self._settings.replicate_owner or str((await self._api.look("/v1/account"))["username"])
        name = f"likeness-{key}"
        hardware = self._settings.replicate_hardware
        await self._api.change(
            lambda client: client.models.async_create(owner, name, visibility="private", hardware=hardware)
        )
        return f"{owner}/{name}"

    async def _made(self, order: Order[TrainingSpec], training: Mapping[str, Any]) -> Made:
        output = training.get("output")
        url = output.get("weights") if isinstance(output, dict) else None
        if not isinstance(url, str) or not isinstance(output, dict):
            trouble = Trouble(
                FailureKind.PROVIDER_DOWN, "Replicate deleted the weights before they were fetched."
            )
            trouble.made, trouble.billed, trouble.retryable = True, order.estimate, False
            raise trouble
        try:
            data = weights(await self._fetcher.file(url))
        except Trouble as trouble:
            trouble.open = trouble.retryable
            trouble.made, trouble.billed = True, order.estimate
            raise
        final = AdapterMade(
            data=data,
            rank=order.spec.rank,
            model=order.entry.model.key,
            parameters={
                "provider": "REPLICATE",
                "version": output.get("version"),
                "trainingId": training.get("id"),
                "trigger": order.spec.trigger,
                "steps": order.spec.steps,
            },
        )
        return Made(final=final, cost=order.estimate)


def inputs_of(spec: TrainingSpec, images: str) -> dict[str, Any]:
    """The trainer's input; pictures without a caption are captioned by it."""
    return {
        "input_images": images,
        "trigger_word": spec.trigger,
        "steps": spec.steps,
        "learning_rate": spec.learning_rate,
        "lora_rank": spec.rank,
        "batch_size": 1,
        "resolution": "512,768,1024",
        "autocaption": any(image.caption is None for image in spec.images),
        "autocaption_prefix": f"a photo of {spec.trigger}, {spec.class_prompt}, ",
    }


def zipped(order: Order[TrainingSpec]) -> bytes:
    """The pictures as 0.png, 1.png …, each caption as 0.txt, 1.txt …; equal inputs give equal bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for at, (image, reference) in enumerate(zip(order.spec.images, order.references, strict=True)):
            ending = reference.media_type.rsplit("/", 1)[-1]
            archive.writestr(zipfile.ZipInfo(f"{at}.{ending}"), reference.data)
            if image.caption is not None:
                archive.writestr(zipfile.ZipInfo(f"{at}.txt"), image.caption)
    return out.getvalue()


def weights(archive: bytes) -> bytes:
    """The one safetensors file of the trainer's tar; raises Trouble when there is none or it is damaged."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isreg() else None
                if file is not None and member.name.endswith(".safetensors") and member.size <= _MAX_WEIGHTS:
                    return _whole(file.read())
    except (tarfile.TarError, EOFError, ValueError) as error:
        words = f"The weights that Replicate delivered are damaged: {error}."
        raise Trouble(FailureKind.PROVIDER_DOWN, words) from error
    raise Trouble(
        FailureKind.PROVIDER_DOWN, "Replicate's archive holds no safetensors file.", retryable=False
    )


def _whole(data: bytes) -> bytes:
    # https://huggingface.co/docs/safetensors: 8 bytes length, that much JSON with offsets, then the tensors.
    length = int.from_bytes(data[:_HEAD], "little")
    head = json.loads(data[_HEAD : _HEAD + length])
    ends = [tensor["data_offsets"][1] for name, tensor in head.items() if name != "__metadata__"]
    if len(data) != _HEAD + length + max(ends, default=0):
        raise ValueError("the file ends before its end")
    return data


def _report(training: Mapping[str, Any], live: Live) -> None:
    bar = progress(training.get("logs"))
    if bar is None:
        live.report(Stepped(phase=Phase.WAITING_FOR_PROVIDER))
        return
    losses = _LOSS.findall(str(training.get("logs")))
    live.report(
        Stepped(phase=Phase.TRAINING, step=bar[0], steps=bar[1], loss=float(losses[-1]) if losses else None)
    )
