"""What becomes of a participant's text before any session sees it: a keyword, ignored for a reason, or taken."""

from __future__ import annotations

from parley_session.domain.draft import Draft
from parley_session.domain.events import Receive
from parley_session.domain.keywords import Keyword, KeywordMode, is_toll_free, keyword_of
from parley_session.domain.numbering import E164
from parley_session.domain.thread import SMS, Thread


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
    return E164.fullmatch(thread.participant) is not None


def is_ours(thread: Thread, event: Receive) -> bool:
    """Whether our side is registered, and was when the provider got the text."""
    opening = thread.opening
    if opening is None:
        return False
    if opening.ingest_from and event.fetched and event.receive_time:
        # The provider's times are whole seconds.
        return event.receive_time >= opening.ingest_from.replace(microsecond=0)
    return True


def tells_more(thread: Thread, known: Receive, stored_as: Keyword | None) -> bool:
    """The provider's list knows better when a keyword came; that a text is one, its webhook may be the first to say.

    The list is heard of keywords that do not count, too: what does may turn out to have been said before them.
    """
    is_keyword = stored_as is not None or thread.opt_out.knows(known.source_id)
    return known.fetched if is_keyword else known.stated is not None
