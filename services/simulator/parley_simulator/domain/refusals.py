"""The errors with which the REST API refuses a request: code, HTTP status and Twilio's own words."""

from __future__ import annotations


class Refusal(Exception):
    """A request that was not accepted. `message` may name a phone number, so it is no part of the exception's text."""

    def __init__(self, code: int, message: str, status: int = 400) -> None:
        super().__init__(f"{status}/{code}")
        self.code = code
        self.message = message
        self.status = status

    def body(self) -> dict[str, object]:
        return {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }


def unauthorized() -> Refusal:
    return Refusal(20003, "Authenticate", 401)


def suspended() -> Refusal:
    return Refusal(20005, "Account not active", 403)


def not_found(path: str) -> Refusal:
    return Refusal(20404, f"The requested resource {path} was not found", 404)


def method_not_allowed() -> Refusal:
    return Refusal(20004, "Method not allowed", 405)


def too_many_requests() -> Refusal:
    return Refusal(20429, "Too Many Requests", 429)


def outage(status: int) -> Refusal:
    """A 5xx of Twilio's own."""
    return Refusal(20000 + status, "Service unavailable" if status == 503 else "Internal Server Error", status)
