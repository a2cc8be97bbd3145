def start(conv):
    conv.state.started = True
    return {"utterance": "this greeting is dropped"}


def respond(conv, message):
    return {"utterance": f"started={conv.state.started} heard={message}"}
