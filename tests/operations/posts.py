"""What tests of posts begin with: a post, and finished candidates for it."""

from typing import Any

from tests.client import Api
from tests.operations import steps

CREATE_POST = """
mutation ($input: CreatePostInput!) {
  createPost(input: $input) {
    post { id title slug content excerpt imagePrompt status featuredImageUrl author { handle } persona { name } }
    userErrors { code message field }
  }
}
"""
GENERATE = """
mutation ($input: GenerateImagesInput!) {
  generateImages(input: $input) {
    job { id variants { nodes { id } } } userErrors { code message field }
  }
}
"""
APPROVE_POST = """
mutation ($input: ApprovePostInput!) {
  approvePost(input: $input) {
    post { id status featuredImageUrl } job { id kind status title } userErrors { code message field }
  }
}
"""
POST = """
query ($id: ID!) {
  node(id: $id) {
    ... on Post {
      title slug content excerpt status featuredImageUrl publishedAt
      featuredImage { id status cdnUrl url previewMode publishedAt }
      candidates { nodes { id status previewMode url thumbnailUrl downloadUrl fileName } }
    }
  }
}
"""
JOB = """
query ($id: ID!) { node(id: $id) { ... on Job { status failure { code message retryable }
  progress { message } } } }
"""


async def post(api: Api, **given: Any) -> str:
    """The id of a new post."""
    payload = await api.do(CREATE_POST, **{"content": "Once.", "title": "A lighthouse", **given})
    assert payload["userErrors"] == []
    return str(payload["post"]["id"])


async def candidates(api: Api, post_id: str, count: int = 1, **given: Any) -> list[str]:
    """The ids of that many finished candidates."""
    payload = await api.do(
        GENERATE, **{"postId": post_id, "prompt": "a lighthouse", "count": count, **steps.QUICK, **given}
    )
    assert payload["userErrors"] == []
    async with api.working():
        await api.ended(payload["job"]["id"])
    return [variant["id"] for variant in payload["job"]["variants"]["nodes"]]


async def of(api: Api, post_id: str) -> Any:
    """The post as it is now."""
    return (await api.run(POST, id=post_id)).data["node"]


async def job(api: Api, job_id: str) -> Any:
    """The job as it is now."""
    return (await api.run(JOB, id=job_id)).data["node"]


async def published(api: Api, post_id: str, variant_id: str) -> Any:
    """Approve and wait; the job's end."""
    payload = await api.do(APPROVE_POST, postId=post_id, variantId=variant_id)
    assert payload["userErrors"] == []
    async with api.working():
        await api.ended(payload["job"]["id"])
    return await job(api, payload["job"]["id"])
