"""Makes pictures on this machine: any diffusers checkpoint, many requests in one forward.

Knows torch and diffusers (its `*_thread` parts import them on first use, never at module import of
`generator`, `settings`, `checkpoints` or `devices`); knows no database, no user and no environment variable
(`work` sets one for cuBLAS).
"""
