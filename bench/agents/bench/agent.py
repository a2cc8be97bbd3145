"""The cheapest agent that still does what agents do: keeps state, answers, and ends the session after ten texts."""


def respond(conv, message):
    conv.state.count = (conv.state.count or 0) + 1
    answer = {"utterance": f"You said {message!r}, text {conv.state.count} of this session."}
    if conv.state.count >= 10:
        answer["hangup"] = True
    return answer
