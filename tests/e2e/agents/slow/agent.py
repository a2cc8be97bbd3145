import time


def respond(conv, message):
    time.sleep(0.3)
    return {"utterance": "heard " + " | ".join(message.splitlines())}
