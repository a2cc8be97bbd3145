"""Takes one guard out of a service that is about to start, and fails loudly where the guard is not what it was.

Nothing of the product knows of this: a control rewrites the source of one function, or of one statement, in the
process.
"""

from __future__ import annotations
import __future__

import importlib
import inspect
import textwrap
from collections.abc import Callable, Mapping
from typing import Any


class GuardMoved(Exception):
    """The code that a control takes out is not there any more: the control has to follow it."""


def rewrite(module: str, path: str, old: str, new: str) -> None:
    """Replaces `old`, which must be there once, in the source of the function at `path`: `Class.method`."""
    loaded = importlib.import_module(module)
    owner: Any = loaded
    *outer, name = path.split(".")
    for step in outer:
        owner = getattr(owner, step)
    function = inspect.unwrap(getattr(owner, name))
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(old) != 1:
        raise GuardMoved(f"{module}.{path} has no longer exactly one `{old}`")
    scope: dict[str, Any] = {}
    flags = __future__.annotations.compiler_flag
    code = compile(source.replace(old, new), inspect.getfile(function), "exec", flags, dont_inherit=True)
    exec(code, loaded.__dict__, scope)
    setattr(owner, name, scope[name])


def rewrite_statement(module: str, name: str, old: str, new: str, *file: str) -> None:
    """Replaces `old`, which must be there once, in the statement `name` that `module` loads (from `file`)."""
    loaded = importlib.import_module(module)
    load: Callable[..., Mapping[str, str]] = loaded.load_queries

    def load_broken(*arguments: str) -> Mapping[str, str]:
        queries = dict(load(*arguments))
        if arguments[1:] != file:
            return queries
        if queries[name].count(old) != 1:
            raise GuardMoved(f"the statement {name} has no longer exactly one `{old}`")
        queries[name] = queries[name].replace(old, new)
        return queries

    load_broken(module.rpartition(".")[0], *file)
    loaded.load_queries = load_broken  # type: ignore[attr-defined]


DECISION = "parley_notifier.domain.decision"


def _dedupe() -> None:
    known = "if item.event.source_id not in gathered.sources:"
    rewrite("parley_session.handlers.receive_messages", "ReceiveMessages._decide", known, "if True:")
    stored = "SELECT source_id, id FROM messages WHERE direction = 1"
    rewrite_statement(
        "parley_session.adapters.postgres.store", "write", stored, f"{stored} ON CONFLICT (source_id) DO NOTHING"
    )


def _turn_fence() -> None:
    fence = "(turn.id, turn.fence) != (event.turn_id, event.fence)"
    rewrite("parley_session.domain.decide", "_conclude", fence, "False")


def _delivery_fence() -> None:
    rewrite(DECISION, "Decision.find", "self._is_about_the_last(delivery, finding) and ", "")


def _lane_order() -> None:
    first = "next((d for _, d in sorted(lane.queue.items()) if not d.final), None)"
    rewrite(DECISION, "Decision._claim", "head = lane.head", f"head = {first}")


def _one_in_flight() -> None:
    rewrite("parley_notifier.domain.lane", "Lane.pass_final", "and head.final", "and (head.final or head.in_flight)")


def _settle() -> None:
    rewrite(DECISION, "Decision._miss", "delivery.started_time + self.terms.settle", "delivery.started_time")


def _list() -> None:
    rewrite(
        "parley_notifier.handlers.settle_unknown",
        "SettleUnknown._look",
        "own = [sid for sid in found if sid not in others]",
        "own: list[str] = []",
    )


def _deadline_rule() -> None:
    late = "self._draining or began - claimed > self._terms.lease - self._terms.margin"
    rewrite("parley_notifier.handlers.send_message", "SendMessage._send", late, "self._draining")
    body = "parley_notifier.adapters.twilio.http_client"
    rewrite(body, "TimelyBody._has_passed", "time.monotonic() > self._until", "False")


def _opt_out_in_the_claim() -> None:
    rewrite(DECISION, "Decision.conclude", "if self.known_opt_outs:", "if False:")


def _cancel_remembered() -> None:
    rewrite(DECISION, "Decision._cancel", "delivery.canceled = True", "wished = True")


def _gate() -> None:
    closed = "NOT g.closed AND NOT g.recovering AND g.server_start = pg_postmaster_start_time()"
    rewrite_statement("parley_notifier.adapters.postgres.store", "read_passage", closed, "true", "gate.sql")


BROKEN: Mapping[str, tuple[str, Callable[[], None]]] = {
    "dedupe": ("parley_session", _dedupe),
    "turn-fence": ("parley_session", _turn_fence),
    "delivery-fence": ("parley_notifier", _delivery_fence),
    "lane-order": ("parley_notifier", _lane_order),
    "one-in-flight": ("parley_notifier", _one_in_flight),
    "settle": ("parley_notifier", _settle),
    "list": ("parley_notifier", _list),
    "deadline-rule": ("parley_notifier", _deadline_rule),
    "opt-out-in-the-claim": ("parley_notifier", _opt_out_in_the_claim),
    "cancel-remembered": ("parley_notifier", _cancel_remembered),
    "gate": ("parley_notifier", _gate),
}
"""Each control: the service whose processes it breaks, and how."""


def break_guard(control: str, service: str) -> None:
    """Takes the guard out if it is one of this service's."""
    owner, take_out = BROKEN[control]
    if owner == service:
        take_out()
