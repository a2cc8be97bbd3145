"""Stands still in each turn while the gate's file is there; says in another that it arrived."""

import os
import time
from pathlib import Path


def respond(conv, message):
    gate = Path(os.environ["GATE"])
    with gate.with_suffix(".arrived").open("a") as arrived:
        arrived.write(f"{conv.caller_number} {conv.turn_id}\n")
    while gate.exists():
        time.sleep(0.01)
    conv.state.count = (conv.state.count or 0) + 1
    return {"utterance": f"{conv.state.count}: {message}"}
