"""The queue: what waits, who works on it, and how work ends. Knows rows; knows no generator.

Lock order everywhere: job, task, variant, subject, budget, user. Time is the database's `clock()`.
Every write of a run carries (task id, fence), so a worker that lost its lease can write nothing.
"""

from store.queue.backoff import RetryPolicy, seconds_until_retry
from store.queue.claiming import Claim, Request, claim, close_lane, depths, lanes_with_work
from store.queue.ending import Failure, cancel_job, fail, fail_for_good, finish, release, stop_job
from store.queue.gates import gated, open_gate
from store.queue.holding import Held, LeaseLostError, begin, heartbeat, hold, mark_stepped
from store.queue.intake import enqueue
from store.queue.position import queue_position
from store.queue.rescue import expired, running, take_back
from store.queue.settling import revise, settle_job

__all__ = [
    "Claim",
    "Failure",
    "Held",
    "LeaseLostError",
    "Request",
    "RetryPolicy",
    "begin",
    "cancel_job",
    "claim",
    "close_lane",
    "depths",
    "enqueue",
    "expired",
    "fail",
    "fail_for_good",
    "finish",
    "gated",
    "heartbeat",
    "hold",
    "lanes_with_work",
    "mark_stepped",
    "open_gate",
    "queue_position",
    "release",
    "revise",
    "running",
    "seconds_until_retry",
    "settle_job",
    "stop_job",
    "take_back",
]
