"""What every mutation needs, and what it leaves in the audit log: one row each. One without a row fails a test.

The audit log has every change that spends, publishes, approves or deletes, and who may come in. `why` says why
another one is not in it.
"""

import dataclasses

MAKES, EDITS, OPINES = (
    "makes a thing that costs nothing",
    "edits one's own words",
    "an opinion, taken back freely",
)


@dataclasses.dataclass(frozen=True)
class Change:
    """The scope it needs, and the action of its audit entry, or why there is none."""

    scope: str
    action: str | None = None
    why: str | None = None


def quiet(why: str) -> Change:
    """A change that is not in the audit log."""
    return Change("WRITE", None, why)


CHANGES = {
    "createPersona": quiet(MAKES),
    "updatePersona": quiet(EDITS),
    "deleteSubject": Change("WRITE", "subject.deleted"),
    "uploadBaseImage": quiet(MAKES),
    "generateBaseImage": Change("WRITE", "base_image.generated"),
    "generateBaseImages": Change("WRITE", "base_image.generated"),
    "approveBaseImage": Change("WRITE", "base_image.approved"),
    "rejectBaseImage": Change("WRITE", "base_image.rejected"),
    "unlockAppearance": Change("WRITE", "appearance.unlocked"),
    "cancelJob": quiet("spends nothing more; what was spent is in the ledger"),
    "retryJob": Change("WRITE", "job.retried"),
    "generateImages": Change("WRITE", "images.generated"),
    "suggestPrompts": Change("WRITE", "text.asked"),
    "analyzeReferences": Change("WRITE", "text.asked"),
    "savePreset": quiet(EDITS),
    "deletePreset": Change("WRITE", "preset.deleted"),
    "rateVariant": quiet(OPINES),
    "favoriteVariant": quiet(OPINES),
    "keepVariant": quiet(OPINES),
    "approveVariant": Change("WRITE", "variant.approved"),
    "rejectVariant": Change("WRITE", "variant.rejected"),
    "createWebhook": Change("WRITE", "webhook.created"),
    "deleteWebhook": Change("WRITE", "webhook.deleted"),
    "resendWebhookDelivery": quiet("says again what was said; deliveries keep their own record"),
    "createApiKey": Change("WRITE", "api_key.created"),
    "revokeApiKey": Change("WRITE", "api_key.revoked"),
    "createUser": Change("ADMIN", "user.created"),
    "updateUser": Change("ADMIN", "user.changed"),
    "createCharacter": quiet(MAKES),
    "updateCharacter": quiet(EDITS),
    "createGame": quiet(MAKES),
    "updateGame": quiet(EDITS),
    "deleteGame": Change("WRITE", "game.deleted"),
    "createBeat": quiet(MAKES),
    "updateBeat": quiet(EDITS),
    "deleteBeat": Change("WRITE", "beat.deleted"),
    "createPost": quiet(MAKES),
    "updatePost": quiet(EDITS),
    "writeArticle": quiet("with text of one's own and no pictures it spends nothing; else article.asked"),
    "regeneratePostImages": Change("WRITE", "post_images.generated"),
    "attachStockPhoto": quiet("photographs cost nothing"),
    "approvePost": Change("PUBLISH", "post.approved"),
    "publishVariant": Change("PUBLISH", "variant.published"),
    "attachImage": quiet(MAKES),
    "detachImage": Change("WRITE", "image.detached"),
    "updatePostImage": quiet(EDITS),
    "reorderPostImages": quiet(EDITS),
    "rollDice": quiet(MAKES),
    "releaseVariant": Change("REVIEW", "variant.released"),
    "blockVariant": Change("REVIEW", "variant.blocked"),
    "rejectVariants": Change("WRITE", "variant.rejected"),
    "favoriteVariants": quiet(OPINES),
    "publishVariants": Change("PUBLISH", "variant.published"),
    "deleteVariants": Change("WRITE", "variant.deleted"),
    "trainAdapter": Change("WRITE", "adapter.trained"),
    "activateAdapter": quiet("the adapter of the matrix is active already; else adapter.activated"),
    "deleteAdapter": Change("WRITE", "adapter.deleted"),
    "downloadCheckpoint": Change("ADMIN", "checkpoint.downloaded"),
}
