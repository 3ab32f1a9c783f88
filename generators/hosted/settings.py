"""What the hosted generators need to be told. Field names are the clients' own variables in lower case.

Reads nothing itself: the composition root fills it in.
"""

import dataclasses
from decimal import Decimal

_FREE = Decimal(0)


def _secret() -> str | None:
    key: str | None = dataclasses.field(default=None, repr=False)
    return key


@dataclasses.dataclass(frozen=True, kw_only=True)
class HostedSettings:
    """Keys, addresses and limits of all providers. A provider without its key is not available, nothing else.

    Attributes:
        openai_api_key: OpenAI's key; without it no GPT Image model is available.
        openai_base_url: where OpenAI is reached.
        openai_org_id: organisation that OpenAI bills; not set = the key's own.
        openai_project_id: project that OpenAI bills; not set = the key's own.
        text_base_url: any OpenAI-compatible endpoint that writes text, such as `http://127.0.0.1:11434/v1`
            (Ollama); not set = OpenAI itself.
        text_model: the model that writes texts; not set = gpt-6-luna where there is an OpenAI key.
        text_api_key: key of TEXT_BASE_URL, where it wants one.
        text_price_input: US dollars per million input tokens at TEXT_BASE_URL.
        text_price_output: US dollars per million output tokens at TEXT_BASE_URL.
        replicate_api_token: Replicate's token.
        replicate_base_url: where Replicate is reached.
        replicate_models: further Replicate models, each `owner/name`, `owner/name:version` or
            `deployments/owner/name`.
        replicate_owner: account that owns trained models; not set = the token's own account.
        replicate_hardware: hardware of the models that trainings create.
        replicate_webhook_url: public https address of our Replicate webhook; not set = polling alone.
        replicate_webhook_secret: `whsec_…` from Replicate, checks incoming webhooks.
        recraft_api_token: Recraft's token.
        recraft_base_url: where Recraft is reached.
        gemini_api_key: Google's key for the Gemini API.
        google_gemini_base_url: where Gemini is reached.
        pexels_api_key: Pexels' key, for stock photographs.
        pexels_base_url: where Pexels is reached.
        hosted_allow_private: let results be fetched over http and from private addresses; for tests only.
        hosted_max_bytes: a result of more bytes is refused.
        hosted_download_seconds: seconds for fetching one result.
        hosted_call_seconds: seconds for one synchronous call (OpenAI, Recraft, Gemini).
        hosted_send_seconds: seconds within which Replicate must have named a prediction.
        hosted_poll_seconds: seconds between two looks at a running prediction.
        hosted_run_seconds: seconds after which a prediction is given up; Replicate itself ends them at 1800.
        hosted_training_seconds: seconds after which a training is given up.
        hosted_unknown_seconds: seconds for which a call whose fate is unknown is looked for.
        hosted_breaker_failures: failures in a row after which a provider is given a rest.
        hosted_breaker_seconds: seconds of the first rest; it doubles, up to ten times as long.
    """

    openai_api_key: str | None = _secret()
    openai_base_url: str = "https://api.openai.com/v1"
    openai_org_id: str | None = None
    openai_project_id: str | None = None
    text_base_url: str | None = None
    text_model: str | None = None
    text_api_key: str | None = _secret()
    text_price_input: Decimal = _FREE
    text_price_output: Decimal = _FREE
    replicate_api_token: str | None = _secret()
    replicate_base_url: str = "https://api.replicate.com"
    replicate_models: tuple[str, ...] = ()
    replicate_owner: str | None = None
    replicate_hardware: str = "gpu-t4"
    replicate_webhook_url: str | None = None
    replicate_webhook_secret: str | None = _secret()
    recraft_api_token: str | None = _secret()
    recraft_base_url: str = "https://external.api.recraft.ai/v1"
    gemini_api_key: str | None = _secret()
    google_gemini_base_url: str = "https://generativelanguage.googleapis.com"
    pexels_api_key: str | None = _secret()
    pexels_base_url: str = "https://api.pexels.com/v1"
    hosted_allow_private: bool = False
    hosted_max_bytes: int = 64 * 1024 * 1024
    hosted_download_seconds: float = 120.0
    hosted_call_seconds: float = 600.0
    hosted_send_seconds: float = 60.0
    hosted_poll_seconds: float = 1.0
    hosted_run_seconds: float = 2400.0
    hosted_training_seconds: float = 6 * 3600.0
    hosted_unknown_seconds: float = 900.0
    hosted_breaker_failures: int = 5
    hosted_breaker_seconds: float = 30.0

    def secrets(self) -> tuple[str, ...]:
        """Every key that is set, to be blotted out of what providers say."""
        fields = (field for field in dataclasses.fields(self) if not field.repr)
        return tuple(value for field in fields if (value := getattr(self, field.name)))
