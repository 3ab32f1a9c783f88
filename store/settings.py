"""What the store can be told."""

import pathlib

from pydantic import BaseModel, Field


class StoreSettings(BaseModel):
    """Where things are kept."""

    data_dir: pathlib.Path = Field(
        pathlib.Path("./data"),
        description="Folder for everything that is kept: database, files, checkpoints.",
    )
    database_url: str | None = Field(
        None,
        description="PostgreSQL 15 or newer, `postgresql://user:password@host/name`. "
        "Without it the server runs a private PostgreSQL under DATA_DIR.",
    )
    database_pool: int = Field(10, ge=2, le=200, description="Most connections to the database at once.")
    max_upload_mb: int = Field(10, ge=1, le=100, description="Largest picture that can be uploaded, in MB.")
    decoder_memory_mb: int = Field(
        1536, ge=512, description="Memory in MB that the process which decodes uploads may use."
    )
