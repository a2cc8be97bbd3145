"""With all guards: no state that can be reached breaks an invariant, and from each the end can be reached."""

import pytest

from tests.model.verdicts import STATES, walk


@pytest.mark.timeout(900)  # seconds of work, on machines that are busy with other things
@pytest.mark.parametrize("protocol", STATES)
def test_no_state_breaks_a_promise_or_leads_nowhere(protocol: str) -> None:
    found = walk(protocol)
    assert not found.broken, str(found)
    fewest, most = STATES[protocol]
    assert fewest <= found.states <= most, "not the protocol that this range was written for"
