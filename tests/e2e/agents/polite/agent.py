def respond(conv, message):
    return {"utterance": f"heard {message}"}
