"""The tables: what is kept. One import for all of them, so that relations and migrations see the whole."""

from store.database.tables.declarative import Table
from store.database.tables.people import ApiKey, AuditEntry, IdempotencyKey, Secret, User
from store.database.tables.pictures import Character, File, Persona, Subject, Upload, Variant
from store.database.tables.words import (
    FINAL,
    BaseImageStatus,
    CallState,
    ImageSource,
    JobKind,
    JobStatus,
    Role,
    SubjectKind,
    TaskKind,
    VariantPurpose,
    VariantStatus,
)
from store.database.tables.work import Job, Lane, ProviderCall, Task, TaskProgress, Turn

__all__ = [
    "FINAL",
    "ApiKey",
    "AuditEntry",
    "BaseImageStatus",
    "CallState",
    "Character",
    "File",
    "IdempotencyKey",
    "ImageSource",
    "Job",
    "JobKind",
    "JobStatus",
    "Lane",
    "Persona",
    "ProviderCall",
    "Role",
    "Secret",
    "Subject",
    "SubjectKind",
    "Table",
    "Task",
    "TaskKind",
    "TaskProgress",
    "Turn",
    "Upload",
    "User",
    "Variant",
    "VariantPurpose",
    "VariantStatus",
]
