"""The closed sets of words, published as they are; every word is explained."""

from generators.catalog import Capability
from generators.events import FailureKind
from generators.spec import ConditioningKind, Determinism
from resolvers.identity import Scope
from resolvers.inputs import Direction, SubjectOrderField, VariantOrderField
from resolvers.posts_inputs import PostOrderField
from resolvers.refused import UserErrorCode
from resolvers.stock import Orientation
from resolvers.variants import ThumbnailSize
from schema.publish import publish_enum
from store.database.tables import (
    BaseImageStatus,
    DeliveryState,
    ImageSource,
    JobKind,
    JobStatus,
    PostStatus,
    Role,
    VariantPurpose,
    VariantStatus,
)
from store.outbox import WebhookEvent

ENUMS = (
    publish_enum(
        Scope,
        {
            "READ": "Look.",
            "WRITE": "Make, change and decide on what is your own.",
            "PUBLISH": "Bring pictures to the CDN and publish posts.",
            "REVIEW": "Decide on pictures that are held, whoever made them.",
            "ADMIN": "Accounts, keys of others, checkpoints.",
        },
    ),
    publish_enum(
        WebhookEvent,
        {
            "JOB_SUCCEEDED": "`job.succeeded`: a job is over, and at least one variant was made.",
            "JOB_FAILED": "`job.failed`: a job is over, and nothing was made.",
            "JOB_CANCELED": "`job.canceled`: a job was cancelled.",
            "VARIANT_PUBLISHED": "`variant.published`: a picture is on the CDN.",
            "POST_PUBLISHED": "`post.published`: a post is published.",
            "BASE_IMAGE_APPROVED": "`base_image.approved`: a look is locked.",
        },
    ),
    publish_enum(
        DeliveryState,
        {
            "PENDING": "On its way: it is tried again by itself.",
            "DELIVERED": "The receiver took it.",
            "FAILED": "Given up; it can be sent again.",
        },
    ),
    publish_enum(
        Role,
        {
            "OWNER": "Everything, other people's accounts and the server included.",
            "EDITOR": "Makes, changes, approves and publishes what is their own.",
            "REVIEWER": "Decides on pictures that are held, and makes their own.",
            "VIEWER": "Looks and changes nothing.",
        },
    ),
    publish_enum(
        BaseImageStatus,
        {
            "PENDING_UPLOAD": "There is none yet: upload or generate one.",
            "DRAFT": "One is finished and waits for a decision.",
            "APPROVED": "One is approved; the appearance is locked until it is unlocked on purpose.",
            "REJECTED": "The last draft was rejected; a replacement is needed.",
        },
    ),
    publish_enum(
        VariantStatus,
        {
            "QUEUED": "Waits for its turn.",
            "RUNNING": "Is being made.",
            "DRAFT": "Finished; waits for a decision.",
            "HELD": "Finished; waits for a reviewer.",
            "APPROVED": "Chosen.",
            "PUBLISHED": "Chosen, and on the CDN.",
            "REJECTED": "Decided against.",
            "BLOCKED": "Refused by a reviewer.",
            "FAILED": "Could not be made; `failure` says why.",
            "CANCELED": "Cancelled before it was finished.",
        },
    ),
    publish_enum(
        VariantPurpose,
        {
            "BASE_IMAGE": "Shows how a persona or character looks.",
            "POST_IMAGE": "Illustrates a post.",
            "SCENE": "Stands for itself.",
        },
    ),
    publish_enum(
        ImageSource,
        {
            "UPLOAD": "Somebody sent it.",
            "LOCAL": "A model on this server made it.",
            "CLOUD": "A hosted model made it.",
            "STOCK": "A photographer made it.",
        },
    ),
    publish_enum(
        JobKind,
        {
            "IMAGE": "Pictures.",
            "ARTICLE": "An article and its pictures.",
            "TEXT": "A text.",
            "TRAINING": "An adapter that holds a subject's look.",
            "PUBLICATION": "Something brought to the CDN.",
            "DOWNLOAD": "A checkpoint fetched onto this server.",
        },
    ),
    publish_enum(
        JobStatus,
        {
            "QUEUED": "Waits for its turn.",
            "RUNNING": "At least one part is being made.",
            "SUCCEEDED": "Over, and at least one variant was made; `failedCount` tells the rest. Final.",
            "FAILED": "Over, and nothing was made; `failure` says why. Final.",
            "CANCELED": "Cancelled; what was finished stays. Final.",
        },
    ),
    publish_enum(
        Capability,
        {
            "TEXT_TO_IMAGE": "Makes a picture from words.",
            "IMAGE_TO_IMAGE": "Refines a picture.",
            "INPAINT": "Paints the part of a picture anew that a mask marks; local models keep the rest to the byte.",
            "REFERENCE_IMAGES": "Takes pictures of the subject as a reference.",
            "CONTROLNET": "Follows a pose, depth or outline.",
            "LORA": "Takes trained adapters.",
            "NEGATIVE_PROMPT": "Can be told what to keep out.",
            "SEED": "Takes a seed.",
            "STEP_PROGRESS": "Reports every denoise step.",
            "PREVIEW": "Shows where the picture is heading.",
            "TRAINING": "Can train adapters.",
            "STOCK_SEARCH": "Finds photographs.",
            "TEXT": "Writes.",
            "VISION": "Reads pictures.",
        },
    ),
    publish_enum(
        Determinism,
        {
            "FAST": "Shares the device with other requests; within 1 of 255 a channel of EXACT.",
            "EXACT": "Runs on its own: equal bytes for an equal request, versions, device and threads.",
        },
    ),
    publish_enum(
        ConditioningKind,
        {
            "PROMPT": "By words alone.",
            "SEED": "By the same seed.",
            "INIT_IMAGE": "The picture that was refined; the weight is how much of it is kept, 0..1.",
            "IP_ADAPTER": "By a reference picture through an IP-Adapter.",
            "CONTROLNET": "By a pose, depth or outline.",
            "REFERENCE_IMAGE": "By a reference picture given to the model.",
            "LORA": "By a trained adapter.",
        },
    ),
    publish_enum(
        FailureKind,
        {
            "REJECTED_CONTENT": "The provider refused the content.",
            "BAD_REQUEST": "The provider did not understand the request.",
            "AUTHENTICATION": "The provider did not accept the key.",
            "OUT_OF_CREDIT": "The account with the provider is empty.",
            "RATE_LIMITED": "The provider was asked too often.",
            "PROVIDER_DOWN": "The provider did not work.",
            "TIMEOUT": "It took too long.",
            "OUTCOME_UNKNOWN": "Whether a paid call was taken cannot be known; it is never sent again by itself.",
            "OUT_OF_MEMORY": "The device had too little memory.",
            "POISON": "It ended its server three times and was given up.",
            "NO_CHECKPOINT": "No checkpoint could be loaded.",
            "CANCELED": "It was cancelled.",
            "INTERNAL": "A fault of this server; its log says more.",
        },
        name="FailureCode",
        says="In which way something failed; closed.",
    ),
    publish_enum(
        UserErrorCode,
        {
            "NOT_FOUND": "There is no such thing, or it is somebody else's.",
            "INVALID_ID": "The id is malformed.",
            "INVALID_INPUT": "A value is missing, out of range, or contradicts another one.",
            "TOO_LONG": "A text is longer than allowed.",
            "CONFLICT": "Something changed meanwhile; look again.",
            "INVALID_STATE": "Not possible at the status it has.",
            "NO_BASE_IMAGE": "There is no base image to decide on.",
            "APPEARANCE_LOCKED": "An approved base image fixes the look; unlock it first.",
            "UNKNOWN_MODEL": "There is no such model.",
            "MODEL_UNAVAILABLE": "The model cannot be used now; the message says what to do.",
            "NO_LOCAL_MODEL": "No local model can be used; the message says why.",
            "NOT_SUPPORTED": "The model cannot do that; the message says what it can.",
            "FILE_TOO_LARGE": "The file is larger than allowed.",
            "INVALID_FILE_TYPE": "The file is no PNG, JPEG or WEBP.",
            "INVALID_FILE": "The file cannot be used; the message says why.",
            "QUOTA_EXCEEDED": "More pictures than your limit leaves; the message says what is left and when it renews.",
            "BUDGET_EXCEEDED": "It may cost more than your budget leaves; the message says what and until when.",
            "NO_TEXT_MODEL": "No text model is set; the message says how to set one.",
            "UNKNOWN_PRESET": "There is no such preset.",
            "UNKNOWN_TEMPLATE": "There is no such character template.",
            "INVALID_NOTATION": "Dice cannot be rolled like that; the message says where and why.",
            "CONTENT_REFUSED": "A content rule of this server does not allow it; the message says which.",
            "IDEMPOTENCY_MISMATCH": "The key was used before with another input.",
            "IDEMPOTENCY_CONCURRENT": "A call with the same key is still at work.",
        },
    ),
    publish_enum(
        Direction,
        {"ASC": "Smallest or oldest first.", "DESC": "Largest or newest first."},
        name="OrderDirection",
    ),
    publish_enum(
        PostStatus,
        {
            "DRAFT": "Begun; nothing is under way.",
            "WRITING": "Its text is being written.",
            "AWAITING_IMAGE": "It has its text; its pictures are being made.",
            "AWAITING_APPROVAL": "A picture is finished; one must be chosen.",
            "PUBLISHING": "The chosen picture is being published.",
            "PUBLISHED": "It is published with its picture.",
        },
    ),
    publish_enum(
        Orientation,
        {"LANDSCAPE": "Wider than high.", "PORTRAIT": "Higher than wide.", "SQUARE": "As high as wide."},
    ),
    publish_enum(PostOrderField, {"CREATED_AT": "When it was begun."}),
    publish_enum(SubjectOrderField, {"CREATED_AT": "When it was made.", "NAME": "The name."}),
    publish_enum(VariantOrderField, {"CREATED_AT": "When it was asked for."}),
    publish_enum(
        ThumbnailSize, {"PX_256": "At most 256 pixels a side.", "PX_512": "At most 512 pixels a side."}
    ),
)
