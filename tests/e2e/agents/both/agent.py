def start(conv):
    return {"utterance": "Welcome."}


def respond(conv, message):
    return {"utterance": f"You said {message}"}
