"""What the process itself can be told: where it listens, whom it answers, how it logs."""

from typing import Literal

from pydantic import BaseModel, Field


class ServerSettings(BaseModel):
    """Listening, identity and logs."""

    host: str = Field(
        "127.0.0.1",
        description="Address to listen on. Another than loopback needs a key: "
        "ADMIN_API_KEY, or one made with `python -m app keys create`.",
    )
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    public_url: str | None = Field(
        None, description="Address under which people reach this server; makes picture addresses absolute."
    )
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Host names that requests may carry beside localhost, 127.0.0.1 and ::1."
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description="Web origins, such as https://app.example, whose pages may call this server."
    )
    admin_api_key: str | None = Field(
        None,
        min_length=20,
        description="A key for the owner, 20 characters or more; for containers.",
        repr=False,
    )
    require_key: bool = Field(False, description="Ask for a key on loopback too.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="`console` for people, `json` for machines; `auto` = console on a terminal."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    ide: bool = Field(True, description="Serve the API explorer to browsers at /graphql.")
