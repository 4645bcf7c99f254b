"""What Schemathesis is to do otherwise than by itself: sign reports, and not wait for long polls."""

import base64
import hashlib
import hmac
import os

import schemathesis

# The source that the test adds, and the time that its authority believes it to be.
SECRET = bytes([7]) * 32
NOW = os.environ["MCPS_API_TIME"]


class Signed:
    """Signs a report as Standard Webhooks say, over the bytes that are sent."""

    def __call__(self, request):
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        name = "msg_" + hashlib.sha256(body).hexdigest()
        signed = hmac.new(SECRET, b".".join([name.encode(), NOW.encode(), body]), hashlib.sha256)
        request.headers["webhook-id"] = name
        request.headers["webhook-timestamp"] = NOW
        request.headers["webhook-signature"] = "v1," + base64.b64encode(signed.digest()).decode()
        return request


@schemathesis.hook
def before_call(context, case, kwargs):
    asked = case.operation.definition.raw.get("operationId")
    # One in two: the others are refused.
    if asked == "report" and len(str(case.body)) % 2 == 0:
        kwargs["auth"] = Signed()
    # Only what would wait: what is no number of seconds is sent as it is.
    if asked == "feed_frames" and str((case.query or {}).get("wait_s", 20)) in map(str, range(1, 26)):
        case.query = {**(case.query or {}), "wait_s": 0}
