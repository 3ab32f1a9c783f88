"""Views that name each other across files, by name instead of by import."""

from typing import Annotated, Any

import strawberry

Persona: Any = Annotated["Persona", strawberry.lazy("schema.subjects")]
Subject: Any = Annotated["Subject", strawberry.lazy("schema.subjects")]
Variant: Any = Annotated["Variant", strawberry.lazy("schema.variants")]
Job: Any = Annotated["Job", strawberry.lazy("schema.jobs")]
