"""Answers with what it was given, under the number of the call, and writes down each call before it answers."""

import json
import os
import random
import time
import uuid

HASTE = (0.0, 0.0, 0.0, 0.02, 0.05, 0.15)


def respond(conv, message):
    call = uuid.uuid4().hex[:12]
    texts = message.split()
    line = json.dumps({"kind": "call", "call": call, "turn": conv.turn_id, "texts": texts, "at": time.time()})
    journal = os.open(os.environ["CHAOS_CALLS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    os.write(journal, line.encode() + b"\n")
    os.close(journal)
    time.sleep(random.choice(HASTE))
    return {"utterance": f"{call}: {' '.join(texts)}"}
