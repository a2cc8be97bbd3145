"""What Twilio says became of an outbound message, as the fields of its status callback give it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from parley_gateway.domain.forms import Pair, fields_of
from parley_gateway.domain.inbound import MESSAGE_SID, required
from parley_gateway.domain.refusals import Malformed

KNOWN = ("AccountSid", "MessageSid", "MessageStatus", "ErrorCode")

# Statuses are not listed here: Twilio adds some, and their meaning is the notifier's.
_STATUS = re.compile("[a-z][a-z_-]{0,31}")
_ERROR_CODE = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Report:
    """`received_ns` is nanoseconds since 1970; `error_code` is 0 where there was none."""

    delivery_id: str
    message_sid: str
    status: str
    error_code: int
    received_ns: int


def parse_report(pairs: list[Pair], delivery_id: str, received_ns: int) -> Report:
    """Raises Malformed naming the field."""
    fields = fields_of(pairs, KNOWN)
    message_sid, status = required(fields, "MessageSid"), required(fields, "MessageStatus")
    if not MESSAGE_SID.fullmatch(message_sid):
        raise Malformed("MessageSid", "is not SM or MM with 32 hexadecimal digits")
    if not _STATUS.fullmatch(status):
        raise Malformed("MessageStatus", "is not a word in lower case")
    error_code = fields.get("ErrorCode") or "0"
    if not _ERROR_CODE.fullmatch(error_code):
        raise Malformed("ErrorCode", "is not a number")
    return Report(delivery_id, message_sid, status, int(error_code), received_ns)
