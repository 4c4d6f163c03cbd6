"""What stands between a person's shell and AWS: one sentence, and what to do about it.

For the commands and for `chalice deploy`, whose reader has no use for a traceback. Never in Lambda.
"""

from typing import Final

from botocore import exceptions as aws
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.domain.text import clean
from chalicelib.transport.errors import code_of

SIGN_IN: Final = "Sign in (`aws sso login`, AWS_PROFILE) until `aws sts get-caller-identity` works."
AGAIN: Final = "Try again in a minute; `python -m tools doctor` looks at everything."
DEPLOYED: Final = (
    "Is Break Glass deployed there, in this account and Region? `chalice deploy` does."
)

_NO_CREDENTIALS: Final = (
    aws.NoCredentialsError,
    aws.PartialCredentialsError,
    aws.CredentialRetrievalError,
    aws.ProfileNotFound,
    aws.NoAuthTokenError,
    aws.SSOError,
    aws.TokenRetrievalError,
    aws.InvalidConfigError,
)
_SILENT: Final = (aws.HTTPClientError, aws.ConnectionError)
_NOT_BELIEVED: Final = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})


def cause(error: BaseException | None) -> BotoCoreError | ClientError | None:
    """The SDK's own error behind this one, which may have been translated on its way."""
    seen: list[BaseException] = []
    while error is not None and error not in seen:
        if isinstance(error, (BotoCoreError, ClientError)):
            return error
        seen.append(error)
        error = error.__cause__ or error.__context__
    return None


def denied(error: BaseException | None) -> bool:
    """Whether AWS forbids these credentials the request: nothing is known then of what it is of."""
    return isinstance(error, ClientError) and _code(error) in _DENIED


def sentence(error: BotoCoreError | ClientError) -> str:
    """What is wrong, and what to do about it."""
    said, cure = _said(error)
    return f"{said}. {cure}" if cure else f"{said}."


def _said(error: BotoCoreError | ClientError) -> tuple[str, str]:
    text = clean(str(error).rstrip("."), 400)
    if isinstance(error, _NO_CREDENTIALS):
        return f"AWS cannot be asked: {text}", SIGN_IN
    if isinstance(error, aws.NoRegionError):
        return f"AWS cannot be asked: {text}", "Set AWS_DEFAULT_REGION to Identity Center's own."
    if isinstance(error, _SILENT):
        return f"AWS does not answer: {text}", "See to this machine's network. " + AGAIN
    if isinstance(error, BotoCoreError):
        return f"AWS cannot be asked: {text}", ""
    code, call = _code(error), error.operation_name
    if code in _NOT_BELIEVED:
        return f"AWS does not take these credentials: {call} was answered {code}", SIGN_IN
    if code in _DENIED:
        cure = "Use credentials that may, or have it allowed to these."
        return f"These credentials may not {call}: {text}", cure
    absent = code == "ResourceNotFoundException"
    return f"{call} was answered {code}: {_message(error)}", DEPLOYED if absent else AGAIN


def _code(error: ClientError) -> str:
    return code_of(error) or "nothing that makes sense"


def _message(error: ClientError) -> str:
    message = clean(str(error.response.get("Error", {}).get("Message", "")).rstrip("."), 400)
    return message or "no more than that"
