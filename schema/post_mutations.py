"""Everything that can be done with posts and publishing."""

import strawberry

import resolvers.articles
import resolvers.posts
import resolvers.publishing
import resolvers.stock
from resolvers.identity import Scope
from schema.jobs import Job
from schema.mutations import mutation
from schema.posts import Post
from schema.variants import Variant

POST = (Post, "The post as it is now.")


@strawberry.type(description="Writing posts, and publishing.")
class PostMutations:
    """One line a field; a part of `Mutation`."""

    create_post = mutation(resolvers.posts.create_post, "Make a post from a text of yours.", post=POST)
    update_post = mutation(resolvers.posts.update_post, "Change a post.", post=POST)
    write_article = mutation(
        resolvers.articles.write_article,
        "Have an article written and pictures made for it, as one job: its text streams through `jobText` (as the "
        "JSON that the model answers with), then the pictures are made. A post that has the topic or the title "
        "already is used again.",
        post=POST,
        job=(Job | None, "The job; also null when there was nothing to do."),
        reused=(bool, "Whether the post was there already; its text and featured image stay as they are."),
    )
    regenerate_post_images = mutation(
        resolvers.articles.regenerate_post_images,
        "Have more pictures made for a post to choose from.",
        post=POST,
        job=(Job, "The job."),
    )
    attach_stock_photo = mutation(
        resolvers.stock.attach_stock_photo,
        "Take a stock photograph as a candidate for a post, with its attribution.",
        post=POST,
        variant=(Variant, "The candidate."),
    )
    approve_post = mutation(
        resolvers.publishing.approve_post,
        "Choose a picture for a post: it is published as the featured image, and the post with it. Returns at once; "
        "watch the job. Asked twice, it is done once.",
        scope=Scope.PUBLISH,
        post=POST,
        job=(Job, "The publication."),
    )
    publish_variant = mutation(
        resolvers.publishing.publish_variant,
        "Publish a picture without a post. Returns at once; watch the job. Asked twice, it is done once.",
        scope=Scope.PUBLISH,
        variant=(Variant, "The picture as it is now."),
        job=(Job, "The publication."),
    )
