"""The matrix: one row a field. A field of the contract without a row here fails a test.

A row says with what the field is called; `$name` stands for that thing of whoever calls (see world.py). For each id
in it the tests then call with somebody else's thing and with one that never was, and compare the two. What a call
may do is tested in tests/operations; here only who may do it.

    "Mutation.cancelJob": row(jobId="$queued_job"),

`refused`: what the owner's own call is refused with, where doing it in full would need more than rows.
`told`: what an id of somebody else's is refused with, where it is not NOT_FOUND.
`scope`: the scope that an editor lacks, so that the field is FORBIDDEN whatever the id.

`reviewQueue` and its two decisions are the one exception to ownership: who reviews sees HELD pictures of everybody.
"""

import dataclasses
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """How to call one field. For mutations `given` is the input, else the arguments."""

    given: dict[str, Any]
    refused: str | None = None
    told: str = "NOT_FOUND"
    scope: str | None = None


def row(
    *, refused: str | None = None, told: str = "NOT_FOUND", scope: str | None = None, **given: Any
) -> Row:
    """One way of calling a field."""
    return Row(given=given, refused=refused, told=told, scope=scope)


QUICK: dict[str, Any] = {"width": 64, "height": 64, "steps": 2}
NYX: dict[str, Any] = {"name": "Nyx", "baseAppearanceDescription": "an elf", "gameId": "$game"}

ROOTS: dict[str, Row | tuple[Row, ...]] = {
    # ---------------------------------------------------------------- what can be asked
    "Query.node": row(id="$persona"),
    "Query.nodes": row(ids=["$persona", "$draft"]),
    "Query.viewer": row(),
    "Query.personas": row(),
    "Query.variants": row(filter={"subjectId": "$persona", "jobId": "$job"}),
    "Query.jobs": row(filter={"subjectId": "$persona"}),
    "Query.apiKeys": row(),
    "Query.users": row(),
    "Query.auditLog": row(),
    "Query.webhooks": row(),
    "Query.characters": row(filter={"gameId": "$game"}),
    "Query.characterTemplates": row(),
    "Query.games": row(),
    "Query.reviewQueue": row(scope="REVIEW"),
    "Query.posts": (row(filter={"personaId": "$persona"}), row(filter={"beatId": "$beat"})),
    "Query.post": row(slug="bread"),
    "Query.similarVariants": row(id="$draft", first=5),
    "Query.stockPhotos": row(query="bread", first=3, refused="MODEL_UNAVAILABLE"),
    "Query.models": row(),
    "Query.presets": row(),
    "Query.estimateCost": (
        row(input={"prompt": "a", "subjectId": "$approved", **QUICK}),
        row(input={"prompt": "a", "jobId": "$scene_job", **QUICK}),
        row(input={"prompt": "a", "postId": "$post", **QUICK}),
        row(input={"prompt": "a", "newCharacter": NYX, **QUICK}),
        row(input={"prompt": "a", "referenceUploadIds": ["$upload"], **QUICK}),
        row(refused="INVALID_FILE", input={"prompt": "a", "maskUploadId": "$upload", **QUICK}),
        row(
            input={"prompt": "a", "subjectId": "$approved", "conditioning": {"variantId": "$approved_image"}},
        ),
        row(
            refused="NOT_SUPPORTED",
            input={"prompt": "a", "conditioning": [{"adapterId": "$adapter"}], **QUICK},
        ),
    ),
    # ---------------------------------------------------------------- what can be done
    "Mutation.createPersona": row(name="Ida", appearance="a sailor"),
    "Mutation.updatePersona": row(subjectId="$persona", name="Ida"),
    "Mutation.deleteSubject": row(subjectId="$persona"),
    "Mutation.uploadBaseImage": row(subjectId="$persona", uploadId="$upload"),
    "Mutation.generateBaseImage": (
        row(subjectId="$persona", fromScratch=True, **QUICK),
        row(subjectId="$persona", refineFrom="$draft", **QUICK),
        row(refused="INVALID_FILE", subjectId="$persona", maskUploadId="$upload", **QUICK),
        row(
            refused="NOT_SUPPORTED",
            subjectId="$persona",
            refineFrom="$draft",
            conditioning=[{"variantId": "$draft"}, {"adapterId": "$adapter"}],
            **QUICK,
        ),
    ),
    "Mutation.generateBaseImages": row(subjectIds=["$persona"], fromScratch=True, **QUICK),
    "Mutation.approveBaseImage": row(subjectId="$persona", variantId="$draft"),
    "Mutation.rejectBaseImage": row(subjectId="$persona", variantId="$draft"),
    "Mutation.unlockAppearance": row(subjectId="$approved"),
    "Mutation.cancelJob": row(jobId="$queued_job"),
    "Mutation.retryJob": row(jobId="$failed_job"),
    "Mutation.generateImages": (
        row(prompt="a", subjectId="$approved", **QUICK),
        row(prompt="a", jobId="$scene_job", **QUICK),
        row(prompt="a", postId="$post", **QUICK),
        row(prompt="a", newCharacter=NYX, **QUICK),
        row(prompt="a", referenceUploadIds=["$upload"], **QUICK),
        row(refused="INVALID_FILE", prompt="a", maskUploadId="$upload", **QUICK),
        row(prompt="a", subjectId="$approved", conditioning={"variantId": "$approved_image"}, **QUICK),
        row(refused="NOT_SUPPORTED", prompt="a", conditioning=[{"adapterId": "$adapter"}], **QUICK),
    ),
    "Mutation.suggestPrompts": row(subjectId="$persona", scene="a harbour"),
    "Mutation.analyzeReferences": row(uploadIds=["$upload"]),
    "Mutation.savePreset": row(key="mine-too", name="Mine", model="scripted"),
    "Mutation.deletePreset": row(key="mine"),
    "Mutation.rateVariant": row(variantId="$scene", rating=3),
    "Mutation.favoriteVariant": row(variantId="$scene"),
    "Mutation.keepVariant": row(variantId="$scene"),
    "Mutation.approveVariant": row(variantId="$scene"),
    "Mutation.rejectVariant": row(variantId="$scene"),
    "Mutation.createWebhook": row(url="https://example.com/hook", events=["JOB_FAILED"]),
    "Mutation.deleteWebhook": row(webhookId="$webhook"),
    "Mutation.resendWebhookDelivery": row(deliveryId="$delivery"),
    "Mutation.createApiKey": (row(name="more"), row(name="more", userId="$user")),
    "Mutation.revokeApiKey": row(apiKeyId="$key"),
    "Mutation.createUser": row(handle="somebody", scope="ADMIN"),
    "Mutation.updateUser": row(userId="$user", email="me@example.com", scope="ADMIN"),
    "Mutation.createCharacter": row(name="Oda", baseAppearanceDescription="a dwarf", gameId="$game"),
    "Mutation.updateCharacter": row(subjectId="$character", gameId="$game"),
    "Mutation.createGame": row(name="The hills"),
    "Mutation.updateGame": row(gameId="$game", name="The hills"),
    "Mutation.deleteGame": row(gameId="$game"),
    "Mutation.createBeat": row(gameId="$game", title="Noon"),
    "Mutation.updateBeat": row(beatId="$beat", title="Noon"),
    "Mutation.deleteBeat": row(beatId="$beat"),
    "Mutation.createPost": (
        row(content="It rained.", personaId="$persona"),
        row(content="It rained.", beatId="$beat", images=[{"variantId": "$spare"}]),
    ),
    "Mutation.updatePost": (
        row(postId="$post", personaId="$persona"),
        row(postId="$beat_post", beatId="$other_beat"),
    ),
    "Mutation.writeArticle": row(title="Rye", content="It rises.", personaId="$persona", imageCount=0),
    "Mutation.regeneratePostImages": row(postId="$post", prompt="bread", **QUICK),
    "Mutation.attachStockPhoto": row(postId="$post", photoId=1, refused="MODEL_UNAVAILABLE"),
    "Mutation.approvePost": row(postId="$post", variantId="$candidate"),
    "Mutation.publishVariant": row(variantId="$scene"),
    "Mutation.attachImage": row(postId="$beat_post", variantId="$spare"),
    "Mutation.detachImage": row(postImageId="$post_image"),
    "Mutation.updatePostImage": row(postImageId="$post_image", caption="Dawn"),
    "Mutation.reorderPostImages": row(
        postId="$beat_post", postImageIds=["$post_image"], told="INVALID_INPUT"
    ),
    "Mutation.rollDice": row(postId="$beat_post", notation="1d6"),
    "Mutation.releaseVariant": row(variantId="$held", scope="REVIEW"),
    "Mutation.blockVariant": row(variantId="$held", scope="REVIEW"),
    "Mutation.rejectVariants": row(variantIds=["$scene"]),
    "Mutation.favoriteVariants": row(variantIds=["$scene"]),
    "Mutation.publishVariants": row(variantIds=["$scene"]),
    "Mutation.deleteVariants": row(variantIds=["$spare"]),
    "Mutation.trainAdapter": (
        row(subjectId="$persona", uploadIds=["$upload"], refused="INVALID_INPUT"),
        row(subjectId="$persona", variantIds=["$scene"], refused="INVALID_STATE"),
    ),
    "Mutation.activateAdapter": row(subjectId="$persona", adapterId="$adapter"),
    "Mutation.deleteAdapter": row(adapterId="$adapter"),
    "Mutation.downloadCheckpoint": row(model="scripted", scope="ADMIN", refused="NOT_SUPPORTED"),
    # ---------------------------------------------------------------- what can be watched
    "Subscription.jobProgress": row(jobId="$job"),
    "Subscription.jobText": row(jobId="$job"),
    "Subscription.activity": row(),
}

NODES = {
    "Persona": "persona",
    "Character": "character",
    "Variant": "draft",
    "DiceRoll": "dice_roll",
    "Job": "retried_job",
    "Post": "beat_post",
    "PostImage": "post_image",
    "User": "user",
    "Preset": "preset",
    "ApiKey": "key",
    "Adapter": "adapter",
    "Beat": "beat",
    "Game": "game",
    "WebhookEndpoint": "webhook",
    "WebhookDelivery": "delivery",
}
"""A thing of every kind that has an id: whatever it leads to must belong to the same person."""

INNER: dict[str, Row] = {
    "Activity.node": row(),
    "Adapter.job": row(),
    "Adapter.owner": row(),
    "Adapter.subject": row(),
    "Beat.game": row(),
    "Beat.posts": row(),
    "Character.activeAdapter": row(),
    "Character.adapters": row(),
    "Character.baseImage": row(),
    "Character.baseImageHistory": row(),
    "Character.game": row(),
    "Character.owner": row(),
    "Character.variants": row(filter={"subjectId": "$character", "jobId": "$job"}),
    "Conditioning.adapter": row(),
    "Conditioning.source": row(),
    "DiceRoll.post": row(),
    "Game.beats": row(),
    "Game.characters": row(),
    "Game.owner": row(),
    "Job.continues": row(),
    "Job.owner": row(),
    "Job.post": row(),
    "Job.preset": row(),
    "Job.retryOf": row(),
    "Job.series": row(),
    "Job.subject": row(),
    "Job.variants": row(),
    "JobProgress.samples": row(),
    "Persona.activeAdapter": row(),
    "Persona.adapters": row(),
    "Persona.baseImage": row(),
    "Persona.baseImageHistory": row(),
    "Persona.owner": row(),
    "Persona.posts": row(),
    "Persona.variants": row(filter={"subjectId": "$persona", "jobId": "$job"}),
    "Post.author": row(),
    "Post.beat": row(),
    "Post.candidates": row(),
    "Post.diceRolls": row(),
    "Post.featuredImage": row(),
    "Post.images": row(),
    "Post.persona": row(),
    "PostImage.character": row(),
    "PostImage.post": row(),
    "PostImage.variant": row(),
    "Preset.owner": row(),
    "Variant.job": row(),
    "Variant.owner": row(),
    "Variant.post": row(),
    "Variant.subject": row(),
    "VariantProgress.variant": row(),
    "WebhookEndpoint.deliveries": row(),
}
"""Fields below the roots that lead on to something with an id, with what they are called with."""
