"""What a request needs that no document can say."""

import hashlib
import hmac
import itertools
import json

import schemathesis

# The simulator's own. Only an application that is configured with it accepts it.
TOKEN = b"simulator-management-token"

# A user of the simulator's and both of their connections, which are not removed:
# the rest would have nothing left to ask for. The other user is.
KEPT = {
    "8ecce4c7-4527-4e25-b9f2-afd6fca3c9e8",
    "3c4ef9ef-5cee-4dbb-af14-4dcc35ae3f5d",
    "82bcdd38-1742-4475-8256-516896e4b07e",
}

requests = itertools.count(1)


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.method.upper() == "DELETE":
        keep(case)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.operation.label == "POST /webhooks":
        sign(case)
    elif "single_select_vin" in (case.query or {}):
        # It is the only vehicle that can be chosen.
        case.query["single_select"] = "true"
    elif "Idempotency-Key" in (case.headers or {}):
        renew(case)


def keep(case):
    for name in ("userId", "connectionId"):
        if (case.path_parameters or {}).get(name) in KEPT:
            case.path_parameters[name] = "unknown"


def sign(case):
    """Unsigned deliveries are refused before they are looked at."""
    body = json.dumps(case.body).encode()
    case.body = body
    case.headers["SC-Signature"] = hmac.new(TOKEN, body, hashlib.sha256).hexdigest()


def renew(case):
    """Requests differ, and under one key all but the first would be refused. Some are."""
    number = next(requests)
    if number % 4 != 0:
        case.headers["Idempotency-Key"] = f"conformance-{number}"
