"""The review of a register: DIGIT's words for its steps, and why one is refused."""

from __future__ import annotations

from odoo.exceptions import UserError

#: It waits for an approver.
PENDING = "PENDINGFORAPPROVAL"
#: It stays as it is from now on.
APPROVED = "APPROVED"

#: Which types of staff take which step; any other word is anybody's on the staff.
STEPS = {PENDING: {"APPROVER", "EDITOR"}, APPROVED: {"APPROVER"}}


class ReviewRefused(UserError):
    """A step of a review that can't be taken.

    :ivar code: DIGIT's, ``INVALID_REGISTER_MODIFY`` for who may not take it, or
        ``ATTENDANCE_REGISTER_REVIEW_STATUS_APPROVED`` when it is too late
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
