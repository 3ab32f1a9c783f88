"""The words an upload is refused with. Knows no image library and no GraphQL.

Every refusal says what is wrong and what to do about it; the two sentences that clients match on are
"File too large. Maximum size is 10MB" and "Invalid file type. Allowed: image/png, image/jpeg, image/webp".
"""

from enum import StrEnum

MIB = 1024 * 1024


class RefusalCode(StrEnum):
    """Why an upload was refused. Closed: the decoder's child may answer with nothing else."""

    FILE_TOO_LARGE = "FILE_TOO_LARGE"
    INVALID_FILE_TYPE = "INVALID_FILE_TYPE"
    EMPTY = "EMPTY"
    TRUNCATED = "TRUNCATED"
    DAMAGED = "DAMAGED"
    ANIMATED = "ANIMATED"
    TOO_MANY_PIXELS = "TOO_MANY_PIXELS"
    NO_PIXELS = "NO_PIXELS"
    TOO_DEMANDING = "TOO_DEMANDING"
    DECODER_LOST = "DECODER_LOST"


_SENTENCES = {
    RefusalCode.INVALID_FILE_TYPE: "Invalid file type. Allowed: image/png, image/jpeg, image/webp",
    RefusalCode.EMPTY: "The file is empty. Choose a PNG, JPEG or WEBP picture and upload it again.",
    RefusalCode.TRUNCATED: "The picture is incomplete: its end is missing. Upload the whole file again.",
    RefusalCode.DAMAGED: (
        "The picture is damaged and cannot be read. Open it in an image editor, save it anew as PNG, JPEG or WEBP, "
        "and upload that."
    ),
    RefusalCode.ANIMATED: "The picture is animated. Save a single frame as PNG, JPEG or WEBP and upload that.",
    RefusalCode.NO_PIXELS: "The picture has a width or height of zero. Save it anew and upload that.",
    RefusalCode.TOO_DEMANDING: (
        "The picture takes too much time or memory to read. Save it anew as a plain PNG, JPEG or WEBP, "
        "or in a smaller size, and upload that."
    ),
    RefusalCode.DECODER_LOST: (
        "Reading the picture stopped half-way. Upload it again; if that fails too, save it anew as PNG, JPEG or "
        "WEBP and upload that."
    ),
}


class UploadRefused(Exception):  # noqa: N818 -- a refusal is an expected answer, not an error of ours
    """The upload is not taken and nothing was made from it.

    `code` is for programs, `str(refusal)` the sentence for people, `detail` for the log only (it may quote the
    image library and must never be shown).
    """

    def __init__(self, code: RefusalCode, sentence: str | None = None, *, detail: str = "") -> None:
        self.code = code
        self.detail = detail
        super().__init__(sentence or _SENTENCES[code])


def too_large(max_bytes: int) -> UploadRefused:
    """The refusal of a file of more than `max_bytes` bytes (10 * 1024 * 1024 reads as 10MB)."""
    size = f"{max_bytes // MIB}MB" if max_bytes % MIB == 0 else f"{max_bytes} bytes"
    return UploadRefused(RefusalCode.FILE_TOO_LARGE, f"File too large. Maximum size is {size}")


def too_many_pixels(width: int, height: int, *, max_pixels: int, max_side: int) -> UploadRefused:
    """The refusal of a picture above `max_pixels` in all or `max_side` along one edge."""
    return UploadRefused(
        RefusalCode.TOO_MANY_PIXELS,
        f"The picture has too many pixels ({width}x{height}). At most {max_pixels // 1_000_000} megapixels and "
        f"{max_side} pixels along one side are read. Scale it down and upload that.",
    )
