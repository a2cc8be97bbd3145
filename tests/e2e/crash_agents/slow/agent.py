"""Takes its time for each answer, so that there is always a turn under way."""

import time


def respond(conv, message):
    time.sleep(0.3)
    conv.state.count = (conv.state.count or 0) + 1
    return {"utterance": f"{conv.state.count}: {message}"}
