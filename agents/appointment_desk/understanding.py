"""Reads what somebody texts: which service, which day, which time, and what they want. Knows no state."""

import re
from datetime import date, time, timedelta

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
SERVICES = {
    "beard trim": r"beard|shave",
    "blow-dry": r"blow.?(dry|out)",
    "colour": r"colou?r|highlights|dye",
    "haircut": r"hair.?cut|hair cut|\bcut\b|\btrim\b",
}
PERSON = "(person|human|stylist|receptionist|manager|owner)"
LEADING = "( (me|us|to|with|a|an|the|your|real|live|actual))"
INTENTS = {
    "person": rf"\b(talk|speak|chat|text){LEADING}* ({PERSON}|some(one|body))\b"
    rf"|\b(want|need|get|fetch|prefer){LEADING}* {PERSON}\b|^(a )?(real )?{PERSON}( please)?\W*$",
    "cancel": r"\b(cancel|call (it|that) off|can'?t (make|come))",
    "move": r"\b(move|re-?schedul\w*|change|push|shift|later|earlier|instead)\b|^(can|could) (we|you|i) (do|make)",
    "recall": r"\b(when|what time|which day)\b.*\b(my|am i|i'm)\b|\bdo i have\b|\bremind me\b|\bmy (visit|booking)",
    "prices": r"\b(how much|price|prices|cost|charge)",
    "hours": r"\b(open|opening|close|closing|closed|hours)\b",
    "place": r"\bwhere\b|\baddress\b|\bfind you\b|\bparking\b",
    "book": r"\b(book|appointment|schedule|reserve|visit|slot|i'?d like|i want|i need|can i (get|have|come))\b",
    "who": r"\b(robot|bot|human|real person|who (is|are))\b",
    "well": r"\bhow (are|r) (you|u)\b|\bhow's it going\b",
    "bye": r"\b(thanks|thank you|thx|cheers|bye|goodbye|that'?s (all|it)|no thank|see y(ou|a))\b|^(no|nope)$",
    "yes": r"^(yes|yeah|yep|sure|ok|okay|please|great|perfect)\b",
    "hello": r"^(hi|hey|hello|good (morning|afternoon|evening)|yo)\b",
}
CLOCK = re.compile(r"(?<![\d:$])(?P<hour>\d{1,2})(?:[:.](?P<minute>\d{2}))?\s*(?P<half>[ap])\.?m\b", re.IGNORECASE)
COLON = re.compile(r"(?<![\d:])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?![\d:])")
PAST = re.compile(r"\b(?P<part>half|quarter) past (?P<hour>\d{1,2})\b")
BARE = re.compile(
    r"\b(?:at|to|for|about|around|do|make it|it)\s+(?P<hour>\d{1,2})(?!\d|[:.]\d|\s*(?:st|nd|rd|th|min))\b"
)
ALONE = re.compile(r"(?P<hour>\d{1,2})(?: ?o'?clock)?")
DATE = re.compile(r"\b(?P<day>\d{1,2})(?:st|nd|rd|th)?(?: of)? (?P<month>[a-z]{3})[a-z]*\b")
MONTH_FIRST = re.compile(r"\b(?P<month>[a-z]{3})[a-z]* (?P<day>\d{1,2})(?:st|nd|rd|th)?\b(?!:)")


def intents(text: str) -> set[str]:
    return {name for name, pattern in INTENTS.items() if re.search(pattern, text)}


def service(text: str) -> str | None:
    return next((name for name, pattern in SERVICES.items() if re.search(pattern, text)), None)


def time_of_day(text: str) -> time | None:
    if "noon" in text or "midday" in text:
        return time(12)
    if found := CLOCK.search(text):
        hour = int(found["hour"]) % 12 + (12 if found["half"].lower() == "p" else 0)
        return _time(hour, int(found["minute"] or 0))
    if found := COLON.search(text):
        hour = int(found["hour"])
        return _time(hour if len(found["hour"]) == 2 and hour != 12 else _likely(hour), int(found["minute"]))
    if found := PAST.search(text):
        return _time(_likely(int(found["hour"])), 30 if found["part"] == "half" else 15)
    if found := BARE.search(text) or ALONE.fullmatch(text.strip(" .?!")):
        return _time(_likely(int(found["hour"])), 0)
    return None


def day(text: str, today: date) -> date | None:
    if "day after tomorrow" in text:
        return today + timedelta(days=2)
    if re.search(r"\b(tomorrow|tmrw|tmw)\b", text):
        return today + timedelta(days=1)
    if re.search(r"\b(today|tonight|this (morning|afternoon|evening))\b", text):
        return today
    for index, name in enumerate(DAYS):
        if re.search(rf"\b({name}|{name[:3]})s?\b", text):
            ahead = (index - today.weekday()) % 7 or 7
            return today + timedelta(days=ahead)
    return _date(DATE.search(text), today) or _date(MONTH_FIRST.search(text), today)


def _date(found: re.Match[str] | None, today: date) -> date | None:
    if not found or found["month"] not in MONTHS:
        return None
    month = MONTHS.index(found["month"]) + 1
    year = today.year + ((month, int(found["day"])) < (today.month, today.day))
    try:
        return date(year, month, int(found["day"]))
    except ValueError:
        return None


def _likely(hour: int) -> int:
    """The hour that somebody means who leaves out am and pm, of a salon."""
    return hour + 12 if 1 <= hour <= 7 else hour


def _time(hour: int, minute: int) -> time | None:
    return time(hour, minute) if hour < 24 and minute < 60 else None
