"""What the hosted generators need to be told. Field names are the clients' own variables in lower case.

Reads nothing itself: the composition root fills it in. Keys never show in `repr`.
"""

import dataclasses
from decimal import Decimal
from typing import Any

_FREE = Decimal(0)


def _set(default: Any, doc: str) -> Any:
    return dataclasses.field(default=default, metadata={"doc": doc})


def _secret(doc: str) -> Any:
    return dataclasses.field(default=None, repr=False, metadata={"doc": doc, "secret": True})


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostedSettings:
    """Keys, addresses and limits of all providers. A provider without its key is not available, nothing else."""

    openai_api_key: str | None = _secret(
        "OpenAI's key; without it no GPT Image or GPT text model is available"
    )
    openai_base_url: str = _set("https://api.openai.com/v1", "where OpenAI is reached")
    openai_org_id: str | None = _set(None, "organisation billed by OpenAI; empty = the key's own")
    openai_project_id: str | None = _set(None, "project billed by OpenAI; empty = the key's own")

    text_base_url: str | None = _set(
        None, "any OpenAI-compatible endpoint that writes text, e.g. http://127.0.0.1:11434/v1 (Ollama)"
    )
    text_model: str | None = _set(None, "the model that writes text; default gpt-6-luna with an OpenAI key")
    text_api_key: str | None = _secret("key of TEXT_BASE_URL, when it wants one")
    text_price_input: Decimal = dataclasses.field(
        default=_FREE, metadata={"doc": "US dollars per million input tokens at TEXT_BASE_URL"}
    )
    text_price_output: Decimal = dataclasses.field(
        default=_FREE, metadata={"doc": "US dollars per million output tokens at TEXT_BASE_URL"}
    )

    replicate_api_token: str | None = _secret("Replicate's token")
    replicate_base_url: str = _set("https://api.replicate.com", "where Replicate is reached")
    replicate_models: tuple[str, ...] = _set(
        (), "further models: owner/name, owner/name:version or deployments/owner/name"
    )
    replicate_owner: str | None = _set(None, "account that owns trained models; empty = the token's account")
    replicate_hardware: str = _set("gpu-t4", "hardware of the models that trainings create")
    replicate_webhook_url: str | None = _set(
        None, "public https address of our Replicate webhook; empty = polling alone"
    )
    replicate_webhook_secret: str | None = _secret("whsec_… from Replicate; checks incoming webhooks")

    recraft_api_token: str | None = _secret("Recraft's token")
    recraft_base_url: str = _set("https://external.api.recraft.ai/v1", "where Recraft is reached")

    gemini_api_key: str | None = _secret("Google's key for the Gemini API")
    google_gemini_base_url: str = _set("https://generativelanguage.googleapis.com", "where Gemini is reached")

    pexels_api_key: str | None = _secret("Pexels' key, for stock photographs")
    pexels_base_url: str = _set("https://api.pexels.com/v1", "where Pexels is reached")

    hosted_allow_private: bool = _set(
        False,
        "let results be fetched over http and from private addresses; for tests and private mirrors only",
    )
    hosted_max_bytes: int = _set(64 * 1024 * 1024, "bytes; a larger result is refused")
    hosted_download_seconds: float = _set(120.0, "seconds for fetching one result")
    hosted_call_seconds: float = _set(600.0, "seconds for one synchronous call (OpenAI, Recraft, Gemini)")
    hosted_send_seconds: float = _set(60.0, "seconds until Replicate must have named a prediction")
    hosted_poll_seconds: float = _set(1.0, "seconds between two looks at a running prediction")
    hosted_run_seconds: float = _set(
        2400.0, "seconds after which a prediction is given up (Replicate ends at 1800)"
    )
    hosted_training_seconds: float = _set(6 * 3600.0, "seconds after which a training is given up")
    hosted_unknown_seconds: float = _set(900.0, "seconds to look for a call whose fate is unknown")
    hosted_breaker_failures: int = _set(5, "failures in a row that make a provider rest")
    hosted_breaker_seconds: float = _set(30.0, "seconds of the first rest; doubles up to ten times as long")

    def secrets(self) -> tuple[str, ...]:
        """Every key that is set, to be blotted out of what providers say."""
        fields = (field for field in dataclasses.fields(self) if field.metadata.get("secret"))
        return tuple(value for field in fields if (value := getattr(self, field.name)))
