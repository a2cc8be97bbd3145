"""What becomes of a participant's text before any session sees it: a keyword, ignored for a reason, or taken."""

from __future__ import annotations

import re

from parley_session.domain.draft import Draft
from parley_session.domain.events import Receive
from parley_session.domain.keywords import Keyword, KeywordMode, is_toll_free, keyword_of
from parley_session.domain.thread import SMS, Thread

_REPLY_PATH = re.compile(r"\+[1-9][0-9]{1,14}")


def keyword_in(draft: Draft, event: Receive) -> Keyword | None:
    thread = draft.thread
    if thread.channel != SMS or not _has_reply_path(thread):
        return None
    mode = thread.opening.keywords if thread.opening else KeywordMode.PROVIDER
    toll_free = is_toll_free(thread.endpoint)
    return keyword_of(event.text, event.stated, mode, opted_out=thread.opt_out.opted_out, toll_free=toll_free)


def ignore_reason(draft: Draft, event: Receive) -> str:
    """Why no agent will be given the text, or nothing. A text that is taken counts for the participant's pace."""
    thread, context = draft.thread, draft.context
    if thread.channel == SMS:
        if thread.from_our_number:
            return "own_number"
        if not _has_reply_path(thread):
            return "no_reply_path"
    if event.receive_time and context.now - event.receive_time > context.protocol.oldest_text:
        return "too_old"
    if thread.opt_out.opted_out:
        return "opted_out"
    return draft.pace_text(event)


def _has_reply_path(thread: Thread) -> bool:
    """Who has none is never texted, and has nothing to opt out of."""
    return _REPLY_PATH.fullmatch(thread.participant) is not None
