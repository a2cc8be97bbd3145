"""The salon's facts: what it does, when it is open, which times are taken. Decides what fits; says nothing."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta


@dataclass(frozen=True)
class Service:
    minutes: int
    price: int


@dataclass(frozen=True)
class Visit:
    """A visit that is booked. Kept in the session's state."""

    service: str
    start: datetime


SERVICES = {
    "haircut": Service(45, 38),
    "beard trim": Service(20, 18),
    "blow-dry": Service(30, 30),
    "colour": Service(90, 85),
}
WEEKDAYS = (time(9), time(18))
SUNDAYS = (time(11), time(17))
BREAK = (time(12, 30), time(13, 15))
STEP = timedelta(minutes=15)
FURTHEST = timedelta(days=60)


def hours(day: date) -> tuple[time, time]:
    return SUNDAYS if day.weekday() == 6 else WEEKDAYS


def is_open(moment: datetime) -> bool:
    opening, closing = hours(moment.date())
    return opening <= moment.time() < closing


def next_opening(moment: datetime) -> datetime:
    """When the salon opens next, for somebody who asks while it is closed."""
    opening, _ = hours(moment.date())
    day = moment.date() if moment.time() < opening else moment.date() + timedelta(days=1)
    return datetime.combine(day, hours(day)[0])


def obstacle(service: str, start: datetime, now: datetime) -> str:
    """Why a visit cannot begin then: past, far, closed, late, taken; or nothing."""
    opening, closing = hours(start.date())
    end = start + timedelta(minutes=SERVICES[service].minutes)
    if start <= now:
        return "past"
    if start > now + FURTHEST:
        return "far"
    if not opening <= start.time() < closing:
        return "closed"
    if end > datetime.combine(start.date(), closing):
        return "late"
    overlaps_break = start.time() < BREAK[1] and end.time() > BREAK[0]
    return "taken" if overlaps_break else ""


def nearest_free(service: str, wanted: datetime, now: datetime) -> list[datetime]:
    """The times on that day closest to the wanted one, at most two, the earlier first."""
    opening, closing = (datetime.combine(wanted.date(), at) for at in hours(wanted.date()))
    every = [opening + STEP * index for index in range((closing - opening) // STEP)]
    free = [start for start in every if not obstacle(service, start, now)]
    return sorted(sorted(free, key=lambda start: abs(start - wanted))[:2])
