"""Rosa, the front desk of Clip & Co: books, moves and cancels one visit in a conversation, and answers questions."""

from datetime import date, datetime, time

import diary
import understanding
from diary import Visit

HELP = "I can book, move or cancel a visit, or tell you our hours and prices."
LISTED = "Haircut, beard trim, blow-dry or colour?"


def now():
    """The salon's clock; tests put a fixed one here."""
    return datetime.now()


def start(conv):
    greeting = "Hi, Rosa at Clip & Co here!"
    if not diary.is_open(now()):
        opens = diary.next_opening(now())
        return f"{greeting} We're closed until {spoken_start(opens)}, but I can book your visit right now."
    return f"{greeting} I can book, move or cancel your visit."


def respond(conv, message):
    text = message.lower().replace("’", "'").strip()
    found = understanding.intents(text)
    if "person" in found:
        return fetch_person(conv)
    if "cancel" in found:
        return cancel(conv)
    if found & {"hours", "prices", "place", "recall"} and not names_a_visit(text, found):
        return answer(conv, text, found)
    if wants_visit(text, found) or ("yes" in found and not conv.state.visit):
        return arrange(conv, text, moving=bool(conv.state.visit))
    if "bye" in found:
        return say_goodbye(conv)
    return small_talk(conv, found)


def wants_visit(text, found):
    names_when = understanding.time_of_day(text) or understanding.day(text, now().date())
    return bool(found & {"book", "move"} or understanding.service(text) or names_when)


def names_a_visit(text, found):
    """Tells "are you open at 9am?", a question, from "book me at 9am if you're open", a visit."""
    return bool(found & {"book", "move"}) and understanding.time_of_day(text) is not None


# --- visits ------------------------------------------------------------------------------------------------------


def arrange(conv, text, moving):
    """Books, or moves what is booked, as soon as service, day and time are known; asks for what is missing."""
    state = conv.state
    visit = state.visit
    state.service = understanding.service(text) or state.service or (visit.service if visit else None)
    state.day = understanding.day(text, now().date()) or state.day
    state.time = understanding.time_of_day(text) or state.time
    if moving and not (state.day or state.time):
        return f"Sure. Your {visit.service} is {spoken_start(visit.start)}. When would suit you better?"
    if not state.service:
        return f"Happy to. What would you like? {LISTED}"
    when = wanted_start(visit if moving else None, state.day, state.time)
    if isinstance(when, str):
        return when
    return settle(conv, Visit(state.service, when), visit)


def wanted_start(visit, day, at):
    """The start that was asked for, or the question that is still open."""
    if visit:
        day, at = day or visit.start.date(), at or visit.start.time()
    if not day and not at:
        return "Which day and time would you like?"
    if not day:
        return f"{spoken_time(at).capitalize()}, and on which day?"
    if not at:
        opening, closing = diary.hours(day)
        return f"What time {spoken_day(day)}? We're open {spoken_time(opening)} to {spoken_time(closing)}."
    return datetime.combine(day, at)


def settle(conv, wanted, booked):
    problem = diary.obstacle(wanted.service, wanted.start, now())
    if problem:
        conv.state.time = None
        if problem in ("past", "far"):
            conv.state.day = None
        return refusal(problem, wanted)
    conv.state.visit = wanted
    conv.state.service = conv.state.day = conv.state.time = None
    if booked:
        return f"No problem, I've moved your {wanted.service} to {spoken_start(wanted.start, on='')}. See you then!"
    return f"Booked: your {wanted.service} is {spoken_start(wanted.start)}. Text me if you need to move it."


def refusal(problem, wanted):
    opening, closing = diary.hours(wanted.start.date())
    free = " or ".join(spoken_time(start.time()) for start in diary.nearest_free(wanted.service, wanted.start, now()))
    offer = f" I could do {free}." if free else " Which other day would suit you?"
    day = spoken_day(wanted.start.date())
    if problem == "past":
        return "That time has passed already. When else would you like to come?"
    if problem == "far":
        return "I can only book 60 days ahead. Is there an earlier day that works?"
    if problem == "closed":
        return f"We're open {spoken_time(opening)} to {spoken_time(closing)} {day}.{offer}"
    if problem == "late":
        return f"That's too close to closing at {spoken_time(closing)} for a {wanted.service}.{offer}"
    return f"Sorry, {spoken_time(wanted.start.time())} {day} is taken.{offer}"


def cancel(conv):
    visit = conv.state.visit
    conv.state.service = conv.state.day = conv.state.time = conv.state.visit = None
    if not visit:
        return "You have no visit booked with me, so there's nothing to cancel. Shall I book one?"
    return f"Done, your {visit.service} {spoken_start(visit.start)} is cancelled. Anything else?"


# --- people ------------------------------------------------------------------------------------------------------


def fetch_person(conv):
    """The session goes to the salon's staff, who answer in the same thread; out of hours it stays here."""
    if not diary.is_open(now()):
        opens = spoken_start(diary.next_opening(now()))
        return f"There's nobody at the salon until {opens}. I can book your visit, though."
    visit = conv.state.visit
    reason = f"asks for a person; {visit.service} {spoken_start(visit.start)}" if visit else "asks for a person"
    utterance = "Of course. Somebody from the salon will answer you here in a moment."
    return {"utterance": utterance, "handoff": {"destination": "salon", "reason": reason}}


# --- questions and small talk -------------------------------------------------------------------------------------


def answer(conv, text, found):
    visit = conv.state.visit
    if "recall" in found:
        if visit:
            return f"Your {visit.service} is {spoken_start(visit.start)}. See you then!"
        return "You have no visit booked with me yet. Shall I book one?"
    if "prices" in found:
        return f"{', '.join(f'{name} ${service.price}' for name, service in diary.SERVICES.items()).capitalize()}."
    if "place" in found:
        return "We're at 12 Mill Lane, next to the old cinema. There's parking behind the building."
    day = understanding.day(text, now().date())
    if day:
        opening, closing = diary.hours(day)
        return f"We're open {spoken_time(opening)} to {spoken_time(closing)} {spoken_day(day)}."
    state_now = "We're open now." if diary.is_open(now()) else "We're closed right now, but I can book for you."
    return f"We open Mon-Sat 9am to 6pm and Sun 11am to 5pm. {state_now}"


def small_talk(conv, found):
    if "who" in found:
        return "I'm Rosa, Clip & Co's automated desk. If you'd rather text with a person, just say so."
    if "well" in found:
        return "Very well, thank you! What can I do for your hair today?"
    if "yes" in found:
        return "Great. Is there anything else I can do?"
    if "hello" in found:
        # The greeting has just been sent with this text; a second hello would be odd.
        return "" if len(conv.history) == 1 else f"Hello again! {HELP}"
    return f"Sorry, I didn't get that. {HELP}"


def say_goodbye(conv):
    visit = conv.state.visit
    farewell = f"See you {spoken_start(visit.start)}!" if visit else "Have a lovely day!"
    return {"utterance": f"You're welcome. {farewell}", "hangup": True}


# --- how times are said --------------------------------------------------------------------------------------------


def spoken_time(at: time):
    hour = at.hour % 12 or 12
    minutes = f":{at.minute:02}" if at.minute else ""
    return f"{hour}{minutes}{'am' if at.hour < 12 else 'pm'}"


def spoken_day(day: date, on="on "):
    ahead = (day - now().date()).days
    if ahead in (0, 1):
        return ("today", "tomorrow")[ahead]
    return f"{on}{day:%a} {day.day} {day:%b}"


def spoken_start(start: datetime, on="on "):
    return f"{spoken_day(start.date(), on)} at {spoken_time(start.time())}"
