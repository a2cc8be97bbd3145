def respond(conv, message):
    return {"utterance": f"heard {message}"}


def end(conv):
    conv.state.ended = conv.end_reason
