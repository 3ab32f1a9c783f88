"""Everything that can be done with pictures and presets."""

import strawberry

import resolvers.decisions
import resolvers.generating
import resolvers.images
import resolvers.presets
import resolvers.texts
from schema.jobs import Job
from schema.mutations import mutation
from schema.presets import Preset
from schema.variants import Variant

VARIANT = (Variant, "The picture as it is now.")


@strawberry.type(description="Making pictures, and deciding on them.")
class ImageMutations:
    """One line a field; a part of `Mutation`."""

    generate_base_images = mutation(
        resolvers.generating.generate_base_images,
        "Make candidates for the base images of many subjects, all or none: a job for each.",
        jobs=(list[Job], "The jobs, in the order of `subjectIds`."),
    )
    generate_images = mutation(
        resolvers.images.generate_images,
        "Make pictures: several models side by side, a persona or character held, from scratch or going on from a "
        "finished job. Watch the job with `jobProgress`.",
        job=(Job, "The job."),
    )
    suggest_prompts = mutation(
        resolvers.texts.suggest_prompts,
        "Have prompts suggested by the text model, for a subject, a scene or both: a TEXT job. Read it with "
        "`jobText`, or as the job's `text`.",
        job=(Job, "The job."),
    )
    analyze_references = mutation(
        resolvers.texts.analyze_references,
        "Have uploaded pictures read by a model that can see: a TEXT job. Read it with `jobText`, or as the job's "
        "`text`.",
        job=(Job, "The job."),
    )
    save_preset = mutation(
        resolvers.presets.save_preset,
        "Keep a way of asking under a key; one of yours with that key is replaced.",
        preset=(Preset, "The preset as it is now."),
    )
    delete_preset = mutation(
        resolvers.presets.delete_preset,
        "Delete one of your presets; jobs that began with it keep its key.",
        preset=(Preset, "The preset as it was."),
    )
    rate_variant = mutation(
        resolvers.decisions.rate_variant, "Rate a picture, or take the rating back.", variant=VARIANT
    )
    favorite_variant = mutation(
        resolvers.decisions.favorite_variant, "Like a picture, or no longer.", variant=VARIANT
    )
    keep_variant = mutation(
        resolvers.decisions.keep_variant, "Exempt a picture from retention, or no longer.", variant=VARIANT
    )
    approve_variant = mutation(
        resolvers.decisions.approve_variant,
        "Choose a draft: retention leaves it alone, and it is not published by that.",
        variant=VARIANT,
    )
    reject_variant = mutation(
        resolvers.decisions.reject_variant, "Decide against a picture; the reason is kept.", variant=VARIANT
    )
