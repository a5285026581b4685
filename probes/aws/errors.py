"""What the AWS library raises, in our words. What a service says is kept short; what the library says is not kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from probes.base import Cause, ProbeError, SafeText

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

THROTTLES: Final = frozenset(
    {
        "BandwidthLimitExceeded", "EC2ThrottledException", "LimitExceededException", "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
        "RequestThrottledException", "SlowDown", "ThrottledException", "Throttling", "ThrottlingException",
        "TooManyRequestsException", "TransactionInProgressException", "429",
    }
)  # fmt: skip
"""Error codes that mean: too many calls."""
EXPIRED: Final = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired", "InvalidGrantException"}
)
"""Error codes that mean: the login has run out."""
_CLOCK: Final = frozenset({"RequestTimeTooSkewed", "RequestInTheFuture", "InvalidSignatureTime"})
_KEYS: Final = frozenset(
    {
        "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "AuthFailure",
        "SignatureDoesNotMatch", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
        "IncompleteSignature", "InvalidSignatureException", "NotSignedUp", "OptInRequired",
    }
)  # fmt: skip
_DENIED: Final = frozenset(
    {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError", "NotAuthorized", "403"}
)
_UNKNOWN: Final = frozenset(
    {
        "InvalidAction", "UnknownOperationException", "UnknownOperation", "NotImplemented", "UnsupportedOperation",
        "UnsupportedOperationException", "501", "AWS.SimpleQueueService.UnsupportedOperation", "UnknownAction",
    }
)  # fmt: skip
_SKEW: Final = re.compile(r"(?i)signature (?:not yet current|expired)|time.{0,20}skew")
_NEEDED: Final = re.compile(r"perform: ([a-z0-9-]+:[A-Za-z*]+)")
_SAID: Final = 160
"""Characters kept of what a service says."""


def code_of(error: ClientError) -> str:
    """The service's error code, without the prefix of older protocols."""
    return str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2]


def status_of(error: ClientError) -> int:
    """The HTTP status of an error answer; 0 when it is not told."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status if isinstance(status, int) else 0


def said_by(error: ClientError) -> SafeText:
    """What the service says, short."""
    return SafeText(str(error.response.get("Error", {}).get("Message", "")), _SAID)


def login_hint(profile: str | None) -> str:
    """How to log in again. We never open a browser or ask for a password ourselves."""
    return f"log in again: aws sso login --profile {profile}" if profile else "log in again, such as: aws sso login"


def from_client_error(error: ClientError, operation: str, where: str, profile: str | None) -> ProbeError:
    """Translate an error answer of a service. `operation` as IAM writes it: "sqs:GetQueueAttributes"."""
    code, status, said = code_of(error), status_of(error), said_by(error)
    if code in EXPIRED:
        return ProbeError(Cause.AUTH, "the login has expired", login_hint(profile))
    if code in _CLOCK or (code in _KEYS and _SKEW.search(str(said))):
        return ProbeError(Cause.CLOCK, "AWS refuses the time of this machine", "set its clock (chronyc makestep)")
    if code in THROTTLES:
        return ProbeError(Cause.THROTTLED, f"AWS asks for fewer calls to {operation}")
    if code in _KEYS:
        return ProbeError(Cause.AUTH, f"AWS does not accept the keys ({code})", login_hint(profile))
    if code in _DENIED or (status == 403 and not code):
        needed = _NEEDED.search(str(error.response.get("Error", {}).get("Message", "")))
        right = needed[1] if needed else operation
        return ProbeError(Cause.DENIED, f"the login may not {right}", f"it needs {right} in its IAM policy")
    if code in _UNKNOWN or (status == 501):
        return ProbeError(Cause.MISSING, f"{where} does not know {operation}")
    if status >= 500 and _not_implemented(error):
        return ProbeError(Cause.MISSING, f"{where} does not support {operation}")
    if status == 503:
        return ProbeError(Cause.OVERLOADED, f"{where} is overloaded ({code or status})")
    if status >= 500:
        return ProbeError(Cause.OVERLOADED, f"{where} failed to answer {operation} ({code or status})")
    if status and not 300 <= status < 500:
        return ProbeError(Cause.GARBAGE, f"{where} does not answer like AWS")
    if not said and code.isdigit():  # a place that resembles AWS and has no such service
        return ProbeError(Cause.MISSING, f"{where} does not support {operation} (HTTP {code})")
    if not said and not code:
        return ProbeError(Cause.GARBAGE, f"{where} does not answer like AWS")
    return ProbeError(Cause.GONE if _absent(code, status) else Cause.MISSING, SafeText(f"{code}: {said}", _SAID))


def from_library(error: BotoCoreError, operation: str, where: str, profile: str | None) -> ProbeError:
    """Translate what the library says of a call that got no answer."""
    from botocore import exceptions as known

    match error:
        case known.ConnectTimeoutError():
            return ProbeError(Cause.TIMEOUT_CONNECT, f"no answer from {where}")
        case known.ReadTimeoutError():
            return ProbeError(Cause.TIMEOUT_READ, f"{where} gives no answer to {operation}")
        case known.SSLError():
            return ProbeError(Cause.TLS_UNTRUSTED, f"the certificate of {where} is not trusted")
        case known.ProxyConnectionError():
            return ProbeError(Cause.REFUSED, "the proxy of this machine can't be reached", "see HTTPS_PROXY")
        case known.EndpointConnectionError():
            return _from_refusal(error, where)
        case known.ConnectionClosedError() | known.IncompleteReadError() | known.ResponseStreamingError():
            return ProbeError(Cause.CLOSED_EARLY, f"{where} closed the connection before its answer was whole")
        case known.NoRegionError() | known.InvalidRegionError():
            return ProbeError(Cause.MISSING, "no region is set", 'set region = "eu-west-1" or the like in the profile')
        case known.ProfileNotFound():
            return ProbeError(Cause.MISSING, f"~/.aws has no profile {profile}", "aws configure list-profiles")
        case known.NoCredentialsError() | known.PartialCredentialsError():
            return ProbeError(Cause.AUTH, "no AWS login was found on this machine", login_hint(profile))
        case known.RefreshWithMFAUnsupportedError():
            return ProbeError(Cause.AUTH, "the login needs a code and can't be renewed", login_hint(profile))
        case known.SSOError() | known.TokenRetrievalError() | known.CredentialRetrievalError() | known.LoginError():
            return ProbeError(Cause.AUTH, "the login has expired or can't be renewed", login_hint(profile))
        case known.MetadataRetrievalError():
            return ProbeError(Cause.AUTH, "this machine has no role to log in with", login_hint(profile))
        case known.ParamValidationError():
            return ProbeError(Cause.INTERNAL, f"{operation} was asked wrongly")
        case known.HTTPClientError():
            return _from_refusal(error, where)
        case _:
            name = type(error).__name__
            parsing = "Parse" in name
            words = f"{where} does not answer like AWS" if parsing else f"{operation} can't be asked ({name})"
            return ProbeError(Cause.GARBAGE if parsing else Cause.INTERNAL, words)


def _from_refusal(error: BotoCoreError, where: str) -> ProbeError:
    text = str(_inner(error)).lower()
    if "name or service not known" in text or "nodename nor servname" in text or "name resolution" in text:
        return ProbeError(Cause.DNS_NX, f"no such host: {where}", "is the region right?")
    if "reset by peer" in text or "broken pipe" in text or "aborted" in text or "remote end closed" in text:
        return ProbeError(Cause.RESET, f"{where} reset the connection")
    if "badstatusline" in text or "illegal" in text or "protocol" in text or "header" in text:
        return ProbeError(Cause.GARBAGE, f"{where} does not answer like AWS")
    if "timed out" in text:
        return ProbeError(Cause.TIMEOUT_CONNECT, f"no answer from {where}")
    return ProbeError(Cause.REFUSED, f"connection refused by {where}", "is there a way to it from this machine?")


def _inner(error: BotoCoreError) -> Any:
    kwargs = getattr(error, "kwargs", {})
    return kwargs.get("error", error) if isinstance(kwargs, dict) else error


def _not_implemented(error: ClientError) -> bool:
    text = str(error.response.get("Error", {})).lower()
    return "not yet implemented" in text or "notimplemented" in text or "has not been implemented" in text


def _absent(code: str, status: int) -> bool:
    return status == 404 or code.endswith(("NotFound", "NotFoundException", "NotFoundFault", "NonExistentQueue"))
